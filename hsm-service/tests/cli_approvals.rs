//! The walk through `docs/approvals.md`, as it stands there, by three users: with certificates, and as
//! three local users. And commands that wait.

mod service_support;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::{Command, Stdio},
};

use service_support::{KEYWARD, Service, State, generate};
use tempfile::TempDir;

const GUIDE: &str = include_str!("../../docs/approvals.md");

/// The approval of the guide, in whose place the test's own comes.
const EXAMPLE: &str = "8c1f0a52e6b97d34";

/// The part of the guide that is tried.
fn walk() -> &'static str {
    let (_, walk) = GUIDE.split_once("## A walk through\n").unwrap();
    walk.split_once("\n## ").unwrap().0
}

/// The blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(fence.as_str()).skip(1).map(|rest| rest.split_once("```").unwrap().0).collect()
}

/// A text with single spaces.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Carries out every command of the walk as its user, and looks for the lines that the guide shows.
fn carry_out(mut run: impl FnMut(&str, &[&str]) -> String, differing: &[(&str, &str)]) -> usize {
    let mut approval = String::new();
    let mut commands = 0;
    for block in blocks(walk(), "console") {
        let mut left: Vec<String> = Vec::new();
        for line in block.lines() {
            let known = if approval.is_empty() { EXAMPLE } else { &approval };
            let mut line = line.replace(EXAMPLE, known);
            for (written, here) in differing {
                line = line.replace(written, here);
            }
            if let Some((user, command)) = line.split_once("$ keyward ") {
                let arguments: Vec<&str> = command.split(' ').collect();
                let said = run(user, &arguments);
                if approval.is_empty() {
                    let (_, rest) = said.split_once("approval approve ").expect(&said);
                    approval = rest[..16].to_owned();
                }
                left = said.lines().map(plain).collect();
                commands += 1;
            } else {
                let line = plain(&line.replace(EXAMPLE, &approval));
                let place = left.iter().position(|known| known.starts_with(&line));
                let place = place.unwrap_or_else(|| panic!("no {line:?} among {left:#?}"));
                left.drain(..=place);
            }
        }
    }
    commands
}

fn said(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn the_walk_in_the_guide_is_what_three_users_with_certificates_see() {
    let mut state = State::with("");
    let service = state.start();
    let roles = [("alice", "user"), ("bob", "admin"), ("carol", "admin")];
    let machines: BTreeMap<&str, _> =
        roles.iter().map(|(name, role)| (*name, service.machine(name, &[role], &[]))).collect();
    generate(&machines["alice"].client(&service), "web", "p-256");
    service.terminate();
    state.more = blocks(walk(), "toml")[0].into();
    let service = state.start();
    let commands =
        carry_out(|user, arguments| said(&mut machines[user].command(&service, arguments)), &[]);
    assert_eq!(commands, 8);
}

#[test]
fn the_walk_in_the_guide_is_what_three_local_users_see() {
    // Only root can be other users.
    if !rustix::process::geteuid().is_root() {
        println!("left out: this test has to run as root");
        return;
    }
    let uids = [("alice", 4501, "user"), ("bob", 4502, "admin"), ("carol", 4503, "admin")];
    let users: String = uids
        .iter()
        .map(|(name, uid, role)| {
            format!("[[user]]\nname = {name:?}\nidentities = [\"uid:{uid}\"]\nroles = [{role:?}]\n")
        })
        .collect();
    let state = State::with(&format!("{users}{}", blocks(walk(), "toml")[0]));
    state.open_to_other_users();
    let service = state.start();
    // The build folder may be inside a home that other users cannot enter.
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("keyward");
    fs::copy(KEYWARD, &program).unwrap();
    let run = |user: &str, arguments: &[&str]| {
        let uid = uids.iter().find(|(name, ..)| *name == user).unwrap().1;
        let mut command = Command::new(&program);
        command.args(arguments).uid(uid).gid(uid);
        said(command.env("KEYWARD_ADDRESS", format!("unix:{}", service.socket().display())))
    };
    run("alice", &["key", "generate", "web", "--type", "p-256"]);
    assert_eq!(carry_out(run, &[("cert:alice", "uid:4501")]), 8);
}

fn waiting_world() -> (State, Service, service_support::Machine, service_support::Machine) {
    let mut state = State::with("");
    let service = state.start();
    let [alice, bob] = [("alice", &["user", "admin"][..]), ("bob", &["admin"])]
        .map(|(name, roles)| service.machine(name, roles, &[]));
    service.terminate();
    state.more = "[[quorum]]\noperations = [\"enrol\", \"set-chain\"]\napprovals = 1\n\
                  approvers = [\"bob\"]\n"
        .into();
    let service = state.start();
    (state, service, alice, bob)
}

#[test]
fn a_command_that_waits_goes_on_when_others_have_decided() {
    let (_state, service, alice, bob) = waiting_world();
    generate(&alice.client(&service), "web", "p-256");
    for (verb, succeeds) in [("deny", false), ("approve", true)] {
        // Each run makes another certificate, so this could not be repeated.
        let sign = ["key", "self-sign", "web", "--subject", "CN=localhost", "--approval", "wait"];
        let mut waiting = alice
            .command(&service, &sign)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(waiting.stderr.take().unwrap()).lines();
        let line = told.next().unwrap().unwrap();
        let (_, id) = line.split_once("keyward approval approve ").expect(&line);
        let decided = said(&mut bob.command(&service, &["approval", verb, id]));
        assert!(decided.contains("state:"), "{decided}");
        let rest: Vec<String> = told.map_while(Result::ok).collect();
        assert_eq!(waiting.wait().unwrap().success(), succeeds, "{rest:?}");
        assert!(succeeds || rest.join("\n").contains("was denied by bob"), "{rest:?}");
    }
    let shown = said(&mut alice.command(&service, &["cert", "show", "web"]));
    assert!(shown.contains("localhost"), "{shown}");
}

#[test]
fn an_enrolment_is_asked_for_in_one_run_and_done_in_the_next() {
    let (state, service, alice, bob) = waiting_world();
    let out = state.path("web2");
    let address = service.tls_address.replace("127.0.0.1", "localhost");
    let out = out.to_str().unwrap();
    let enrol = ["client", "enrol", "web2", "--service", &address, "--out", out, "--json"];
    let error = said(&mut alice.command(&service, &enrol));
    let error: serde_json::Value = serde_json::from_str(&error).unwrap();
    assert_eq!(error["kind"], "approval-required");
    let id = error["approval"].as_str().unwrap().to_owned();
    // Asked again it is the same request.
    let again = said(&mut alice.command(&service, &enrol));
    assert!(again.contains(&id), "{again}");
    said(&mut bob.command(&service, &["approval", "approve", &id]));
    let approved = [&enrol[..], &["--approval", &id]].concat();
    let done = said(&mut alice.command(&service, &approved));
    let mut files: Vec<String> = fs::read_dir(out)
        .unwrap_or_else(|_| panic!("{done}"))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["ca.crt", "client.crt", "client.key", "client.toml"], "{done}");
    let folder = std::path::Path::new(out);
    let [ca, cert, key] = ["ca.crt", "client.crt", "client.key"].map(|file| folder.join(file));
    assert_eq!(service.tls_client(&ca, &cert, &key).status().unwrap().roles, ["user"]);
}
