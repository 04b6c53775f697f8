//! `keyward`: the service, the command line and the tools in one program.

#![forbid(unsafe_code)]

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
