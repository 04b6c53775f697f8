//! The commands of the machine's `openssl` with keys in the service, named by URI and by
//! reference. Whatever they make is checked by an `openssl` that has no provider of ours.

use std::fs;

use keyward_tests::{Authority, CommandExt, OpenSsl, Workshop, plain, text};

/// Key types that sign digests, each with digests to sign.
const DIGEST_SIGNERS: [(&str, &[&str]); 8] = [
    ("rsa-2048", &["-sha224", "-sha256", "-sha384", "-sha512", "-sha3-256"]),
    ("rsa-3072", &["-sha256"]),
    ("rsa-4096", &["-sha512"]),
    ("rsa-pss-2048", &["-sha256", "-sha384"]),
    ("p-256", &["-sha256", "-sha384", "-sha512"]),
    ("p-384", &["-sha256", "-sha384"]),
    ("p-521", &["-sha512"]),
    ("secp256k1", &["-sha256"]),
];

#[test]
fn dgst_signs_with_every_key_type_and_others_verify() {
    let workshop = Workshop::new();
    let message = workshop.file("message", b"attack at dawn".repeat(1000));
    let signature = workshop.path("signature");
    for (key_type, digests) in DIGEST_SIGNERS {
        let identity = workshop.service.key(key_type, key_type);
        for digest in digests {
            for key in identity.names() {
                workshop.ours(&["dgst", digest, "-sign", &key, "-out", &signature, &message]);
                let verify = |openssl: &dyn Fn(&[&str]) -> Vec<u8>, flag, key: &str| {
                    let said =
                        openssl(&["dgst", digest, flag, key, "-signature", &signature, &message]);
                    assert_eq!(said, b"Verified OK\n", "{key_type} {digest}");
                };
                verify(&plain, "-verify", &identity.public());
                verify(&|arguments| workshop.ours(arguments), "-prverify", &key);
            }
        }
    }
}

#[test]
fn dgst_does_not_verify_a_signature_over_something_else() {
    let workshop = Workshop::new();
    let signature = workshop.path("signature");
    let (message, other) = (workshop.file("message", "yes"), workshop.file("other", "no"));
    for key_type in ["rsa-2048", "p-256"] {
        let key = workshop.service.key(key_type, key_type).uri();
        workshop.ours(&["dgst", "-sha256", "-sign", &key, "-out", &signature, &message]);
        let complaint = workshop
            .openssl
            .command(&["dgst", "-sha256", "-prverify", &key, "-signature", &signature, &other])
            .run()
            .complaint();
        assert!(complaint.contains("Verification failure"), "{complaint}");
    }
}

#[test]
fn pss_signatures_have_the_salt_that_was_asked_for() {
    let workshop = Workshop::new();
    let message = workshop.file("message", "salt and pepper");
    let signature = workshop.path("signature");
    let pss = "rsa_padding_mode:pss";
    let identity = workshop.service.key("web", "rsa-2048");
    for key in identity.names() {
        for (asked, bytes) in [("digest", "32"), ("max", "222"), ("0", "0"), ("20", "20")] {
            let salt = format!("rsa_pss_saltlen:{asked}");
            let sign = ["dgst", "-sha256", "-sigopt", pss, "-sigopt", &salt, "-sign", &key];
            workshop.ours(&[&sign[..], &["-out", &signature, &message]].concat());
            let exact = format!("rsa_pss_saltlen:{bytes}");
            let verify = ["dgst", "-sha256", "-sigopt", pss, "-sigopt", &exact, "-verify"];
            plain(
                &[&verify[..], &[&identity.public(), "-signature", &signature, &message]].concat(),
            );
        }
        let mgf = ["-sigopt", pss, "-sigopt", "rsa_mgf1_md:sha512"];
        let sign = ["-sign", &key, "-out", &signature, &message];
        workshop.ours(&[&["dgst", "-sha256"][..], &mgf, &sign].concat());
        let verify = ["-verify", &identity.public(), "-signature", &signature, &message];
        plain(&[&["dgst", "-sha256"][..], &mgf, &verify].concat());
    }
}

#[test]
fn pkeyutl_signs_and_verifies_digests_and_messages() {
    let workshop = Workshop::new();
    let digest = workshop.file("digest", [7; 32]);
    let message = workshop.file("message", "a short message");
    let signature = workshop.path("signature");
    for (key_type, input, options) in [
        ("rsa-2048", &digest, &["-pkeyopt", "digest:sha256"][..]),
        ("rsa-2048", &digest, &["-pkeyopt", "digest:sha256", "-pkeyopt", "rsa_padding_mode:pss"]),
        ("rsa-2048", &digest, &[]),
        ("p-256", &digest, &[]),
        ("p-384", &digest, &["-pkeyopt", "digest:sha256"]),
        ("ed25519", &message, &["-rawin"]),
        ("rsa-3072", &message, &["-rawin", "-digest", "sha384"]),
        ("p-521", &message, &["-rawin", "-digest", "sha512"]),
    ] {
        let name = format!("{key_type}-{}", options.join("-").replace([':', '_'], "."));
        let identity = workshop.service.key(&name, key_type);
        for key in identity.names() {
            let sign = ["pkeyutl", "-sign", "-inkey", &key, "-in", input, "-out", &signature];
            workshop.ours(&[&sign[..], options].concat());
            let verify = ["pkeyutl", "-verify", "-in", input, "-sigfile", &signature];
            let public = identity.public();
            plain(&[&verify[..], &["-pubin", "-inkey", &public], options].concat());
            workshop.ours(&[&verify[..], &["-inkey", &key], options].concat());
        }
    }
}

#[test]
fn pkeyutl_decrypts_what_others_encrypted() {
    let workshop = Workshop::new();
    let secret = workshop.file("secret", "the launch code");
    let sealed = workshop.path("sealed");
    let identity = workshop.service.key("web", "rsa-2048");
    for options in [
        &["-pkeyopt", "rsa_padding_mode:pkcs1"][..],
        &["-pkeyopt", "rsa_padding_mode:oaep"],
        &["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256"],
        &[
            "-pkeyopt",
            "rsa_padding_mode:oaep",
            "-pkeyopt",
            "rsa_oaep_md:sha512",
            "-pkeyopt",
            "rsa_mgf1_md:sha256",
            "-pkeyopt",
            "rsa_oaep_label:c0ffee",
        ],
    ] {
        let public = identity.public();
        let encrypt = ["pkeyutl", "-encrypt", "-in", &secret, "-out", &sealed];
        for key in identity.names() {
            let decrypt = ["pkeyutl", "-decrypt", "-inkey", &key, "-in", &sealed];
            plain(&[&encrypt[..], &["-pubin", "-inkey", &public], options].concat());
            let opened = workshop.ours(&[&decrypt[..], options].concat());
            assert_eq!(opened, b"the launch code", "{options:?}");
            workshop.ours(&[&encrypt[..], &["-inkey", &key], options].concat());
            assert_eq!(workshop.ours(&[&decrypt[..], options].concat()), b"the launch code");
        }
    }
}

#[test]
fn a_damaged_oaep_ciphertext_is_an_error_and_a_damaged_pkcs1_one_tells_nothing() {
    let workshop = Workshop::new();
    let secret = workshop.file("secret", "the launch code");
    let sealed = workshop.path("sealed");
    let identity = workshop.service.key("web", "rsa-2048");
    let (key, public) = (identity.uri(), identity.public());
    let damaged = |options: &[&str]| {
        let encrypt = ["pkeyutl", "-encrypt", "-in", &secret, "-out", &sealed, "-pubin"];
        plain(&[&encrypt[..], &["-inkey", &public], options].concat());
        let mut bytes = fs::read(&sealed).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&sealed, bytes).unwrap();
        let decrypt = ["pkeyutl", "-decrypt", "-inkey", &key, "-in", &sealed];
        workshop.openssl.command(&[&decrypt[..], options].concat()).run()
    };
    damaged(&["-pkeyopt", "rsa_padding_mode:oaep"]).complaint();
    // Implicit rejection: some other plaintext, and no word of it.
    assert_ne!(damaged(&["-pkeyopt", "rsa_padding_mode:pkcs1"]).bytes(), b"the launch code");
}

#[test]
fn pkeyutl_derives_the_same_secret_as_the_other_side() {
    let workshop = Workshop::new();
    for (key_type, theirs) in [
        ("p-256", "EC:P-256"),
        ("p-384", "EC:P-384"),
        ("p-521", "EC:P-521"),
        ("secp256k1", "EC:secp256k1"),
        ("x25519", "X25519"),
    ] {
        let identity = workshop.service.key_for(key_type, key_type, "derive");
        let their_key = workshop.path("their.key");
        let their_public = workshop.path("their.pub");
        let (algorithm, curve) = theirs.split_once(':').unwrap_or((theirs, ""));
        let mut generate = vec!["genpkey", "-algorithm", algorithm, "-out", &their_key];
        let curve = format!("ec_paramgen_curve:{curve}");
        if algorithm == "EC" {
            generate.extend(["-pkeyopt", &curve]);
        }
        plain(&generate);
        plain(&["pkey", "-in", &their_key, "-pubout", "-out", &their_public]);
        let public = identity.public();
        let expected = plain(&["pkeyutl", "-derive", "-inkey", &their_key, "-peerkey", &public]);
        assert!(expected.len() >= 32);
        for key in identity.names() {
            let derive = ["pkeyutl", "-derive", "-inkey", &key, "-peerkey", &their_public];
            assert_eq!(workshop.ours(&derive), expected, "{key_type}");
        }
    }
}

#[test]
fn pkey_shows_the_public_half_and_never_a_private_one() {
    let workshop = Workshop::new();
    for key_type in ["rsa-2048", "rsa-pss-2048", "p-256", "secp256k1", "ed25519", "x25519"] {
        let identity = workshop.service.key(key_type, key_type);
        let expected = fs::read(&identity.public).unwrap();
        for key in identity.names() {
            assert_eq!(workshop.ours(&["pkey", "-in", &key, "-pubout"]), expected, "{key_type}");
            let shown = workshop.ours(&["pkey", "-in", &key, "-noout", "-text_pub"]);
            let theirs = plain(&["pkey", "-pubin", "-in", &identity.public(), "-noout", "-text"]);
            assert_eq!(
                String::from_utf8_lossy(&shown),
                String::from_utf8_lossy(&theirs),
                "{key_type}"
            );
            // What would be the private key is the reference again.
            let written = workshop.ours(&["pkey", "-in", &key]);
            assert_eq!(written, fs::read(&identity.reference).unwrap(), "{key_type}");
            workshop.openssl.command(&["pkey", "-in", &key, "-outform", "DER"]).run().complaint();
        }
        let half = format!("{}?type=public", identity.uri());
        assert_eq!(workshop.ours(&["pkey", "-pubin", "-in", &half, "-pubout"]), expected);
    }
}

#[test]
fn rsa_and_ec_show_the_public_half() {
    let workshop = Workshop::new();
    let rsa = workshop.service.key("rsa", "rsa-2048");
    let modulus = plain(&["rsa", "-pubin", "-in", &rsa.public(), "-noout", "-modulus"]);
    for key in rsa.names() {
        assert_eq!(workshop.ours(&["rsa", "-in", &key, "-noout", "-modulus"]), modulus);
        assert_eq!(
            workshop.ours(&["rsa", "-in", &key, "-RSAPublicKey_out"]),
            plain(&["rsa", "-pubin", "-in", &rsa.public(), "-RSAPublicKey_out"])
        );
    }
    let ec = workshop.service.key("ec", "p-256");
    for key in ec.names() {
        assert_eq!(workshop.ours(&["ec", "-in", &key, "-pubout"]), fs::read(&ec.public).unwrap());
    }
}

#[test]
fn req_makes_requests_and_certificates_with_every_signing_key() {
    let workshop = Workshop::new();
    for key_type in ["rsa-2048", "rsa-pss-2048", "p-256", "p-384", "p-521", "ed25519"] {
        let identity = workshop.service.key(key_type, key_type);
        for key in identity.names() {
            let request = workshop.path("request.pem");
            workshop.ours(&["req", "-new", "-key", &key, "-subj", "/CN=w", "-out", &request]);
            let check = OpenSsl::plain(&["req", "-in", &request, "-verify", "-noout"]).run();
            assert!(check.all().contains("OK"), "{key_type}: {}", check.all());
            assert_eq!(
                plain(&["req", "-in", &request, "-noout", "-pubkey"]),
                fs::read(&identity.public).unwrap()
            );

            let certificate = workshop.path("certificate.pem");
            let make = ["req", "-x509", "-new", "-key", &key, "-subj", "/CN=w", "-days", "2"];
            workshop.ours(&[&make[..], &["-out", &certificate]].concat());
            plain(&["verify", "-check_ss_sig", "-CAfile", &certificate, &certificate]);
        }
    }
}

#[test]
fn x509_issues_certificates_with_a_key_in_the_service() {
    let workshop = Workshop::new();
    let key = workshop.path("leaf.key");
    let request = workshop.path("leaf.csr");
    plain(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &key]);
    workshop.ours(&["req", "-new", "-key", &key, "-subj", "/CN=leaf", "-out", &request]);
    // OpenSSL 4.0 would look for extensions in the start of openssl.cnf.
    let extensions = workshop.file("extensions", "basicConstraints = CA:FALSE\n");
    for key_type in ["rsa-2048", "p-384", "ed25519"] {
        let identity = workshop.service.key(key_type, key_type);
        let ca = workshop.path("ca.crt");
        let leaf = workshop.path("leaf.crt");
        for key in identity.names() {
            let root = ["req", "-x509", "-new", "-key", &key, "-subj", "/CN=ca", "-out", &ca];
            let is_ca = ["-addext", "basicConstraints=critical,CA:TRUE"];
            workshop.ours(&[&root[..], &is_ca].concat());
            let issue = ["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &key];
            let issued = ["-extfile", &extensions, "-CAcreateserial", "-out", &leaf];
            workshop.ours(&[&issue[..], &issued[..]].concat());
            plain(&["verify", "-CAfile", &ca, &leaf]);
        }
    }
}

#[test]
fn x509_shows_the_certificate_that_is_kept_beside_a_key() {
    let workshop = Workshop::new();
    let authority = Authority::new(&workshop.scratch);
    let identity = workshop.service.certified_key("web", "p-256", &authority);
    let expected = plain(&["x509", "-in", &text(identity.certificate.clone())]);
    for uri in [identity.uri(), format!("{}?type=cert", identity.uri())] {
        assert_eq!(workshop.ours(&["x509", "-in", &uri]), expected);
    }
}

#[test]
fn cms_signs_and_others_verify() {
    let workshop = Workshop::new();
    let authority = Authority::new(&workshop.scratch);
    let message = workshop.file("message", "sincerely yours");
    let signed = workshop.path("signed.pem");
    let ca = text(authority.certificate());
    for (key_type, options) in [
        ("rsa-2048", &["-md", "sha256"][..]),
        ("rsa-3072", &["-md", "sha384", "-keyopt", "rsa_padding_mode:pss"]),
        ("p-256", &["-md", "sha256"]),
        ("p-384", &["-md", "sha384"]),
    ] {
        let identity = workshop.service.certified_key(key_type, key_type, &authority);
        let certificate = text(identity.certificate.clone());
        for key in identity.names() {
            let sign = ["cms", "-sign", "-binary", "-nodetach", "-in", &message, "-outform", "PEM"];
            let who = ["-signer", &certificate, "-inkey", &key, "-out", &signed];
            workshop.ours(&[&sign[..], &who, options].concat());
            let verify = ["cms", "-verify", "-binary", "-in", &signed, "-inform", "PEM"];
            let verified = plain(&[&verify[..], &["-CAfile", &ca, "-purpose", "any"]].concat());
            assert_eq!(verified, b"sincerely yours", "{key_type}");
        }
    }
}

#[test]
fn cms_opens_what_others_encrypted() {
    let workshop = Workshop::new();
    let authority = Authority::new(&workshop.scratch);
    let message = workshop.file("message", "for your eyes only");
    let sealed = workshop.path("sealed.pem");
    for (key_type, usage, options) in [
        ("rsa-2048", "sign,decrypt", &[][..]),
        ("rsa-3072", "sign,decrypt", &["-keyopt", "rsa_padding_mode:oaep"]),
        ("p-256", "sign,derive", &[]),
        ("p-384", "sign,derive", &["-keyopt", "ecdh_kdf_md:sha384"]),
    ] {
        let identity = workshop.service.key_for(key_type, key_type, usage);
        workshop.service.certify(&identity, &authority);
        let certificate = text(identity.certificate.clone());
        let seal = ["cms", "-encrypt", "-binary", "-aes256", "-in", &message, "-outform", "PEM"];
        plain(&[&seal[..], &["-out", &sealed, "-recip", &certificate], options].concat());
        for key in identity.names() {
            let open = ["cms", "-decrypt", "-binary", "-in", &sealed, "-inform", "PEM"];
            let opened =
                workshop.ours(&[&open[..], &["-recip", &certificate, "-inkey", &key]].concat());
            assert_eq!(opened, b"for your eyes only", "{key_type} {options:?}");
        }
    }
}

#[test]
fn storeutl_lists_keys_and_certificates() {
    let workshop = Workshop::new();
    let authority = Authority::new(&workshop.scratch);
    let web = workshop.service.certified_key("web", "p-256", &authority);
    workshop.service.key("mail", "rsa-2048");
    let list = |more: &[&str], uri: &str| {
        let said = workshop.ours(&[&["storeutl"], more, &[uri]].concat());
        String::from_utf8(said).unwrap()
    };
    let shown = list(&["-noout"], &web.uri());
    assert!(shown.contains("Pkey") && shown.contains("Certificate"), "{shown}");
    assert!(shown.contains("Total found: 3"), "both halves and the certificate: {shown}");

    let certificate = list(&["-certs"], &web.uri());
    let expected = String::from_utf8(plain(&["x509", "-in", &text(web.certificate)])).unwrap();
    assert!(certificate.contains(&expected), "{certificate}");

    // Both keys, and the one certificate.
    let all = list(&["-noout"], "keyward:");
    assert!(all.contains("Total found: 3"), "{all}");
    let keys = list(&["-noout", "-keys"], "keyward:");
    assert!(keys.contains("Total found: 2"), "{keys}");
}

#[test]
fn keys_are_named_by_identifier_and_by_owner_too() {
    let workshop = Workshop::new();
    let identity = workshop.service.key("web", "p-256");
    let shown = workshop.service.keyward(["key", "show", "web", "--json"]);
    let field = |name: &str| {
        let (_, rest) = shown.split_once(&format!("\"{name}\"")).expect("a field of the key");
        rest.split('"').nth(1).expect("a text").to_owned()
    };
    let expected = fs::read(&identity.public).unwrap();
    for uri in [
        format!("keyward:id={}", field("id")),
        format!("keyward:{}/web", field("owner")),
        "keyward:w%65b".to_owned(),
        "keyward:web?type=private".to_owned(),
    ] {
        assert_eq!(workshop.ours(&["pkey", "-in", &uri, "-pubout"]), expected, "{uri}");
    }
}

#[test]
fn pkcs11_uris_are_answered_where_the_section_says_so() {
    let workshop = Workshop::new();
    let identity = workshop.service.key("web", "p-256");
    let uri = "pkcs11:object=web;type=private";
    let openssl =
        OpenSsl::with_settings(&workshop.scratch, &workshop.service.address(), "pkcs11_uri = yes");
    let public = openssl.command(&["pkey", "-in", uri, "-pubout"]).run().bytes();
    assert_eq!(public, fs::read(&identity.public).unwrap());
    // Without the setting the scheme is somebody else's.
    workshop.openssl.command(&["pkey", "-in", uri, "-pubout"]).run().complaint();
}
