//! `keyward sign` and `keyward verify`, each checked against OpenSSL.

mod cli_support;

use cli_support::{Service, openssl, openssl_text, read};

/// OpenSSL's flags for RSASSA-PSS with a salt of the digest's size.
const PSS: &[&str] = &["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"];

#[test]
fn openssl_verifies_what_keyward_signs() {
    let service = Service::start();
    let message = service.write("message", "m".repeat(300_000));
    for (key_type, algorithm, digest, options) in [
        ("rsa-2048", "rsa-pkcs1-sha256", "-sha256", &[][..]),
        ("rsa-2048", "rsa-pkcs1-sha3-512", "-sha3-512", &[]),
        ("rsa-2048", "rsa-pss-sha384", "-sha384", PSS),
        ("rsa-pss-2048", "rsa-pss-sha256", "-sha256", PSS),
        ("p-256", "ecdsa-sha256", "-sha256", &[]),
        ("p-384", "SHA384withECDSA", "-sha384", &[]),
        ("p-521", "ecdsa-sha512", "-sha512", &[]),
        ("secp256k1", "ecdsa-sha3-256", "-sha3-256", &[]),
    ] {
        if service.run(&["key", "show", key_type]).status != 0 {
            service.ok(&["key", "generate", key_type, "--type", key_type]);
        }
        let public = service.write("public.pem", service.ok(&["key", "public", key_type]));
        let signature = service.file("signature");
        let flags = ["--in", &message, "--algorithm", algorithm];
        let signed = service.run(&[&["sign", key_type], &flags[..]].concat());
        assert_eq!(signed.status, 0, "{algorithm}: {}", signed.stderr);
        std::fs::write(&signature, &signed.stdout).unwrap();
        let verify = ["dgst", digest, "-verify", &public, "-signature", &signature];
        openssl(&[&verify[..], options, &[&message]].concat());

        let verify = ["verify", key_type, "--signature", &signature];
        assert_eq!(service.ok(&[&verify[..], &flags[..]].concat()), "valid\n");
    }
}

#[test]
fn ed25519_signs_the_whole_message() {
    let service = Service::start();
    service.ok(&["key", "generate", "ed", "--type", "ed25519"]);
    let message = service.write("message", "the whole message");
    let public = service.write("public.pem", service.ok(&["key", "public", "ed"]));
    let signature = service.file("signature");
    service.ok(&["sign", "ed", "--in", &message, "--out", &signature]);
    let verify = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", &public, "-in", &message];
    openssl(&[&verify[..], &["-sigfile", &signature]].concat());

    let long = service.write("long", vec![0; (512 << 10) + 1]);
    let error = service.error(&["sign", "ed", "--in", &long], 1);
    assert!(error["message"].as_str().unwrap().contains("whole message"), "{error}");

    // Ed25519ph signs a digest; what makes it right is the vector of RFC 8032 in the tests of keys.
    let flags = ["--algorithm", "ed25519ph", "--in", &long];
    service.ok(&[&["sign", "ed", "--out", &signature], &flags[..]].concat());
    let verify = [&["verify", "ed", "--signature", &signature], &flags[..]].concat();
    assert_eq!(service.ok(&verify), "valid\n");
    let plain = ["verify", "ed", "--signature", &signature, "--in", &message];
    assert_eq!(service.run(&plain).text(), "NOT valid\n");
}

#[test]
fn keyward_verifies_what_openssl_signs_and_refuses_the_rest() {
    let service = Service::start();
    let key = service.file("rsa.pem");
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", &key]);
    service.ok(&["key", "import", "web", "--in", &key]);
    let message = service.write("message", "hello");
    let signature = service.file("signature");
    let max_salt = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:max"];
    for (algorithm, options) in [("rsa-pkcs1-sha256", &[][..]), ("rsa-pss-sha256", &max_salt)] {
        let sign = ["dgst", "-sha256", "-sign", &key, "-out", &signature];
        openssl(&[&sign[..], options, &[&message]].concat());
        let verify = ["verify", "web", "--signature", &signature, "--algorithm", algorithm, "--in"];
        assert_eq!(service.ok(&[&verify[..], &[&message]].concat()), "valid\n");

        let other = service.write("other", "hell");
        let ran = service.run(&[&verify[..], &[&other]].concat());
        assert_eq!((ran.status, ran.text().as_str()), (1, "NOT valid\n"));
        let ran = service.run(&[&verify[..], &[&other, "--json"]].concat());
        let value: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert_eq!((ran.status, &value["valid"]), (1, &false.into()));
    }
}

#[test]
fn a_digest_from_a_pipe_is_signed_as_it_is() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    let message = service.write("message", "hello");
    let public = service.write("public.pem", service.ok(&["key", "public", "web"]));
    let signature = service.file("signature");
    let binary = openssl(&["dgst", "-sha256", "-binary", &message]);
    let text = openssl_text(&["dgst", "-sha256", "-r", &message]);
    let hexadecimal = text.split(' ').next().unwrap().as_bytes();
    for digest in [&binary[..], hexadecimal] {
        let ran = service.run_with(&["sign", "web", "--digest-in", "--out", &signature], digest);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        openssl(&["dgst", "-sha256", "-verify", &public, "-signature", &signature, &message]);
    }
    let ran = service.run_with(&["sign", "web", "--digest-in"], &binary[1..]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
}

#[test]
fn with_json_the_signature_is_base64() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "rsa-2048"]);
    let message = service.write("message", "hello");
    let value = service.json(&["sign", "web", "--in", &message]);
    assert_eq!(value["algorithm"], "rsa-pkcs1-sha256");
    let encoded = service.write("base64", format!("{}\n", value["signature"].as_str().unwrap()));
    let raw = service.file("raw");
    openssl(&["base64", "-d", "-A", "-in", &encoded, "-out", &raw]);
    assert_eq!(read(&raw), service.run(&["sign", "web", "--in", &message]).stdout);
}

#[test]
fn an_algorithm_that_does_not_suit_the_key_is_answered_with_those_that_do() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    let message = service.write("message", "hello");
    let sign = ["sign", "web", "--in", &message, "--algorithm"];
    let error = service.error(&[&sign[..], &["rsa-pkcs1-sha256"]].concat(), 1);
    assert_eq!(error["kind"], "unsupported");
    assert!(error["hint"].as_str().unwrap().contains("ecdsa-sha256"), "{error}");
    let error = service.error(&[&sign[..], &["ecdsa-sha265"]].concat(), 2);
    assert!(error["message"].as_str().unwrap().contains("ecdsa-sha256"), "{error}");
}

#[test]
fn ml_dsa_signs_messages_of_any_size_in_a_context() {
    let service = Service::start();
    // More than any frame holds: the client sends its digest alone.
    let message = service.write("message", "m".repeat(3 << 20));
    let signature = service.file("signature");
    for (key_type, bytes) in [("ml-dsa-44", 2420), ("ML-DSA-65", 3309), ("mldsa87", 4627)] {
        service.ok(&["key", "generate", key_type, "--type", key_type]);
        for context in [&[][..], &["--context", "releases"]] {
            let sign = ["sign", key_type, "--in", &message, "--out", &signature];
            service.ok(&[&sign[..], context].concat());
            assert_eq!(read(&signature).len(), bytes);
            let verify = ["verify", key_type, "--in", &message, "--signature", &signature];
            assert_eq!(service.ok(&[&verify[..], context].concat()), "valid\n");
            let ran = service.run(&[&verify[..], &["--context", "other"]].concat());
            assert_eq!(ran.text(), "NOT valid\n");
        }
    }
    service.ok(&["key", "generate", "ec", "--type", "p-256"]);
    let error = service.error(&["sign", "ec", "--in", &message, "--context", "x"], 1);
    assert_eq!(error["kind"], "invalid-argument", "{error}");
}

#[test]
fn ml_dsa_signs_without_randomness_where_that_is_asked_for() {
    let service = Service::start();
    let message = service.write("message", "hello");
    let file = service.file("signature");
    service.ok(&["key", "generate", "new", "--type", "ml-dsa-65"]);
    let sign = ["sign", "new", "--in", &message];
    let without = [&sign[..], &["--deterministic"]].concat();
    let signature = service.run(&without).stdout;
    assert_eq!(service.run(&without).stdout, signature);
    assert_ne!(service.run(&sign).stdout, signature);
    let in_context = service.run(&[&without[..], &["--context", "other"]].concat()).stdout;
    assert_ne!(in_context, signature);
    std::fs::write(&file, signature).unwrap();
    assert_eq!(service.ok(&["verify", "new", "--in", &message, "--signature", &file]), "valid\n");

    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    let error = service.error(&["sign", "web", "--in", &message, "--deterministic"], 1);
    assert_eq!(error["kind"], "unsupported", "{error}");
}
