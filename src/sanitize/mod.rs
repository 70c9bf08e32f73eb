//! Text that leaves the process for people: control characters are escaped and secrets are masked.
//!
//! A page, a server or a driver controls the content of a URL, a script error, an alert or a header. Every type that a
//! report shows sanitizes itself when it is formatted, and so does everything that prints; sanitizing twice changes
//! nothing.

mod escape;
mod mask;
mod names;

pub(crate) use escape::escape;
pub(crate) use mask::{mask, mask_code, placeholder};
pub(crate) use names::{is_secret, is_unambiguous};

/// Returns the text with control characters escaped and secrets masked. Line breaks and tabs are kept.
pub fn sanitize(text: &str) -> String {
    mask(&escape(text)).into_owned()
}

/// Returns the text on one line: line breaks and tabs are escaped, too. For text of a page inside a line of a report.
pub fn sanitize_line(text: &str) -> String {
    sanitize(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// Returns a text that was cut, without what goes on: a secret whose end is missing is masked as if it ended there.
pub(crate) fn sanitize_cut(text: &str) -> String {
    /// What ends a quoted value.
    const END: &str = "\"";
    let masked = sanitize(&format!("{text}{END}"));
    masked.strip_suffix(END).map(str::to_owned).unwrap_or(masked)
}

/// Returns the first `width` characters of a text, its secrets masked, and whether there are more. The text is masked
/// before it is cut, since a secret that is cut in two is no longer recognized.
pub(crate) fn shorten(text: &str, width: usize) -> (String, bool) {
    /// How far beyond `width` the text is masked: nothing after that can come into view.
    const LOOKED_AT: usize = 4096;
    let looked_at = text.char_indices().nth(width + LOOKED_AT).map_or(text, |(cut, _)| &text[..cut]);
    let mut masked = mask(looked_at).into_owned();
    match masked.char_indices().nth(width).map(|(cut, _)| cut) {
        None => (masked, looked_at.len() < text.len()),
        Some(cut) => {
            masked.truncate(cut);
            (masked, true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_cut_is_masked() {
        for cut in ["{\"a\": 1, \"access_token\": \"S3cr", "a=1&token=S3cr", "x"] {
            let text = sanitize_cut(cut);
            assert!(!text.contains("S3cr") && !text.ends_with('"'), "{text}");
        }
    }

    #[test]
    fn a_line_stays_a_line() {
        assert_eq!(sanitize_line("a\nhelp: \x1b[31mb\r"), "a\\nhelp: \\u{1b}[31mb\\r");
    }

    #[test]
    fn what_is_sanitized_stays_as_it_is() {
        for text in
            ["https://u:p@a/?token=x&code=1", "{\"password\": \"p\\\"q\"}", "\u{202e}x\x1b]0;t\x07", "plain\n\ttext"]
        {
            let once = sanitize(text);
            assert_eq!(sanitize(&once), once);
        }
    }
}
