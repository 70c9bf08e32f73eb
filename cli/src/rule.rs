//! Rules on the command line: `--rule 'replace!(path == "/app.js", "app.js")'`.
//!
//! The macros' own parser reads them (`macros/src/`), and here its expansion is carried out instead of compiled: so there is one
//! language, and one set of messages.

use crate::verb;
use holdup::__private::{Field, Filter, Flag, Op, Side, Verbs, term, time};
use holdup::{AbortKind, Chunk, HostHeader, Message, Mitm, Profile, Request, Response, ServerEvent};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::time::Duration;
use syn::punctuated::Punctuated;
use syn::{Expr, ExprMethodCall, Lit, Token};

type Read<T> = Result<T, String>;

/// Declares a rule.
pub(crate) fn declare(mitm: &Mitm, text: &str) -> Read<()> {
    let said = syn::parse_str::<syn::Macro>(text)
        .map_err(|_| format!("{text:?} is no rule: write it as in a test, `delay!(url ~ \"x\", 300ms)`"))?;
    let name = said.path.get_ident().map(ToString::to_string).unwrap_or_default();
    let expanded = match &*name {
        "hold" => verb::hold(said.tokens),
        "delay" => verb::delay(said.tokens),
        "throttle" => verb::throttle(said.tokens),
        "abort" => verb::abort(said.tokens),
        "respond" => verb::respond(said.tokens),
        "replace" => verb::replace(said.tokens),
        "rewrite" => verb::rewrite(said.tokens),
        "redirect" => verb::redirect(said.tokens),
        "edit" | "watch" => return Err(format!("{name}! needs a test around it: press T in the console to write one")),
        _ => {
            return Err(format!(
                "{name:?} is no rule: there are hold!, delay!, throttle!, abort!, respond!, replace!, rewrite!, redirect!"
            ));
        }
    };
    let call = match syn::parse2::<Expr>(expanded).map_err(|error| error.to_string())? {
        Expr::MethodCall(call) => call,
        Expr::Macro(refused) => {
            return Err(literal(&syn::parse2(refused.mac.tokens).map_err(|error| error.to_string())?)?);
        }
        _ => return Err(format!("{name}! cannot be used here")),
    };
    refusable(|| act(mitm, &call))
}

/// Calls what refuses a misuse by a panic, since it expects a line of a test, and returns that as an error.
pub(crate) fn refusable(call: impl FnOnce() -> Read<()>) -> Read<()> {
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let done = catch_unwind(AssertUnwindSafe(call));
    set_hook(hook);
    done.unwrap_or_else(|panic| {
        Err(panic.downcast_ref::<String>().map_or("it cannot be declared", String::as_str).to_owned())
    })
}

/// Calls a method with the type of the stage.
macro_rules! at {
    ($stage:expr, [$($type:ident),*], $call:ident, $method:ident $arguments:tt) => {
        match $stage {
            $(stringify!($type) => drop($call.$method::<$type> $arguments),)*
            other => return Err(format!("it does not act at {other}")),
        }
    };
}

#[expect(clippy::too_many_lines, reason = "a table of the verbs")]
fn act(verbs: &Verbs, call: &ExprMethodCall) -> Read<()> {
    let stage = call.turbofish.as_ref().and_then(|types| match types.args.first() {
        Some(syn::GenericArgument::Type(syn::Type::Path(path))) => {
            path.path.segments.last().map(|it| it.ident.to_string())
        }
        _ => None,
    });
    let stage = stage.unwrap_or_default();
    let argument = |n: usize| call.args.iter().nth(n).ok_or("an argument is missing");
    let filter = filter(argument(0)?)?;
    match &*call.method.to_string() {
        "hold" => match &*stage {
            "Request" => drop(verbs.hold::<Request>(filter).optional()),
            "Response" => drop(verbs.hold::<Response>(filter).optional()),
            "Message" => drop(verbs.hold::<Message>(filter).optional()),
            "ServerEvent" => drop(verbs.hold::<ServerEvent>(filter).optional()),
            _ => drop(verbs.hold::<Chunk>(filter).optional()),
        },
        "delay" => match argument(1)? {
            Expr::Range(range) => {
                let end = |end: &Option<Box<Expr>>| end.as_deref().map_or(Ok(Duration::ZERO), duration);
                let by = end(&range.start)?..end(&range.end)?;
                at!(&*stage, [Request, Response, Message, ServerEvent, Chunk], verbs, delay(filter, by));
            }
            by => {
                let by = duration(by)?;
                at!(&*stage, [Request, Response, Message, ServerEvent, Chunk], verbs, delay(filter, by));
            }
        },
        "throttle" => {
            let pace = pace(argument(1)?)?;
            at!(&*stage, [Request, Response], verbs, throttle(filter, pace));
        }
        "abort" => {
            let kind = kind(argument(1)?)?;
            at!(&*stage, [Request, Response, Message, ServerEvent, Chunk], verbs, abort(filter, kind));
        }
        "respond" => {
            let answer = answer(argument(1)?)?;
            at!(&*stage, [Request, Response], verbs, respond(filter, answer));
        }
        "replace" => match argument(1)? {
            Expr::Call(folder) if name(&folder.func) == "dir" => {
                drop(verbs.replace(filter, holdup::dir(text(folder.args.first().ok_or("which folder?")?)?)));
            }
            file => drop(verbs.replace(filter, text(file)?.as_str())),
        },
        "rewrite" => {
            let (pattern, with) = (text(argument(1)?)?, text(argument(2)?)?);
            at!(&*stage, [Request, Response, Message, ServerEvent], verbs, rewrite(filter, &pattern, with));
        }
        "rewrite_url" => drop(verbs.rewrite_url(filter, &text(argument(1)?)?, &text(argument(2)?)?)),
        "rewrite_header" => {
            let (name, value) = (text(argument(1)?)?, text(argument(2)?)?);
            at!(&*stage, [Request, Response], verbs, rewrite_header(filter, &name, &value));
        }
        "remove_header" => {
            let name = text(argument(1)?)?;
            at!(&*stage, [Request, Response], verbs, remove_header(filter, &name));
        }
        "redirect" => {
            let host = if name(argument(2)?) == "Kept" { HostHeader::Kept } else { HostHeader::Follows };
            drop(verbs.redirect(filter, &text(argument(1)?)?, host));
        }
        other => return Err(format!("{other}! cannot be used here")),
    }
    Ok(())
}

/// Returns the last name of a path: `Matches` of `::holdup::__private::Op::Matches`.
fn name(expr: &Expr) -> String {
    match expr {
        Expr::Path(path) => path.path.segments.last().map(|it| it.ident.to_string()).unwrap_or_default(),
        Expr::Call(call) => name(&call.func),
        Expr::Paren(inner) => name(&inner.expr),
        Expr::Reference(inner) => name(&inner.expr),
        _ => String::new(),
    }
}

fn unsupported<T>(expr: &Expr) -> Read<T> {
    use quote::ToTokens;
    Err(format!("{} is code: here, only values that are written out can be used", expr.to_token_stream()))
}

fn literal(lit: &Lit) -> Read<String> {
    match lit {
        Lit::Str(text) => Ok(text.value()),
        Lit::Int(number) => Ok(number.base10_digits().to_owned()),
        Lit::Float(number) => Ok(number.base10_digits().to_owned()),
        Lit::Bool(is) => Ok(is.value.to_string()),
        _ => Err("this kind of value cannot be used here".to_owned()),
    }
}

/// Returns a value as text.
fn text(expr: &Expr) -> Read<String> {
    match expr {
        Expr::Lit(lit) => literal(&lit.lit),
        Expr::Reference(inner) => text(&inner.expr),
        Expr::Paren(inner) => text(&inner.expr),
        Expr::Group(inner) => text(&inner.expr),
        Expr::Unary(minus) if matches!(minus.op, syn::UnOp::Neg(_)) => Ok(format!("-{}", text(&minus.expr)?)),
        Expr::Call(call) if name(&call.func) == "from" => text(call.args.first().ok_or("a text is missing")?),
        Expr::Call(call) if name(&call.func) == "time" => {
            Ok(time(duration(call.args.first().ok_or("a time is missing")?)?))
        }
        other => unsupported(other),
    }
}

fn duration(expr: &Expr) -> Read<Duration> {
    match expr {
        Expr::Call(call) => {
            let number =
                text(call.args.first().ok_or("a time is missing")?)?.parse().map_err(|_| "a time is a number")?;
            Ok(if name(&call.func) == "from_secs" {
                Duration::from_secs(number)
            } else {
                Duration::from_millis(number)
            })
        }
        Expr::Paren(inner) => duration(&inner.expr),
        Expr::Reference(inner) => duration(&inner.expr),
        other => unsupported(other),
    }
}

fn filter(expr: &Expr) -> Read<Filter> {
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

fn pace(expr: &Expr) -> Read<Profile> {
    if let Expr::Lit(_) = expr {
        return Ok(text(expr)?.parse::<u64>().map_err(|_| "a rate is a number of bytes a second")?.into());
    }
    Profile::ALL
        .iter()
        .find(|profile| profile.to_string().ends_with(&name(expr)))
        .copied()
        .ok_or_else(|| "there is no such profile".to_owned())
}

fn kind(expr: &Expr) -> Read<AbortKind> {
    Ok(match &*name(expr) {
        "Reset" => AbortKind::Reset,
        "Close" => AbortKind::Close,
        "Stall" => AbortKind::Stall,
        "Malformed" => AbortKind::Malformed,
        "Goaway" => AbortKind::Goaway,
        "Discard" => AbortKind::Discard,
        "Truncate" => match expr {
            Expr::Call(call) => {
                let after = text(call.args.first().ok_or("after how many bytes?")?)?;
                AbortKind::Truncate(after.parse().map_err(|_| "after how many bytes?")?)
            }
            other => return unsupported(other),
        },
        _ => return unsupported(expr),
    })
}

fn answer(expr: &Expr) -> Read<holdup::http::Response<String>> {
    let mut response = holdup::http::Response::builder();
    let body = match expr {
        Expr::Tuple(tuple) => {
            let all: Vec<_> = tuple.elems.iter().collect();
            response = response.status(&*text(all.first().ok_or("a status is missing")?)?);
            if let [_, Expr::Array(headers), _] = all[..] {
                for header in &headers.elems {
                    let Expr::Tuple(pair) = header else { return unsupported(header) };
                    let pair = pair.elems.iter().map(text).collect::<Read<Vec<_>>>()?;
                    let [name, value] = &pair[..] else { return Err("a header is a name and a value".to_owned()) };
                    response = response.header(name, value);
                }
            }
            content(all.last().ok_or("a body is missing")?)?
        }
        Expr::Lit(syn::ExprLit { lit: Lit::Int(_), .. }) => {
            response = response.status(&*text(expr)?);
            String::new()
        }
        body => content(body)?,
    };
    response.body(body).map_err(|error| error.to_string())
}

/// Returns a body: a text, or `json!(..)`.
fn content(expr: &Expr) -> Read<String> {
    match expr {
        Expr::Macro(json) if json.mac.path.is_ident("json") => {
            let text = json.mac.tokens.to_string();
            let json: serde_json::Value =
                serde_json::from_str(&text).map_err(|error| format!("json!({text}): {error}"))?;
            Ok(json.to_string())
        }
        Expr::Call(file) if name(&file.func) == "file" => {
            let path = text(file.args.first().ok_or("which file?")?)?;
            std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
        }
        other => text(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refused(rule: &str) -> String {
        let mitm = Mitm::start().await.expect("a proxy");
        let refused = declare(&mitm, rule).err().unwrap_or_default();
        drop(mitm.stop().await);
        refused
    }

    async fn asked(rules: &[&str], url: &str) -> (u16, String) {
        let mitm = Mitm::start().await.expect("a proxy");
        for rule in rules {
            assert_eq!(declare(&mitm, rule), Ok(()), "{rule}");
        }
        let response = mitm.client().expect("a client").get(url).send().await.expect("a response");
        let said = (response.status().as_u16(), response.text().await.unwrap_or_default());
        drop(mitm.stop().await);
        said
    }

    #[tokio::test]
    async fn rules_mean_what_they_mean_in_a_test() {
        let page = "respond!(host == \"a.test\" && !(path ~ \"^/x\"), (201, [(\"content-type\", \"text/html\")], \"the cat\"))";
        let teh = "rewrite!(content_type ~ \"html\", \"the\" => \"teh\")";
        assert_eq!(asked(&[page, teh], "http://a.test/").await, (201, "teh cat".to_owned()));
        let file = std::env::temp_dir().join(format!("holdup-rule-{}.txt", std::process::id()));
        std::fs::write(&file, "local").expect("a file");
        let local = format!("replace!(path == \"/app.js\", {:?})", file.display().to_string());
        assert_eq!(asked(&[page, &local], "http://a.test/app.js").await.1, "local");
        std::fs::remove_file(file).expect("the file");
        let json = "respond!(query(\"q\") == \"1\" || path == \"/none\", json!({\"a\": [1, null]}))";
        assert_eq!(asked(&[json], "http://a.test/?q=1").await, (200, "{\"a\":[1,null]}".to_owned()));
        for rule in [
            "hold!(response: method == POST && elapsed > 300ms)",
            "delay!(message: direction == \"to_client\", 10ms..20ms)",
            "throttle!(asset, Profile::SLOW_3G)",
            "throttle!(asset, 50_000)",
            "abort!(event: data contains \"x\", discard)",
            "abort!(url ~ \"x\", truncate(10))",
            "rewrite!(request: websocket, header(\"x\") => none)",
            "rewrite!(\"~u x & ~m GET\", url(\"^/a\") => \"/b\")",
            "redirect!(host == \"a\", \"https://b.test\", keep_host)",
            "respond!(path == \"/x\", 503)",
        ] {
            assert_eq!(refused(rule).await, "", "{rule}");
        }
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_in_the_words_of_the_macros() {
        for (rule, why) in [
            ("hold!(pth == \"/x\")", "did you mean `path`?"),
            ("hold!(path == \"/x\"", "is no rule"),
            ("abort!(path == \"/x\", rest)", "did you mean `reset`?"),
            ("delay!(path == \"/x\", 300)", "a time needs its unit"),
            ("edit!(path == \"/x\", |x| x)", "needs a test around it"),
            ("replace!(path == \"/x\", \"/none/at/all\")", "cannot read"),
            ("rewrite!(url ~ \"x\", \"(\" => \"y\")", "regex"),
            ("respond!(path == {x}, 200)", "is code"),
            ("hold!(status == 200)", "put `response:`"),
        ] {
            let said = refused(rule).await;
            assert!(said.contains(why), "{rule}: {said}");
        }
    }
}
