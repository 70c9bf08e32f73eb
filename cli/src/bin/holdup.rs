//! `holdup`
fn main() -> std::process::ExitCode {
    holdup_cli::main(std::env::args_os())
}
