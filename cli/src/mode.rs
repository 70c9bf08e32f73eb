//! `--mode`: how clients reach the proxy, and how it reaches their servers. Pure.

use holdup::__private::sanitize_line;
use std::convert::Infallible;
use std::str::FromStr;

/// A mode of mitmproxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Clients use it as their proxy.
    Regular,
    /// Clients use it as if it were this server.
    Reverse(String),
    /// It reaches servers through this proxy.
    Upstream(String),
    /// What is wrong. No error of the parser, which would print the mode: a password may be in it.
    Wrong(String),
}

impl FromStr for Mode {
    type Err = Infallible;

    fn from_str(said: &str) -> Result<Self, Infallible> {
        Ok(Self::read(said).unwrap_or_else(Self::Wrong))
    }
}

impl Mode {
    fn read(said: &str) -> Result<Self, String> {
        if let Some((mode, port)) = said.rsplit_once('@').filter(|(_, port)| port.parse::<u16>().is_ok()) {
            let mode = sanitize_line(mode);
            return Err(format!("the port to listen on has its own option: --mode {mode} -p {port}"));
        }
        match said.split_once(':') {
            None if said == "regular" => Ok(Self::Regular),
            Some(("reverse", server)) => Ok(Self::Reverse(server.to_owned())),
            Some(("upstream", proxy)) => Ok(Self::Upstream(proxy.to_owned())),
            _ => Err(
                "there are regular, reverse:https://shop.test and upstream:http://proxy.test:3128. For other modes, \
                      record with mitmproxy, and open that with `-r FILE`"
                    .to_owned(),
            ),
        }
    }
}

/// Returns what is wrong with the modes, if they cannot be used together.
pub(crate) fn wrong(modes: &[Mode]) -> Option<String> {
    let count = |is: fn(&Mode) -> bool| modes.iter().filter(|mode| is(mode)).count();
    let is_twice = [count(|it| matches!(it, Mode::Reverse(_))), count(|it| matches!(it, Mode::Upstream(_)))];
    modes.iter().find_map(|mode| match mode {
        Mode::Wrong(why) => Some(format!("--mode: {why}")),
        _ if is_twice.iter().any(|count| *count > 1) => Some("--mode: one proxy has one mode of each kind".to_owned()),
        _ => None,
    })
}

/// Returns the server of a reverse proxy, if the modes have one.
pub(crate) fn reverse(modes: &[Mode]) -> Option<&str> {
    modes.iter().find_map(|mode| match mode {
        Mode::Reverse(server) => Some(server.as_str()),
        _ => None,
    })
}

/// Returns the proxy on the way to the servers, if the modes have one.
pub(crate) fn upstream(modes: &[Mode]) -> Option<&str> {
    modes.iter().find_map(|mode| match mode {
        Mode::Upstream(proxy) => Some(proxy.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_read_as_mitmproxy_writes_it() {
        assert_eq!("regular".parse(), Ok(Mode::Regular));
        assert_eq!("reverse:https://a.test:8443".parse(), Ok(Mode::Reverse("https://a.test:8443".to_owned())));
        let both: Vec<Mode> =
            ["reverse:https://a.test", "upstream:http://u:p@b.test:1"].iter().map(|it| it.parse().expect(it)).collect();
        assert_eq!((reverse(&both), upstream(&both)), (Some("https://a.test"), Some("http://u:p@b.test:1")));
        assert_eq!(wrong(&both), None);
        let why = |modes: &[&str]| {
            let modes: Vec<Mode> = modes.iter().map(|it| it.parse().expect("never fails")).collect();
            wrong(&modes).unwrap_or_default()
        };
        assert!(why(&["reverse:https://a.test@8080"]).ends_with("a.test -p 8080"));
        assert!(why(&["reverse:https://a.test", "reverse:https://b.test"]).contains("one mode of each kind"));
        for other in
            ["transparent", "wireguard", "socks5://u:secret@a", "local:curl", "", "http://u:secret@p.test:1080"]
        {
            let why = why(&[other]);
            assert!(why.contains("record with mitmproxy") && !why.contains("secret"), "{other}: {why}");
        }
    }
}
