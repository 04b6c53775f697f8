//! What keys are held to, and what is remembered of them.

mod service_support;

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use keyward_algorithms::{
    Derivation, Digest, ErrorKind, KeyType, Right, Rights, Signature, Wrapping,
};
use keyward_client::{Client, KeyTemplate, WrapWith};
use keyward_protocol::{
    DerivationChoice, Error, Key, KeyEventKind, KeySelector, OaepParameters, Restrictions,
    SignRequest, WrappingChoice, messages::Restrict,
};
use service_support::{ME, Service, State, generate, named, sign};

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

fn now() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn only(names: &[&str]) -> Restrictions {
    let algorithms = names.iter().map(|name| (*name).to_owned()).collect();
    Restrictions { algorithms, ..Restrictions::default() }
}

fn held<'a>(name: &'a str, restrictions: Restrictions) -> KeyTemplate<'a> {
    KeyTemplate { restrictions, ..named(name) }
}

fn less(restrictions: Restrictions) -> Restrict {
    Restrict { restrictions: Some(restrictions), ..Restrict::default() }
}

fn with(client: &Client, key: &Key, algorithm: &str) -> Result<Vec<u8>, Error> {
    let algorithm = Signature::from_name(algorithm).unwrap();
    let bytes = algorithm.digest.map_or(32, |digest: Digest| digest.row().size);
    client.sign(
        &key.id,
        &SignRequest { algorithm, pss: None, deterministic: false, input: &vec![7; bytes] },
    )
}

fn type_of(name: &str) -> KeyType {
    KeyType::from_name(name).unwrap()
}

/// What a service with this state does to the end of the closure.
fn served<T>(more: &str, test: impl FnOnce(&Service, &Client) -> T) -> T {
    let state = State::with(&format!("{ME}{more}"));
    let service = state.start();
    test(&service, &service.client())
}

#[test]
fn a_key_signs_with_the_algorithms_that_it_is_permitted_and_no_others() {
    served("", |_, client| {
        let template = held("web", only(&["SHA256withECDSA", "ecdsa-sha512"]));
        let key = client.generate(type_of("p-256"), &template).unwrap();
        assert_eq!(key.attributes.restrictions.algorithms, ["ecdsa-sha256", "ecdsa-sha512"]);
        with(client, &key, "ecdsa-sha256").unwrap();
        with(client, &key, "ecdsa-sha512").unwrap();
        let error = with(client, &key, "ecdsa-sha384").unwrap_err();
        assert_eq!(error.kind, ErrorKind::PermissionDenied);
        assert!(error.message.contains("restricted to ecdsa-sha256, ecdsa-sha512"), "{error}");
        // Without a digest anything could be signed in the place of one.
        assert_eq!(kind(with(client, &key, "ecdsa")), Some(ErrorKind::PermissionDenied));
        // Its public half is held to nothing.
        let other = Signature::from_name("ecdsa-sha384").unwrap();
        let other =
            SignRequest { algorithm: other, pss: None, deterministic: false, input: &[1; 48] };
        assert!(!client.verify(&key.id, &other, &[1; 70]).unwrap());

        for wrong in [only(&["ed25519"]), only(&["rot13"])] {
            let refused = client.generate(type_of("p-256"), &held("x", wrong));
            assert!(refused.is_err());
        }
        assert_eq!(client.list("x").unwrap().len(), 0);
    });
}

#[test]
fn key_agreement_and_secret_keys_keep_to_their_algorithms_too() {
    served("", |_, client| {
        let derive = Rights::of(&[Right::Derive]);
        let template = |name, algorithms: &[&str]| KeyTemplate {
            usage: Some(derive),
            ..held(name, only(algorithms))
        };
        let peer = generate(client, "peer", "p-256").spki;
        let agrees = client.generate(type_of("p-256"), &template("a", &["ecdh"])).unwrap();
        client.derive(&agrees.id, &peer).unwrap();
        let derives = client.generate(type_of("p-256"), &template("b", &["hkdf"])).unwrap();
        assert_eq!(kind(client.derive(&derives.id, &peer)), Some(ErrorKind::PermissionDenied));

        let gcm = client.generate(type_of("aes-256"), &held("c", only(&["aes-gcm"]))).unwrap();
        let encipher = |cipher| {
            let request = keyward_protocol::SymmetricRequest {
                cipher,
                iv: &[],
                aad: &[],
                tag_bytes: 0,
                input: b"text",
            };
            client.encipher(&gcm.id, &request)
        };
        encipher(keyward_algorithms::SymmetricCipher::AesGcm).unwrap();
        let refused = encipher(keyward_algorithms::SymmetricCipher::AesCtr);
        assert_eq!(kind(refused), Some(ErrorKind::PermissionDenied));
    });
}

#[test]
fn a_key_is_not_used_before_its_time_or_after_it() {
    served("", |_, client| {
        let early = Restrictions { not_before: now() + 3600, ..Restrictions::default() };
        let early = client.generate(type_of("p-256"), &held("early", early)).unwrap();
        let error = sign(client, &early).unwrap_err();
        assert_eq!(error.kind, ErrorKind::PermissionDenied);
        assert!(error.message.contains("is not used before 20"), "{error}");

        let key = generate(client, "web", "p-256");
        let signature = sign(client, &key).unwrap();
        let ended = Restrictions { not_after: now() - 10, ..Restrictions::default() };
        client.restrict(&key.id, less(ended)).unwrap();
        let error = sign(client, &key).unwrap_err();
        assert_eq!(error.kind, ErrorKind::PermissionDenied);
        assert!(error.message.contains("has expired at 20"), "{error}");
        // What it signed still verifies.
        let algorithm = key.key_type.default_signature().unwrap();
        let request = SignRequest { algorithm, pss: None, deterministic: false, input: &[7; 32] };
        assert!(client.verify(&key.id, &request, &signature).unwrap());
    });
}

#[test]
fn a_key_becomes_tighter_at_once_and_never_looser() {
    served("", |service, client| {
        let other = service.client();
        let exportable = KeyTemplate { exportable: true, ..named("web") };
        let key = client.generate(type_of("rsa-2048"), &exportable).unwrap();
        with(&other, &key, "rsa-pkcs1-sha256").unwrap();
        let change = Restrict {
            remove_uses: Rights::of(&[Right::Decrypt]).bits(),
            forbid_export: true,
            ..less(only(&["rsa-pkcs1-sha256", "rsa-pkcs1-sha384"]))
        };
        let tight = client.restrict(&key.id, change).unwrap();
        assert_eq!((tight.usage, tight.exportable), (Rights::of(&[Right::Sign]), false));
        assert_eq!(tight.version, 2);
        // On a connection that was open before.
        assert_eq!(kind(with(&other, &key, "rsa-pkcs1-sha512")), Some(ErrorKind::PermissionDenied));
        with(&other, &key, "rsa-pkcs1-sha384").unwrap();

        for (looser, why) in [
            (less(only(&["rsa-pkcs1-sha512"])), "cannot become so"),
            (Restrict::default(), "nothing is named"),
            (
                Restrict { remove_uses: Rights::of(&[Right::Sign]).bits(), ..Restrict::default() },
                "without any use",
            ),
        ] {
            let error = client.restrict(&key.id, looser).unwrap_err();
            assert_eq!(error.kind, ErrorKind::InvalidArgument);
            assert!(error.message.contains(why), "{error}");
        }
        let ends = |not_after| less(Restrictions { not_after, ..Restrictions::default() });
        client.restrict(&key.id, ends(now() + 1000)).unwrap();
        let later = client.restrict(&key.id, ends(now() + 2000));
        assert_eq!(kind(later), Some(ErrorKind::InvalidArgument));
        let sooner = client.restrict(&key.id, ends(now() + 500)).unwrap();
        assert_eq!(sooner.version, 4, "refused changes change nothing");
    });
}

#[test]
fn a_key_that_wants_approvals_is_not_used_or_given_out_without_one() {
    served("", |_, client| {
        let wants = Restrictions { needs_approval: true, ..Restrictions::default() };
        let template = KeyTemplate { exportable: true, ..held("root", wants) };
        let key = client.generate(type_of("p-256"), &template).unwrap();
        assert_eq!(kind(sign(client, &key)), Some(ErrorKind::ApprovalRequired));
        let kek = generate(client, "rsa", "rsa-2048").spki;
        let wrapped = client.wrap(&key.id, WrapWith::PublicKey(&kek), &rsa_aes());
        assert_eq!(kind(wrapped), Some(ErrorKind::ApprovalRequired));
    });
}

fn rsa_aes() -> WrappingChoice<'static> {
    let oaep = OaepParameters { digest: Digest::Sha256, mgf1: Digest::Sha256, label: b"" };
    WrappingChoice { wrapping: Wrapping::RsaAes, oaep: Some(oaep) }
}

#[test]
fn a_key_for_trusted_wrapping_leaves_with_no_other() {
    served("", |_, client| {
        let only_trusted = Restrictions { wrap_with_trusted_only: true, ..Restrictions::default() };
        let template = KeyTemplate { exportable: true, ..held("data", only_trusted) };
        let key = client.generate(type_of("aes-256"), &template).unwrap();
        let uses = Some(Rights::of(&[Right::Wrap, Right::Unwrap]));
        let kek = client
            .generate(type_of("aes-256"), &KeyTemplate { usage: uses, ..named("kek") })
            .unwrap();
        let choice = WrappingChoice { wrapping: Wrapping::AesKwp, oaep: None };
        let error = client.wrap(&key.id, WrapWith::Key(&kek.id), &choice).unwrap_err();
        assert_eq!(error.kind, ErrorKind::PermissionDenied);
        assert!(error.message.contains("trusted"), "{error}");
        let outside = generate(client, "rsa", "rsa-2048").spki;
        let error = client.wrap(&key.id, WrapWith::PublicKey(&outside), &rsa_aes()).unwrap_err();
        assert!(error.message.contains("trusted"), "{error}");
    });
}

#[test]
fn what_is_unwrapped_is_held_to_what_its_parent_is() {
    served("", |_, client| {
        let end = now() + 3600;
        let limits =
            Restrictions { not_after: end, wrap_with_trusted_only: true, ..only(&["aes-kwp"]) };
        let kek = KeyTemplate {
            usage: Some(Rights::of(&[Right::Wrap, Right::Unwrap])),
            exportable: true,
            ..held("kek", limits)
        };
        let kek = client.generate(type_of("aes-256"), &kek).unwrap();
        let data = KeyTemplate { exportable: true, ..named("data") };
        let data = client.generate(type_of("aes-128"), &data).unwrap();
        let choice = |wrapping| WrappingChoice { wrapping, oaep: None };
        let kwp = choice(Wrapping::AesKwp);
        let refused = client.wrap(&data.id, WrapWith::Key(&kek.id), &choice(Wrapping::AesGcm));
        assert_eq!(kind(refused), Some(ErrorKind::PermissionDenied));
        let wrapped = client.wrap(&data.id, WrapWith::Key(&kek.id), &kwp).unwrap();
        let unwrap = |template: &KeyTemplate<'_>| {
            client.unwrap(&kek.id, &kwp, &wrapped, Some("aes-128"), template)
        };
        let child = unwrap(&held("child", only(&["aes-gcm"]))).unwrap();
        let restrictions = &child.attributes.restrictions;
        assert_eq!((restrictions.not_after, restrictions.wrap_with_trusted_only), (end, true));
        assert_eq!(restrictions.algorithms, ["aes-gcm"]);
        let later = Restrictions { not_after: end + 1, ..Restrictions::default() };
        assert_eq!(kind(unwrap(&held("later", later))), Some(ErrorKind::InvalidArgument));
    });
}

#[test]
fn what_is_unwrapped_is_used_at_most_for_what_the_unwrapping_key_allows() {
    served("", |_, client| {
        let children = |uses: &[Right]| Restrictions {
            child_uses: Rights::of(uses).bits(),
            ..Restrictions::default()
        };
        let inlet = |name: &'static str, uses: &[Right]| {
            let usage = Some(Rights::of(&[Right::Unwrap]));
            let template = KeyTemplate { usage, ..held(name, children(uses)) };
            client.generate(type_of("rsa-2048"), &template).unwrap()
        };
        let signs = inlet("signs", &[Right::Sign]);
        let data = KeyTemplate { exportable: true, ..named("data") };
        let data = client.generate(type_of("rsa-2048"), &data).unwrap();
        let unwrap = |with: &Key, template: &KeyTemplate<'_>| {
            let wrapped = client.wrap(&data.id, WrapWith::PublicKey(&with.spki), &rsa_aes());
            client.unwrap(&with.id, &rsa_aes(), &wrapped.unwrap(), None, template)
        };
        let using = |name: &'static str, uses: &[Right]| KeyTemplate {
            usage: Some(Rights::of(uses)),
            ..named(name)
        };
        let usual = unwrap(&signs, &named("usual")).unwrap();
        assert_eq!(usual.usage, Rights::of(&[Right::Sign]));
        assert_eq!(unwrap(&signs, &using("asked", &[Right::Sign])).unwrap().usage, usual.usage);
        for more in [&[Right::Decrypt][..], &[Right::Sign, Right::Wrap]] {
            let refused = unwrap(&signs, &using("more", more)).unwrap_err();
            assert_eq!(refused.kind, ErrorKind::PermissionDenied, "{refused}");
            assert!(refused.message.contains("used for sign at most"), "{refused}");
        }
        // None of what it may be is a use of its type.
        let agrees = inlet("agrees", &[Right::Derive]);
        assert_eq!(kind(unwrap(&agrees, &named("none"))), Some(ErrorKind::PermissionDenied));
        assert_eq!(client.list("more").unwrap().len() + client.list("none").unwrap().len(), 0);

        // It is handed down, and it is never loosened.
        let passes = inlet("passes", &[Right::Unwrap, Right::Sign]);
        let child = unwrap(&passes, &using("child", &[Right::Unwrap])).unwrap();
        assert_eq!(
            child.attributes.restrictions.child_uses,
            children(&[Right::Unwrap, Right::Sign]).child_uses
        );
        let looser = client.restrict(&signs.id, less(children(&[Right::Sign, Right::Decrypt])));
        assert_eq!(kind(looser), Some(ErrorKind::InvalidArgument));
        client.restrict(&child.id, less(children(&[Right::Sign]))).unwrap();
        let refused = unwrap(&child, &using("grandchild", &[Right::Unwrap]));
        assert_eq!(kind(refused), Some(ErrorKind::PermissionDenied));
    });
}

#[test]
fn what_is_derived_is_used_at_most_for_what_its_parent_allows() {
    served("", |_, client| {
        let restrictions = Restrictions {
            child_uses: Rights::of(&[Right::Encrypt]).bits(),
            ..Restrictions::default()
        };
        let usage = Some(Rights::of(&[Right::Derive]));
        let template = KeyTemplate { usage, ..held("root", restrictions) };
        let root = client.generate(type_of("hmac-256"), &template).unwrap();
        let choice = DerivationChoice {
            function: Derivation::Hkdf,
            digest: Digest::Sha256,
            salt: b"",
            info: b"context",
        };
        let derive = |template: &KeyTemplate<'_>| {
            client.derive_key(&root.id, None, &choice, type_of("aes-256"), template)
        };
        let child = derive(&named("child")).unwrap();
        assert_eq!(child.usage, Rights::of(&[Right::Encrypt]));
        let usage = Some(Rights::of(&[Right::Decrypt]));
        let refused = derive(&KeyTemplate { usage, ..named("opens") });
        assert_eq!(kind(refused), Some(ErrorKind::PermissionDenied));
    });
}

#[test]
fn the_history_of_a_key_tells_who_did_what_to_those_who_manage_it() {
    let state = State::new();
    let service = state.start();
    let [alice, bob] = ["alice", "bob"].map(|user| service.enrol(user, &[]));
    let key = generate(&alice, "web", "p-256");
    alice.share(&key.id, "bob", Rights::of(&[Right::See, Right::Manage])).unwrap();
    bob.rename(&key.id, "site").unwrap();
    let key = bob.restrict(&key.id, less(only(&["ecdsa-sha256"]))).unwrap();
    let history: Vec<_> = key
        .attributes
        .history
        .iter()
        .map(|event| (event.kind(), event.by.as_str(), event.detail.as_str()))
        .collect();
    assert_eq!(
        history,
        [
            (KeyEventKind::Generated, "alice", ""),
            (KeyEventKind::Renamed, "bob", "from web to site"),
            (KeyEventKind::Restricted, "bob", "algorithms ecdsa-sha256"),
        ]
    );
    assert!(key.attributes.history[0].time <= now());
    alice.share(&key.id, "bob", Rights::of(&[Right::See])).unwrap();
    let seen = bob.find(&KeySelector::Id(key.id)).unwrap();
    assert_eq!(seen.attributes.history, []);
    assert_eq!(seen.attributes.restrictions, key.attributes.restrictions);
}

#[test]
fn edited_attributes_do_not_open() {
    let state = State::with(ME);
    let service = state.start();
    let keys = ["edited", "blanked", "good"].map(|name| {
        let limits = only(&["ecdsa-sha256"]);
        service.client().generate(type_of("p-256"), &held(name, limits)).unwrap()
    });
    assert!(service.terminate().success());
    let file = rusqlite::Connection::open(state.data().join("keys.db")).unwrap();
    // The restrictions taken off, and the row made to look like one of the first layout.
    file.execute("UPDATE keys SET attributes = x'010a00' WHERE name = 'edited'", []).unwrap();
    file.execute("UPDATE keys SET attributes = x'' WHERE name = 'blanked'", []).unwrap();
    drop(file);
    let service = state.start();
    let client = service.client();
    for key in &keys[..2] {
        let error = sign(&client, key).unwrap_err();
        assert!(error.message.contains("changed outside the service"), "{error}");
    }
    sign(&client, &keys[2]).unwrap();
}

#[test]
fn a_store_of_the_first_layout_is_brought_up_to_date_and_its_keys_go_on() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/store-1");
    let state = State::with(ME);
    fs::copy(golden.join("keys.db"), state.data().join("keys.db")).unwrap();
    let _ = fs::remove_file(state.data().join("keys.db-wal"));
    let _ = fs::remove_file(state.data().join("keys.db-shm"));
    fs::copy(golden.join("master.key"), state.master_key()).unwrap();
    fs::set_permissions(state.master_key(), fs::Permissions::from_mode(0o600)).unwrap();

    let service = state.start();
    let client = service.client();
    let keys = client.list("").unwrap();
    let names: Vec<_> = keys.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(names, ["golden", "golden-data", "golden-rsa"]);
    let find = |name: &str| client.find(&KeySelector::Name(name.into())).unwrap();
    let key = find("golden");
    assert_eq!(key.version, 3);
    assert_eq!(key.grants, [("bob".to_owned(), Rights::of(&[Right::See, Right::Sign]))]);
    assert_eq!(key.chain.len(), 1);
    assert_eq!(key.attributes.history.len(), 1);
    assert_eq!(key.attributes.history[0].kind(), KeyEventKind::Generated);
    assert_eq!(find("golden-rsa").attributes.history[0].kind(), KeyEventKind::Imported);
    let pem = fs::read_to_string(golden.join("golden.pub")).unwrap();
    let (_, spki) = pem_rfc7468::decode_vec(pem.as_bytes()).unwrap();
    assert_eq!(key.spki, spki);
    for key in ["golden", "golden-rsa"].map(find) {
        sign(&client, &key).unwrap();
    }
    // A change writes it in the present layout, which a restart reads.
    client.restrict(&key.id, less(only(&["ecdsa-sha256"]))).unwrap();
    assert!(service.terminate().success());
    let service = state.start();
    sign(&service.client(), &key).unwrap();
    let denied = with(&service.client(), &key, "ecdsa-sha384");
    assert_eq!(kind(denied), Some(ErrorKind::PermissionDenied));
}
