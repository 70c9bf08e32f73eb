//! `#[mitm_test]`: an `async fn` whose arguments are fixtures becomes a test, or a program if it is called `main`.

use crate::exploring::Exploring;
use crate::option::{milliseconds, option};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, Ident, LitStr, Meta, Result, Signature, Token, Type, Visibility};

pub(crate) fn expand(options: TokenStream, function: &TokenStream) -> TokenStream {
    let parsed: TestFn = match syn::parse2(function.clone()) {
        Ok(parsed) => parsed,
        // The item is kept, so that the compiler reports no second error about its absence.
        Err(error) => {
            let what = format!("#[mitm_test] goes on an `async fn` ({error})");
            let error = Error::new(error.span(), what).to_compile_error();
            return quote!(#error #function);
        }
    };
    let name = parsed.signature.ident.clone();
    let checked = beside_other_macros(&parsed).and_then(|()| Options::parse(options));
    match checked.and_then(|options| Ok((options, fixtures(&parsed.signature)?))) {
        Ok((options, fixtures)) => test(&parsed, &options, &fixtures),
        Err(error) => {
            // An empty function keeps the name, so that there is no second error.
            let error = error.to_compile_error();
            quote!(#error #[allow(dead_code, missing_docs)] fn #name() {})
        }
    }
}

/// A function whose body is left to the compiler, which accepts what no library does, such as a block that a
/// `macro_rules` has inserted.
struct TestFn {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    signature: Signature,
    body: TokenStream,
}

impl Parse for TestFn {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let (visibility, signature) = (input.parse()?, input.parse::<Signature>()?);
        let body: TokenStream = input.parse()?;
        if body.is_empty() || body.to_string() == ";" {
            return Err(Error::new(signature.span(), "it has no body"));
        }
        Ok(Self { attributes, visibility, signature, body })
    }
}

#[derive(Default)]
struct Options {
    timeout_ms: Option<u64>,
    browsers: Browsers,
    explore: Option<Exploring>,
    schedule: Option<LitStr>,
    page_errors_fail: bool,
}

/// The browsers that a test runs in.
#[derive(Default)]
enum Browsers {
    /// Any available one.
    #[default]
    Any,
    /// The variant of `BrowserKind`.
    One(&'static str),
    /// A test for each.
    All,
}

/// The names in a test, and the variants of `BrowserKind`.
const BROWSERS: [(&str, &str); 3] =
    [("headless_shell", "HeadlessShell"), ("chromium", "Chromium"), ("firefox", "Firefox")];

impl Options {
    fn parse(options: TokenStream) -> Result<Self> {
        const KNOWN: &str = "unknown option; there are `timeout = \"30s\"`, `browser = firefox`, `browsers = all`, \
                             `explore`, `schedule = \"h1;..\"` and `page_errors = fail`";
        let mut parsed = Self::default();
        for meta in Punctuated::<Meta, Token![,]>::parse_terminated.parse2(options)? {
            let Some(option) = meta.path().get_ident().map(ToString::to_string) else {
                return Err(Error::new(meta.span(), KNOWN));
            };
            if option == "explore" {
                parsed.explore = Some(Exploring::of(&meta)?);
                continue;
            }
            let known = matches!(&*option, "timeout" | "browser" | "browsers" | "schedule" | "page_errors");
            let value =
                if known { &meta.require_name_value()?.value } else { return Err(Error::new(meta.span(), KNOWN)) };
            match &*option {
                "timeout" => parsed.timeout_ms = Some(milliseconds(&syn::parse2(quote!(#value))?)?),
                "schedule" => parsed.schedule = Some(syn::parse2(quote!(#value))?),
                "browser" | "browsers" | "page_errors" if matches!(value, syn::Expr::Lit(_)) => {
                    let text: LitStr = syn::parse2(quote!(#value))?;
                    return Err(Error::new(
                        text.span(),
                        format!("write it without quotes: `{option} = {}`", text.value()),
                    ));
                }
                "browser" => parsed.browsers = Browsers::One(browser(&syn::parse2(quote!(#value))?)?),
                "page_errors" => {
                    let fail: Ident = syn::parse2(quote!(#value))?;
                    if fail != "fail" {
                        return Err(Error::new(fail.span(), "`page_errors` takes only `fail`"));
                    }
                    parsed.page_errors_fail = true;
                }
                _ => {
                    let all: Ident = syn::parse2(quote!(#value))?;
                    if all != "all" {
                        return Err(Error::new(
                            all.span(),
                            "`browsers` takes only `all`, for a test in each; for one, write `browser = ..`",
                        ));
                    }
                    parsed.browsers = Browsers::All;
                }
            }
        }
        Ok(parsed)
    }
}

/// Fails if another macro provides the arguments as well, or has already dropped them.
fn beside_other_macros(function: &TestFn) -> Result<()> {
    const CASES: &str = "`#[mitm_test]` provides the arguments, so no other macro can: write an `async fn` that takes the \
                         case and the fixtures, and a #[mitm_test] for each case that calls it (`rstest` also works as \
                         `#[rstest] #[case(..)] #[test_attr(mitm_test)]`, without fixtures of Holdup)";
    let cases = |attribute: &&Attribute| {
        let name = attribute.path().segments.last().map(|segment| segment.ident.to_string());
        name.is_some_and(|name| matches!(&*name, "rstest" | "case" | "test_case" | "test_matrix"))
    };
    if let Some(attribute) = function.attributes.iter().find(cases) {
        return Err(Error::new(attribute.path().span(), CASES));
    }
    // What `#[serial]` or `#[parallel]` makes of a body.
    let body: String = function.body.to_string().split_whitespace().collect();
    if body.contains("serial_test::") && ["_core(", "_core_with_return("].iter().any(|call| body.contains(call)) {
        let what = "write #[mitm_test] above `#[serial]`, which drops the arguments";
        return Err(Error::new(function.signature.ident.span(), what));
    }
    Ok(())
}

fn browser(name: &Ident) -> Result<&'static str> {
    let known = BROWSERS.iter().find(|(spelt, _)| name == spelt);
    known.map(|(_, variant)| *variant).ok_or_else(|| {
        let all = BROWSERS.map(|(spelt, _)| format!("`{spelt}`")).join(", ");
        Error::new(name.span(), format!("unknown browser; there are {all}"))
    })
}

/// Returns the types of the arguments. Fails if this cannot be a test.
fn fixtures(signature: &Signature) -> Result<Vec<Type>> {
    if signature.asyncness.is_none() {
        return Err(Error::new(signature.fn_token.span, "a #[mitm_test] is an `async fn`"));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new(
            signature.generics.span(),
            "a #[mitm_test] cannot be generic: nothing determines its types",
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

fn test(function: &TestFn, options: &Options, fixtures: &[Type]) -> TokenStream {
    let TestFn { attributes, visibility, signature, body } = function;
    let name = &signature.ident;
    let test = (name != "main").then(|| quote!(#[::core::prelude::v1::test]));
    let one = |name: &Ident, browser: Option<&str>| {
        let run = run(name, function, options, browser, fixtures);
        quote! {
            #test
            #(#attributes)*
            #visibility fn #name() {
                #[allow(clippy::unused_async)]
                #signature #body
                #run
            }
        }
    };
    let tests: TokenStream = match options.browsers {
        Browsers::Any => one(name, None),
        Browsers::One(browser) => one(name, Some(browser)),
        Browsers::All => {
            BROWSERS.iter().map(|(spelt, variant)| one(&format_ident!("{name}_in_{spelt}"), Some(variant))).collect()
        }
    };
    if name == "main" {
        return tests;
    }
    // Examples of documentation are built without `cfg(test)`, where the compiler drops tests unread: there the body is
    // an ordinary function, so that its mistakes are found.
    quote! {
        #tests
        #[cfg(not(test))]
        #[allow(dead_code, clippy::unused_async)]
        #signature #body
    }
}

/// Returns the call that runs a test to its verdict.
fn run(name: &Ident, function: &TestFn, options: &Options, browser: Option<&str>, fixtures: &[Type]) -> TokenStream {
    let timeout = option(options.timeout_ms.map(|milliseconds| quote!(#milliseconds)));
    let browser = option(browser.map(|variant| {
        let variant = Ident::new(variant, Span::call_site());
        quote!(::holdup::__private::BrowserKind::#variant)
    }));
    let explore = option(options.explore.as_ref().map(Exploring::tokens));
    let page_errors_fail = options.page_errors_fail;
    let should_panic = function.attributes.iter().any(|attribute| attribute.path().is_ident("should_panic"));
    let schedule = option(options.schedule.as_ref().map(|schedule| quote!(#schedule)));
    let arguments: Vec<_> =
        (0..fixtures.len()).map(|i| format_ident!("argument_{i}", span = Span::mixed_site())).collect();
    let (cx, body) = (Ident::new("cx", Span::mixed_site()), &function.signature.ident);
    let set_up = fixtures.iter().zip(&arguments).map(|(fixture, argument)| {
        quote_spanned!(fixture.span()=> let #argument = ::holdup::__private::set_up::<#fixture>(#cx).await?;)
    });
    let shown = name.to_string();
    quote! {
        ::holdup::__private::run(
            ::holdup::__private::TestSpec {
                name: ::core::concat!(::core::module_path!(), "::", #shown),
                place: ::holdup::__private::Place::here(),
                timeout: #timeout,
                browser: #browser,
                page_errors_fail: #page_errors_fail,
                should_panic: #should_panic,
                explore: #explore,
                schedule: #schedule,
            },
            |#cx| ::std::boxed::Box::pin(async move {
                let _ = &#cx;
                #(#set_up)*
                ::core::result::Result::Ok(#body(#(#arguments),*).await)
            }),
        )
    }
}
