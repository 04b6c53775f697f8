//! Statements about keys: made by the service, checked without it, and by others.

mod service_support;

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use keyward_algorithms::{ErrorKind, Right, Rights};
use keyward_client::KeyTemplate;
use keyward_protocol::{KeySelector, Restrictions};
use service_support::{KEYWARD, ME, Service, State, generate, named, sign};

const NONCE: &str = "00112233445566778899aabbccddeeff";

fn nonce() -> Vec<u8> {
    (0..16).map(|byte| byte * 0x11).collect()
}

/// A service, a statement about one of its keys, and a place for files.
struct World {
    state: State,
    service: Service,
    jws: String,
}

impl World {
    fn new() -> World {
        let state = State::with(ME);
        let service = state.start();
        let client = service.client();
        let restrictions = Restrictions {
            algorithms: vec!["ecdsa-sha256".into()],
            max_uses: 100,
            max_rate: Some("50/minute".parse().unwrap()),
            ..Restrictions::default()
        };
        let template = KeyTemplate { restrictions, ..named("web") };
        let key_type = keyward_algorithms::KeyType::from_name("p-256").unwrap();
        let key = client.generate(key_type, &template).unwrap();
        client.rename(&key.id, "site").unwrap();
        sign(&client, &key).unwrap();
        let jws = client.attest(&key.id, &nonce()).unwrap();
        World { state, service, jws }
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.state.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn verify(&self, jws: &str, ca: &std::path::Path, nonce: &str) -> Output {
        let file = self.file("statement.jws", jws);
        Command::new(KEYWARD)
            .args(["attest", "verify", "--json", "--nonce", nonce, "--ca"])
            .arg(ca)
            .arg(file)
            .output()
            .unwrap()
    }

    /// Why a statement is refused.
    fn refusal(&self, jws: &str) -> String {
        let output = self.verify(jws, &self.state.issued.ca, NONCE);
        assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }

    fn parts(&self) -> [String; 3] {
        let parts: Vec<String> = self.jws.split('.').map(str::to_owned).collect();
        parts.try_into().unwrap()
    }
}

#[test]
fn a_statement_tells_what_a_key_is_and_is_checked_without_the_service() {
    let World { state, service, jws } = World::new();
    let key = service.client().find(&KeySelector::Name("site".into())).unwrap();
    assert!(service.terminate().success());
    let world = World { service: state.start(), state, jws };
    let output = world.verify(&world.jws, &world.state.issued.ca, NONCE);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["nonce"], NONCE);
    assert_eq!(said["key"]["id"], key.id.to_string());
    assert_eq!(said["key"]["public_key"], Base64::encode_string(&key.spki));
    assert_eq!(said["key"]["origin"], "generated");
    assert_eq!(said["key"]["algorithms"], serde_json::json!(["ecdsa-sha256"]));
    assert_eq!(said["key"]["history"][1]["event"], "renamed");
    assert_eq!((&said["key"]["max_uses"], &said["key"]["uses"]), (&100.into(), &1.into()));
    assert_eq!(said["key"]["max_rate"], "50/minute");
    assert_eq!(said["service"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(said["service"]["development"], false);
    let hello = world.service.client().hello().unwrap();
    assert_eq!(said["service"]["id"], hello.service_id);
}

#[test]
fn a_statement_that_is_not_what_it_was_is_refused_with_the_reason() {
    let world = World::new();
    let [header, payload, signature] = world.parts();
    let other_nonce = world.verify(&world.jws, &world.state.issued.ca, &"ab".repeat(16));
    let said = String::from_utf8(other_nonce.stderr).unwrap();
    assert!(said.contains("another nonce"), "{said}");

    let text = Base64UrlUnpadded::decode_vec(&payload).unwrap();
    let forged = String::from_utf8(text).unwrap().replace("generated", "imported ");
    let forged = Base64UrlUnpadded::encode_string(forged.as_bytes());
    let said = world.refusal(&format!("{header}.{forged}.{signature}"));
    assert!(said.contains("changed after it was signed"), "{said}");
    let head = String::from_utf8(Base64UrlUnpadded::decode_vec(&header).unwrap()).unwrap();
    for (from, to, why) in [
        ("EdDSA", "none", "another algorithm"),
        ("keyward-attestation+jws", "JWT", "another algorithm or type"),
        ("\"typ\"", "\"jku\"", "not that of a statement"),
    ] {
        let head = Base64UrlUnpadded::encode_string(head.replace(from, to).as_bytes());
        let said = world.refusal(&format!("{head}.{payload}.{signature}"));
        assert!(said.contains(why), "{said}");
    }
    for broken in ["", "a.b", "a.b.c.d", &format!("{header}.{payload}."), "\u{e4}.b.c"] {
        assert!(world.refusal(broken).contains("the statement is refused"));
    }

    // Another service, whose authority nobody here believes.
    let other = World::new();
    let said = world.refusal(&other.jws);
    assert!(said.contains("none of these authorities"), "{said}");
}

/// With the certificate and key of a client, which the same authority has issued.
#[test]
fn a_certificate_for_another_purpose_vouches_for_nothing() {
    let world = World::new();
    let machine = world.service.machine("mallory", &[], &[]);
    let certificate = fs::read_to_string(machine.path("client.crt")).unwrap();
    let (_, der) = pem_rfc7468::decode_vec(certificate.as_bytes()).unwrap();
    let header = serde_json::json!({
        "alg": "EdDSA", "typ": "keyward-attestation+jws", "x5c": [Base64::encode_string(&der)],
    });
    let header = Base64UrlUnpadded::encode_string(header.to_string().as_bytes());
    let [_, payload, signature] = world.parts();
    let said = world.refusal(&format!("{header}.{payload}.{signature}"));
    assert!(said.contains("the statement is refused"), "{said}");
}

/// OpenSSL checks the chain and the signature, and a reader of JSON the rest.
#[test]
fn openssl_checks_the_same_statement() {
    let world = World::new();
    let [header, payload, signature] = world.parts();
    let head = Base64UrlUnpadded::decode_vec(&header).unwrap();
    let head: serde_json::Value = serde_json::from_slice(&head).unwrap();
    let der = Base64::decode_vec(head["x5c"][0].as_str().unwrap()).unwrap();
    let certificate = world.state.path("signer.crt");
    service_support::write_pem(&certificate, "CERTIFICATE", &der);
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    let (ca, signer) = (world.state.issued.ca.to_str().unwrap(), certificate.to_str().unwrap());
    openssl(&["verify", "-CAfile", ca, signer]);
    let public = openssl(&["x509", "-in", signer, "-noout", "-pubkey"]);
    let public = world.file("signer.pub", public);
    let signed = world.file("signed", format!("{header}.{payload}"));
    let signature = Base64UrlUnpadded::decode_vec(&signature).unwrap();
    let signature = world.file("signature", signature);
    let [public, signed, signature] = [&public, &signed, &signature].map(|p| p.to_str().unwrap());
    let check = ["pkeyutl", "-verify", "-pubin", "-rawin", "-inkey", public, "-in", signed];
    openssl(&[&check[..], &["-sigfile", signature]].concat());
    let text =
        openssl(&["x509", "-in", signer, "-noout", "-ext", "subjectAltName,extendedKeyUsage"]);
    assert!(text.contains("URI:urn:keyward:attestation"), "{text}");
    assert!(!text.contains("TLS"), "{text}");
}

#[test]
fn who_may_not_see_a_key_has_no_statement_and_who_does_not_manage_it_no_history() {
    let state = State::with("");
    let service = state.start();
    let [alice, bob] = ["alice", "bob"].map(|user| service.enrol(user, &[]));
    let key = generate(&alice, "web", "p-256");
    assert_eq!(bob.attest(&key.id, &nonce()).unwrap_err().kind, ErrorKind::NotFound);
    alice.share(&key.id, "bob", Rights::of(&[Right::See])).unwrap();
    let jws = bob.attest(&key.id, &nonce()).unwrap();
    let payload = Base64UrlUnpadded::decode_vec(jws.split('.').nth(1).unwrap()).unwrap();
    let said: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(said["key"]["history"], serde_json::json!([]));
    for wrong in [&b"short"[..], &[7; 65]] {
        let error = alice.attest(&key.id, wrong).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidArgument);
    }
}

#[test]
fn the_services_own_keys_are_out_of_reach_of_its_clients() {
    let state =
        State::with(&format!("{ME}roles = [\"user\", \"admin\", \"auditor\", \"operator\"]\n"));
    let service = state.start();
    let client = service.client();
    let first = generate(&client, "first", "p-256");
    client.attest(&first.id, &nonce()).unwrap();
    client.delete_now(&first.id).unwrap();
    let own: Vec<String> = {
        let file = rusqlite::Connection::open(state.data().join("keys.db")).unwrap();
        let mut names = file.prepare("SELECT name FROM own").unwrap();
        names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    for name in ["attestation-key", "audit-key", "authority-key", "data-key"] {
        assert!(own.iter().any(|one| one == name), "{name} is not among {own:?}");
    }
    assert!(client.list("").unwrap().is_empty());
    for name in &own {
        let by_name = client.find(&KeySelector::Name(name.clone()));
        assert_eq!(by_name.unwrap_err().kind, ErrorKind::NotFound);
        for owner in ["keyward", "service", "own"] {
            let owned = KeySelector::Owned { owner: owner.into(), name: name.clone() };
            assert!(client.find(&owned).is_err());
        }
        // A key of that name is the user's own and changes nothing.
        let key = generate(&client, name, "ed25519");
        let jws = client.attest(&key.id, &nonce()).unwrap();
        let header = Base64UrlUnpadded::decode_vec(jws.split('.').next().unwrap()).unwrap();
        let head: serde_json::Value = serde_json::from_slice(&header).unwrap();
        let der = Base64::decode_vec(head["x5c"][0].as_str().unwrap()).unwrap();
        let used = der.windows(32).any(|window| window == &key.spki[key.spki.len() - 32..]);
        assert!(!used, "the user's key signs statements");
        client.delete_now(&key.id).unwrap();
    }
    let audited = state.path("hsm/audit");
    let verified =
        Command::new(KEYWARD).args(["audit", "verify", "--in"]).arg(audited).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}
