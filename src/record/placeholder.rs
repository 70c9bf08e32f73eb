//! What stands for a secret in a recording: `<masked 1>`, and in URLs, where that is not allowed, `%3Cmasked%201%3E`. Pure.

use crate::sanitize::mask;
use once_cell::sync::Lazy;
use regex::Regex;

pub(super) static PLACEHOLDER: Lazy<Regex> = Lazy::new(|| regex("<masked ([0-9]+)>"));
static IN_URL: Lazy<Regex> = Lazy::new(|| regex("%3[Cc]masked(?:%20|\\+)([0-9]+)%3[Ee]"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|error| unreachable!("{error}"))
}

/// Returns a URL, or a path with a query, with its secrets masked.
pub(super) fn masked_url(url: &str) -> String {
    PLACEHOLDER.replace_all(&mask(url), "%3Cmasked%20$1%3E").into_owned()
}

/// Returns a recorded URL as it is compared.
pub(super) fn readable(url: &str) -> String {
    IN_URL.replace_all(url, "<masked $1>").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_url_is_a_url() {
        let masked = masked_url("https://a.test/x?token=S3cret&b=1");
        assert!(masked.parse::<http::Uri>().is_ok(), "{masked}");
        let readable = readable(&masked);
        assert!(PLACEHOLDER.is_match(&readable) && readable.ends_with("&b=1"), "{readable}");
    }
}
