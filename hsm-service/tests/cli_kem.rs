//! ML-KEM keys on the command line: made, imported, kept, and used to take secrets out of
//! ciphertexts.

mod cli_support;

use cli_support::{Service, read};
use keyward_algorithms::KeyType;
use keyward_crypto::PrivateKey;

/// The sizes of ciphertexts (FIPS 203, table 3).
const SETS: [(&str, usize); 3] = [("ml-kem-512", 768), ("ML-KEM-768", 1088), ("mlkem1024", 1568)];

#[test]
fn a_secret_is_the_same_for_both_sides_also_after_a_restart() {
    let mut service = Service::start();
    let files = |key: &str| {
        let file = |ending: &str| service.file(&format!("{key}.{ending}"));
        (file("ct"), file("ours"))
    };
    let files = SETS.map(|(key, _)| files(key));
    for ((key, size), (ciphertext, ours)) in SETS.iter().zip(&files) {
        service.ok(&["key", "generate", key, "--type", key]);
        let there = ["--ciphertext", ciphertext, "--out", ours];
        service.ok(&[&["encapsulate", key][..], &there].concat());
        assert_eq!((read(ciphertext).len(), read(ours).len()), (*size, 32));
        let ran = service.run(&["decapsulate", key, "--in", ciphertext]);
        assert_eq!(ran.stdout, read(ours), "{}", ran.stderr);
        // Neither file is overwritten: it may be what another secret depends on.
        service.error(&[&["encapsulate", key][..], &there].concat(), 1);
    }
    service.kill();
    service.start_again();
    for ((key, _), (ciphertext, ours)) in SETS.iter().zip(&files) {
        let ran = service.run(&["decapsulate", key, "--in", ciphertext]);
        assert_eq!(ran.stdout, read(ours), "{}", ran.stderr);
    }
}

#[test]
fn a_damaged_ciphertext_gives_another_secret_and_a_short_one_an_error() {
    let service = Service::start();
    service.ok(&["key", "generate", "backup", "--type", "ml-kem-768"]);
    let (ciphertext, ours) = (service.file("ct"), service.file("ours"));
    service.ok(&["encapsulate", "backup", "--ciphertext", &ciphertext, "--out", &ours]);
    let mut damaged = read(&ciphertext);
    damaged[0] ^= 1;
    let ran = service.run_with(&["decapsulate", "backup"], &damaged);
    assert_eq!((ran.status, ran.stdout.len()), (0, 32), "{}", ran.stderr);
    assert_ne!(ran.stdout, read(&ours));
    let ran = service.run_with(&["decapsulate", "backup"], &damaged[1..]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("the ciphertext has the wrong size"), "{}", ran.stderr);
}

#[test]
fn keys_of_other_types_neither_encapsulate_nor_decapsulate() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "p-256", "--usage", "sign,derive"]);
    let ciphertext = service.write("ct", [1; 768]);
    let error = service.error(&["decapsulate", "web", "--in", &ciphertext], 1);
    assert_eq!(error["kind"], "unsupported", "{error}");
    let other = service.file("other");
    let error = service.error(&["encapsulate", "web", "--ciphertext", &other], 1);
    assert_eq!(error["kind"], "unsupported", "{error}");
    assert!(error["hint"].as_str().unwrap().contains("ml-kem-768"), "{error}");

    // And keys of this type do nothing else.
    service.ok(&["key", "generate", "kem", "--type", "ml-kem-768"]);
    let message = service.write("message", "hello");
    service.error(&["sign", "kem", "--in", &message], 1);
    service.error(&["key", "csr", "kem", "--subject", "CN=kem"], 1);
    service.error(&["key", "generate", "bad", "--type", "ml-kem-768", "--usage", "sign"], 1);
}

#[test]
fn a_key_that_was_made_elsewhere_is_imported() {
    let service = Service::start();
    let maker = PrivateKey::generate(KeyType::from_name("ml-kem-512").unwrap()).unwrap();
    let (ciphertext, secret) = maker.public_key().unwrap().encapsulate().unwrap();
    let ciphertext = service.write("ct", ciphertext);
    let file = service.write("key.der", maker.to_pkcs8().unwrap());
    service.ok(&["key", "import", "moved", "--in", &file]);
    let ran = service.run(&["decapsulate", "moved", "--in", &ciphertext]);
    assert_eq!(ran.stdout, *secret, "{}", ran.stderr);
}

#[test]
fn the_audit_log_has_each_decapsulation_with_its_algorithm() {
    let service = Service::start();
    service.ok(&["key", "generate", "backup", "--type", "ml-kem-512"]);
    let (ciphertext, ours) = (service.file("ct"), service.file("ours"));
    service.ok(&["encapsulate", "backup", "--ciphertext", &ciphertext, "--out", &ours]);
    service.run(&["decapsulate", "backup", "--in", &ciphertext]);
    let log = service.ok(&["audit", "export"]);
    let used: Vec<&str> = log.lines().filter(|line| line.contains("decapsulate")).collect();
    assert_eq!(used.len(), 1, "{log}");
    assert!(used[0].contains("ml-kem-512") && used[0].contains("backup"), "{}", used[0]);
}
