//! The verbs: `verb!([stage:] FILTER [, ARGUMENT])`.

use crate::ast::{Filter, Stage, Staged};
use crate::{check, fields, parse};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Error, Expr, Ident, Lit, LitInt, LitStr, Result, Token, braced, parenthesized, token};

pub(crate) fn filter(input: TokenStream) -> TokenStream {
    or_error(
        (|input: ParseStream<'_>| {
            if input.peek(Ident) && input.peek2(Token![:]) && !input.peek2(Token![::]) {
                return Err(input.error(
                    "a filter has no stage: it belongs to the verb, as in `mitm.hold::<Response>(filter!(..))`",
                ));
            }
            let filter: Filter = input.parse()?;
            check::filter(&filter, None)?;
            end(input)?;
            Ok(quote!(#filter))
        })
        .parse2(input),
    )
}

pub(crate) fn hold(input: TokenStream) -> TokenStream {
    verb(input, "hold", Stage::Request, |_| Ok(quote!()))
}

pub(crate) fn watch(input: TokenStream) -> TokenStream {
    verb(input, "watch", Stage::Request, |_| Ok(quote!()))
}

pub(crate) fn delay(input: TokenStream) -> TokenStream {
    verb(input, "delay", Stage::Request, |input| {
        comma(input, "how long: `300ms`, or `200ms..400ms`")?;
        let from = duration(input)?;
        if input.peek(Token![..]) {
            // A range of times has no end that matters: both spellings mean the same.
            if input.peek(Token![..=]) {
                input.parse::<Token![..=]>()?;
            } else {
                input.parse::<Token![..]>()?;
            }
            let to = duration(input)?;
            return Ok(quote!(#from..#to));
        }
        Ok(from)
    })
}

pub(crate) fn throttle(input: TokenStream) -> TokenStream {
    verb(input, "throttle", Stage::Response, |input| {
        comma(input, "how slow: `50_000` bytes a second, or `Profile::SLOW_3G`")?;
        if input.peek(LitInt) {
            let rate: LitInt = input.parse()?;
            let number: u64 = match rate.suffix() {
                "" | "u64" => rate.base10_parse()?,
                _ => return Err(Error::new(rate.span(), "a rate is a number of bytes a second, without a unit")),
            };
            if number == 0 {
                return Err(Error::new(rate.span(), "nothing would ever pass; `abort!(.., stall)` does that"));
            }
            return Ok(quote!(#number));
        }
        let profile: Expr = input.parse()?;
        Ok(quote!(#profile))
    })
}

pub(crate) fn abort(input: TokenStream) -> TokenStream {
    verb(input, "abort", Stage::Request, |input| {
        comma(input, "how: `reset`, `close`, `stall`, `truncate(1024)`, `malformed` or `goaway`")?;
        if input.peek(token::Brace) {
            let inner;
            braced!(inner in input);
            let kind: Expr = inner.parse()?;
            return Ok(quote!(#kind));
        }
        let kind: Ident = input.parse()?;
        let variant = match kind.to_string().as_str() {
            "reset" => quote!(Reset),
            "close" => quote!(Close),
            "stall" => quote!(Stall),
            "malformed" => quote!(Malformed),
            "goaway" => quote!(Goaway),
            "truncate" if !input.peek(token::Paren) => {
                return Err(Error::new(kind.span(), "after how many bytes? `truncate(1024)`"));
            }
            "truncate" => {
                let inner;
                parenthesized!(inner in input);
                let after: Expr = inner.parse()?;
                quote!(Truncate(#after))
            }
            other => {
                const KINDS: [&str; 6] = ["reset", "close", "stall", "truncate", "malformed", "goaway"];
                let advice = match fields::nearest(other, KINDS.into_iter()) {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None => "there are `reset`, `close`, `stall`, `truncate(n)`, `malformed`, `goaway`".to_owned(),
                };
                return Err(Error::new(kind.span(), format!("`{other}` is no way to abort; {advice}")));
            }
        };
        Ok(quote!(::holdup::AbortKind::#variant))
    })
}

pub(crate) fn respond(input: TokenStream) -> TokenStream {
    verb(input, "respond", Stage::Request, |input| {
        comma(input, "the answer: `503`, or `(200, \"body\")`")?;
        let answer: Expr = input.parse()?;
        Ok(status_typed(&answer))
    })
}

pub(crate) fn replace(input: TokenStream) -> TokenStream {
    or_error(
        (|input: ParseStream<'_>| {
            let staged: Staged = input.parse()?;
            if let Some((_, span)) = staged.stage {
                return Err(Error::new(span, "replace! acts on the response; write no stage"));
            }
            check::filter(&staged.filter, Some(Stage::Response))?;
            comma(input, "the local file: `\"fixtures/app.js\"`, or `dir(\"dist\")`")?;
            let (filter, file): (_, Expr) = (staged.filter, input.parse()?);
            end(input)?;
            Ok(quote!(::holdup::__private::Verbs::ambient("replace!").replace(#filter, #file)))
        })
        .parse2(input),
    )
}

pub(crate) fn rewrite(input: TokenStream) -> TokenStream {
    or_error(parse_rewrite.parse2(input))
}

fn parse_rewrite(input: ParseStream<'_>) -> Result<TokenStream> {
    const WHAT: &str = "what becomes what: `\"the\" => \"teh\"`, or `header(\"x\") => \"..\"`";
    let Staged { stage, filter } = input.parse()?;
    comma(input, WHAT)?;
    // What is rewritten is what the browser gets, unless the request is named; a URL is the request's.
    let part = part(input)?;
    let usual = if matches!(part, Part::Url(_)) { Stage::Request } else { Stage::Response };
    if let (Part::Url(pattern), Some((Stage::Response, span))) = (&part, stage) {
        let _ = pattern;
        return Err(Error::new(span, "only a request has a URL: write no stage, or `request:`"));
    }
    let stage = stage.map_or(usual, |(stage, _)| stage);
    check::filter(&filter, Some(stage))?;
    if !input.peek(Token![=>]) {
        return Err(parse::expected(input, "after the pattern comes what it becomes: `\"the\" => \"teh\"`"));
    }
    input.parse::<Token![=>]>()?;
    let with: Expr = input.parse()?;
    end(input)?;
    let text = |expr: &Expr| quote!(&(#expr));
    let verbs = quote!(::holdup::__private::Verbs::ambient("rewrite!"));
    Ok(match part {
        Part::Text(pattern) => {
            let pattern = quote!({ let pattern = &(#pattern); ::core::convert::AsRef::<str>::as_ref(pattern) });
            quote!(#verbs.rewrite::<#stage>(#filter, #pattern, #with))
        }
        Part::Url(pattern) => {
            let (pattern, with) = (text(&pattern), text(&with));
            quote!(#verbs.rewrite_url(#filter, #pattern, #with))
        }
        Part::Header(name) => {
            let (name, value) = (text(&name), text(&with));
            match &with {
                Expr::Path(path) if path.path.is_ident("none") => {
                    quote!(#verbs.remove_header::<#stage>(#filter, #name))
                }
                _ => quote!(#verbs.rewrite_header::<#stage>(#filter, #name, #value)),
            }
        }
    })
}

/// What `rewrite!` rewrites.
enum Part {
    /// The text of the body, where this pattern matches.
    Text(Expr),
    /// Path and query.
    Url(Expr),
    Header(Expr),
}

fn part(input: ParseStream<'_>) -> Result<Part> {
    if input.peek(LitStr) {
        check::pattern_parses(&input.fork().parse()?)?;
    }
    let name = if input.peek2(token::Paren) { input.fork().parse::<Ident>().ok() } else { None };
    match name.map(|name| name.to_string()).as_deref() {
        Some(what @ ("header" | "url")) => {
            input.parse::<Ident>()?;
            let inner;
            parenthesized!(inner in input);
            if what == "header" {
                return Ok(Part::Header(inner.parse()?));
            }
            if inner.peek(LitStr) {
                check::pattern_parses(&inner.fork().parse()?)?;
            }
            Ok(Part::Url(inner.parse()?))
        }
        _ => Ok(Part::Text(input.parse()?)),
    }
}

pub(crate) fn redirect(input: TokenStream) -> TokenStream {
    let parse = |input: ParseStream<'_>| {
        let Staged { stage, filter } = input.parse()?;
        if let Some((Stage::Response, span)) = stage {
            return Err(Error::new(span, "a response is there already: redirect! acts on the request"));
        }
        check::filter(&filter, Some(Stage::Request))?;
        comma(input, "where to: `\"https://staging.test\"`")?;
        let to: Expr = input.parse()?;
        let mut host = quote!(::holdup::HostHeader::Follows);
        if input.peek(Token![,]) && input.peek2(Ident) {
            input.parse::<Token![,]>()?;
            let option: Ident = input.parse()?;
            if option != "keep_host" {
                return Err(Error::new(option.span(), "unknown option; there is `keep_host`"));
            }
            host = quote!(::holdup::HostHeader::Kept);
        }
        end(input)?;
        Ok(quote!(::holdup::__private::Verbs::ambient("redirect!").redirect(#filter, &(#to), #host)))
    };
    or_error(parse.parse2(input))
}

pub(crate) fn edit(input: TokenStream) -> TokenStream {
    let parse = |input: ParseStream<'_>| {
        let Staged { stage, filter } = input.parse()?;
        let stage = stage.map_or(Stage::Request, |(stage, _)| stage);
        check::filter(&filter, Some(stage))?;
        comma(input, "the change: `|request| request.set_method(..)`")?;
        let change: Expr = input.parse()?;
        end(input)?;
        let verbs = quote!(::holdup::__private::Verbs::ambient("edit!"));
        let Expr::Closure(closure) = &change else {
            return Ok(quote!(#verbs.edit::<#stage>(#filter, #change)));
        };
        let [pattern] = closure.inputs.iter().collect::<Vec<_>>()[..] else {
            let message = "the change takes one argument: the request, or the response at `response:`";
            return Err(Error::new(closure.inputs.span(), message));
        };
        let mut closure = closure.clone();
        // A closure with a type of its own keeps it.
        if !matches!(pattern, syn::Pat::Type(_)) {
            let typed = syn::parse2(quote!(|#pattern: &mut #stage| ()))?;
            let typed: syn::ExprClosure = typed;
            closure.inputs = typed.inputs;
        }
        if closure.asyncness.is_none() {
            return Ok(quote!(#verbs.edit::<#stage>(#filter, #closure)));
        }
        // No bound can say that what an async closure gives may go to another thread; here its type is known.
        Ok(quote!({
            let change = ::std::sync::Arc::new(#closure);
            #verbs.edit_async::<#stage>(#filter, move |mut head: #stage| {
                let change = ::std::sync::Arc::clone(&change);
                ::std::boxed::Box::pin(async move {
                    (*change)(&mut head).await;
                    head
                })
            })
        }))
    };
    or_error(parse.parse2(input))
}

/// Any verb whose method takes the stage as its type, the filter, and perhaps an argument.
fn verb(
    input: TokenStream,
    name: &str,
    usual: Stage,
    argument: impl Fn(ParseStream<'_>) -> Result<TokenStream>,
) -> TokenStream {
    let parse = |input: ParseStream<'_>| {
        let Staged { stage, filter } = input.parse()?;
        let stage = stage.map_or(usual, |(stage, _)| stage);
        check::filter(&filter, Some(stage))?;
        let argument = argument(input)?;
        end(input)?;
        let (method, shown) = (Ident::new(name, proc_macro2::Span::call_site()), format!("{name}!"));
        Ok(quote!(::holdup::__private::Verbs::ambient(#shown).#method::<#stage>(#filter, #argument)))
    };
    or_error(parse.parse2(input))
}

fn or_error(result: Result<TokenStream>) -> TokenStream {
    result.unwrap_or_else(|error| error.to_compile_error())
}

fn comma(input: ParseStream<'_>, wants: &str) -> Result<()> {
    if input.peek(Token![,]) {
        input.parse::<Token![,]>()?;
        if !input.is_empty() {
            return Ok(());
        }
    } else if !input.is_empty() {
        return Err(input.error("expected `&&`, `||` or `,`"));
    }
    Err(parse::expected(input, format!("after the filter comes {wants}")))
}

fn end(input: ParseStream<'_>) -> Result<()> {
    if input.peek(Token![,]) {
        input.parse::<Token![,]>()?;
    }
    if input.is_empty() { Ok(()) } else { Err(input.error("expected `&&`, `||`, or the end")) }
}

/// `300ms`, `2s`, or any expression that is a `Duration`.
fn duration(input: ParseStream<'_>) -> Result<TokenStream> {
    if input.peek(LitInt) {
        let literal: LitInt = input.parse()?;
        let number: u64 = literal.base10_parse()?;
        let span = literal.span();
        return match literal.suffix() {
            "ms" => Ok(quote_spanned!(span=> ::core::time::Duration::from_millis(#number))),
            "s" => Ok(quote_spanned!(span=> ::core::time::Duration::from_secs(#number))),
            _ => Err(Error::new(span, "a time needs its unit: `300ms` or `2s`")),
        };
    }
    let expr: Expr = if input.peek(token::Brace) {
        let inner;
        braced!(inner in input);
        inner.parse()?
    } else {
        input.parse()?
    };
    Ok(quote!(#expr))
}

/// Says of a status literal that it is a `u16`, so that inference need not guess.
fn status_typed(answer: &Expr) -> TokenStream {
    match answer {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) if number.suffix().is_empty() => {
                let typed = LitInt::new(&format!("{}u16", number.base10_digits()), number.span());
                quote!(#typed)
            }
            _ => quote!(#answer),
        },
        Expr::Tuple(tuple) if tuple.elems.len() == 2 => {
            let (status, body) = (status_typed(&tuple.elems[0]), &tuple.elems[1]);
            quote_spanned!(tuple.span()=> (#status, #body))
        }
        _ => quote!(#answer),
    }
}
