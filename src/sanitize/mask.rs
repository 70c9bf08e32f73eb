//! Secrets in a text, found by the names in front of them and by their form.

use super::names::{is_secret, is_unambiguous};
use once_cell::sync::Lazy;
use regex::{Captures, Regex};
use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

/// Returns the replacement of a secret: `<masked 1>`. The same secret has the same number for the life of the process.
pub(crate) fn placeholder(secret: &str) -> String {
    /// Digests of the masked secrets, not the secrets, with their numbers.
    static SEEN: Lazy<(RandomState, Mutex<HashMap<u64, usize>>)> = Lazy::new(Default::default);
    let (hasher, seen) = &*SEEN;
    // A number is inserted whole, so a panic elsewhere leaves the map intact.
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let next = seen.len() + 1;
    let number = *seen.entry(hasher.hash_one(secret)).or_insert(next);
    format!("<masked {number}>")
}

/// Returns the text with its secrets replaced by their [`placeholder`]s.
pub(crate) fn mask(text: &str) -> Cow<'_, str> {
    mask_by(text, |form| form.of_text)
}

/// Like [`mask`], for scripts, styles and markup: what it returns is still code. An assignment is no secret there.
pub(crate) fn mask_code(text: &str) -> Cow<'_, str> {
    mask_by(text, |form| form.of_code)
}

fn mask_by(text: &str, of: impl Fn(&Form) -> Option<Mask>) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for form in FORMS.iter() {
        let Some(mask) = of(form) else { continue };
        if let Cow::Owned(masked) = form.pattern.replace_all(&text, mask) {
            text = Cow::Owned(masked);
        }
    }
    text
}

struct Form {
    pattern: Regex,
    /// `None` if it stands for something else there.
    of_text: Option<Mask>,
    of_code: Option<Mask>,
}

type Mask = fn(&Captures<'_>) -> String;

/// The forms of secrets: in texts, in code, or in both. Each has its secret in the group `it`, between `before` and `after`.
static FORMS: Lazy<Vec<Form>> = Lazy::new(|| {
    let both = |pattern, mask: Mask| (pattern, Some(mask), Some(mask));
    let text = |pattern, mask: Mask| (pattern, Some(mask), None);
    let code = |pattern, mask: Mask| (pattern, None, Some(mask));
    let forms: [(&str, Option<Mask>, Option<Mask>); 13] = [
        // https://user:password@host
        both(r#"(?<before>\b[A-Za-z][A-Za-z0-9+.-]*://)(?<it>[^/?#@\s"'<>]+)(?<after>@)"#, always),
        // A JSON Web Token: without its signature it is not one.
        both(r"(?<before>\beyJ[\w-]+\.eyJ[\w-]+\.)(?<it>[\w-]+)(?<after>)", always),
        // authorization: Bearer abc
        both(
            r"(?<before>\b(?:Bearer|bearer|Basic|basic|Token|Digest) )(?<it>[\w.~+/-]{8,}=*)(?<after>)",
            if_it_looks_random,
        ),
        // A header on a line of its own, also in a diff.
        text(r"(?m)(?<before>^[ +-]*(?<name>[\w-]+): )(?<it>[^\r\n]+)(?<after>)", if_header),
        // "password": "a", or 17
        both(r#"(?<before>"(?<name>[\w.$-]+)"\s*:\s*")(?<it>(?:[^"\\]|\\.)+)(?<after>")"#, if_unambiguous),
        text(r#"(?<before>"(?<name>[\w.$-]+)"\s*:\s*)(?<it>-?\d[\d.eE+-]*)(?<after>)"#, if_unambiguous),
        // \"password\":\"a\": JSON inside a quoted text
        both(r#"(?<before>\\"(?<name>[\w.$-]+)\\"\s*:\s*\\")(?<it>(?:[^"\\]|\\\\.)+)(?<after>\\")"#, if_unambiguous),
        // query("token") == "a": a filter, or code that contains one
        both(
            r#"(?<before>\("(?<name>[\w./\[\]-]+)"\)\s*(?:==|!=|~|contains|=>)\s*")(?<it>(?:[^"\\]|\\.)+)(?<after>")"#,
            if_unambiguous,
        ),
        // A part of a multipart form.
        both(
            r#"(?<before>\bname="(?<name>[\w.$\[\]-]+)"\r?\n(?:[^\r\n]+\r?\n)*\r?\n)(?<it>[^\r\n]+)(?<after>)"#,
            if_unambiguous,
        ),
        // <input name=csrf_token value=..>, <meta name=csrf-token content=..>, and the attributes the other way round
        both(
            r#"(?i)(?<before><(?:input|meta)\b[^>]*?\bname=["']?(?<name>[\w.$\[\]-]+)["']?[^>]*?\b(?:value|content)=["']?)(?<it>[^"'>\s]+)(?<after>)"#,
            if_unambiguous,
        ),
        both(
            r#"(?i)(?<before><(?:input|meta)\b[^>]*?\b(?:value|content)=["']?)(?<it>[^"'>\s]+)(?<after>["']?[^>]*?\bname=["']?(?<name>[\w.$\[\]-]+))"#,
            if_unambiguous,
        ),
        // ?token=a&code=b, and sid=a: in a URL, a cookie or a form
        text(
            r#"(?<before>(?:^|&amp;|[?&;#\s"'(,]|\\u0026)(?<name>[\w.$%\[\]-]+)=)(?<it>[^&;#\s"'<>(),\\]+)(?<after>)"#,
            if_pair,
        ),
        // "/cart?token=a": in code, only what is clearly a URL, since `a?token=b:c` assigns.
        code(
            r#"(?<before>["'`])(?<it>(?:[a-z][a-z0-9+.-]*:)?/[^"'`\s<>(){};=]*[?#](?:&\w+;|[^"'`\s<>(){};])+)(?<after>)"#,
            as_text,
        ),
    ];
    let form = |(pattern, of_text, of_code)| Some(Form { pattern: Regex::new(pattern).ok()?, of_text, of_code });
    forms.into_iter().filter_map(form).collect()
});

/// Masks a URL in code.
fn as_text(found: &Captures<'_>) -> String {
    format!("{}{}{}", &found["before"], mask(&found["it"]), &found["after"])
}

fn always(found: &Captures<'_>) -> String {
    let it = &found["it"];
    let shown = if it.starts_with("<masked ") { it.to_owned() } else { placeholder(it) };
    format!("{}{shown}{}", &found["before"], &found["after"])
}

fn only_if(is_secret: bool, found: &Captures<'_>) -> String {
    if is_secret { always(found) } else { found[0].to_owned() }
}

fn if_unambiguous(found: &Captures<'_>) -> String {
    only_if(is_unambiguous(&found["name"]) && &found["it"] != "..", found)
}

/// Masks headers: names of several words, and the well-known single words.
fn if_header(found: &Captures<'_>) -> String {
    let name = &found["name"];
    let is_header =
        name.contains('-') || ["authorization", "cookie"].iter().any(|known| name.eq_ignore_ascii_case(known));
    only_if(is_header && is_unambiguous(name), found)
}

/// An ambiguous name is a parameter only after `?` or `&`.
fn if_pair(found: &Captures<'_>) -> String {
    let is_parameter = found["before"].starts_with(['?', '&', '\\']);
    // `code=*12ab` is already a digest made by `explore::label`.
    let digits = found["it"].strip_prefix('*').unwrap_or_default();
    let is_digest = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = percent_encoding::percent_decode_str(&found["name"]).decode_utf8_lossy();
    only_if(!is_digest && (is_unambiguous(&name) || (is_parameter && is_secret(&name))), found)
}

/// Lowercase words are no secret: "basic authentication".
fn if_it_looks_random(found: &Captures<'_>) -> String {
    let it = &found["it"];
    let is_word = it.chars().skip(1).all(|char| char.is_ascii_lowercase() || char == '-' || char == '.');
    only_if(!is_word, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_code_is_code() {
        for same in [
            ";this.token=e.next();",
            "let session=null;",
            "{\"token\": 17}",
            "  auth-token: red",
            "47===e?this.state=32:115",
            "a==\"\"?token=b:c",
            "x=a&&code=b&state=1",
        ] {
            assert_eq!(mask_code(same), same);
        }
        for url in [
            "'/a?token=S3cret'",
            "\"https://a.test/?b=1&token=S3cret&code=S3cret\"",
            "`/#access_token=S3cret`",
            "\"/r?u=1&amp;token=S3cret\"",
            "\"/r?u=1\\u0026token=S3cret\"",
        ] {
            let masked = mask_code(url);
            assert!(!masked.contains("S3cret") && masked.contains("<masked "), "{masked}");
        }
        assert!(!mask_code("<input name=csrf_token value=S3cret>").contains("S3cret"));
    }

    #[test]
    fn secrets_are_found_in_every_form() {
        for (text, secret) in [
            ("goto https://shop.test/cb?code=S3cret&x=1", "S3cret"),
            ("GET https://shop.test/?a=1&access_token=S3cret", "S3cret"),
            ("location: https://user:S3cret@shop.test/", "S3cret"),
            ("{\"user\": {\"password\": \"S3\\\"cret\"}}", "cret"),
            ("{\"pin\": 1, \"token\": 8675309}", "8675309"),
            ("message \"{\\\"token\\\":\\\"S3cret\\\"}\"", "S3cret"),
            ("user=a&user[password]=S3cret&b=c", "S3cret"),
            ("user=a&user%5Bpassword%5D=S3cret", "S3cret"),
            ("theme=dark; sid=S3cret; lang=de", "S3cret"),
            ("fetch failed: Authorization: Bearer abcS3cret.x", "abcS3cret.x"),
            ("  x-api-key: S3cret", "S3cret"),
            ("+cookie: a=S3cret", "S3cret"),
            ("a eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.S3cret b", "S3cret"),
            ("https://cdn.test/f?X-Amz-Signature=S3cret", "S3cret"),
            ("hold!(request.header(\"x-api-key\") == \"S3cret\")", "S3cret"),
            ("https://shop.test/#access_token=S3cret", "S3cret"),
            ("form-data; name=\"password\"\r\n\r\nS3cret\r\n--x", "S3cret"),
            ("form-data; name=\"api_key\"\r\ncontent-type: text/plain\r\n\r\nS3cret\r\n--x", "S3cret"),
            ("<input type=hidden name=csrf_token value=S3cret>", "S3cret"),
            ("<META content='S3cret' name='csrf-token'>", "S3cret"),
            ("<input value=\"S3cret\" type=hidden name=\"access_token\">", "S3cret"),
        ] {
            let masked = mask(text);
            assert!(masked.contains("<masked ") && !masked.contains(secret), "{masked}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "expected state=open, code=3",
            "help: rewrite!(request: F, header(\"authorization\") => \"..\")",
            "the server wants basic authentication",
            "https://shop.test/search?q=token&page=2",
            "r:GET /login?code=*12ab#1 > a2",
            "token: find #x",
        ] {
            assert_eq!(mask(text), text);
        }
    }

    #[test]
    fn the_same_secret_is_the_same_placeholder() {
        let both = mask("?token=one&x=1&token=two&y=1&api_key=one").into_owned();
        let found: Vec<_> = both.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value).collect();
        assert!(found[0] == found[4] && found[0] != found[2], "{both}");
    }
}
