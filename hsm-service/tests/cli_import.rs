//! `keyward key import` takes what OpenSSL writes, in every usual form.

mod cli_support;

use std::process::Command;

use cli_support::{KEYWARD, Service, openssl, openssl_text, read};

const PASSPHRASE: &str = "correct horse";

/// Makes a private key with OpenSSL and gives the path of its PKCS#8 file.
fn make_key(service: &Service, name: &str, algorithm: &[&str]) -> String {
    let path = service.file(name);
    let arguments = [&["genpkey"], algorithm, &["-out", &path]].concat();
    openssl(&arguments);
    path
}

const RSA: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
const EC: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];

/// Imports a file under a name and checks that it is the key that OpenSSL made.
fn imports(service: &Service, original: &str, name: &str, file: &str, more: &[&str]) {
    let key = service.json(&[&["key", "import", name, "--in", file], more].concat());
    assert_eq!(key["origin"], "imported");
    let public = openssl_text(&["pkey", "-in", original, "-pubout"]);
    assert_eq!(service.ok(&["key", "public", name]), public, "{name}");
}

#[test]
fn plain_keys_are_imported_in_each_form_as_pem_and_as_der() {
    let service = Service::start();
    for (kind, algorithm, traditional) in
        [("rsa", RSA, "pkcs1"), ("ec", EC, "sec1"), ("ed", &["-algorithm", "ED25519"][..], "")]
    {
        let pkcs8 = make_key(&service, &format!("{kind}.pem"), algorithm);
        imports(&service, &pkcs8, &format!("{kind}-pem"), &pkcs8, &[]);
        let der = service.file("key.der");
        openssl(&["pkcs8", "-topk8", "-nocrypt", "-in", &pkcs8, "-outform", "DER", "-out", &der]);
        imports(&service, &pkcs8, &format!("{kind}-der"), &der, &[]);
        for form in ["PEM", "DER"].iter().filter(|_| !traditional.is_empty()) {
            let path = service.file(&format!("{traditional}.{form}"));
            openssl(&["pkey", "-traditional", "-in", &pkcs8, "-outform", form, "-out", &path]);
            imports(&service, &pkcs8, &format!("{kind}-{traditional}-{form}"), &path, &[]);
        }
    }
}

#[test]
fn encrypted_pkcs8_opens_with_its_passphrase_alone() {
    let service = Service::start();
    let original = make_key(&service, "ec.pem", EC);
    let right = service.write("passphrase", format!("{PASSPHRASE}\n"));
    let wrong = service.write("wrong", "battery staple\n");
    for (name, cipher) in [
        ("aes", &["-v2", "aes-256-cbc"][..]),
        ("aes-sha512", &["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512"]),
        ("scrypt", &["-scrypt"]),
        ("des3", &["-v2", "des3", "-v2prf", "hmacWithSHA1"]),
    ] {
        let path = service.file(&format!("{name}.pem"));
        let pass = format!("pass:{PASSPHRASE}");
        let to = ["pkcs8", "-topk8", "-in", &original, "-out", &path, "-passout", &pass];
        openssl(&[&to[..], cipher].concat());
        imports(&service, &original, name, &path, &["--passphrase-file", &right]);

        let import = ["key", "import", "other", "--in", &path];
        let error = service.error(&[&import[..], &["--passphrase-file", &wrong]].concat(), 1);
        assert_eq!(error["kind"], "permission-denied", "{error}");
        let error = service.error(&import, 2);
        assert!(error["hint"].as_str().unwrap().contains("--passphrase-file"), "{error}");
    }
}

#[test]
fn pkcs12_brings_its_chain_along() {
    let service = Service::start();
    let authority = make_key(&service, "ca.key", EC);
    let ca = service.file("ca.crt");
    openssl(&["req", "-x509", "-new", "-key", &authority, "-subj", "/CN=Test CA", "-out", &ca]);
    let original = make_key(&service, "rsa.pem", RSA);
    let request = service.file("web.csr");
    openssl(&["req", "-new", "-key", &original, "-subj", "/CN=web.example", "-out", &request]);
    let certificate = service.file("web.crt");
    let sign = ["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &authority];
    openssl(&[&sign[..], &["-CAcreateserial", "-days", "9", "-out", &certificate]].concat());
    let right = service.write("passphrase", PASSPHRASE);
    let wrong = service.write("wrong", "battery staple\n");
    let pass = format!("pass:{PASSPHRASE}");
    for (name, how) in [
        ("modern", &[][..]),
        ("legacy", &["-legacy"]),
        ("open-certificates", &["-certpbe", "NONE", "-macalg", "sha512"]),
    ] {
        let path = service.file(&format!("{name}.p12"));
        let export =
            ["pkcs12", "-export", "-inkey", &original, "-in", &certificate, "-certfile", &ca];
        openssl(&[&export[..], &["-passout", &pass, "-out", &path], how].concat());
        imports(&service, &original, name, &path, &["--passphrase-file", &right]);
        let chain = service.json(&["cert", "show", name])["chain"].clone();
        assert_eq!(chain[0]["subject"], "CN=web.example");
        assert_eq!(chain[1]["subject"], "CN=Test CA");

        let import = ["key", "import", "other", "--in", &path];
        let error = service.error(&[&import[..], &["--passphrase-file", &wrong]].concat(), 1);
        assert_eq!(error["kind"], "permission-denied", "{error}");
        let error = service.error(&import, 2);
        assert!(error["hint"].as_str().unwrap().contains("--passphrase-file"), "{error}");
    }
    let open = service.file("open.p12");
    let export = ["pkcs12", "-export", "-inkey", &original, "-in", &certificate, "-out", &open];
    openssl(&[&export[..], &["-passout", "pass:"]].concat());
    imports(&service, &original, "open", &open, &[]);
}

#[test]
fn certificates_in_the_same_pem_file_become_the_chain() {
    let service = Service::start();
    let original = make_key(&service, "ec.pem", EC);
    let certificate = service.file("web.crt");
    let make = ["req", "-x509", "-new", "-key", &original, "-subj", "/CN=web.example"];
    openssl(&[&make[..], &["-out", &certificate]].concat());
    let both = service.write("both.pem", [read(&certificate), read(&original)].concat());
    imports(&service, &original, "web", &both, &[]);
    assert_eq!(
        service.ok(&["cert", "export", "web"]),
        openssl_text(&["x509", "-in", &certificate])
    );
}

#[test]
fn an_import_says_that_the_key_has_existed_outside() {
    let service = Service::start();
    let original = make_key(&service, "ec.pem", EC);
    let ran = service.run(&["key", "import", "web", "--in", &original]);
    assert_eq!(ran.status, 0);
    assert!(ran.stderr.contains("existed outside"), "{}", ran.stderr);
    assert!(service.ok(&["key", "show", "web"]).contains("existed outside"));
}

#[test]
fn files_without_one_usable_key_say_what_is_wrong_with_them() {
    let service = Service::start();
    let key = make_key(&service, "ec.pem", EC);
    let traditional = service.file("old.pem");
    let encrypt = ["ec", "-in", &key, "-aes128", "-passout", "pass:secret", "-out", &traditional];
    openssl(&encrypt);
    let pbes1 = service.file("pbes1.pem");
    let encrypt = ["pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES", "-passout", "pass:secret"];
    openssl(&[&encrypt[..], &["-in", &key, "-out", &pbes1]].concat());
    let weak = service.file("weak.pem");
    openssl(&["genrsa", "-out", &weak, "1024"]);
    let public = service.file("public.pem");
    openssl(&["pkey", "-in", &key, "-pubout", "-out", &public]);
    let twice = service.write("twice.pem", [read(&key), read(&key)].concat());
    let cut = service.write("cut.pem", &read(&key)[..100]);
    service.ok(&["key", "generate", "inside", "--type", "p-256"]);
    let reference = service.write("reference.pem", service.ok(&["key", "pem", "inside"]));
    for (file, expected) in [
        (&traditional, "traditional PEM"),
        (&pbes1, "encrypted"),
        (&weak, "not supported"),
        (&public, "no private key"),
        (&twice, "more than one"),
        (&cut, "cut short"),
        (&reference, "in Keyward already"),
        (&service.write("text", "hello"), "no private key"),
        (&service.file("missing"), "cannot read"),
    ] {
        let error = service.error(&["key", "import", "web", "--in", file], 1);
        assert!(error["message"].as_str().unwrap().contains(expected), "{file}: {error}");
    }
    for file in [&traditional, &pbes1] {
        let error = service.error(&["key", "import", "web", "--in", file], 1);
        assert!(error["hint"].as_str().unwrap().contains("openssl pkey"), "{error}");
    }
}

#[test]
fn a_key_comes_from_a_pipe_too() {
    let service = Service::start();
    let original = make_key(&service, "ec.pem", EC);
    let ran = service.run_with(&["key", "import", "web", "--in", "-"], &read(&original));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let public = openssl_text(&["pkey", "-in", &original, "-pubout"]);
    assert_eq!(service.ok(&["key", "public", "web"]), public);
}

#[test]
fn on_a_terminal_the_passphrase_is_asked_for() {
    let service = Service::start();
    let original = make_key(&service, "ec.pem", EC);
    let path = service.file("encrypted.pem");
    let pass = format!("pass:{PASSPHRASE}");
    openssl(&["pkcs8", "-topk8", "-in", &original, "-out", &path, "-passout", &pass]);
    // `script` gives the program a terminal and types the passphrase.
    let mut command = Command::new("script");
    let import = format!("{KEYWARD} --address {} key import web --in {path}", service.address());
    command.args(["--quiet", "--return", "--command", &import, "/dev/null"]);
    let ran = cli_support::with_input(command, format!("{PASSPHRASE}\n").as_bytes());
    assert_eq!(ran.status, 0, "{}", ran.text());
    assert!(ran.text().contains("Passphrase of"), "{}", ran.text());
    let public = openssl_text(&["pkey", "-in", &original, "-pubout"]);
    assert_eq!(service.ok(&["key", "public", "web"]), public);
}
