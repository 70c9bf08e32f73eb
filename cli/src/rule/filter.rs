//! Filters, from what the macros expand them to. Pure.

use super::Read;
use super::value::{name, text, unsupported};
use holdup::__private::{Field, Filter, Flag, Op, Side, term};
use syn::punctuated::Punctuated;
use syn::{Expr, Token};

/// Returns a filter.
pub(super) fn filter(expr: &Expr) -> Read<Filter> {
    let Expr::Call(call) = expr else { return unsupported(expr) };
    let first = || call.args.first().ok_or("a filter is empty");
    let all = || match first()? {
        Expr::Macro(list) => {
            let list = list.mac.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated);
            list.map_err(|error| error.to_string())?.iter().map(filter).collect::<Read<Vec<_>>>()
        }
        other => unsupported(other),
    };
    Ok(match &*name(&call.func) {
        "All" => Filter::All(all()?),
        "Any" => Filter::Any(all()?),
        "Not" => match first()? {
            Expr::Call(boxed) => Filter::Not(Box::new(filter(boxed.args.first().ok_or("a filter is empty")?)?)),
            other => return unsupported(other),
        },
        "Flag" => Filter::Flag(flag(&name(first()?))?),
        "read_filter" => text(first()?)?.parse().map_err(|error| format!("{error}"))?,
        "term" => {
            let arguments: Vec<_> = call.args.iter().collect();
            let [of, op, value] = arguments[..] else { return unsupported(expr) };
            term(field(of)?, self::op(&name(op))?, &text(value)?)
        }
        _ => return unsupported(expr),
    })
}

fn flag(name: &str) -> Read<Flag> {
    Ok(match name {
        "Asset" => Flag::Asset,
        "Websocket" => Flag::Websocket,
        "Navigation" => Flag::Navigation,
        "Answered" => Flag::Answered,
        "Unanswered" => Flag::Unanswered,
        other => return Err(format!("`{other}` is known of recorded flows only")),
    })
}

fn op(name: &str) -> Read<Op> {
    Ok(match name {
        "Matches" => Op::Matches,
        "MatchesNot" => Op::MatchesNot,
        "Equals" => Op::Equals,
        "Differs" => Op::Differs,
        "Contains" => Op::Contains,
        "Less" => Op::Less,
        "AtMost" => Op::AtMost,
        "Greater" => Op::Greater,
        "AtLeast" => Op::AtLeast,
        "In" => Op::In,
        other => return Err(format!("there is no {other}")),
    })
}

fn field(expr: &Expr) -> Read<Field> {
    let arguments: Vec<_> = match expr {
        Expr::Call(call) => call.args.iter().collect(),
        _ => vec![],
    };
    let side = match arguments.first().map(|first| name(first)).as_deref() {
        Some("Request") => Side::Request,
        Some("Response") => Side::Response,
        _ => Side::Either,
    };
    let key = || text(arguments.last().ok_or("a name is missing")?);
    Ok(match &*name(expr) {
        "Url" => Field::Url,
        "Scheme" => Field::Scheme,
        "Host" => Field::Host,
        "Port" => Field::Port,
        "Path" => Field::Path,
        "Query" => Field::Query(key()?),
        "Method" => Field::Method,
        "Header" => Field::Header(side, key()?),
        "Cookie" => Field::Cookie(key()?),
        "Body" => Field::Body(side),
        "ContentType" => Field::ContentType(side),
        "Status" => Field::Status,
        "Size" => Field::Size(side),
        "Json" => Field::Json(side, key()?),
        "Form" => Field::Form(key()?),
        "Operation" => Field::Operation,
        "Headers" => Field::Headers(side),
        "Client" => Field::Client,
        "Server" => Field::Server,
        "Resource" => Field::Resource,
        "Elapsed" => Field::Elapsed,
        "Occurrence" => Field::Occurrence,
        "Message" => Field::Message,
        "Direction" => Field::Direction,
        "Opcode" => Field::Opcode,
        "Event" => Field::Event,
        "Data" => Field::Data,
        "Id" => Field::Id,
        "Chunk" => Field::Chunk,
        "Offset" => Field::Offset,
        other => return Err(format!("`{other}` is known of recorded flows only")),
    })
}
