//! Keys that are deleted and brought back, that take another's place, and that end.

mod service_support;

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    process::Command,
};

use keyward_algorithms::{ErrorKind, KeyType, Right, Rights};
use keyward_client::{Client, KeyTemplate};
use keyward_protocol::{
    Error, Key, KeyEventKind, KeySelector, Restrictions,
    messages::{Restrict, Rotate},
};
use service_support::{KEYWARD, ME, Machine, Service, State, generate, named, sign, wait_for};

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

fn by_name(client: &Client, name: &str) -> Result<Key, Error> {
    client.find(&KeySelector::Name(name.into()))
}

fn now() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

#[test]
fn a_deleted_key_is_hidden_from_everybody_and_comes_back_as_it_was() {
    let state = State::with("");
    let service = state.start();
    let [alice, bob] = ["alice", "bob"].map(|user| service.enrol(user, &[]));
    let key = generate(&alice, "web", "p-256");
    let key = alice.share(&key.id, "bob", Rights::of(&[Right::See, Right::Sign])).unwrap();
    sign(&bob, &key).unwrap();
    let until = alice.delete(&key.id).unwrap();
    assert!((now() + 6 * 86400..=now() + 7 * 86400).contains(&until), "{until}");
    for client in [&alice, &bob] {
        assert_eq!(kind(sign(client, &key)), Some(ErrorKind::NotFound));
        assert_eq!(kind(client.find(&KeySelector::Id(key.id))), Some(ErrorKind::NotFound));
        assert_eq!(kind(by_name(client, "web")), Some(ErrorKind::NotFound));
        assert_eq!(kind(client.rename(&key.id, "other")), Some(ErrorKind::NotFound));
        assert_eq!(kind(client.delete(&key.id)), Some(ErrorKind::NotFound));
        assert!(client.list("").unwrap().is_empty());
        assert_eq!(client.status().unwrap().keys, 0);
    }
    assert!(bob.list_deleted().unwrap().is_empty());
    assert_eq!(kind(bob.undelete(&key.id, None)), Some(ErrorKind::NotFound));

    // It outlives the service.
    assert!(service.terminate().success());
    let service = state.start();
    let [alice, bob] = ["alice", "bob"].map(|user| service.enrol(user, &[]));
    let deleted = alice.list_deleted().unwrap();
    assert_eq!(deleted.len(), 1);
    assert_eq!((deleted[0].id, deleted[0].attributes.removal), (key.id, until));
    let back = alice.undelete(&key.id, None).unwrap();
    assert_eq!((&back.name, &back.grants), (&key.name, &key.grants));
    sign(&alice, &back).unwrap();
    sign(&bob, &back).unwrap();
    assert_eq!(kind(alice.undelete(&key.id, None)), Some(ErrorKind::InvalidArgument));
    let events: Vec<_> = back.attributes.history.iter().map(|event| event.kind()).collect();
    assert_eq!(events, [KeyEventKind::Generated, KeyEventKind::Deleted, KeyEventKind::Undeleted]);
}

#[test]
fn the_name_of_a_deleted_key_is_free_and_it_comes_back_under_another() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let [first, second, third] = [(); 3].map(|()| {
        let key = generate(&client, "web", "p-256");
        client.delete(&key.id).unwrap();
        key
    });
    let live = generate(&client, "web", "ed25519");
    assert_eq!(client.list_deleted().unwrap().len(), 3);
    assert_eq!(kind(client.undelete(&first.id, None)), Some(ErrorKind::AlreadyExists));
    let back = client.undelete(&first.id, Some("web-old")).unwrap();
    assert_eq!((back.id, back.name.as_str()), (first.id, "web-old"));
    assert_eq!(by_name(&client, "web").unwrap().id, live.id);
    // For ever, a key that was deleted before.
    client.delete_now(&second.id).unwrap();
    assert_eq!(kind(client.undelete(&second.id, Some("x"))), Some(ErrorKind::NotFound));
    assert_eq!(client.list_deleted().unwrap()[0].id, third.id);
    // And at once, one that was not.
    client.delete_now(&live.id).unwrap();
    assert_eq!(client.list_deleted().unwrap().len(), 1);
}

#[test]
fn a_deleted_key_is_gone_when_its_time_has_come() {
    let mut state = State::with(&format!("{ME}[keys]\nundelete_for = \"1s\"\n"));
    let service = state.start();
    let client = service.client();
    let key = generate(&client, "web", "p-256");
    client.delete(&key.id).unwrap();
    wait_for("the key is removed", || client.list_deleted().unwrap().is_empty().then_some(()));
    assert_eq!(kind(client.undelete(&key.id, None)), Some(ErrorKind::NotFound));
    let file = rusqlite::Connection::open(state.data().join("keys.db")).unwrap();
    let left: i64 = file
        .query_row(
            "SELECT (SELECT count(*) FROM keys) + (SELECT count(*) FROM deleted)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(left, 0);
    let auditor = service.machine("auditor", &["auditor"], &[]);
    let exported = auditor.command(&service, &["audit", "export"]).output().unwrap();
    let exported = String::from_utf8(exported.stdout).unwrap();
    let removed = exported.lines().find(|line| line.contains("key-removed"));
    assert!(removed.expect("an entry in the audit log").contains(&key.id.to_string()));

    // Without a time for it, nothing is kept.
    drop(client);
    assert!(service.terminate().success());
    state.more = state.more.replace("\"1s\"", "\"0s\"");
    let service = state.start();
    let client = service.client();
    let key = generate(&client, "web", "p-256");
    assert_eq!(client.delete(&key.id).unwrap(), 0);
    assert!(client.list_deleted().unwrap().is_empty());
}

/// Puts a certificate beside a key, which the key signs itself.
fn certify(service: &Service, name: &str, days: &str) {
    let output = Command::new(KEYWARD)
        .args(["key", "self-sign", name, "--subject", "CN=www.example", "--days", days])
        .env("KEYWARD_ADDRESS", format!("unix:{}", service.socket().display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn damaged_keys_do_not_keep_the_others_from_being_removed() {
    let mut state = State::with(&format!("{ME}[keys]\nundelete_for = \"1h\"\n"));
    let service = state.start();
    let client = service.client();
    client.delete(&generate(&client, "web", "p-256").id).unwrap();
    drop(client);
    assert!(service.terminate().success());
    let file = rusqlite::Connection::open(state.data().join("keys.db")).unwrap();
    // More than are removed in one go: their records are not theirs, and they are due before others.
    file.execute_batch(
        "CREATE TEMP TABLE damaged AS
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
            SELECT randomblob(16) AS id FROM n;
         INSERT INTO keys SELECT damaged.id, owner, name, version, key_type, usage, exportable, origin,
            created, spki, chain, grants, sealed, attributes FROM keys, damaged;
         INSERT INTO deleted SELECT id, 'me', 'web', 1 FROM damaged;",
    )
    .unwrap();
    state.more = state.more.replace("\"1h\"", "\"1s\"");
    let service = state.start();
    let client = service.client();
    let key = generate(&client, "other", "p-256");
    client.delete(&key.id).unwrap();
    wait_for("the whole key is removed", || {
        let id = key.id.as_bytes().as_slice();
        let found =
            file.query_row("SELECT count(*) FROM keys WHERE id = ?", [id], |row| row.get(0));
        (found == Ok(0_i64)).then_some(())
    });
}

#[test]
fn a_key_takes_anothers_place_when_its_certificate_comes() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let end = now() + 1000;
    let restrictions = Restrictions {
        algorithms: vec!["ecdsa-sha256".into()],
        not_after: end,
        ..Restrictions::default()
    };
    let uses = Rights::of(&[Right::Sign, Right::Derive]);
    let template = KeyTemplate { usage: Some(uses), restrictions, ..named("web") };
    let old = client.generate(KeyType::from_name("p-256").unwrap(), &template).unwrap();
    client.share(&old.id, "bob", Rights::of(&[Right::See, Right::Sign])).unwrap();
    certify(&service, "web", "90");

    let retire = Restrict {
        remove_uses: Rights::of(&[Right::Derive]).bits(),
        restrictions: Some(Restrictions { not_after: end - 500, ..Restrictions::default() }),
        ..Restrict::default()
    };
    let rotate = Rotate { awaits_certificate: true, retire: Some(retire), ..Rotate::default() };
    let new = client.rotate(&old.id, rotate.clone()).unwrap();
    assert_eq!((new.name.as_str(), new.usage, new.chain.len()), ("web.next", uses, 0));
    assert_eq!(new.grants, [("bob".to_owned(), Rights::of(&[Right::See, Right::Sign]))]);
    assert_eq!(new.attributes.restrictions.algorithms, ["ecdsa-sha256"]);
    assert!(new.attributes.restrictions.not_after >= end, "its validity begins anew");
    assert_ne!(new.spki, old.spki);
    // Until then the name means the old key, and a second one cannot come.
    assert_eq!(by_name(&client, "web").unwrap().id, old.id);
    sign(&client, &old).unwrap();
    assert_eq!(kind(client.rotate(&old.id, rotate.clone())), Some(ErrorKind::AlreadyExists));
    let twice = client.rotate(&new.id, rotate.clone());
    assert_eq!(kind(twice), Some(ErrorKind::InvalidArgument));

    // Its own certificate puts it in its place, across a restart.
    assert!(service.terminate().success());
    let service = state.start();
    let client = service.client();
    certify(&service, "web.next", "90");
    let placed = by_name(&client, "web").unwrap();
    assert_eq!((placed.id, placed.chain.len()), (new.id, 1));
    assert_eq!(placed.attributes.succession, None);
    let former = by_name(&client, "web.1").unwrap();
    assert_eq!((former.id, former.usage), (old.id, Rights::of(&[Right::Sign])));
    assert_eq!(former.attributes.restrictions.not_after, end - 500);
    assert_eq!(kind(by_name(&client, "web.next")), Some(ErrorKind::NotFound));
    // Who has loaded the old one goes on with it.
    sign(&client, &old).unwrap();
    sign(&client, &placed).unwrap();

    // The next one finds the next free name.
    let rotate = Rotate { awaits_certificate: true, ..Rotate::default() };
    client.rotate(&placed.id, rotate).unwrap();
    certify(&service, "web.next", "90");
    assert_eq!(by_name(&client, "web.2").unwrap().id, new.id);
    let last = by_name(&client, "web").unwrap().attributes.history;
    assert_eq!(last.last().unwrap().kind(), KeyEventKind::Rotated);
}

#[test]
fn what_is_taken_from_a_key_while_its_successor_waits_is_taken_from_that_too() {
    let state = State::with("");
    let service = state.start();
    let [owner, helper, reader] =
        ["alice", "bob", "carol"].map(|user| service.machine(user, &[], &[]));
    let [alice, bob, carol] = [&owner, &helper, &reader].map(|user| user.client(&service));
    let key = generate(&alice, "web", "p-256");
    let (see_sign, manage) = (
        Rights::of(&[Right::See, Right::Sign]),
        Rights::of(&[Right::See, Right::Sign, Right::Manage]),
    );
    alice.share(&key.id, "bob", manage).unwrap();
    alice.share(&key.id, "carol", see_sign).unwrap();
    let rotate = Rotate { awaits_certificate: true, ..Rotate::default() };
    let next = bob.rotate(&key.id, rotate).unwrap();
    assert_eq!(next.owner, "alice");
    sign(&carol, &next).unwrap();

    alice.share(&key.id, "carol", Rights::NONE).unwrap();
    alice.share(&key.id, "bob", see_sign).unwrap();
    let restrictions =
        Some(Restrictions { algorithms: vec!["ecdsa-sha256".into()], ..Restrictions::default() });
    alice.restrict(&key.id, Restrict { restrictions, ..Restrict::default() }).unwrap();
    // Who may not manage the old one any more does not put another in its place.
    let certify = |user: &Machine| {
        let arguments = ["key", "self-sign", "web.next", "--subject", "CN=www.example"];
        let output = user.command(&service, &arguments).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (done, said) = certify(&helper);
    assert!(!done && said.contains("may not put another key in place of"), "{said}");
    assert_eq!(by_name(&alice, "web").unwrap().id, key.id);
    let (done, said) = certify(&owner);
    assert!(done, "{said}");
    let placed = by_name(&alice, "web").unwrap();
    assert_eq!(placed.id, next.id);
    assert_eq!(placed.grants, [("bob".to_owned(), see_sign)]);
    assert_eq!(placed.attributes.restrictions.algorithms, ["ecdsa-sha256"]);
    assert_eq!(kind(sign(&carol, &placed)), Some(ErrorKind::NotFound));
}

#[test]
fn a_key_whose_name_has_no_room_for_more_is_told_to_be_renamed_before_it_is_rotated() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let long = generate(&client, &"n".repeat(124), "p-256");
    let error = client.rotate(&long.id, Rotate::default()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert!(error.message.contains("has no room for \".next\" behind it"), "{error}");
    // Where it happened stands apart from what did.
    let place = format!(" (unix:{})", service.socket().display());
    assert!(error.message.ends_with(&place), "{error}");
    assert!(error.hint.unwrap().contains("at most 123 characters first: keyward key rename"));
    client.rename(&long.id, &"n".repeat(123)).unwrap();
    client.rotate(&long.id, Rotate::default()).unwrap();
}

#[test]
fn a_key_without_a_certificate_is_rotated_at_once() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let old = generate(&client, "data", "aes-256");
    let new = client.rotate(&old.id, Rotate::default()).unwrap();
    assert_eq!(new.name, "data");
    assert_ne!(new.id, old.id);
    assert_eq!(by_name(&client, "data.1").unwrap().id, old.id);
    // Nothing is left for what would leave a key without any use.
    let all = Restrict { remove_uses: new.usage.bits(), ..Restrict::default() };
    let rotate = Rotate { retire: Some(all), ..Rotate::default() };
    assert_eq!(kind(client.rotate(&new.id, rotate)), Some(ErrorKind::InvalidArgument));
    assert_eq!(client.list("").unwrap().len(), 2);
}

#[test]
fn a_key_whose_predecessor_is_gone_keeps_its_own_name() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let old = generate(&client, "web", "p-256");
    let rotate = Rotate { awaits_certificate: true, ..Rotate::default() };
    let new = client.rotate(&old.id, rotate).unwrap();
    client.delete(&old.id).unwrap();
    certify(&service, "web.next", "90");
    let alone = by_name(&client, "web.next").unwrap();
    assert_eq!((alone.id, alone.attributes.succession), (new.id, None));
}

/// A certificate of nobody's key that ends in so many days.
fn certificate(days: i64) -> Vec<u8> {
    let mut params = rcgen::CertificateParams::new(["root".to_owned()]).unwrap();
    params.not_after = time::OffsetDateTime::now_utc() + time::Duration::days(days);
    params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

/// What the health listener answers.
fn page(service: &Service, path: &str) -> String {
    let mut stream = UnixStream::connect(service.socket().with_file_name("health.sock")).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn ends_of_certificates_and_keys_are_warned_of() {
    let state = State::with(&format!("{ME}roles = [\"user\", \"operator\"]\n"));
    let service = state.start();
    let client = service.client();
    let soon = Restrictions { not_after: now() + 5 * 86400, ..Restrictions::default() };
    let template = KeyTemplate { restrictions: soon, ..named("soon") };
    client.generate(KeyType::Ed25519, &template).unwrap();
    generate(&client, "cert", "p-256");
    certify(&service, "cert", "1");
    generate(&client, "later", "p-256");
    certify(&service, "later", "90");
    for (name, days) in [("root", 5), ("lasting-root", 90)] {
        client.put_certificate(name, &certificate(days), false).unwrap();
    }
    // It looks when it starts, and every ten minutes.
    drop(client);
    assert!(service.terminate().success());
    let service = state.start();
    let client = service.client();
    let warned =
        |what: &str| client.status().unwrap().warnings.iter().any(|warning| warning.contains(what));
    wait_for("the warnings come", || warned("key me/soon ends at 20").then_some(()));
    assert!(warned("the certificate of key me/cert ends at 20"));
    assert!(warned("the certificate me/root, kept without a key, ends at 20"));
    assert!(!warned("lasting-root"));
    assert!(warned("3 certificates and keys have ended or end soon"));
    let metrics = page(&service, "/metrics");
    assert!(metrics.contains("keyward_ending_keys{what=\"kept-certificate\"} 1\n"), "{metrics}");
    assert!(page(&service, "/state").contains("3 certificates and keys have ended or end soon"));
    assert!(service.log().contains("the certificate of key me/cert ends at"));
    // Who owns none of them is not told.
    let stranger = service.enrol("alice", &[]);
    assert!(!stranger.status().unwrap().warnings.iter().any(|warning| warning.contains("end")));
}
