//! The verbs: `verb!([stage:] FILTER [, ARGUMENT])`.

use crate::ast::{Filter, Stage, Staged};
use crate::parse::comma;
use crate::{argument, check, parse};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Error, Expr, Ident, LitStr, Result, Token, parenthesized, token};

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

/// The stages at which something can be changed.
const EDITABLE: &[Stage] = &[Stage::Request, Stage::Response, Stage::Message, Stage::Event];
/// The stages at which messages are whole.
const WHOLE: &[Stage] = &[Stage::Request, Stage::Response];

pub(crate) fn hold(input: TokenStream) -> TokenStream {
    verb(input, "hold", Stage::Request, &Stage::ALL, argument::none)
}

pub(crate) fn watch(input: TokenStream) -> TokenStream {
    verb(input, "watch", Stage::Request, &Stage::ALL, argument::none)
}

pub(crate) fn delay(input: TokenStream) -> TokenStream {
    verb(input, "delay", Stage::Request, &Stage::ALL, argument::delay)
}

pub(crate) fn throttle(input: TokenStream) -> TokenStream {
    verb(input, "throttle", Stage::Response, WHOLE, argument::pace)
}

pub(crate) fn abort(input: TokenStream) -> TokenStream {
    verb(input, "abort", Stage::Request, &Stage::ALL, argument::cut)
}

pub(crate) fn respond(input: TokenStream) -> TokenStream {
    verb(input, "respond", Stage::Request, WHOLE, argument::answer)
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
    const WHAT: &str = "a replacement: `\"the\" => \"teh\"`, or `header(\"x\") => \"..\"`";
    let Staged { stage, filter } = input.parse()?;
    comma(input, WHAT)?;
    // The default is the response, which the browser receives; a URL is the request's.
    let part = part(input)?;
    let (usual, stages) = match part {
        Part::Url(_) => (Stage::Request, &WHOLE[..1]),
        Part::Header(_) => (Stage::Response, WHOLE),
        Part::Text(_) => (Stage::Response, EDITABLE),
    };
    if let (Part::Url(_), Some((Stage::Response, span))) = (&part, stage) {
        return Err(Error::new(span, "only a request has a URL: write no stage, or `request:`"));
    }
    let stage = acts_at("rewrite", stage, usual, stages)?;
    check::filter(&filter, Some(stage))?;
    if !input.peek(Token![=>]) {
        return Err(parse::expected(input, "after the pattern, expected its replacement: `\"the\" => \"teh\"`"));
    }
    input.parse::<Token![=>]>()?;
    let with: Expr = input.parse()?;
    end(input)?;
    if let (Part::Header(_), Expr::Path(path)) = (&part, &with)
        && path.path.is_ident("None")
    {
        return Err(Error::new(path.span(), "write `none`: it removes the header"));
    }
    let text = |expr: &Expr| quote!(&(#expr));
    let verbs = quote!(::holdup::__private::Verbs::ambient("rewrite!"));
    Ok(match part {
        Part::Text(pattern) => {
            let pattern = text(&pattern);
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
    /// The text of the body, where this pattern matches it.
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
        _ => Ok(Part::Text(in_braces(input.parse()?))),
    }
}

/// `{t}` is the expression in it, as in filters: not a block, which would move it.
fn in_braces(expr: Expr) -> Expr {
    match &expr {
        Expr::Block(block) => match block.block.stmts.as_slice() {
            [syn::Stmt::Expr(inner, None)] => inner.clone(),
            _ => expr,
        },
        _ => expr,
    }
}

pub(crate) fn redirect(input: TokenStream) -> TokenStream {
    let parse = |input: ParseStream<'_>| {
        let Staged { stage, filter } = input.parse()?;
        if let Some((Stage::Response, span)) = stage {
            return Err(Error::new(span, "redirect! acts on the request, not on the response"));
        }
        acts_at("redirect", stage, Stage::Request, &WHOLE[..1])?;
        check::filter(&filter, Some(Stage::Request))?;
        comma(input, "the target: `\"https://staging.test\"`")?;
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
        let stage = acts_at("edit", stage, Stage::Request, EDITABLE)?;
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
        // A closure with its own type keeps it.
        if !matches!(pattern, syn::Pat::Type(_)) {
            let typed = syn::parse2(quote!(|#pattern: &mut #stage| ()))?;
            let typed: syn::ExprClosure = typed;
            closure.inputs = typed.inputs;
        }
        if closure.asyncness.is_none() {
            return Ok(quote!(#verbs.edit::<#stage>(#filter, #closure)));
        }
        // No bound can require that the future of an async closure is `Send`; here its type is known.
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

/// Expands a verb whose method takes the stage as its type, the filter, and perhaps an argument.
fn verb(
    input: TokenStream,
    name: &str,
    usual: Stage,
    stages: &[Stage],
    argument: impl Fn(ParseStream<'_>, Stage) -> Result<TokenStream>,
) -> TokenStream {
    let parse = |input: ParseStream<'_>| {
        let Staged { stage, filter } = input.parse()?;
        let stage = acts_at(name, stage, usual, stages)?;
        check::filter(&filter, Some(stage))?;
        let argument = argument(input, stage)?;
        end(input)?;
        let (method, shown) = (Ident::new(name, Span::call_site()), format!("{name}!"));
        Ok(quote!(::holdup::__private::Verbs::ambient(#shown).#method::<#stage>(#filter, #argument)))
    };
    or_error(parse.parse2(input))
}

/// Returns the stage at which a verb acts. Fails if the verb cannot act there.
fn acts_at(verb: &str, said: Option<(Stage, Span)>, usual: Stage, stages: &[Stage]) -> Result<Stage> {
    let Some((stage, span)) = said else { return Ok(usual) };
    if stages.contains(&stage) {
        return Ok(stage);
    }
    let there_are: Vec<_> = stages.iter().map(|stage| format!("`{}:`", stage.word())).collect();
    let message = format!("{verb}! does not act at `{}:`; it acts at {}", stage.word(), there_are.join(", "));
    Err(Error::new(span, message))
}

fn or_error(result: Result<TokenStream>) -> TokenStream {
    result.unwrap_or_else(|error| error.to_compile_error())
}

fn end(input: ParseStream<'_>) -> Result<()> {
    if input.peek(Token![,]) {
        input.parse::<Token![,]>()?;
    }
    if input.is_empty() { Ok(()) } else { Err(parse::joined(input, "expected `&&`, `||`, or the end")) }
}
