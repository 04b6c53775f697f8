//! A server with a key in the service before a TLS client that is not OpenSSL: tlslite-ng, which
//! checks signatures with arithmetic of its own, and sends what no honest client would.

use std::process::Command;

use keyward_tests::{CommandExt, Identity, SServer, Workshop, repository, require};

/// Runs the probe, which `make matrix` gives its library by `PYTHONPATH`.
fn probe(server: &SServer, arguments: &[&str]) -> String {
    let mut command = Command::new(require("python3", "python3"));
    command.arg(repository().join("tests/tests/programs/probe.py"));
    command.args(["127.0.0.1", &server.address().port().to_string()]).args(arguments);
    command.run().text()
}

#[test]
#[ignore = "its library, tlslite-ng, comes with make matrix"]
fn signatures_of_every_family_satisfy_an_independent_client() {
    let workshop = Workshop::new();
    let satisfy = |identity: &Identity, signatures: &[&str]| {
        let server = workshop.serve(identity, &identity.uri(), &[]);
        for signature in signatures {
            let said = probe(&server, &["certificate-verify", signature]);
            assert_eq!(said.trim(), format!("{signature} {signature}"), "{}", server.log());
        }
    };
    for (key_type, signatures) in [
        ("rsa-2048", &["rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"][..]),
        ("p-256", &["ecdsa_secp256r1_sha256"]),
        ("p-384", &["ecdsa_secp384r1_sha384"]),
        ("p-521", &["ecdsa_secp521r1_sha512"]),
        ("ed25519", &["ed25519"]),
    ] {
        let identity = workshop.service.certified_key(key_type, key_type, &workshop.authority);
        satisfy(&identity, signatures);
    }
    let bound = workshop.bound_key("bound");
    workshop.service.certify(&bound, &workshop.authority);
    satisfy(&bound, &["rsa_pss_pss_sha256"]);
}

/// Bleichenbacher's question, and the server's answer is the same whatever is wrong.
#[test]
#[ignore = "its library, tlslite-ng, comes with make matrix"]
fn answers_of_the_rsa_key_exchange_do_not_tell_good_padding_from_bad() {
    let workshop = Workshop::new();
    let identity = workshop.service.key_for("web", "rsa-2048", "sign,decrypt");
    workshop.service.certify(&identity, &workshop.authority);
    let server =
        workshop.serve(&identity, &identity.uri(), &["-tls1_2", "-cipher", "AES128-GCM-SHA256"]);
    let said = probe(&server, &["rsa-key-exchange"]);
    let answers: Vec<_> = said.lines().filter_map(|line| line.split_once(" -> ")).collect();
    let [(right, well), (_, first), rest @ ..] = &answers[..] else { panic!("{said}") };
    assert_eq!((*right, *well), ("right", "handshake"), "{said}");
    assert!(first.starts_with("alert"), "{said}");
    assert_eq!(rest.len(), 6, "{said}");
    assert!(rest.iter().all(|(_, answer)| answer == first), "{said}");
}
