//! Ends the driver and its browsers with the test process, however that exits.
//!
//! A guardian shell waits for end of file on a pipe whose other end only the test process holds: the kernel closes it
//! even after SIGKILL. The guardian then kills the driver's process group and removes its folder. The driver itself
//! waits for a line on its own pipe before it starts, so it never runs before the guardian knows its group.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

const GUARD: &str = r#"
read -r group
cat >/dev/null
[ -n "$group" ] && kill -s KILL -- "-$group" 2>/dev/null
tries=0
until rm -rf -- "$1" 2>/dev/null || [ "$tries" -ge 100 ]; do tries=$((tries + 1)); done
"#;

const START_AT_A_WORD: &str = r#"read -r word && exec "$@" </dev/null"#;

/// Keeps a driver alive. Dropping it kills the driver and its browsers.
#[derive(Debug)]
pub(super) struct Lifeline {
    /// Held open and never written to again; end of file is the signal.
    _pipe: ChildStdin,
}

/// Starts a program whose process group and folder do not outlive this process.
pub(super) fn spawn(
    program: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
    folder: &Path,
) -> io::Result<(Child, Lifeline)> {
    let (mut guardian, mut lifeline) = piped(&mut shell(GUARD, [folder.as_os_str()]))?;
    // Reaped when it ends: it would stay a zombie for as long as this process lives.
    std::thread::spawn(move || guardian.wait());
    let arguments = std::iter::once(program.as_os_str()).chain(arguments.iter().map(OsStr::new));
    let mut command = shell(START_AT_A_WORD, arguments);
    command.envs(environment.iter().copied()).env("TMPDIR", folder).stdout(Stdio::piped()).stderr(Stdio::null());
    let (child, mut start) = piped(&mut command)?;
    writeln!(lifeline, "{}", child.id())?;
    writeln!(start, "start")?;
    Ok((child, Lifeline { _pipe: lifeline }))
}

/// Returns a command for a script in a new process group, which Ctrl-C does not reach.
fn shell<'a>(script: &str, arguments: impl IntoIterator<Item = &'a OsStr>) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script).arg("holdup").args(arguments);
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn piped(command: &mut Command) -> io::Result<(Child, ChildStdin)> {
    let mut child = command.spawn()?;
    let stdin = child.stdin.take().ok_or_else(|| io::Error::other("a child without the pipe that was asked for"))?;
    Ok((child, stdin))
}
