//! A server with a key in the service before a TLS client that is not OpenSSL: tlslite-ng, which
//! checks signatures with arithmetic of its own, and sends what no honest client would.

use std::process::Command;

use keyward_tests::{Authority, CommandExt, Identity, OpenSsl, SServer, Scratch, Service};
use keyward_tests::{repository, require};

struct World {
    service: Service,
    authority: Authority,
    openssl: OpenSsl,
    scratch: Scratch,
}

impl World {
    fn new() -> World {
        let scratch = Scratch::new();
        let service = Service::dev(&scratch);
        let authority = Authority::new(&scratch);
        let openssl = OpenSsl::new(&scratch, &service.address());
        World { service, authority, openssl, scratch }
    }

    fn serve(&self, identity: &Identity, more: &[&str]) -> SServer {
        SServer::start(&self.scratch, &self.openssl, identity, &identity.uri(), more)
    }
}

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
    let world = World::new();
    for (key_type, signatures) in [
        ("rsa-2048", &["rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"][..]),
        ("p-256", &["ecdsa_secp256r1_sha256"]),
        ("p-384", &["ecdsa_secp384r1_sha384"]),
        ("p-521", &["ecdsa_secp521r1_sha512"]),
        ("ed25519", &["ed25519"]),
    ] {
        let identity = world.service.certified_key(key_type, key_type, &world.authority);
        let server = world.serve(&identity, &[]);
        for signature in signatures {
            let said = probe(&server, &["certificate-verify", signature]);
            assert_eq!(said.trim(), format!("{signature} {signature}"), "{}", server.log());
        }
    }
}

/// Bleichenbacher's question, and the server's answer is the same whatever is wrong.
#[test]
#[ignore = "its library, tlslite-ng, comes with make matrix"]
fn answers_of_the_rsa_key_exchange_do_not_tell_good_padding_from_bad() {
    let world = World::new();
    let identity = world.service.key_for("web", "rsa-2048", "sign,decrypt");
    world.service.certify(&identity, &world.authority);
    let server = world.serve(&identity, &["-tls1_2", "-cipher", "AES128-GCM-SHA256"]);
    let said = probe(&server, &["rsa-key-exchange"]);
    let answers: Vec<_> = said.lines().filter_map(|line| line.split_once(" -> ")).collect();
    let [(right, well), (_, first), rest @ ..] = &answers[..] else { panic!("{said}") };
    assert_eq!((*right, *well), ("right", "handshake"), "{said}");
    assert!(first.starts_with("alert"), "{said}");
    assert_eq!(rest.len(), 6, "{said}");
    assert!(rest.iter().all(|(_, answer)| answer == first), "{said}");
}
