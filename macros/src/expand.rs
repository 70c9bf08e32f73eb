//! Expands the syntax tree to calls of `holdup`.

use crate::ast::{Filter, Op, Stage, Term, Value};
use crate::fields;
use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};

impl ToTokens for Filter {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(match self {
            Self::All(all) => quote!(::holdup::__private::Filter::All(::std::vec![#(#all),*])),
            Self::Any(any) => quote!(::holdup::__private::Filter::Any(::std::vec![#(#any),*])),
            Self::Not(inner) => quote!(::holdup::__private::Filter::Not(::std::boxed::Box::new(#inner))),
            Self::Term(term) => term.to_token_stream(),
            Self::Flag(name, span) => {
                let variant = fields::find_flag(name).map_or("Failed", |flag| flag.variant);
                let variant = format_ident!("{variant}");
                quote_spanned!(*span=> ::holdup::__private::Filter::Flag(::holdup::__private::Flag::#variant))
            }
            Self::Text(text) => quote_spanned!(text.span()=> ::holdup::__private::read_filter(#text)),
        });
    }
}

impl ToTokens for Term {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Some(field) = fields::find(&self.field) else { return };
        let variant = format_ident!("{}", field.variant);
        let key = self.key.as_ref().map(|key| quote!(::std::string::String::from(#key)));
        let side = field.sided.then(|| {
            let side = format_ident!("{}", self.side.map_or("Either", |(side, _)| side.name()));
            quote!(::holdup::__private::Side::#side)
        });
        let arguments: Vec<_> = side.into_iter().chain(key).collect();
        let arguments = (!arguments.is_empty()).then(|| quote!((#(#arguments),*)));
        let (op, value) = (self.op, self.value(field.name));
        tokens.extend(quote_spanned! {self.field_span=>
            ::holdup::__private::term(::holdup::__private::Field::#variant #arguments, #op, #value)
        });
    }
}

impl Term {
    fn value(&self, field: &str) -> TokenStream {
        match &self.value {
            Value::Text(text) => quote!(#text),
            Value::Number(number, _) => quote!(&#number),
            Value::Range(range, _) | Value::Time(range, _) => quote!(#range),
            Value::Expr(expr) if field == "elapsed" => quote!(&::holdup::__private::time(#expr)),
            Value::Expr(expr) => match bare_name(expr) {
                Some(name) if field == "json" && name == "null" => quote!("null"),
                Some(name) if field == "method" && fields::METHODS.contains(&name.as_str()) => quote!(#name),
                _ if matches!(expr, syn::Expr::Path(_)) => quote!((&#expr)),
                _ => quote!((&(#expr))),
            },
        }
    }
}

fn bare_name(expr: &syn::Expr) -> Option<String> {
    match expr {
        syn::Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        _ => None,
    }
}

impl Stage {
    /// Returns the type for it in `holdup`, and the variant of its `Side`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Request => "Request",
            Self::Response => "Response",
            Self::Message => "Message",
            Self::Event => "ServerEvent",
            Self::Chunk => "Chunk",
        }
    }
}

impl ToTokens for Stage {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let name = format_ident!("{}", self.name());
        tokens.extend(quote!(::holdup::#name));
    }
}

impl ToTokens for Op {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let name = format_ident!(
            "{}",
            match self {
                Self::Matches => "Matches",
                Self::MatchesNot => "MatchesNot",
                Self::Equals => "Equals",
                Self::Differs => "Differs",
                Self::Contains => "Contains",
                Self::Less => "Less",
                Self::AtMost => "AtMost",
                Self::Greater => "Greater",
                Self::AtLeast => "AtLeast",
                Self::In => "In",
            }
        );
        tokens.extend(quote!(::holdup::__private::Op::#name));
    }
}
