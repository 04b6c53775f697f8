//! A service whose acts wait for the approval of others, and who they are.

use keyward_algorithms::ErrorKind;
use keyward_client::Client;
use keyward_protocol::{ApprovalId, Error, messages::ApprovalState};

use super::{Machine, Service, State};

/// A service with users: alice asks, bob and carol are administrators, dave is an auditor.
pub struct World {
    pub state: State,
    pub alice: Machine,
    pub bob: Machine,
    pub carol: Machine,
    pub dave: Machine,
}

impl World {
    /// Makes it, and starts it.
    pub fn new() -> (World, Service) {
        let state = State::with("");
        let service = state.start();
        let machine = |name: &str, roles: &[&str]| service.machine(name, roles, &[]);
        let world = World {
            alice: machine("alice", &["user", "admin", "operator"]),
            bob: machine("bob", &["admin"]),
            carol: machine("carol", &["admin"]),
            dave: machine("dave", &["auditor"]),
            state,
        };
        (world, service)
    }

    /// Starts the service anew with these sections.
    pub fn again(&mut self, service: Service, more: &str) -> Service {
        service.kill();
        self.state.more = more.into();
        self.state.start()
    }
}

/// A section: these operations wait for so many administrators.
pub fn quorum(operations: &[&str], approvals: u32) -> String {
    let operations = [operations, &["enrol"]].concat();
    format!(
        "[[quorum]]\noperations = {operations:?}\napprovals = {approvals}\n\
         approvers = [\"role:admin\"]\n"
    )
}

/// The approval that a request was told to wait for.
pub fn asked<T: std::fmt::Debug>(result: Result<T, Error>) -> ApprovalId {
    let error = result.unwrap_err();
    assert_eq!(error.kind, ErrorKind::ApprovalRequired, "{error}");
    let id = error.approval.unwrap();
    assert!(error.message.contains(&id.to_string()), "{error}");
    id
}

pub fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

pub fn state_of(client: &Client, id: ApprovalId) -> ApprovalState {
    client.list_approvals(Some(id)).unwrap()[0].state()
}

/// The entries of the audit log that name an approval: operation or event, and outcome.
pub fn logged(world: &World, service: &Service, id: ApprovalId) -> Vec<(String, String)> {
    let mut command = world.dave.command(service, &["audit", "export"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|entry| entry["detail"].as_str().is_some_and(|said| said.contains(&id.to_string())))
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let what = if text("event").is_empty() { text("operation") } else { text("event") };
            (what, text("outcome"))
        })
        .collect()
}
