//! `keyward`: the service, the command line and the tools in one program.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    keyward_service::cli::run()
}
