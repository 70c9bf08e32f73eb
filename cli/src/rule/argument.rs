//! The arguments of the verbs: a pace, a way to abort, an answer.

use super::Read;
use super::value::{name, text, unsupported};
use holdup::{AbortKind, Profile};
use syn::{Expr, Lit};

/// Returns a pace.
pub(super) fn pace(expr: &Expr) -> Read<Profile> {
    if let Expr::Lit(_) = expr {
        return Ok(text(expr)?.parse::<u64>().map_err(|_| "a rate is a number of bytes a second")?.into());
    }
    Profile::ALL
        .iter()
        .find(|profile| profile.to_string().ends_with(&name(expr)))
        .copied()
        .ok_or_else(|| "there is no such profile".to_owned())
}

/// Returns a way to abort.
pub(super) fn kind(expr: &Expr) -> Read<AbortKind> {
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

/// Returns the answer of `respond!`.
pub(super) fn answer(expr: &Expr) -> Read<holdup::http::Response<String>> {
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
