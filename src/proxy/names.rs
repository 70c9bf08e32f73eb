//! Host names as clients send them. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Returns a host name as clients send it: lower case, internationalized labels in Punycode, no brackets around an IPv6
/// address, no trailing dot. Returns `None` if the text is no host name.
pub(in crate::proxy) fn canonical(name: &str) -> Option<String> {
    let bare = name.strip_suffix('.').unwrap_or(name);
    let bare = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(bare);
    if bare.parse::<std::net::Ipv6Addr>().is_ok() {
        return Some(bare.to_ascii_lowercase());
    }
    if bare.contains('*') {
        return None;
    }
    match url::Host::parse(bare).ok()? {
        url::Host::Domain(domain) => Some(domain),
        url::Host::Ipv4(address) => Some(address.to_string()),
        url::Host::Ipv6(_) => None,
    }
}

/// Returns whether a name always means this machine (RFC 6761, section 6.3).
pub(in crate::proxy) fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// Returns whether a name or an address always means this machine.
pub(in crate::proxy) fn is_this_machine(host: &str) -> bool {
    is_localhost(host) || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Returns what is wrong with a text that is neither a host name nor a pattern.
pub(in crate::proxy) fn no_name(name: &str) -> String {
    format!(
        "{name:?} is not a host name: write it without scheme, port and path (\"shop.test\"), or a pattern for all \
         names below one (\"*.shop.test\"), or \"*\" for every name"
    )
}

/// Values by host name. The pattern `*.shop.test` covers every name below `shop.test`, and `*` every name.
#[derive(Debug)]
pub(in crate::proxy) struct ByName<T> {
    exact: BTreeMap<String, T>,
    /// By the part after `*.`.
    below: BTreeMap<String, T>,
    /// Of every other name.
    all: Option<T>,
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self { exact: BTreeMap::new(), below: BTreeMap::new(), all: None }
    }
}

impl<T> ByName<T> {
    /// Inserts a value. Fails with the value if the text is neither a host name nor a pattern.
    pub(in crate::proxy) fn insert(&mut self, name: &str, value: T) -> Result<(), T> {
        if name == "*" {
            self.all = Some(value);
            return Ok(());
        }
        let (map, name) = match name.strip_prefix("*.") {
            Some(parent) => (&mut self.below, canonical(parent)),
            None => (&mut self.exact, canonical(name)),
        };
        let Some(name) = name else { return Err(value) };
        map.insert(name, value);
        Ok(())
    }

    /// Returns the value of the name itself, otherwise that of the longest pattern that covers it.
    pub(in crate::proxy) fn get(&self, name: &str) -> Option<&T> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let parents = name.match_indices('.').map(|(at, _)| &name[at + 1..]);
        let below = || parents.into_iter().find_map(|parent| self.below.get(parent));
        self.exact.get(name).or_else(below).or(self.all.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_a_browser_sends() {
        for (said, sent) in [
            ("Shop.TEST", Some("shop.test")),
            ("b\u{fc}cher.test", Some("xn--bcher-kva.test")),
            ("xn--bcher-kva.test", Some("xn--bcher-kva.test")),
            ("shop.test.", Some("shop.test")),
            ("under_score.test", Some("under_score.test")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("[::1]", Some("::1")),
            ("::1", Some("::1")),
            ("https://shop.test", None),
            ("shop.test:8080", None),
            ("shop.test/path", None),
            ("", None),
            ("*", None),
            ("a.*.test", None),
        ] {
            assert_eq!(canonical(said).as_deref(), sent, "{said}");
        }
    }

    #[test]
    fn the_name_itself_comes_first_then_the_longest_pattern() {
        let mut names = ByName::default();
        for name in ["*.shop.test", "*.eu.shop.test", "www.shop.test", "*.B\u{fc}cher.test"] {
            names.insert(name, name).expect("a name");
        }
        for (name, found) in [
            ("www.shop.test", Some("www.shop.test")),
            ("a.shop.test", Some("*.shop.test")),
            ("a.b.shop.test", Some("*.shop.test")),
            ("a.eu.shop.test", Some("*.eu.shop.test")),
            ("a.shop.test.", Some("*.shop.test")),
            ("shop.test", None),
            ("myshop.test", None),
            ("a.xn--bcher-kva.test", Some("*.B\u{fc}cher.test")),
        ] {
            assert_eq!(names.get(name).copied(), found, "{name}");
        }
        assert!(names.insert("*.", "").is_err() && names.insert("a b", "").is_err());
        names.insert("*", "*").expect("a pattern");
        assert_eq!((names.get("other.test"), names.get("www.shop.test")), (Some(&"*"), Some(&"www.shop.test")));
    }

    #[test]
    fn localhost_and_what_is_below_it_is_this_machine() {
        assert!(["localhost", "tenant.localhost", "a.b.localhost."].into_iter().all(is_localhost));
        assert!(!["mylocalhost", "localhost.test"].into_iter().any(is_localhost));
    }
}
