//! Cookies of a user context, for the WebDriver commands about them: geckodriver's are about the session's own context.
//! (Chromedriver's are about the window's.) The formats are those of WebDriver, section 14, and BiDi, `storage.Cookie`.

use super::bidi::Bidi;
use super::{Fault, text};
use serde_json::{Value, json};
use std::net::IpAddr;
use url::Url;

impl Bidi {
    /// Returns the cookies that a document sees, as WebDriver writes them.
    pub(super) async fn cookies(&self, user: &str, document: &Url) -> Result<Vec<Value>, Fault> {
        let said = self.command("storage.getCookies", &json!({ "partition": partition(user) })).await?;
        let all = said["cookies"].as_array().into_iter().flatten();
        Ok(all.filter(|cookie| is_seen(cookie, document)).map(written).collect())
    }

    /// Sets a cookie that WebDriver's command describes.
    pub(super) async fn set_cookie(&self, user: &str, document: &Url, wanted: &Value) -> Result<(), Fault> {
        // Clients may write null for what they leave out.
        let given = wanted.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        let mut cookie = Value::Object(given.map(|(name, value)| (name.clone(), value.clone())).collect());
        cookie["value"] = json!({ "type": "string", "value": wanted["value"] });
        let host = document.host_str().unwrap_or_default();
        cookie["domain"] = match wanted["domain"].as_str() {
            // Also for the names below it.
            Some(domain) if domain.contains('.') && !domain.starts_with('.') && domain.parse::<IpAddr>().is_err() => {
                json!(format!(".{domain}"))
            }
            Some(domain) => json!(domain),
            None => json!(host),
        };
        if !is_of(&text(&cookie["domain"]), host) {
            return Err(Fault::Refused(format!("invalid cookie domain: {} is not of {host}", cookie["domain"])));
        }
        cookie["sameSite"] = json!(wanted["sameSite"].as_str().unwrap_or("default").to_lowercase());
        self.command("storage.setCookie", &json!({ "cookie": cookie, "partition": partition(user) })).await.map(drop)
    }

    /// Deletes the cookies that a document sees, or those of a name.
    pub(super) async fn delete_cookies(&self, user: &str, document: &Url, name: Option<&str>) -> Result<(), Fault> {
        for cookie in self.cookies(user, document).await? {
            if name.is_none_or(|name| cookie["name"] == name) {
                let filter = json!({ "name": cookie["name"], "domain": cookie["domain"], "path": cookie["path"] });
                let params = json!({ "filter": filter, "partition": partition(user) });
                self.command("storage.deleteCookies", &params).await?;
            }
        }
        Ok(())
    }
}

fn partition(user: &str) -> Value {
    json!({ "type": "storageKey", "userContext": user })
}

/// Returns whether a document sees a cookie (RFC 6265, section 5.4, without `SameSite`).
fn is_seen(cookie: &Value, document: &Url) -> bool {
    let path = text(&cookie["path"]);
    let is_below = document
        .path()
        .strip_prefix(&*path)
        .is_some_and(|rest| rest.is_empty() || path.ends_with('/') || rest.starts_with('/'));
    let is_safe = cookie["secure"] != true || document.scheme() == "https";
    is_of(&text(&cookie["domain"]), document.host_str().unwrap_or_default()) && is_below && is_safe
}

/// Returns whether a domain, with a dot for the names below it, is one of a host.
fn is_of(domain: &str, host: &str) -> bool {
    match domain.strip_prefix('.') {
        Some(above) => host == above || host.ends_with(domain),
        None => host == domain,
    }
}

/// Writes a cookie of BiDi as WebDriver does.
fn written(cookie: &Value) -> Value {
    let mut written = json!({
        "name": cookie["name"],
        "value": cookie["value"]["value"],
        "path": cookie["path"],
        "domain": cookie["domain"],
        "secure": cookie["secure"],
        "httpOnly": cookie["httpOnly"],
    });
    if cookie["expiry"].is_number() {
        written["expiry"] = cookie["expiry"].clone();
    }
    written["sameSite"] = match cookie["sameSite"].as_str() {
        Some("strict") => json!("Strict"),
        Some("lax") => json!("Lax"),
        _ => json!("None"),
    };
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_sees_the_cookies_of_its_host_and_path() {
        let document = Url::parse("https://a.shop.test/cart/1").expect("a URL");
        for (domain, path, secure, expected) in [
            ("a.shop.test", "/", true, true),
            (".shop.test", "/cart", false, true),
            (".a.shop.test", "/cart/", false, true),
            ("shop.test", "/", false, false),
            (".op.test", "/", false, false),
            ("a.shop.test", "/car", false, false),
            ("a.shop.test", "/cart/1/x", false, false),
        ] {
            let cookie = json!({ "domain": domain, "path": path, "secure": secure });
            assert_eq!(is_seen(&cookie, &document), expected, "{cookie}");
        }
        let plain = Url::parse("http://a.shop.test/").expect("a URL");
        assert!(!is_seen(&json!({ "domain": "a.shop.test", "path": "/", "secure": true }), &plain));
    }
}
