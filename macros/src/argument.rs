//! Parses the argument after the filter of a verb.

use crate::ast::Stage;
use crate::fields;
use crate::parse::comma;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::ParseStream;
use syn::spanned::Spanned;
use syn::{Error, Expr, Ident, Lit, LitInt, LitStr, Result, Token, braced, parenthesized, token};

/// Parses no argument.
pub(crate) fn none(_: ParseStream<'_>, _: Stage) -> Result<TokenStream> {
    Ok(quote!())
}

/// Parses a delay: `300ms`, or `200ms..400ms`.
pub(crate) fn delay(input: ParseStream<'_>, _: Stage) -> Result<TokenStream> {
    comma(input, "a time: `300ms`, or `200ms..400ms`")?;
    let from = duration(input)?;
    if input.peek(Token![..]) {
        // Including the end of a range of times makes no difference: both spellings mean the same.
        if input.peek(Token![..=]) {
            input.parse::<Token![..=]>()?;
        } else {
            input.parse::<Token![..]>()?;
        }
        let to = duration(input)?;
        return Ok(quote!(#from..#to));
    }
    Ok(from)
}

/// Parses a speed: a rate, or a profile.
pub(crate) fn pace(input: ParseStream<'_>, _: Stage) -> Result<TokenStream> {
    comma(input, "a rate: `50_000` bytes a second, or `Profile::SLOW_3G`")?;
    if input.peek(Token![-]) {
        return Err(input.error("a rate is a positive number of bytes a second"));
    }
    if input.peek(LitInt) {
        let rate: LitInt = input.parse()?;
        let number: u64 = match rate.suffix() {
            "" | "u64" => rate.base10_parse()?,
            _ => return Err(Error::new(rate.span(), "a rate is a number of bytes a second, without a unit")),
        };
        if number == 0 {
            return Err(Error::new(rate.span(), "at this rate nothing passes; use `abort!(.., stall)`"));
        }
        return Ok(quote!(#number));
    }
    let profile: Expr = input.parse()?;
    Ok(quote!(#profile))
}

const CUTS: [&str; 7] = ["reset", "close", "stall", "truncate", "malformed", "goaway", "discard"];

/// Parses how to cut a flow off, in the ways that its stage supports.
pub(crate) fn cut(input: ParseStream<'_>, stage: Stage) -> Result<TokenStream> {
    let there_are = match stage {
        Stage::Request | Stage::Response => "`reset`, `close`, `stall`, `truncate(1024)`, `malformed` or `goaway`",
        Stage::Message | Stage::Event => "`reset`, `close`, `stall` or `discard`",
        Stage::Chunk => "`reset`, `close` or `stall`",
    };
    comma(input, format_args!("a kind: {there_are}"))?;
    if input.peek(token::Brace) {
        let inner;
        braced!(inner in input);
        let kind: Expr = inner.parse()?;
        return Ok(quote!(#kind));
    }
    if let Ok(text) = input.fork().parse::<LitStr>() {
        return Err(Error::new(text.span(), format!("write it without quotes: `{}`", text.value())));
    }
    let kind: Ident = input.parse()?;
    let variant = match kind.to_string().as_str() {
        "reset" => quote!(Reset),
        "close" => quote!(Close),
        "stall" => quote!(Stall),
        "discard" if matches!(stage, Stage::Message | Stage::Event) => quote!(Discard),
        "truncate" if !input.peek(token::Paren) && !stage.is_part() => {
            return Err(Error::new(kind.span(), "after how many bytes? `truncate(1024)`"));
        }
        "truncate" if !stage.is_part() => {
            let inner;
            parenthesized!(inner in input);
            let after: Expr = inner.parse()?;
            quote!(Truncate(#after))
        }
        "malformed" if !stage.is_part() => quote!(Malformed),
        "goaway" if !stage.is_part() => quote!(Goaway),
        known if CUTS.contains(&known) => {
            let message = format!("`{known}` does not apply at the stage `{}`; use {there_are}", stage.word());
            return Err(Error::new(kind.span(), message));
        }
        other => {
            let advice = match fields::nearest(other, CUTS.into_iter()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("use {there_are}"),
            };
            return Err(Error::new(kind.span(), format!("`{other}` is not a kind of abort; {advice}")));
        }
    };
    Ok(quote!(::holdup::AbortKind::#variant))
}

/// Parses a response.
pub(crate) fn answer(input: ParseStream<'_>, _: Stage) -> Result<TokenStream> {
    comma(input, "the response: `503`, or `(200, \"body\")`")?;
    let answer: Expr = input.parse()?;
    status_typed(&answer)
}

/// Parses `300ms`, `2s`, or any expression that is a `Duration`.
fn duration(input: ParseStream<'_>) -> Result<TokenStream> {
    if input.peek(Token![-]) {
        return Err(input.error("a time is positive: `300ms` or `2s`"));
    }
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

/// Types a status literal as `u16`, which inference then need not guess.
fn status_typed(answer: &Expr) -> Result<TokenStream> {
    Ok(match answer {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) if number.suffix().is_empty() => {
                if number.base10_parse().is_ok_and(|status: u64| !(200..=999).contains(&status)) {
                    let message = format!(
                        "{} is not the status of a response: those are 200 to 999 (1xx only announces one)",
                        number.base10_digits()
                    );
                    return Err(Error::new(number.span(), message));
                }
                let typed = LitInt::new(&format!("{}u16", number.base10_digits()), number.span());
                quote!(#typed)
            }
            _ => quote!(#answer),
        },
        Expr::Tuple(tuple) if matches!(tuple.elems.len(), 2 | 3) => {
            let (status, rest) = (status_typed(&tuple.elems[0])?, tuple.elems.iter().skip(1));
            quote_spanned!(tuple.span()=> (#status, #(#rest),*))
        }
        _ => quote!(#answer),
    })
}
