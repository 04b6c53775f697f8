//! What happens when the disk answers with errors.

mod service_support;

use std::sync::Arc;

use keyward_algorithms::{ErrorKind, KeyType};
use keyward_client::Client;
use keyward_protocol::{
    Error, Key, Restrictions,
    messages::{RevokeClient, RotationStep as Step},
};
use keyward_service::{init::SealChoice, store::Passphrase};
use service_support::{
    State, all_is_there, audit_log,
    faults::{Call, FaultyDisk},
    generate, named, sign, wait_for,
};

/// Uses keys and reads the log.
const ME: &str =
    "[[user]]\nname = \"me\"\nidentities = [\"uid:ME\"]\nroles = [\"user\", \"auditor\"]\n";

fn make(client: &Client, name: &str) -> Result<Key, Error> {
    client.generate(KeyType::from_name("p-256").unwrap(), &named(name))
}

fn warned(client: &Client) -> bool {
    let warnings = client.status().unwrap().warnings;
    warnings.iter().any(|one| one.contains("the audit log cannot be written"))
}

#[test]
fn what_a_failing_disk_does_not_take_is_refused_and_what_was_answered_is_there() {
    let state = State::with(ME);
    let Some(disk) = FaultyDisk::of(&state) else { return };
    let audit = state.path("hsm/audit");
    let service = disk.start(&state);
    let client = service.client();
    let web = generate(&client, "web", "p-256");
    let (mut keys, mut refused, mut failures) = (vec![], 0, 0);
    // Each write and sync of a change in turn, once, with the cut that is to undo it, and for long.
    let plans = [(0, 1), (1, 1), (2, 1), (3, 1), (0, 2), (0, 1000)];
    for (calls, place) in [
        (&[Call::Write][..], "keys.db"),
        (&[Call::Sync], "keys.db"),
        (&[Call::Write, Call::Cut], "audit-"),
        (&[Call::Sync, Call::Cut], "audit-"),
        (&[Call::Sync], "journal"),
    ] {
        for (skip, count) in plans {
            let plan = format!("{}-{place}-{skip}-{count}", calls[0] as u32);
            disk.fail(calls, place, skip, count);
            let mut attempt = 0;
            // The log's files are written by a thread of their own, some time later.
            while disk.failed() == 0 || attempt < 3 {
                match make(&client, &format!("{plan}-{attempt}")) {
                    Ok(key) => keys.push(key),
                    Err(error) => {
                        assert_eq!(error.kind, ErrorKind::Internal, "{error}");
                        assert!(error.hint.is_some(), "{error}");
                        refused += 1;
                    }
                }
                // Keys are used all the while.
                sign(&client, &web).unwrap();
                attempt += 1;
            }
            failures += disk.heal();
            // With a sound disk all goes on by itself.
            keys.push(make(&client, &format!("{plan}-after")).unwrap());
            wait_for("the log", || (!warned(&client)).then_some(()));
        }
    }
    assert!(failures > 30 && refused > 15, "{failures} failures, {refused} refused");
    all_is_there(&service, &keys, &audit);

    // Killed while it fails, it has lost nothing either.
    disk.fail(&[Call::Write, Call::Sync, Call::Cut], "hsm/", 7, 1000);
    for attempt in 0..5 {
        keys.extend(make(&client, &format!("last-{attempt}")));
    }
    service.kill();
    disk.heal();
    let service = state.start();
    sign(&service.client(), &web).unwrap();
    all_is_there(&service, &keys, &audit);
    println!("{failures} calls failed, {refused} changes refused, {} keys, 0 lost", keys.len());
}

#[test]
fn a_key_with_limits_is_used_no_more_than_can_be_counted() {
    let state = State::with(ME);
    let Some(disk) = FaultyDisk::of(&state) else { return };
    let service = disk.start(&state);
    let client = service.client();
    let restrictions = Restrictions { max_uses: 100, ..Restrictions::default() };
    let template = keyward_client::KeyTemplate { restrictions, ..named("release") };
    let key = client.generate(KeyType::from_name("p-256").unwrap(), &template).unwrap();
    sign(&client, &key).unwrap();
    disk.fail(&[Call::Sync], "keys.db", 0, 1000);
    // The rest of a portion of a tenth.
    let (mut done, error) = loop_until_refused(&client, &key);
    assert_eq!(done, 9);
    assert_eq!(error.kind, ErrorKind::Internal, "{error}");
    assert!(error.message.contains("cannot be counted"), "{error}");
    disk.heal();
    let (more, error) = loop_until_refused(&client, &key);
    done += 1 + more;
    assert_eq!(error.kind, ErrorKind::LimitExceeded, "{error}");
    // What was reserved in vain is not given out twice, nor lost unless the disk has it.
    assert!((90..=100).contains(&done), "{done}");
}

fn loop_until_refused(client: &Client, key: &Key) -> (u32, Error) {
    for done in 0.. {
        if let Err(error) = sign(client, key) {
            return (done, error);
        }
    }
    unreachable!()
}

#[test]
fn keys_whose_destruction_the_disk_does_not_take_are_out_of_memory_and_destroyed_later() {
    let state = State::with(ME);
    let Some(disk) = FaultyDisk::of(&state) else { return };
    let service = disk.start(&state);
    let (client, administrator) = (service.client(), service.administrator());
    let key = generate(&client, "web", "p-256");
    disk.fail(&[Call::Write], "keys.db", 0, 1000);
    let refused = administrator.zeroize(&state.issued.service_id).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Internal, "{refused}");
    assert!(refused.hint.unwrap().contains("`keyward zeroize` again"));
    assert!(disk.heal() > 0);
    assert_eq!(sign(&client, &key).unwrap_err().kind, ErrorKind::Sealed);
    let seal = administrator.zeroize(&state.issued.service_id).unwrap();
    assert_eq!((seal.state.as_str(), seal.kind.as_str()), ("uninitialised", ""));
    assert!(service.terminate().success());
    assert_eq!(state.start().client().status().unwrap().state, "uninitialised");
}

#[test]
fn a_client_is_shut_out_though_the_disk_does_not_take_it_for_the_sealed_service() {
    let passphrase = b"ten green bottles hanging on the wall";
    let mut state = State::sealed_by(SealChoice::Passphrase(Arc::new(Passphrase::new(passphrase))));
    let me = rustix::process::geteuid().as_raw().to_string();
    state.more = ME.replace("\"user\"", "\"admin\"").replace("uid:ME", &format!("uid:{me}"));
    let Some(disk) = FaultyDisk::of(&state) else { return };
    let service = disk.start(&state);
    let administrator = service.client();
    administrator.unseal(passphrase, false).unwrap();
    let machine = service.machine("web", &[], &[]);
    let web = machine.client(&service);
    let key = generate(&web, "k", "p-256");
    let revoke = || RevokeClient { user: "web".into(), ..RevokeClient::default() };
    disk.fail(&[Call::Write], "hsm/data/.tmp", 0, 1000);
    let error = administrator.revoke_client(revoke()).unwrap_err();
    assert!(disk.heal() > 0);
    assert_eq!(error.kind, ErrorKind::Internal, "{error}");
    assert!(error.message.contains("revoked, but not for the time that the service is sealed"));
    assert_eq!(sign(&web, &key).unwrap_err().kind, ErrorKind::Unauthenticated);
    let details: Vec<String> =
        audit_log(&administrator).into_iter().map(|entry| entry.detail).collect();
    assert!(details.iter().any(|detail| detail.contains("revoked 1: ")), "{details:?}");

    assert!(administrator.revoke_client(revoke()).unwrap().is_empty());
    service.kill();
    // The sealed service knows it, too.
    let service = state.start();
    let error = machine.client(&service).status().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthenticated, "{error}");
}

#[test]
fn who_has_an_old_authority_is_shut_out_though_the_disk_does_not_take_that_into_the_list() {
    let state = State::with(ME);
    let Some(disk) = FaultyDisk::of(&state) else { return };
    let service = disk.start(&state);
    let old = service.enrol("web", &[]);
    let key = generate(&old, "k", "p-256");
    service.administrator().rotate_authority(Step::Begin).unwrap();
    let administrator = service.enrol("anne", &["admin"]);
    administrator.rotate_authority(Step::Switch).unwrap();
    // The first writes are those of the step itself.
    let error = (0..)
        .find_map(|skip| {
            disk.fail(&[Call::Write], "keys.db", skip, 1);
            let error = administrator.rotate_authority(Step::Finish).unwrap_err();
            assert_eq!(disk.heal(), 1);
            (administrator.authority().unwrap().reached() == Step::Unknown).then_some(error)
        })
        .unwrap();
    // Also on the connection that is open.
    let refused = sign(&old, &key).unwrap_err();
    assert!(refused.hint.as_deref().unwrap_or_default().contains("client enrol"), "{refused}");
    assert!(error.hint.as_deref().unwrap_or_default().contains("authority finish"), "{error}");
    let valid = || {
        let all = administrator.list_clients().unwrap();
        all.into_iter().filter(|one| one.revoked == 0).map(|one| one.user).collect::<Vec<_>>()
    };
    assert_eq!(valid().len(), 3);
    administrator.rotate_authority(Step::Finish).unwrap();
    assert_eq!(valid(), ["anne"]);
    let error = administrator.rotate_authority(Step::Finish).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidArgument, "nothing is left to do");
}
