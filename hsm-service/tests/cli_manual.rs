//! Completion, man pages and help come from the same definitions and need no service.

mod cli_support;

use cli_support::{Ran, keyward, with_input};
use std::process::Command;

fn run(arguments: &[&str]) -> Ran {
    Ran::from(keyward(arguments).output().unwrap())
}

#[test]
fn completion_scripts_are_taken_by_their_shell() {
    let script = run(&["completion", "bash"]);
    assert_eq!(script.status, 0);
    let mut bash = Command::new("bash");
    bash.arg("-c").arg("source /dev/stdin && complete -p keyward");
    let taken = with_input(bash, &script.stdout);
    assert_eq!(taken.status, 0, "{}", taken.stderr);
    assert!(taken.text().contains("_keyward"), "{}", taken.text());
}

#[test]
fn every_command_has_a_man_page() {
    let folder = tempfile::TempDir::new().unwrap();
    let ran = run(&["man", "--out", &folder.path().display().to_string()]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    for page in ["keyward", "keyward-key", "keyward-key-generate", "keyward-doctor"] {
        let text = std::fs::read_to_string(folder.path().join(format!("{page}.1"))).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}: {text}");
    }
    let generate = folder.path().join("keyward-key-generate.1");
    let text = std::fs::read_to_string(generate).unwrap();
    assert!(text.contains("\n.nf\n  keyward key generate web"), "no example: {text}");
    let first = std::fs::read_to_string(folder.path().join("keyward.1")).unwrap();
    assert!(!first.contains("keyward\\-help"), "there is no such page: {first}");
    for told in [".SH EXIT STATUS", "KEYWARD_ADDRESS, ", "/etc/keyward/client.toml"] {
        assert!(first.contains(told), "{told} is not in {first}");
    }
}

#[test]
fn help_goes_to_standard_output_and_a_bare_call_is_a_wrong_usage() {
    let help = run(&["key", "generate", "--help"]);
    assert_eq!(help.status, 0);
    assert!(help.text().contains("Example"), "{}", help.text());
    assert_eq!(run(&["--version"]).text(), format!("keyward {}\n", env!("CARGO_PKG_VERSION")));
    let bare = run(&[]);
    assert_eq!(bare.status, 2);
    assert!(bare.stdout.is_empty() && bare.stderr.contains("Usage"), "{}", bare.stderr);
}
