//! Every operation is asked for in every role, over the wire: the table of roles is what happens.

mod service_support;

use keyward_algorithms::{ErrorKind, Operation, Requires, Role, ServiceState};
use keyward_client::{Client, Pin};
use keyward_protocol::{
    decode_request,
    messages::{Enrol, request},
};
use keyward_service::issue::Authority;
use service_support::{ME, State};

/// The request for an operation with nothing filled in: its field number and a length of none.
fn bare_request(operation: Operation) -> request::Operation {
    let mut frame = Vec::new();
    prost::encoding::encode_key(
        operation.code(),
        prost::encoding::WireType::LengthDelimited,
        &mut frame,
    );
    frame.push(0);
    decode_request(&frame).unwrap().operation.expect("the protocol has every operation")
}

fn outcome(client: &Client, operation: Operation) -> Option<ErrorKind> {
    client.call(bare_request(operation)).err().map(|error| error.kind)
}

/// Brings the service into a state, whatever state the last request has left it in.
fn bring(administrator: &Client, state: ServiceState) {
    let found = administrator.show_seal().unwrap().state;
    match state {
        _ if found == state.word() => {}
        ServiceState::Operational => drop(administrator.unseal(&[], false).unwrap()),
        ServiceState::Sealed => drop(administrator.lock_seal().unwrap()),
        _ => panic!("from {found} there is no way to {state}"),
    }
}

#[test]
fn each_role_opens_in_each_state_the_operations_that_the_table_says_and_no_others() {
    let state = State::with("");
    let service = state.start();
    let administrator = service.administrator();
    let clients: Vec<(Role, Client)> =
        Role::ALL.iter().map(|role| (*role, service.enrol(role.word(), &[role.word()]))).collect();
    // Users who have not logged in. While the service is sealed, nobody has to.
    let with_pins: Vec<(Role, Client)> = Role::ALL
        .iter()
        .map(|role| {
            let name = format!("pin-{role}");
            let client = service.enrol(&name, &[role.word()]);
            administrator.set_pin(&name, &Pin::copy_of(b"correct horse"), None).unwrap();
            (*role, client)
        })
        .collect();
    // Nobody in the configuration: a stranger on the UNIX socket.
    let stranger = service.client();
    let mut asked = 0;
    let mut walk = |present: ServiceState| {
        let is_open = present == ServiceState::Operational;
        for operation in Operation::ALL {
            let row = operation.row();
            let called = row.states.contains(&present);
            let mut ask = |client: &Client, who: &str| {
                bring(&administrator, present);
                asked += 1;
                let outcome = outcome(client, *operation);
                (outcome, format!("{} as {who}, {present}: {outcome:?}", row.name))
            };
            let known = clients.iter().chain(with_pins.iter().filter(|_| !is_open));
            for (role, client) in known {
                let (outcome, what) = ask(client, role.word());
                let allowed = row.requires.role().is_none_or(|needed| needed == *role);
                let refused = outcome == Some(ErrorKind::PermissionDenied);
                assert_eq!(!refused, allowed, "{what}");
                assert_eq!(outcome == Some(ErrorKind::Sealed), allowed && !called, "{what}");
                assert_ne!(outcome, Some(ErrorKind::Unauthenticated), "{what}");
            }
            // Without a PIN a login is a wrong one, and a stranger has nobody to log in as.
            let open = row.requires == Requires::Connection
                && !(is_open && *operation == Operation::Login);
            for (role, client) in with_pins.iter().filter(|_| is_open) {
                let (outcome, what) = ask(client, &format!("{role} before the login"));
                assert_eq!(outcome != Some(ErrorKind::Unauthenticated), open, "{what}");
            }
            let (outcome, what) = ask(&stranger, "a stranger");
            assert_eq!(outcome != Some(ErrorKind::Unauthenticated), open, "{what}");
            assert_eq!(outcome == Some(ErrorKind::Sealed), open && !called, "{what}");
        }
    };
    walk(ServiceState::Operational);
    walk(ServiceState::Sealed);
    administrator.zeroize(&state.issued.service_id).unwrap();
    walk(ServiceState::Uninitialised);
    println!("{asked} triples of operation, role and state");
}

#[test]
fn an_administrator_lets_in_users_of_every_role_and_only_of_those() {
    let state = State::with(ME);
    let service = state.start();
    let everything: Vec<&str> = Role::ALL.iter().map(|role| role.word()).collect();
    let client = service.enrol("all", &everything);
    assert_eq!(client.status().unwrap().roles, everything);
    let (csr, _) = Authority::client_request().unwrap();
    let enrol = Enrol {
        user: "x".into(),
        csr,
        days: 0,
        roles: vec!["root".into()],
        sources: vec![],
        pin: false,
    };
    let error = service.administrator().enrol(enrol).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert_eq!(error.hint.unwrap(), format!("the roles are {}", everything.join(", ")));
}
