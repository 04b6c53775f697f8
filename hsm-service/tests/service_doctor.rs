//! What the doctor sees of a service that is no development service, by the roles of who asks.

mod service_support;

use std::fs;

use keyward_protocol::messages::Enrol;
use serde_json::Value;
use service_support::{Machine, Service, State};

/// The doctor's checks of this name, as text: state, finding, advice.
fn checks(machine: &Machine, service: &Service, name: &str) -> Vec<String> {
    let output = machine.command(service, &["doctor", "--json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let checks = report["checks"].as_array().unwrap().iter();
    let text = |check: &Value| {
        let part = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
        format!("{}: {} → {}", part("state"), part("finding"), part("advice"))
    };
    checks.filter(|check| check["check"] == name).map(text).collect()
}

fn one(machine: &Machine, service: &Service, name: &str) -> String {
    let mut found = checks(machine, service, name);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn an_administrator_sees_who_is_locked_and_an_operator_what_backups_there_are() {
    let mut state = State::new();
    let (_, backup) = state.backup_identity();
    state.more = "[people]\nmax_pin_failures = 1\n".into();
    let service = state.start();
    let admin = service.machine("root", &["admin"], &[]);
    let operator = service.machine("ops", &["operator"], &[]);
    assert_eq!(one(&admin, &service, "users"), "ok: 3, none of them locked → ");
    assert!(checks(&operator, &service, "users").is_empty());
    assert!(checks(&admin, &service, "backups").is_empty());
    let none = one(&operator, &service, "backups");
    assert!(none.starts_with("problem: ") && none.contains("keyward backup identity"), "{none}");

    // Somebody guesses bob's PIN.
    let enrol =
        Enrol { user: "bob".into(), pin: true, roles: vec!["user".into()], ..Enrol::default() };
    let bob = Machine::issued(&service.administrator(), enrol);
    let pin = state.path("pin");
    fs::write(&pin, "first right pin\n").unwrap();
    let mut set = admin.command(&service, &["user", "set-pin", "bob", "--new-pin-file"]);
    assert!(set.arg(&pin).output().unwrap().status.success());
    fs::write(&pin, "wrong pin altogether\n").unwrap();
    let mut guess = bob.command(&service, &["key", "list", "--pin-file"]);
    assert!(!guess.arg(&pin).output().unwrap().status.success());
    let locked = one(&admin, &service, "users");
    assert!(locked.starts_with("problem: \"bob\" is locked since 20"), "{locked}");
    assert!(locked.contains("keyward user unlock bob"), "{locked}");

    assert!(service.terminate().success());
    state.more += &backup;
    let service = state.start();
    let none = one(&operator, &service, "backups");
    assert!(none.starts_with("problem: there is none in "), "{none}");
    assert!(operator.command(&service, &["backup", "create"]).output().unwrap().status.success());
    let fresh = one(&operator, &service, "backups");
    assert!(fresh.starts_with("ok: the newest, keyward-"), "{fresh}");
    // An old one.
    let folder = state.path("hsm/backups");
    for file in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        fs::rename(&file, folder.join("keyward-20200101T000000Z.backup")).unwrap();
    }
    let old = one(&operator, &service, "backups");
    assert!(old.starts_with("problem: ") && old.contains("every_hours"), "{old}");
}

#[test]
fn a_certificate_that_is_kept_without_a_key_is_noted_before_it_ends() {
    let state = State::new();
    let service = state.start();
    let web = service.machine("web", &["user"], &[]);
    let root = |days| {
        let mut params = rcgen::CertificateParams::new(["root".to_owned()]).unwrap();
        params.not_before = time::OffsetDateTime::now_utc() - time::Duration::days(9);
        params.not_after = time::OffsetDateTime::now_utc() + time::Duration::days(days);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
    };
    let client = web.client(&service);
    client.put_certificate("root", &root(90), false).unwrap();
    assert!(one(&web, &service, "keys").starts_with("ok: "));
    client.put_certificate("root", &root(5), true).unwrap();
    let soon = one(&web, &service, "keys");
    assert!(soon.starts_with("note: the certificate web/root, kept without a key, ends at 20"));
    assert!(soon.contains("keyward cert add root"), "{soon}");
    client.put_certificate("root", &root(-5), true).unwrap();
    assert!(one(&web, &service, "keys").starts_with("problem: "));
}

#[test]
fn a_sealed_service_is_a_problem_with_what_opens_it() {
    let state = State::new();
    let service = state.start();
    let admin = service.machine("root", &["admin"], &[]);
    service.administrator().lock_seal().unwrap();
    let sealed = one(&admin, &service, "service");
    assert!(sealed.starts_with("problem: ") && sealed.contains("cannot sign: it is sealed"));
    assert!(sealed.contains("keyward unseal"), "{sealed}");
}
