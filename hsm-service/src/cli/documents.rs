//! What documents and help texts say of the command line, held against its definitions.

use std::{collections::BTreeSet, fs, path::Path};

use clap::{CommandFactory, Parser, error::ErrorKind};

use super::Cli;

/// In documents and not meant for a shell: what statements of the service begin with.
const NO_COMMANDS: [&str; 2] = ["keyward audit checkpoint 1", "keyward key 1"];

/// The files that tell people what to type.
fn documents() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = ["", "docs", "nginx-conf", "ops", "ops/debian", "ops/monitoring"];
    let mut found = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            let speaks = [".md", ".toml", ".yml", ".conf", ".service", "README.Debian"];
            if path.is_file() && speaks.iter().any(|ending| name.ends_with(ending)) {
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// The commands in a text: what stands between backticks, and lines of shell.
fn commands(text: &str) -> Vec<String> {
    let (mut prose, mut shell) = (String::new(), String::new());
    let mut fenced = false;
    for line in text.lines() {
        let line = line.trim().trim_start_matches("# ");
        match line.strip_prefix("```") {
            Some(_) => fenced = !fenced,
            None if fenced => shell += &format!("{line}\n"),
            None if line.is_empty() => prose += "\n\n",
            None => prose += &format!("{line} "),
        }
    }
    let quoted = prose.split("\n\n").flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2));
    let shell = shell.replace("\\\n", " ");
    let lines = shell.lines().filter_map(|line| {
        // Behind what has it run by somebody else, and what a terminal shows before it.
        let begin = line.find("keyward ").filter(|&at| {
            at == 0
                || ["-- ", "$ ", "sudo -u keyward ", "&& "].iter().any(|w| line[..at].ends_with(w))
        })?;
        Some(&line[begin..])
    });
    quoted.filter(|code| code.starts_with("keyward ")).chain(lines).map(str::to_owned).collect()
}

/// A command's words, without what a shell makes of it: comments, redirections, other commands. Where
/// several words are offered for one, `a|b`, one command for each.
fn words(command: &str) -> Vec<Vec<String>> {
    let mut variants = vec![Vec::new()];
    let mut quote = None;
    let mut word = String::new();
    let mut all = Vec::new();
    for letter in command.chars().chain([' ']) {
        match letter {
            '"' | '\'' if quote.is_none() => quote = Some(letter),
            _ if quote == Some(letter) => quote = None,
            ' ' if quote.is_none() => all.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    let stops = |word: &String| {
        ["#", "|", "&&", ";"].contains(&word.as_str())
            || word.starts_with('>')
            || word.starts_with('<')
    };
    for word in all.iter().take_while(|word| !stops(word)) {
        let word = word.trim_matches(['[', ']']);
        if word.is_empty() || word == "…" {
            continue;
        }
        let with = |choice: &str| -> Vec<Vec<String>> {
            variants
                .iter()
                .map(|words| words.iter().cloned().chain([choice.into()]).collect())
                .collect()
        };
        variants = word.split('|').flat_map(with).collect();
    }
    variants
}

/// Why the program would not take a command; one that is not complete, or that has a placeholder
/// for a value, may be spoken of.
fn refusal(command: &[String]) -> Option<String> {
    let error = Cli::try_parse_from(command).err()?;
    let stands_for_another = |letter: char| letter.is_uppercase() || "…$".contains(letter);
    let placeholder = |word: &String| word.contains(stands_for_another);
    let incomplete = command.last().is_some_and(|word| word.starts_with("--"));
    match error.kind() {
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion => None,
        ErrorKind::ValueValidation | ErrorKind::InvalidValue
            if incomplete || command.iter().any(placeholder) =>
        {
            None
        }
        _ => Some(format!("{}: {error}", command.join(" "))),
    }
}

#[test]
fn every_command_in_the_documents_is_one_that_the_program_takes() {
    let mut tried = BTreeSet::new();
    let mut refused = Vec::new();
    for (document, text) in documents() {
        for command in commands(&text) {
            if NO_COMMANDS.contains(&command.as_str()) {
                continue;
            }
            for words in words(&command) {
                refused.extend(refusal(&words).map(|why| format!("{document}: {why}")));
                tried.insert(words);
            }
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(tried.len() > 150, "{} commands were found", tried.len());
}

#[test]
fn every_example_of_the_help_is_one_that_the_program_takes() {
    let mut command = Cli::command();
    command.build();
    let mut waiting = vec![command];
    let (mut tried, mut refused) = (0, Vec::new());
    while let Some(mut command) = waiting.pop() {
        let help = command.render_long_help().to_string().replace("\\\n", " ");
        let examples = help.split_once("Example").map_or("", |(_, examples)| examples);
        let lines = examples.lines().map(str::trim).filter(|line| line.starts_with("keyward "));
        for line in lines {
            // What it does stands behind it.
            let line = line.split("   ").next().unwrap_or(line);
            tried += 1;
            refused.extend(words(line).iter().filter_map(|words| refusal(words)));
        }
        waiting.extend(command.get_subcommands().cloned());
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(tried > 60, "{tried} examples were found");
}
