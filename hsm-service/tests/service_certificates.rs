//! Certificates that are kept without a key.

mod service_support;

use std::{path::Path, process::Command};

use keyward_algorithms::{ErrorKind, KeyType, Operation};
use keyward_protocol::{
    Error,
    messages::{Backups, Rotate},
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rusqlite::Connection;
use service_support::{KEYWARD, ME, State, audit_log, generate, named};

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

/// A DER certificate with so many bytes more than it needs.
fn certificate(host: &str, padding: usize) -> Vec<u8> {
    let mut params = CertificateParams::new([host.to_owned()]).unwrap();
    let more = CustomExtension::from_oid_content(&[2, 25, 7], vec![7; padding]);
    params.custom_extensions.push(more);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

#[test]
fn a_certificate_lives_without_a_key_is_its_owners_alone_and_outlives_a_kill() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let [root, next] = [certificate("root", 0), certificate("next", 0)];
    let kept = client.put_certificate("root", &root, false).unwrap();
    assert_eq!((kept.owner.as_str(), kept.name.as_str(), &kept.der), ("me", "root", &root));
    assert_ne!(kept.created, 0);
    assert_eq!(kind(client.put_certificate("root", &next, false)), Some(ErrorKind::AlreadyExists));
    assert_eq!(client.put_certificate("root", &next, true).unwrap().der, next);
    client.put_certificate("other", &root, false).unwrap();
    assert_eq!(kind(client.rename_certificate("root", "other")), Some(ErrorKind::AlreadyExists));
    assert_eq!(client.rename_certificate("root", "first").unwrap().der, next);
    assert_eq!(kind(client.rename_certificate("root", "x")), Some(ErrorKind::NotFound));
    let no_name = client.rename_certificate(&"root".repeat(1000), "x");
    assert_eq!(kind(no_name), Some(ErrorKind::InvalidArgument));

    let stranger = service.enrol("stranger", &[]);
    assert!(stranger.certificates().unwrap().is_empty());
    assert_eq!(kind(stranger.certificate("first")), Some(ErrorKind::NotFound));
    assert_eq!(kind(stranger.delete_certificate("first")), Some(ErrorKind::NotFound));
    // The name is taken for its owner alone.
    stranger.put_certificate("first", &root, false).unwrap();

    service.kill();
    let service = state.start();
    let client = service.client();
    let names: Vec<String> =
        client.certificates().unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["first", "other"]);
    assert_eq!(client.certificate("first").unwrap().der, next);
    client.delete_certificate("first").unwrap();
    assert_eq!(kind(client.certificate("first")), Some(ErrorKind::NotFound));
    assert_eq!(kind(client.delete_certificate("first")), Some(ErrorKind::NotFound));

    let log = audit_log(&service.enrol("auditor", &["auditor"]));
    let of = |operation: Operation| {
        let entries = log.iter().filter(move |entry| entry.operation == operation.code());
        entries.map(|entry| (entry.key.as_str(), entry.outcome)).collect::<Vec<_>>()
    };
    let taken = ErrorKind::AlreadyExists.code();
    let put = &of(Operation::PutCertificate)[..5];
    let expected =
        [("me/root", 0), ("me/root", taken), ("me/root", 0), ("me/other", 0), ("me/other", taken)];
    assert_eq!(put, expected);
    let absent = ErrorKind::NotFound.code();
    let deleted = [("stranger/first", absent), ("me/first", 0), ("me/first", absent)];
    assert_eq!(of(Operation::DeleteCertificate), deleted);
}

#[test]
fn a_name_stands_for_one_key_or_certificate_of_a_user() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let root = certificate("root", 0);
    let p256 = KeyType::from_name("p-256").unwrap();
    client.put_certificate("root", &root, false).unwrap();
    let error = client.generate(p256, &named("root")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::AlreadyExists);
    assert!(error.message.contains("a certificate \"root\""), "{error}");
    let web = generate(&client, "web", "p-256");
    assert_eq!(kind(client.rename(&web.id, "root")), Some(ErrorKind::AlreadyExists));
    for replace in [false, true] {
        let error = client.put_certificate("web", &root, replace).unwrap_err();
        assert_eq!(error.kind, ErrorKind::AlreadyExists);
        assert!(error.message.contains("a key \"web\""), "{error}");
    }
    assert_eq!(kind(client.rename_certificate("root", "web")), Some(ErrorKind::AlreadyExists));
    // A deleted key's name is free, and taken when it is to come back.
    client.delete(&web.id).unwrap();
    client.put_certificate("web", &root, false).unwrap();
    assert_eq!(kind(client.undelete(&web.id, None)), Some(ErrorKind::AlreadyExists));
    assert_eq!(client.undelete(&web.id, Some("web2")).unwrap().name, "web2");
    // The place of a rotated key is not that of a certificate.
    let site = generate(&client, "site", "p-256");
    client.put_certificate("site.1", &root, false).unwrap();
    client.rotate(&site.id, Rotate::default()).unwrap();
    assert_eq!(client.list("site").unwrap().len(), 2);
    assert_eq!(client.list("site.2").unwrap()[0].id, site.id);
}

#[test]
fn what_is_no_certificate_is_refused() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let root = certificate("root", 0);
    let longer = [root.as_slice(), &[0]].concat();
    for der in [&[][..], b"text", &root[..root.len() - 1], &longer] {
        assert_eq!(
            kind(client.put_certificate("root", der, false)),
            Some(ErrorKind::InvalidArgument)
        );
    }
    let large = certificate("root", 70_000);
    assert_eq!(kind(client.put_certificate("root", &large, false)), Some(ErrorKind::LimitExceeded));
    assert_eq!(kind(client.put_certificate("a b", &root, false)), Some(ErrorKind::InvalidArgument));
}

#[test]
fn many_large_certificates_are_listed_whole() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let large = certificate("root", 60_000);
    let names: Vec<String> = (10..50).map(|number| format!("root{number}")).collect();
    names.iter().for_each(|name| drop(client.put_certificate(name, &large, false).unwrap()));
    let listed: Vec<String> =
        client.certificates().unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(listed, names);
}

#[test]
fn certificates_count_among_the_keys_of_a_quota() {
    let state = State::with(&format!("{ME}max_keys = 2\n"));
    let service = state.start();
    let client = service.client();
    let root = certificate("root", 0);
    generate(&client, "key", "p-256");
    client.put_certificate("root", &root, false).unwrap();
    assert_eq!(kind(client.put_certificate("more", &root, false)), Some(ErrorKind::LimitExceeded));
    let p256 = KeyType::from_name("p-256").unwrap();
    assert_eq!(kind(client.generate(p256, &named("more"))), Some(ErrorKind::LimitExceeded));
    client.put_certificate("root", &root, true).unwrap();
    client.delete_certificate("root").unwrap();
    generate(&client, "more", "p-256");
}

#[test]
fn a_certificate_that_was_edited_on_disk_is_not_given_out_and_spoils_a_backup() {
    let mut state = State::with(ME);
    let (identity, backup) = state.backup_identity();
    state.more += &backup;
    let service = state.start();
    let client = service.client();
    for name in ["good", "edited", "moved"] {
        client.put_certificate(name, &certificate(name, 0), false).unwrap();
    }
    let operator = service.enrol("operator", &["operator"]);
    let verify = |made: &Backups| {
        let file = Path::new(&made.folder).join(&made.files[0].name);
        let output = Command::new(KEYWARD)
            .args(["backup", "verify", file.to_str().unwrap()])
            .args(["--identity", identity.to_str().unwrap()])
            .args(["--master-key", state.master_key().to_str().unwrap()])
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (whole, said) = verify(&operator.make_backup().unwrap());
    assert!(whole, "{said}");
    service.kill();
    let file = Connection::open(state.data().join("keys.db")).unwrap();
    let evil = certificate("evil", 0);
    file.execute("UPDATE certificates SET der = ? WHERE name = 'edited'", [&evil]).unwrap();
    file.execute("UPDATE certificates SET owner = 'stranger' WHERE name = 'moved'", []).unwrap();
    drop(file);
    let service = state.start();
    let client = service.client();
    let listed = client.certificates().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].name, "good");
    assert_eq!(kind(client.certificate("edited")), Some(ErrorKind::Internal));
    assert!(service.enrol("stranger", &[]).certificates().unwrap().is_empty());
    let operator = service.enrol("operator", &["operator"]);
    let (whole, said) = verify(&operator.make_backup().unwrap());
    assert!(!whole && said.contains("changed outside the service"), "{said}");
}
