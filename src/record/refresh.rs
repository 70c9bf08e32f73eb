//! Moves the dates of a recorded head to now, and leaves out what cannot be sent again. Pure.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The first second that is no date of HTTP.
const YEAR_10000: u64 = 253_402_300_800;

/// Headers of the connection that the recording was made on.
const OF_CONNECTION: [HeaderName; 8] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::UPGRADE,
    header::SEC_WEBSOCKET_ACCEPT,
    header::SEC_WEBSOCKET_EXTENSIONS,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("alt-svc"),
];

/// Returns recorded headers as they are sent now. `began` is when the recorded flow began, in seconds since 1970.
pub(super) fn refreshed(recorded: &HeaderMap, began: Option<f64>, now: SystemTime) -> HeaderMap {
    let mut headers = recorded.clone();
    for name in &OF_CONNECTION {
        headers.remove(name);
    }
    remove_masked_cookies(&mut headers);
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    if let Some(began) = began.filter(|began| *began > 0.0 && *began < now) {
        refresh(&mut headers, Duration::from_secs_f64(now - began));
    }
    headers
}

/// Moves dates by the time that has passed since the recording, as mitmproxy does: what was fresh then is fresh now.
fn refresh(headers: &mut HeaderMap, passed: Duration) {
    for name in [header::DATE, header::EXPIRES, header::LAST_MODIFIED] {
        let moved = headers.get(&name).and_then(|value| moved(value.to_str().ok()?, passed));
        if let Some(moved) = moved {
            headers.insert(name, moved);
        }
    }
    let cookies: Vec<_> =
        headers.get_all(header::SET_COOKIE).iter().map(|cookie| fresh_cookie(cookie, passed)).collect();
    set_cookies(headers, cookies);
}

fn set_cookies(headers: &mut HeaderMap, cookies: Vec<HeaderValue>) {
    headers.remove(header::SET_COOKIE);
    for cookie in cookies {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Of a masked cookie, neither the name nor the value is known.
fn remove_masked_cookies(headers: &mut HeaderMap) {
    let cookies = headers.get_all(header::SET_COOKIE).iter();
    let known: Vec<_> = cookies.filter(|cookie| !cookie.as_bytes().starts_with(b"<masked ")).cloned().collect();
    set_cookies(headers, known);
}

fn moved(date: &str, passed: Duration) -> Option<HeaderValue> {
    let at = httpdate::parse_http_date(date).ok()? + passed;
    // Never: "Fri, 31 Dec 9999", as many cookies have it, stays what it is.
    let is_date = at.duration_since(UNIX_EPOCH).is_ok_and(|since| since.as_secs() < YEAR_10000);
    is_date.then(|| HeaderValue::from_str(&httpdate::fmt_http_date(at)).ok())?
}

fn fresh_cookie(cookie: &HeaderValue, passed: Duration) -> HeaderValue {
    let fresh = || {
        let text = cookie.to_str().ok()?;
        let at = text.to_ascii_lowercase().find("expires=")? + "expires=".len();
        let end = text[at..].find(';').map_or(text.len(), |end| at + end);
        // Some servers write it with hyphens.
        let date = moved(&text[at..end].replace('-', " "), passed)?;
        HeaderValue::from_str(&format!("{}{}{}", &text[..at], date.to_str().ok()?, &text[end..])).ok()
    };
    fresh().unwrap_or_else(|| cookie.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_moved_unless_they_mean_never() {
        let hour = Duration::from_secs(3600);
        let moved = |date: &str| moved(date, hour).map(|date| date.to_str().unwrap_or_default().to_owned());
        assert_eq!(moved("Sat, 28 Nov 2026 09:00:00 GMT").as_deref(), Some("Sat, 28 Nov 2026 10:00:00 GMT"));
        assert_eq!((moved("Fri, 31 Dec 9999 23:59:59 GMT"), moved("0")), (None, None));
        let cookie = |text: &'static str| fresh_cookie(&HeaderValue::from_static(text), hour);
        assert_eq!(
            cookie("a=1; Expires=Sat, 28-Nov-2026 09:00:00 GMT; Path=/"),
            "a=1; Expires=Sat, 28 Nov 2026 10:00:00 GMT; Path=/"
        );
        for same in ["a=1; expires=Fri, 31-Dec-9999 23:59:59 GMT", "a=1", "a=1; expires="] {
            assert_eq!(cookie(same), same);
        }
    }
}
