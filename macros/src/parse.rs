//! Parses tokens into the syntax tree, by the grammar of `holdup::filter`.

use crate::ast::{Filter, Op, Stage, Staged, Term, Value};
use crate::fields;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, Ident, Lit, LitStr, Result, Token, braced, parenthesized, token};

impl Parse for Staged {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let stage = (input.peek(Ident) && input.peek2(Token![:]) && !input.peek2(Token![::])).then(|| stage(input));
        Ok(Self { stage: stage.transpose()?, filter: input.parse()? })
    }
}

fn stage(input: ParseStream<'_>) -> Result<(Stage, proc_macro2::Span)> {
    let name: Ident = input.parse()?;
    input.parse::<Token![:]>()?;
    let Some(stage) = Stage::ALL.into_iter().find(|stage| name == stage.word()) else {
        let message = format!(
            "`{name}` is not a stage; use `request:` or `response:`, or for streams `message:` (WebSocket), `event:` \
             (server-sent) or `chunk:`"
        );
        return Err(Error::new(name.span(), message));
    };
    Ok((stage, name.span()))
}

/// The deepest nesting of parentheses and `!`, as in filters that are parsed when a test runs.
const DEEPEST: usize = 200;

impl Parse for Filter {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        disjunction(input, 0)
    }
}

fn disjunction(input: ParseStream<'_>, depth: usize) -> Result<Filter> {
    let mut any = vec![conjunction(input, depth)?];
    while input.peek(Token![||]) {
        input.parse::<Token![||]>()?;
        any.push(conjunction(input, depth)?);
    }
    Ok(alone_or(any, Filter::Any))
}

fn conjunction(input: ParseStream<'_>, depth: usize) -> Result<Filter> {
    let mut all = vec![unary(input, depth)?];
    while input.peek(Token![&&]) {
        input.parse::<Token![&&]>()?;
        all.push(unary(input, depth)?);
    }
    Ok(alone_or(all, Filter::All))
}

fn alone_or(mut filters: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    if filters.len() == 1 { filters.remove(0) } else { join(filters) }
}

fn unary(input: ParseStream<'_>, depth: usize) -> Result<Filter> {
    if depth == DEEPEST {
        return Err(input.error(format!("more than {DEEPEST} nested parentheses and `!`")));
    }
    if input.peek(Token![!]) {
        input.parse::<Token![!]>()?;
        return Ok(Filter::Not(Box::new(unary(input, depth + 1)?)));
    }
    if input.peek(token::Paren) {
        let inner;
        parenthesized!(inner in input);
        let filter = disjunction(&inner, depth + 1)?;
        return if inner.is_empty() { Ok(filter) } else { Err(joined(&inner, "expected `&&`, `||` or `)`")) };
    }
    if input.peek(LitStr) {
        return Ok(Filter::Text(input.parse()?));
    }
    if let Some(name) = flag(input) {
        input.parse::<Ident>()?;
        return Ok(Filter::Flag(name.to_string(), name.span()));
    }
    if let Some(list) = list(input)? {
        return Ok(list);
    }
    Ok(Filter::Term(Box::new(input.parse()?)))
}

/// Parses `FIELD in [A, B]`, which is `FIELD == A || FIELD == B`; `None` if the next term is another.
fn list(input: ParseStream<'_>) -> Result<Option<Filter>> {
    let fork = input.fork();
    let is_list = fork.parse::<Left>().is_ok_and(|left| left.op == Op::In) && fork.peek(token::Bracket);
    if !is_list {
        return Ok(None);
    }
    let left: Left = input.parse()?;
    let inner;
    let bracket = syn::bracketed!(inner in input);
    let mut any = Vec::new();
    while !inner.is_empty() {
        let value = inner.parse()?;
        any.push(Filter::Term(Box::new(Term { value, op: Op::Equals, ..left.clone().term() })));
        if !inner.is_empty() {
            inner.parse::<Token![,]>()?;
        }
    }
    match any.len() {
        0 => Err(Error::new(bracket.span.join(), "nothing is in an empty list")),
        _ => Ok(Some(alone_or(any, Filter::Any))),
    }
}

/// Returns the next token if it is a flag, without consuming it.
fn flag(input: ParseStream<'_>) -> Option<Ident> {
    let name: Ident = input.fork().parse().ok()?;
    fields::find_flag(&name.to_string()).map(|_| name)
}

/// A term up to its operator.
#[derive(Clone)]
struct Left {
    side: Option<(Stage, proc_macro2::Span)>,
    field: Ident,
    key: Option<LitStr>,
    op: Op,
    op_span: proc_macro2::Span,
}

impl Left {
    /// Returns the term with an empty value.
    fn term(self) -> Term {
        let Self { side, field, key, op, op_span } = self;
        let value = Value::Text(LitStr::new("", op_span));
        Term { side, field: field.to_string(), field_span: field.span(), key, op, op_span, value }
    }
}

impl Parse for Term {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let left: Left = input.parse()?;
        Ok(Self { value: input.parse()?, ..left.term() })
    }
}

impl Parse for Left {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut name: Ident = input.parse().map_err(|error| {
            Error::new(error.span(), "expected a field, as in `url ~ \"/ajax\" && method == \"POST\"`")
        })?;
        let mut side = None;
        if input.peek(Token![.]) {
            input.parse::<Token![.]>()?;
            side = Some((side_of(&name)?, name.span()));
            name = input.parse()?;
        }
        let key = if input.peek(token::Paren) {
            let inner;
            parenthesized!(inner in input);
            let key = inner.parse().map_err(|error: Error| {
                Error::new(error.span(), format!("`{name}` takes a name in quotes: `{name}(\"..\")`"))
            });
            Some(key?)
        } else {
            None
        };
        let op_span = input.span();
        let op = operator(input, &name)?;
        Ok(Self { side, field: name, key, op, op_span })
    }
}

fn side_of(name: &Ident) -> Result<Stage> {
    match name.to_string().as_str() {
        "request" => Ok(Stage::Request),
        "response" => Ok(Stage::Response),
        other => {
            Err(Error::new(name.span(), format!("`{other}.` is not a side of a flow; use `request.` or `response.`")))
        }
    }
}

fn operator(input: ParseStream<'_>, field: &Ident) -> Result<Op> {
    macro_rules! read {
        ($token:tt => $op:expr) => {
            if input.peek(Token![$token]) {
                input.parse::<Token![$token]>()?;
                return Ok($op);
            }
        };
    }
    read!(~ => Op::Matches);
    read!(== => Op::Equals);
    read!(!= => Op::Differs);
    read!(<= => Op::AtMost);
    read!(>= => Op::AtLeast);
    read!(< => Op::Less);
    read!(> => Op::Greater);
    if input.peek(Token![!]) && input.peek2(Token![~]) {
        input.parse::<Token![!]>()?;
        input.parse::<Token![~]>()?;
        return Ok(Op::MatchesNot);
    }
    if input.peek(Ident) {
        let fork = input.fork();
        if fork.parse::<Ident>()? == "contains" {
            input.parse::<Ident>()?;
            return Ok(Op::Contains);
        }
    }
    if input.peek(Token![in]) {
        input.parse::<Token![in]>()?;
        return Ok(Op::In);
    }
    if input.peek(Token![=]) {
        return Err(input.error("`=` is not an operator; write `==`"));
    }
    let name = field.to_string();
    let flags = fields::FLAGS.iter().map(|flag| flag.name);
    if let (None, Some(flag)) = (fields::find(&name), fields::nearest(&name.to_lowercase(), flags)) {
        return Err(Error::new(field.span(), format!("did you mean `{flag}`?")));
    }
    let message = format!("expected an operator after `{field}`: ~ !~ == != contains < <= > >= in");
    Err(if input.is_empty() { Error::new(field.span(), message) } else { input.error(message) })
}

impl Parse for Value {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(token::Brace) {
            let inner;
            braced!(inner in input);
            return Ok(Self::Expr(inner.parse()?));
        }
        if input.peek(Lit) {
            return match input.parse()? {
                Lit::Str(text) => Ok(Self::Text(text)),
                from @ (Lit::Int(_) | Lit::Float(_)) if input.peek(Token![..]) => range(&from, input),
                Lit::Int(number) if number.suffix().is_empty() => {
                    Ok(Self::Number(number.base10_parse()?, number.span()))
                }
                Lit::Int(class) if class.suffix() == "xx" => {
                    let from = class.base10_digits();
                    let next = class.base10_parse::<u64>()? + 1;
                    Err(Error::new(class.span(), format!("write `status in {from}00..{next}00`")))
                }
                Lit::Bool(value) => Ok(Self::Text(LitStr::new(&value.value.to_string(), value.span()))),
                time @ (Lit::Int(_) | Lit::Float(_)) => Ok(Self::Time(measure(&time)?, time.span())),
                other => Err(Error::new(other.span(), "expected a string or a number")),
            };
        }
        if input.peek(Ident) || input.peek(Token![::]) {
            return Ok(Self::Expr(Expr::Path(input.parse()?)));
        }
        Err(expected(input, "expected a value: a literal, a path, or `{expression}`"))
    }
}

fn range(from: &Lit, input: ParseStream<'_>) -> Result<Value> {
    let dots = if input.peek(Token![..=]) {
        input.parse::<Token![..=]>()?;
        "..="
    } else {
        input.parse::<Token![..]>()?;
        ".."
    };
    let to: Lit = input.parse().map_err(|error| Error::new(error.span(), "a range has an end: `200..300`"))?;
    Ok(Value::Range(format!("{}{dots}{}", measure(from)?, measure(&to)?), from.span()))
}

/// Returns a number, or a number with its unit, without underscores.
fn measure(literal: &Lit) -> Result<String> {
    const UNITS: &str = "a time has one of the units `s`, `ms`, `us`, `ns`: `300ms`";
    let (digits, suffix) = match literal {
        Lit::Int(number) => (number.base10_digits(), number.suffix()),
        Lit::Float(number) => (number.base10_digits(), number.suffix()),
        other => return Err(Error::new(other.span(), "expected a number")),
    };
    match (literal, suffix) {
        (Lit::Int(_), "") | (_, "s" | "ms" | "us" | "\u{b5}s" | "ns") => Ok(format!("{digits}{suffix}")),
        _ => Err(Error::new(literal.span(), UNITS)),
    }
}

/// Returns an error at a token that does not join two terms.
pub(crate) fn joined(input: ParseStream<'_>, expected: &str) -> Error {
    let word = input.fork().parse::<Ident>().map(|word| word.to_string()).unwrap_or_default();
    let write = match word.as_str() {
        "and" | "AND" => "&&",
        "or" | "OR" => "||",
        _ if input.peek(Token![&]) => "&&",
        _ if input.peek(Token![|]) => "||",
        _ => return input.error(expected),
    };
    input.error(format!("write `{write}`"))
}

/// Returns an error at the next token, or at the whole macro if there is none.
pub(crate) fn expected(input: ParseStream<'_>, message: impl std::fmt::Display) -> Error {
    if input.is_empty() { Error::new(proc_macro2::Span::call_site(), message) } else { input.error(message) }
}

pub(crate) fn comma(input: ParseStream<'_>, wants: impl std::fmt::Display) -> Result<()> {
    if input.peek(Token![,]) {
        input.parse::<Token![,]>()?;
        if !input.is_empty() {
            return Ok(());
        }
    } else if !input.is_empty() {
        return Err(joined(input, "expected `&&`, `||` or `,`"));
    }
    Err(expected(input, format!("after the filter, expected {wants}")))
}
