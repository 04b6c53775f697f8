//! Keys that leave and enter encrypted, and keys made from keys, each checked against OpenSSL.

mod cli_support;

use cli_support::{Service, openssl, openssl_text, read};

/// The initial value of RFC 5649, which OpenSSL's command line wants to be told.
const KWP_IV: &str = "A65959A6";
/// And that of RFC 3394.
const KW_IV: &str = "A6A6A6A6A6A6A6A6";

const OAEP: &[&str] = &[
    "-pkeyopt",
    "rsa_padding_mode:oaep",
    "-pkeyopt",
    "rsa_oaep_md:sha256",
    "-pkeyopt",
    "rsa_mgf1_md:sha256",
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that look random and are the same each time.
fn secret(seed: u8) -> [u8; 32] {
    std::array::from_fn(|index| (usize::from(seed) * 73 + index * 29) as u8)
}

fn import(service: &Service, name: &str, bytes: &[u8], flags: &[&str]) {
    let file = service.write(name, bytes);
    let import = ["key", "import", name, "--type", "aes-256", "--in", &file];
    service.ok(&[&import[..], flags].concat());
}

/// The code of a message by a key of the service, which tells that it is the right key.
fn code(service: &Service, key: &str) -> String {
    let message = service.write("message", "hello");
    service.ok(&["mac", key, "--in", &message]).trim().to_uppercase()
}

/// The same by OpenSSL.
fn their_code(service: &Service, secret: &[u8]) -> String {
    let message = service.write("message", "hello");
    let key = format!("hexkey:{}", hex(secret));
    let mac = ["mac", "-digest", "SHA256", "-macopt", &key, "-in", &message, "HMAC"];
    openssl_text(&mac).trim().to_owned()
}

#[test]
fn openssl_unwraps_what_keyward_wraps_with_an_aes_key() {
    let service = Service::start();
    let kek = secret(1);
    import(&service, "kek", &kek, &["--usage", "wrap,unwrap"]);
    import(&service, "data", &secret(2), &["--exportable"]);
    service.ok(&["key", "generate", "web", "--type", "p-256", "--exportable"]);
    for (algorithm, theirs, iv) in
        [("aes-kwp", "-id-aes256-wrap-pad", KWP_IV), ("aes-kw", "-id-aes256-wrap", KW_IV)]
    {
        let (wrapped, plain) = (service.file(algorithm), service.file("plain"));
        let wrap = ["key", "wrap", "data", "--with", "kek", "--algorithm", algorithm];
        service.ok(&[&wrap[..], &["--out", &wrapped]].concat());
        let unwrap = ["enc", "-d", theirs, "-K", &hex(&kek), "-iv", iv, "-in", &wrapped];
        openssl(&[&unwrap[..], &["-out", &plain]].concat());
        assert_eq!(read(&plain), secret(2), "{algorithm}");
    }
    let (wrapped, plain) = (service.file("web.wrapped"), service.file("web.der"));
    service.ok(&["key", "wrap", "web", "--with", "kek", "--out", &wrapped]);
    let unwrap = ["enc", "-d", "-id-aes256-wrap-pad", "-K", &hex(&kek), "-iv", KWP_IV];
    openssl(&[&unwrap[..], &["-in", &wrapped, "-out", &plain]].concat());
    let public = openssl_text(&["pkey", "-inform", "DER", "-in", &plain, "-pubout"]);
    assert_eq!(public, service.ok(&["key", "public", "web"]));
}

#[test]
fn keyward_unwraps_what_openssl_wraps_with_an_aes_key() {
    let service = Service::start();
    let kek = secret(3);
    import(&service, "kek", &kek, &["--usage", "wrap,unwrap"]);
    let plain = service.write("plain", secret(4));
    let wrapped = service.file("wrapped");
    let wrap = ["enc", "-id-aes256-wrap-pad", "-K", &hex(&kek), "-iv", KWP_IV, "-in", &plain];
    openssl(&[&wrap[..], &["-out", &wrapped]].concat());
    let unwrap = ["key", "unwrap", "tokens", "--with", "kek", "--in", &wrapped];
    let key = service.json(&[&unwrap[..], &["--type", "hmac-256"]].concat());
    assert_eq!((&key["origin"], &key["exportable"]), (&"imported".into(), &false.into()));
    assert_eq!(code(&service, "tokens"), their_code(&service, &secret(4)));

    let rsa = service.file("rsa.der");
    let pkcs8 = service.file("rsa.pk8");
    let bits = ["-pkeyopt", "rsa_keygen_bits:2048", "-outform", "DER", "-out", &rsa];
    openssl(&[&["genpkey", "-algorithm", "RSA"], &bits[..]].concat());
    let to_pkcs8 = ["pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-in", &rsa];
    openssl(&[&to_pkcs8[..], &["-outform", "DER", "-out", &pkcs8]].concat());
    let wrap = ["enc", "-id-aes256-wrap-pad", "-K", &hex(&kek), "-iv", KWP_IV, "-in", &pkcs8];
    openssl(&[&wrap[..], &["-out", &wrapped]].concat());
    let key = service.json(&["key", "unwrap", "web", "--with", "kek", "--in", &wrapped]);
    assert_eq!(key["type"], "rsa-2048");
    let public = openssl_text(&["pkey", "-inform", "DER", "-in", &rsa, "-pubout"]);
    assert_eq!(public, service.ok(&["key", "public", "web"]));
}

#[test]
fn keys_go_to_another_machines_rsa_key_and_openssl_takes_them_apart() {
    let service = Service::start();
    let other = service.file("other.pem");
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", &other]);
    let public = service.file("other.pub.pem");
    openssl(&["pkey", "-in", &other, "-pubout", "-out", &public]);
    import(&service, "data", &secret(5), &["--exportable"]);
    let (wrapped, plain) = (service.file("oaep"), service.file("plain"));
    let wrap = ["key", "wrap", "data", "--to", &public, "--algorithm", "rsa-oaep"];
    service.ok(&[&wrap[..], &["--out", &wrapped]].concat());
    let decrypt = |from: &str, to: &str| {
        let decrypt = ["pkeyutl", "-decrypt", "-inkey", &other, "-in", from, "-out", to];
        openssl(&[&decrypt[..], OAEP].concat());
    };
    decrypt(&wrapped, &plain);
    assert_eq!(read(&plain), secret(5));

    service.ok(&["key", "generate", "web", "--type", "p-384", "--exportable"]);
    let wrapped = service.file("rsa-aes");
    service.ok(&["key", "wrap", "web", "--to", &public, "--out", &wrapped]);
    let bytes = read(&wrapped);
    let (first, rest) = bytes.split_at(256);
    let (first, rest) = (service.write("first", first), service.write("rest", rest));
    decrypt(&first, &plain);
    let pkcs8 = service.file("web.der");
    let temporary = hex(&read(&plain));
    let unwrap = ["enc", "-d", "-id-aes256-wrap-pad", "-K", &temporary, "-iv", KWP_IV];
    openssl(&[&unwrap[..], &["-in", &rest, "-out", &pkcs8]].concat());
    let public = openssl_text(&["pkey", "-inform", "DER", "-in", &pkcs8, "-pubout"]);
    assert_eq!(public, service.ok(&["key", "public", "web"]));
}

#[test]
fn keys_come_in_by_an_rsa_key_of_the_service() {
    let service = Service::start();
    service.ok(&["key", "generate", "transport", "--type", "rsa-2048", "--usage", "unwrap"]);
    let public = service.write("transport.pem", service.ok(&["key", "public", "transport"]));
    let encrypt = |from: &str, to: &str| {
        let encrypt = ["pkeyutl", "-encrypt", "-pubin", "-inkey", &public, "-in", from, "-out", to];
        openssl(&[&encrypt[..], OAEP].concat());
    };
    let (plain, wrapped) = (service.write("plain", secret(6)), service.file("wrapped"));
    encrypt(&plain, &wrapped);
    let unwrap = ["key", "unwrap", "tokens", "--with", "transport", "--algorithm", "rsa-oaep"];
    service.ok(&[&unwrap[..], &["--type", "hmac-256", "--in", &wrapped]].concat());
    assert_eq!(code(&service, "tokens"), their_code(&service, &secret(6)));

    // CKM_RSA_AES_KEY_WRAP: a key for once by OAEP, and the PKCS#8 by that key.
    let (ec, pkcs8, rest) = (service.file("ec.pem"), service.file("ec.pk8"), service.file("rest"));
    openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &ec]);
    openssl(&["pkcs8", "-topk8", "-nocrypt", "-in", &ec, "-outform", "DER", "-out", &pkcs8]);
    let wrap = ["enc", "-id-aes256-wrap-pad", "-K", &hex(&secret(6)), "-iv", KWP_IV];
    openssl(&[&wrap[..], &["-in", &pkcs8, "-out", &rest]].concat());
    let both = service.write("both", [read(&wrapped), read(&rest)].concat());
    service.ok(&["key", "unwrap", "web", "--with", "transport", "--in", &both]);
    let public = openssl_text(&["pkey", "-in", &ec, "-pubout"]);
    assert_eq!(public, service.ok(&["key", "public", "web"]));
}

#[test]
fn what_may_not_leave_or_enter_does_not() {
    let service = Service::start();
    import(&service, "kek", &secret(7), &["--usage", "wrap,unwrap"]);
    import(&service, "data", &secret(8), &[]);
    import(&service, "free", &secret(8), &["--exportable"]);
    let wrapped = service.file("wrapped");
    service.ok(&["key", "wrap", "free", "--with", "kek", "--out", &wrapped]);
    let mut broken = read(&wrapped);
    broken[9] ^= 1;
    let broken = service.write("broken", broken);
    let unwrap = |file: &str, more: &[&str]| {
        let unwrap = ["key", "unwrap", "new", "--with", "kek", "--in", file];
        service.error(&[&unwrap[..], more].concat(), 1)
    };
    for (error, kind) in [
        (service.error(&["key", "wrap", "data", "--with", "kek"], 1), "permission-denied"),
        // A key that encrypts data does not wrap.
        (service.error(&["key", "wrap", "free", "--with", "data"], 1), "permission-denied"),
        (unwrap(&broken, &["--type", "aes-256"]), "invalid-argument"),
        (unwrap(&wrapped, &["--type", "aes-128"]), "invalid-argument"),
        (unwrap(&wrapped, &["--type", "aes-256", "--exportable"]), "invalid-argument"),
    ] {
        assert_eq!(error["kind"], kind, "{error}");
    }
    for usage in ["wrap,decrypt", "unwrap,encrypt", "unwrap,decrypt", "sign,derive"] {
        let generate = ["key", "generate", "new", "--type", "aes-256", "--usage", usage];
        let error = service.error(&generate, 1);
        assert!(error["message"].as_str().unwrap().contains("undo each other"), "{error}");
    }
}

#[test]
fn derived_keys_are_those_that_openssl_derives() {
    let service = Service::start();
    let root = secret(9);
    import(&service, "root", &root, &["--usage", "derive"]);
    let key = format!("hexkey:{}", hex(&root));
    let kdf = |options: &[&str], name: &str| {
        let options = options.iter().flat_map(|option| ["-kdfopt", option]);
        let options: Vec<&str> = options.collect();
        let kdf = [&["kdf", "-keylen", "32"], &options[..], &["-binary", name]].concat();
        openssl(&kdf)
    };
    // SP 800-108's fixed input: label, zero, context, and the length in bits.
    let fixed = hex(b"label\0context\0\0\x01\0");
    for (function, digest, flags, theirs) in [
        (
            "hkdf",
            "sha384",
            &["--salt", "0a0b", "--info", "616263"][..],
            kdf(&["digest:SHA384", &key, "hexsalt:0a0b", "hexinfo:616263"], "HKDF"),
        ),
        (
            "kbkdf-hmac",
            "sha256",
            &["--info", &fixed],
            kdf(&["mac:HMAC", "digest:SHA256", &key, "salt:label", "info:context"], "KBKDF"),
        ),
    ] {
        let derive = ["key", "derive", function, "--from", "root", "--type", "hmac-256"];
        let how = ["--function", function, "--digest", digest];
        let made = service.json(&[&derive[..], &how, flags].concat());
        assert_eq!(made["origin"], "derived");
        assert_eq!(code(&service, function), their_code(&service, &theirs), "{function}");
    }

    service.ok(&["key", "generate", "ec", "--type", "p-256", "--usage", "derive"]);
    let (peer, public) = (service.file("peer.pem"), service.file("peer.pub.pem"));
    openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &peer]);
    openssl(&["pkey", "-in", &peer, "-pubout", "-out", &public]);
    let ours = service.write("ours.pem", service.ok(&["key", "public", "ec"]));
    let agreed = openssl(&["pkeyutl", "-derive", "-inkey", &peer, "-peerkey", &ours]);
    let agreed = format!("hexkey:{}", hex(&agreed));
    let theirs = kdf(&["digest:SHA256", &agreed, "hexinfo:616263"], "X963KDF");
    let derive = ["key", "derive", "session", "--from", "ec", "--peer", &public];
    let how = ["--function", "x963", "--info", "616263", "--type", "hmac-256"];
    service.ok(&[&derive[..], &how].concat());
    assert_eq!(code(&service, "session"), their_code(&service, &theirs));
}
