//! The names of secrets: headers, cookies, parameters, fields of forms and of JSON. One list for every artefact.
//!
//! Based on Cloudflare's har-sanitizer, and on what Chrome masks in HAR files since 130.

/// Secret wherever they occur. Compared without case, `-`, `_` and `.`.
const UNAMBIGUOUS: [&str; 34] = [
    "authorization",
    "proxyauthorization",
    "cookie",
    "setcookie",
    "samlrequest",
    "samlresponse",
    "clientsecret",
    "codechallenge",
    "codeverifier",
    "clientassertion",
    "assertion",
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "newpassword",
    "secret",
    "token",
    "jwt",
    "apikey",
    "privatekey",
    "accesskey",
    "secretkey",
    "sessionid",
    "session",
    "sid",
    "phpsessid",
    "jsessionid",
    "csrf",
    "xsrf",
    "csrfmiddlewaretoken",
    "signature",
    "xclientdata",
    "credential",
];

/// The endings of longer names: `x-csrf-token`, `refresh_token`, `X-Amz-Signature`, `x-api-key`.
const ENDINGS: [&str; 9] =
    ["token", "secret", "password", "apikey", "accesskey", "signature", "sessionid", "credential", "authorization"];

/// Secret as the name of a URL or form parameter (OAuth); ordinary words everywhere else.
const AMBIGUOUS: [&str; 9] = ["auth", "challenge", "clientid", "code", "email", "appid", "serverdata", "state", "sig"];

/// Returns whether the value of this name is secret in a query or in a form.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = normal(name);
    AMBIGUOUS.contains(&name.as_str()) || is_listed(&name)
}

/// Returns whether the value of this name is secret wherever it occurs.
pub(crate) fn is_unambiguous(name: &str) -> bool {
    is_listed(&normal(name))
}

fn is_listed(name: &str) -> bool {
    UNAMBIGUOUS.contains(&name) || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn normal(name: &str) -> String {
    // In `user[password]` only the last word matters; `login.password` is found by its ending.
    let last = name.trim_end_matches(']').rsplit(['[', '/', '.']).next().unwrap_or(name);
    last.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_every_spelling() {
        for name in [
            "Authorization",
            "x-api-key",
            "X-CSRF-Token",
            "access_token",
            "accessToken",
            "user[password]",
            "JSESSIONID",
            "code",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["q", "id", "content-type", "tokens_left", "page", "x-request-id", "etag", "codec", "statement"] {
            assert!(!is_secret(name), "{name}");
        }
        assert!(!is_unambiguous("state") && is_unambiguous("refresh_token"));
    }
}
