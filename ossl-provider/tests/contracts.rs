//! What programs may expect of contexts, buffers and parameters, whoever made the key.

mod support;

use std::fs;

use support::{Host, Service, run};

const KEYS: [(&str, &str); 6] = [
    ("rsa-2048", "sign,decrypt"),
    ("p-256", "sign"),
    ("p-521", "sign"),
    ("secp256k1", "sign"),
    ("ed25519", "sign"),
    ("x25519", "derive"),
];

/// Runs a trial of the C program.
fn trial(host: &Host, name: &str, key: &str) {
    let (success, output) = run(host.command(host.compile("contracts")).args([name, key]));
    assert!(success, "{name} {key}\n{output}");
}

/// Makes an RSA-PSS key that is bound to one way to sign, with salts that are not shorter than that,
/// and brings it into the service.
fn import_bound_key(service: &Service, least_salt: u32) {
    let host = &service.host;
    host.stranger(&format!(
        "genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha256 \
         -pkeyopt rsa_pss_keygen_mgf1_md:sha256 -pkeyopt rsa_pss_keygen_saltlen:{least_salt} \
         -out bound.key",
    ));
    host.stranger("pkey -in bound.key -pubout -out bound.pub");
    let file = host.path("bound.key");
    service.keyward(&format!("key import bound --usage sign --in {}", file.display()));
}

#[test]
fn messages_end_once_and_only_where_there_is_room_for_the_signature() {
    let service = Service::start().with_keys(&KEYS[..2]);
    for key in ["keyward:rsa-2048", "keyward:p-256"] {
        trial(&service.host, "messages", key);
    }
}

#[test]
fn buffers_that_are_too_small_are_refused_before_anything_is_told() {
    let service = Service::start().with_keys(&KEYS[..1]);
    trial(&service.host, "buffers", "keyward:rsa-2048");
}

#[test]
fn keys_are_checked_as_those_of_other_providers_are() {
    let service = Service::start().with_keys(&KEYS);
    let host = &service.host;
    for (name, _) in KEYS {
        trial(host, "soundness", &format!("keyward:{name}"));
    }
    assert!(host.openssl("pkey -in keyward:p-256 -check -noout").contains("Key is valid"));
}

#[test]
fn a_key_matches_itself_and_no_other_whoever_holds_the_public_half() {
    let service = Service::start();
    let host = &service.host;
    let mut types = vec!["rsa-2048", "rsa-pss-2048", "p-256", "p-384", "p-521", "secp256k1"];
    types.extend(["ed25519", "x25519"]);
    if host.version() >= (3, 5) {
        types.extend(["ml-dsa-44", "ml-dsa-65", "ml-dsa-87"]);
        types.extend(["ml-kem-512", "ml-kem-768", "ml-kem-1024"]);
    }
    for kind in &types {
        for name in [(*kind).to_owned(), format!("{kind}-other")] {
            service.keyward(&format!("key generate {name} --type {kind}"));
        }
    }
    for order in [
        "default = default_sect\nkeyward = keyward_sect",
        "keyward = keyward_sect\ndefault = default_sect",
    ] {
        host.configure_providers(order, "", "");
        for kind in &types {
            trial(host, "matching", &format!("keyward:{kind}"));
        }
    }
}

#[test]
fn public_keys_from_elsewhere_are_taken_in_only_if_they_are_keys() {
    let service = Service::start().with_keys(&KEYS[1..2]);
    let first = "keyward = keyward_sect\ndefault = default_sect";
    service.host.configure_providers(first, "", "");
    trial(&service.host, "imports", "keyward:p-256");
}

#[test]
fn parameters_of_keys_are_those_of_the_default_provider() {
    let service = Service::start().with_keys(&KEYS);
    import_bound_key(&service, 32);
    for name in KEYS.map(|(name, _)| name).into_iter().chain(["bound"]) {
        trial(&service.host, "parameters", &format!("keyward:{name}"));
    }
    trial(&service.host, "bound", "keyward:bound");
}

#[test]
fn a_key_that_is_bound_to_one_way_to_sign_signs_in_no_other() {
    let service = Service::start();
    import_bound_key(&service, 32);
    let host = &service.host;
    fs::write(host.path("message"), "signed somewhere else\n").unwrap();
    let pem = service.keyward("key pem bound");
    fs::write(host.path("bound.pem"), pem).unwrap();
    for key in ["keyward:bound", "bound.pem"] {
        for options in ["", " -sigopt rsa_pss_saltlen:max", " -sigopt rsa_pss_saltlen:40"] {
            let sign = format!("dgst -sha256{options} -sign {key} -out signature message");
            host.openssl(&sign);
            // The default provider verifies such a key's signatures with the exact salt alone.
            let exact = options.replace("max", "222");
            host.stranger(&format!(
                "dgst -sha256{exact} -verify bound.pub -signature signature message"
            ));
        }
        for wrong in [
            "-sha512",
            "-sha1",
            "-sha256 -sigopt rsa_padding_mode:pkcs1",
            "-sha256 -sigopt rsa_mgf1_md:sha1",
            "-sha256 -sigopt rsa_pss_saltlen:20",
        ] {
            let output = host.openssl_fails(&format!("dgst {wrong} -sign {key} message"));
            assert!(output.contains("keyward"), "{wrong}: {output}");
        }
    }
}

#[test]
fn salts_that_depend_on_the_digest_are_held_to_what_the_key_is_bound_to() {
    let service = Service::start();
    import_bound_key(&service, 40);
    let host = &service.host;
    fs::write(host.path("message"), "signed somewhere else\n").unwrap();
    let mut words = vec!["digest"];
    if host.version() >= (3, 1) {
        words.push("auto-digestmax");
    }
    for word in words {
        let output = host.openssl_fails(&format!(
            "dgst -sha256 -sigopt rsa_pss_saltlen:{word} -sign keyward:bound message"
        ));
        assert!(output.contains("the key is restricted to longer PSS salts"), "{word}: {output}");
    }
    for word in ["max", "40"] {
        host.openssl(&format!(
            "dgst -sha256 -sigopt rsa_pss_saltlen:{word} -sign keyward:bound -out signature message"
        ));
    }
}
