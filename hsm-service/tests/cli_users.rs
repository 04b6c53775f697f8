//! `keyward user …` as administrators call it, and what the log and the metrics say of logins.

mod service_support;

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    process::Command,
};

use serde_json::Value;
use service_support::{KEYWARD, Machine, Service, State};

const WITH_PIN: &str = "[people]\nmax_pin_failures = 1\n\
    [[user]]\nname = \"me\"\nidentities = [\"uid:ME\"]\npin = \"required\"\n";

struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

fn run(command: &mut Command) -> Ran {
    let output = command.env_remove("KEYWARD_PIN_FILE").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran {
        status: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Calls `keyward` as an administrator and auditor.
fn by_boss(boss: &Machine, service: &Service, arguments: &[&str]) -> String {
    let ran = run(&mut boss.command(service, arguments));
    assert_eq!(ran.status, 0, "{arguments:?}: {}", ran.stderr);
    ran.stdout
}

/// Calls it as the user who runs the test, with a PIN.
fn by_me(service: &Service, pin_file: Option<&str>, arguments: &[&str]) -> Ran {
    let address = format!("unix:{}", service.socket().display());
    let mut command = Command::new(KEYWARD);
    command.args(["--address", &address]).args(arguments);
    if let Some(pin_file) = pin_file {
        command.args(["--pin-file", pin_file]);
    }
    run(&mut command)
}

#[test]
fn a_key_shared_with_nobody_that_is_known_warns_that_the_name_may_be_a_slip() {
    let state = State::with("[[user]]\nname = \"me\"\nidentities = [\"uid:ME\"]\n");
    let service = state.start();
    service.enrol("web1", &[]);
    let mine = |arguments: &[&str]| {
        let ran = by_me(&service, None, arguments);
        assert_eq!(ran.status, 0, "{arguments:?}: {}", ran.stderr);
        ran
    };
    mine(&["key", "generate", "web", "--type", "p-256"]);
    let known = mine(&["key", "share", "web", "web1"]);
    assert_eq!(known.stderr, "");
    let slip = mine(&["key", "share", "web", "web-1", "--json"]);
    let shown: Value = serde_json::from_str(&slip.stdout).unwrap();
    let warning = shown["warnings"][0].as_str().unwrap();
    assert!(warning.contains("nobody is the user \"web-1\" so far"), "{warning}");
    assert_eq!(slip.stderr, format!("warning: {warning}\n"));
    // Clients may come later, so it holds all the same.
    assert_eq!(shown["grants"].as_array().unwrap().len(), 2);
    assert_eq!(mine(&["key", "unshare", "web", "web-1"]).stderr, "");
    let none = mine(&["key", "unshare", "web", "web-1"]);
    assert!(none.stderr.contains("\"web-1\" had no rights on key \"web\""), "{}", none.stderr);
}

fn listed(boss: &Machine, service: &Service, name: &str) -> Value {
    let users: Value =
        serde_json::from_str(&by_boss(boss, service, &["user", "list", "--json"])).unwrap();
    users.as_array().unwrap().iter().find(|user| user["name"] == name).unwrap().clone()
}

fn sample(service: &Service, name: &str) -> u64 {
    let mut stream = UnixStream::connect(service.socket().with_file_name("health.sock")).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(name)).unwrap_or(" 0");
    line.trim().parse().unwrap()
}

#[test]
fn an_administrator_sets_clears_and_unlocks_and_the_log_has_it_all() {
    let state = State::with(WITH_PIN);
    let file = |name: &str, text: &str| {
        fs::write(state.path(name), text).unwrap();
        state.path(name).display().to_string()
    };
    let (right, wrong) = (file("right", "correct horse\n"), file("wrong", "battery staple\n"));
    let service = state.start();
    let boss = service.machine("boss", &["admin", "auditor"], &[]);
    assert_eq!(listed(&boss, &service, "me")["pin"], "missing");

    let nobody_asked = run(&mut boss.command(&service, &["user", "set-pin", "me"]));
    assert_eq!(nobody_asked.status, 2);
    assert!(nobody_asked.stderr.contains("--new-pin-file"));
    by_boss(&boss, &service, &["user", "set-pin", "me", "--new-pin-file", &right]);
    assert_eq!(listed(&boss, &service, "me")["pin"], "set");

    let without = by_me(&service, None, &["key", "list", "--json"]);
    assert_eq!(without.status, 1);
    assert!(
        without.stderr.contains("\"unauthenticated\"")
            && without.stderr.contains("KEYWARD_PIN_FILE")
    );
    assert_eq!(by_me(&service, Some(&right), &["key", "list"]).status, 0);
    let doctor = by_me(&service, None, &["doctor"]);
    assert!(doctor.stdout.contains("has to log in with a PIN"), "{}", doctor.stdout);

    let locked = by_me(&service, Some(&wrong), &["key", "list", "--json"]);
    assert!(locked.stderr.contains("\"locked\""), "{}", locked.stderr);
    assert!(by_boss(&boss, &service, &["user", "list"]).contains("locked since"));
    assert_eq!(sample(&service, "keyward_locked_users"), 1);
    let failures = "keyward_requests_total{operation=\"login\",algorithm=\"\",outcome=\"locked\"}";
    assert_eq!(sample(&service, failures), 1);
    by_boss(&boss, &service, &["user", "unlock", "me"]);
    assert_eq!(by_me(&service, Some(&right), &["key", "list"]).status, 0);
    by_boss(&boss, &service, &["user", "clear-pin", "me"]);

    let log = by_boss(&boss, &service, &["audit", "export"]);
    let entries: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let about = |operation: &str, outcome: &str| {
        let fits = |entry: &&Value| entry["operation"] == operation && entry["outcome"] == outcome;
        entries.iter().find(fits).unwrap_or_else(|| panic!("{operation} {outcome}: {log}")).clone()
    };
    assert_eq!(about("set-pin", "done")["detail"], "user me");
    assert_eq!(about("set-pin", "done")["user"], "boss");
    assert_eq!(about("login", "done")["user"], "me");
    assert_eq!(about("login", "locked")["detail"], "wrong PIN 1 user locked");
    assert_eq!(about("unlock-user", "done")["detail"], "user me");
    assert_eq!(about("clear-pin", "done")["detail"], "user me");
    for secret in ["correct horse", "battery staple"] {
        assert!(!log.contains(secret) && !service.log().contains(secret));
    }
}

#[test]
fn the_last_administrator_is_unlocked_where_the_service_is_and_the_log_has_it() {
    let state = State::with(
        "[people]\nmax_pin_failures = 1\n\
         [[user]]\nname = \"me\"\nidentities = [\"uid:ME\"]\nroles = [\"admin\", \"auditor\"]\n\
         pin = \"required\"\n",
    );
    let service = state.start();
    let file = |name: &str, text: &str| {
        fs::write(state.path(name), text).unwrap();
        state.path(name).display().to_string()
    };
    let (right, wrong) = (file("right", "correct horse"), file("wrong", "battery staple"));
    let offline = |arguments: &[&str]| {
        let config = state.path("keyward.toml").display().to_string();
        let mut command = Command::new(KEYWARD);
        run(command.args(["user"]).args(arguments).args(["--offline", "--config", &config]))
    };
    // The service holds its state while it runs.
    assert_eq!(offline(&["unlock", "me"]).status, 1);
    service.terminate();
    let set = offline(&["set-pin", "me", "--new-pin-file", &right]);
    assert_eq!(set.status, 0, "{}", set.stderr);

    let service = state.start();
    assert_eq!(by_me(&service, Some(&right), &["user", "list"]).status, 0);
    assert!(by_me(&service, Some(&wrong), &["user", "list"]).stderr.contains("locked"));
    assert_eq!(by_me(&service, Some(&right), &["user", "list"]).status, 1);
    service.terminate();
    assert_eq!(offline(&["unlock", "me"]).status, 0);

    let service = state.start();
    let log = by_me(&service, Some(&right), &["audit", "export"]).stdout;
    for act in ["set-pin user me", "unlock-user user me"] {
        let fits = |line: &&str| line.contains("offline-act") && line.contains(act);
        assert_eq!(log.lines().filter(fits).count(), 1, "{log}");
    }
    // What is done after a login says so.
    assert_eq!(by_me(&service, Some(&right), &["user", "clear-pin", "nobody"]).status, 1);
    let log = by_me(&service, Some(&right), &["audit", "export"]).stdout;
    assert!(log.contains("\"kernel, PIN\""), "{log}");
}
