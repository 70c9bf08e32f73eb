//! The names of secrets: headers, cookies, parameters, fields of forms and of JSON. One list for every artefact.
//!
//! Based on Cloudflare's har-sanitizer, and on what Chrome masks in HAR files since 130.

/// Secret wherever they stand. Written as names are compared: in lower case, letters and digits only, so that `x-tenant-key`
/// is `xtenantkey`. Of a name with `[`, `/` or `.`, the last part counts, and the whole.
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
    AMBIGUOUS.contains(&last_part(name).as_str()) || is_unambiguous(name)
}

/// Returns whether the value of this name is secret wherever it occurs.
pub(crate) fn is_unambiguous(name: &str) -> bool {
    is_listed(&last_part(name)) || is_listed(&plain(name))
}

fn is_listed(name: &str) -> bool {
    UNAMBIGUOUS.contains(&name) || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// `password` of `user[password]` and of `login.password`.
fn last_part(name: &str) -> String {
    plain(name.trim_end_matches(']').rsplit(['[', '/', '.']).next().unwrap_or(name))
}

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect()
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
        for name in ["session.id", "api.key", "login.password", "a[b][token]"] {
            assert!(is_unambiguous(name), "{name}");
        }
        for listed in UNAMBIGUOUS.iter().chain(&ENDINGS).chain(&AMBIGUOUS) {
            assert_eq!(plain(listed), *listed, "written as names are compared");
        }
        assert!(!is_unambiguous("state") && is_unambiguous("refresh_token"));
    }
}
