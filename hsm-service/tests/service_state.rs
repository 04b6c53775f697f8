//! What is on disk: durable, sealed, private.

mod service_support;

use std::{
    collections::HashSet,
    fs,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::{ErrorKind, KeyType, Operation, Right, Rights};
use keyward_client::Client;
use keyward_protocol::{Key, KeySelector};
use rusqlite::Connection;
use service_support::{KEYWARD, ME, State, audit_log, generate, named, sign};

fn database(state: &State) -> Connection {
    Connection::open(state.data().join("keys.db")).unwrap()
}

/// Runs the service, which must refuse to start, and gives what it says.
fn refusal(state: &State) -> String {
    let mut process = state
        .serve_command()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let status = loop {
        if let Some(status) = process.try_wait().unwrap() {
            break status;
        }
        if Instant::now() >= deadline {
            process.kill().unwrap();
            process.wait().unwrap();
            panic!("the service has started");
        }
        thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(status.code(), Some(1));
    let mut said = String::new();
    process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    said
}

#[test]
fn keys_outlive_the_service() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let key = generate(&client, "web", "rsa-2048");
    let key = client.share(&key.id, "bob", Rights::of(&[Right::Sign])).unwrap();
    let renamed = client.rename(&key.id, "website").unwrap();
    assert_eq!(renamed.version, 3);
    assert!(service.terminate().success());
    assert!(!state.socket().exists(), "the socket's file is left");

    let service = state.start();
    let found = service.client().find(&KeySelector::Name("website".into())).unwrap();
    assert_eq!(found, renamed);
    sign(&service.client(), &found).unwrap();
}

/// How often the service is killed: 40 times, or what `KEYWARD_KILLS` says.
fn kills() -> u64 {
    std::env::var("KEYWARD_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
}

/// Makes keys and renames some until it is told to stop, or the service is gone; those that were
/// acknowledged.
fn write_keys(client: &Client, prefix: &str, stop: &AtomicBool) -> Vec<Key> {
    let mut acknowledged: Vec<Key> = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("{prefix}-{number}");
        let curve = KeyType::from_name("p-256").unwrap();
        let Ok(mut key) = client.generate(curve, &named(&name)) else { break };
        if number % 3 == 0 {
            match client.rename(&key.id, &format!("{name}-renamed")) {
                Ok(renamed) => key = renamed,
                // It may have been done before the kill, or not.
                Err(_) => break,
            }
        }
        acknowledged.push(key);
    }
    acknowledged
}

#[test]
fn kills_in_the_middle_of_mixed_work_lose_nothing_that_was_acknowledged() {
    let me = ME.trim_end().to_owned() + "\nroles = [\"user\", \"auditor\"]\n";
    let state = State::with(&format!("{me}[audit]\njournal_mib = 1\n"));
    let mut kept: Vec<Key> = Vec::new();
    let mut signed = 0;
    let find_all = |client: &Client, keys: &[Key]| {
        for key in keys {
            let found = client.find(&KeySelector::Id(key.id)).unwrap();
            assert_eq!((&found.name, found.version), (&key.name, key.version));
        }
    };
    let mut seen = 0;
    for round in 0..kills() {
        let service = state.start();
        let client = service.impatient_client();
        find_all(&client, &kept[seen..]);
        seen = kept.len();
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let (client, stop) = (client.clone(), Arc::clone(&stop));
                let prefix = format!("k{round}-{writer}");
                thread::spawn(move || write_keys(&client, &prefix, &stop))
            })
            .collect();
        let signing = kept.last().cloned().map(|key| {
            let (client, stop) = (client.clone(), Arc::clone(&stop));
            thread::spawn(move || {
                let on = || !stop.load(Ordering::Relaxed);
                std::iter::repeat(()).take_while(|()| on() && sign(&client, &key).is_ok()).count()
            })
        });
        // Another moment in each round.
        thread::sleep(Duration::from_micros(3000 + 1700 * (round % 40)));
        service.kill();
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            kept.extend(writer.join().unwrap());
        }
        signed += signing.map_or(0, |thread| thread.join().unwrap());
        let check: String =
            database(&state).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        for (what, query) in [
            ("keys", "SELECT (SELECT count(*) FROM keys) - value FROM counts"),
            ("keys of me", "SELECT (SELECT count(*) FROM seen) - sum(owned) FROM user_counts"),
        ] {
            let uncounted: Option<i64> =
                database(&state).query_row(query, [], |row| row.get(0)).unwrap();
            assert_eq!(uncounted.unwrap_or(0), 0, "{what}");
        }
    }
    assert!(!kept.is_empty(), "no key was written");
    let service = state.start();
    find_all(&service.client(), &kept);
    // The log has every one of them, and every signature that was given out.
    let entries = audit_log(&service.client());
    let done = |operation: Operation| {
        let code = operation.code();
        entries.iter().filter(move |entry| entry.operation == code && entry.outcome == 0)
    };
    let generated: HashSet<_> = done(Operation::Generate).map(|entry| &entry.key_id[..]).collect();
    let missing = kept.iter().filter(|key| !generated.contains(key.id.as_bytes().as_slice()));
    assert_eq!(missing.count(), 0, "acts are missing in the log");
    assert!(done(Operation::Sign).count() >= signed, "uses are missing in the log");
    let audit = state.path("hsm/audit");
    let verified =
        Command::new(KEYWARD).args(["audit", "verify", "--in"]).arg(audit).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    println!("{} kills: {} keys and {signed} signatures acknowledged, 0 lost", kills(), kept.len());
}

#[test]
fn edited_and_swapped_records_do_not_open_and_others_are_unaffected() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let names =
        ["usage", "spki", "owner", "grants", "version", "exportable", "sealed", "a", "b", "good"];
    let keys: Vec<Key> = names.iter().map(|name| generate(&client, name, "p-256")).collect();
    assert!(service.terminate().success());
    let file = database(&state);
    for edit in [
        "UPDATE keys SET usage = 63 WHERE name = 'usage'",
        "UPDATE keys SET spki = (SELECT spki FROM keys WHERE name = 'good') WHERE name = 'spki'",
        "UPDATE keys SET owner = 'mallory' WHERE name = 'owner'",
        "UPDATE keys SET grants = CAST('mallory=63\n' AS BLOB) WHERE name = 'grants'",
        "INSERT INTO seen SELECT 'mallory', name, owner, id FROM keys",
        "UPDATE keys SET version = version + 1 WHERE name = 'version'",
        "UPDATE keys SET exportable = 1 WHERE name = 'exportable'",
        "UPDATE keys SET sealed = zeroblob(length(sealed)) WHERE name = 'sealed'",
        // Two secrets exchanged.
        "CREATE TEMP TABLE x AS SELECT name, sealed FROM keys WHERE name IN ('a', 'b')",
        "UPDATE keys SET sealed = (SELECT sealed FROM x WHERE x.name != keys.name)
         WHERE name IN ('a', 'b')",
    ] {
        assert!(file.execute(edit, []).is_ok(), "{edit}");
    }
    drop(file);
    let service = state.start();
    let client = service.client();
    for key in &keys {
        if key.name == "good" {
            sign(&client, key).unwrap();
            continue;
        }
        let error = sign(&client, key).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Internal, "{}: {error}", key.name);
        assert!(error.message.contains("changed outside the service"), "{error}");
        assert!(client.find(&KeySelector::Name(key.name.clone())).is_err(), "{}", key.name);
    }
    let listed = client.list("").unwrap();
    assert_eq!(listed.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["good"]);
    assert!(service.log().contains("changed outside the service"));
    // A line in the index gives nobody a key.
    let mallory = service.enrol("mallory", &[]);
    assert!(mallory.list("").unwrap().is_empty());
    assert_eq!(sign(&mallory, &keys[9]).unwrap_err().kind, ErrorKind::NotFound);
}

#[test]
fn a_data_folder_that_others_can_read_is_refused() {
    let state = State::with(ME);
    fs::set_permissions(state.data(), fs::Permissions::from_mode(0o750)).unwrap();
    let text = refusal(&state);
    assert!(
        text.contains("open to others (mode 750)") && text.contains("hint: `chmod 700"),
        "{text}"
    );
}

#[test]
fn a_master_key_that_others_can_read_or_that_is_another_is_refused() {
    let state = State::with(ME);
    let key = state.master_key();
    fs::set_permissions(key, fs::Permissions::from_mode(0o640)).unwrap();
    let text = refusal(&state);
    assert!(text.contains("open to other users"), "{text}");

    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::copy(State::new().master_key(), key).unwrap();
    let text = refusal(&state);
    assert!(text.contains("does not open this data folder"), "{text}");
    fs::remove_file(key).unwrap();
    assert!(refusal(&state).contains("cannot read the master key"));
}

#[test]
fn the_master_key_can_come_from_a_systemd_credential() {
    let state = State::with(ME);
    let service = state.start();
    let key = generate(&service.client(), "k", "p-256");
    assert!(service.terminate().success());
    let config = fs::read_to_string(state.path("keyward.toml")).unwrap();
    let config = config
        .replace(&format!("key_file = {:?}", state.master_key()), "systemd_credential = \"hsm\"");
    fs::write(state.path("credential.toml"), config).unwrap();
    let credentials = state.path("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::rename(state.master_key(), credentials.join("hsm")).unwrap();
    let serve = |credentials: Option<&Path>| {
        let mut command = Command::new(KEYWARD);
        command.arg("serve").arg("--config").arg(state.path("credential.toml"));
        command.env_remove("CREDENTIALS_DIRECTORY");
        if let Some(folder) = credentials {
            command.env("CREDENTIALS_DIRECTORY", folder);
        }
        command
    };
    let output = serve(None).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("LoadCredentialEncrypted="));
    let service = state.start_command(serve(Some(&credentials)));
    sign(&service.client(), &key).unwrap();
}

#[test]
fn one_folder_is_one_service() {
    let state = State::with(ME);
    let _service = state.start();
    let text = refusal(&state);
    assert!(text.contains("another service is using the data folder"), "{text}");
}

#[test]
fn everything_on_disk_is_private_and_no_secret_is_in_it() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let secret = keyward_crypto::PrivateKey::generate(KeyType::Rsa(2048)).unwrap();
    let secret = secret.to_pkcs8().unwrap();
    client.import(&secret, &[], &named("imported")).unwrap();
    for entry in fs::read_dir(state.data()).unwrap() {
        let path = entry.unwrap().path();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        let bytes = fs::read(&path).unwrap();
        // A piece from the middle of the private key.
        let piece = &secret[400..432];
        assert!(!bytes.windows(piece.len()).any(|window| window == piece), "{}", path.display());
    }
}

#[test]
fn a_configuration_with_a_misspelt_setting_is_refused_with_the_right_one() {
    let state = State::with("[limits]\ncached_kyes = 5\n");
    let text = refusal(&state);
    assert!(
        text.contains("cached_kyes") && text.contains("hint: did you mean `cached_keys`?"),
        "{text}"
    );
}

#[test]
fn the_running_service_dumps_no_core() {
    let state = State::with(ME);
    let service = state.start();
    let limits = format!("/proc/{}/limits", service.pid().as_raw_nonzero());
    let limits = fs::read_to_string(limits).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    // The files in /proc of a process that cannot be dumped belong to root, whoever runs it; as
    // root, the core filter is what can be asked.
    let signal = fs::read_to_string(format!("/proc/{}/status", service.pid().as_raw_nonzero()));
    assert!(signal.unwrap().contains("CoreDumping:\t0"));
}
