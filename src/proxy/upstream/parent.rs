//! Another proxy on the way to the servers, as networks of companies have one.

use crate::flow::{Advice, Fault, FaultStage, Target};
use crate::proxy::heads;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use http::header::{self, HeaderMap};
use percent_encoding::percent_decode_str;
use std::fmt;
use std::io::{self, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

/// A proxy through which servers are reached.
#[derive(Clone)]
pub(super) struct Parent {
    pub(super) target: Target,
    /// The value of `proxy-authorization` (RFC 7617).
    authorization: Option<HeaderValue>,
}

/// The longest head of a response to CONNECT.
const LONGEST_HEAD: usize = 64 * 1024;

impl Parent {
    /// Parses `http://host:port` or `http://user:password@host:port`. The error is what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let no_proxy = |why: &str| {
            format!("{why}: write http://host:port, with user:password@ before the host if it asks for them")
        };
        // Never prints the text: it may contain a password.
        let url =
            Url::parse(text).map_err(|error| no_proxy(&format!("the URL of the proxy cannot be read ({error})")))?;
        if url.scheme() != "http" {
            return Err(no_proxy(&format!("a proxy with the scheme {:?} is not supported", url.scheme())));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(no_proxy("the URL of a proxy has no path"));
        }
        let host = url.host_str().ok_or_else(|| no_proxy("the URL of the proxy names no host"))?;
        let target = Target::new(false, host, url.port().unwrap_or(80));
        let has_user = !url.username().is_empty() || url.password().is_some();
        let authorization = has_user.then(|| basic(url.username(), url.password().unwrap_or_default()));
        Ok(Self { target, authorization })
    }

    /// Makes the proxy connect to a target. What the server sends first stays unread.
    pub(super) async fn connect(&self, stream: &mut TcpStream, to: &Target) -> Result<(), Fault> {
        let place = to.host_and_port();
        let mut request = format!("CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n").into_bytes();
        if let Some(value) = &self.authorization {
            request.extend_from_slice(b"proxy-authorization: ");
            request.extend_from_slice(value.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        let asked = async {
            stream.write_all(&request).await?;
            read_head(stream).await
        };
        let head = asked.await.map_err(|error| {
            Fault::from_error(FaultStage::Connect, &format!("{self} did not connect to {place}"), &error)
        })?;
        match status(&head) {
            Some(200..300) => Ok(()),
            Some(407) => Err(self.asks_for_password()),
            _ => Err(Fault::new(
                FaultStage::Connect,
                format!("{self} did not connect to {place}: {}", first_line(&head)),
            )),
        }
    }

    /// Adds what the proxy wants to know of a request in absolute form.
    pub(super) fn authorize(&self, headers: &mut HeaderMap) {
        if let Some(value) = &self.authorization {
            headers.insert(header::PROXY_AUTHORIZATION, value.clone());
        }
    }

    /// Returns the fault of a request that the proxy responds to with 407.
    pub(super) fn asks_for_password(&self) -> Fault {
        let what = match self.authorization {
            None => "asks for a user and a password",
            Some(_) => "refuses the user and the password",
        };
        Fault::new(FaultStage::Connect, format!("{self} {what} (407): {}", Advice::UpstreamProxy.text()))
    }

    /// Returns the fault of a proxy that does not take a connection.
    pub(super) fn unreachable(&self, fault: &Fault) -> Fault {
        Fault::new(fault.stage(), format!("{self} cannot be reached: {}", fault.what()))
    }
}

/// Never prints the password.
impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the upstream proxy {}", self.target.host_and_port())
    }
}

impl fmt::Debug for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn basic(user: &str, password: &str) -> HeaderValue {
    let decoded = |text: &str| percent_decode_str(text).collect::<Vec<_>>();
    let pair = [decoded(user), b":".to_vec(), decoded(password)].concat();
    // Base64 is always a valid value.
    let value = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(pair)));
    value.unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Reads the head of a response, and nothing behind it.
async fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let (mut head, mut seen) = (Vec::new(), [0; 4096]);
    while head.len() < LONGEST_HEAD {
        let size = stream.peek(&mut seen).await?;
        if size == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let before = head.len();
        head.extend_from_slice(&seen[..size]);
        let end = heads::end_of(&head);
        head.truncate(end.unwrap_or(head.len()));
        // Takes what was seen of the head off the stream.
        stream.read_exact(&mut seen[..head.len() - before]).await?;
        if end.is_some() {
            return Ok(head);
        }
    }
    Err(io::Error::other("its response has no end"))
}

fn first_line(head: &[u8]) -> String {
    String::from_utf8_lossy(head).lines().next().unwrap_or_default().to_owned()
}

fn status(head: &[u8]) -> Option<u16> {
    first_line(head).split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_proxy_has_a_host_a_port_and_perhaps_a_password() {
        let parent = Parent::parse("http://a%20b:p%40ss@Proxy.test:3128").expect("a proxy");
        assert_eq!((&*parent.target.host, parent.target.port), ("proxy.test", 3128));
        assert_eq!(parent.authorization.as_ref().map(HeaderValue::as_bytes), Some(&b"Basic YSBiOnBAc3M="[..]));
        assert_eq!(parent.to_string(), "the upstream proxy proxy.test:3128");
        let bare = Parent::parse("http://[::1]/").expect("a proxy");
        assert_eq!((bare.to_string().as_str(), bare.authorization), ("the upstream proxy [::1]:80", None));
    }

    #[test]
    fn what_is_no_proxy_says_what_is_wrong_and_never_the_password() {
        for (text, why) in [
            ("proxy.test:3128", "scheme"),
            ("https://u:secret@proxy.test", "scheme \"https\" is not supported"),
            ("socks5://u:secret@proxy.test", "scheme"),
            ("http://u:secret@proxy.test/path", "no path"),
            ("http://u:secret@:80", "cannot be read"),
            ("", "cannot be read"),
        ] {
            let said = Parent::parse(text).expect_err(text);
            assert!(said.contains(why) && said.contains("http://host:port"), "{text}: {said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
