//! What a program finds in OpenSSL's error queue: one entry for what went wrong, with its kind and
//! what to do, and none for what went well.

mod support;

use std::fs;

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
