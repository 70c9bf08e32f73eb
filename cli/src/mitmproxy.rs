//! The options of mitmproxy that this program does not have: what instead. Pure.

/// Options, and what does the same here.
const INSTEAD: &[(&[&str], &str)] = &[
    (&["-C", "--client-replay"], "`holdup resend FILE` sends recorded requests again"),
    (
        &["-M", "--map-remote"],
        "write `--rule 'redirect!(host == \"a.test\", \"https://b.test\")'`: what goes to one server goes to another",
    ),
    (
        &["--map-local"],
        "write `--rule 'replace!(path == \"/app.js\", \"app.js\")'`: a local file instead of the answer",
    ),
    (
        &["-B", "--modify-body"],
        "write `--rule 'rewrite!(response: url ~ \"x\", \"the\" => \"teh\")'`: a regular expression in bodies",
    ),
    (
        &["-H", "--modify-headers"],
        "write `--rule 'rewrite!(url ~ \"x\", header(\"name\") => \"value\")'`: `holdup proxy --help` lists the rules",
    ),
    (&["-s", "--scripts"], "there are no scripts: press `T` in the console, which writes a test, and change that"),
    (
        &["-m", "--mode"],
        "this is a proxy for clients that use it as one. Record with mitmproxy, and open that with `-r FILE`",
    ),
    (&["--certs"], "every host gets a certificate of this proxy's CA, which `--ca FILE` writes"),
    (&["--allow-hosts"], "name the others: `--ignore-hosts other.test`, or `--ignore-hosts '*.other.test'`"),
    (
        &["--tcp-hosts", "--udp-hosts", "--rawtcp"],
        "what is no HTTP passes unchanged; `--ignore-hosts HOST` passes any host",
    ),
    (&["--showhost"], "hosts are shown as the client names them anyway: leave it out"),
    (&["--no-http2"], "write a test, where `Upstream::tls(address).http1_only()` says so of a server"),
    (&["--anticache"], "nothing is cached anyway: leave it out"),
    (&["--anticomp"], "bodies are shown and edited without their coding anyway: leave it out"),
    (&["--stickycookie", "--stickyauth"], "write `--rule 'rewrite!(url ~ \"x\", header(\"cookie\") => \"a=b\")'`"),
    (&["--proxyauth"], "this proxy is for this machine, and asks for no password"),
    (&["--set"], "each option has its own name: `holdup proxy --help` lists them"),
    (&["-n", "--no-server"], "`holdup open FILE` opens a recording without a browser"),
    (&["-v", "--verbose"], "`E` in the console shows everything that happens; `-q` prints it"),
    (
        &["--server-replay-nopop", "--server-replay-reuse"],
        "the last recorded answer is given again anyway: leave it out",
    ),
    (
        &["--server-replay-extra", "--server-replay-kill-extra"],
        "`holdup replay` answers others with 404, or passes them with `--pass`",
    ),
    (&["--save-stream-filter"], "`-w` records every flow; `f` shows only some"),
];

/// Returns what to do instead of an argument that mitmproxy has, and this program has not.
pub(crate) fn instead(arguments: &[String]) -> Option<String> {
    let of_mitmproxy = ["proxy", "replay"];
    if !arguments.iter().any(|argument| of_mitmproxy.contains(&argument.as_str())) {
        return None;
    }
    // What follows an option that takes a value is none, but no value begins like one of these.
    arguments.iter().take_while(|argument| *argument != "--").find_map(|argument| {
        let long = argument.split('=').next().unwrap_or(argument);
        // A value may be attached to a short one.
        let short = argument.get(..2).filter(|short| !short.ends_with('-')).unwrap_or(argument);
        let name = if argument.starts_with("--") { long } else { short };
        let (_, instead) = INSTEAD.iter().find(|(names, _)| names.contains(&name))?;
        Some(format!("mitmproxy's {name} is not an option here: {instead}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Holdup;
    use clap::Parser;

    fn said(arguments: &[&str]) -> Option<String> {
        instead(&arguments.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn an_option_of_mitmproxy_is_answered() {
        assert!(said(&["holdup", "proxy", "--map-local", "x"]).is_some_and(|said| said.contains("replace!")));
        assert!(said(&["holdup", "proxy", "--mode=reverse:x"]).is_some());
        assert!(said(&["holdup", "proxy", "-mreverse:x"]).is_some() && said(&["holdup", "proxy", "-vv"]).is_some());
        assert_eq!(said(&["holdup", "proxy", "--", "--mode"]), None);
        assert_eq!(said(&["holdup", "proxy", "-w", "x", "--intercept", "~u x"]), None);
        assert_eq!(said(&["holdup", "doctor", "--set"]), None, "clap answers");
    }

    /// What this program has, it does; and rules that are named here can be declared.
    #[test]
    fn no_answer_is_about_an_option_that_there_is() {
        for (names, instead) in INSTEAD {
            for name in *names {
                let parsed = Holdup::try_parse_from(["holdup", "proxy", name, "x"]);
                assert!(parsed.is_err(), "{name} is an option: {instead}");
            }
        }
    }

    #[tokio::test]
    async fn the_rules_in_the_answers_can_be_declared() {
        let mitm = holdup::Mitm::start().await.expect("a proxy");
        let rules = INSTEAD.iter().filter_map(|(_, instead)| instead.split_once("--rule '")?.1.split_once("'`"));
        let mut count = 0;
        for (rule, _) in rules {
            let declared = crate::rule::declare(&mitm, rule);
            // There is no such file here.
            let has_no_file = declared.as_ref().is_err_and(|why| why.contains("cannot read \"app.js\""));
            assert!(has_no_file || declared.is_ok(), "{rule}: {declared:?}");
            count += 1;
        }
        assert_eq!(count, 5);
    }
}
