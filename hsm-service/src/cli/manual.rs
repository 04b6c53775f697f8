//! Shell completion and man pages, made from the definitions of the commands.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use keyward_algorithms::ErrorKind;
use keyward_protocol::Error;
use serde_json::json;

use super::{
    failure::{Outcome, file_error},
    output::Output,
};

/// Print a completion script for a shell
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward completion bash > /usr/share/bash-completion/completions/keyward
  keyward completion zsh > /usr/share/zsh/site-functions/_keyward")]
pub(crate) struct CompletionArgs {
    /// The shell
    shell: Shell,
}

/// Print the man page, or write the pages of all commands into a folder
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward man | man -l -
  keyward man --out /usr/share/man/man1")]
pub(crate) struct ManArgs {
    /// The folder for the pages
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints a completion script.
pub(crate) fn completion(args: &CompletionArgs, mut command: Command, output: &Output) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "keyward", &mut script);
    output.document("script", &String::from_utf8_lossy(&script))
}

/// Prints or writes man pages.
pub(crate) fn man(args: &ManArgs, command: Command, output: &Output) -> Outcome {
    // Pages name the pages of commands, and that of help would be the page itself.
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let Some(folder) = &args.out else {
        return output.document("page", &String::from_utf8_lossy(&render(command)?));
    };
    let mut written = Vec::new();
    for (name, page) in pages("keyward".into(), command)? {
        let path = folder.join(format!("{name}.1"));
        std::fs::write(&path, page).map_err(|error| file_error("write", &path, &error))?;
        written.push(path.display().to_string());
    }
    output.result(&json!({ "written": written }), || {
        written.iter().map(|path| format!("{path}\n")).collect()
    })
}

/// The page of a command and of every command below it.
fn pages(name: String, command: Command) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let children: Vec<Command> = command.get_subcommands().cloned().collect();
    let mut pages = vec![(name.clone(), render(command)?)];
    for child in children {
        pages.extend(pages_below(&name, child)?);
    }
    Ok(pages)
}

fn pages_below(parent: &str, command: Command) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let name = format!("{parent}-{}", command.get_name());
    pages(name.clone(), command.display_name(name))
}

fn render(command: Command) -> Result<Vec<u8>, Error> {
    // What follows an option would be filled, so the examples are written here.
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let is_first = command.get_name() == "keyward";
    let mut page = Vec::new();
    Man::new(command.after_help(None::<&str>)).render(&mut page).map_err(|error| {
        Error::new(ErrorKind::Internal, format!("cannot write the man page: {error}"))
    })?;
    // "Examples:", or "Example: what it shows".
    if let Some((_, examples)) = help.split_once(':') {
        let examples = escaped(examples.trim_start_matches('\n'));
        page.extend(format!(".SH EXAMPLES\n.nf\n{examples}\n.fi\n").bytes());
    }
    if is_first {
        page.extend(surroundings().bytes());
    }
    Ok(page)
}

/// What belongs to every command, for the first page.
fn surroundings() -> String {
    let settings = keyward_client::setting_names().iter();
    let variables: Vec<_> =
        settings.map(|name| format!("KEYWARD_{}", name.to_ascii_uppercase())).collect();
    let variables = variables.join(", ");
    escaped(&format!(
        "\
.SH EXIT STATUS
.TP
0
It is done.
.TP
1
It failed; standard error says why, and what to do.
.TP
2
The command is not one.
.SH ENVIRONMENT
.TP
{variables}
The settings of a client, over those of its file and under the options of a command.
.TP
KEYWARD_CONFIG
Another file than /etc/keyward/client.toml.
.SH FILES
.TP
/etc/keyward/keyward.toml
The configuration of the service.
.TP
/etc/keyward/client.toml
Where clients find the service, if it is not on this machine.
.TP
/var/lib/keyward
The state of the service.
.TP
/run/keyward/hsm.sock
Where it listens.
"
    ))
}

/// Text for roff, whose lines may begin with requests.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}
