//! Keys that are used with the approval of others alone: as often as was approved, also across kills of the
//! service, and not on what is refused anyway.

mod service_support;

use std::thread;

use keyward_algorithms::{
    Digest, Encryption, ErrorKind, KeyType, Right, Rights, Scheme, Signature, SymmetricCipher,
    Wrapping,
};
use keyward_client::{KeyTemplate, WrapWith};
use keyward_protocol::{
    CipherRequest, Key, OaepParameters, PssParameters, Restrictions, SignRequest, SymmetricRequest,
    WrappingChoice,
    messages::{ApprovalState, Request, response},
};
use service_support::{
    AUDITING, Service, State, audit_log, generate, named,
    quorum::{World, asked, kind, logged, quorum, state_of},
    raw::{self, Raw},
    sign,
};

fn guarded_key(world: &World, service: &Service) -> Key {
    let restrictions = Restrictions { needs_approval: true, ..Restrictions::default() };
    let template = KeyTemplate { restrictions, ..named("root") };
    let p256 = KeyType::from_name("p-256").unwrap();
    world.alice.client(service).generate(p256, &template).unwrap()
}

#[test]
fn a_key_that_needs_approvals_is_used_as_often_as_was_approved_and_no_more() {
    let (mut world, service) = World::new();
    let key = guarded_key(&world, &service);
    let error = sign(&world.alice.client(&service), &key).unwrap_err();
    assert_eq!((error.kind, error.approval), (ErrorKind::ApprovalRequired, None));
    let service = world.again(service, &quorum(&["use-key"], 1));
    let [alice, bob] = [&world.alice, &world.bob].map(|one| one.client(&service));

    // A use asks for itself, once however often it is tried.
    let id = asked(sign(&alice, &key));
    assert_eq!(asked(sign(&alice, &key)), id);
    bob.approve(id).unwrap();
    sign(&alice, &key).unwrap();
    assert_ne!(asked(sign(&alice, &key)), id);

    // Several at once, used by many threads.
    let five = alice.ask_for_uses(&key.id, 5, 600).unwrap();
    bob.approve(five).unwrap();
    let done: usize = thread::scope(|scope| {
        let use_up = || (0..5).filter(|_| sign(&alice, &key).is_ok()).count();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(use_up)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(done, 5);
    let shown = alice.list_approvals(Some(five)).unwrap().remove(0);
    assert_eq!((shown.state(), shown.uses_left), (ApprovalState::Used, 0));
    let log = logged(&world, &service, five);
    let signatures = log.iter().filter(|entry| **entry == ("sign".into(), "done".into())).count();
    assert_eq!(signatures, 5, "{log:?}");

    // Another version of the key is another key.
    let more = alice.ask_for_uses(&key.id, 5, 600).unwrap();
    bob.approve(more).unwrap();
    sign(&alice, &key).unwrap();
    alice.rename(&key.id, "root-2026").unwrap();
    assert_ne!(asked(sign(&alice, &key)), more);
    assert_eq!(kind(alice.ask_for_uses(&key.id, 0, 600)), Some(ErrorKind::InvalidArgument));
    assert_eq!(kind(alice.ask_for_uses(&key.id, 1, 5)), Some(ErrorKind::InvalidArgument));
}

#[test]
fn what_is_refused_anyway_uses_up_no_approval() {
    let (mut world, service) = World::new();
    let guarded = Restrictions { needs_approval: true, ..Restrictions::default() };
    let alice = world.alice.client(&service);
    let make = |name: &str, key_type: &str, usage: &[Right], exportable| {
        let usage = (!usage.is_empty()).then(|| Rights::of(usage));
        let restrictions = guarded.clone();
        let template = KeyTemplate { usage, exportable, restrictions, ..named(name) };
        alice.generate(KeyType::from_name(key_type).unwrap(), &template).unwrap()
    };
    let data = make("data", "p-256", &[], true);
    let kek = make("kek", "aes-256", &[Right::Wrap, Right::Unwrap], false);
    let signs = make("signs", "p-256", &[], false);
    let service = world.again(service, &quorum(&["use-key"], 1));
    let [alice, bob] = [&world.alice, &world.bob].map(|one| one.client(&service));
    let approved = |key: &Key| {
        let id = alice.ask_for_uses(&key.id, 1, 600).unwrap();
        bob.approve(id).unwrap();
        id
    };
    let left = |id| alice.list_approvals(Some(id)).unwrap()[0].state() == ApprovalState::Approved;
    let wrap = |wrapping| {
        let choice = WrappingChoice { wrapping, oaep: None };
        alice.wrap(&data.id, WrapWith::Key(&kek.id), &choice)
    };

    // By a mechanism that the wrapping key does not have, or that does not take such a key; and
    // without an approval for the wrapping key.
    let of_data = approved(&data);
    assert_eq!(kind(wrap(Wrapping::RsaOaep)), Some(ErrorKind::Unsupported));
    assert!(kind(wrap(Wrapping::AesKw)).is_some_and(|kind| kind != ErrorKind::ApprovalRequired));
    let of_kek = asked(wrap(Wrapping::AesKwp));
    assert!(left(of_data));
    bob.approve(of_kek).unwrap();
    assert_eq!(kind(wrap(Wrapping::RsaOaep)), Some(ErrorKind::Unsupported));
    assert!(left(of_data) && left(of_kek));
    let wrapped = wrap(Wrapping::AesKwp).unwrap();
    assert!(!left(of_data) && !left(of_kek));

    // Under a name that is taken.
    let of_kek = approved(&kek);
    let unwrap = |name: &str| {
        let choice = WrappingChoice { wrapping: Wrapping::AesKwp, oaep: None };
        alice.unwrap(&kek.id, &choice, &wrapped, None, &named(name))
    };
    assert_eq!(kind(unwrap("data")), Some(ErrorKind::AlreadyExists));
    assert!(left(of_kek));
    unwrap("again").unwrap();
    assert!(!left(of_kek));

    let id = approved(&signs);
    let signature = |algorithm: &str, input: &[u8]| {
        let algorithm = Signature::from_name(algorithm).unwrap();
        let request = SignRequest { algorithm, pss: None, deterministic: false, input };
        alice.sign(&signs.id, &request)
    };
    assert_eq!(kind(signature("ed25519", b"text")), Some(ErrorKind::Unsupported));
    assert_eq!(kind(signature("ecdsa-sha256", &[7; 31])), Some(ErrorKind::InvalidArgument));
    assert!(left(id));
    signature("ecdsa-sha256", &[7; 32]).unwrap();
    assert!(!left(id));
}

#[test]
fn what_is_refused_whatever_the_secret_is_uses_up_no_approval() {
    let (mut world, service) = World::new();
    let alice = world.alice.client(&service);
    let make = |name: &str, key_type: &str, usage: &[Right]| {
        let restrictions = Restrictions { needs_approval: true, ..Restrictions::default() };
        let usage = Some(Rights::of(usage));
        let template = KeyTemplate { usage, restrictions, ..named(name) };
        alice.generate(KeyType::from_name(key_type).unwrap(), &template).unwrap()
    };
    let rsa = make("rsa", "rsa-2048", &[Right::Sign, Right::Decrypt]);
    let raw = make("raw", "rsa-2048", &[Right::Raw]);
    let x25519 = make("x25519", "x25519", &[Right::Derive]);
    let ml_kem = make("ml-kem", "ml-kem-768", &[Right::Derive]);
    let aes = make("aes", "aes-256", &[Right::Encrypt, Right::Decrypt]);
    let other = generate(&alice, "other", "p-256");
    let service = world.again(service, &quorum(&["use-key"], 1));
    let [alice, bob] = [&world.alice, &world.bob].map(|one| one.client(&service));
    let approvals: Vec<_> = [&rsa, &raw, &x25519, &ml_kem, &aes]
        .map(|key| {
            let id = alice.ask_for_uses(&key.id, 1, 600).unwrap();
            bob.approve(id).unwrap();
            id
        })
        .into();

    let sign = |key: &Key, name: &str, salt_bytes: Option<usize>, deterministic, input: &[u8]| {
        let algorithm = Signature::from_name(name).unwrap();
        let pss =
            salt_bytes.map(|bytes| PssParameters { mgf1: Digest::Sha256, salt_bytes: Some(bytes) });
        alice.sign(&key.id, &SignRequest { algorithm, pss, deterministic, input })
    };
    let decrypt = |key: &Key, scheme, digest: Option<Digest>, input: &[u8]| {
        let oaep = digest.map(|digest| OaepParameters { digest, mgf1: digest, label: b"" });
        alice.decrypt(&key.id, &CipherRequest { scheme, oaep, tls: None, input })
    };
    let cipher =
        |cipher, iv, tag_bytes, input| SymmetricRequest { cipher, iv, aad: b"", tag_bytes, input };
    // 256 bytes have room for a digest of 32, a salt of 222, and two more.
    let refused = [
        kind(sign(&rsa, "rsa-pss-sha256", Some(223), false, &[7; 32])),
        kind(sign(&rsa, "rsa-pss-sha256", Some(32), false, &[7; 31])),
        kind(sign(&raw, "rsa-raw", None, false, &[0xff; 256])),
        kind(sign(&raw, "rsa-raw", None, false, &[1; 255])),
        kind(decrypt(&raw, Encryption::RsaRaw, None, &[0xff; 256])),
        kind(decrypt(&rsa, Encryption::RsaPkcs1, None, &[1; 257])),
        kind(decrypt(&rsa, Encryption::RsaOaep, Some(Digest::Sha256), &[])),
        kind(alice.derive(&x25519.id, &other.spki)),
        kind(alice.derive(&x25519.id, b"no key")),
        kind(alice.decapsulate(&ml_kem.id, &[1; 1087])),
        kind(alice.encipher(&aes.id, &cipher(SymmetricCipher::AesGcm, &[1; 12], 16, b"text"))),
        kind(alice.encipher(&aes.id, &cipher(SymmetricCipher::AesCbc, &[1; 16], 0, b"text"))),
        kind(alice.decipher(&aes.id, &cipher(SymmetricCipher::AesGcm, &[1; 11], 16, &[1; 20]))),
    ];
    for (number, kind) in refused.iter().enumerate() {
        assert_eq!(*kind, Some(ErrorKind::InvalidArgument), "{number}");
    }
    let unknown = sign(&rsa, "rsa-pkcs1-sha256", None, true, &[7; 32]);
    assert_eq!(kind(unknown), Some(ErrorKind::Unsupported));
    for id in approvals {
        assert_eq!(state_of(&alice, id), ApprovalState::Approved);
    }
    sign(&rsa, "rsa-pss-sha256", Some(222), false, &[7; 32]).unwrap();
    assert_eq!(
        kind(sign(&rsa, "rsa-pss-sha256", Some(222), false, &[7; 32])),
        Some(ErrorKind::ApprovalRequired)
    );
}

#[test]
fn a_use_that_was_not_begun_before_its_client_stopped_waiting_can_be_made_again() {
    let state = State::with(&format!("{AUDITING}{}", quorum(&["use-key"], 1)));
    let service = state.start();
    let client = service.client();
    let free = generate(&client, "free", "rsa-4096");
    let restrictions = Restrictions { needs_approval: true, ..Restrictions::default() };
    let rsa = KeyType::from_name("rsa-4096").unwrap();
    let key = client.generate(rsa, &KeyTemplate { restrictions, ..named("root") }).unwrap();
    let id = client.ask_for_uses(&key.id, 3, 600).unwrap();
    service.administrator().approve(id).unwrap();
    let left = || client.list_approvals(Some(id)).unwrap()[0].uses_left;
    let given_back = || {
        let log = audit_log(&client);
        log.iter().filter(|entry| entry.event == "approval-use-given-back").count()
    };
    // Behind many others of the same user, which take far longer than it waits.
    let mut raw = Raw::connect(service.socket());
    for number in 1..=60 {
        raw.send(number, raw::sign(free.id, Scheme::RsaPkcs1));
    }
    let late = raw::request(61, raw::sign(key.id, Scheme::RsaPkcs1));
    raw.send_with(Request { timeout_ms: 1, ..late });
    let last = loop {
        let response = raw.receive().unwrap();
        if response.id == 61 {
            break response.result;
        }
    };
    let Some(response::Result::Failure(failure)) = last else { panic!("{last:?}") };
    assert_eq!(ErrorKind::from_code(failure.kind), Some(ErrorKind::Timeout));
    assert_eq!((left(), given_back()), (3, 1));
    sign(&client, &key).unwrap();
    assert_eq!(left(), 2);
}

#[test]
fn uses_that_were_approved_are_not_there_again_after_a_kill() {
    let (mut world, service) = World::new();
    let key = guarded_key(&world, &service);
    let rules = quorum(&["use-key"], 1);
    let mut service = world.again(service, &rules);
    let id = world.alice.client(&service).ask_for_uses(&key.id, 20, 600).unwrap();
    world.bob.client(&service).approve(id).unwrap();
    let mut done = 0;
    for _ in 0..3 {
        let alice = world.alice.client(&service);
        done += (0..4).filter(|_| sign(&alice, &key).is_ok()).count();
        service = world.again(service, &rules);
    }
    let alice = world.alice.client(&service);
    assert_eq!(alice.list_approvals(Some(id)).unwrap()[0].uses_left, 8);
    done += (0..20).filter(|_| sign(&alice, &key).is_ok()).count();
    assert_eq!(done, 20);
}
