//! The command line: `keyward <noun> <verb> [NAME] [--flags]`.
//!
//! One file per noun holds its flags and what they do. The shell completion and the man pages are
//! made from the same definitions.

mod algorithm;
mod approval;
mod arguments;
mod attest;
mod audit;
mod authority;
mod backup;
mod bench;
mod cert;
mod client;
mod config;
mod context;
mod doctor;
#[cfg(test)]
mod documents;
mod failure;
pub mod files;
mod java;
mod kem;
mod key;
mod manual;
mod output;
mod prompt;
mod seal;
mod serve;
mod signature;
mod status;
mod symmetric;
mod time;
mod user;
mod x509;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, error::ErrorKind as UsageErrorKind};
use keyward_protocol::Error;

use self::{
    arguments::Consent,
    context::{ConnectionArgs, Context},
    failure::Outcome,
    output::Output,
};

const EXAMPLES: &str = "\
Examples:
  keyward serve --dev                                try it out
  keyward key generate web --type p-256              make a key inside the service
  keyward key self-sign web --subject CN=localhost   give it a certificate
  keyward key pem web --out web.pem                  a reference for `ssl_certificate_key`
  keyward doctor web                                 what is wrong here, and what to do";

/// A network HSM: keys live in the service, web servers and Java sign through it.
#[derive(Debug, Parser)]
#[command(name = "keyward", version, about, after_help = EXAMPLES, max_term_width = 100)]
#[command(arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Print results, and errors, as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Approval of others that lets this be done; `wait` asks for it and waits
    #[arg(long, global = true, value_name = "ID|wait", value_parser = arguments::consent)]
    approval: Option<Consent>,
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(serve::InitArgs),
    Serve(serve::ServeArgs),
    Status(status::StatusArgs),
    Doctor(doctor::DoctorArgs),
    #[command(subcommand)]
    Key(key::KeyCommand),
    #[command(subcommand)]
    Cert(cert::CertCommand),
    Attest(attest::AttestArgs),
    Sign(signature::SignArgs),
    Verify(signature::VerifyArgs),
    Encrypt(symmetric::EncryptArgs),
    Decrypt(symmetric::DecryptArgs),
    Mac(symmetric::MacArgs),
    Encapsulate(kem::EncapsulateArgs),
    Decapsulate(kem::DecapsulateArgs),
    #[command(subcommand)]
    Client(client::ClientCommand),
    #[command(subcommand)]
    Authority(authority::AuthorityCommand),
    #[command(subcommand)]
    User(user::UserCommand),
    #[command(subcommand)]
    Approval(approval::ApprovalCommand),
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    Unseal(seal::UnsealArgs),
    #[command(subcommand)]
    Seal(seal::SealCommand),
    Zeroize(seal::ZeroizeArgs),
    #[command(subcommand)]
    Config(config::ConfigCommand),
    #[command(subcommand)]
    Java(java::JavaCommand),
    Bench(bench::BenchArgs),
    Completion(manual::CompletionArgs),
    Man(manual::ManArgs),
}

/// Runs the program: reads its arguments, does what they say, reports how that went.
pub fn run() -> ExitCode {
    if let Some(status) = crate::token::play_part() {
        return status;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return report_usage(&error),
    };
    let output = Output { json: cli.json };
    match execute(cli, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(output.json),
    }
}

fn execute(cli: Cli, output: Output) -> Outcome {
    let context = Context::new(cli.connection, cli.approval, output);
    match cli.command {
        Command::Init(args) => serve::init(&args, &context),
        Command::Serve(args) => serve::serve(&args, &output),
        Command::Status(args) => status::run(&args, &context),
        Command::Doctor(args) => doctor::run(&args, &context),
        Command::Key(command) => key::run(&command, &context),
        Command::Cert(command) => cert::run(&command, &context),
        Command::Attest(args) => attest::run(&args, &context),
        Command::Sign(args) => signature::sign(&args, &context),
        Command::Verify(args) => signature::verify(&args, &context),
        Command::Encrypt(args) => symmetric::encrypt(&args, &context),
        Command::Decrypt(args) => symmetric::decrypt(&args, &context),
        Command::Mac(args) => symmetric::mac(&args, &context),
        Command::Encapsulate(args) => kem::encapsulate(&args, &context),
        Command::Decapsulate(args) => kem::decapsulate(&args, &context),
        Command::Client(command) => client::run(&command, &context),
        Command::Authority(command) => authority::run(&command, &context),
        Command::User(command) => user::run(&command, &context),
        Command::Approval(command) => approval::run(&command, &context),
        Command::Audit(command) => audit::run(&command, &context),
        Command::Backup(command) => backup::run(&command, &context),
        Command::Unseal(args) => seal::unseal(&args, &context),
        Command::Seal(command) => seal::run(&command, &context),
        Command::Zeroize(args) => seal::zeroize(&args, &context),
        Command::Config(command) => config::run(&command, &context),
        Command::Java(command) => java::run(&command, &context),
        Command::Bench(args) => bench::run(&args, &context),
        Command::Completion(args) => manual::completion(&args, Cli::command(), &output),
        Command::Man(args) => manual::man(&args, Cli::command(), &output),
    }
}

/// Help and version go to standard output; a wrong usage goes to standard error with status 2, as
/// an object where the arguments ask for JSON.
fn report_usage(error: &clap::Error) -> ExitCode {
    let is_help =
        matches!(error.kind(), UsageErrorKind::DisplayHelp | UsageErrorKind::DisplayVersion);
    if !is_help && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.render().to_string();
        let mut lines = text.lines().map(str::trim);
        // What is wrong stands before the first empty line: which arguments are missing, for instance.
        let message: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        let message = message.join(" ").trim_start_matches("error: ").to_owned();
        let hint = lines.find_map(|line| line.strip_prefix("tip: ")).map(str::to_owned);
        let hint = hint.unwrap_or_else(|| "for more information, try --help".into());
        failure::print(&Error::invalid(message).hint(hint), true);
        return ExitCode::from(2);
    }
    // A closed pipe is the reader's choice.
    let _ = error.print();
    ExitCode::from(if is_help { 0 } else { 2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_consistent_and_every_command_has_an_example() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        // clap tells arguments apart by their ids and lets one hide a global one in silence.
        let global: Vec<String> =
            command.get_arguments().map(|argument| argument.get_id().to_string()).collect();
        let hides = |argument: &clap::Arg| global.contains(&argument.get_id().to_string());
        command.build();
        let mut waiting: Vec<(String, clap::Command)> = vec![("keyward".into(), command)];
        while let Some((name, command)) = waiting.pop() {
            let own = command.get_arguments().filter(|argument| !argument.is_global_set());
            let hidden: Vec<_> = own.filter(|argument| hides(argument)).collect();
            assert!(name == "keyward" || hidden.is_empty(), "{name} hides {hidden:?}");
            let help = command.clone().render_help().to_string();
            assert!(command.get_about().is_some(), "{name} says nothing of itself");
            assert!(help.contains("Example"), "{name} has no example:\n{help}");
            let children = command.get_subcommands().filter(|child| child.get_name() != "help");
            waiting.extend(
                children.map(|child| (format!("{name} {}", child.get_name()), child.clone())),
            );
        }
    }
}
