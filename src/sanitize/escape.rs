//! Characters that control a terminal, or that make one text look like another.

use std::borrow::Cow;
use std::fmt::Write;

/// Returns the text with such characters written as `\u{1b}` or `\r`. Line breaks and tabs are kept.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match char {
            '\r' => escaped.push_str("\\r"),
            // Writing to a string cannot fail.
            _ if is_harmful(char) => drop(write!(escaped, "\\u{{{:x}}}", u32::from(char))),
            _ => escaped.push(char),
        }
    }
    Cow::Owned(escaped)
}

/// C0, DEL and C1 (ECMA-48), characters that change the direction of text (Unicode UAX #9), that break lines where `\n`
/// does not, or that are invisible. Joiners are kept: scripts and emoji need them.
fn is_harmful(char: char) -> bool {
    match char {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => char.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts that have been used to attack terminals and log readers.
    const HOSTILE: [&str; 30] = [
        "\x1b[2J",
        "\x1b[31mred\x1b[0m",
        "\x1b]0;title\x07",
        "\x1b]8;;http://evil\x07text\x1b]8;;\x07",
        "\x1b]52;c;ZXZpbA==\x07",
        "\x1bP0;1|17/ab\x1b\\",
        "\x1b_Gq=2;\x1b\\",
        "\x1b^pm\x1b\\",
        "\x1b[6n",
        "\x1b[c",
        "\x1b[?1049h",
        "\x1bc",
        "\x1b(0",
        "\x1b[1;1H",
        "\u{9b}31m",
        "\u{9d}0;t\u{9c}",
        "\u{90}x\u{9c}",
        "\u{85}next",
        "over\rwritten",
        "back\x08\x08\x08",
        "bell\x07",
        "nul\0",
        "del\x7f",
        "\u{202e}gnp.exe",
        "\u{2066}a\u{2069}",
        "\u{200f}rtl",
        "\u{61c}arabic",
        "line\u{2028}break",
        "zero\u{200b}width",
        "\u{e0041}tag",
    ];

    #[test]
    fn nothing_of_a_hostile_text_reaches_a_terminal() {
        for text in HOSTILE {
            let escaped = escape(text);
            assert!(escaped.contains('\\') && !escaped.chars().any(is_harmful), "{escaped:?}");
        }
    }

    #[test]
    fn what_people_write_stays() {
        for text in ["käse", "日本語", "👩‍👧", "می‌خواهم", "a\n\tb", "\\u{1b}"] {
            assert_eq!(escape(text), text);
        }
    }
}
