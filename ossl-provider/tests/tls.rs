//! Handshakes: `openssl s_server` with the module, `openssl s_client` without it, and the other
//! way round for client certificates.

mod support;

use std::fs;

use support::{
    HANGS_AFTER, Service,
    server::{Server, assert_verified, connect},
};

const KEYS: [(&str, &str); 6] = [
    ("rsa-2048", "sign,decrypt"),
    ("rsa-pss-2048", "sign"),
    ("p-256", "sign"),
    ("p-384", "sign"),
    ("p-521", "sign"),
    ("ed25519", "sign"),
];

/// A service with a certificate for every key.
fn service() -> Service {
    let service = Service::start().with_keys(&KEYS);
    for (name, _) in KEYS {
        service.host.openssl(&format!("req -x509 -key keyward:{name} -subj /CN=x -out {name}.crt"));
    }
    service
}

#[test]
fn every_key_type_serves_tls_1_2_and_1_3() {
    let service = service();
    let host = &service.host;
    for (name, _) in KEYS {
        for key in [format!("keyward:{name}"), format!("{name}.pem")] {
            let server = Server::with_key(host, &key, name, "");
            for version in ["-tls1_2", "-tls1_3"] {
                assert_verified(
                    &connect(host, &server, name, version),
                    &format!("{key} {version}"),
                );
            }
        }
    }
}

#[test]
fn every_signature_algorithm_of_the_key_can_be_asked_for() {
    let service = service();
    let host = &service.host;
    for (name, algorithms) in [
        (
            "rsa-2048",
            "rsa_pss_rsae_sha256 rsa_pss_rsae_sha384 rsa_pss_rsae_sha512 RSA+SHA256 RSA+SHA512",
        ),
        ("rsa-pss-2048", "rsa_pss_pss_sha256 rsa_pss_pss_sha384 rsa_pss_pss_sha512"),
        ("p-256", "ECDSA+SHA256 ECDSA+SHA384 ECDSA+SHA512"),
    ] {
        let server = Server::with_key(host, &format!("keyward:{name}"), name, "");
        for algorithm in algorithms.split(' ') {
            let options = format!("-tls1_2 -sigalgs {algorithm}");
            // The certificate itself was signed with SHA-256 and stands on its own.
            assert_verified(&connect(host, &server, name, &options), algorithm);
        }
    }
}

#[test]
fn the_rsa_key_exchange_of_tls_1_2_decrypts() {
    let service = service();
    let host = &service.host;
    let server = Server::with_key(host, "keyward:rsa-2048", "rsa-2048", "-cipher AES128-SHA256");
    let output = connect(host, &server, "rsa-2048", "-tls1_2 -cipher AES128-SHA256");
    assert_verified(&output, "RSA key exchange");
    assert!(output.contains("Cipher is AES128-SHA256"), "{output}");
}

#[test]
fn ephemeral_keys_stay_with_the_default_provider() {
    let service = service();
    let host = &service.host;
    host.configure("", "default_properties = ?provider=keyward");
    for (name, _) in KEYS {
        let server = Server::with_key(host, &format!("keyward:{name}"), name, "");
        for options in
            ["-tls1_3 -groups X25519", "-tls1_3 -groups P-256", "-tls1_2 -groups P-256:P-384:P-521"]
        {
            let output = connect(host, &server, name, options);
            assert_verified(&output, &format!("{name} {options}"));
            // The server's, which later versions call the peer's.
            assert!(output.contains(" Temp Key: "), "{output}");
            assert!(!output.contains(" Temp Key: DH"), "{output}");
        }
    }
    host.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ephemeral.key");
    host.openssl("verify -check_ss_sig -CAfile p-256.crt p-256.crt");
}

#[test]
fn a_client_certificate_may_have_its_key_in_the_service() {
    let service = service();
    let host = &service.host;
    host.stranger(
        "req -x509 -newkey rsa:2048 -nodes -keyout server.key -subj /CN=s -out server.crt",
    );
    for (name, _) in KEYS {
        let mut command = host.command("openssl");
        command.env("OPENSSL_CONF", "/dev/null");
        command.args(["s_server", "-key", "server.key", "-cert", "server.crt"]);
        command.args(["-Verify", "1", "-verify_return_error", "-CAfile", &format!("{name}.crt")]);
        let server = Server::start(command);
        for version in ["-tls1_2", "-tls1_3"] {
            let mut client = host.command("timeout");
            client.args([HANGS_AFTER, "openssl", "s_client", version, "-ign_eof"]);
            client.args(["-connect", &format!("127.0.0.1:{}", server.1)]);
            client.args(["-CAfile", "server.crt", "-verify_return_error"]);
            client.args(["-key", &format!("keyward:{name}"), "-cert", &format!("{name}.crt")]);
            // The page that answers shows that the server took the certificate.
            fs::write(host.path("request"), "GET / HTTP/1.0\r\n\r\n").unwrap();
            client.stdin(fs::File::open(host.path("request")).unwrap());
            let output = client.output().unwrap();
            let output =
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert_verified(&output, &format!("{name} {version}"));
            assert!(output.contains("HTTP/1.0 200"), "{name} {version}\n{output}");
            assert!(!output.contains("alert"), "{name} {version}\n{output}");
        }
    }
}
