//! The macros of `holdup`. Each checks its syntax, and expands to calls of `holdup`'s own functions.
//!
//! The documentation of each macro is in `holdup`, where it is re-exported.

mod argument;
mod ast;
mod check;
mod expand;
mod exploring;
mod fields;
#[cfg(test)]
mod fuzz;
mod option;
mod parse;
mod rename;
mod test_fn;
mod verb;

use proc_macro::TokenStream;

/// Creates a filter. See `holdup::filter`.
#[proc_macro]
pub fn filter(input: TokenStream) -> TokenStream {
    rename::as_dependency(verb::filter(input.into())).into()
}

/// Parks matching flows. See `holdup::hold`.
#[proc_macro]
pub fn hold(input: TokenStream) -> TokenStream {
    rename::as_dependency(verb::hold(input.into())).into()
}

/// Records matching flows. See `holdup::watch`.
#[proc_macro]
pub fn watch(input: TokenStream) -> TokenStream {
    rename::as_dependency(verb::watch(input.into())).into()
}

/// Delays matching flows. See `holdup::delay`.
#[proc_macro]
pub fn delay(input: TokenStream) -> TokenStream {
    rename::as_dependency(verb::delay(input.into())).into()
}

/// Limits the speed of matching flows. See `holdup::throttle`.
#[proc_macro]
pub fn throttle(input: TokenStream) -> TokenStream {
    rename::as_dependency(verb::throttle(input.into())).into()
}

/// Cuts matching flows off. See `holdup::abort`.
#[proc_macro]
pub fn abort(input: TokenStream) -> TokenStream {
    rename::as_dependency(verb::abort(input.into())).into()
}

/// Responds to matching flows. See `holdup::respond`.
#[proc_macro]
pub fn respond(input: TokenStream) -> TokenStream {
    rename::as_dependency(verb::respond(input.into())).into()
}

/// Replaces the response bodies of matching flows. See `holdup::replace`.
#[proc_macro]
pub fn replace(input: TokenStream) -> TokenStream {
    rename::as_dependency(verb::replace(input.into())).into()
}

/// Rewrites bodies, headers or URLs of matching flows. See `holdup::rewrite`.
#[proc_macro]
pub fn rewrite(input: TokenStream) -> TokenStream {
    rename::as_dependency(verb::rewrite(input.into())).into()
}

/// Sends matching requests to another server. See `holdup::redirect`.
#[proc_macro]
pub fn redirect(input: TokenStream) -> TokenStream {
    rename::as_dependency(verb::redirect(input.into())).into()
}

/// Changes matching flows with code. See `holdup::edit`.
#[proc_macro]
pub fn edit(input: TokenStream) -> TokenStream {
    rename::as_dependency(verb::edit(input.into())).into()
}

/// Turns an `async fn` into a test with fixtures. See `holdup::mitm_test`.
#[proc_macro_attribute]
pub fn mitm_test(options: TokenStream, function: TokenStream) -> TokenStream {
    rename::as_dependency(test_fn::expand(options.into(), &function.into())).into()
}
