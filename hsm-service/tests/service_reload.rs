//! SIGHUP takes over what was changed in the configuration, under load, and leaves alone what is
//! broken.

mod service_support;

use std::{
    fs,
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::{Encryption, ErrorKind, KeyType, Signature};
use keyward_client::Client;
use keyward_protocol::{
    CipherRequest, Error, SignRequest,
    messages::{Generate, Response, request, response},
};
use rustix::process::{Signal, kill_process};
use service_support::{
    KEYWARD, ME, Service, State, generate, named,
    raw::{self, Raw},
    sign,
};

/// Writes another configuration and lets the service read it; comes back when it has.
fn reload(state: &mut State, service: &Service, more: &str) {
    state.more = State::with(more).more;
    drop(state.serve_command());
    hang_up(service);
}

/// Lets the service read its configuration again; what it logs of that.
fn hang_up(service: &Service) -> String {
    let before = service.log().len();
    kill_process(service.pid(), Signal::HUP).unwrap();
    wait_for(service, before, "reloaded")
}

/// Waits until the service has logged a text after a place in its log; what it has logged then.
fn wait_for(service: &Service, after: usize, text: &str) -> String {
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        let log = service.log()[after..].to_owned();
        if log.contains(text) {
            return log;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("the service did not log {text:?}:\n{}", service.log());
}

/// Stops the workers, also when the test fails meanwhile.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn slow_work_that_waits_for_its_turn_is_not_done_for_who_is_no_user_any_more() {
    const ASKED: u64 = 200;
    let mut state = State::with(ME);
    let service = state.start();
    let mut peer = Raw::connect(service.socket());
    for id in 1..=ASKED {
        let (name, key_type) = (format!("k{id}"), "rsa-2048".into());
        let make = Generate { name, key_type, ..Generate::default() };
        peer.send(id, request::Operation::Generate(make));
    }
    // What comes after them on the connection is answered when all of them wait.
    peer.send(0x1000, raw::status());
    let mut answers: Vec<Response> = Vec::new();
    while answers.last().is_none_or(|answer| answer.id != 0x1000) {
        answers.push(peer.receive().unwrap());
    }
    reload(&mut state, &service, "");
    while answers.len() as u64 <= ASKED {
        answers.push(peer.receive().unwrap());
    }
    let refused = answers.iter().filter(|answer| match &answer.result {
        Some(response::Result::Failure(failure)) => {
            assert_eq!(failure.kind, ErrorKind::Unauthenticated.code(), "{failure:?}");
            true
        }
        _ => false,
    });
    let refused = refused.count() as u64;
    assert!(refused > ASKED / 2, "{refused} of {ASKED} were refused");
}

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

#[test]
fn users_come_go_and_change_their_roles_on_connections_that_stay_open() {
    let mut state = State::with("");
    let service = state.start();
    let client = service.impatient_client();
    assert_eq!(kind(client.list("")), Some(ErrorKind::Unauthenticated));
    reload(&mut state, &service, ME);
    let key = generate(&client, "k", "p-256");
    sign(&client, &key).unwrap();
    reload(&mut state, &service, &ME.replace("[[user]]", "[[user]]\nroles = [\"auditor\"]"));
    assert_eq!(kind(sign(&client, &key)), Some(ErrorKind::PermissionDenied));
    assert_eq!(client.status().unwrap().roles, ["auditor"]);
    reload(&mut state, &service, "");
    assert_eq!(kind(sign(&client, &key)), Some(ErrorKind::Unauthenticated));
    reload(&mut state, &service, ME);
    sign(&client, &key).unwrap();
}

#[test]
fn a_broken_file_changes_nothing_and_the_status_says_why() {
    let mut state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let key = generate(&client, "k", "p-256");
    reload(&mut state, &service, "[limits]\nconections = 5\n");
    sign(&client, &key).unwrap();
    let log = service.log();
    assert!(log.contains("conections") && log.contains("did you mean `connections`?"), "{log}");
    let warnings = client.status().unwrap().warnings.join("\n");
    assert!(warnings.contains("not taken over") && warnings.contains("conections"), "{warnings}");
    let checked = Command::new(KEYWARD)
        .args(["config", "check"])
        .arg(state.path("keyward.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert_eq!(checked.status.code(), Some(1), "{said}");
    assert!(said.contains("hint: did you mean `connections`?"), "{said}");

    fs::remove_file(state.path("keyward.toml")).unwrap();
    hang_up(&service);
    sign(&client, &key).unwrap();
    reload(&mut state, &service, ME);
    let warnings = client.status().unwrap().warnings.join("\n");
    assert!(!warnings.contains("not taken over"), "{warnings}");
    let checked = Command::new(KEYWARD)
        .args(["config", "check"])
        .arg(state.path("keyward.toml"))
        .output()
        .unwrap();
    assert!(checked.status.success());
}

#[test]
fn what_needs_a_restart_is_said_and_the_rest_is_taken_over() {
    let mut state = State::with(ME);
    let service = state.start();
    let more = format!("{ME}[limits]\nslow_queue = 7\nconnections = 1\n[log]\nlevel = \"debug\"\n");
    reload(&mut state, &service, &more);
    let log = service.log();
    assert!(log.contains("only taken over by a restart: `slow_queue` of [limits]"), "{log}");
    assert!(!log.contains("[[listen]]"), "{log}");
    let first = service.impatient_client();
    first.status().unwrap();
    // The refusal may be lost where the service closes before it has read the greeting.
    let refused = kind(service.impatient_client().status());
    assert!(matches!(refused, Some(ErrorKind::Busy | ErrorKind::Unavailable)), "{refused:?}");
    wait_for(&service, 0, "DEBUG");
}

#[test]
fn signatures_go_on_while_the_configuration_is_read_again_and_again() {
    let mut state = State::with(ME);
    let service = state.start();
    let enrolled = service.enrol("web1", &[]);
    let clients: Vec<(Client, _)> = [service.client(), enrolled]
        .into_iter()
        .map(|client| {
            let key = generate(&client, "k", "p-256");
            (client, key)
        })
        .collect();
    let (stop, signed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let failures: Vec<Error> = thread::scope(|scope| {
        let workers: Vec<_> = clients
            .iter()
            .map(|(client, key)| {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        match sign(client, key) {
                            Ok(_) => signed.fetch_add(1, Ordering::Relaxed),
                            Err(error) => return Some(error),
                        };
                    }
                    None
                })
            })
            .collect();
        let stopping = Stop(&stop);
        for turn in 0..10 {
            let user = format!("[[user]]\nname = \"u{turn}\"\nidentities = [\"cert:x{turn}\"]\n");
            // Other host names give the service another certificate each time.
            state.hosts = vec!["localhost".into(), format!("host{turn}.example")];
            reload(&mut state, &service, &format!("{ME}{user}"));
            // A new connection under each of the certificates.
            if service.administrator().status().is_err() {
                break;
            }
        }
        drop(stopping);
        workers.into_iter().filter_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{failures:?}");
    assert!(service.log().matches("configuration reloaded").count() == 10, "{}", service.log());
    println!("{} signatures over 10 reloads", signed.load(Ordering::Relaxed));
}

#[test]
fn keys_and_algorithms_that_are_not_approved_are_refused_once_the_configuration_says_so() {
    let mut state = State::with(&format!("{ME}[algorithms]\napproved_only = false\n"));
    let service = state.start();
    let client = service.client();
    let keys = ["rsa-2048", "p-256", "secp256k1", "x25519"].map(|one| generate(&client, one, one));
    let [rsa, p256, secp256k1, _] = &keys;
    let sha1 = SignRequest {
        algorithm: Signature::from_name("rsa-pkcs1-sha1").unwrap(),
        pss: None,
        deterministic: false,
        input: &[7; 20],
    };
    let old = client.sign(&rsa.id, &sha1).unwrap();
    sign(&client, secp256k1).unwrap();

    reload(&mut state, &service, &format!("{ME}[algorithms]\napproved_only = true\n"));
    let denied = Some(ErrorKind::PermissionDenied);
    let error = client.sign(&rsa.id, &sha1).unwrap_err();
    assert!(error.message.starts_with("rsa-pkcs1-sha1 is not approved"), "{error}");
    assert_eq!(Some(error.kind), denied);
    assert_eq!(kind(sign(&client, secp256k1)), denied);
    assert_eq!(kind(client.generate(KeyType::X25519, &named("more"))), denied);
    // Nor is anything encrypted with a padding that is not approved, though that takes no private half.
    let pkcs1 =
        CipherRequest { scheme: Encryption::RsaPkcs1, oaep: None, tls: None, input: b"a key" };
    assert_eq!(kind(client.encrypt(&rsa.id, &pkcs1)), denied);
    // Nothing of it is kept, old signatures verify, and the rest goes on.
    generate(&client, "more", "p-384");
    assert!(client.verify(&rsa.id, &sha1, &old).unwrap());
    sign(&client, p256).unwrap();
}
