//! HTML and SVG as text. Everything that a page, a server or a test has said passes `escape` or [`text`].

use crate::sanitize::{sanitize, sanitize_line};

/// Returns text for HTML, in an element or between the quotes of an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Returns text of several lines for HTML: secrets are masked, and what controls a reader is escaped.
pub(super) fn text(text: &str) -> String {
    escape(&sanitize(text))
}

/// Returns text of one line for HTML.
pub(super) fn line(text: &str) -> String {
    escape(&sanitize_line(text))
}

/// Returns at most `width` characters of a text, with an ellipsis if there are more.
pub(super) fn cut(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

/// Returns a section with a heading and an id to link to.
pub(super) fn section(id: &str, title: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<section id={id} aria-labelledby={id}-h>\n<h2 id={id}-h>{title}</h2>\n{content}</section>\n")
}

/// Returns a block of code, which a script gives a button to copy.
pub(super) fn code(title: &str, code: &str) -> String {
    format!("<h3>{title}</h3>\n<pre class=copy tabindex=0>{}</pre>\n", text(code))
}

/// Returns milliseconds, for people.
pub(super) fn ms(time: std::time::Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_page_says_is_markup() {
        for hostile in
            ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onclick='x", "</pre>", "&lt;b>"]
        {
            let escaped = escape(hostile);
            assert!(!escaped.contains(['<', '>', '"', '\'']), "{escaped}");
        }
        assert_eq!(escape("&lt;"), "&amp;lt;");
        assert_eq!(line("a\n\u{202e}b"), "a\\n\\u{202e}b");
    }
}
