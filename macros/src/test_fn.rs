//! `#[mitm_test]`: an `async fn` whose arguments are fixtures becomes a test, or a program if it is called `main`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, ItemFn, LitStr, Meta, Result, Token, Type};

pub(crate) fn expand(options: TokenStream, function: &TokenStream) -> TokenStream {
    let parsed: ItemFn = match syn::parse2(function.clone()) {
        Ok(parsed) => parsed,
        // A slip inside the function is the compiler's to tell.
        Err(_) if function.to_string().contains("fn ") => return function.clone(),
        // Whatever it is, the compiler sees it too, so that there is no second error about its absence.
        Err(_) => {
            let error = Error::new(function.span(), "#[mitm_test] goes on an `async fn`").to_compile_error();
            return quote!(#error #function);
        }
    };
    let name = parsed.sig.ident.clone();
    match Options::parse(options).and_then(|options| Ok((options, fixtures(&parsed)?))) {
        Ok((options, fixtures)) => test(parsed, &options, &fixtures),
        Err(error) => {
            // The name stays, empty, so that nothing else is wrong.
            let error = error.to_compile_error();
            quote!(#error #[allow(dead_code, missing_docs)] fn #name() {})
        }
    }
}

#[derive(Default)]
struct Options {
    timeout_ms: Option<u64>,
}

impl Options {
    fn parse(options: TokenStream) -> Result<Self> {
        let mut parsed = Self::default();
        for meta in Punctuated::<Meta, Token![,]>::parse_terminated.parse2(options)? {
            if !meta.path().is_ident("timeout") {
                return Err(Error::new(meta.span(), "unknown option; there is `timeout = \"30s\"`"));
            }
            let value = &meta.require_name_value()?.value;
            let literal: LitStr = syn::parse2(quote!(#value))?;
            parsed.timeout_ms = Some(milliseconds(&literal)?);
        }
        Ok(parsed)
    }
}

fn milliseconds(literal: &LitStr) -> Result<u64> {
    let text = literal.value();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let factor = match &text[split..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => 0,
    };
    match text[..split].parse::<u64>().ok().and_then(|number| number.checked_mul(factor)) {
        Some(milliseconds) if milliseconds > 0 => Ok(milliseconds),
        _ => Err(Error::new(literal.span(), "expected a time with its unit: \"500ms\", \"30s\", \"2m\"")),
    }
}

/// The types of the arguments; an error when this can be no test.
fn fixtures(function: &ItemFn) -> Result<Vec<Type>> {
    let signature = &function.sig;
    if signature.asyncness.is_none() {
        return Err(Error::new(signature.fn_token.span, "a #[mitm_test] is an `async fn`"));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new(
            signature.generics.span(),
            "a #[mitm_test] cannot be generic: who would say the types?",
        ));
    }
    signature.inputs.iter().map(fixture).collect()
}

fn fixture(argument: &FnArg) -> Result<Type> {
    match argument {
        FnArg::Receiver(receiver) => {
            Err(Error::new(receiver.span(), "a #[mitm_test] is a free function, without `self`"))
        }
        FnArg::Typed(argument) => match &*argument.ty {
            Type::Reference(reference) => {
                Err(Error::new(reference.span(), "a fixture is taken by value: write its type without `&`"))
            }
            other => Ok(other.clone()),
        },
    }
}

fn test(mut function: ItemFn, options: &Options, fixtures: &[Type]) -> TokenStream {
    let is_main = function.sig.ident == "main";
    let name = function.sig.ident.clone();
    let (attributes, visibility) = (std::mem::take(&mut function.attrs), function.vis.clone());
    function.vis = syn::Visibility::Inherited;
    let test = (!is_main).then(|| quote!(#[::core::prelude::v1::test]));
    let timeout = match options.timeout_ms {
        Some(milliseconds) => quote!(::core::option::Option::Some(#milliseconds)),
        None => quote!(::core::option::Option::None),
    };
    let arguments: Vec<_> =
        (0..fixtures.len()).map(|i| format_ident!("argument_{i}", span = Span::mixed_site())).collect();
    let cx = Ident::new("cx", Span::mixed_site());
    let set_up = fixtures.iter().zip(&arguments).map(|(fixture, argument)| {
        quote_spanned!(fixture.span()=> let #argument = ::holdup::__private::set_up::<#fixture>(#cx).await?;)
    });
    let shown = name.to_string();
    quote! {
        #test
        #(#attributes)*
        #visibility fn #name() {
            #function
            ::holdup::__private::run(
                ::holdup::__private::TestSpec {
                    name: ::core::concat!(::core::module_path!(), "::", #shown),
                    place: ::holdup::__private::Place::here(),
                    timeout: #timeout,
                },
                |#cx| ::std::boxed::Box::pin(async move {
                    let _ = &#cx;
                    #(#set_up)*
                    ::core::result::Result::Ok(#name(#(#arguments),*).await)
                }),
            )
        }
    }
}
