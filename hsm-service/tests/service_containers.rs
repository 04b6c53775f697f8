//! A service and its clients that do not see each other's processes, as in two containers.

mod service_support;

use std::{
    fs,
    process::{Command, Stdio},
};

use keyward_algorithms::Operation;
use keyward_client::Pin;
use service_support::{AUDITING, KEYWARD, State, audit_log, generate, sign};

/// The command that runs another in a PID namespace of its own, which ends with it.
fn apart(other: &Command) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-current-user"]);
    }
    command.arg(other.get_program()).args(other.get_args()).stdin(Stdio::null());
    command
}

#[test]
fn a_service_knows_the_user_of_a_client_whose_process_it_cannot_see() {
    let state = State::with(AUDITING);
    let service = state.start_command(apart(&state.serve_command()));
    let key = generate(&service.client(), "web", "p-256");
    sign(&service.client(), &key).unwrap();
    let entries = audit_log(&service.client());
    let used = entries.iter().find(|entry| entry.operation == Operation::Sign.code()).unwrap();
    assert_eq!(used.from, "process not visible (other PID namespace)");
}

#[test]
fn a_client_tells_its_pin_to_a_service_whose_process_it_cannot_see() {
    let state =
        State::with("[[user]]\nname = \"me\"\nidentities = [\"uid:ME\"]\npin = \"required\"\n");
    let service = state.start();
    service.administrator().set_pin("me", &Pin::copy_of(b"correct horse"), None).unwrap();
    let pin = state.path("pin");
    fs::write(&pin, "correct horse\n").unwrap();
    let mut list = Command::new(KEYWARD);
    list.arg("--address").arg(format!("unix:{}", state.socket().display()));
    list.arg("--pin-file").arg(&pin).args(["key", "list"]);
    let ran = apart(&list).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
