//! What to do about a failure, in the words of who is told: the author of a test calls methods, a person at the program
//! `holdup` gives options.

use std::sync::atomic::{AtomicBool, Ordering};

static IN_OPTIONS: AtomicBool = AtomicBool::new(false);

/// From now on, this process is the program: advice names its options, and no place is a line of a test.
pub fn speak_in_options() {
    IN_OPTIONS.store(true, Ordering::Relaxed);
}

pub(super) fn is_in_options() -> bool {
    IN_OPTIONS.load(Ordering::Relaxed)
}

/// What to do about a server that is not trusted, or must not be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Advice<'a> {
    /// Take any certificate of this host.
    Insecure(&'a str),
    /// Trust a certificate.
    Trust,
    /// Serve this host from another address.
    Host(&'a str),
    /// The same, where TLS is the mistake.
    Plain(&'a str),
    /// Let a client trust the CA.
    TrustCa,
    /// Send a password to the proxy on the way.
    UpstreamProxy,
}

impl Advice<'_> {
    pub(crate) fn text(self) -> String {
        self.in_words(is_in_options())
    }

    fn in_words(self, in_options: bool) -> String {
        match (self, in_options) {
            (Self::Insecure(host), false) => format!("`mitm.insecure_upstream({host:?})`"),
            (Self::Insecure(host), true) => format!("`--insecure {host}`"),
            (Self::Trust, false) => "`mitm.trust_upstream(pem)`".to_owned(),
            (Self::Trust, true) => "`--trust FILE`".to_owned(),
            (Self::Host(host), false) => format!("`mitm.host({host:?}, address)`"),
            (Self::Plain(host), false) => format!("`mitm.host({host:?}, address)`, without `Upstream::tls`"),
            (Self::Host(host) | Self::Plain(host), true) => format!("`--host {host}=ADDRESS`"),
            (Self::TrustCa, false) => "give it `mitm.ca_pem()`, or start it with `mitm.envs()`".to_owned(),
            (Self::TrustCa, true) => "give it the file that `--ca FILE` writes".to_owned(),
            // Without a whole URL, since reports mask the password in one.
            (Self::UpstreamProxy, false) => {
                "the URL of `mitm.upstream_proxy` takes user:password@ before the host".to_owned()
            }
            (Self::UpstreamProxy, true) => {
                "the URL of `--mode upstream` takes user:password@ before the host".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_at_the_program_is_told_its_options() {
        let all = [
            Advice::Insecure("a.test"),
            Advice::Trust,
            Advice::Host("a.test"),
            Advice::Plain("a.test"),
            Advice::TrustCa,
            Advice::UpstreamProxy,
        ];
        for advice in all {
            assert!(advice.in_words(false).contains("mitm."), "{advice:?}");
            let words = advice.in_words(true);
            assert!(words.contains("--") && !words.contains("mitm."), "{words}");
        }
    }
}
