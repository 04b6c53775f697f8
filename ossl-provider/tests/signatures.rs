//! The less usual ways to sign: algorithms fetched by name (OpenSSL 3.4 and later), recovery, the
//! digests of TLS 1.1, the parameters of Ed25519.

mod support;

use std::fs;

use support::{Host, Service, run};

const KEYS: [(&str, &str); 5] = [
    ("rsa-2048", "sign"),
    ("p-256", "sign"),
    ("p-384", "sign"),
    ("ed25519", "sign"),
    ("ml-dsa-65", "sign"),
];

/// Whether programs can fetch `RSA-SHA2-256` and call EVP_PKEY_sign_message_init.
fn has_message_functions(host: &Host) -> bool {
    host.version() >= (3, 4)
}

#[test]
fn algorithms_with_a_digest_in_their_name_sign_messages_and_digests() {
    let service = Service::start().with_keys(&KEYS);
    let host = &service.host;
    let listed = host.openssl("list -signature-algorithms");
    let count = listed.matches("@ keyward").count();
    if !has_message_functions(host) {
        // Older cores could not do anything with them.
        assert_eq!(count, 3, "{listed}");
        return;
    }
    assert!(count >= 20, "{listed}");
    let program = host.compile("message");
    let ml_dsa = [("ml-dsa-65", "ML-DSA-65")].into_iter().filter(|_| host.version() >= (3, 5));
    for (key, algorithms) in [
        ("rsa-2048", "RSA-SHA2-256 RSA-SHA2-512 RSA-SHA1 RSA-SHA3-256 RSA-SHA2-512/256"),
        ("p-256", "ECDSA-SHA2-256 ECDSA-SHA2-384 ECDSA-SHA3-512"),
        ("p-384", "ECDSA-SHA2-384"),
        ("ed25519", "ED25519"),
    ]
    .into_iter()
    .chain(ml_dsa)
    {
        for algorithm in algorithms.split(' ') {
            let arguments = [format!("keyward:{key}"), algorithm.to_owned()];
            let (success, output) = run(host.command(&program).args(arguments));
            assert!(success, "{key} {algorithm}\n{output}");
        }
    }
    for mismatch in [["keyward:p-256", "RSA-SHA2-256"], ["keyward:ml-dsa-65", "ED25519"]] {
        assert!(!run(host.command(&program).args(mismatch)).0);
    }
}

#[test]
fn what_rsa_signed_is_recovered() {
    let service = Service::start().with_keys(&KEYS[..1]);
    let host = &service.host;
    fs::write(host.path("message"), "signed somewhere else\n").unwrap();
    host.stranger("dgst -sha256 -binary -out digest message");
    for options in ["", " -pkeyopt digest:sha256"] {
        let sign = format!("pkeyutl -sign -inkey keyward:rsa-2048 -in digest -out sig{options}");
        host.openssl(&sign);
        let recover = "pkeyutl -verifyrecover -in sig -out";
        host.openssl(&format!("{recover} ours -inkey rsa-2048.pem{options}"));
        host.stranger(&format!("{recover} theirs -pubin -inkey rsa-2048.pub{options}"));
        let digest = fs::read(host.path("digest")).unwrap();
        assert_eq!(fs::read(host.path("ours")).unwrap(), digest);
        assert_eq!(fs::read(host.path("theirs")).unwrap(), digest);
    }
    let recover = "pkeyutl -verifyrecover -in sig -inkey rsa-2048.pem -pkeyopt digest:sha512";
    let output = host.openssl_fails(recover);
    assert!(output.contains("the signature is not one of this key and digest"), "{output}");
}

#[test]
fn md5_with_sha1_is_signed_for_tls_1_1() {
    let service = Service::start().with_keys(&KEYS[..1]);
    let host = &service.host;
    fs::write(host.path("message"), "signed somewhere else\n").unwrap();
    host.openssl("dgst -md5-sha1 -sign keyward:rsa-2048 -out sig message");
    host.stranger("dgst -md5-sha1 -verify rsa-2048.pub -signature sig message");
    host.openssl("dgst -md5-sha1 -verify keyward:rsa-2048 -signature sig message");
    let pss = "-sigopt rsa_padding_mode:pss -sign keyward:rsa-2048 message";
    host.openssl_fails(&format!("dgst -md5-sha1 {pss}"));
}

#[test]
fn ed25519_is_pure_and_says_so() {
    let service = Service::start().with_keys(&KEYS[3..4]);
    let host = &service.host;
    fs::write(host.path("message"), "signed somewhere else\n").unwrap();
    let sign = "pkeyutl -sign -rawin -inkey keyward:ed25519 -in message -out sig -pkeyopt ";
    host.openssl(&format!("{sign}instance:Ed25519"));
    let output = host.openssl_fails(&format!("{sign}instance:Ed25519ph"));
    assert!(output.contains("the instance Ed25519ph of Ed25519"), "{output}");
    let output = host.openssl_fails(&format!("{sign}context-string:abc"));
    assert!(output.contains("a context string with Ed25519"), "{output}");
}

#[test]
fn every_word_for_a_pss_salt_length_means_what_it_does_elsewhere() {
    let service = Service::start().with_keys(&KEYS[..1]);
    let host = &service.host;
    fs::write(host.path("message"), "signed somewhere else\n").unwrap();
    let pss = |salt: &str| {
        format!("-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:{salt} -signature sig")
    };
    // The word, and the number of bytes that it stands for with RSA-2048 and SHA-512.
    let words = [("digest", "64"), ("max", "190"), ("auto", "190"), ("-1", "64"), ("-3", "190")];
    let newer = [("auto-digestmax", "64"), ("-4", "64")];
    let newer = newer.into_iter().filter(|_| host.version() >= (3, 1));
    for (word, bytes) in words.into_iter().chain(newer) {
        host.openssl(&format!(
            "dgst -sha512 -sign keyward:rsa-2048 -out sig -sigopt rsa_padding_mode:pss \
             -sigopt rsa_pss_saltlen:{word} message"
        ));
        let verify = format!("dgst -sha512 -verify rsa-2048.pub {} message", pss(bytes));
        host.stranger(&verify);
    }
}
