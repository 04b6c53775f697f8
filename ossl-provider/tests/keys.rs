//! Every key type through the `openssl` program, by URI and by reference PEM; each result is
//! checked by an OpenSSL that knows nothing of the module.

mod support;

use std::fs;

use support::{
    Service,
    server::{Server, assert_verified, connect},
};

/// Every family and curve; one RSA size stands for all.
const SIGNING: [(&str, &str); 7] = [
    ("rsa-2048", "sign,decrypt"),
    ("rsa-pss-2048", "sign"),
    ("p-256", "sign,derive"),
    ("p-384", "sign,derive"),
    ("p-521", "sign,derive"),
    ("secp256k1", "sign,derive"),
    ("ed25519", "sign"),
];

fn with_message(service: Service) -> Service {
    fs::write(service.host.path("message"), "signed somewhere else\n").unwrap();
    service
}

fn sha2() -> [&'static str; 4] {
    ["sha224", "sha256", "sha384", "sha512"]
}

#[test]
fn public_halves_are_those_that_the_service_tells() {
    let service = Service::start().with_keys(&SIGNING);
    let host = &service.host;
    for (name, _) in SIGNING {
        let expected = fs::read_to_string(host.path(&format!("{name}.pub"))).unwrap();
        for source in [format!("keyward:{name}"), format!("{name}.pem")] {
            assert_eq!(host.openssl(&format!("pkey -in {source} -pubout")), expected, "{source}");
        }
        // Also where the program alone says that it wants the public half.
        for uri in [format!("keyward:{name}?type=public"), format!("keyward:{name}")] {
            let public = host.openssl(&format!("pkey -pubin -in {uri} -pubout"));
            assert_eq!(public, expected, "{uri}");
        }
        assert_eq!(
            host.openssl(&format!("pkey -in keyward:{name} -text_pub -noout")),
            host.stranger(&format!("pkey -pubin -in {name}.pub -text -noout"))
        );
    }
}

#[test]
fn a_stranger_verifies_what_every_hashing_key_signs() {
    let service = with_message(Service::start().with_keys(&SIGNING));
    let host = &service.host;
    for (name, _) in SIGNING.iter().filter(|(name, _)| *name != "ed25519") {
        for digest in sha2().into_iter().chain(["sha3-256", "sha3-384", "sha3-512"]) {
            for source in [format!("keyward:{name}"), format!("{name}.pem")] {
                host.openssl(&format!("dgst -{digest} -sign {source} -out signature message"));
                host.stranger(&format!(
                    "dgst -{digest} -verify {name}.pub -signature signature message"
                ));
            }
            host.openssl(&format!(
                "dgst -{digest} -verify keyward:{name} -signature signature message"
            ));
        }
        fs::write(host.path("other"), "something else\n").unwrap();
        let verify = format!("dgst -sha3-512 -verify keyward:{name} -signature signature other");
        assert!(host.openssl_fails(&verify).contains("Verification failure"));
    }
}

#[test]
fn ed25519_signs_whole_messages_and_refuses_digests() {
    let service = with_message(Service::start().with_keys(&[("ed25519", "sign")]));
    let host = &service.host;
    for source in ["keyward:ed25519", "ed25519.pem"] {
        host.openssl(&format!("pkeyutl -sign -rawin -inkey {source} -in message -out signature"));
        host.stranger(
            "pkeyutl -verify -rawin -pubin -inkey ed25519.pub -in message -sigfile signature",
        );
        host.openssl(&format!(
            "pkeyutl -verify -rawin -inkey {source} -in message -sigfile signature"
        ));
    }
    host.openssl_fails("dgst -sha256 -sign keyward:ed25519 message");
}

#[test]
fn pss_takes_every_salt_length_and_mask_digest() {
    let service = with_message(Service::start().with_keys(&SIGNING[..2]));
    let host = &service.host;
    for name in ["rsa-2048", "rsa-pss-2048"] {
        for salt in ["digest", "max", "auto", "0", "11"] {
            for mask in ["sha256", "sha1", "sha512"] {
                let options = |salt: &str| {
                    format!(
                        "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:{salt} \
                         -sigopt rsa_mgf1_md:{mask}"
                    )
                };
                let signing = options(salt);
                host.openssl(&format!(
                    "dgst -sha256 {signing} -sign keyward:{name} -out signature message"
                ));
                let exact = if salt == "auto" { "max" } else { salt };
                for salt in [exact, "auto"] {
                    let checking = options(salt);
                    let verify = format!("{checking} -signature signature message");
                    host.stranger(&format!("dgst -sha256 -verify {name}.pub {verify}"));
                    host.openssl(&format!("dgst -sha256 -verify keyward:{name} {verify}"));
                }
            }
        }
    }
    host.openssl_fails(
        "dgst -sha256 -sigopt rsa_padding_mode:pkcs1 -sign keyward:rsa-pss-2048 message",
    );
}

#[test]
fn a_digest_or_digestinfo_that_the_caller_made_is_signed() {
    let service = with_message(Service::start().with_keys(&SIGNING[..3]));
    let host = &service.host;
    host.stranger("dgst -sha256 -binary -out digest message");
    for (name, options) in [
        ("rsa-2048", " -pkeyopt digest:sha256"),
        ("rsa-2048", ""),
        ("rsa-2048", " -pkeyopt rsa_padding_mode:pss -pkeyopt digest:sha256"),
        ("p-256", ""),
    ] {
        host.openssl(&format!(
            "pkeyutl -sign -inkey keyward:{name} -in digest -out signature{options}"
        ));
        host.stranger(&format!(
            "pkeyutl -verify -pubin -inkey {name}.pub -in digest -sigfile signature{options}"
        ));
    }
    let wrong = host
        .openssl_fails("pkeyutl -sign -inkey keyward:rsa-2048 -in message -pkeyopt digest:sha256");
    assert!(wrong.contains("the input has 22 bytes, a sha256 digest has 32"), "{wrong}");
    host.openssl_fails("pkeyutl -sign -inkey keyward:rsa-2048 -in rsa-2048.pub");
}

#[test]
fn requests_and_certificates_carry_the_right_algorithm() {
    let service = Service::start().with_keys(&SIGNING);
    let host = &service.host;
    // OpenSSL 4.0 would look for extensions in the start of the configuration.
    fs::write(host.path("extensions"), "basicConstraints = CA:FALSE\n").unwrap();
    for (name, _) in SIGNING {
        host.openssl(&format!("req -new -key keyward:{name} -subj /CN=leaf -out request.pem"));
        host.stranger("req -in request.pem -verify -noout");
        host.openssl(&format!(
            "req -x509 -key keyward:{name} -subj /CN=x -addext basicConstraints=CA:TRUE \
             -out {name}.crt"
        ));
        host.stranger(&format!("verify -check_ss_sig -CAfile {name}.crt {name}.crt"));
        host.openssl(&format!(
            "x509 -req -in request.pem -CA {name}.crt -CAkey {name}.pem -extfile extensions \
             -out leaf.crt"
        ));
        host.stranger(&format!("verify -CAfile {name}.crt leaf.crt"));
    }
    host.openssl(
        "req -x509 -key keyward:rsa-2048 -sha384 -subj /CN=x -sigopt rsa_padding_mode:pss \
         -sigopt rsa_pss_saltlen:17 -out pss.crt",
    );
    host.stranger("verify -check_ss_sig -CAfile pss.crt pss.crt");
    let text = host.stranger("x509 -in pss.crt -noout -text");
    for line in ["Hash Algorithm: sha384", "Mask Algorithm: mgf1 with sha384", "Salt Length: 0x11"]
    {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn what_a_stranger_encrypts_is_decrypted_and_the_other_way_round() {
    let service = with_message(Service::start().with_keys(&SIGNING[..1]));
    let host = &service.host;
    let message = fs::read_to_string(host.path("message")).unwrap();
    let oaep = " -pkeyopt rsa_padding_mode:oaep";
    for options in [
        String::new(),
        oaep.into(),
        format!("{oaep} -pkeyopt rsa_oaep_md:sha256"),
        format!("{oaep} -pkeyopt rsa_oaep_md:sha512 -pkeyopt rsa_mgf1_md:sha1"),
        format!("{oaep} -pkeyopt rsa_oaep_label:0a0b0c"),
    ] {
        host.stranger(&format!(
            "pkeyutl -encrypt -pubin -inkey rsa-2048.pub -in message -out secret{options}"
        ));
        let decrypt = format!("pkeyutl -decrypt -inkey keyward:rsa-2048 -in secret{options}");
        assert_eq!(host.openssl(&decrypt), message);
        host.openssl(&format!(
            "pkeyutl -encrypt -inkey rsa-2048.pem -in message -out secret{options}"
        ));
        assert_eq!(host.openssl(&decrypt), message);
    }
    // Implicit rejection: a wrong ciphertext gives something, as OpenSSL 3.2 and later do it.
    fs::write(host.path("secret"), [7; 256]).unwrap();
    host.openssl("pkeyutl -decrypt -inkey keyward:rsa-2048 -in secret -out nonsense");
}

#[test]
fn rsa_keys_of_odd_and_largest_size_sign_decrypt_and_serve() {
    let service = with_message(Service::start());
    let host = &service.host;
    let message = fs::read_to_string(host.path("message")).unwrap();
    for bits in ["2304", "8192"] {
        service.import_rsa(bits);
        let name = format!("rsa-{bits}");
        let pss = " -sigopt rsa_padding_mode:pss";
        for options in [
            String::new(),
            format!("{pss} -sigopt rsa_pss_saltlen:digest"),
            format!("{pss} -sigopt rsa_pss_saltlen:max"),
        ] {
            host.openssl(&format!(
                "dgst -sha512{options} -sign keyward:{name} -out signature message"
            ));
            let check = format!("dgst -sha512{options} -signature signature");
            host.stranger(&format!("{check} -verify {name}.pub message"));
            host.openssl(&format!("{check} -verify keyward:{name} message"));
        }
        for padding in ["pkcs1", "oaep"] {
            let options = format!("-pkeyopt rsa_padding_mode:{padding}");
            host.stranger(&format!(
                "pkeyutl -encrypt -pubin -inkey {name}.pub -in message -out secret {options}"
            ));
            let decrypt = format!("pkeyutl -decrypt -inkey {name}.pem -in secret {options}");
            assert_eq!(host.openssl(&decrypt), message, "{name}, {padding}");
        }
        let server = Server::with_key(host, &format!("keyward:{name}"), &name, "");
        assert_verified(&connect(host, &server, &name, "-tls1_3"), &name);
    }
}

#[test]
fn both_sides_of_an_agreement_get_the_same_secret() {
    let keys = [
        ("p-256", "derive"),
        ("p-384", "derive"),
        ("p-521", "derive"),
        ("secp256k1", "derive"),
        ("x25519", "derive"),
    ];
    let service = Service::start().with_keys(&keys);
    let host = &service.host;
    for (name, _) in keys {
        let kind = match name {
            "x25519" => "X25519".into(),
            curve => format!(
                "EC -pkeyopt ec_paramgen_curve:{}",
                curve.to_uppercase().replace("SECP256K1", "secp256k1")
            ),
        };
        host.stranger(&format!("genpkey -algorithm {kind} -out peer.key"));
        host.stranger("pkey -in peer.key -pubout -out peer.pub");
        host.openssl(&format!("pkeyutl -derive -inkey keyward:{name} -peerkey peer.pub -out ours"));
        host.stranger(&format!("pkeyutl -derive -inkey peer.key -peerkey {name}.pub -out theirs"));
        assert_eq!(fs::read(host.path("ours")).unwrap(), fs::read(host.path("theirs")).unwrap());
    }
    host.stranger("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-224 -out peer.key");
    host.openssl_fails("pkeyutl -derive -inkey keyward:p-256 -peerkey peer.key");
}

#[test]
fn cms_signs_and_decrypts() {
    let service = with_message(Service::start().with_keys(&SIGNING[..3]));
    let host = &service.host;
    for name in ["rsa-2048", "p-256"] {
        host.openssl(&format!("req -x509 -key keyward:{name} -subj /CN=x -out {name}.crt"));
        host.openssl(&format!(
            "cms -sign -in message -signer {name}.crt -inkey keyward:{name} -out signed"
        ));
        host.stranger(&format!(
            "cms -verify -in signed -CAfile {name}.crt -purpose any -out plain"
        ));
        host.stranger(&format!("cms -encrypt -aes256 -in message -out sealed {name}.crt"));
        let plain = host
            .openssl(&format!("cms -decrypt -in sealed -inkey keyward:{name} -recip {name}.crt"));
        assert!(plain.contains("signed somewhere else"), "{name}: {plain}");
    }
    // Among several, the recipient is found by its certificate.
    host.stranger("req -x509 -newkey rsa:2048 -noenc -keyout other.key -subj /CN=o -out other.crt");
    host.stranger("cms -encrypt -aes256 -in message -out sealed rsa-2048.crt other.crt");
    let decrypt = "cms -decrypt -in sealed -inkey keyward:rsa-2048 -recip rsa-2048.crt";
    let plain = host.openssl(decrypt);
    assert!(plain.contains("signed somewhere else"), "{plain}");
}

#[test]
fn a_store_lists_keys_with_their_chains_and_narrows_by_type() {
    let service = Service::start().with_keys(&SIGNING[2..4]);
    let host = &service.host;
    service.keyward("key self-sign p-256 --subject CN=x");
    let listed = host.openssl("storeutl -noout keyward:");
    assert_eq!(listed.matches(": Pkey").count(), 2, "{listed}");
    assert_eq!(listed.matches(": Certificate").count(), 1, "{listed}");
    let named = host.openssl("storeutl -noout keyward:p-256");
    let order = ["0: Pkey", "1: Pub", "2: Certificate", "Total found: 3"];
    assert!(order.iter().all(|line| named.contains(line)), "{named}");
    for (uri, found) in [
        ("keyward:p-256?type=private", "0: Pkey\nTotal found: 1"),
        ("keyward:p-256?type=cert", "0: Certificate\nTotal found: 1"),
        ("keyward:p-256?type=public", "0: Pub"),
    ] {
        let listed = host.openssl(&format!("storeutl -noout {uri}"));
        assert!(listed.contains(found), "{uri}: {listed}");
    }
    // Of nothing some versions say that it is nothing.
    let listed = host.openssl("storeutl -noout keyward:p-384?type=cert");
    assert!(listed.is_empty() || listed == "Total found: 0\n", "{listed}");
    assert!(host.openssl("storeutl -noout -certs keyward:p-256").contains("Total found: 1"));
    let subject = host.openssl("x509 -in keyward:p-256 -noout -subject");
    assert_eq!(subject.replace(' ', ""), "subject=CN=x\n");
}

#[test]
fn pkcs11_uris_are_answered_where_the_section_says_so() {
    let service = Service::start().with_keys(&SIGNING[2..3]);
    let host = &service.host;
    let expected = fs::read_to_string(host.path("p-256.pub")).unwrap();
    let command = "pkey -in pkcs11:object=p-256;type=private -pubout";
    host.openssl_fails(command);
    host.configure("pkcs11_uri = yes", "");
    assert_eq!(host.openssl(command), expected);
}

#[test]
fn errors_say_what_failed_on_what_and_where() {
    let service = Service::start().with_keys(&SIGNING[2..3]);
    let host = &service.host;
    let output = host.openssl_fails("pkey -in keyward:nosuch -noout");
    assert!(output.contains("keyward: key \"nosuch\" not found (unix:"), "{output}");
    let output = host.openssl_fails("pkey -in keyward:p-256?type=secret -noout");
    assert!(output.contains("its type is none of private, public and cert"), "{output}");
    service.keyward("key delete p-256 --yes");
    let output = host.openssl_fails("dgst -sha256 -sign p-256.pem p-256.pub");
    assert!(output.contains("keyward: keyward:") && output.contains("no such key"), "{output}");
}

#[test]
fn work_of_strangers_keys_is_done_also_where_the_module_is_asked_first() {
    let service = with_message(Service::start().with_keys(&SIGNING));
    let host = &service.host;
    host.configure_providers("keyward = keyward_sect\ndefault = default_sect", "", "");
    for (name, _) in SIGNING {
        host.openssl(&format!("req -x509 -key keyward:{name} -subj /CN=x -out {name}.crt"));
        host.openssl(&format!("verify -check_ss_sig -CAfile {name}.crt {name}.crt"));
    }
    for (kind, curve) in [("RSA", ""), ("EC", " -pkeyopt ec_paramgen_curve:brainpoolP256r1")] {
        host.stranger(&format!("genpkey -algorithm {kind}{curve} -out stranger.key"));
        host.openssl("dgst -sha256 -sign stranger.key -out signature message");
        host.stranger("pkey -in stranger.key -pubout -out stranger.pub");
        host.openssl("dgst -sha256 -verify stranger.pub -signature signature message");
    }
}
