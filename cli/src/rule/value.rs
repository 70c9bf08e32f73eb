//! Values that are written out: names, texts, times. Pure.

use super::Read;
use holdup::__private::time;
use std::time::Duration;
use syn::{Expr, Lit};

/// Returns the last name of a path: `Matches` of `::holdup::__private::Op::Matches`.
pub(super) fn name(expr: &Expr) -> String {
    match expr {
        Expr::Path(path) => path.path.segments.last().map(|it| it.ident.to_string()).unwrap_or_default(),
        Expr::Call(call) => name(&call.func),
        Expr::Paren(inner) => name(&inner.expr),
        Expr::Reference(inner) => name(&inner.expr),
        _ => String::new(),
    }
}

pub(super) fn unsupported<T>(expr: &Expr) -> Read<T> {
    use quote::ToTokens;
    Err(format!("{} is code: here, only values that are written out can be used", expr.to_token_stream()))
}

pub(super) fn literal(lit: &Lit) -> Read<String> {
    match lit {
        Lit::Str(text) => Ok(text.value()),
        Lit::Int(number) => Ok(number.base10_digits().to_owned()),
        Lit::Float(number) => Ok(number.base10_digits().to_owned()),
        Lit::Bool(is) => Ok(is.value.to_string()),
        _ => Err("this kind of value cannot be used here".to_owned()),
    }
}

/// Returns a value as text.
pub(super) fn text(expr: &Expr) -> Read<String> {
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

pub(super) fn duration(expr: &Expr) -> Read<Duration> {
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
