//! Secret keys in the service as `EVP_SKEY`s, beside the default provider with the same bytes.

mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use support::{Service, run};

const AES: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const HMAC: &str = "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f";

/// A service with both keys imported from known bytes.
fn service() -> Service {
    let service = Service::start();
    for (name, key_type, hex, usage) in
        [("aes", "aes-256", AES, "encrypt,decrypt,sign"), ("hmac", "hmac-256", HMAC, "sign,verify")]
    {
        let bytes: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect();
        let file = service.host.path(name);
        fs::write(&file, bytes).unwrap();
        service.keyward(&format!(
            "key import {name} --type {key_type} --in {} --usage {usage}",
            file.display()
        ));
    }
    service
}

#[test]
fn a_host_encrypts_and_authenticates_with_keys_that_it_cannot_see() {
    let service = service();
    let program = service.host.compile("secret");
    let arguments = ["keyward:aes", AES, "keyward:hmac", HMAC];
    let (success, output) = run(service.host.command(&program).args(arguments));
    assert!(success, "{output}");
    let expected = match service.host.version() {
        (3, 0..=4) => "not at all\n",
        (3, _) => "by URI\n",
        _ => "by URI and from a store\n",
    };
    assert_eq!(output, expected);
}

#[test]
fn a_message_of_which_a_piece_has_failed_does_not_go_on() {
    let service = service();
    if service.host.version() < (3, 5) {
        return;
    }
    let program = service.host.compile("secret");
    let mut host = service.host.command(&program);
    host.args(["keyward:aes", "broken"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut host = host.spawn().unwrap();
    let mut said = BufReader::new(host.stdout.take().unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), "delete it");
    service.keyward("key delete aes --yes");
    writeln!(host.stdin.take().unwrap()).unwrap();
    let errors: Vec<String> = said.map(Result::unwrap).collect();
    assert!(host.wait().unwrap().success(), "{errors:?}");
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].contains("no such key"), "{errors:?}");
    let rest = &errors[1..];
    assert!(rest.iter().all(|error| error.contains("a piece of the message")), "{errors:?}");
}

#[test]
fn openssl_enc_takes_a_key_by_its_uri() {
    let service = service();
    let host = &service.host;
    fs::write(host.path("message"), "signed somewhere else\n").unwrap();
    let iv = "0f0e0d0c0b0a09080706050403020100";
    let ours =
        format!("-KEYWARD-AES-256-CBC -skeymgmt KEYWARD-AES -skeyopt uri:keyward:aes -iv {iv}");
    if host.version() < (3, 5) {
        host.openssl_fails(&format!("enc {ours} -in message -out sealed"));
        return;
    }
    host.openssl(&format!("enc {ours} -in message -out sealed"));
    let opened = host.stranger(&format!("enc -d -aes-256-cbc -K {AES} -iv {iv} -in sealed"));
    assert_eq!(opened, "signed somewhere else\n");
    host.stranger(&format!("enc -aes-256-cbc -K {AES} -iv {iv} -in message -out sealed"));
    assert_eq!(host.openssl(&format!("enc -d {ours} -in sealed")), "signed somewhere else\n");
    if host.version() >= (4, 0) {
        let stored =
            format!("enc -d -KEYWARD-AES-256-CBC -skeyuri keyward:aes -iv {iv} -in sealed");
        assert_eq!(host.openssl(&stored), "signed somewhere else\n");
    }
}

#[test]
fn the_hosts_own_aes_stays_where_it_was_in_every_order() {
    let service = service();
    let host = &service.host;
    fs::write(host.path("message"), "signed somewhere else\n").unwrap();
    let seal = format!("enc -aes-256-cbc -K {AES} -iv {} -in message -out", "00".repeat(16));
    host.stranger(&format!("{seal} theirs"));
    for order in [
        "default = default_sect\nkeyward = keyward_sect",
        "keyward = keyward_sect\ndefault = default_sect",
    ] {
        for favour in ["", "default_properties = ?provider=keyward"] {
            host.configure_providers(order, "", favour);
            host.openssl(&format!("{seal} ours"));
            let [ours, theirs] = ["ours", "theirs"].map(|name| fs::read(host.path(name)).unwrap());
            assert_eq!(ours, theirs, "{order} {favour}");
            host.openssl("dgst -sha256 -hmac key message");
        }
    }
}
