//! mitmproxy's arguments, as this program takes them.

use super::instead::{ANYWAY, INSTEAD, instead};
use crate::commands::Holdup;
use crate::fields::nearest;
use clap::CommandFactory;
use std::ffi::OsString;

/// Arguments as this program takes them, and what to say of those that were left out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Adapted {
    pub(crate) arguments: Vec<OsString>,
    pub(crate) notes: Vec<String>,
}

/// The commands that mitmproxy has as programs.
const OF_MITMPROXY: [&str; 3] = ["proxy", "replay", "resend"];

/// Adapts the arguments, the name of the program first. The error is what to do instead.
pub(crate) fn adapted(arguments: Vec<OsString>) -> Result<Adapted, String> {
    let mut notes = Vec::new();
    if !arguments.iter().any(|argument| OF_MITMPROXY.iter().any(|command| argument == command)) {
        return Ok(Adapted { arguments, notes });
    }
    // Nothing behind `--` is an option.
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    let mut options = without_set(&arguments[..end])?;
    options.retain(|option| {
        let anyway = option.to_str().and_then(|option| ANYWAY.iter().find(|(names, _)| names.contains(&option)));
        notes.extend(anyway.map(|(names, why)| format!("{} is not needed: {why}", names[0])));
        anyway.is_none()
    });
    match instead(&options) {
        Some(instead) => Err(instead),
        None => Ok(Adapted { arguments: options.into_iter().chain(arguments[end..].iter().cloned()).collect(), notes }),
    }
}

/// Replaces `--set NAME=VALUE` by the option of that name.
fn without_set(arguments: &[OsString]) -> Result<Vec<OsString>, String> {
    let (mut out, mut rest) = (Vec::new(), arguments.iter());
    while let Some(argument) = rest.next() {
        let set = match argument.to_str() {
            Some("--set") => Some(rest.next().and_then(|next| next.to_str()).ok_or("--set needs NAME=VALUE")?),
            Some(text) => text.strip_prefix("--set="),
            None => None,
        };
        match set {
            Some(set) => out.extend(option(set)?),
            None => out.push(argument.clone()),
        }
    }
    Ok(out)
}

/// Returns the option for what `--set` sets.
fn option(set: &str) -> Result<Option<OsString>, String> {
    let (said, value) = set.split_once('=').unwrap_or((set, "true"));
    let name = said.trim().replace('_', "-");
    let known = known();
    let is_known = |name: &str| known.iter().any(|known| known == name);
    let no_name = format!("no-{name}");
    Ok(match value {
        "false" if is_known(&no_name) => Some(format!("--{no_name}").into()),
        _ if !is_known(&name) => return Err(unknown(said, &name, &known)),
        "true" => Some(format!("--{name}").into()),
        "false" => None,
        value => Some(format!("--{name}={value}").into()),
    })
}

/// Returns the long options of this program's proxy, and those of mitmproxy that are answered.
fn known() -> Vec<String> {
    let command = Holdup::command();
    let proxy = command.find_subcommand("proxy");
    let own = proxy.into_iter().flat_map(clap::Command::get_arguments).filter_map(clap::Arg::get_long);
    let answered = INSTEAD.iter().chain(ANYWAY).flat_map(|(names, _)| *names);
    own.chain(answered.filter_map(|name| name.strip_prefix("--"))).map(str::to_owned).collect()
}

fn unknown(said: &str, name: &str, known: &[String]) -> String {
    match nearest(name, known.iter().map(String::as_str)) {
        Some(nearest) => {
            format!("--set {said}: there is no such option; did you mean `{}`?", nearest.replace('-', "_"))
        }
        None => format!("--set {said}: there is no such option; `holdup proxy --help` lists them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: &[&str]) -> Result<Adapted, String> {
        adapted(arguments.iter().map(OsString::from).collect())
    }

    fn taken(arguments: &[&str]) -> Vec<String> {
        let adapted = of(arguments).expect("arguments");
        adapted.arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn what_is_set_is_an_option() {
        assert_eq!(
            taken(&["holdup", "proxy", "--set", "listen_port=8080", "--set=ssl_insecure", "--set", "intercept=~u a=b"]),
            ["holdup", "proxy", "--listen-port=8080", "--ssl-insecure", "--intercept=~u a=b"]
        );
        assert_eq!(taken(&["holdup", "proxy", "--set", "ssl_insecure=false"]), ["holdup", "proxy"]);
        assert_eq!(of(&["holdup", "proxy", "--set"]), Err("--set needs NAME=VALUE".to_owned()));
        let said = |set| of(&["holdup", "proxy", "--set", set]).expect_err(set);
        assert!(said("vew_filter=~u x").ends_with("did you mean `view_filter`?"));
        assert!(said("confdir=x").contains("no such option") && said("fooo=false").contains("no such option"));
        assert!(said("http2=false").contains("http1_only"));
        assert_eq!(taken(&["holdup", "doctor", "--set", "x"]), ["holdup", "doctor", "--set", "x"], "clap answers");
    }

    #[test]
    fn what_is_so_anyway_is_left_out_and_said() {
        let adapted = of(&["holdup", "proxy", "--anticache", "-vv", "-q", "--", "-v"]).expect("arguments");
        assert_eq!(adapted.arguments, ["holdup", "proxy", "-q", "--", "-v"]);
        assert_eq!(adapted.notes.len(), 2, "{adapted:?}");
        assert!(of(&["holdup", "proxy", "--set", "anticache=true"]).expect("arguments").notes[0].contains("cached"));
    }

    #[test]
    fn what_there_is_not_says_what_to_do() {
        assert!(of(&["holdup", "proxy", "--set", "stickycookie=~u x"]).expect_err("no option").contains("cookie"));
        assert!(of(&["holdup", "resend", "-s", "a.py"]).expect_err("no option").contains("`T`"));
    }
}
