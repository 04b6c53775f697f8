//! Behaviour inside a host application: memory, threads, forks, several library contexts.

mod support;

use std::{fs, path::Path};

use support::{Service, run};

const KEYS: [(&str, &str); 3] = [("rsa-2048", "sign"), ("p-256", "sign"), ("ed25519", "sign")];

fn service() -> (Service, std::path::PathBuf) {
    let service = Service::start().with_keys(&KEYS);
    let program = service.host.compile("host");
    (service, program)
}

fn succeeds(service: &Service, program: &Path, mode: &str, key: &str) {
    let (success, output) = run(service.host.command(program).args([mode, key]));
    assert!(success, "{mode} {key}\n{output}");
}

#[test]
fn it_works_before_and_after_a_fork_and_across_one() {
    let (service, program) = service();
    for key in ["keyward:p-256", "rsa-2048.pem"] {
        succeeds(&service, &program, "fork", key);
    }
}

#[test]
fn threads_share_a_key() {
    let (service, program) = service();
    for key in ["keyward:p-256", "keyward:ed25519", "rsa-2048.pem"] {
        succeeds(&service, &program, "threads", key);
    }
}

#[test]
fn library_contexts_come_and_go_with_their_own_instance() {
    let (service, program) = service();
    for (name, _) in KEYS {
        for mode in ["loop", "late", "lone-thread"] {
            succeeds(&service, &program, mode, &format!("keyward:{name}"));
            succeeds(&service, &program, mode, &format!("{name}.pem"));
        }
    }
}

#[test]
fn contexts_are_copied_and_stand_half_done_by_the_dozen() {
    let (service, program) = service();
    for key in ["keyward:p-256", "keyward:rsa-2048"] {
        succeeds(&service, &program, "streams", key);
    }
}

#[test]
fn libssl_is_told_which_digests_a_key_goes_with() {
    let (service, program) = service();
    for key in ["keyward:p-256", "keyward:rsa-2048"] {
        succeeds(&service, &program, "probes", key);
    }
}

#[test]
fn a_load_that_fails_reaches_its_end() {
    let (service, program) = service();
    let absent = ["absent", "keyward:nosuch"];
    let (success, output) = run(service.host.command(&program).args(absent));
    assert!(success && output.contains("key \"nosuch\" not found"), "{output}");
    let nowhere = support::Host::without_service();
    let (success, output) = run(nowhere.command(&program).args(absent));
    assert!(success && output.contains("cannot reach the service"), "{output}");
}

#[test]
fn valgrind_finds_no_leak_and_no_invalid_access() {
    let (service, program) = service();
    let log = service.host.path("valgrind.log");
    for (mode, key) in [
        ("loop", "keyward:rsa-2048"),
        ("loop", "p-256.pem"),
        ("loop", "keyward:ed25519"),
        ("late", "keyward:p-256"),
        ("lone-thread", "keyward:p-256"),
        ("streams", "keyward:rsa-2048"),
        ("probes", "p-256.pem"),
    ] {
        let mut valgrind = service.host.command("valgrind");
        valgrind.args(["--quiet", "--leak-check=full", "--error-exitcode=9"]);
        valgrind.args(["--errors-for-leak-kinds=definite,indirect,possible"]);
        valgrind.arg(format!("--log-file={}", log.display())).arg(&program).args([mode, key]);
        let (success, output) = run(&mut valgrind);
        let found = fs::read_to_string(&log).unwrap_or_default();
        assert!(success, "{mode} {key}\n{output}\n{found}");
    }
}
