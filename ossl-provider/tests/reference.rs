//! The reference PEM: loaded by every way there is, without a service anywhere.

mod support;

use std::fs;

use keyward_protocol::{KeyId, reference::Reference};
use support::{Host, run};

/// What `openssl genpkey` takes for a key of each type, and OpenSSL's name and size of it.
const TYPES: [(&str, &str, &str); 6] = [
    ("rsa", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", "RSA 2048"),
    ("pss", "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", "RSA-PSS 2048"),
    ("p256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "EC 256"),
    ("p521", "-algorithm EC -pkeyopt ec_paramgen_curve:P-521", "EC 521"),
    ("ed", "-algorithm ED25519", "ED25519 256"),
    ("x", "-algorithm X25519", "X25519 253"),
];

/// Makes a software key `NAME.key`, its public half `NAME.pub`, and a reference `NAME.pem` that
/// claims that the key is in a service.
fn make(host: &Host, name: &str, options: &str) {
    host.stranger(&format!("genpkey {options} -out {name}.key"));
    host.stranger(&format!("pkey -in {name}.key -pubout -out {name}.pub"));
    host.stranger(&format!("pkey -in {name}.key -pubout -outform DER -out {name}.der"));
    let spki = fs::read(host.path(&format!("{name}.der"))).unwrap();
    let uri = format!("keyward:{name}");
    let pem = Reference { uri, id: KeyId::new([7; 16]), spki }.to_pem().unwrap();
    fs::write(host.path(&format!("{name}.pem")), pem).unwrap();
}

/// What a program finds that reads PEM files with PEM_read_bio_PrivateKey.
fn keys_in(host: &Host, file: &str) -> String {
    run(host.command(host.compile("pem_key")).arg(file)).1
}

#[test]
fn every_type_loads_through_the_store_and_through_plain_pem_functions() {
    let host = Host::without_service();
    for (name, options, expected) in TYPES {
        make(&host, name, options);
        let public = fs::read_to_string(host.path(&format!("{name}.pub"))).unwrap();
        assert_eq!(host.openssl(&format!("pkey -in {name}.pem -pubout")), public);
        let found = keys_in(&host, &format!("{name}.pem"));
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn a_reference_is_written_back_as_itself() {
    let host = Host::without_service();
    make(&host, "rsa", TYPES[0].1);
    let written = host.openssl("pkey -in rsa.pem");
    assert_eq!(written, fs::read_to_string(host.path("rsa.pem")).unwrap());
    assert!(written.starts_with("This is not a private key"));
    // There is no secret to write as PKCS#8.
    host.openssl_fails("pkey -in rsa.pem -outform DER");
    // And none that a passphrase would protect.
    assert_eq!(host.openssl("pkey -in rsa.pem -aes256 -passout pass:secret"), written);
}

#[test]
fn a_key_prints_as_the_default_provider_prints_it() {
    let host = Host::without_service();
    for (name, options, _) in TYPES {
        make(&host, name, options);
        assert_eq!(
            host.openssl(&format!("pkey -in {name}.pem -text_pub -noout")),
            host.stranger(&format!("pkey -in {name}.key -text_pub -noout"))
        );
        let text = host.openssl(&format!("pkey -in {name}.pem -text -noout"));
        assert!(text.contains(&format!("kept in Keyward as keyward:{name}")), "{text}");
    }
    make(
        &host,
        "bound",
        "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha256 \
         -pkeyopt rsa_pss_keygen_mgf1_md:sha256 -pkeyopt rsa_pss_keygen_saltlen:32",
    );
    assert_eq!(
        host.openssl("pkey -in bound.pem -text_pub -noout"),
        host.stranger("pkey -in bound.key -text_pub -noout")
    );
}

#[test]
fn pkcs1_public_keys_are_those_of_the_default_provider() {
    let host = Host::without_service();
    make(&host, "rsa", TYPES[0].1);
    let ours = host.openssl("rsa -in rsa.pem -RSAPublicKey_out");
    let theirs = host.stranger("rsa -in rsa.key -RSAPublicKey_out");
    assert_eq!(ours, theirs);
}

/// Puts files one after another.
fn join(host: &Host, files: &[&str], into: &str) {
    let parts: Vec<String> =
        files.iter().map(|file| fs::read_to_string(host.path(file)).unwrap()).collect();
    fs::write(host.path(into), parts.concat()).unwrap();
}

#[test]
fn references_and_ordinary_keys_stand_side_by_side_in_a_file() {
    let host = Host::without_service();
    for (name, options, _) in TYPES {
        make(&host, name, options);
    }
    host.stranger("req -x509 -key p256.key -subj /CN=x -out cert.pem");
    join(&host, &["rsa.key", "p256.pem", "rsa.pem", "ed.key", "pss.pem", "cert.pem"], "all.pem");
    let found = keys_in(&host, "all.pem");
    let types: Vec<&str> = found.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(types[..5], ["RSA", "EC", "RSA", "ED25519", "RSA-PSS"], "{found}");
    let listed = host.openssl("storeutl -noout all.pem");
    assert_eq!(listed.matches(": Pkey").count(), 5, "{listed}");
    assert_eq!(listed.matches(": Certificate").count(), 1, "{listed}");
}

#[test]
fn a_reference_may_follow_a_certificate() {
    let host = Host::without_service();
    make(&host, "rsa", TYPES[0].1);
    host.stranger("req -x509 -key rsa.key -subj /CN=x -out cert.pem");
    join(&host, &["cert.pem", "rsa.pem"], "both.pem");
    let found = keys_in(&host, "both.pem");
    assert!(found.starts_with("RSA 2048\n"), "{found}");
}

#[test]
fn a_damaged_reference_fails_and_says_so() {
    let host = Host::without_service();
    make(&host, "rsa", TYPES[0].1);
    let whole = fs::read_to_string(host.path("rsa.pem")).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let cut = lines[..lines.len() - 2].join("\n");
    let shortened = [&lines[..4], &lines[6..]].concat().join("\n");
    let edited = whole.replacen("MII", "MIQ", 1);
    for (name, text) in [("cut", cut), ("shortened", shortened), ("edited", edited)] {
        fs::write(host.path("bad.pem"), text).unwrap();
        for output in [keys_in(&host, "bad.pem"), host.openssl_fails("pkey -in bad.pem -noout")] {
            assert!(output.contains("keyward: the key reference is damaged"), "{name}: {output}");
            assert!(!output.contains("RSA 2048"), "{name}: {output}");
        }
    }
}

#[test]
fn hosts_that_read_strangers_files_can_switch_references_off() {
    let host = Host::without_service();
    make(&host, "rsa", TYPES[0].1);
    host.configure("reference_pem = off", "");
    host.openssl_fails("pkey -in rsa.pem -noout");
    assert!(!keys_in(&host, "rsa.pem").contains("RSA 2048"));
    host.openssl("pkey -in rsa.key -noout");
}

#[test]
fn ordinary_files_load_as_if_the_module_were_not_there() {
    let host = Host::without_service();
    for (name, options, expected) in TYPES {
        make(&host, name, options);
        for file in [format!("{name}.key"), format!("{name}.pub"), format!("{name}.der")] {
            let kind = if file.ends_with("key") { "" } else { " -pubin" };
            let command = format!("pkey -in {file}{kind} -noout -text");
            assert_eq!(host.openssl(&command), host.stranger(&command), "{file}");
        }
        assert!(keys_in(&host, &format!("{name}.key")).starts_with(expected));
    }
    host.stranger("pkcs8 -topk8 -in rsa.key -passout pass:x -v2 aes256 -out locked.key");
    host.openssl("pkey -in locked.key -passin pass:x -noout");
}

#[test]
fn a_reference_to_nowhere_fails_at_its_first_use() {
    let host = Host::without_service();
    make(&host, "rsa", TYPES[0].1);
    let output = host.openssl_fails("dgst -sha256 -sign rsa.pem rsa.pub");
    assert!(output.contains("keyward:rsa: cannot reach the service at unix:"), "{output}");
}

#[test]
fn a_wrong_setting_is_told_by_the_first_call_that_needs_it() {
    let host = Host::without_service();
    host.configure("request_timeout = soon", "");
    host.openssl("list -providers");
    let output = host.openssl_fails("pkey -in keyward:web -noout");
    assert!(output.contains("the setting \"request_timeout\" is \"soon\""), "{output}");
    host.configure("pkcs11_uri = perhaps", "");
    let output = host.openssl_fails("pkey -in keyward:web -noout");
    assert!(output.contains("the setting \"pkcs11_uri\" is \"perhaps\""), "{output}");
}
