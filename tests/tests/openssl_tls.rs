//! `openssl s_server` with keys in the service, visited by `openssl s_client` and by rustls.

use keyward_load::{TargetBuilder, TlsVersion};
use keyward_tests::{CommandExt, Identity, OpenSsl, SServer, Workshop};

/// A key type and who can speak with a server that has it.
struct Row {
    key_type: &'static str,
    /// How the name begins that s_client has for the signature in TLS 1.3.
    signature: &'static str,
    /// Whether rustls reads such certificates, in TLS 1.2 and in 1.3.
    rustls: [bool; 2],
}

/// The schemes of TLS for keys that are of no use but RSA-PSS.
const SHA_256: &str = "rsa_pss_pss_sha256";
const SHA_384: &str = "rsa_pss_pss_sha384";

const BOTH: [bool; 2] = [true, true];

/// Every type of key that TLS 1.2 and 1.3 have signatures for.
const ROWS: [Row; 8] = [
    Row { key_type: "rsa-2048", signature: "rsa_pss", rustls: BOTH },
    Row { key_type: "rsa-3072", signature: "rsa_pss", rustls: BOTH },
    Row { key_type: "rsa-4096", signature: "rsa_pss", rustls: BOTH },
    // webpki has no id-RSASSA-PSS public keys.
    Row { key_type: "rsa-pss-2048", signature: "rsa_pss", rustls: [false, false] },
    Row { key_type: "p-256", signature: "ecdsa", rustls: BOTH },
    Row { key_type: "p-384", signature: "ecdsa", rustls: BOTH },
    // rustls has no P-521 key exchange, which TLS 1.2 makes a condition for the certificate.
    Row { key_type: "p-521", signature: "ecdsa", rustls: [false, true] },
    Row { key_type: "ed25519", signature: "ed25519", rustls: BOTH },
];

fn visit_with_rustls(workshop: &Workshop, server: &SServer, version: TlsVersion) {
    let target = TargetBuilder {
        version,
        trusted_pem: Some(workshop.authority.certificate_pem()),
        request: Some("/".into()),
        ..TargetBuilder::new(server.address(), "localhost")
    }
    .build()
    .unwrap();
    if let Err(error) = target.visit() {
        panic!("rustls, {version:?}: {error}\nThe server said:\n{}", server.log());
    }
}

#[test]
fn every_key_type_serves_tls_1_2_and_1_3_by_uri_and_by_reference() {
    let workshop = Workshop::new();
    for row in &ROWS {
        let identity =
            workshop.service.certified_key(row.key_type, row.key_type, &workshop.authority);
        for key in [identity.uri(), identity.reference.display().to_string()] {
            let server = workshop.serve(&identity, &key, &[]);
            for (version, flag, rustls) in [
                (TlsVersion::V1_2, "-tls1_2", row.rustls[0]),
                (TlsVersion::V1_3, "-tls1_3", row.rustls[1]),
            ] {
                let said = workshop.visit(server.address(), &server.log(), &[flag]);
                // Newer versions print the scheme's name: rsa_pss_rsae_sha256.
                let said = said.to_lowercase().replace('-', "_");
                let expected = format!("signature type: {}", row.signature);
                let rsa_1_2 = version == TlsVersion::V1_2 && row.key_type.starts_with("rsa");
                assert!(rsa_1_2 || said.contains(&expected), "{}: {said}", row.key_type);
                if rustls {
                    visit_with_rustls(&workshop, &server, version);
                }
            }
        }
    }
}

/// OpenSSL asks us whether a key signs with a digest before it takes the client's word for it.
#[test]
fn a_key_that_is_bound_to_one_digest_serves_tls_1_3_with_it_and_refuses_the_others() {
    let workshop = Workshop::new();
    let identity = workshop.bound_key("bound");
    workshop.service.certify(&identity, &workshop.authority);
    for key in identity.names() {
        let server = workshop.serve(&identity, &key, &[]);
        for flags in [&["-tls1_3"][..], &["-tls1_2"], &["-sigalgs", SHA_256]] {
            let said = workshop.visit(server.address(), &server.log(), flags);
            let said = said.to_lowercase();
            assert!(said.contains("signature type: rsa") && said.contains("sha256"), "{said}");
        }
        for version in ["-tls1_3", "-tls1_2"] {
            let address = server.address().to_string();
            let offer = ["s_client", version, "-sigalgs", SHA_384, "-connect", &address];
            let said = OpenSsl::plain(&offer).run().complaint();
            assert!(said.contains("alert handshake failure"), "{said}");
        }
        workshop.visit(server.address(), &server.log(), &["-tls1_3"]);
    }
}

#[test]
fn s_server_refuses_the_certificate_of_another_key() {
    let workshop = Workshop::new();
    for (key_type, other_type, reason) in [
        ("p-256", "p-256", "key values mismatch"),
        ("rsa-2048", "rsa-2048", "key values mismatch"),
        ("p-384", "ed25519", "Private key does not match the certificate public key"),
    ] {
        let own = workshop.service.key(&format!("own-{key_type}"), key_type);
        let other = workshop.service.certified_key(other_type, other_type, &workshop.authority);
        let certificate = other.certificate.display().to_string();
        for key in own.names() {
            let said = workshop.refused(&["s_server", "-cert", &certificate, "-key", &key]);
            assert!(said.contains(reason), "{key_type} {other_type}: {said}");
        }
    }
}

#[test]
fn the_certificate_comes_from_the_service_too() {
    let workshop = Workshop::new();
    let identity = workshop.service.certified_key("web", "p-256", &workshop.authority);
    let uri = identity.uri();
    let by_uri = Identity { certificate: format!("{uri}?type=cert").into(), ..identity };
    let server = workshop.serve(&by_uri, &uri, &[]);
    workshop.visit(server.address(), &server.log(), &["-tls1_3"]);
}

#[test]
fn every_rsa_signature_scheme_of_tls_is_made() {
    let workshop = Workshop::new();
    let identity = workshop.service.certified_key("web", "rsa-2048", &workshop.authority);
    let server = workshop.serve(&identity, &identity.uri(), &[]);
    for scheme in ["rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"] {
        for version in ["-tls1_2", "-tls1_3"] {
            workshop.visit(server.address(), &server.log(), &[version, "-sigalgs", scheme]);
        }
    }
    for scheme in ["RSA+SHA256", "RSA+SHA384", "RSA+SHA512", "RSA+SHA224"] {
        workshop.visit(server.address(), &server.log(), &["-tls1_2", "-sigalgs", scheme]);
    }
}

#[test]
fn a_server_with_async_jobs_is_paused_and_resumed() {
    let workshop = Workshop::new();
    for key_type in ["p-256", "rsa-2048"] {
        let identity = workshop.service.certified_key(key_type, key_type, &workshop.authority);
        let server = workshop.serve(&identity, &identity.uri(), &["-async"]);
        for version in ["-tls1_2", "-tls1_3"] {
            for _ in 0..3 {
                workshop.visit(server.address(), &server.log(), &[version]);
            }
        }
    }
}

#[test]
fn tls_1_2_with_rsa_key_exchange_decrypts_in_the_service() {
    let workshop = Workshop::new();
    let identity = workshop.service.certified_key("web", "rsa-2048", &workshop.authority);
    for key in [identity.uri(), identity.reference.display().to_string()] {
        let server = workshop.serve(&identity, &key, &[]);
        for cipher in ["AES128-GCM-SHA256", "AES256-SHA"] {
            let said =
                workshop.visit(server.address(), &server.log(), &["-tls1_2", "-cipher", cipher]);
            assert!(said.contains(cipher), "{said}");
        }
    }
}

#[test]
fn secp256k1_serves_tls_1_2_where_both_sides_allow_the_curve() {
    let workshop = Workshop::new();
    let identity = workshop.service.certified_key("web", "secp256k1", &workshop.authority);
    let groups = ["-groups", "X25519:secp256k1"];
    let server = workshop.serve(&identity, &identity.uri(), &groups);
    workshop.visit(server.address(), &server.log(), &["-tls1_2", "-groups", "X25519:secp256k1"]);
}

#[test]
fn a_client_proves_itself_with_a_key_in_the_service() {
    let workshop = Workshop::new();
    let identity = workshop.service.certified_key("web", "p-256", &workshop.authority);
    let ca = workshop.authority.certificate().display().to_string();
    let demand = ["-Verify", "2", "-verify_return_error", "-CAfile", &ca];
    for key_type in ["rsa-2048", "p-384", "ed25519"] {
        let caller = workshop.service.certified_key(key_type, key_type, &workshop.authority);
        let server = workshop.serve(&identity, &identity.uri(), &demand);
        for version in ["-tls1_2", "-tls1_3"] {
            let address = server.address().to_string();
            let outcome = workshop
                .openssl
                .command(&["s_client", "-connect", &address, "-brief", "-ign_eof", version])
                .args(["-CAfile", &ca, "-verify_return_error", "-key", &caller.uri()])
                .arg("-cert")
                .arg(&caller.certificate)
                .run_with(b"GET / HTTP/1.0\r\n\r\n");
            let page = outcome.all();
            let case = format!("{key_type} {version}: {page}\nThe server said:\n{}", server.log());
            assert!(outcome.status.success() && page.contains("Verification: OK"), "{case}");
            // The page shows the client's certificate only after its signature was checked.
            assert!(page.contains("HTTP/1.0 200"), "{case}");
        }
    }
}

#[test]
fn a_preference_for_our_provider_leaves_ephemeral_keys_and_other_certificates_alone() {
    let workshop = Workshop::new();
    workshop.openssl.prefer_ours();
    for key_type in ["rsa-2048", "p-256", "p-384", "ed25519"] {
        let identity = workshop.service.certified_key(key_type, key_type, &workshop.authority);
        let server = workshop.serve(&identity, &identity.uri(), &[]);
        for version in ["-tls1_2", "-tls1_3"] {
            for group in ["X25519", "P-256", "P-384"] {
                // In TLS 1.2 the list must have the certificate's own curve, too.
                let own = key_type.to_uppercase();
                let needs_own = version == "-tls1_2" && own.starts_with("P-") && own != group;
                let groups = if needs_own { &format!("{group}:{own}") } else { group };
                workshop.visit(server.address(), &server.log(), &[version, "-groups", groups]);
            }
        }
    }
}
