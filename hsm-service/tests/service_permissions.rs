//! Who may do what: roles, ownership, grants, and what a stranger learns.

mod service_support;

use keyward_algorithms::{Encryption, ErrorKind, KeyType, Right, Rights, Signature};
use keyward_client::{Client, KeyTemplate};
use keyward_protocol::{
    CipherRequest, Error, Key, KeyId, KeySelector, SignRequest, messages::Enrol,
};
use keyward_service::issue::Authority;
use service_support::{ME, Service, State, generate, named, sign};

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

/// Each operation on a key, by the right that it asks for, tried with a key for everything that
/// RSA does.
fn attempts(client: &Client, key: &Key) -> Vec<(Right, Option<ErrorKind>)> {
    let signing = Signature::from_name("rsa-pkcs1-sha256").unwrap();
    let signing =
        SignRequest { algorithm: signing, pss: None, deterministic: false, input: &[7; 32] };
    let cipher =
        CipherRequest { scheme: Encryption::RsaPkcs1, oaep: None, tls: None, input: &[1; 256] };
    let plain = CipherRequest { input: b"text", ..cipher };
    vec![
        (Right::See, kind(client.find(&KeySelector::Id(key.id)))),
        (Right::See, kind(client.verify(&key.id, &signing, &[1; 256]))),
        (Right::See, kind(client.encrypt(&key.id, &plain))),
        (Right::Sign, kind(client.sign(&key.id, &signing))),
        (Right::Decrypt, kind(client.decrypt(&key.id, &cipher))),
        (Right::Manage, kind(client.set_chain(&key.id, &[]))),
        (Right::Manage, kind(client.share(&key.id, "somebody", Rights::NONE))),
        (Right::Manage, kind(client.rename(&key.id, &key.name))),
    ]
}

#[test]
fn each_right_opens_its_operations_and_no_others() {
    let state = State::new();
    let service = state.start();
    let alice = service.enrol("alice", &[]);
    let bob = service.enrol("bob", &[]);
    let key = generate(&alice, "rsa", "rsa-2048");
    for granted in [
        Rights::NONE,
        Rights::of(&[Right::See]),
        Rights::of(&[Right::Sign]),
        Rights::of(&[Right::Decrypt]),
        Rights::of(&[Right::Sign, Right::Decrypt]),
        Rights::of(&[Right::Manage]),
        Rights::ALL,
    ] {
        alice.share(&key.id, "bob", granted).unwrap();
        for (right, outcome) in attempts(&bob, &key) {
            let expected = match (granted.is_empty(), granted.has(right) || right == Right::See) {
                (true, _) => Some(ErrorKind::NotFound),
                (false, true) => None,
                (false, false) => Some(ErrorKind::PermissionDenied),
            };
            assert_eq!(outcome, expected, "{right:?} with {granted}");
        }
    }
    // The owner needs no grant, and takes everything back with one call.
    for (right, outcome) in attempts(&alice, &key) {
        assert_eq!(outcome, None, "{right:?} as the owner");
    }
    alice.share(&key.id, "bob", Rights::NONE).unwrap();
    assert_eq!(kind(sign(&bob, &key)), Some(ErrorKind::NotFound));
    assert_eq!(kind(bob.delete(&key.id)), Some(ErrorKind::NotFound));
}

#[test]
fn a_key_that_may_not_be_seen_is_answered_as_one_that_does_not_exist() {
    let state = State::new();
    let service = state.start();
    let alice = service.enrol("alice", &[]);
    let bob = service.enrol("bob", &[]);
    let hidden = generate(&alice, "hidden", "rsa-2048");
    sign(&alice, &hidden).unwrap();
    let absent = Key { id: KeyId::new([9; 16]), name: "absent".into(), ..hidden.clone() };

    let signing = Signature::from_name("rsa-pkcs1-sha256").unwrap();
    let signing =
        SignRequest { algorithm: signing, pss: None, deterministic: false, input: &[7; 32] };
    let by_id = |key: &Key| {
        [
            bob.find(&KeySelector::Id(key.id)).unwrap_err(),
            bob.sign(&key.id, &signing).unwrap_err(),
            bob.verify(&key.id, &signing, &[1]).unwrap_err(),
            bob.rename(&key.id, "mine").unwrap_err(),
            bob.set_chain(&key.id, &[]).unwrap_err(),
            bob.share(&key.id, "bob", Rights::ALL).unwrap_err(),
            bob.delete(&key.id).unwrap_err(),
        ]
    };
    assert_eq!(by_id(&hidden), by_id(&absent));

    let by_name = |name: &str| {
        let found = [
            bob.find(&KeySelector::Name(name.into())),
            bob.find(&KeySelector::Owned { owner: "alice".into(), name: name.into() }),
        ];
        found.map(|result| {
            let error = result.unwrap_err();
            (error.kind, error.message.replace(name, "NAME"), error.hint)
        })
    };
    assert_eq!(by_name("hidden"), by_name("absent"));
    assert!(bob.list("").unwrap().is_empty());
}

#[test]
fn a_missing_right_is_named_with_the_command_that_grants_it() {
    let state = State::new();
    let service = state.start();
    let alice = service.enrol("alice", &[]);
    let bob = service.enrol("bob", &[]);
    let key = generate(&alice, "web", "p-256");
    alice.share(&key.id, "bob", Rights::of(&[Right::See])).unwrap();
    let error = sign(&bob, &key).unwrap_err();
    assert_eq!(error.kind, ErrorKind::PermissionDenied);
    let hint = error.hint.unwrap();
    assert!(hint.contains("keyward key share web bob --rights see,sign"), "{hint}");
}

#[test]
fn a_key_does_only_what_it_was_born_for() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let with = |name, usage| KeyTemplate { usage: Some(usage), ..KeyTemplate::named(name) };
    let rsa = KeyType::Rsa(2048);

    let decrypting = client.generate(rsa, &with("d", Rights::of(&[Right::Decrypt]))).unwrap();
    let error = sign(&client, &decrypting).unwrap_err();
    assert_eq!(error.kind, ErrorKind::PermissionDenied);
    assert!(error.message.contains("usage is decrypt"), "{error}");

    // Raw RSA is for keys born for it, and those are for nothing else.
    let raw = client.generate(rsa, &with("r", Rights::of(&[Right::Raw]))).unwrap();
    let signing = client.generate(rsa, &named("s")).unwrap();
    let bare = Signature::from_name("rsa-raw").unwrap();
    let bare = SignRequest { algorithm: bare, pss: None, deterministic: false, input: &[1; 256] };
    assert_eq!(client.sign(&raw.id, &bare).unwrap().len(), 256);
    assert_eq!(kind(client.sign(&signing.id, &bare)), Some(ErrorKind::PermissionDenied));
    assert_eq!(kind(sign(&client, &raw)), Some(ErrorKind::PermissionDenied));
    for usage in [Rights::of(&[Right::Raw, Right::Sign]), Rights::of(&[Right::Derive])] {
        let refused = client.generate(rsa, &with("x", usage));
        assert_eq!(kind(refused), Some(ErrorKind::InvalidArgument), "{usage}");
    }
}

#[test]
fn a_bare_name_means_the_own_key_then_the_one_granted_and_never_one_of_several() {
    let state = State::new();
    let service = state.start();
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| service.enrol(user, &[]));
    let see = Rights::of(&[Right::See]);
    let hers = generate(&alice, "web", "p-256");
    let name = KeySelector::Name("web".into());

    alice.share(&hers.id, "carol", see).unwrap();
    assert_eq!(carol.find(&name).unwrap().id, hers.id);

    let his = generate(&bob, "web", "p-256");
    bob.share(&his.id, "carol", see).unwrap();
    let error = carol.find(&name).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert!(error.hint.unwrap().contains("alice/web, bob/web"));
    let selected = KeySelector::Owned { owner: "bob".into(), name: "web".into() };
    assert_eq!(carol.find(&selected).unwrap().id, his.id);

    let own = generate(&carol, "web", "p-256");
    assert_eq!(carol.find(&name).unwrap().id, own.id);
    assert_eq!(carol.list("").unwrap().len(), 3);
    // Names are unique per owner alone.
    let again = carol.generate(KeyType::Ed25519, &named("web"));
    assert_eq!(kind(again), Some(ErrorKind::AlreadyExists));
}

#[test]
fn grants_are_told_only_to_those_who_manage() {
    let state = State::new();
    let service = state.start();
    let [alice, bob] = ["alice", "bob"].map(|user| service.enrol(user, &[]));
    let key = generate(&alice, "web", "p-256");
    let key = alice.share(&key.id, "bob", Rights::of(&[Right::Sign])).unwrap();
    let granted = Rights::of(&[Right::See, Right::Sign]);
    assert_eq!(key.grants, [("bob".to_owned(), granted)]);
    let seen = bob.find(&KeySelector::Id(key.id)).unwrap();
    assert_eq!((seen.grants.len(), seen.rights), (0, granted));
}

#[test]
fn administrators_enrol_and_use_no_keys() {
    let state = State::new();
    let service = state.start();
    let administrator = service.administrator();
    let refused = administrator.generate(KeyType::Ed25519, &named("k"));
    let error = refused.unwrap_err();
    assert_eq!(error.kind, ErrorKind::PermissionDenied);
    assert!(error.message.contains("role \"user\""), "{error}");

    let alice = service.enrol("alice", &[]);
    generate(&alice, "k", "ed25519");
    let (csr, _) = Authority::client_request().unwrap();
    let enrol = |roles: &[&str]| Enrol {
        user: "mallory".into(),
        csr: csr.clone(),
        days: 0,
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        sources: Vec::new(),
        pin: false,
    };
    assert_eq!(kind(alice.enrol(enrol(&[]))), Some(ErrorKind::PermissionDenied));
    assert_eq!(kind(administrator.enrol(enrol(&["root"]))), Some(ErrorKind::InvalidArgument));
    let both = service.enrol("deputy", &["user", "admin"]);
    generate(&both, "k", "ed25519");
    both.enrol(enrol(&[])).unwrap();
}

#[test]
fn a_local_user_whom_the_configuration_does_not_name_is_told_how_to_be_named() {
    // Nobody is mapped: also root is nobody.
    let state = State::new();
    let service = state.start();
    let client = service.client();
    assert!(client.status().unwrap().can_sign);
    for error in [
        client.list("").unwrap_err(),
        client.find(&KeySelector::Name("x".into())).unwrap_err(),
        client.find(&KeySelector::Id(KeyId::new([1; 16]))).unwrap_err(),
        client.delete(&KeyId::new([1; 16])).unwrap_err(),
        client.random(8).unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Unauthenticated);
        let hint = error.hint.unwrap();
        assert!(hint.contains("[[user]]") && hint.contains("identities = [\"uid:"), "{hint}");
    }
}

#[test]
fn a_local_user_and_a_certificate_of_one_name_are_one_user() {
    let state = State::with(ME);
    let service: Service = state.start();
    let key = generate(&service.client(), "web", "p-256");
    let remote = service.enrol("me", &[]);
    assert_eq!(remote.find(&KeySelector::Name("web".into())).unwrap().id, key.id);
    sign(&remote, &key).unwrap();
}

/// Runs `keyward` as another local user: the error object, or what it printed.
fn keyward_as(uid: u32, service: &Service, arguments: &[&str]) -> Result<String, String> {
    use std::os::unix::{fs::PermissionsExt, process::CommandExt};
    // The build folder may be inside a home that other users cannot enter.
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = folder.path().join("keyward");
    std::fs::copy(service_support::KEYWARD, &program).unwrap();
    let output = std::process::Command::new(&program)
        .args(arguments)
        .env("KEYWARD_ADDRESS", format!("unix:{}", service.socket().display()))
        .uid(uid)
        .gid(uid)
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap()),
        false => Err(String::from_utf8(output.stderr).unwrap()),
    }
}

#[test]
fn a_web_server_that_loads_as_root_and_signs_as_another_user_is_one_user() {
    // Only root can be other users.
    if !rustix::process::geteuid().is_root() {
        println!("left out: this test has to run as root");
        return;
    }
    let state = State::with(
        "[[user]]\nname = \"web\"\nidentities = [\"uid:0\", \"uid:4433\"]\n\
         [[user]]\nname = \"group\"\nidentities = [\"group:4434\"]\n",
    );
    state.open_to_other_users();
    let service = state.start();
    let key = generate(&service.client(), "web", "p-256");
    let shown = keyward_as(4433, &service, &["key", "show", "web", "--json"]).unwrap();
    assert!(shown.contains(&key.id.to_string()));
    let other = keyward_as(4434, &service, &["key", "show", "web"]).unwrap_err();
    assert!(other.contains("group has no key"), "{other}");
    let stranger = keyward_as(4435, &service, &["key", "show", "web"]).unwrap_err();
    assert!(stranger.contains("identities = [\"uid:4435\"]"), "{stranger}");
    let nobody = keyward_as(65534, &service, &["key", "list"]).unwrap_err();
    assert!(nobody.contains("is no user of this service"), "{nobody}");
}

#[test]
fn what_is_taken_away_is_gone_at_once_however_busy_the_key_is() {
    // Room for two keys and four in use, so that keys are always being read anew.
    let state = State::with("[limits]\ncached_keys = 2\n");
    let service = state.start();
    let [alice, bob] = ["alice", "bob"].map(|user| service.enrol(user, &[]));
    let keys = ["a", "b", "c", "d"].map(|name| generate(&alice, name, "p-256"));
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    for key in &keys {
                        sign(&alice, key).unwrap();
                        let _ = sign(&bob, key);
                    }
                }
            });
        }
        for round in 0..100 {
            let key = &keys[round % keys.len()];
            alice.share(&key.id, "bob", Rights::of(&[Right::Sign])).unwrap();
            assert_eq!(kind(sign(&bob, key)), None, "round {round}");
            alice.share(&key.id, "bob", Rights::NONE).unwrap();
            assert_eq!(kind(sign(&bob, key)), Some(ErrorKind::NotFound), "round {round}");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    alice.delete(&keys[0].id).unwrap();
    assert_eq!(kind(sign(&alice, &keys[0])), Some(ErrorKind::NotFound));
}
