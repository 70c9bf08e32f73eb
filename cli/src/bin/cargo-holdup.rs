//! `cargo holdup`: cargo passes the name of the command as the first argument.
fn main() -> std::process::ExitCode {
    holdup_cli::main(
        std::env::args_os().enumerate().filter(|(at, said)| *at != 1 || said != "holdup").map(|(_, said)| said),
    )
}
