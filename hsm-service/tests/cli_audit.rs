//! The audit log as an auditor meets it: what it holds, what a kill leaves of it, and what
//! `keyward audit verify` finds.

mod cli_support;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use cli_support::{Ran, Service, keyward};
use keyward_client::{Client, Settings};
use keyward_protocol::{KeySelector, SignRequest};
use serde_json::Value;
use tempfile::TempDir;

/// The entries of the log, oldest first.
fn exported(service: &Service) -> Vec<Value> {
    let lines = service.ok(&["audit", "export"]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn count(entries: &[Value], operation: &str, outcome: &str) -> usize {
    let fits = |entry: &&Value| entry["operation"] == operation && entry["outcome"] == outcome;
    entries.iter().filter(fits).count()
}

fn sign(service: &Service) {
    let message = service.write("message", "a message");
    service.ok(&["sign", "web", "--in", &message, "--out", &service.file("signature")]);
}

#[test]
fn acts_and_uses_are_in_the_log_with_who_on_what_and_how_it_ended() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    sign(&service);
    service.error(&["key", "generate", "web", "--type", "p-256"], 1);
    let id = service.json(&["key", "show", "web"])["id"].clone();

    let entries = exported(&service);
    let signed = entries.iter().find(|entry| entry["operation"] == "sign").unwrap();
    assert_eq!(signed["outcome"], "done");
    assert_eq!(signed["key_id"], id);
    assert!(signed["key"].as_str().unwrap().ends_with("/web"), "{signed}");
    assert!(signed["algorithm"].as_str().unwrap().contains("sha256"), "{signed}");
    let me = format!("uid:{}", rustix::process::geteuid().as_raw());
    assert_eq!(signed["identity"], me);
    assert_eq!(count(&entries, "generate", "done"), 1);
    assert_eq!(count(&entries, "generate", "already-exists"), 1);
    let numbers: Vec<u64> =
        entries.iter().map(|entry| entry["sequence"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=entries.len() as u64).collect::<Vec<_>>());
    service.ok(&["audit", "verify"]);
}

#[test]
fn a_killed_service_has_every_entry_that_was_answered() {
    let mut service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    let mut answered = 0;
    for _ in 0..5 {
        for _ in 0..4 {
            sign(&service);
            answered += 1;
        }
        service.kill();
        service.start_again();
        assert_eq!(count(&exported(&service), "sign", "done"), answered);
        service.ok(&["audit", "verify"]);
    }
}

/// A record of the log's file: a kind, a length in four bytes, a body.
fn records(bytes: &[u8]) -> Vec<&[u8]> {
    let mut rest = bytes;
    let mut found = Vec::new();
    while let Some(length) = rest.get(1..5) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let (record, after) = rest.split_at(5 + length);
        found.push(record);
        rest = after;
    }
    found
}

/// A copy of the log of a service, in which a test changes things.
struct Copied {
    folder: TempDir,
    bytes: Vec<u8>,
    name: PathBuf,
}

impl Copied {
    fn of(service: &Service) -> Copied {
        let mut files: Vec<PathBuf> = fs::read_dir(service.state("audit"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| !path.ends_with("journal"))
            .collect();
        files.sort();
        assert_eq!(files.len(), 1, "{files:?}");
        let name = files[0].file_name().unwrap().into();
        Copied { folder: TempDir::new().unwrap(), bytes: fs::read(&files[0]).unwrap(), name }
    }

    fn verify(&self, bytes: &[u8], more: &[&str]) -> Ran {
        fs::write(self.folder.path().join(&self.name), bytes).unwrap();
        let folder = self.folder.path().to_str().unwrap();
        let arguments: Vec<&str> =
            ["audit", "verify", "--in", folder].into_iter().chain(more.iter().copied()).collect();
        Ran::from(keyward(&arguments).output().unwrap())
    }

    #[track_caller]
    fn finds(&self, bytes: &[u8], fault: &str) {
        let ran = self.verify(bytes, &[]);
        assert_eq!(ran.status, 1, "{}", ran.text());
        assert!(ran.text().contains(fault), "{}", ran.text());
    }
}

#[test]
fn verification_finds_entries_that_were_changed_removed_exchanged_added_or_cut_off() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    for _ in 0..6 {
        sign(&service);
        // A checkpoint of its own for each.
        service.ok(&["audit", "head"]);
    }
    let head = service.json(&["audit", "head"])["head"].as_str().unwrap().to_owned();
    let copied = Copied::of(&service);
    let whole = copied.bytes.clone();
    assert_eq!(copied.verify(&whole, &["--head", &head]).status, 0);

    let records = records(&whole);
    let entries: Vec<usize> = (0..records.len()).filter(|at| records[*at][0] == b'E').collect();
    let (third, fourth) = (entries[2], entries[3]);

    let mut changed = whole.clone();
    let place = records[..third].concat().len() + records[third].len() - 1;
    changed[place] ^= 1;
    copied.finds(&changed, "was changed");

    let mut removed = records.clone();
    removed.remove(third);
    copied.finds(&removed.concat(), "a checkpoint confirms");

    let mut exchanged = records.clone();
    exchanged.swap(third, fourth);
    copied.finds(&exchanged.concat(), "are missing");

    let mut added = records.clone();
    added.insert(fourth, records[third]);
    copied.finds(&added.concat(), "comes again");

    copied.finds(&whole[..whole.len() - 3], "cut short");
    let last = records.len() - 1;
    copied.finds(&records[..last].concat(), "no checkpoint confirms");

    // Cut at a checkpoint, the log looks whole; only a head that was kept elsewhere tells.
    let earlier = (0..last).rev().find(|at| records[*at][0] == b'C').unwrap();
    let cut = records[..=earlier].concat();
    assert_eq!(copied.verify(&cut, &[]).status, 0);
    let ran = copied.verify(&cut, &["--head", &head]);
    assert_eq!(ran.status, 1);
    assert!(ran.text().contains("its end was cut off"), "{}", ran.text());
}

#[test]
fn a_log_that_is_being_written_is_verified_without_false_alarm() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    let folder = service.state("audit").display().to_string();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let signing = scope.spawn(|| {
            let address = service.address();
            let client = Client::new(Settings::load(&[("address", &address)]).unwrap());
            let key = client.find(&KeySelector::Name("web".into())).unwrap();
            let algorithm = key.key_type.default_signature().unwrap();
            let request =
                SignRequest { algorithm, pss: None, deterministic: false, input: &[7; 32] };
            let mut signed = 0;
            while !stop.load(Ordering::Relaxed) {
                client.sign(&key.id, &request).unwrap();
                signed += 1;
                // A log that grows all the time, and is not too long to be read meanwhile.
                thread::sleep(Duration::from_millis(1));
            }
            signed
        });
        let verified: Vec<Ran> = (0..8)
            .flat_map(|_| {
                let without = service.run(&["audit", "verify", "--in", &folder]);
                [service.run(&["audit", "verify"]), without]
            })
            .collect();
        stop.store(true, Ordering::Relaxed);
        assert!(signing.join().unwrap() > 0);
        for ran in verified {
            assert_eq!(ran.status, 0, "{} {}", ran.text(), ran.stderr);
        }
    });
}

#[test]
fn following_the_log_shows_each_entry_once_as_it_comes_and_outlives_a_restart() {
    let mut service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    sign(&service);
    let mut following = keyward(&["audit", "tail", "-n", "1", "--follow", "--json"])
        .env("KEYWARD_ADDRESS", service.address())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let first = next();
    assert_eq!(first["operation"], "sign");
    sign(&service);
    assert_eq!(next()["operation"], "sign");
    service.kill();
    service.start_again();
    assert_eq!(next()["operation"], "service-start");
    service.ok(&["key", "delete", "web", "--yes"]);
    let last = next();
    assert_eq!(last["operation"], "delete");
    let between = last["sequence"].as_u64().unwrap() - first["sequence"].as_u64().unwrap();
    assert_eq!(between, 3, "one line each");
    following.kill().unwrap();
    following.wait().unwrap();
}

#[test]
fn a_folder_without_a_log_is_not_a_log_that_is_intact() {
    let folder = TempDir::new().unwrap();
    let mut verify = keyward(&["audit", "verify", "--in"]);
    let empty = Ran::from(verify.arg(folder.path()).output().unwrap());
    assert_eq!(empty.status, 1, "{}", empty.text());
    assert!(empty.stderr.contains("there is no audit log in"), "{}", empty.stderr);
}
