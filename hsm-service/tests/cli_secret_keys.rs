//! AES and HMAC keys from the command line, each checked against OpenSSL's.

mod cli_support;

use cli_support::{Service, openssl, openssl_text, read};

const KEY: [u8; 32] = [
    7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
    26, 27, 28, 29, 30, 31,
];
const IV: &str = "000102030405060708090a0b0c0d0e0f";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A service with two imported keys: `data` for AES, `tokens` for HMAC.
fn with_keys() -> Service {
    let service = Service::start();
    let file = service.write("key", KEY);
    let usage = ["--usage", "encrypt,decrypt,sign,verify"];
    let import = ["key", "import", "data", "--type", "aes-256", "--in", &file];
    let imported = service.json(&[&import[..], &usage].concat());
    assert_eq!(imported["type"], "aes-256");
    assert_eq!(imported["origin"], "imported");
    service.ok(&["key", "import", "tokens", "--type", "hmac-256", "--in", &file]);
    service
}

#[test]
fn openssl_decrypts_what_keyward_encrypts_and_the_other_way_round() {
    let service = with_keys();
    let message = service.write("message", "m".repeat(100_001));
    let (sealed, opened) = (service.file("sealed"), service.file("opened"));
    for (cipher, theirs) in [("aes-cbc-pad", "-aes-256-cbc"), ("AES/CTR/NoPadding", "-aes-256-ctr")]
    {
        let flags = ["data", "--algorithm", cipher, "--iv", IV];
        let enc = ["enc", theirs, "-K", &hex(&KEY), "-iv", IV];
        service.ok(&[&["encrypt"], &flags[..], &["--in", &message, "--out", &sealed]].concat());
        openssl(&[&enc[..], &["-d", "-in", &sealed, "-out", &opened]].concat());
        assert_eq!(read(&opened), read(&message), "{cipher}");

        openssl(&[&enc[..], &["-in", &message, "-out", &sealed]].concat());
        service.ok(&[&["decrypt"], &flags[..], &["--in", &sealed, "--out", &opened]].concat());
        assert_eq!(read(&opened), read(&message), "{cipher}");
    }
}

#[test]
fn a_file_that_was_changed_or_has_other_associated_text_does_not_decrypt() {
    let service = with_keys();
    let message = service.write("message", "the content");
    let sealed = service.file("sealed");
    service.ok(&["encrypt", "data", "--in", &message, "--aad", "row 7", "--out", &sealed]);
    let bytes = read(&sealed);
    assert_eq!(bytes.len(), 12 + "the content".len() + 16);
    let decrypt = ["decrypt", "data", "--in", &sealed, "--aad"];
    assert_eq!(service.ok(&[&decrypt[..], &["row 7"]].concat()), "the content");
    let error = service.error(&[&decrypt[..], &["row 8"]].concat(), 1);
    assert_eq!(error["kind"], "invalid-argument");
    let mut changed = bytes;
    changed[20] ^= 1;
    let changed = service.write("changed", changed);
    let other = service.error(&["decrypt", "data", "--in", &changed, "--aad", "row 7"], 1);
    assert_eq!(other["message"], error["message"]);
}

#[test]
fn codes_are_openssls_and_a_wrong_one_is_told() {
    let service = with_keys();
    let message = service.write("message", "hello");
    for (key, algorithm, flags) in [
        ("tokens", "hmac-sha256", ["-digest", "SHA256", "HMAC"]),
        ("tokens", "HmacSHA512", ["-digest", "SHA512", "HMAC"]),
        ("data", "aes-cmac", ["-cipher", "AES-256-CBC", "CMAC"]),
    ] {
        let hexkey = format!("hexkey:{}", hex(&KEY));
        let [option, value, name] = flags;
        let theirs =
            openssl_text(&["mac", option, value, "-macopt", &hexkey, "-in", &message, name]);
        let mac = ["mac", key, "--algorithm", algorithm, "--in", &message];
        let code = service.ok(&mac);
        assert_eq!(code.trim().to_uppercase(), theirs.trim(), "{algorithm}");
        let valid = service.ok(&[&mac[..], &["--check", code.trim()]].concat());
        assert_eq!(valid, "valid\n");
        let ran = service.run(&[&mac[..], &["--check", &code.trim()[2..]]].concat());
        assert_eq!((ran.status, ran.text().as_str()), (1, "NOT valid\n"));
    }
}

#[test]
fn keys_made_inside_do_what_they_are_for_and_nothing_else() {
    let service = Service::start();
    service.ok(&["key", "generate", "data", "--type", "AES:128"]);
    service.ok(&["key", "generate", "tokens", "--type", "hmac"]);
    let listed = service.json(&["key", "list"]);
    let types: Vec<&str> =
        listed.as_array().unwrap().iter().map(|key| key["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["aes-128", "hmac-256"]);
    let message = service.write("message", "hello");
    for (command, kind) in [
        (&["mac", "data"][..], "permission-denied"), // Not born for it.
        (&["encrypt", "tokens"], "permission-denied"),
        (&["encrypt", "data", "--algorithm", "aes-ecb-pad"], "permission-denied"),
        (&["encrypt", "data", "--iv", "000102030405060708090a0b"], "invalid-argument"),
        (&["mac", "tokens", "--algorithm", "aes-cmac"], "unsupported"),
        (&["sign", "data"], "unsupported"),
    ] {
        let error = service.error(&[command, &["--in", &message]].concat(), 1);
        assert_eq!(error["kind"], kind, "{command:?}: {error}");
    }
    for command in [["key", "public", "data"], ["key", "pem", "data"]] {
        assert_eq!(service.error(&command, 1)["kind"], "unsupported");
    }
    let long = service.write("long", vec![0; (512 << 10) + 1]);
    for command in [["encrypt", "data", "--in", &long], ["mac", "tokens", "--in", &long]] {
        let error = service.error(&command, 1);
        assert_eq!(error["kind"], "limit-exceeded");
        assert!(error["message"].as_str().unwrap().contains("524288"), "{error}");
    }
}
