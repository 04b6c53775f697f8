//! `keyward init` finds what is wrong before a store is made that nobody could open; `keyward config check`
//! shows what a configuration comes to.

mod cli_support;

use std::{fs, process::Command};

use cli_support::{KEYWARD, Ran, keyward};
use tempfile::TempDir;

fn init(folder: &TempDir, arguments: &[&str]) -> Ran {
    let mut command = keyward(&["init", "--state", "hsm"]);
    Ran::from(command.args(arguments).current_dir(folder.path()).output().unwrap())
}

#[test]
fn a_store_is_made_only_once_its_shares_can_be_given_out() {
    let folder = TempDir::new().unwrap();
    let shamir = ["--seal", "shamir", "--shares", "2/3", "--shares-out"];
    fs::create_dir(folder.path().join("shares")).unwrap();
    fs::write(folder.path().join("shares/share-3.txt"), "somebody's\n").unwrap();
    let taken = init(&folder, &[&shamir[..], &["shares"]].concat());
    assert_eq!(taken.status, 1);
    assert!(taken.stderr.contains("share-3.txt exists already"), "{}", taken.stderr);
    let no_folder = init(&folder, &[&shamir[..], &["shares/share-3.txt/deeper"]].concat());
    assert_eq!(no_folder.status, 1, "{}", no_folder.stderr);
    assert!(!folder.path().join("hsm").exists());

    let made = init(&folder, &[&shamir[..], &["others"]].concat());
    assert_eq!(made.status, 0, "{}", made.stderr);
    assert_eq!(fs::read_dir(folder.path().join("others")).unwrap().count(), 3);
    assert!(!made.text().contains("keyward-share"), "{}", made.text());
}

#[test]
fn a_full_disk_leaves_nothing_in_the_way_of_the_next_try() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("hsm")).unwrap();
    fs::write(folder.path().join("hsm/notes"), "an operator's\n").unwrap();
    // Enough for a master key, and not for a store.
    let limit = "trap '' XFSZ; ulimit -f 4; exec \"$@\"";
    let mut shell = Command::new("bash");
    shell.args(["-c", limit, "bash", KEYWARD, "init", "--state", "hsm"]);
    let full = Ran::from(shell.current_dir(folder.path()).output().unwrap());
    assert_eq!(full.status, 1, "{}", full.stderr);
    let left: Vec<_> = fs::read_dir(folder.path().join("hsm")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let again = init(&folder, &[]);
    assert_eq!(again.status, 0, "{}", again.stderr);
}

#[test]
fn what_is_there_is_told_before_a_passphrase_is_asked_for() {
    let folder = TempDir::new().unwrap();
    assert_eq!(init(&folder, &[]).status, 0);
    let again = init(&folder, &["--seal", "passphrase"]);
    assert_eq!(again.status, 1);
    assert!(again.stderr.contains("hsm/keyward.toml exists already"), "{}", again.stderr);
}

#[test]
fn the_master_key_is_found_from_wherever_the_service_is_started() {
    let folder = TempDir::new().unwrap();
    assert_eq!(init(&folder, &["--master-key", "elsewhere.key"]).status, 0);
    let config = fs::read_to_string(folder.path().join("hsm/keyward.toml")).unwrap();
    let path = folder.path().join("elsewhere.key");
    assert!(config.contains(&format!("key_file = {path:?}")), "{config}");
}

#[test]
fn a_checked_configuration_shows_who_has_to_approve_what() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("keyward.toml");
    let rule = "[[quorum]]\noperations = [\"delete\", \"wrap\"]\napprovals = 2\n\
                approvers = [\"role:admin\", \"olga\"]\n[backup]\nrecipients = []\n";
    fs::write(&file, rule).unwrap();
    let check = |more: &[&str]| {
        Ran::from(keyward(&["config", "check"]).arg(&file).args(more).output().unwrap())
    };
    let text = check(&[]).text();
    let row: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(row, ["delete,wrap", "2", "role:admin,olga", "1h"], "{text}");
    assert!(text.contains("backups:  none"), "{text}");
    let value: serde_json::Value = serde_json::from_slice(&check(&["--json"]).stdout).unwrap();
    assert_eq!(value["quorum"][0]["approvers"][1], "olga", "{value}");
    assert!(value["backups"].is_null(), "{value}");
}
