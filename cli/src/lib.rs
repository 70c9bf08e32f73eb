//! The program `holdup`: a console for a person, and what to do with recordings.
//!
//! `commands` has what is typed after the name, and `mitmproxy` what its users type out of habit. `launch` is `holdup proxy`;
//! `listen` starts the proxy of every command, with the rules of `rule`; `output` is what is printed without a console. `console` is what is seen: `model` and `keys` are pure, `draw` shows the
//! model, and `run` owns the terminal. Its other end is `holdup`'s own `src/console/`, in this process or in that of a
//! test.

mod artifacts;
mod commands;
mod console;
mod doctor;
mod launch;
mod listen;
mod manual;
mod mitmproxy;
mod mode;
mod output;
mod recording;
mod rule;

/// The grammar of the macros, in the files of the macros.
macro_rules! grammar {
    ($($module:ident = $path:literal;)*) => {$(
        #[path = $path]
        #[allow(dead_code, unused_imports, reason = "the macros use the rest")]
        mod $module;
    )*};
}
grammar! {
    argument = "../../macros/src/argument.rs";
    ast = "../../macros/src/ast.rs";
    check = "../../macros/src/check.rs";
    expand = "../../macros/src/expand.rs";
    fields = "../../macros/src/fields.rs";
    parse = "../../macros/src/parse.rs";
    verb = "../../macros/src/verb.rs";
}

use clap::Parser;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

/// Runs the program with its arguments, the name first.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    holdup::__private::speak_in_options();
    let adapted = match mitmproxy::adapted(arguments.collect()) {
        Ok(adapted) => adapted,
        Err(instead) => return failed(&instead),
    };
    adapted.notes.iter().for_each(|note| commands::say(&format!("holdup: {note}")));
    let command = commands::Holdup::parse_from(adapted.arguments);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(command.run()) {
        Ok(code) => code,
        Err(error) if is_output_closed(&*error) => ExitCode::SUCCESS,
        // What was typed may contain a password.
        Err(error) => failed(&holdup::__private::sanitize(&error.to_string())),
    }
}

fn is_output_closed(error: &(dyn std::error::Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is_some_and(|error| error.is::<commands::OutputClosed>())
}

fn failed(error: &dyn std::fmt::Display) -> ExitCode {
    commands::say(&format!("holdup: {error}"));
    ExitCode::FAILURE
}
