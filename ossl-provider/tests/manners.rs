//! Behaviour inside hosts that are hard on it: crowds of threads, forks and signals in the middle
//! of requests, a thousand reloads, no descriptors left, every way to end.

mod support;

use std::{fs, path::Path, process::Command, time::Duration};

use support::{HANGS_AFTER, Host, Service, run};

const KEYS: [(&str, &str); 4] =
    [("rsa-2048", "sign"), ("p-256", "sign"), ("p-384", "sign"), ("ed25519", "sign")];

/// Runs a trial of the C program; what it printed. A trial that hangs is a failure.
fn trial(host: &Host, arguments: &[&str]) -> String {
    run_trial(host, &host.compile("manners"), arguments)
}

fn run_trial(host: &Host, program: &Path, arguments: &[&str]) -> String {
    let mut limited: Command = host.command("timeout");
    let (success, output) = run(limited.arg(HANGS_AFTER).arg(program).args(arguments));
    assert!(success, "{arguments:?}\n{output}");
    output
}

fn service() -> Service {
    Service::start().with_keys(&KEYS)
}

#[test]
fn sixty_four_threads_sign_with_four_keys() {
    let service = service();
    let uris = KEYS.map(|(name, _)| format!("keyward:{name}"));
    let uris: Vec<&str> = uris.iter().map(String::as_str).collect();
    trial(&service.host, &[&["crowd"], uris.as_slice()].concat());
}

#[test]
fn a_thousand_loads_and_unloads_leave_nothing_behind() {
    trial(&service().host, &["reload", "keyward:p-256"]);
}

#[test]
fn instances_in_one_process_have_their_own_settings() {
    let (first, second) = (service(), service());
    let wrong = Host::at("nonsense:address");
    let files = [&first.host, &second.host, &wrong].map(|host| host.path("openssl.cnf"));
    let files = files.each_ref().map(|file| file.to_str().unwrap());
    trial(&first.host, &["instances", "keyward:p-256", files[0], files[1], files[2]]);
}

#[test]
fn forks_in_the_middle_of_requests_disturb_neither_side() {
    let mut service = service();
    trial(&service.host, &["fork-storm", "keyward:p-256"]);
    // So that at every fork all threads wait for answers.
    service.move_away(Duration::from_millis(30));
    trial(&service.host, &["fork-storm", "keyward:p-256"]);
}

#[test]
fn programs_that_a_host_runs_inherit_no_connection() {
    trial(&service().host, &["execute", "keyward:p-256"]);
}

#[test]
fn signals_interrupt_nothing() {
    let service = service();
    for key in ["keyward:p-256", "keyward:rsa-2048"] {
        trial(&service.host, &["interrupts", key]);
    }
}

#[test]
fn hosts_that_filter_their_system_calls_sign_or_are_told_why_not() {
    let output = trial(&service().host, &["locked", "keyward:p-256", "p-256.pem"]);
    assert!(output.contains("cannot reach the service"), "{output}");
}

#[test]
fn without_descriptors_a_signature_fails_and_afterwards_works_again() {
    let output = trial(&service().host, &["no-descriptors", "p-256.pem"]);
    assert!(output.contains("cannot reach the service"), "{output}");
}

#[test]
fn a_host_with_an_openssl_of_its_own_inside_loads_the_module() {
    let service = service();
    let program = support::compile_static("manners");
    for (name, _) in KEYS {
        run_trial(&service.host, &program, &["execute", &format!("keyward:{name}")]);
    }
    run_trial(&service.host, &program, &["leaving", "keyward:p-256"]);
}

#[test]
fn the_self_test_passes_while_the_service_is_away() {
    trial(&Host::without_service(), &["self-test", "keyward:p-256"]);
}

#[test]
fn a_process_may_end_in_any_order() {
    let service = service();
    for key in ["keyward:p-256", "keyward:rsa-2048"] {
        trial(&service.host, &["leaving", key]);
    }
    let log = service.host.path("valgrind.log");
    let program = service.host.compile("manners");
    let mut valgrind = service.host.command("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=9", "--trace-children=no"]);
    valgrind.arg(format!("--log-file={}", log.display())).arg(program);
    let (success, output) = run(valgrind.args(["leaving", "keyward:p-256"]));
    assert!(success, "{output}\n{}", fs::read_to_string(log).unwrap_or_default());
}
