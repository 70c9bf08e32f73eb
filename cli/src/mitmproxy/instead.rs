//! The options of mitmproxy that this program does not have: what instead.

use super::pattern;
use std::ffi::OsString;
use std::path::Path;

/// Options that ask for what is so anyway.
pub(super) const ANYWAY: &[(&[&str], &str)] = &[
    (&["--anticache"], "nothing is cached anyway"),
    (&["--anticomp"], "bodies are shown and edited without their coding anyway"),
    (&["--showhost"], "hosts are shown as the client names them anyway"),
    (&["--server-replay-nopop"], "the last recorded answer is given again anyway"),
    (&["--server-replay-reuse"], "the last recorded answer is given again anyway"),
    (&["--verbose", "-v", "-vv", "-vvv"], "`E` in the console shows everything that happens, and `-q` prints it"),
];

/// Options, and what does the same here.
pub(super) const INSTEAD: &[(&[&str], &str)] = &[
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
        &["--tcp-hosts", "--udp-hosts", "--rawtcp", "--no-rawtcp"],
        "what is no HTTP passes unchanged; `--ignore-hosts HOST` passes any host",
    ),
    (&["--no-http2"], "write a test, where `Upstream::tls(address).http1_only()` says so of a server"),
    (&["--stickycookie", "--stickyauth"], "write `--rule 'rewrite!(url ~ \"x\", header(\"cookie\") => \"a=b\")'`"),
    (&["--proxyauth"], "this proxy is for this machine, and asks for no password"),
    (&["--upstream-auth"], "write it into the URL: `--mode upstream:http://user:password@proxy.test:3128`"),
    (&["--server-replay-kill-extra"], "`--server-replay-extra 404` answers with 404 what is not in the recording"),
    (&["--save-stream-filter"], "`-w` records every flow; `f` shows only some"),
];

/// Returns what to do instead of an argument that mitmproxy has, and this program has not.
pub(super) fn instead(arguments: &[OsString]) -> Option<String> {
    // What follows an option that takes a value is none, but no value begins like one of these.
    arguments.iter().enumerate().find_map(|(nth, argument)| {
        let argument = argument.to_str()?;
        let (name, attached) = split(argument);
        let (_, instead) = INSTEAD.iter().find(|(names, _)| names.contains(&name))?;
        let value = attached.or_else(|| arguments.get(nth + 1)?.to_str());
        let rules = value.and_then(|value| rules(name, value));
        let written =
            rules.map(|rules| rules.iter().map(|rule| format!(" --rule {}", quoted(rule))).collect::<String>());
        let instead = written.map_or_else(|| (*instead).to_owned(), |rules| format!("write{rules}"));
        Some(format!("mitmproxy's {name} is not an option here: {instead}"))
    })
}

/// Splits an option and the value that is attached to it.
fn split(argument: &str) -> (&str, Option<&str>) {
    match argument.split_once('=') {
        Some((name, value)) if argument.starts_with("--") => (name, Some(value)),
        None if argument.starts_with("--") => (argument, None),
        _ => match argument.split_at_checked(2) {
            Some((name, "")) => (name, None),
            Some((name, value)) => (name, Some(value)),
            None => (argument, None),
        },
    }
}

/// Returns the rules that do what an option with a pattern does.
fn rules(name: &str, pattern: &str) -> Option<Vec<String>> {
    match name {
        "-B" | "--modify-body" => pattern::modify_body(pattern),
        "-H" | "--modify-headers" => pattern::modify_headers(pattern),
        "-M" | "--map-remote" => pattern::map_remote(pattern).map(|rule| vec![rule]),
        "--map-local" => pattern::map_local(pattern, |path| Path::new(path).is_dir()).map(|rule| vec![rule]),
        _ => None,
    }
}

/// Quotes a text for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Holdup;
    use clap::Parser;

    fn said(arguments: &[&str]) -> Option<String> {
        instead(&arguments.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn an_option_of_mitmproxy_is_answered() {
        assert!(said(&["holdup", "proxy", "--map-local", "x"]).is_some_and(|said| said.contains("replace!")));
        assert!(
            said(&["holdup", "proxy", "--scripts=a.py"]).is_some() && said(&["holdup", "proxy", "-sa.py"]).is_some()
        );
        assert_eq!(said(&["holdup", "proxy", "-w", "x", "--intercept", "~u x"]), None);
    }

    #[test]
    fn a_pattern_is_answered_by_its_rule() {
        let of = |option, pattern| said(&["holdup", "proxy", option, pattern]).expect("what instead");
        let teh = of("-B", "/~s/the/teh");
        assert!(teh.ends_with(": write --rule 'rewrite!(response: \"~s\", \"the\" => \"teh\")'"), "{teh}");
        assert!(of("-H", "/~q/x/it's").contains(r"'\''"), "quoted for a shell");
        assert!(of("--map-remote", "no pattern").contains("a.test"), "an example");
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
        for (option, pattern) in [
            ("-B", "/~q/the/teh"),
            ("-B", "|a(.)|\\1"),
            ("-B", "/~c 404/nope/yep"),
            ("-B", "/!~q/the/teh"),
            ("-H", "/~hs \"text.html\"/x/1"),
            ("--map-local", "|m.test/static|/tmp"),
            ("--map-local", "|m.test/(.*)|/tmp"),
            ("-H", "/~s & ~d a.test/x/1"),
            ("-H", "/cookie/"),
            ("-M", "|https://a\\.test|https://b.test"),
            ("-M", "|~m GET | ~m POST|https://a.test|https://b.test"),
            ("-M", "/~m GET/a/b"),
        ] {
            for rule in super::rules(option, pattern).into_iter().flatten() {
                assert_eq!(crate::rule::declare(&mitm, &rule), Ok(()), "{option} {pattern}");
            }
        }
        drop(mitm.stop().await);
    }
}
