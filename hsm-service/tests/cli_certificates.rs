//! `keyward key csr`, `key self-sign` and `cert …`, checked by OpenSSL.

mod cli_support;

use cli_support::{Service, openssl, openssl_text, read};
use keyward_algorithms::Signature;
use keyward_crypto::PublicKey;
use x509_parser::{
    certification_request::X509CertificationRequest, pem::parse_x509_pem, prelude::FromDer,
};

/// Every key type that signs.
const SIGNING_TYPES: [&str; 7] =
    ["rsa-2048", "rsa-pss-2048", "p-256", "p-384", "p-521", "secp256k1", "ed25519"];

#[test]
fn requests_of_every_signing_key_type_verify_and_carry_their_names() {
    let service = Service::start();
    for key_type in SIGNING_TYPES {
        service.ok(&["key", "generate", key_type, "--type", key_type]);
        let names = "www.example,ip:192.0.2.1,email:a@b.example,uri:https://b.example/";
        let subject = "CN=web.example,O=Example\\, Ltd,C=DE";
        let arguments = ["key", "csr", key_type, "--subject", subject, "--san", names];
        let request = service.write("web.csr", service.ok(&arguments));
        let text = openssl_text(&["req", "-in", &request, "-verify", "-noout", "-text"]);
        for expected in [
            "DNS:www.example, IP Address:192.0.2.1, email:a@b.example, URI:https://b.example/",
            "C = DE, O = \"Example, Ltd\", CN = web.example",
        ] {
            assert!(text.contains(expected), "{key_type}: {text}");
        }
    }
}

/// Debian 12's OpenSSL does not know ML-DSA, so it is aws-lc that verifies, over the whole message.
#[test]
fn ml_dsa_keys_request_and_sign_certificates() {
    let service = Service::start();
    for key_type in ["ml-dsa-44", "ml-dsa-65", "ml-dsa-87"] {
        service.ok(&["key", "generate", key_type, "--type", key_type]);
        let algorithm = Signature::from_name(key_type).unwrap();
        let check = |spki: &[u8], oid: String, signed: &[u8], signature: &[u8]| {
            assert_eq!(oid, algorithm.oid.unwrap().to_string());
            assert!(PublicKey::from_spki(spki).unwrap().verify(algorithm, None, signed, signature));
        };

        let pem = service.ok(&["key", "csr", key_type, "--subject", "CN=web.example"]);
        let (_, der) = parse_x509_pem(pem.as_bytes()).unwrap();
        let (_, request) = X509CertificationRequest::from_der(&der.contents).unwrap();
        let info = &request.certification_request_info;
        let oid = request.signature_algorithm.algorithm.to_string();
        check(info.subject_pki.raw, oid, info.raw, &request.signature_value.data);

        let pem = service.ok(&["key", "self-sign", key_type, "--subject", "CN=web.example"]);
        let (_, der) = parse_x509_pem(pem.as_bytes()).unwrap();
        let certificate = der.parse_x509().unwrap();
        let oid = certificate.signature_algorithm.algorithm.to_string();
        let signed = certificate.tbs_certificate.as_ref();
        check(certificate.public_key().raw, oid, signed, &certificate.signature_value.data);
    }
}

#[test]
fn a_rotated_key_asks_for_a_certificate_with_the_names_of_the_old_one() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    let names = "www.example,ip:192.0.2.1,uri:https://b.example/";
    let subject = "CN=web.example,O=Example\\, Ltd";
    service.ok(&["key", "self-sign", "web", "--subject", subject, "--san", names]);
    let old = service.json(&["key", "show", "web"]);

    let request = service.write("next.csr", service.ok(&["key", "rotate", "web"]));
    let text = openssl_text(&["req", "-in", &request, "-verify", "-noout", "-text"]);
    for expected in
        ["DNS:www.example, IP Address:192.0.2.1, URI:https://b.example/", "CN = web.example"]
    {
        assert!(text.contains(expected), "{text}");
    }
    // Another authority certifies it.
    let [key, ca, certificate] = ["ca.key", "ca.crt", "web.crt"].map(|name| service.file(name));
    let make = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Authority"];
    openssl(&[&make[..], &["-keyout", &key, "-out", &ca]].concat());
    let sign = ["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &key, "-days", "9"];
    openssl(&[&sign[..], &["-out", &certificate]].concat());

    // Imported under the name that counts, it puts the new key in its place.
    service.ok(&["cert", "import", "web", "--in", &certificate]);
    let new = service.json(&["key", "show", "web"]);
    assert_ne!(new["id"], old["id"]);
    assert_eq!(new["certificates"][0]["issuer"], "CN=Authority");
    assert_eq!(service.json(&["key", "show", "web.1"])["id"], old["id"]);
    let exported = service.write("out.crt", service.ok(&["cert", "export", "web"]));
    let public = openssl_text(&["x509", "-in", &exported, "-noout", "-pubkey"]);
    assert_eq!(public, service.ok(&["key", "public", "web"]));
    // A certificate for neither key is refused as before.
    let refused = service.error(&["cert", "import", "web", "--in", &ca], 1);
    assert_eq!(refused["kind"], "invalid-argument");
}

#[test]
fn the_digest_and_padding_of_a_request_can_be_chosen() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "rsa-2048"]);
    for (algorithm, expected) in [
        ("rsa-pkcs1-sha384", "sha384WithRSAEncryption"),
        ("SHA512withRSA", "sha512WithRSAEncryption"),
        ("rsa-pss-sha384", "rsassaPss"),
    ] {
        let arguments = ["key", "csr", "web", "--subject", "/CN=a.example", "--algorithm"];
        let pem = service.ok(&[&arguments[..], &[algorithm]].concat());
        let request = service.write("web.csr", pem);
        let text = openssl_text(&["req", "-in", &request, "-verify", "-noout", "-text"]);
        assert!(text.contains(expected), "{algorithm}: {text}");
    }
}

#[test]
fn a_key_that_is_bound_to_pss_parameters_signs_with_those() {
    let service = Service::start();
    let key = service.file("pss.pem");
    let make = ["genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"];
    let bound = ["md:sha384", "mgf1_md:sha512", "saltlen:50"]
        .map(|option| format!("rsa_pss_keygen_{option}"));
    let bound: Vec<&str> = bound.iter().flat_map(|option| ["-pkeyopt", option]).collect();
    openssl(&[&make[..], &bound, &["-out", &key]].concat());
    service.ok(&["key", "import", "web", "--in", &key]);
    let request = service.write("web.csr", service.ok(&["key", "csr", "web", "--subject", "CN=a"]));
    let text = openssl_text(&["req", "-in", &request, "-verify", "-noout", "-text"]);
    let signature = text.split("Signature Algorithm: rsassaPss").nth(1).unwrap();
    for expected in ["Hash Algorithm: sha384", "mgf1 with sha512", "Salt Length: 0x32"] {
        assert!(signature.contains(expected), "{text}");
    }
}

#[test]
fn self_signed_certificates_of_every_signing_key_type_verify_and_are_kept() {
    let service = Service::start();
    for key_type in SIGNING_TYPES {
        service.ok(&["key", "generate", key_type, "--type", key_type]);
        let subject = ["--subject", "CN=localhost", "--days", "30"];
        let pem = service.ok(&[&["key", "self-sign", key_type], &subject[..]].concat());
        let certificate = service.write("web.crt", &pem);
        let verify = ["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname"];
        openssl(&[&verify[..], &["localhost", "-CAfile", &certificate, &certificate]].concat());
        assert_eq!(service.ok(&["cert", "export", key_type]), pem);
        assert_eq!(service.json(&["cert", "show", key_type])["chain"][0]["expired"], false);
        openssl(&["x509", "-in", &certificate, "-noout", "-checkend", &(29 * 86400).to_string()]);
    }
}

#[test]
fn a_key_that_does_not_sign_gets_no_certificate() {
    let service = Service::start();
    service.ok(&["key", "generate", "dh", "--type", "x25519"]);
    let error = service.error(&["key", "csr", "dh", "--subject", "CN=a"], 1);
    assert_eq!(error["kind"], "unsupported");
    assert!(error["message"].as_str().unwrap().contains("does not sign"), "{error}");
    let error = service.error(&["cert", "show", "dh"], 1);
    assert_eq!(error["kind"], "not-found");
    assert_eq!(
        service.error(&["key", "csr", "dh", "--subject", "web"], 2)["kind"],
        "invalid-argument"
    );
}

/// Two authorities, one below the other, and certificates for the requests given.
fn issue(service: &Service, request: &str) -> [String; 3] {
    let [root, middle, leaf] = ["root", "middle", "leaf"].map(|name| service.file(name) + ".crt");
    let [root_key, middle_key] = ["root", "middle"].map(|name| service.file(name) + ".key");
    let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let make = |more: &[&str]| openssl(&[&new[..], more].concat());
    make(&["-subj", "/CN=Root", "-keyout", &root_key, "-out", &root]);
    let below = ["-CA", &root, "-CAkey", &root_key];
    make(&[&["-subj", "/CN=Middle", "-keyout", &middle_key, "-out", &middle], &below[..]].concat());
    let sign = ["x509", "-req", "-in", request, "-CA", &middle, "-CAkey", &middle_key];
    openssl(&[&sign[..], &["-CAcreateserial", "-days", "9", "-out", &leaf]].concat());
    [root, middle, leaf]
}

#[test]
fn an_imported_chain_is_put_in_order_and_what_does_not_belong_is_left_out() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    service.ok(&["key", "generate", "other", "--type", "p-256"]);
    let request =
        service.write("web.csr", service.ok(&["key", "csr", "web", "--subject", "CN=web.example"]));
    let [root, middle, leaf] = issue(&service, &request);
    let stranger = service.write(
        "stranger.crt",
        service.ok(&["key", "self-sign", "other", "--subject", "CN=stranger"]),
    );
    let shuffled = [&root, &stranger, &leaf, &middle, &leaf].map(read).concat();
    let bundle = service.write("bundle.pem", shuffled);

    let ran = service.run(&["cert", "import", "web", "--in", &bundle]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("CN=stranger"), "{}", ran.stderr);
    let ordered = [&leaf, &middle, &root].map(|path| openssl_text(&["x509", "-in", path])).concat();
    assert_eq!(service.ok(&["cert", "export", "web"]), ordered);

    let of_other = service.json(&["cert", "import", "other", "--in", &bundle]);
    assert_eq!(of_other["chain"].as_array().unwrap().len(), 1);
    assert_eq!(of_other["chain"][0]["subject"], "CN=stranger");
}

#[test]
fn a_chain_for_another_key_is_refused() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    service.ok(&["key", "generate", "other", "--type", "p-256"]);
    let file = service
        .write("other.crt", service.ok(&["key", "self-sign", "other", "--subject", "CN=other"]));
    let error = service.error(&["cert", "import", "web", "--in", &file], 1);
    assert_eq!(error["kind"], "invalid-argument");
    assert!(error["message"].as_str().unwrap().contains("CN=other"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("key csr"), "{error}");
}

#[test]
fn a_certificate_is_kept_without_a_key_shown_renamed_and_deleted() {
    let service = Service::start();
    let [key, root] = ["root.key", "root.pem"].map(|name| service.file(name));
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        &key,
        "-out",
        &root,
        "-subj",
        "/CN=Company Root",
        "-days",
        "9",
    ]);
    let told = openssl_text(&["x509", "-in", &root, "-noout", "-fingerprint", "-sha256"]);
    let fingerprint = told.trim().rsplit('=').next().unwrap().replace(':', "").to_lowercase();
    let added = service.json(&["cert", "add", "root", "--in", &root]);
    assert_eq!(added["uri"], "keyward:root");
    assert_eq!(added["sha256"], *fingerprint);
    assert_eq!(added["certificate"]["subject"], "CN=Company Root");
    assert_eq!(service.json(&["cert", "show", "root"]), added);
    assert_eq!(
        service.ok(&["cert", "export", "root"]).trim(),
        String::from_utf8(read(&root)).unwrap().trim()
    );
    assert_eq!(service.error(&["cert", "add", "root", "--in", &root], 1)["kind"], "already-exists");
    service.ok(&["cert", "add", "root", "--in", &root, "--replace"]);
    let listed = service.ok(&["cert", "list"]);
    assert!(listed.contains("root") && listed.contains("CN=Company Root"), "{listed}");
    service.ok(&["cert", "rename", "root", "old-root"]);
    assert_eq!(service.json(&["cert", "list"])["certificates"][0]["name"], "old-root");

    // A key and its chain go before; what is neither is told as a missing key.
    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    service.ok(&["key", "self-sign", "web", "--subject", "CN=web.example"]);
    assert!(service.ok(&["cert", "show", "web"]).contains("CN=web.example"));
    assert_eq!(service.error(&["cert", "show", "nobody"], 1)["kind"], "not-found");
    assert_eq!(service.error(&["cert", "delete", "web", "--yes"], 1)["kind"], "not-found");

    // A chain belongs to a key.
    let pair = [read(&root), read(&root)].concat();
    let pair = service.write("pair.pem", pair);
    assert_eq!(
        service.error(&["cert", "add", "two", "--in", &pair], 1)["kind"],
        "invalid-argument"
    );
    service.error(&["cert", "delete", "old-root"], 2);
    service.ok(&["cert", "delete", "old-root", "--yes"]);
    assert_eq!(service.json(&["cert", "list"])["certificates"].as_array().unwrap().len(), 0);
}
