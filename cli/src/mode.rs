//! `--mode`: how clients reach the proxy, and how it reaches their servers. Pure.

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
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(said: &str) -> Result<Self, String> {
        if let Some((mode, port)) = said.rsplit_once('@').filter(|(_, port)| port.parse::<u16>().is_ok()) {
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
        assert!("reverse:https://a.test@8080".parse::<Mode>().is_err_and(|why| why.ends_with("a.test -p 8080")));
        for other in ["transparent", "wireguard", "socks5", "local:curl", ""] {
            assert!(other.parse::<Mode>().is_err_and(|why| why.contains("record with mitmproxy")), "{other}");
        }
    }
}
