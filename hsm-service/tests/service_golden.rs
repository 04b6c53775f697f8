//! What another version has left is taken on by this one: stores, audit logs, journals, and clients.
//! `golden/README.md` says what there is and how it was made.

mod service_support;

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    mem::discriminant,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

use keyward_algorithms::Operation;
use keyward_protocol::{
    KeySelector, decode_request, decode_response, encode_request, encode_response,
    messages::{
        KeyInfo, Request, Response, request::Operation as Asked, response::Result as Reply,
    },
};
use service_support::{KEYWARD, State, audit_log, raw::Raw, sign};

/// The user of the golden files, with every role.
const ME: &str = "[[user]]\nname = \"me\"\nidentities = [\"uid:ME\"]\nroles = [\"user\", \"admin\", \
                  \"auditor\", \"operator\"]\n[audit]\njournal_mib = 1\n";

/// The keys in `state-2`, and how often any of them had signed.
const NAMES: [&str; 11] =
    ["agree", "data", "ed", "held", "imported", "kem", "pq", "rsa", "spare", "token", "web"];
const SIGNED: usize = 5;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A copy of the state that a service left when it was killed.
fn left_state(name: &str) -> State {
    let key = fs::read_to_string(golden("backup-2/backup.key")).unwrap();
    let recipient = key.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    let state = State::with(&format!("{ME}[backup]\nrecipients = [{recipient:?}]\n"));
    for (from, to) in [("data", state.data()), ("audit", state.path("hsm/audit"))] {
        let _ = fs::remove_dir_all(&to);
        fs::DirBuilder::new().mode(0o700).create(&to).unwrap();
        for entry in fs::read_dir(golden(name).join(from)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    // What is not written of the journal is zero, and left out of the sources.
    let journal = OpenOptions::new().write(true).open(state.path("hsm/audit/journal")).unwrap();
    journal.set_len((1 << 20) + 4096).unwrap();
    File::create(state.master_key()).unwrap();
    fs::copy(golden(name).join("master.key"), state.master_key()).unwrap();
    fs::set_permissions(state.master_key(), fs::Permissions::from_mode(0o600)).unwrap();
    state
}

#[test]
fn the_state_that_a_killed_service_of_layout_2_left_is_taken_on() {
    let state = left_state("state-2");
    let service = state.start();
    let client = service.client();
    let keys = client.list("").unwrap();
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(names, NAMES);
    // With the deleted one.
    assert_eq!(client.status().unwrap().keys, NAMES.len() as u64 + 1);
    let find = |name: &str| client.find(&KeySelector::Name(name.into())).unwrap();
    let pem = fs::read_to_string(golden("state-2/web.pub")).unwrap();
    let (_, spki) = pem_rfc7468::decode_vec(pem.as_bytes()).unwrap();
    assert_eq!(find("web").spki, spki);
    assert_eq!((find("web").chain.len(), find("web").grants[0].0.as_str()), (1, "bob"));
    assert_eq!(find("held").attributes.restrictions.algorithms, ["ecdsa-sha256"]);
    for name in ["web", "rsa", "ed", "held"] {
        sign(&client, &find(name)).unwrap();
    }
    let deleted = client.list_deleted().unwrap();
    assert_eq!(deleted.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["gone"]);
    client.undelete(&deleted[0].id, None).unwrap();

    // The last signatures were in the journal alone when the service was killed.
    let signed = |entries: &[keyward_protocol::messages::AuditEntry]| {
        entries.iter().filter(|entry| entry.operation == Operation::Sign.code()).count()
    };
    let entries = audit_log(&client);
    assert_eq!(signed(&entries), SIGNED + 4);
    assert!(entries.windows(2).all(|pair| pair[0].sequence + 1 == pair[1].sequence));
    assert!(service.terminate().success());
    let audit = state.path("hsm/audit");
    let verified =
        Command::new(KEYWARD).args(["audit", "verify", "--in"]).arg(audit).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

/// The frames of one connection, as they went to and fro: what was asked, and the answer.
fn recorded(name: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let text = fs::read_to_string(golden(name)).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let bytes = |line: &str, mark: &str| {
        let digits = line.strip_prefix(mark).unwrap_or_else(|| panic!("{line}")).trim().as_bytes();
        let byte =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect::<Vec<u8>>()
    };
    lines.chunks(2).map(|pair| (bytes(pair[0], ">"), bytes(pair[1], "<"))).collect()
}

#[test]
fn frames_of_version_1_read_as_they_were_meant() {
    for (asked, answered) in recorded("session-1.txt") {
        let request: Request = decode_request(&asked[4..]).unwrap();
        assert!(request.operation.is_some(), "{asked:?}");
        let response: Response = decode_response(&answered[4..]).unwrap();
        assert!(response.result.is_some() && response.id == request.id, "{answered:?}");
        // What is read is all that there was.
        let (mut request_again, mut response_again) = (Vec::new(), Vec::new());
        encode_request(&request, &mut request_again).unwrap();
        encode_response(&response, &mut response_again).unwrap();
        assert!(request_again == asked && response_again == answered, "{request:?}");
    }
}

/// What of a key an older client relies on; times of changes are another each time, and it reads no
/// warnings.
fn lasting(key: &KeyInfo) -> KeyInfo {
    let mut key = KeyInfo { warnings: Vec::new(), ..key.clone() };
    if let Some(attributes) = &mut key.attributes {
        attributes.history.clear();
    }
    key
}

#[test]
fn a_client_of_version_1_is_answered_as_it_was() {
    let state = left_state("state-2");
    let service = state.start();
    let mut peer = Raw::connect(service.socket());
    let mut asked_for = 0;
    for (asked, answered) in recorded("session-1.txt") {
        let then = decode_response(&answered[4..]).unwrap().result.unwrap();
        peer.stream.write_all(&asked).unwrap();
        let now = peer.receive().unwrap().result.unwrap();
        let operation = decode_request(&asked[4..]).unwrap().operation.unwrap();
        let context = format!("{operation:?}");
        match (&then, &now) {
            (Reply::Hello(then), Reply::Hello(now)) => {
                assert_eq!((then.version, &then.user), (now.version, &now.user));
                let known = |code| now.operations.contains(code);
                assert!(then.operations.iter().all(known), "an operation is gone");
            }
            // A key that is made is another each time.
            (Reply::Key(then), Reply::Key(now)) if matches!(operation, Asked::Generate(_)) => {
                assert_eq!((&then.name, &then.key_type), (&now.name, &now.key_type));
            }
            (Reply::Key(then), Reply::Key(now)) => {
                assert_eq!(lasting(then), lasting(now), "{context}");
            }
            (Reply::Output(_), Reply::Output(now)) if matches!(operation, Asked::Attest(_)) => {
                assert!(!now.is_empty());
            }
            (Reply::Keys(then), Reply::Keys(now)) => {
                let all = |keys: &[KeyInfo]| keys.iter().map(lasting).collect::<Vec<_>>();
                assert_eq!((all(&then.keys), &then.next), (all(&now.keys), &now.next));
            }
            // Signatures of RSA PKCS#1 v1.5 and Ed25519, MACs and plaintexts are the same each time.
            (Reply::Output(then), Reply::Output(now)) => assert_eq!(then, now, "{context}"),
            (Reply::Valid(then), Reply::Valid(now)) => assert_eq!(then, now, "{context}"),
            (Reply::Failure(then), Reply::Failure(now)) => {
                assert_eq!(then.kind, now.kind, "{context}: {}", now.message);
            }
            _ => assert_eq!(discriminant(&then), discriminant(&now), "{context}: {now:?}"),
        }
        asked_for += 1;
    }
    println!("{asked_for} requests of a client of version 1 answered as then");
}
