//! Reports mistakes that are known before the test runs, each with what to write instead.

use crate::ast::{Filter, Op, Stage, Term, Value};
use crate::fields::{self, DIRECTIONS, Field, Kind, Known, OPCODES, RESOURCES};
use proc_macro2::Span;
use syn::{Error, LitStr, Result};

/// Checks every flag and term of a filter at a stage; `None` for a filter whose stage is not known yet.
pub(crate) fn filter(filter: &Filter, stage: Option<Stage>) -> Result<()> {
    filter.each_flag(&mut |name, span| flag(name, span, stage))?;
    filter.each_term(&mut |term| {
        let field = field(term)?;
        key(term, field)?;
        side(term, field, stage)?;
        value(term, field)
    })
}

fn flag(name: &str, span: Span, stage: Option<Stage>) -> Result<()> {
    match (fields::find_flag(name).map(|flag| flag.known), stage) {
        (Some(Known::AtResponse), Some(Stage::Request)) => Err(Error::new(span, too_early(name))),
        (Some(Known::OfRecordings), Some(_)) => Err(Error::new(
            span,
            format!("`{name}` is known of recorded flows only: a rule sees a flow before its end"),
        )),
        _ => Ok(()),
    }
}

fn field(term: &Term) -> Result<&'static Field> {
    let unknown =
        || Error::new(term.field_span, format!("unknown field `{}`{}", term.field, fields::advice(&term.field)));
    fields::find(&term.field).ok_or_else(unknown)
}

fn key(term: &Term, field: &Field) -> Result<()> {
    match (&term.key, field.keyed) {
        (None, true) => {
            Err(Error::new(term.field_span, format!("`{0}` needs a name: `{0}(\"name\") == \"..\"`", field.name)))
        }
        (Some(key), false) => Err(Error::new(key.span(), format!("`{}` takes no name", field.name))),
        (Some(key), true) if key.value().is_empty() && field.name != "json" => {
            Err(Error::new(key.span(), "this name is empty"))
        }
        (Some(key), true) if field.name == "json" && !key.value().is_empty() && !key.value().starts_with('/') => {
            let message = format!(
                "`json` takes a JSON pointer (RFC 6901), which begins with `/`: write `json(\"/{}\")`",
                key.value()
            );
            Err(Error::new(key.span(), message))
        }
        (Some(key), true) if field.name == "header" && !key.value().bytes().all(is_token) => {
            Err(Error::new(key.span(), format!("{:?} cannot be the name of a header", key.value())))
        }
        _ => Ok(()),
    }
}

/// A character of a header's name (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn side(term: &Term, field: &Field, stage: Option<Stage>) -> Result<()> {
    if let Some((side, span)) = term.side {
        if !field.sided {
            let message =
                format!("`{}` is not a field of one side: write it without `request.` or `response.`", field.name);
            return Err(Error::new(span, message));
        }
        if side == Stage::Response && stage == Some(Stage::Request) {
            return Err(Error::new(span, too_early("response.")));
        }
    }
    if let (Some(of), Some(stage)) = (field.of_part, stage)
        && of != stage
    {
        let message = format!("only a {0} has `{1}`: write `{0}:` before the filter", of.word(), field.name);
        return Err(Error::new(term.field_span, message));
    }
    let is_of_whole = matches!(field.name, "body" | "json" | "size");
    if let (Some((Stage::Response, span)), Some(stage)) = (term.side, stage)
        && is_of_whole
        && stage.is_part()
    {
        let message =
            format!("the whole response is not there at `{}:`; `{}` alone means the part", stage.word(), field.name);
        return Err(Error::new(span, message));
    }
    if field.of_response && stage == Some(Stage::Request) {
        return Err(Error::new(term.field_span, too_early(field.name)));
    }
    Ok(())
}

fn too_early(what: &str) -> String {
    format!("`{what}` is not known at the request: put `response:` before the filter")
}

fn value(term: &Term, field: &Field) -> Result<()> {
    let compares_size = matches!(term.op, Op::Less | Op::AtMost | Op::Greater | Op::AtLeast);
    if compares_size && field.kind == Kind::Text {
        let message = format!("`{}` is text and has no size; use ~ !~ == != or contains", field.name);
        return Err(Error::new(term.op_span, message));
    }
    impossible(term, field)?;
    match (&term.value, field.kind, term.op) {
        // JSON has numbers: they are compared as they are written.
        (Value::Number(..), _, Op::Equals | Op::Differs) if field.name == "json" => Ok(()),
        (Value::Range(_, span), _, op) if op != Op::In => {
            Err(Error::new(*span, "a range goes with `in`: `status in 200..300`"))
        }
        (Value::Range(range, span), Kind::Number, _) if range.ends_with('s') => {
            Err(Error::new(*span, format!("`{}` is a number, without a unit", field.name)))
        }
        (Value::Range(range, span), Kind::Number, _) if is_empty(range) => {
            Err(Error::new(*span, format!("the range {range} is empty")))
        }
        (Value::Range(_, span), Kind::Text, _) => Err(Error::new(*span, format!("`{}` is not a number", field.name))),
        (Value::Text(_) | Value::Number(..), _, Op::In) => {
            Err(Error::new(term.op_span, "`in` needs a range: `status in 200..300`"))
        }
        (Value::Text(text), _, Op::Matches | Op::MatchesNot) => regex(text, field),
        (Value::Text(text), _, Op::Equals | Op::Differs) if field.name == "resource" => resource(text),
        (Value::Text(text), _, Op::Equals | Op::Differs) if field.name == "direction" => one_of(text, &DIRECTIONS),
        (Value::Text(text), _, Op::Equals | Op::Differs) if field.name == "opcode" => one_of(text, &OPCODES),
        (Value::Range(range, span), Kind::Time, _) if range.split("..").any(|end| !end.ends_with('s')) => {
            Err(Error::new(*span, "a time needs its unit: `200ms..2s`"))
        }
        (Value::Time(_, span), Kind::Text | Kind::Number, _) => {
            Err(Error::new(*span, format!("`{}` is not a time; `elapsed` is", field.name)))
        }
        (Value::Time(_, span), _, Op::Matches | Op::MatchesNot | Op::Contains | Op::In) => {
            Err(Error::new(*span, "a time is compared by `<` and `>`, or `in` a range of them"))
        }
        (Value::Text(text), Kind::Time, _) => {
            Err(Error::new(text.span(), format!("`{}` is a time: write it as `300ms`, without quotes", field.name)))
        }
        (Value::Number(_, span), Kind::Time, _) => Err(Error::new(*span, "a time needs its unit: `300ms` or `2s`")),
        (Value::Text(text), Kind::Number, op) if op != Op::Contains => {
            Err(Error::new(text.span(), format!("`{}` is a number: write it without quotes", field.name)))
        }
        (Value::Number(_, span), _, Op::Matches | Op::MatchesNot | Op::Contains) => {
            Err(Error::new(*span, "this operator needs a string"))
        }
        (Value::Number(_, span), Kind::Text, _) => {
            Err(Error::new(*span, format!("`{}` is text: put quotes around this", field.name)))
        }
        _ => Ok(()),
    }
}

fn is_empty(range: &str) -> bool {
    let number = |text: &str| text.parse::<i64>().unwrap_or_default();
    match range.split_once("..=") {
        Some((from, to)) => number(from) > number(to),
        None => range.split_once("..").is_some_and(|(from, to)| number(from) >= number(to)),
    }
}

/// Rejects a value that no flow has.
fn impossible(term: &Term, field: &Field) -> Result<()> {
    match (&term.value, term.op) {
        (Value::Text(text), Op::Equals | Op::Differs) => match never(field.name, &text.value()) {
            Some(why) => Err(Error::new(text.span(), why)),
            None => Ok(()),
        },
        (Value::Expr(syn::Expr::Path(path)), _) if field.name == "method" => method(path),
        (Value::Number(number, span), _) if field.name == "port" && !(1..=65_535).contains(number) => {
            Err(Error::new(*span, "a port is 1 to 65535"))
        }
        _ => Ok(()),
    }
}

/// Rejects a name that is nearly a method; others may be constants of the test.
fn method(path: &syn::ExprPath) -> Result<()> {
    let Some(name) = path.path.get_ident().map(ToString::to_string) else { return Ok(()) };
    match fields::nearest(&name, fields::METHODS.into_iter()) {
        Some(nearest) if nearest != name && name.len() > 2 => Err(Error::new_spanned(
            path,
            format!("did you mean `{nearest}`? A constant goes into braces: `{{{name}}}`"),
        )),
        _ => Ok(()),
    }
}

/// Returns why no flow has this value, and what to write. `src/filter/impossible.rs` says the same of values that are only
/// known when the test runs.
fn never(field: &str, wanted: &str) -> Option<String> {
    match field {
        "path" if wanted.contains('?') => {
            let (path, query) = wanted.split_once('?')?;
            let (key, value) = query.split('&').next()?.split_once('=').unwrap_or((query, ""));
            Some(format!("a path has no query: write `path == {path:?} && query({key:?}) == {value:?}`"))
        }
        "path" if !wanted.starts_with('/') && wanted != "*" => {
            Some(format!("a path begins with `/`: write `path == \"/{wanted}\"`"))
        }
        "url" if !wanted.contains("://") => Some(format!(
            "a URL is absolute, as in \"https://shop.test/a\": write `path == ..` or `url contains {wanted:?}`"
        )),
        "url" if wanted.contains('#') => Some("a browser does not send the fragment of a URL".to_owned()),
        "host" if wanted.contains('/') => {
            Some("a host is a name without scheme and path, as in \"shop.test\"".to_owned())
        }
        "host" if wanted.matches(':').count() == 1 => {
            let (host, port) = wanted.split_once(':')?;
            Some(format!("a host has no port: write `host == {host:?} && port == {port}`"))
        }
        "method" if wanted.chars().any(char::is_lowercase) => {
            Some(format!("methods are upper case: write `method == {}`", wanted.to_uppercase()))
        }
        "scheme" if !matches!(wanted, "http" | "https") => Some("a scheme is \"http\" or \"https\"".to_owned()),
        _ => None,
    }
}

/// Checks that a value is one of a few.
fn one_of(literal: &LitStr, values: &[&str]) -> Result<()> {
    if values.contains(&literal.value().as_str()) {
        return Ok(());
    }
    Err(Error::new(literal.span(), format!("expected {:?} or {:?}", values[0], values[1])))
}

/// Rejects a value that no browser sends.
fn resource(literal: &LitStr) -> Result<()> {
    let said = literal.value();
    if RESOURCES.contains(&said.as_str()) {
        return Ok(());
    }
    let advice = match fields::nearest(&said, RESOURCES.into_iter()) {
        Some(nearest) => format!("did you mean {nearest:?}?"),
        None => format!("there are {}", RESOURCES.join(", ")),
    };
    Err(Error::new(literal.span(), format!("{said:?} is not a resource type; {advice}")))
}

/// Rejects a regex that does not parse, or that clearly means something else.
pub(crate) fn regex(literal: &LitStr, field: &Field) -> Result<()> {
    let pattern = literal.value();
    pattern_parses(literal)?;
    if field.name == "url"
        && let Some(at) = bare_question_mark(&pattern)
    {
        let message = format!(
            "in a regex, the `?` at column {} makes the character before it optional: write `\\\\?` for a question mark, or \
             `url contains ..`, or `query(\"..\") == \"..\"`; `(?:x)?` if it is meant to be optional",
            pattern[..at].chars().count() + 1
        );
        return Err(Error::new(literal.span(), message));
    }
    Ok(())
}

/// Checks that the pattern of `~` or `rewrite!` parses.
pub(crate) fn pattern_parses(literal: &LitStr) -> Result<()> {
    let pattern = literal.value();
    let Err(error) = regex_syntax::Parser::new().parse(&pattern) else { return Ok(()) };
    let (column, what) = match &error {
        regex_syntax::Error::Parse(error) => (error.span().start.column, error.kind().to_string()),
        regex_syntax::Error::Translate(error) => (error.span().start.column, error.kind().to_string()),
        other => (1, other.to_string()),
    };
    Err(Error::new(literal.span(), format!("bad regex at column {column}: {what}")))
}

/// Returns the position of a `?` right after a word character, outside of classes: nearly always the start of a query.
fn bare_question_mark(pattern: &str) -> Option<usize> {
    let (mut in_class, mut escaped, mut after_word) = (false, false, false);
    for (at, c) in pattern.char_indices() {
        if escaped {
            (escaped, after_word) = (false, false);
            continue;
        }
        match c {
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '?' if after_word && !in_class => return Some(at),
            _ => {}
        }
        after_word = c.is_alphanumeric() || c == '_';
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_told_from_an_optional_character() {
        for pattern in ["/search?q=a", "a/b?"] {
            assert!(bare_question_mark(pattern).is_some(), "{pattern}");
        }
        for pattern in [r"/search\?q=a", "(?:s)?/x", "(?i)x", "[a?]", "a+?", ".*?"] {
            assert_eq!(bare_question_mark(pattern), None, "{pattern}");
        }
    }
}
