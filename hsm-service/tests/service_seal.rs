//! A service whose store people open: it answers while it is sealed, and goes on when it is not.

mod service_support;

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;
use keyward_client::Client;
use keyward_protocol::messages::NewSeal;
use keyward_service::{
    init::SealChoice,
    store::{Passphrase, SealKind, Share, Shares, SplitSecret},
};
use rusqlite::Connection;
use service_support::{ME, Service, State, generate, sign};

const PASSPHRASE: &[u8] = b"ten green bottles hanging on the wall";

/// A service that a passphrase opens; whoever runs the test is its user and administrator.
fn with_passphrase() -> State {
    people(SealChoice::Passphrase(Arc::new(Passphrase::new(PASSPHRASE))))
}

/// One that three of five shares open.
fn with_shares() -> State {
    people(SealChoice::Shares(3, 5))
}

fn people(seal: SealChoice) -> State {
    let me = rustix::process::geteuid().as_raw().to_string();
    let more = ME.replace("uid:ME\"]", "uid:ME\"]\nroles = [\"user\", \"admin\", \"auditor\"]");
    let mut state = State::sealed_by(seal);
    state.more = more.replace("uid:ME", &format!("uid:{me}"));
    state
}

fn text(share: &Share) -> Vec<u8> {
    share.text().unwrap().as_bytes().to_vec()
}

/// The status and the text that the health listener answers with.
fn page(service: &Service, path: &str) -> (u16, String) {
    let socket = service.socket().with_file_name("health.sock");
    let mut stream = UnixStream::connect(socket).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn kind<T>(result: Result<T, keyward_protocol::Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

#[test]
fn a_sealed_service_says_how_it_is_refuses_the_rest_and_goes_on_once_unsealed() {
    let state = with_passphrase();
    let service = state.start();
    // This connection stays open.
    let client = service.client();
    let status = client.status().unwrap();
    assert_eq!((status.state.as_str(), status.seal.as_str()), ("sealed", "sealed"));
    assert!(!status.can_sign);
    assert_eq!(client.hello().unwrap().service_id, state.issued.service_id);
    assert_eq!(page(&service, "/live").0, 200);
    assert_eq!(page(&service, "/ready"), (503, "sealed\n".into()));
    let shown: serde_json::Value = serde_json::from_str(&page(&service, "/state").1).unwrap();
    assert_eq!((&shown["state"], &shown["seal"]), (&"sealed".into(), &"sealed".into()));
    let metrics = page(&service, "/metrics").1;
    assert!(metrics.contains("\nkeyward_sealed 1\n") && metrics.contains("\nkeyward_can_sign 0\n"));
    let refused = client.list("").unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Sealed);
    assert!(refused.hint.unwrap().contains("keyward unseal"));

    assert_eq!(client.unseal(PASSPHRASE, false).unwrap().state, "operational");
    let key = generate(&client, "k", "p-256");
    sign(&client, &key).unwrap();
    assert_eq!(page(&service, "/ready").0, 200);
    assert!(page(&service, "/metrics").1.contains("\nkeyward_sealed 0\n"));
    assert!(service.terminate().success());

    // It is sealed after each start.
    let service = state.start();
    assert_eq!(kind(sign(&service.client(), &key)), Some(ErrorKind::Sealed));
    service.client().unseal(PASSPHRASE, false).unwrap();
    sign(&service.client(), &key).unwrap();
}

#[test]
fn a_passphrase_that_is_guessed_by_changing_the_seal_is_slowed_down_more_each_time() {
    let state = with_passphrase();
    let service = state.start();
    let client = service.client();
    client.unseal(PASSPHRASE, false).unwrap();
    let guess = || {
        let next = NewSeal {
            kind: SealKind::Passphrase as u32,
            secret: b"ten other green bottles".to_vec(),
            ..NewSeal::default()
        };
        client.change_seal(vec![b"a wrong passphrase".to_vec()], next).unwrap_err()
    };
    // How many wrong ones in a row the service speaks of while it looks at nothing.
    let mut counted = 0;
    let deadline = Instant::now() + Duration::from_secs(120);
    for wrong in 1..=2 {
        while guess().kind != ErrorKind::InvalidArgument {
            assert!(Instant::now() < deadline, "the pause does not end");
            thread::sleep(Duration::from_millis(50));
        }
        let paused = guess();
        assert_eq!(paused.kind, ErrorKind::LimitExceeded, "{paused}");
        counted += usize::from(paused.message.starts_with(&format!("{wrong} in a row")));
    }
    assert_eq!(counted, 2);
}

#[test]
fn shares_come_in_from_several_connections_and_one_that_is_not_enough_opens_nothing() {
    let state = with_shares();
    let shares = &state.issued.shares;
    let service = state.start();
    // One custodian comes over TLS, another over the UNIX socket.
    let here = service.client();
    let elsewhere = service.administrator();
    let seal = here.unseal(&text(&shares[4]), false).unwrap();
    assert_eq!((seal.state.as_str(), seal.threshold, seal.shares), ("sealed", 3, 5));
    assert_eq!(seal.given, [5]);
    // The same again is no other.
    assert_eq!(here.unseal(&text(&shares[4]), false).unwrap().given, [5]);
    assert_eq!(elsewhere.unseal(&text(&shares[1]), false).unwrap().given, [2, 5]);
    assert_eq!(kind(here.list("")), Some(ErrorKind::Sealed));
    assert!(elsewhere.unseal(&[], true).unwrap().given.is_empty());
    elsewhere.unseal(&text(&shares[1]), false).unwrap();
    here.unseal(&text(&shares[4]), false).unwrap();
    let seal = elsewhere.unseal(&text(&shares[0]), false).unwrap();
    assert_eq!((seal.state.as_str(), seal.given.len()), ("operational", 0));
    let key = generate(&here, "k", "p-256");
    sign(&here, &key).unwrap();
}

#[test]
fn a_wrong_share_or_passphrase_is_told_and_guessing_is_slowed_down() {
    let state = with_shares();
    let service = state.start();
    let client = service.client();
    let other = SplitSecret::draw(3, 5).unwrap();
    let error = client.unseal(&text(&other.shares[0]), false).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert!(error.message.contains("share 1 is of the set"), "{error}");
    let mut mistyped = text(&state.issued.shares[0]);
    let last = mistyped.len() - 1;
    mistyped[last] = if mistyped[last] == b'q' { b'p' } else { b'q' };
    let mut wrong = 1;
    // The pause doubles with each one, so that sooner or later one falls into it.
    let paused = loop {
        let error = client.unseal(&mistyped, false).unwrap_err();
        match error.kind {
            ErrorKind::InvalidArgument => wrong += 1,
            _ => break error,
        }
        assert!(wrong < 20, "nothing slows guessing down");
    };
    assert_eq!(paused.kind, ErrorKind::LimitExceeded);
    assert!(paused.hint.unwrap().starts_with("try again in"));
    assert_eq!(kind(client.list("")), Some(ErrorKind::Sealed));

    let state = with_passphrase();
    let service = state.start();
    let error = service.client().unseal(b"ten brown bottles", false).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert!(!format!("{error:?}{}", service.log()).contains("brown"));
}

#[test]
fn shares_that_are_not_enough_are_forgotten_in_time() {
    let mut state = with_shares();
    state.seal = "keep_shares_seconds = 1".into();
    let service = state.start();
    let client = service.client();
    client.unseal(&text(&state.issued.shares[0]), false).unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while !client.show_seal().unwrap().given.is_empty() {
        assert!(Instant::now() < end, "the share is still there");
        thread::sleep(Duration::from_millis(50));
    }
    assert!(service.log().contains("shares were forgotten"));
}

#[test]
fn a_running_service_is_sealed_and_unsealed_while_its_clients_stay_connected() {
    let state = with_passphrase();
    let service = state.start();
    let client = service.client();
    client.unseal(PASSPHRASE, false).unwrap();
    let key = generate(&client, "k", "p-256");
    let web = service.enrol("web", &["user"]);
    let own = generate(&web, "own", "p-256");
    for _ in 0..3 {
        sign(&web, &own).unwrap();
        assert_eq!(client.lock_seal().unwrap().state, "sealed");
        assert_eq!(kind(sign(&client, &key)), Some(ErrorKind::Sealed));
        assert_eq!(kind(sign(&web, &own)), Some(ErrorKind::Sealed));
        assert_eq!(page(&service, "/ready").0, 503);
        client.unseal(PASSPHRASE, false).unwrap();
        sign(&client, &key).unwrap();
    }
}

#[test]
fn who_is_revoked_does_not_come_in_while_the_service_is_sealed_either() {
    let state = with_passphrase();
    let service = state.start();
    service.client().unseal(PASSPHRASE, false).unwrap();
    let gone = service.machine("gone", &["admin"], &[]);
    let stays = service.machine("stays", &["admin"], &[]);
    let revoke = keyward_protocol::messages::RevokeClient { user: "gone".into(), ..<_>::default() };
    service.administrator().revoke_client(revoke).unwrap();
    assert!(service.terminate().success());
    let service = state.start();
    assert_eq!(stays.client(&service).show_seal().unwrap().state, "sealed");
    let refused = gone.client(&service).show_seal().unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unauthenticated, "{refused}");
}

#[test]
fn what_a_sealed_service_records_is_in_the_log_once_it_is_unsealed() {
    let state = with_shares();
    for _ in 0..3 {
        // Killed while it is sealed, three times.
        let service = state.start();
        service.client().unseal(&text(&state.issued.shares[0]), true).unwrap();
        service.kill();
    }
    let service = state.start();
    let client = service.client();
    for share in &state.issued.shares[..3] {
        client.unseal(&text(share), false).unwrap();
    }
    client.lock_seal().unwrap();
    assert!(service.terminate().success());
    let verified = std::process::Command::new(service_support::KEYWARD)
        .args(["audit", "verify", "--json", "--in"])
        .arg(state.path("hsm/audit"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success(), "{errors}");
    // The end of the sealed service waits in the journal for the next time.
    let service = state.start();
    let client = service.client();
    for share in &state.issued.shares[2..] {
        client.unseal(&text(share), false).unwrap();
    }
    let entries = entries(&client);
    let of = |name: &str| entries.iter().filter(|entry| entry.contains(name)).count();
    assert_eq!(of("unseal "), 9, "{entries:#?}");
    assert_eq!(of("opened by 3 of 5 shares"), 2, "{entries:#?}");
    assert_eq!(of("lock-seal"), 1);
    assert_eq!((of("service-start"), of("service-stop")), (5, 1), "{entries:#?}");
}

/// The entries of the log, each as one line: operation or event, and detail.
fn entries(client: &Client) -> Vec<String> {
    use keyward_protocol::messages::{AuditEntry, ReadAudit, request, response};
    use prost::Message;
    let asked = request::Operation::ReadAudit(ReadAudit::default());
    let response::Result::AuditPage(page) = client.call(asked).unwrap() else { panic!() };
    let mut bytes = page.records.as_slice();
    let mut entries = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<5>() {
        let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
        let (body, rest) = rest.split_at(length);
        bytes = rest;
        if head[0] == b'E' {
            let entry = AuditEntry::decode(body).unwrap();
            let operation = keyward_algorithms::Operation::from_code(entry.operation);
            let name = operation.map_or(entry.event.as_str(), |operation| operation.row().name);
            entries.push(format!("{name} {}", entry.detail));
        }
    }
    entries
}

#[test]
fn a_store_that_is_broken_behind_its_seal_is_a_failed_service_that_says_so() {
    let state = with_passphrase();
    let database = Connection::open(state.data().join("keys.db")).unwrap();
    let broken = "UPDATE own SET value = zeroblob(100) WHERE name = 'authority-key'";
    assert_eq!(database.execute(broken, []).unwrap(), 1);
    drop(database);
    let service = state.start();
    let client = service.client();
    assert!(client.unseal(PASSPHRASE, false).is_err());
    let status = client.status().unwrap();
    assert_eq!((status.state.as_str(), status.can_sign), ("failed", false));
    assert!(status.warnings.iter().any(|warning| warning.contains("authority-key")), "{status:?}");
    assert_eq!(page(&service, "/ready"), (503, "failed\n".into()));
    assert_eq!(kind(client.list("")), Some(ErrorKind::Sealed));
}

#[test]
fn the_seal_is_changed_while_the_service_signs_and_only_by_those_who_can_open_it() {
    let state = with_shares();
    let service = state.start();
    let client = service.client();
    let shares: Vec<Vec<u8>> = state.issued.shares.iter().map(text).collect();
    for share in &shares[..3] {
        client.unseal(share, false).unwrap();
    }
    let key = generate(&client, "k", "p-256");
    let passphrase = |secret: &[u8]| NewSeal {
        kind: SealKind::Passphrase as u32,
        secret: secret.to_vec(),
        ..NewSeal::default()
    };
    let refused = client.change_seal(shares[..2].to_vec(), passphrase(PASSPHRASE));
    assert_eq!(kind(refused), Some(ErrorKind::ApprovalRequired));
    let refused = client.change_seal(shares[..3].to_vec(), passphrase(b"short"));
    assert_eq!(kind(refused), Some(ErrorKind::InvalidArgument));
    let seal = client.change_seal(shares[2..].to_vec(), passphrase(PASSPHRASE)).unwrap();
    assert_eq!((seal.state.as_str(), seal.kind.as_str()), ("operational", "passphrase"));
    sign(&client, &key).unwrap();
    client.lock_seal().unwrap();
    client.unseal(PASSPHRASE, false).unwrap();

    // To other shares, and what opened it before opens it no more.
    let split = SplitSecret::draw(2, 2).unwrap();
    assert!(Shares::new(&split.secret, split.set.clone()).is_ok());
    let next = NewSeal {
        kind: SealKind::Shares as u32,
        secret: split.secret.to_vec(),
        shares: Some(split.set),
        ..NewSeal::default()
    };
    let unproved = client.change_seal(Vec::new(), next.clone());
    assert_eq!(kind(unproved), Some(ErrorKind::ApprovalRequired));
    client.change_seal(vec![PASSPHRASE.to_vec()], next).unwrap();
    sign(&client, &key).unwrap();
    assert!(service.terminate().success());
    let service = state.start();
    let client = service.client();
    assert_eq!(kind(client.unseal(&shares[0], false)), Some(ErrorKind::InvalidArgument));
    let end = Instant::now() + Duration::from_secs(60);
    while client.unseal(&text(&split.shares[0]), false).is_err() {
        assert!(Instant::now() < end, "the pause does not end");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(client.unseal(&text(&split.shares[1]), false).unwrap().state, "operational");
    sign(&client, &key).unwrap();
}

#[test]
fn a_destroyed_service_has_no_keys_and_keeps_its_log() {
    let state = with_passphrase();
    let service = state.start();
    let client = service.client();
    client.unseal(PASSPHRASE, false).unwrap();
    let key = generate(&client, "k", "p-256");
    let wrong = client.zeroize(&"0".repeat(64));
    assert_eq!(kind(wrong), Some(ErrorKind::InvalidArgument));
    sign(&client, &key).unwrap();
    let row = |state: &State| -> Vec<u8> {
        let database = Connection::open(state.data().join("keys.db")).unwrap();
        let query = "SELECT value FROM own WHERE name = 'data-key'";
        database.query_row(query, [], |row| row.get(0)).unwrap()
    };
    let wrapped = row(&state);
    let seal = client.zeroize(&state.issued.service_id).unwrap();
    assert_eq!((seal.state.as_str(), seal.kind.as_str()), ("uninitialised", ""));
    assert!(!seal.leftover.is_empty());
    assert_eq!(kind(sign(&client, &key)), Some(ErrorKind::Sealed));
    assert!(row(&state).is_empty());
    for entry in fs::read_dir(state.data()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(32).any(|window| window == &wrapped[wrapped.len() - 32..]);
        assert!(!found, "the wrapped key is still in {}", path.display());
    }
    assert!(!state.data().join("front").exists());
    // An auditor reads who did it.
    let entries = entries(&client);
    assert!(entries.iter().any(|entry| entry.starts_with("zeroize ")), "{entries:#?}");
    assert!(service.terminate().success());
    let verified = std::process::Command::new(service_support::KEYWARD)
        .args(["audit", "verify", "--in"])
        .arg(state.path("hsm/audit"))
        .output()
        .unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    // It stays so.
    let service = state.start();
    assert_eq!(service.client().status().unwrap().state, "uninitialised");
    assert_eq!(kind(service.client().unseal(PASSPHRASE, false)), Some(ErrorKind::Sealed));
}
