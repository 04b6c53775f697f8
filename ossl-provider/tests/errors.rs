//! What a program finds in OpenSSL's error queue: one entry for what went wrong, with its kind and
//! what to do, and none for what went well.

mod support;

use std::fs;

use keyward_protocol::reference::Reference;
use support::{
    Host, Service, run,
    server::{Server, assert_verified, connect},
};

/// Checks that one entry of ours was printed, of this kind, and that it says each of these once.
#[track_caller]
fn assert_told_once(output: &str, kind: &str, parts: &[&str]) {
    let entries: Vec<&str> =
        output.lines().filter(|line| line.contains(":keyward:provider:")).collect();
    assert_eq!(entries.len(), 1, "{output}");
    assert!(entries[0].contains(&format!(":keyward:provider:{kind}:")), "{kind}\n{output}");
    for part in parts {
        assert_eq!(entries[0].matches(part).count(), 1, "{part}\n{output}");
    }
}

/// What has to be said of a file that is damaged.
const DAMAGED: [&str; 2] =
    [":keyward: the key reference is damaged", "(write it anew with `keyward key pem`)"];

#[test]
fn a_key_that_is_not_there_is_told_once() {
    let service = Service::start().with_keys(&[("p-256", "sign")]);
    let host = &service.host;
    fs::write(host.path("message"), "signed somewhere else\n").unwrap();
    let parts =
        [":keyward: key \"nosuch\" not found (unix:", "(`keyward key list` shows your keys"];
    for command in [
        "pkey -in keyward:nosuch -noout",
        "pkey -pubin -in keyward:nosuch -noout",
        "x509 -in keyward:nosuch -noout",
        "dgst -sha256 -sign keyward:nosuch message",
        "req -new -subj /CN=x -key keyward:nosuch",
    ] {
        assert_told_once(&host.openssl_fails(command), "not found", &parts);
    }
    service.keyward("key delete p-256 --yes");
    for command in ["dgst -sha256 -sign p-256.pem message", "req -new -subj /CN=x -key p-256.pem"] {
        let output = host.openssl_fails(command);
        assert_told_once(&output, "not found", &[":keyward: keyward:", "no such key"]);
    }
}

#[test]
fn a_service_that_is_away_is_told_once() {
    let service = Service::start().with_keys(&[("p-256", "sign"), ("rsa-2048", "decrypt")]);
    let host = Host::without_service();
    for name in ["p-256", "rsa-2048"] {
        fs::copy(service.host.path(&format!("{name}.pem")), host.path(&format!("{name}.pem")))
            .unwrap();
    }
    fs::write(host.path("message"), [7; 256]).unwrap();
    for command in [
        "pkey -in keyward:web -noout",
        "x509 -in keyward:web -noout",
        "dgst -sha256 -sign p-256.pem message",
        "req -x509 -subj /CN=x -key p-256.pem",
        "pkeyutl -decrypt -inkey rsa-2048.pem -in message",
    ] {
        assert_told_once(
            &host.openssl_fails(command),
            "service is unavailable",
            &["cannot reach the service at unix:/nonexistent/hsm.sock: ", "(start the service, or"],
        );
    }
}

#[test]
fn a_damaged_reference_is_told_once() {
    let service = Service::start().with_keys(&[("rsa-2048", "sign")]);
    let host = &service.host;
    let whole = fs::read_to_string(host.path("rsa-2048.pem")).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let shortened = [&lines[..4], &lines[6..]].concat().join("\n");
    let cut = &whole[..whole.len() - 100];
    for text in [&shortened, cut] {
        fs::write(host.path("bad.pem"), text).unwrap();
        for command in [
            "pkey -in bad.pem -noout",
            "dgst -sha256 -sign bad.pem rsa-2048.pub",
            "req -new -subj /CN=x -key bad.pem",
        ] {
            assert_told_once(&host.openssl_fails(command), "invalid argument", &DAMAGED);
        }
        let (_, output) = run(host.command(host.compile("pem_key")).arg("bad.pem"));
        assert_told_once(&output, "invalid argument", &DAMAGED);
    }
}

/// A reference PEM whose structure has been changed.
fn edited(pem: &str, edit: impl FnOnce(&mut Vec<u8>)) -> String {
    let label = "KEYWARD PRIVATE KEY";
    let start = pem.find("-----BEGIN").unwrap();
    let (_, mut der) = pem_rfc7468::decode_vec(&pem.as_bytes()[start..]).unwrap();
    edit(&mut der);
    pem_rfc7468::encode_string(label, pem_rfc7468::LineEnding::LF, &der).unwrap()
}

#[test]
fn a_reference_of_a_later_version_or_with_more_in_it_than_belongs_there_is_refused_for_what_it_is()
{
    let service = Service::start().with_keys(&[("rsa-2048", "sign")]);
    let host = &service.host;
    let whole = fs::read_to_string(host.path("rsa-2048.pem")).unwrap();
    let later = edited(&whole, |der| {
        assert_eq!(der[4..7], [2, 1, 1]);
        der[6] = 2;
    });
    let longer = edited(&whole, |der| der.push(0));
    let inside = edited(&whole, |der| {
        // The sequence has two bytes of length.
        der.extend([5, 0]);
        let length = der.len() as u16 - 4;
        der[2..4].copy_from_slice(&length.to_be_bytes());
    });
    let endless = edited(&whole, |der| der.resize(100_000, 0));
    let unended = endless.replace("-----END KEYWARD PRIVATE KEY-----", "");
    let other = ":keyward: the key reference is of version 2, this software reads 1 (";
    for (text, kind, parts) in [
        (later, "not supported", &[other, "`keyward key pem`, or upgrade Keyward here)"]),
        (longer, "invalid argument", &DAMAGED),
        (inside, "invalid argument", &DAMAGED),
        (endless, "invalid argument", &DAMAGED),
        (unended, "invalid argument", &DAMAGED),
    ] {
        fs::write(host.path("bad.pem"), text).unwrap();
        assert_told_once(&host.openssl_fails("pkey -in bad.pem -noout"), kind, parts);
        let (_, output) = run(host.command(host.compile("pem_key")).arg("bad.pem"));
        assert_told_once(&output, kind, parts);
    }
}

#[test]
fn a_reference_with_another_public_key_than_the_service_signs_nothing() {
    let mut types = vec!["rsa-2048", "rsa-pss-2048", "p-256", "secp256k1", "ed25519"];
    let service = Service::start();
    let host = &service.host;
    if host.version() >= (3, 5) {
        types.push("ml-dsa-65");
    }
    let parts =
        ["the reference has the public key of another key than the service (write it anew with \
         `keyward key pem`)"];
    for kind in types {
        let [own, other] = [kind.to_owned(), format!("{kind}-other")].map(|name| {
            service.keyward(&format!("key generate {name} --type {kind}"));
            let pem = service.keyward(&format!("key pem {name}"));
            fs::write(host.path(&format!("{name}.pem")), &pem).unwrap();
            Reference::from_pem(&pem).unwrap()
        });
        let mixed = Reference { spki: other.spki, ..own };
        fs::write(host.path("mixed.pem"), mixed.to_pem().unwrap()).unwrap();
        for command in ["req -new -subj /CN=x -key", "req -x509 -subj /CN=x -key"] {
            let output = host.openssl_fails(&format!("{command} mixed.pem"));
            assert_told_once(&output, "invalid argument", &parts);
            host.openssl(&format!("{command} {kind}.pem"));
        }
    }
    // A point that is on no curve is seen at once.
    let whole = fs::read_to_string(host.path("p-256.pem")).unwrap();
    let off = edited(&whole, |der| *der.last_mut().unwrap() ^= 1);
    fs::write(host.path("off.pem"), off).unwrap();
    let output = host.openssl_fails("pkey -in off.pem -noout");
    assert_told_once(
        &output,
        "invalid argument",
        &["the reference to keyward:p-256: ", DAMAGED[1]],
    );
}

#[test]
fn a_pin_that_is_wrong_or_missing_is_told_once() {
    let service = Service::start().with_keys(&[("p-256", "sign")]);
    let host = &service.host;
    let (_, me) = run(std::process::Command::new("id").arg("-un"));
    fs::write(host.path("pin"), "correct-horse\n").unwrap();
    service.keyward(&format!("user set-pin {} --new-pin-file pin", me.trim()));
    let wrong = host.openssl_fails("pkey -in keyward:p-256 -passin pass:battery-staple -noout");
    assert_told_once(&wrong, "caller is not known", &[" is wrong"]);
    let missing = host.openssl_fails("dgst -sha256 -sign p-256.pem p-256.pub");
    let parts = ["has to log in with a PIN", "KEYWARD_PIN_FILE"];
    assert_told_once(&missing, "caller is not known", &parts);
}

#[test]
fn what_goes_well_raises_nothing_that_the_core_would_have_to_take_back() {
    let keys =
        [("rsa-2048", "sign"), ("rsa-pss-2048", "sign"), ("p-521", "sign"), ("ed25519", "sign")];
    let service = Service::start().with_keys(&keys);
    let host = &service.host;
    // OpenSSL takes back what is raised while it tries; the trace has it all the same.
    let trace = host.path("trace");
    host.configure(&format!("trace = {}", trace.display()), "");
    for (name, _) in keys {
        host.openssl(&format!("req -x509 -key keyward:{name} -subj /CN=x -out {name}.crt"));
        for key in [format!("keyward:{name}"), format!("{name}.pem")] {
            let server = Server::with_key(host, &key, name, "");
            for version in ["-tls1_2", "-tls1_3"] {
                assert_verified(&connect(host, &server, name, version), &key);
            }
        }
    }
    let told = fs::read_to_string(&trace).unwrap();
    assert!(told.contains("request sign: done"), "{told}");
    assert!(!told.contains(" error: "), "{told}");
}
