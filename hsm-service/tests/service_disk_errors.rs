//! What happens when the disk answers with errors.

mod service_support;

use keyward_algorithms::{ErrorKind, KeyType};
use keyward_client::Client;
use keyward_protocol::{Error, Key, Restrictions};
use service_support::{
    State, all_is_there,
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
