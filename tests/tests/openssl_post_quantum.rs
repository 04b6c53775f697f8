//! ML-DSA and ML-KEM keys in the service, for OpenSSL 3.5 and later, which has the other side of
//! everything; and older ones, which know nothing of such keys and must not be disturbed by them.

use std::{fs, path::Path};

use keyward_tests::{CommandExt, Nginx, OpenSsl, ServiceBuilder, Workshop, plain};

const SETS: [(&str, &str); 3] =
    [("ml-dsa-44", "mldsa44"), ("ml-dsa-65", "mldsa65"), ("ml-dsa-87", "mldsa87")];

const KEMS: [&str; 3] = ["ml-kem-512", "ml-kem-768", "ml-kem-1024"];

fn workshop() -> Workshop {
    // As root, nginx signs as this user.
    Workshop::with(|scratch| ServiceBuilder::new(scratch).allow("www-data").start())
}

/// A workshop whose OpenSSL knows ML-DSA and ML-KEM. What the others do is in
/// `older_openssl_goes_on_beside_such_keys_and_says_why_not`.
fn new_enough() -> Option<Workshop> {
    (OpenSsl::version() >= (3, 5)).then(workshop)
}

#[test]
fn older_openssl_goes_on_beside_such_keys_and_says_why_not() {
    let workshop = workshop();
    let new = workshop.service.key("new", "ml-dsa-65");
    workshop.service.key("newer", "ml-kem-768");
    let web = workshop.service.certified_key("web", "p-256", &workshop.authority);
    let is_old = OpenSsl::version() < (3, 5);
    let listed = String::from_utf8(workshop.ours(&["storeutl", "-noout", "-keys", "keyward:"]));
    let count = if is_old { 1 } else { 3 };
    let listed = listed.unwrap();
    assert!(listed.contains(&format!("Total found: {count}")), "{listed}");
    if is_old {
        for key in new.names() {
            let said = workshop.refused(&["pkey", "-in", &key, "-pubout"]);
            assert!(said.contains("keys of type ml-dsa-65 with OpenSSL"), "{said}");
        }
    }
    let nginx = Nginx::start(&workshop.scratch, &workshop.openssl, &[&web]);
    workshop.visit(nginx.address(), &nginx.log(), &[]);
    nginx.assert_well();
}

#[test]
fn others_verify_what_is_signed_in_every_way() {
    let Some(workshop) = new_enough() else { return };
    // More than the service would take in one piece.
    let large = workshop.file("large", vec![7; 3 << 20]);
    let small = workshop.file("small", "a short message");
    let signature = workshop.path("signature");
    for (key_type, _) in SETS {
        let identity = workshop.service.key(key_type, key_type);
        for key in identity.names() {
            for message in [&small, &large] {
                workshop.ours(&["dgst", "-sign", &key, "-out", &signature, message]);
                let check = ["-verify", &identity.public(), "-signature", &signature, message];
                assert_eq!(plain(&[&["dgst"][..], &check].concat()), b"Verified OK\n");
            }
            let in_context = ["-pkeyopt", "context-string:a context"];
            let encoded = ["-pkeyopt", "message-encoding:0"];
            for options in [&[][..], &in_context, &encoded] {
                let sign = ["pkeyutl", "-sign", "-rawin", "-inkey", &key, "-in", &small];
                workshop.ours(&[&sign[..], &["-out", &signature], options].concat());
                let verify =
                    ["pkeyutl", "-verify", "-rawin", "-in", &small, "-sigfile", &signature];
                let who = ["-pubin", "-inkey", &identity.public()];
                plain(&[&verify[..], &who, options].concat());
                workshop.ours(&[&verify[..], &["-inkey", &key], options].concat());
            }
        }
    }
}

#[test]
fn deterministic_signatures_are_those_that_openssl_makes() {
    let Some(workshop) = new_enough() else { return };
    let message = workshop.file("message", "a short message");
    let (made, ours, theirs) =
        (workshop.path("made.pem"), workshop.path("ours"), workshop.path("theirs"));
    for (key_type, _) in SETS {
        plain(&["genpkey", "-algorithm", key_type, "-out", &made]);
        let identity = workshop.service.import(key_type, Path::new(&made));
        for options in [
            &[][..],
            &["-pkeyopt", "context-string:a context"],
            &["-pkeyopt", "message-encoding:0"],
        ] {
            let sign = |key: &str, out: &str| {
                let sign = ["pkeyutl", "-sign", "-rawin", "-in", &message, "-pkeyopt"];
                let key = ["deterministic:1", "-inkey", key, "-out", out];
                [&sign[..], &key, options].concat().iter().map(|word| word.to_string()).collect()
            };
            let sign_theirs: Vec<String> = sign(&made, &theirs);
            OpenSsl::plain(&sign_theirs).run().bytes();
            for key in identity.names() {
                let sign_ours: Vec<String> = sign(&key, &ours);
                workshop.openssl.command(&sign_ours).run().bytes();
                let same = fs::read(&ours).unwrap() == fs::read(&theirs).unwrap();
                assert!(same, "{key_type} {options:?}");
            }
        }
    }
}

#[test]
fn a_signature_of_another_message_or_context_is_refused() {
    let Some(workshop) = new_enough() else { return };
    let (yes, no) = (workshop.file("yes", "yes"), workshop.file("no", "no"));
    let signature = workshop.path("signature");
    let key = workshop.service.key("key", "ml-dsa-44").uri();
    workshop.ours(&["pkeyutl", "-sign", "-rawin", "-inkey", &key, "-in", &yes, "-out", &signature]);
    let verify = |message: &str, options: &[&str]| {
        let verify = ["pkeyutl", "-verify", "-rawin", "-inkey", &key, "-sigfile", &signature];
        workshop.openssl.command(&[&verify[..], &["-in", message], options].concat()).run()
    };
    verify(&yes, &[]).bytes();
    verify(&no, &[]).complaint();
    verify(&yes, &["-pkeyopt", "context-string:other"]).complaint();
    let too_long = format!("context-string:{}", "c".repeat(256));
    verify(&yes, &["-pkeyopt", &too_long]).complaint();
}

#[test]
fn mu_that_the_caller_made_is_signed() {
    let Some(workshop) = new_enough() else { return };
    let mu = workshop.file("mu", [9; 64]);
    let short = workshop.file("short", [9; 63]);
    let signature = workshop.path("signature");
    let identity = workshop.service.key("key", "ml-dsa-87");
    let options = ["-pkeyopt", "mu:1"];
    for key in identity.names() {
        let sign = ["pkeyutl", "-sign", "-rawin", "-inkey", &key, "-out", &signature, "-in"];
        workshop.ours(&[&sign[..], &[&mu], &options].concat());
        let verify = ["pkeyutl", "-verify", "-rawin", "-in", &mu, "-sigfile", &signature];
        let who = ["-pubin", "-inkey", &identity.public()];
        plain(&[&verify[..], &who, &options].concat());
        workshop.refused(&[&sign[..], &[&short], &options].concat());
    }
}

#[test]
fn secrets_that_others_encapsulate_come_out_again() {
    let Some(workshop) = new_enough() else { return };
    let (ciphertext, secret) = (workshop.path("ciphertext"), workshop.path("secret"));
    let opened = workshop.path("opened");
    for key_type in KEMS {
        let identity = workshop.service.key(key_type, key_type);
        for key in identity.names() {
            let encapsulate = ["pkeyutl", "-encap", "-out", &ciphertext, "-secret", &secret];
            let decapsulate = ["pkeyutl", "-decap", "-inkey", &key, "-in", &ciphertext];
            let decapsulate = [&decapsulate[..], &["-secret", &opened]].concat();
            plain(&[&encapsulate[..], &["-pubin", "-inkey", &identity.public()]].concat());
            workshop.ours(&decapsulate);
            assert_eq!(fs::read(&opened).unwrap(), fs::read(&secret).unwrap(), "{key_type}");
            // With the public half of our own.
            workshop.ours(&[&encapsulate[..], &["-inkey", &key]].concat());
            workshop.ours(&decapsulate);
            assert_eq!(fs::read(&opened).unwrap(), fs::read(&secret).unwrap(), "{key_type}");

            let short = workshop.file("short", [1; 100]);
            let said = workshop.refused(&["pkeyutl", "-decap", "-inkey", &key, "-in", &short]);
            assert!(said.contains("the ciphertext has the wrong size"), "{said}");
        }
    }
}

#[test]
fn a_kem_key_that_openssl_made_is_imported_in_each_of_its_forms() {
    let Some(workshop) = new_enough() else { return };
    let (ciphertext, secret) = (workshop.path("ciphertext"), workshop.path("secret"));
    let opened = workshop.path("opened");
    for key_type in KEMS {
        for form in ["seed-only", "priv-only", "seed-priv"] {
            let (name, file) = (format!("{key_type}-{form}"), workshop.path("made.pem"));
            let option = format!("ml-kem.output_formats={form}");
            let make = ["genpkey", "-algorithm", key_type, "-provparam", &option, "-out", &file];
            plain(&make);
            let identity = workshop.service.import(&name, Path::new(&file));
            let theirs = plain(&["pkey", "-in", &file, "-pubout"]);
            assert_eq!(fs::read(&identity.public).unwrap(), theirs, "{name}");
            plain(&["pkeyutl", "-encap", "-inkey", &file, "-out", &ciphertext, "-secret", &secret]);
            let decapsulate = ["pkeyutl", "-decap", "-inkey", &identity.uri(), "-in", &ciphertext];
            workshop.ours(&[&decapsulate[..], &["-secret", &opened]].concat());
            assert_eq!(fs::read(&opened).unwrap(), fs::read(&secret).unwrap(), "{name}");
        }
    }
}

#[test]
fn pkey_shows_the_public_half_and_the_reference() {
    let Some(workshop) = new_enough() else { return };
    for key_type in SETS.map(|(key_type, _)| key_type).into_iter().chain(KEMS) {
        let identity = workshop.service.key(key_type, key_type);
        let expected = fs::read(&identity.public).unwrap();
        for key in identity.names() {
            assert_eq!(workshop.ours(&["pkey", "-in", &key, "-pubout"]), expected);
            let shown = workshop.ours(&["pkey", "-in", &key, "-noout", "-text_pub"]);
            let theirs = plain(&["pkey", "-pubin", "-in", &identity.public(), "-noout", "-text"]);
            assert_eq!(String::from_utf8_lossy(&shown), String::from_utf8_lossy(&theirs));
            assert_eq!(
                workshop.ours(&["pkey", "-in", &key]),
                fs::read(&identity.reference).unwrap()
            );
        }
    }
}

#[test]
fn requests_certificates_and_cms_are_made() {
    let Some(workshop) = new_enough() else { return };
    let message = workshop.file("message", "sincerely yours");
    let (request, certificate) = (workshop.path("request.pem"), workshop.path("certificate.pem"));
    let signed = workshop.path("signed.pem");
    for (key_type, _) in SETS {
        let identity = workshop.service.key(key_type, key_type);
        for key in identity.names() {
            workshop.ours(&["req", "-new", "-key", &key, "-subj", "/CN=w", "-out", &request]);
            let check = OpenSsl::plain(&["req", "-in", &request, "-verify", "-noout"]).run();
            assert!(check.all().contains("OK"), "{key_type}: {}", check.all());

            let make = ["req", "-x509", "-new", "-key", &key, "-subj", "/CN=w", "-days", "2"];
            workshop.ours(&[&make[..], &["-out", &certificate]].concat());
            plain(&["verify", "-check_ss_sig", "-CAfile", &certificate, &certificate]);

            let sign = ["cms", "-sign", "-md", "sha512", "-binary", "-nodetach", "-in", &message];
            let who = ["-signer", &certificate, "-inkey", &key, "-outform", "PEM", "-out", &signed];
            workshop.ours(&[&sign[..], &who].concat());
            let verify = ["cms", "-verify", "-binary", "-in", &signed, "-inform", "PEM"];
            let trust = ["-CAfile", &certificate, "-purpose", "any"];
            assert_eq!(plain(&[&verify[..], &trust].concat()), b"sincerely yours");
        }
    }
}

#[test]
fn s_server_serves_certificates_of_every_set() {
    let Some(workshop) = new_enough() else { return };
    for (key_type, signature) in SETS {
        let identity = workshop.service.certified_key(key_type, key_type, &workshop.authority);
        for key in identity.names() {
            let server = workshop.serve(&identity, &key, &[]);
            let said = workshop.visit(server.address(), &server.log(), &["-tls1_3"]);
            assert!(said.contains(&format!("Signature type: {signature}")), "{said}");
        }
    }
}

#[test]
fn s_server_serves_them_also_where_our_algorithms_are_preferred() {
    let Some(workshop) = new_enough() else { return };
    workshop.openssl.prefer_ours();
    let identity = workshop.service.certified_key("web", "ml-dsa-65", &workshop.authority);
    let groups = ["X25519MLKEM768", "MLKEM768", "X25519"];
    let offered = groups.join(":");
    let key = identity.uri();
    let more = ["-groups", &offered];
    let server = workshop.serve(&identity, &key, &more);
    for group in groups {
        // Ephemeral keys stay with OpenSSL's own provider.
        let options = ["-tls1_3", "-groups", group];
        let said = workshop.visit(server.address(), &server.log(), &options);
        assert!(said.contains("Signature type: mldsa65"), "{said}");
    }
}

#[test]
fn nginx_serves_ml_dsa_beside_ecdsa() {
    let Some(workshop) = new_enough() else { return };
    let new = workshop.service.certified_key("new", "ml-dsa-65", &workshop.authority);
    let web = workshop.service.certified_key("web", "p-256", &workshop.authority);
    let nginx = Nginx::start(&workshop.scratch, &workshop.openssl, &[&new, &web]);
    let (alone, both) = (nginx.address(), nginx.address_of_both());
    for (address, options, signature) in [
        (alone, &["-tls1_3"][..], "mldsa65"),
        (both, &["-tls1_3", "-sigalgs", "mldsa65:ecdsa_secp256r1_sha256"], "mldsa65"),
        (both, &["-tls1_3", "-sigalgs", "ecdsa_secp256r1_sha256"], "ecdsa_secp256r1_sha256"),
        (both, &["-tls1_2"], "ecdsa_secp256r1_sha256"),
    ] {
        let said = workshop.visit(address, &nginx.log(), options);
        assert!(said.contains(&format!("Signature type: {signature}")), "{said}");
    }
    nginx.assert_well();
}
