//! Limits of use on the command line, and the doctor's eye on them.

mod cli_support;

use cli_support::Service;
use serde_json::{Value, json};

fn sign(service: &Service, key: &str) -> i32 {
    let message = service.write("message", "text");
    service.run(&["sign", key, "--in", &message, "--out", &service.file("signature")]).status
}

fn doctor(service: &Service) -> Vec<Value> {
    let ran = service.run(&["doctor", "--json"]);
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    report["checks"].as_array().unwrap().clone()
}

/// What the doctor finds of keys: state, finding, advice.
fn of_keys(service: &Service) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let checks = doctor(service).into_iter().filter(|check| check["check"] == "keys");
    checks
        .map(|check| (text(&check["state"]), text(&check["finding"]), text(&check["advice"])))
        .collect()
}

#[test]
fn a_key_shows_how_many_uses_it_has_left() {
    let service = Service::start();
    let generate = ["key", "generate", "release", "--type", "p-256", "--max-uses", "20"];
    let made = service.json(&[&generate[..], &["--max-rate", "1000/hour"]].concat());
    assert_eq!(made["restrictions"]["max_uses"], 20);
    assert_eq!(made["restrictions"]["max_rate"], "1000/hour");
    assert_eq!(made["uses"], json!({ "most": 20, "used": 0, "left": 20 }));
    assert_eq!(made["gcm_encryptions"], Value::Null);
    for _ in 0..3 {
        assert_eq!(sign(&service, "release"), 0);
    }
    let text = service.ok(&["key", "show", "release"]);
    assert!(text.contains("3 of 20, 17 left") && text.contains("1000/hour"), "{text}");
    let listed = service.json(&["key", "list"]);
    assert_eq!(listed[0]["uses"], json!({ "most": 20, "used": 3, "left": 17 }));

    let fewer = service.json(&["key", "restrict", "release", "--max-uses", "4"]);
    assert_eq!(fewer["uses"], json!({ "most": 4, "used": 3, "left": 1 }));
    let error = service.error(&["key", "restrict", "release", "--max-uses", "5"], 1);
    assert_eq!(error["kind"], "invalid-argument");
    assert_eq!(sign(&service, "release"), 0);
    let message = service.write("message", "text");
    let error = service.error(&["sign", "release", "--in", &message], 1);
    assert_eq!(error["kind"], "limit-exceeded");
    assert!(error["hint"].as_str().unwrap().contains("keyward key rotate"), "{error}");
    for wrong in ["10", "10/day", "0/second"] {
        let arguments = ["key", "restrict", "release", "--max-rate", wrong];
        assert_eq!(service.run(&arguments).status, 2, "{wrong}");
    }
    assert_eq!(service.run(&["key", "restrict", "release", "--max-uses", "0"]).status, 2);

    service.ok(&["key", "generate", "data", "--type", "aes-256"]);
    service.ok(&["encrypt", "data", "--in", &message, "--out", &service.file("sealed")]);
    let shown = service.json(&["key", "show", "data"]);
    assert_eq!(shown["gcm_encryptions"]["used"], 1);
    assert_eq!(shown["gcm_encryptions"]["most"], 1_u64 << 32);
}

#[test]
fn the_doctor_names_keys_that_have_ended_or_come_to_an_end_and_uses_none_of_their_uses() {
    let service = Service::start();
    let generate = ["key", "generate"];
    let with = |more: &[&str]| service.ok(&[&generate[..], more, &["--type", "p-256"]].concat());
    with(&["fine", "--max-uses", "20"]);
    let found = of_keys(&service);
    assert!(found.len() == 1 && found[0].0 == "ok" && found[0].1.contains("1 looked at"));

    with(&["near", "--max-uses", "10"]);
    with(&["gone", "--max-uses", "1"]);
    with(&["ended", "--not-after", "2020-01-01"]);
    with(&["ending", "--not-after", "+3d"]);
    with(&["certified"]);
    service.ok(&["key", "self-sign", "certified", "--subject", "CN=x", "--days", "5"]);
    for _ in 0..9 {
        assert_eq!(sign(&service, "near"), 0);
    }
    assert_eq!(sign(&service, "gone"), 0);
    let found = of_keys(&service);
    for (state, finding, advice) in [
        ("problem", "ended has ended at 2020-01-01", "keyward key rotate ended"),
        ("note", "ending ends at 20", "keyward key rotate ending"),
        ("note", "near has had 9 of its 10 uses", "keyward key rotate near"),
        ("problem", "gone has had 1 of its 1 uses", "keyward key rotate gone"),
        ("note", "the certificate of ", "keyward cert import certified"),
    ] {
        let is_there = |check: &(String, String, String)| {
            check.0 == state && check.1.contains(finding) && check.2.contains(advice)
        };
        assert_eq!(found.iter().filter(|check| is_there(check)).count(), 1, "{finding}: {found:?}");
    }
    assert_eq!(found.len(), 5, "{found:?}");

    service.run(&["doctor", "fine"]);
    assert_eq!(service.json(&["key", "show", "fine"])["uses"]["used"], 0);
}

#[test]
fn a_key_that_has_ended_is_told_at_its_birth_and_is_not_measured() {
    let service = Service::start();
    let made =
        service.run(&["key", "generate", "late", "--type", "p-256", "--not-after", "2020-01-01"]);
    assert_eq!(made.status, 0);
    assert!(made.stderr.contains("is never used"), "{}", made.stderr);
    let error = service.error(&["bench", "late", "--seconds", "1"], 1);
    assert_eq!(error["kind"], "permission-denied", "{error}");
}
