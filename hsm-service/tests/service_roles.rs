//! Every operation is asked for in every role, over the wire: the table of roles is what happens.

mod service_support;

use keyward_algorithms::{ErrorKind, Operation, Requires, Role};
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

#[test]
fn each_role_opens_the_operations_that_the_table_says_and_no_others() {
    let state = State::with("");
    let service = state.start();
    let mut asked = 0;
    for role in Role::ALL {
        let client = service.enrol(role.word(), &[role.word()]);
        for operation in Operation::ALL {
            let allowed = operation.row().requires.role().is_none_or(|needed| needed == *role);
            let outcome = outcome(&client, *operation);
            let refused = outcome == Some(ErrorKind::PermissionDenied);
            assert_eq!(!refused, allowed, "{} as {role}: {outcome:?}", operation.row().name);
            assert_ne!(outcome, Some(ErrorKind::Unauthenticated));
            asked += 1;
        }
    }
    // Users who have not logged in.
    for role in Role::ALL {
        let name = format!("pin-{role}");
        let client = service.enrol(&name, &[role.word()]);
        service.administrator().set_pin(&name, &Pin::copy_of(b"correct horse"), None).unwrap();
        for operation in Operation::ALL {
            let open = operation.row().requires == Requires::Connection;
            let outcome = outcome(&client, *operation);
            let refused = outcome == Some(ErrorKind::Unauthenticated);
            // Without a PIN a login is a wrong one.
            let open = open && *operation != Operation::Login;
            assert_eq!(!refused, open, "{} before the login: {outcome:?}", operation.row().name);
            asked += 1;
        }
    }
    // Nobody in the configuration: a stranger on the UNIX socket.
    let stranger = service.client();
    for operation in Operation::ALL {
        // There is nobody whom a stranger could log in as.
        let open =
            operation.row().requires == Requires::Connection && *operation != Operation::Login;
        let outcome = outcome(&stranger, *operation);
        let refused = outcome == Some(ErrorKind::Unauthenticated);
        assert_eq!(!refused, open, "{} as a stranger: {outcome:?}", operation.row().name);
        asked += 1;
    }
    println!("{asked} pairs of operation and role");
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
