//! Completions and manual pages, made from the same declarations as the options.

use crate::commands::{Fault, print};
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn completions<C: CommandFactory>(shell: Shell) -> Result<ExitCode, Fault> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut C::command(), "holdup", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes `holdup.1` and one page for each command: `holdup-proxy.1`.
pub(crate) fn pages<C: CommandFactory>(folder: &Path) -> Result<ExitCode, Fault> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut command = C::command();
    command.build();
    write(folder, "holdup", &command)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        write(folder, &format!("holdup-{}", sub.get_name()), sub)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write(folder: &Path, name: &str, command: &Command) -> Result<(), Fault> {
    let file = folder.join(format!("{name}.1"));
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    fs::write(&file, page).map_err(|error| format!("{}: {error}", file.display()))?;
    print(&format!("{}\n", file.display()))?;
    Ok(())
}
