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
pub(crate) fn man(args: &ManArgs, mut command: Command, output: &Output) -> Outcome {
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
    let children: Vec<Command> =
        command.get_subcommands().filter(|child| child.get_name() != "help").cloned().collect();
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
    let mut page = Vec::new();
    Man::new(command).render(&mut page).map_err(|error| {
        Error::new(ErrorKind::Internal, format!("cannot write the man page: {error}"))
    })?;
    Ok(page)
}
