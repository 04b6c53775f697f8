//! The store as `openssl storeutl` sees it: what is listed loads again under the name that it is
//! listed by, and searches find what they are meant to.

mod support;

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::{
    Error,
    messages::{KeyInfo, Response, response},
};
use support::{Host, Service, proxy::Proxy, run};

/// Every kind of character that a name may have, and the longest name that there is.
fn awkward_names() -> [String; 5] {
    let longest = "n".repeat(128);
    ["A.b_c-D.0", "..", "_", "0-0.", &longest].map(String::from)
}

/// Runs `storeutl` with arguments that may have spaces in them.
fn storeutl(service: &Service, arguments: &[&str]) -> String {
    let (success, output) =
        run(service.host.command("openssl").arg("storeutl").args(arguments).arg("keyward:"));
    assert!(success, "storeutl {arguments:?}\n{output}");
    output
}

/// How many keys and certificates `storeutl` finds.
fn found(service: &Service, arguments: &[&str]) -> (usize, usize) {
    let output = storeutl(service, &[&["-noout"], arguments].concat());
    (output.matches(": Pkey").count(), output.matches(": Certificate").count())
}

/// A root of the stranger's and a key of ours that it has certified, with the chain beside it.
fn certified(service: &Service, name: &str, subject: &str) {
    let host = &service.host;
    if !host.path("root.crt").exists() {
        fs::write(host.path("root.cnf"), "[req]\ndistinguished_name = dn\n[dn]\n").unwrap();
        host.stranger(
            "req -x509 -newkey rsa:2048 -noenc -keyout root.key -out root.crt -days 9 \
             -config root.cnf -addext subjectKeyIdentifier=hash \
             -addext basicConstraints=critical,CA:true -subj /O=Elsewhere/CN=root",
        );
    }
    service.keyward(&format!("key generate {name} --type p-256"));
    let request = service.keyward(&format!("key csr {name} --subject {subject}"));
    fs::write(host.path("leaf.csr"), request).unwrap();
    host.stranger(&format!(
        "x509 -req -in leaf.csr -CA root.crt -CAkey root.key -CAcreateserial -days 8 \
         -out {name}.crt"
    ));
    let chain = [host.path(&format!("{name}.crt")), host.path("root.crt")];
    let chain = chain.map(|file| fs::read_to_string(file).unwrap()).concat();
    fs::write(host.path("chain.pem"), chain).unwrap();
    service.keyward(&format!("cert import {name} --in chain.pem"));
}

#[test]
fn every_name_that_a_listing_tells_loads_the_same_key_again() {
    let service = Service::start();
    let host = &service.host;
    let names = awkward_names();
    for name in &names {
        service.keyward(&format!("key generate {name} --type p-256"));
    }
    let listed = storeutl(&service, &["-keys"]);
    let mut seen = BTreeSet::new();
    for (number, part) in listed.split("-----BEGIN KEYWARD PRIVATE KEY-----").enumerate().skip(1) {
        let (body, _) = part.split_once("-----END").expect("a block ends");
        let file = format!("{number}.pem");
        let label = "KEYWARD PRIVATE KEY";
        let pem = format!("-----BEGIN {label}-----{body}-----END {label}-----\n");
        fs::write(host.path(&file), pem).unwrap();
        let from_file = host.openssl(&format!("pkey -in {file} -pubout"));
        let written = host.openssl(&format!("pkey -in {file}"));
        let line = written.lines().find(|line| line.contains("only a reference to "));
        let named = line.and_then(|line| line.split(' ').find(|word| word.contains(':')));
        let uri = named.expect("the file says what it refers to").trim_end_matches(',');
        let owned = uri.strip_prefix("keyward:").and_then(|rest| rest.split_once('/'));
        let (owner, name) = owned.expect("a listing names the owner");
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for uri in [
            uri.to_owned(),
            format!("keyward:{name}"),
            format!("keyward:{owner}/{encoded}"),
            format!("KEYWARD:{owner}%2f{encoded}?type=private"),
        ] {
            assert_eq!(host.openssl(&format!("pkey -in {uri} -pubout")), from_file, "{uri}");
        }
        seen.insert(name.to_owned());
    }
    assert_eq!(seen, BTreeSet::from(names), "{listed}");
}

#[test]
fn names_that_no_key_can_have_are_refused_with_a_reason() {
    let service = Service::start();
    for uri in ["keyward:a b", "keyward:a%2525", "keyward:a;b", "keyward:%C3%A9", "keyward:a/b/c"] {
        let (success, output) = run(service.host.command("openssl").args(["storeutl", uri]));
        assert!(!success && output.contains("no valid"), "{uri}: {output}");
    }
}

#[test]
fn certificates_and_their_keys_are_found_by_subject() {
    let service = Service::start();
    certified(&service, "web", "CN=web,O=Keyward");
    certified(&service, "mail", "CN=mail,O=Keyward");
    for (subject, expected) in [
        ("/CN=web", (0, 0)),
        ("/CN=nobody/O=Keyward", (0, 0)),
        // A certificate that is in two chains is there once.
        ("/O=Elsewhere/CN=root", (0, 1)),
    ] {
        assert_eq!(found(&service, &["-subject", subject]), expected, "{subject}");
    }
    // In the order that the command line writes names in, in any case and with any spaces.
    let names = [
        ["/O=Keyward/CN=web", "/O=KEYWARD/CN= WEB "],
        ["/CN=web/O=Keyward", "/CN=WEB/O= KeyWard "],
    ];
    let told = service.host.stranger("x509 -in web.crt -noout -subject -nameopt compat");
    let names = names.into_iter().find(|[name, _]| told.contains(name)).expect("its subject");
    for subject in names {
        assert_eq!(found(&service, &["-subject", subject]), (1, 1), "{subject}");
        assert_eq!(found(&service, &["-certs", "-subject", subject]), (0, 1), "{subject}");
        assert_eq!(found(&service, &["-keys", "-subject", subject]), (1, 0), "{subject}");
    }
    let printed = storeutl(&service, &["-certs", "-subject", names[0]]);
    assert!(printed.contains(&service.host.stranger("x509 -in web.crt")), "{printed}");
}

#[test]
fn certificates_and_their_keys_are_found_by_issuer_and_serial_number() {
    let service = Service::start();
    certified(&service, "web", "CN=web");
    certified(&service, "mail", "CN=mail");
    let program = service.host.compile("search");
    let found = |issuer: &str, serial: &str| {
        let (success, output) = run(service.host.command(&program).args([issuer, serial]));
        assert!(success, "{issuer} {serial}\n{output}");
        output.trim().to_owned()
    };
    let serial = |name: &str| {
        let told = service.host.stranger(&format!("x509 -in {name}.crt -noout -serial"));
        told.trim().trim_start_matches("serial=").to_owned()
    };
    for name in ["web", "mail"] {
        assert_eq!(found("root.crt", &serial(name)), "1 1", "{name}");
    }
    assert_eq!(found("root.crt", &serial("root")), "0 1");
    assert_eq!(found("root.crt", "1"), "0 0");
    assert_eq!(found("web.crt", &serial("web")), "0 0");
}

#[test]
fn keys_and_certificates_are_found_by_fingerprint() {
    let service = Service::start();
    certified(&service, "web", "CN=web");
    certified(&service, "mail", "CN=mail");
    let host = &service.host;
    host.stranger("x509 -in web.crt -outform DER -out web.der");
    host.stranger("x509 -in web.crt -pubkey -noout -out web.pub");
    host.stranger("pkey -pubin -in web.pub -outform DER -out web.spki");
    for digest in ["sha1", "sha256", "sha3-512"] {
        for file in ["web.der", "web.spki"] {
            let hashed = host.stranger(&format!("dgst -{digest} -r {file}"));
            let (fingerprint, _) = hashed.split_once(' ').expect("the digest, then the file");
            let option = format!("-{digest}");
            let arguments = ["-fingerprint", fingerprint, &option];
            assert_eq!(found(&service, &arguments), (1, 1), "{digest} of {file}");
        }
    }
    // The subject key identifier, as the certificate tells it.
    let told = host.stranger("x509 -in root.crt -noout -ext subjectKeyIdentifier");
    let identifier = told.lines().last().expect("the extension has a value").trim();
    assert_eq!(found(&service, &["-fingerprint", identifier, "-sha1"]), (0, 1));
    let other = "00".repeat(20);
    assert_eq!(found(&service, &["-fingerprint", &other, "-sha1"]), (0, 0));
}

#[test]
fn keys_are_found_by_alias_with_their_chains() {
    let service = Service::start();
    certified(&service, "web", "CN=web");
    certified(&service, "mail", "CN=mail");
    let shown = service.keyward("key show web --json");
    let field = |name: &str| {
        let (_, rest) = shown.split_once(&format!("\"{name}\"")).expect("a field of the key");
        rest.split('"').nth(1).expect("a text").to_owned()
    };
    let (owner, id) = (field("owner"), field("id"));
    for alias in ["web".to_owned(), format!("{owner}/web"), format!("id={id}")] {
        assert_eq!(found(&service, &["-alias", &alias]), (1, 2), "{alias}");
        assert_eq!(found(&service, &["-keys", "-alias", &alias]), (1, 0), "{alias}");
    }
    for alias in ["we", "WEB", "web2", "nobody/web"] {
        assert_eq!(found(&service, &["-alias", alias]), (0, 0), "{alias}");
    }
}

#[test]
fn a_certificate_that_is_kept_without_a_key_is_listed_and_trusted_by_its_name() {
    let service = Service::start();
    let host = &service.host;
    certified(&service, "web", "CN=web");
    let (_, before) = found(&service, &["-certs"]);
    service.keyward("cert add company-root --in root.crt");
    assert_eq!(found(&service, &["-certs"]), (0, before + 1));
    assert_eq!(found(&service, &["-keys"]), (1, 0));
    let root = host.stranger("x509 -in root.crt");
    for uri in ["keyward:company-root", "keyward:company-root?type=cert"] {
        assert!(host.openssl(&format!("storeutl {uri}")).contains(&root), "{uri}");
    }
    assert_eq!(host.openssl("x509 -in keyward:company-root"), root);
    let (success, output) = run(service.host.command("openssl").args([
        "pkey",
        "-in",
        "keyward:company-root",
        "-pubout",
    ]));
    assert!(!success && output.contains("not found"), "{output}");
    // A program trusts what it is told to trust, by name.
    let verified =
        host.openssl("verify -no-CAfile -no-CApath -CAstore keyward:company-root web.crt");
    assert!(verified.contains("web.crt: OK"), "{verified}");
    let (success, output) = run(service.host.command("openssl").args([
        "verify",
        "-no-CAfile",
        "-no-CApath",
        "-no-CAstore",
        "web.crt",
    ]));
    assert!(!success, "{output}");
}

/// Tells of the keys that a service answers with.
fn keys_of(answer: &mut Response) -> &mut [KeyInfo] {
    match &mut answer.result {
        Some(response::Result::Key(key)) => std::slice::from_mut(key),
        Some(response::Result::Keys(page)) => &mut page.keys,
        _ => &mut [],
    }
}

#[test]
fn keys_that_only_a_later_version_knows_hide_no_others_and_are_refused_by_name() {
    let mut service = Service::start();
    for name in ["known", "later", "odd"] {
        service.keyward(&format!("key generate {name} --type p-256"));
    }
    // Of the later version is a type that nobody knows here, and a way to write public keys.
    let proxy = Proxy::changing(service.host.address(), |answer| {
        for key in keys_of(answer) {
            match key.name.as_str() {
                "later" => key.key_type = "slh-dsa-256".into(),
                "odd" => key.spki = vec![0x30, 0],
                _ => {}
            }
        }
    });
    service.host = Host::at(&proxy.address());
    let host = &service.host;
    let trace = host.path("trace");
    host.configure(&format!("trace = {}", trace.display()), "");

    assert_eq!(found(&service, &[]), (1, 0));
    let told = fs::read_to_string(&trace).unwrap();
    for part in [
        "left out: key \"later\" is of type \"slh-dsa-256\"",
        "left out: key \"odd\": the public key",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    let listed = service.keyward("key list");
    assert!(listed.contains("known") && !listed.contains("later"), "{listed}");

    let refused = host.openssl_fails("pkey -in keyward:later -noout");
    assert!(refused.contains("which this version does not know"), "{refused}");
    let (success, refused) = service.try_keyward("key show later");
    assert!(!success && refused.contains("which this version does not know"), "{refused}");
    let refused = host.openssl_fails("pkey -in keyward:odd -noout");
    assert!(refused.contains("key \"odd\": the public key is malformed"), "{refused}");
}

#[test]
fn a_name_is_not_found_only_where_the_service_said_so_of_keys_and_certificates() {
    let mut service = Service::start();
    // The answer about keys passes, what comes after it is a refusal.
    let refusals = Arc::new(AtomicUsize::new(0));
    let proxy = Proxy::changing(service.host.address(), move |answer| {
        if let Some(response::Result::Failure(failure)) = &mut answer.result
            && refusals.fetch_add(1, Relaxed) % 2 == 1
        {
            let gone = Error::new(ErrorKind::Sealed, "the service has been sealed meanwhile");
            *failure = gone.into();
        }
    });
    service.host = Host::at(&proxy.address());
    let refused = service.host.openssl_fails("x509 -in keyward:web -noout");
    assert_eq!(proxy.requests(), ["find", "list-certificates"]);
    assert!(refused.contains("sealed meanwhile") && !refused.contains("not found"), "{refused}");
}
