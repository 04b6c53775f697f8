//! The seal from the command line: made, given, changed while the service is killed, destroyed.

mod service_support;

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use keyward_service::init::SealChoice;
use service_support::{KEYWARD, ME, Service, State, generate, sign};

fn state(seal: SealChoice) -> State {
    let me = rustix::process::geteuid().as_raw().to_string();
    let more = ME.replace("uid:ME\"]", "uid:ME\"]\nroles = [\"user\", \"admin\"]");
    let mut state = State::sealed_by(seal);
    state.more = more.replace("uid:ME", &format!("uid:{me}"));
    state
}

fn command(service: &Service, arguments: &[&str]) -> Command {
    let mut command = Command::new(KEYWARD);
    command
        .args(arguments)
        .env("KEYWARD_ADDRESS", format!("unix:{}", service.socket().display()))
        .stdin(Stdio::null());
    command
}

fn run(service: &Service, arguments: &[&str]) -> Output {
    command(service, arguments).output().unwrap()
}

fn ok(service: &Service, arguments: &[&str]) -> String {
    let output = run(service, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn what_nobody_is_asked_for_was_left_out_of_the_call_and_what_is_of_no_use_is_refused() {
    let people = state(SealChoice::Shares(2, 3));
    let service = people.start();
    let asked = run(&service, &["unseal"]);
    assert_eq!(asked.status.code(), Some(2), "{asked:?}");
    let said = String::from_utf8(asked.stderr).unwrap();
    assert!(said.contains("share is needed, and nobody is there to ask"), "{said}");
    assert!(service.terminate().success());
    let config = people.path("keyward.toml");
    let offline =
        ["user", "set-pin", "me", "--offline", "--config", text(&config), "--new-pin-file"];
    let pin = people.path("pin");
    fs::write(&pin, "correct horse").unwrap();
    let asked =
        Command::new(KEYWARD).args(offline).arg(&pin).stdin(Stdio::null()).output().unwrap();
    assert_eq!(asked.status.code(), Some(2), "{asked:?}");

    let by_itself = state(SealChoice::KeyFile);
    let service = by_itself.start();
    ok(&service, &["seal", "lock"]);
    let given = run(&service, &["unseal", "--in", text(by_itself.master_key())]);
    assert_eq!(given.status.code(), Some(2), "{given:?}");
    let said = String::from_utf8(given.stderr).unwrap();
    assert!(said.contains("it opens by itself"), "{said}");
    assert!(ok(&service, &["unseal"]).contains("operational"));
}

#[test]
fn custodians_unseal_change_the_seal_and_end_the_service() {
    let state = state(SealChoice::Shares(2, 3));
    let files: Vec<String> = state
        .issued
        .shares
        .iter()
        .map(|share| {
            let path = state.path(&format!("share-{}", share.number));
            fs::write(&path, format!("# a share\n{}\n", *share.text().unwrap())).unwrap();
            text(&path).to_owned()
        })
        .collect();
    let service = state.start();
    assert!(!run(&service, &["status"]).status.success());
    let shown = ok(&service, &["unseal", "--in", &files[2]]);
    assert!(shown.contains("1 of 2 (numbers 3)"), "{shown}");
    let opened = ok(&service, &["unseal", "--json", "--in", &files[0]]);
    let opened: serde_json::Value = serde_json::from_str(&opened).unwrap();
    assert_eq!(opened["state"], "operational");
    let key = generate(&service.client(), "k", "p-256");

    // Other shares, proved by the present ones.
    let present = state.path("present");
    let both = [&files[0], &files[1]].map(|file| fs::read_to_string(file).unwrap());
    fs::write(&present, both.concat()).unwrap();
    let out = state.path("new");
    let rotate = ["seal", "rotate", "--out", text(&out), "--present-in", text(&present)];
    ok(&service, &rotate);
    sign(&service.client(), &key).unwrap();
    ok(&service, &["seal", "lock"]);
    let old = run(&service, &["unseal", "--in", &files[0]]);
    assert!(String::from_utf8_lossy(&old.stderr).contains("of the set"));
    for number in [1, 3] {
        let share = out.join(format!("share-{number}.txt"));
        // After the wrong one comes a pause.
        let end = Instant::now() + Duration::from_secs(60);
        while !run(&service, &["unseal", "--in", text(&share)]).status.success() {
            assert!(Instant::now() < end, "the share is not taken");
            thread::sleep(Duration::from_millis(100));
        }
    }
    sign(&service.client(), &key).unwrap();

    assert_eq!(run(&service, &["zeroize"]).status.code(), Some(2));
    let wrong = run(&service, &["zeroize", "--yes-destroy", "abcd"]);
    assert_eq!(wrong.status.code(), Some(1));
    let ended = ok(&service, &["zeroize", "--yes-destroy", &state.issued.service_id]);
    assert!(ended.contains("uninitialised"), "{ended}");
}

/// How often the service is killed while its master key is changed: 20 times, or what
/// `KEYWARD_SEAL_KILLS` says.
fn kills() -> u32 {
    std::env::var("KEYWARD_SEAL_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(20)
}

#[test]
fn a_service_that_is_killed_while_its_master_key_changes_opens_with_the_old_or_the_new_one() {
    let state = state(SealChoice::KeyFile);
    let master_key = state.master_key().to_owned();
    let next = master_key.with_extension("key.next");
    let mut service = state.start();
    let key = generate(&service.client(), "k", "p-256");
    // A file that the service will not look for is no master key of its.
    let elsewhere = state.path("elsewhere.key");
    let lost = run(&service, &["seal", "rotate", "--master-key", text(&elsewhere)]);
    assert!(String::from_utf8_lossy(&lost.stderr).contains("does not find this master key"));
    assert!(!elsewhere.with_extension("key.next").exists());
    let rotate = ["seal", "rotate", "--master-key", text(&master_key)];
    let begun = Instant::now();
    ok(&service, &rotate);
    let usual = begun.elapsed();
    let count = kills();
    let (mut old, mut new) = (0, 0);
    for kill in 0..count {
        let before = fs::read(&master_key).unwrap();
        let mut changing = command(&service, &rotate)
            .env("KEYWARD_RETRY_FOR", "0")
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Another moment in each round, up to somewhat after the usual end.
        thread::sleep(usual * (kill + 1) * 5 / (count * 4));
        service.kill();
        // The command may be killed as well.
        if kill % 2 == 0 {
            let _ = changing.kill();
        }
        changing.wait().unwrap();
        service = state.start();
        sign(&service.client(), &key).unwrap();
        // What the status says has to be done.
        let warnings = service.client().status().unwrap().warnings;
        let says = |text: &str| warnings.iter().any(|warning| warning.contains(text));
        let by_next = says("the store is sealed by");
        assert_eq!(by_next || says("is left of a change"), next.exists(), "{warnings:?}");
        if next.exists() {
            match by_next {
                true => fs::rename(&next, &master_key).unwrap(),
                false => fs::remove_file(&next).unwrap(),
            }
        }
        match fs::read(&master_key).unwrap() == before {
            true => old += 1,
            false => new += 1,
        }
    }
    println!("{count} kills: {old} times the old master key opens, {new} times the new one");
    assert!(service.terminate().success());
    sign(&state.start().client(), &key).unwrap();
}
