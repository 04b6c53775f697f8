//! OpenSSL's async jobs: a request pauses the job and does not block the thread.

mod support;

use std::time::{Duration, Instant};

use support::{HANGS_AFTER, Service, run};

/// OpenSSL's jobs have 32 KiB of stack, and libssl needs some of it too. What is built without
/// optimisation, as here, uses three times as much as what is installed.
const LARGEST_STACK: usize = 26 * 1024;

/// What `jobs` tells: how many signatures were good, how many jobs were paused at once, and how
/// many bytes of a stack were used.
fn sign_in_jobs(service: &Service, key: &str) -> [usize; 3] {
    let program = service.host.compile("jobs");
    let (success, output) = run(service.host.command(program).arg(key));
    assert!(success, "{output}");
    let numbers: Vec<usize> = output
        .split(|character: char| !character.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect();
    numbers.try_into().expect("three numbers")
}

#[test]
fn requests_pause_their_jobs_and_the_thread_goes_on() {
    let mut service = Service::start().with_keys(&[("p-256", "sign"), ("rsa-2048", "sign")]);
    service.import_rsa("8192");
    service.move_away(Duration::from_millis(100));
    for key in ["keyward:p-256", "rsa-2048.pem", "rsa-8192.pem"] {
        let [signed, paused, stack] = sign_in_jobs(&service, key);
        assert_eq!((signed, paused), (40, 20), "{key}");
        assert!(stack < LARGEST_STACK, "{key}: {stack} bytes of stack");
    }
}

#[test]
fn what_is_done_with_public_halves_fits_into_a_job() {
    let service = Service::start();
    let mut types = vec!["rsa-4096", "p-521", "ed25519"];
    if service.host.version() >= (3, 5) {
        types.extend(["ml-dsa-87", "ml-kem-1024"]);
    }
    let program = service.host.compile("jobs");
    for kind in types {
        service.keyward(&format!("key generate {kind} --type {kind}"));
        let key = format!("keyward:{kind}");
        let (success, output) = run(service.host.command(&program).args([&key, "public"]));
        assert!(success, "{key}\n{output}");
        let stack = output.trim().strip_prefix("stack ").and_then(|bytes| bytes.parse().ok());
        let stack: usize = stack.expect(&output);
        assert!(stack < LARGEST_STACK, "{key}: {stack} bytes of stack");
    }
}

#[test]
fn jobs_are_paused_over_tls_too() {
    let (service, tls) = Service::start_for_others();
    let mut service = service.with_keys(&[("p-256", "sign"), ("rsa-2048", "sign")]);
    service.move_to_another_machine(tls, Duration::from_millis(100));
    for key in ["keyward:p-256", "rsa-2048.pem"] {
        let [signed, paused, stack] = sign_in_jobs(&service, key);
        assert_eq!((signed, paused), (40, 20), "{key}");
        assert!(stack < 26 * 1024, "{key}: {stack} bytes of stack");
    }
}

#[test]
fn a_fork_while_a_job_is_paused_leaves_parent_and_child_their_answers() {
    let mut service = Service::start().with_keys(&[("p-256", "sign"), ("rsa-2048", "sign")]);
    service.move_away(Duration::from_millis(200));
    let program = service.host.compile("jobs");
    for key in ["keyward:p-256", "rsa-2048.pem"] {
        let mut limited = service.host.command("timeout");
        let (success, output) = run(limited.arg(HANGS_AFTER).arg(&program).args([key, "fork"]));
        assert!(success, "{key}\n{output}");
    }
}

#[test]
fn a_service_that_falls_silent_leaves_no_job_paused() {
    let mut service = Service::start().with_keys(&[("p-256", "sign")]);
    service.move_away(Duration::from_secs(3600));
    let settings = "request_timeout = 300ms\nconnect_timeout = 300ms\nretry_for = 0";
    service.host.configure(settings, "");
    let program = service.host.compile("jobs");
    let started = Instant::now();
    let (success, output) = run(service.host.command(program).arg("p-256.pem"));
    assert!(!success && output.contains("no answer from the service"), "{output}");
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}
