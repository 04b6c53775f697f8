//! `keyward serve --dev`, `status` over several addresses, and `bench`.

mod cli_support;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use cli_support::{KEYWARD, Ran, Service, keyward};
use serde_json::Value;

#[test]
fn a_development_service_prints_its_address_and_leaves_nothing_behind() {
    let mut process =
        keyward(&["serve", "--dev"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let socket = line.trim().strip_prefix("export KEYWARD_ADDRESS=unix:").unwrap().to_owned();
    assert!(Path::new(&socket).exists());
    let status = keyward(&["status", "--address", &format!("unix:{socket}")]).output().unwrap();
    assert!(status.status.success());

    let term = Command::new("kill").arg(process.id().to_string()).status().unwrap();
    assert!(term.success());
    let ended = Ran::from(process.wait_with_output().unwrap());
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("NOT FOR PRODUCTION"), "{}", ended.stderr);
    assert!(!Path::new(&socket).parent().unwrap().exists(), "{socket} is still there");
}

#[test]
fn a_development_service_ends_with_its_terminal_unless_nohup_has_it_stay() {
    for (shell, stays) in [("exec \"$@\"", false), ("trap '' HUP; exec \"$@\"", true)] {
        // This test may run under nohup itself.
        let mut process = Command::new("env")
            .args(["--default-signal=HUP", "bash", "-c", shell, "bash", KEYWARD, "serve", "--dev"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("export KEYWARD_ADDRESS=").unwrap().to_owned();
        let id = process.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
        if stays {
            let status = keyward(&["status", "--address", &address]).output().unwrap();
            assert!(status.status.success());
            assert!(Command::new("kill").arg(&id).status().unwrap().success());
        }
        assert!(process.wait().unwrap().success());
        let socket = address.strip_prefix("unix:").unwrap();
        assert!(!Path::new(socket).parent().unwrap().exists(), "{socket} is still there");
    }
}

#[test]
fn a_development_service_with_a_folder_has_its_keys_again_after_a_restart() {
    let mut service = Service::start();
    let made = service.json(&["key", "generate", "web", "--type", "p-256"]);
    service.kill();
    service.start_again();
    assert_eq!(service.json(&["key", "show", "web"]), made);
}

#[test]
fn serving_without_a_configuration_says_how_to_get_one() {
    let ran = Ran::from(keyward(&["serve", "--config", "/nonexistent.toml"]).output().unwrap());
    assert_eq!(ran.status, 1);
    for expected in ["error: ", "/nonexistent.toml", "hint: ", "keyward init"] {
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    }
    let state = Ran::from(keyward(&["serve", "--state", "/tmp"]).output().unwrap());
    assert_eq!(state.status, 2, "{}", state.stderr);
}

#[test]
fn status_waits_for_a_service_that_is_still_starting() {
    let mut service = Service::start();
    service.kill();
    assert_eq!(service.run(&["status"]).status, 1);
    let waiting = service.command(&["status", "--wait", "20"]).stdout(Stdio::piped()).spawn();
    service.start_again();
    let ran = Ran::from(waiting.unwrap().wait_with_output().unwrap());
    assert!(ran.text().contains("can sign"), "{}{}", ran.text(), ran.stderr);
    assert_eq!(ran.status, 0);
}

#[test]
fn of_several_addresses_each_one_is_reported() {
    let service = Service::start();
    let both = format!("{},unix:/nonexistent/hsm.sock", service.address());
    let status = service.json(&["status", "--address", &both]);
    assert_eq!(status["can_sign"], true);
    assert_eq!(status["peers"][0]["can_sign"], true);
    assert_eq!(status["peers"][1]["can_sign"], false);
    assert!(status["peers"][1]["error"].is_string(), "{status}");
}

#[test]
fn status_names_the_cryptographic_library_and_has_it_test_itself() {
    let service = Service::start();
    let status = service.json(&["status", "--self-test"]);
    assert_eq!(status["self_test"], "passed");
    let module = status["module"].as_str().unwrap();
    let (name, version) = module.rsplit_once(' ').unwrap();
    let expected = if cfg!(feature = "fips") { "AWS-LC FIPS" } else { "AWS-LC" };
    assert_eq!(name, expected);
    assert!(version.split('.').count() == 3, "{module}");
    assert_eq!(status["fips"], cfg!(feature = "fips"));
}

#[test]
fn a_benchmark_measures_and_deletes_the_keys_that_it_made() {
    let service = Service::start();
    let flags = ["--type", "p-256,ml-kem-768", "--seconds", "1", "--threads", "2"];
    let figures = service.json(&[&["bench"], &flags[..]].concat());
    let names: Vec<&str> =
        figures.as_array().unwrap().iter().map(|one| one["operation"].as_str().unwrap()).collect();
    assert_eq!(names, ["round trip", "p-256 sign ecdsa-sha256", "ml-kem-768 decapsulate"]);
    for one in figures.as_array().unwrap() {
        assert!(one["per_second"].as_f64().unwrap() > 1.0, "{one}");
        assert_eq!(one["failures"], 0);
        let latency = &one["latency_microseconds"];
        let ordered: Vec<f64> = ["p50", "p95", "p99", "p99_9", "max"]
            .map(|name| latency[name].as_f64().unwrap())
            .into();
        assert!(ordered.is_sorted(), "{one}");
    }
    assert_eq!(service.json(&["key", "list"]), Value::Array(Vec::new()));

    service.ok(&["key", "generate", "web", "--type", "rsa-2048"]);
    let table = service.ok(&["bench", "web", "--seconds", "1", "--threads", "1"]);
    assert!(table.contains("rsa-2048 decrypt rsa-oaep"), "{table}");
}
