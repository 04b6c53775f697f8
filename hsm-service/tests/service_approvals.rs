//! Acts that wait for the approval of others, over the wire: by users of their own, each with an own
//! certificate, and across kills of the service.

mod service_support;

use std::{thread, time::Duration};

use keyward_algorithms::{
    Derivation, Digest, ErrorKind, KeyType, Operation, Right, Rights, Wrapping,
};
use keyward_client::{Client, KeyTemplate, Pin, WrapWith};
use keyward_protocol::{
    ApprovalId, Error, Key, KeyId, KeySelector, Restrictions, WrappingChoice,
    messages::{self, ApprovalState, request::Operation as Asked},
};
use keyward_service::{issue::Authority, store::SealKind};
use service_support::{
    audit_log, generate, named,
    quorum::{World, asked, kind, logged, quorum, state_of},
    sign,
};

fn exportable(name: &str) -> KeyTemplate<'_> {
    KeyTemplate { exportable: true, ..named(name) }
}

const KEY_WRAP: WrappingChoice<'_> = WrappingChoice { wrapping: Wrapping::AesKw, oaep: None };

/// What the requests are about.
struct Things {
    wrapping: KeyId,
    wrapped: Vec<u8>,
    secret: KeyId,
    keys: Vec<Key>,
    certificate: Vec<u8>,
}

impl Things {
    fn make(client: &Client) -> Things {
        let usage = Some(Rights::of(&[Right::Wrap, Right::Unwrap]));
        let template = KeyTemplate { usage, ..named("wrapping") };
        let aes = KeyType::from_name("aes-256").unwrap();
        let wrapping = client.generate(aes, &template).unwrap().id;
        let exported = client.generate(aes, &exportable("exported")).unwrap();
        let wrapped = client.wrap(&exported.id, WrapWith::Key(&wrapping), &KEY_WRAP).unwrap();
        let usage = Some(Rights::of(&[Right::Derive]));
        let secret = KeyType::from_name("hmac-256").unwrap();
        let secret = client.generate(secret, &KeyTemplate { usage, ..named("secret") }).unwrap().id;
        let keys = (0..7).map(|number| generate(client, &format!("key{number}"), "p-256"));
        let keys: Vec<Key> = [exported].into_iter().chain(keys).collect();
        client.delete(&keys[6].id).unwrap();
        let made = rcgen::generate_simple_self_signed(["root".to_owned()]).unwrap();
        let certificate = made.cert.der().to_vec();
        client.put_certificate("root", &certificate, false).unwrap();
        Things { wrapping, wrapped, secret, keys, certificate }
    }

    /// A request that the service would carry out.
    fn request(&self, operation: Operation) -> Asked {
        let csr = || Authority::client_request().unwrap().0;
        let id = |index: usize| self.keys[index].id.as_bytes().to_vec();
        match operation {
            Operation::Generate => Asked::Generate(messages::Generate {
                name: "generated".into(),
                key_type: "p-256".into(),
                ..Default::default()
            }),
            Operation::Import => Asked::Import(Box::new(messages::Import {
                name: "imported".into(),
                secret: vec![7; 32],
                key_type: "hmac-256".into(),
                ..Default::default()
            })),
            Operation::Rename => {
                Asked::Rename(messages::Rename { key_id: id(1), name: "renamed".into() })
            }
            Operation::Delete => Asked::Delete(messages::Delete { key_id: id(2), now: false }),
            Operation::Undelete => {
                Asked::Undelete(messages::Undelete { key_id: id(6), name: String::new() })
            }
            Operation::Rotate => {
                let awaits_certificate = true;
                Asked::Rotate(Box::new(messages::Rotate {
                    key_id: id(7),
                    awaits_certificate,
                    ..Default::default()
                }))
            }
            Operation::Trust => Asked::Trust(messages::Trust { key_id: id(5), trusted: false }),
            Operation::Restrict => Asked::Restrict(messages::Restrict {
                key_id: id(5),
                forbid_export: true,
                ..Default::default()
            }),
            Operation::SetChain => {
                Asked::SetChain(messages::SetChain { key_id: id(3), chain: vec![] })
            }
            Operation::PutCertificate => Asked::PutCertificate(messages::PutCertificate {
                name: "other-root".into(),
                der: self.certificate.clone(),
                ..Default::default()
            }),
            Operation::DeleteCertificate => {
                Asked::DeleteCertificate(messages::DeleteCertificate { name: "root".into() })
            }
            Operation::Share => Asked::Share(messages::Share {
                key_id: id(4),
                user: "dave".into(),
                rights: Rights::of(&[Right::See]).bits(),
            }),
            Operation::Enrol => Asked::Enrol(messages::Enrol {
                user: "ellen".into(),
                csr: csr(),
                ..Default::default()
            }),
            Operation::RenewClient => {
                Asked::RenewClient(messages::RenewClient { csr: csr(), days: 7 })
            }
            Operation::RevokeClient => Asked::RevokeClient(messages::RevokeClient {
                user: "mallory".into(),
                ..Default::default()
            }),
            Operation::Wrap => Asked::Wrap(messages::Wrap {
                key_id: id(0),
                wrapping: Some((&KEY_WRAP).into()),
                wrapping_key_id: self.wrapping.as_bytes().to_vec(),
                ..Default::default()
            }),
            Operation::Unwrap => Asked::Unwrap(Box::new(messages::Unwrap {
                key_id: self.wrapping.as_bytes().to_vec(),
                wrapping: Some((&KEY_WRAP).into()),
                wrapped: self.wrapped.clone(),
                name: "unwrapped".into(),
                key_type: "aes-256".into(),
                ..Default::default()
            })),
            Operation::DeriveKey => Asked::DeriveKey(Box::new(messages::DeriveKey {
                key_id: self.secret.as_bytes().to_vec(),
                derivation: Some(messages::Derivation {
                    function: Derivation::Hkdf.code(),
                    digest: Digest::Sha256.code(),
                    ..Default::default()
                }),
                name: "derived".into(),
                key_type: "hmac-256".into(),
                ..Default::default()
            })),
            Operation::SetPin => Asked::SetPin(messages::SetPin {
                user: "erin".into(),
                pin: b"another horse 1".to_vec(),
                ..Default::default()
            }),
            Operation::ClearPin => Asked::ClearPin(messages::ClearPin { user: "erin".into() }),
            Operation::UnlockUser => {
                Asked::UnlockUser(messages::UnlockUser { user: "frank".into() })
            }
            Operation::UseKey => {
                Asked::UseKey(messages::UseKey { key_id: id(5), uses: 3, seconds: 600 })
            }
            Operation::RotateAuthority => Asked::RotateAuthority(messages::RotateAuthority {
                step: messages::RotationStep::Begin.into(),
            }),
            Operation::MakeBackup => Asked::MakeBackup(messages::MakeBackup {}),
            Operation::ChangeSeal => Asked::ChangeSeal(Box::new(messages::ChangeSeal {
                present: Vec::new(),
                next: Some(messages::NewSeal {
                    kind: SealKind::Passphrase as u32,
                    secret: b"ten green bottles".to_vec(),
                    ..messages::NewSeal::default()
                }),
            })),
            other => panic!("this test does not know how to ask for {}", other.row().name),
        }
    }
}

#[test]
fn every_operation_that_can_be_under_quorum_is_refused_without_approvals_and_done_once_with_them() {
    let (mut world, service) = World::new();
    let things = Things::make(&world.alice.client(&service));
    for user in ["erin", "frank"] {
        service.machine(user, &["user"], &[]);
        let pin = Pin::copy_of(b"correct horse 1");
        world.alice.client(&service).set_pin(user, &pin, None).unwrap();
    }
    // After `zeroize` there is nothing left to ask for; it has a test of its own.
    let possible = || {
        let all = Operation::ALL.iter().copied();
        all.filter(|operation| operation.row().quorum && *operation != Operation::Zeroize)
    };
    let names: Vec<&str> = possible().map(|operation| operation.row().name).collect();
    let (_, backup) = world.state.backup_identity();
    let more = format!(
        "[[quorum]]\noperations = {names:?}\napprovals = 2\napprovers = [\"role:admin\"]\n{backup}"
    );
    let service = world.again(service, &more);
    let [alice, bob, carol, dave] =
        [&world.alice, &world.bob, &world.carol, &world.dave].map(|one| one.client(&service));
    for operation in possible() {
        let name = operation.row().name;
        let request = things.request(operation);
        let id = asked(alice.call(request.clone()));
        assert_eq!(id, asked(alice.call(request.clone())), "{name}: asked for once");
        let shown = bob.list_approvals(Some(id)).unwrap().remove(0);
        assert_eq!((shown.operation, shown.user.as_str()), (operation.code(), "alice"));
        let says_all =
            matches!(operation, Operation::Delete | Operation::Undelete | Operation::MakeBackup);
        assert_eq!(shown.facts.is_empty(), says_all, "{name}: {:?}", shown.facts);

        let approved = alice.with_approval(id);
        assert_eq!(asked(approved.call(request.clone())), id, "{name} with no approval");
        assert_eq!(kind(alice.approve(id)), Some(ErrorKind::PermissionDenied), "{name}");
        assert_eq!(kind(dave.approve(id)), Some(ErrorKind::PermissionDenied), "{name}");
        bob.approve(id).unwrap();
        bob.approve(id).unwrap();
        assert_eq!(asked(approved.call(request.clone())), id, "{name} with one approval");
        carol.approve(id).unwrap();
        let refused = kind(carol.with_approval(id).call(request.clone()));
        assert!(
            matches!(refused, Some(ErrorKind::NotFound | ErrorKind::PermissionDenied)),
            "{name}: {refused:?}"
        );
        let first =
            approved.call(request.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let again =
            approved.call(request.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(first == again, "{name}: the same answer");
        assert_eq!(state_of(&alice, id), ApprovalState::Used);

        let log = logged(&world, &service, id);
        let expected = [
            (name, "approval-required"),
            (name, "approval-required"),
            (name, "approval-required"),
            ("approve", "permission-denied"),
            ("approve", "permission-denied"),
            ("approve", "done"),
            ("approve", "done"),
            (name, "approval-required"),
            ("approve", "done"),
            (name, "done"),
        ];
        let log: Vec<(&str, &str)> = log.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        // Carol's attempt to use it is in between.
        let carols = [(name, "not-found"), (name, "permission-denied")];
        let log: Vec<_> = log.into_iter().filter(|entry| !carols.contains(entry)).collect();
        assert_eq!(log, expected, "{name}");
    }
    println!("{} operations", names.len());
}

#[test]
fn the_keys_are_destroyed_only_with_the_approval_of_others() {
    let (mut world, service) = World::new();
    let key = generate(&world.alice.client(&service), "web", "p-256");
    let service = world.again(service, &quorum(&["zeroize"], 1));
    let [alice, bob] = [&world.alice, &world.bob].map(|one| one.client(&service));
    let fingerprint = alice.hello().unwrap().service_id;
    let id = asked(alice.zeroize(&fingerprint));
    sign(&alice, &key).unwrap();
    bob.approve(id).unwrap();
    assert_eq!(alice.with_approval(id).zeroize(&fingerprint).unwrap().state, "uninitialised");
    assert_eq!(kind(sign(&alice, &key)), Some(ErrorKind::Sealed));
    assert_eq!(logged(&world, &service, id).last().unwrap().0, "zeroize");
}

#[test]
fn an_approval_is_for_one_request_on_one_version_of_a_key_under_one_rule() {
    let (mut world, service) = World::new();
    let key = generate(&world.alice.client(&service), "web", "p-256");
    let rules = quorum(&["delete", "rename"], 1);
    let service = world.again(service, &rules);
    let [alice, bob] = [&world.alice, &world.bob].map(|one| one.client(&service));

    // Another request, though it is for the same key.
    let id = asked(alice.rename(&key.id, "web-2026"));
    bob.approve(id).unwrap();
    assert_eq!(
        kind(alice.with_approval(id).rename(&key.id, "db")),
        Some(ErrorKind::InvalidArgument)
    );
    assert_eq!(kind(alice.with_approval(id).delete(&key.id)), Some(ErrorKind::InvalidArgument));
    let other = alice.with_approval(ApprovalId::from_wire(1).unwrap());
    assert_eq!(kind(other.rename(&key.id, "web-2026")), Some(ErrorKind::NotFound));

    // The key was changed: what was approved was another one.
    alice.share(&key.id, "dave", Rights::of(&[Right::See])).unwrap();
    assert_eq!(
        kind(alice.with_approval(id).rename(&key.id, "web-2026")),
        Some(ErrorKind::Unsupported)
    );
    assert_eq!(state_of(&alice, id), ApprovalState::Outdated);
    let anew = asked(alice.rename(&key.id, "web-2026"));
    assert_ne!(anew, id);

    // The rule was changed.
    bob.approve(anew).unwrap();
    let service = world.again(service, &rules.replace("approvals = 1", "approvals = 2"));
    let [alice, bob, carol] =
        [&world.alice, &world.bob, &world.carol].map(|one| one.client(&service));
    let error = alice.with_approval(anew).rename(&key.id, "web-2026").unwrap_err();
    assert!(error.message.contains("outdated"), "{error}");
    assert_eq!(kind(carol.approve(anew)), Some(ErrorKind::Unsupported));

    // A denial and a cancellation are final.
    let denied = asked(alice.delete(&key.id));
    bob.approve(denied).unwrap();
    carol.deny(denied).unwrap();
    let error = alice.with_approval(denied).delete(&key.id).unwrap_err();
    assert_eq!(error.kind, ErrorKind::PermissionDenied);
    assert!(error.message.contains("denied by carol"), "{error}");
    assert_eq!(kind(bob.approve(denied)), Some(ErrorKind::PermissionDenied));
    let cancelled = asked(alice.delete(&key.id));
    assert_ne!(cancelled, denied);
    assert_eq!(kind(bob.cancel_approval(cancelled)), Some(ErrorKind::PermissionDenied));
    alice.cancel_approval(cancelled).unwrap();
    assert_eq!(kind(bob.approve(cancelled)), Some(ErrorKind::Unsupported));
    alice.find(&KeySelector::Id(key.id)).unwrap();
    for (id, word) in [(id, "approval-outdated"), (denied, "deny"), (cancelled, "cancel-approval")]
    {
        let log = logged(&world, &service, id);
        assert!(log.iter().any(|(what, _)| what == word), "{word}: {log:?}");
    }
}

#[test]
fn an_approver_who_may_no_more_approve_does_not_count_and_one_with_two_certificates_counts_once() {
    let (mut world, service) = World::new();
    let key = generate(&world.alice.client(&service), "web", "p-256");
    let second = service.machine("bob", &["admin"], &[]);
    let service = world.again(service, &quorum(&["delete"], 2));
    let [alice, bob, carol] =
        [&world.alice, &world.bob, &world.carol].map(|one| one.client(&service));
    let id = asked(alice.delete(&key.id));
    bob.approve(id).unwrap();
    let approval = second.client(&service).approve(id).unwrap();
    assert_eq!(approval.state(), ApprovalState::Waiting);
    carol.approve(id).unwrap();
    // Revoking is no act under this quorum.
    let serial = |user: &str| {
        let all = bob.list_clients().unwrap();
        all.into_iter().find(|one| one.user == user).unwrap().serial
    };
    let revoke = messages::RevokeClient { serial: serial("carol"), ..Default::default() };
    bob.revoke_client(revoke).unwrap();
    assert_eq!(asked(alice.with_approval(id).delete(&key.id)), id);
    // A user of the configuration who has another role than when it approved.
    alice.find(&KeySelector::Id(key.id)).unwrap();
    service.administrator().approve(id).unwrap();
    let demoted = format!(
        "{}[[user]]\nname = \"bob\"\nidentities = [\"cert:bob\"]\nroles = [\"user\"]\n",
        quorum(&["delete"], 2)
    );
    let service = world.again(service, &demoted);
    let alice = world.alice.client(&service);
    assert_eq!(asked(alice.with_approval(id).delete(&key.id)), id);
    let service = world.again(service, &quorum(&["delete"], 2));
    world.alice.client(&service).with_approval(id).delete(&key.id).unwrap();
}

#[test]
fn approvals_outlive_kills_of_the_service_and_are_used_once() {
    let (mut world, service) = World::new();
    let keys: Vec<Key> = {
        let alice = world.alice.client(&service);
        (0..12).map(|number| generate(&alice, &format!("key{number}"), "p-256")).collect()
    };
    let rules = quorum(&["delete"], 1);
    let mut service = world.again(service, &rules);
    for (number, key) in keys.iter().enumerate() {
        let id = asked(world.alice.client(&service).delete(&key.id));
        service = world.again(service, &rules);
        world.bob.client(&service).approve(id).unwrap();
        if number % 3 == 0 {
            service = world.again(service, &rules);
        }
        // Killed at some moment while the key is deleted.
        let approved = world.alice.client(&service).with_approval(id);
        let deleting = {
            let id = key.id;
            thread::spawn(move || approved.delete(&id))
        };
        thread::sleep(Duration::from_micros(700 * number as u64));
        service = world.again(service, &rules);
        // Its client may still try the address of the killed service.
        drop(deleting);
        let alice = world.alice.client(&service);
        alice.with_approval(id).delete(&key.id).unwrap();
        alice.with_approval(id).delete(&key.id).unwrap();
        assert_eq!(state_of(&alice, id), ApprovalState::Used);
        assert_eq!(kind(alice.find(&KeySelector::Id(key.id))), Some(ErrorKind::NotFound));
        let log = logged(&world, &service, id);
        let done = |entry: &&(String, String)| {
            entry.0 == "approval-was-used" || (entry.0 == "delete" && entry.1 == "done")
        };
        assert!(log.iter().any(|entry| done(&entry)), "{log:?}");
        let deletions = log.iter().filter(|entry| entry.0 == "delete" && entry.1 == "done").count();
        assert!(deletions <= 1, "{log:?}");
    }
}

/// A key that is used with approvals alone.
#[test]
fn who_waits_too_often_is_told_so_and_strangers_see_nothing() {
    let (mut world, service) = World::new();
    let erin = service.machine("erin", &["user"], &[]);
    let key = generate(&world.alice.client(&service), "web", "p-256");
    let service = world.again(service, &quorum(&["rename"], 1));
    let alice = world.alice.client(&service);
    let mut open = Vec::new();
    let refused = loop {
        match alice.rename(&key.id, &format!("web-{}", open.len())).unwrap_err() {
            Error { approval: Some(id), .. } => open.push(id),
            error => break error,
        }
    };
    assert_eq!((refused.kind, open.len()), (ErrorKind::LimitExceeded, 32));
    let erin = erin.client(&service);
    assert!(erin.list_approvals(None).unwrap().is_empty());
    assert_eq!(kind(erin.list_approvals(Some(open[0]))), Some(ErrorKind::NotFound));
    assert_eq!(kind(erin.approve(open[0])), Some(ErrorKind::NotFound));
    // Who may not do it does not ask for it, and learns no more of the key than else.
    assert_eq!(kind(erin.rename(&key.id, "mine")), Some(ErrorKind::NotFound));
    assert_eq!(world.dave.client(&service).list_approvals(None).unwrap().len(), 32);
    let stranger = service.client();
    assert_eq!(kind(stranger.list_approvals(None)), Some(ErrorKind::Unauthenticated));
    assert_eq!(kind(stranger.approve(open[0])), Some(ErrorKind::Unauthenticated));
}

#[test]
fn approvers_are_shown_all_that_they_are_asked_for_or_are_not_asked() {
    let (mut world, service) = World::new();
    let service = world.again(service, &quorum(&[], 1));
    let [alice, bob] = [&world.alice, &world.bob].map(|one| one.client(&service));
    let enrol = |roles: &[&str], sources: &[String]| messages::Enrol {
        user: "mallory".into(),
        csr: Authority::client_request().unwrap().0,
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        sources: sources.to_vec(),
        ..Default::default()
    };
    let sources: Vec<String> =
        (0..64).map(|number| format!("2001:db8:1111:2222:3333:4444:{number:x}:0/112")).collect();
    let id = asked(alice.enrol(enrol(&["user"], &sources)));
    let facts = bob.list_approvals(Some(id)).unwrap()[0].facts.join("\n");
    for source in &sources {
        assert!(facts.contains(source), "{source} in {facts}");
    }
    // A role behind so many others that nobody would see it.
    let hidden = [&["user"; 2000][..], &["admin"]].concat();
    assert_eq!(kind(alice.enrol(enrol(&hidden, &[]))), Some(ErrorKind::InvalidArgument));
    // Nor does one get by who needs no approval.
    let service = world.again(service, "");
    let alice = world.alice.client(&service);
    let hidden = [&["user"; 300][..], &["admin"]].concat();
    assert_eq!(kind(alice.enrol(enrol(&hidden, &[]))), Some(ErrorKind::InvalidArgument));
    alice.enrol(enrol(&["user"], &sources)).unwrap();
    let log = audit_log(&world.dave.client(&service));
    let said = &log.iter().rev().find(|entry| entry.operation == Operation::Enrol.code()).unwrap();
    assert!(said.detail.contains(sources.last().unwrap()), "{}", said.detail);
}

#[test]
fn who_asks_and_cancels_for_ever_leaves_a_bounded_number_behind() {
    let (mut world, service) = World::new();
    let key = generate(&world.alice.client(&service), "web", "p-256");
    let service = world.again(service, &quorum(&["rename"], 1));
    let alice = world.alice.client(&service);
    for number in 0..80 {
        let id = asked(alice.rename(&key.id, &format!("web-{number}")));
        alice.cancel_approval(id).unwrap();
    }
    let kept = alice.list_approvals(None).unwrap().len();
    assert!((64..=66).contains(&kept), "{kept}");
}

#[test]
fn a_key_is_trusted_for_wrapping_by_quorum_alone_and_then_wraps_what_no_other_may() {
    let (mut world, service) = World::new();
    let alice = world.alice.client(&service);
    let aes = KeyType::from_name("aes-256").unwrap();
    let restrictions = Restrictions { wrap_with_trusted_only: true, ..Restrictions::default() };
    let data = KeyTemplate { exportable: true, restrictions, ..named("data") };
    let data = alice.generate(aes, &data).unwrap();
    let usage = Some(Rights::of(&[Right::Wrap, Right::Unwrap]));
    let kek = alice.generate(aes, &KeyTemplate { usage, ..named("kek") }).unwrap();
    let error = alice.trust(&kek.id, true).unwrap_err();
    assert_eq!(error.kind, ErrorKind::PermissionDenied);
    assert!(error.message.contains("[[quorum]]"), "{error}");

    let service = world.again(service, &quorum(&["trust"], 2));
    let [alice, bob, carol] =
        [&world.alice, &world.bob, &world.carol].map(|one| one.client(&service));
    let wrap = || alice.wrap(&data.id, WrapWith::Key(&kek.id), &KEY_WRAP);
    assert_eq!(kind(wrap()), Some(ErrorKind::PermissionDenied));
    let id = asked(alice.trust(&kek.id, true));
    bob.approve(id).unwrap();
    carol.approve(id).unwrap();
    let trusted = alice.with_approval(id).trust(&kek.id, true).unwrap();
    assert!(trusted.attributes.trusted);
    wrap().unwrap();

    let id = asked(alice.trust(&data.id, true));
    bob.approve(id).unwrap();
    carol.approve(id).unwrap();
    let error = alice.with_approval(id).trust(&data.id, true).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidArgument, "{error}");

    // A key that can leave by itself could take along what it wraps.
    let leaves = KeyTemplate { usage, exportable: true, ..named("leaves") };
    let leaves = alice.generate(aes, &leaves).unwrap();
    let id = asked(alice.trust(&leaves.id, true));
    let facts = bob.list_approvals(Some(id)).unwrap()[0].facts.clone();
    assert_eq!(facts, ["trusted yes", "origin generated", "usage wrap,unwrap", "exportable"]);
    bob.approve(id).unwrap();
    carol.approve(id).unwrap();
    let error = alice.with_approval(id).trust(&leaves.id, true).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidArgument, "{error}");

    let id = asked(alice.trust(&kek.id, false));
    bob.approve(id).unwrap();
    carol.approve(id).unwrap();
    alice.with_approval(id).trust(&kek.id, false).unwrap();
    assert_eq!(kind(wrap()), Some(ErrorKind::PermissionDenied));
}
