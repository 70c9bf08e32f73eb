//! `explore(max = 64, time = "20s", depth = 2, full, ignore(..), effects(..), serial(..), unordered(..), never(".."))`.

use crate::ast::{Filter, Stage};
use crate::{check, option};
use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Error, Ident, LitInt, LitStr, Meta, Result, Token, parenthesized};

/// The options for exploring the orders of a test.
#[derive(Default)]
pub(crate) struct Exploring {
    max: Option<usize>,
    time_ms: Option<u64>,
    depth: Option<usize>,
    full: bool,
    ignore: Vec<Filter>,
    effects: Vec<Filter>,
    serial: Vec<Filter>,
    unordered: Vec<Filter>,
    never: Vec<LitStr>,
}

const KNOWN: &str = "unknown; `explore(..)` takes `max = 64`, `time = \"20s\"`, `depth = 2`, `full`, `ignore(..)`, `effects(..)`, \
                     `serial(..)`, `unordered(..)` and `never(\"r:GET /a#1 > a2\")`";

impl Exploring {
    /// Parses `explore` or `explore(..)`.
    pub(crate) fn of(meta: &Meta) -> Result<Self> {
        match meta {
            Meta::Path(_) => Ok(Self::default()),
            Meta::List(list) => Self::parse.parse2(list.tokens.clone()),
            Meta::NameValue(wrong) => Err(Error::new(wrong.eq_token.span, "write `explore`, or `explore(max = 64)`")),
        }
    }

    fn option(&mut self, input: ParseStream<'_>) -> Result<()> {
        let name: Ident = input.parse()?;
        match name.to_string().as_str() {
            "full" => self.full = true,
            "ignore" => self.ignore.push(filter(input)?),
            "effects" => self.effects.push(filter(input)?),
            "serial" => self.serial.push(filter(input)?),
            "unordered" => self.unordered.push(filter(input)?),
            "never" => self.never.push(constraint(input)?),
            "max" => self.max = Some(number(input, 2)?),
            "depth" => self.depth = Some(number(input, 1)?),
            "time" => {
                input.parse::<Token![=]>()?;
                self.time_ms = Some(option::milliseconds(&input.parse::<LitStr>()?)?);
            }
            _ => return Err(Error::new(name.span(), KNOWN)),
        }
        Ok(())
    }

    pub(crate) fn tokens(&self) -> TokenStream {
        let max = option::option(self.max.map(|max| quote!(#max)));
        let time = option::option(self.time_ms.map(|time| quote!(#time)));
        let depth = option::option(self.depth.map(|depth| quote!(#depth)));
        let Self { full, ignore, effects, serial, unordered, never, .. } = self;
        quote! {
            ::holdup::__private::Exploring {
                max: #max,
                time: #time,
                depth: #depth,
                full: #full,
                ignore: || ::std::vec![#(#ignore),*],
                effects: || ::std::vec![#(#effects),*],
                serial: || ::std::vec![#(#serial),*],
                unordered: || ::std::vec![#(#unordered),*],
                never: &[#(#never),*],
            }
        }
    }
}

impl Parse for Exploring {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut exploring = Self::default();
        while !input.is_empty() {
            exploring.option(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(exploring)
    }
}

fn filter(input: ParseStream<'_>) -> Result<Filter> {
    let inner;
    parenthesized!(inner in input);
    let filter = inner.parse()?;
    check::filter(&filter, Some(Stage::Request))?;
    if inner.is_empty() { Ok(filter) } else { Err(inner.error("expected `&&`, `||` or `)`")) }
}

/// Parses the text of a constraint in the notation of schedules. Its events are checked when the test begins.
fn constraint(input: ParseStream<'_>) -> Result<LitStr> {
    let inner;
    parenthesized!(inner in input);
    let text: LitStr = inner.parse()?;
    if !text.value().contains(" > ") {
        return Err(Error::new(text.span(), "expected two events of a schedule, as in \"r:GET /a#1 > r:GET /b#1\""));
    }
    Ok(text)
}

fn number(input: ParseStream<'_>, least: usize) -> Result<usize> {
    input.parse::<Token![=]>()?;
    let literal: LitInt = input.parse()?;
    let number: usize = literal.base10_parse()?;
    if number < least {
        return Err(Error::new(literal.span(), format!("expected a number of at least {least}")));
    }
    Ok(number)
}
