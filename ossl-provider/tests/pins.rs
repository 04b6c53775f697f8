//! A user who logs in with a PIN: where OpenSSL's programs get it from, and where not.

mod support;

use std::fs;

use support::{HANGS_AFTER, Service, run};

const PIN: &str = "correct-horse";

/// A service whose user, who runs the test, has a PIN and a key `p-256`.
fn service() -> Service {
    let service = Service::start().with_keys(&[("p-256", "sign")]);
    let (_, me) = run(std::process::Command::new("id").arg("-un"));
    let me = me.trim();
    fs::write(service.host.path("pin"), format!("{PIN}\n")).unwrap();
    service.keyward(&format!("user set-pin {me} --new-pin-file pin"));
    service
}

#[test]
fn the_application_is_asked_once_and_may_fork_meanwhile() {
    let service = service();
    let program = service.host.compile("prompt");
    let mut limited = service.host.command("timeout");
    let (success, output) = run(limited.arg(HANGS_AFTER).arg(program).args(["keyward:p-256", PIN]));
    assert!(success, "{output}");
}

#[test]
fn the_programs_of_openssl_take_the_pin_that_they_are_given() {
    let service = service();
    let host = &service.host;
    let public = fs::read_to_string(host.path("p-256.pub")).unwrap();
    let loaded = host.openssl(&format!("pkey -in keyward:p-256 -passin pass:{PIN} -pubout"));
    assert!(loaded.contains(&public), "{loaded}");
    let listed = host.openssl(&format!("storeutl -passin pass:{PIN} -noout -keys keyward:"));
    assert!(listed.contains("Total found: 1"), "{listed}");

    let wrong = host.openssl_fails("pkey -in keyward:p-256 -passin pass:battery-staple -noout");
    assert!(wrong.contains("is wrong"), "{wrong}");
    assert!(!wrong.contains("battery"), "{wrong}");
}

#[test]
fn a_uri_names_the_file_with_the_pin() {
    let service = service();
    let host = &service.host;
    let uri = |file: &str| format!("keyward:p-256?pin-source=file:{}", host.path(file).display());
    host.openssl(&format!("pkey -in {} -pubout", uri("pin")));

    let (made, _) = run(host.command("mkfifo").arg("pipe"));
    assert!(made);
    fs::write(host.path("large"), "x".repeat(2000)).unwrap();
    for (file, why) in
        [("pipe", "no regular file"), ("large", "larger than"), ("none", "No such file")]
    {
        let refused = host.openssl_fails(&format!("pkey -in {} -noout", uri(file)));
        assert!(refused.contains("cannot read a PIN") && refused.contains(why), "{refused}");
    }
}

#[test]
fn the_setting_pin_file_is_enough_for_a_reference_and_without_it_the_error_says_so() {
    let service = service();
    let host = &service.host;
    let sign = "dgst -sha256 -sign p-256.pem -out signature openssl.cnf";
    let refused = host.openssl_fails(sign);
    assert!(refused.contains("has to log in with a PIN"), "{refused}");
    assert!(refused.contains("KEYWARD_PIN_FILE"), "{refused}");
    host.configure(&format!("pin_file = {}", host.path("pin").display()), "");
    host.openssl(sign);
    host.stranger("dgst -sha256 -verify p-256.pub -signature signature openssl.cnf");
}
