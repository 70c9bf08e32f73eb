//! Finds the name under which a crate depends on `holdup`: `h` for `h = { package = "holdup", .. }`.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Group, Ident, TokenStream, TokenTree};

/// Replaces `::holdup` in an expansion with the name in the current crate.
pub(crate) fn as_dependency(expanded: TokenStream) -> TokenStream {
    match crate_name("holdup") {
        Ok(FoundCrate::Name(name)) if name != "holdup" => renamed(expanded, &name),
        // In holdup's own tests and examples, or if there is no manifest to read.
        _ => expanded,
    }
}

fn renamed(tokens: TokenStream, name: &str) -> TokenStream {
    let mut colons = 0;
    let rename = |tree| match tree {
        TokenTree::Group(group) => {
            colons = 0;
            let mut inner = Group::new(group.delimiter(), renamed(group.stream(), name));
            inner.set_span(group.span());
            inner.into()
        }
        TokenTree::Ident(ident) => {
            let is_root = std::mem::take(&mut colons) >= 2 && ident == "holdup";
            if is_root { Ident::new(name, ident.span()).into() } else { ident.into() }
        }
        TokenTree::Punct(punct) => {
            colons = if punct.as_char() == ':' { colons + 1 } else { 0 };
            punct.into()
        }
        TokenTree::Literal(literal) => {
            colons = 0;
            literal.into()
        }
    };
    tokens.into_iter().map(rename).collect::<Vec<TokenTree>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    #[test]
    fn only_the_root_of_a_path_is_renamed() {
        let tokens = quote!(::holdup::a(holdup, [::holdup::b::<::holdup::C>(), x::y, A { b: ::holdup::C }], "holdup"));
        let expected = quote!(::h::a(holdup, [::h::b::<::h::C>(), x::y, A { b: ::h::C }], "holdup"));
        assert_eq!(renamed(tokens, "h").to_string(), expected.to_string());
    }
}
