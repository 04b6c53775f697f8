//! What programs read: `--json` says the same things in the same way, whatever the command.

mod service_support;

use std::process::{Command, Stdio};

use serde_json::Value;
use service_support::{KEYWARD, Machine, Service, State, generate};

/// Everybody's numbers are smaller than a moment in seconds since 1970.
const A_MOMENT: u64 = 1_000_000_000;

/// The members that hold a moment as a number.
fn numbers(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members
                .iter()
                .for_each(|(name, inner)| numbers(inner, &format!("{path}.{name}"), found));
        }
        Value::Array(values) => values.iter().for_each(|inner| numbers(inner, path, found)),
        Value::Number(number) if number.as_u64().is_some_and(|number| number > A_MOMENT) => {
            found.push(path.to_owned());
        }
        _ => {}
    }
}

/// What a command prints, in which no moment may be a number.
fn printed(machine: &Machine, service: &Service, command: &str) -> Value {
    let arguments: Vec<&str> = command.split(' ').chain(["--json"]).collect();
    let output = machine.command(service, &arguments).stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{command}: {stderr}"));
    let mut found = Vec::new();
    numbers(&value, command, &mut found);
    assert!(found.is_empty(), "numbers for moments: {found:?} in {value:#}");
    value
}

#[test]
fn every_moment_is_written_as_rfc_3339() {
    let mut state = State::with(
        "[[quorum]]\noperations = [\"delete\", \"enrol\"]\napprovals = 1\n\
         approvers = [\"role:operator\"]\n",
    );
    let identity = state.path("backup.key").display().to_string();
    let made = Command::new(KEYWARD).args(["backup", "identity", "--out", &identity]).output();
    let recipient = String::from_utf8(made.unwrap().stdout).unwrap();
    let backups = format!("[backup]\nrecipients = [{:?}]\n", recipient.trim());
    // Machines are enrolled before that takes an approval.
    let quorum = std::mem::replace(&mut state.more, backups);
    let service = state.start();
    let all = service.machine("all", &["user", "admin", "auditor", "operator"], &[]);
    let other = service.machine("other", &["operator"], &[]);
    service.machine("gone", &["user"], &[]);
    for name in ["web", "old"] {
        generate(&all.client(&service), name, "p-256");
    }
    for command in ["client revoke gone --yes", "key delete old --yes", "backup create"] {
        printed(&all, &service, command);
    }
    service.terminate();
    state.more += &quorum;
    let service = state.start();
    let asked = all.command(&service, &["key", "delete", "web", "--yes", "--json"]).output();
    let asked: Value = serde_json::from_slice(&asked.unwrap().stderr).unwrap();
    let approval = asked["approval"].as_str().unwrap().to_owned();
    printed(&other, &service, &format!("approval approve {approval}"));
    for command in [
        "status",
        "key list",
        "key list --deleted",
        "key show web",
        "client list",
        "user list",
        "approval list",
        &format!("approval show {approval}"),
        "audit tail",
        "audit head",
        "authority show",
        "backup list",
        "seal show",
        "seal lock",
    ] {
        printed(&all, &service, command);
    }
}
