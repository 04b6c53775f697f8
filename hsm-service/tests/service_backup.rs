//! Backups: made by operators while the service runs, proved and restored without it.

mod service_support;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use keyward_algorithms::{ErrorKind, Mac};
use keyward_client::Pin;
use keyward_protocol::messages::{AuditEntry, RevokeClient, RotationStep};
use keyward_service::{init::SealChoice, store::Passphrase};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use service_support::{KEYWARD, ME, Service, State, audit_log, generate, sign};
use tempfile::TempDir;

/// A backup that this version's first release made, with what opens it.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

fn keyward(arguments: &[&str]) -> Output {
    Command::new(KEYWARD).args(arguments).output().unwrap()
}

fn ok(arguments: &[&str]) -> String {
    let output = keyward(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs `keyward`, which must fail, and gives what it says.
fn refused(arguments: &[&str]) -> String {
    let output = keyward(arguments);
    assert!(!output.status.success(), "{arguments:?} succeeded");
    String::from_utf8(output.stderr).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A service with a recipient, and the file with its identity.
fn state_with_backups() -> (State, PathBuf) {
    let mut state = State::with(ME);
    let (identity, backup) = state.backup_identity();
    state.more += &format!("{backup}keep = 3\n");
    (state, identity)
}

fn make(service: &Service) -> PathBuf {
    let made = service.enrol("backer", &["operator"]).make_backup().unwrap();
    Path::new(&made.folder).join(&made.files[0].name)
}

fn verify(backup: &Path, identity: &Path, master_key: &Path) -> Output {
    let files = ["--identity", text(identity), "--master-key", text(master_key)];
    keyward(&[&["backup", "verify", text(backup), "--json"], &files[..]].concat())
}

#[test]
fn a_backup_of_a_running_service_restores_its_keys_as_they_were() {
    let (state, identity) = state_with_backups();
    let service = state.start();
    let client = service.client();
    let before = generate(&client, "before", "p-256");
    for key_type in ["rsa-pss-2048", "aes-256", "ml-dsa-65", "ml-kem-768"] {
        generate(&client, key_type, key_type);
    }
    let tokens = generate(&client, "tokens", "hmac");
    let mac = client.mac(&tokens.id, Mac::HmacSha256, b"text").unwrap();
    let backup = make(&service);
    let after = generate(&client, "after", "p-256");
    let verified = verify(&backup, &identity, state.master_key());
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let verified: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(verified["manifest"]["keys"], 6);
    sign(&client, &after).unwrap();

    let config = state.path("keyward.toml");
    let arguments = ["backup", "restore", text(&backup), "--identity", text(&identity)];
    let arguments = [&arguments[..], &["--config", text(&config), "--yes"]].concat();
    assert!(refused(&arguments).contains("another service is using the data folder"));
    service.terminate();
    ok(&arguments);

    let service = state.start();
    let client = service.client();
    sign(&client, &before).unwrap();
    assert_eq!(sign(&client, &after).unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(client.status().unwrap().keys, 6);
    assert_eq!(client.mac(&tokens.id, Mac::HmacSha256, b"text").unwrap(), mac);
}

/// Restores a backup into the folder of a service that has ended; what the command says.
fn restore(state: &State, backup: &Path, identity: &Path) -> String {
    let config = state.path("keyward.toml");
    let arguments = ["backup", "restore", text(backup), "--identity", text(identity)];
    let output = keyward(&[&arguments[..], &["--config", text(&config), "--yes"]].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn there_is_a_store_at_every_moment_of_a_restore() {
    let (state, identity) = state_with_backups();
    let backup = make(&state.start());
    let folder = state.data().parent().unwrap().to_owned();
    let [one, other] = ["one", "other"].map(|name| folder.join(name));
    [&one, &other].iter().for_each(|path| fs::create_dir(path).unwrap());
    if renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).is_err() {
        println!("1 skipped: names cannot be swapped on this file system");
        return;
    }
    let (done, database) = (AtomicBool::new(false), state.data().join("keys.db"));
    let missing = thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut missing = 0;
            while !done.load(Ordering::Relaxed) {
                missing += u64::from(!database.exists());
            }
            missing
        });
        for _ in 0..3 {
            restore(&state, &backup, &identity);
        }
        done.store(true, Ordering::Relaxed);
        watching.join().unwrap()
    });
    assert_eq!(missing, 0, "looks that found no store");
    // What was there lies beside it, and nothing else.
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("restore"))
        .collect();
    names.sort();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("data.before-restore-")), "{names:?}");
    state.start().client().status().unwrap();
}

#[test]
fn a_copy_of_the_master_key_may_lie_wherever_its_keeper_has_put_it() {
    let (state, identity) = state_with_backups();
    let backup = make(&state.start());
    // On a medium without permissions of its own, for instance.
    let copy = state.path("copy.key");
    fs::copy(state.master_key(), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o666)).unwrap();
    let verified = verify(&backup, &identity, &copy);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

#[test]
fn who_was_let_in_or_shut_out_since_a_backup_stays_so_after_its_restore() {
    let (state, identity) = state_with_backups();
    let service = state.start();
    let [revoked, with_pin] = ["web1", "web2"].map(|user| service.machine(user, &[], &[]));
    let set_pin = |pin: &[u8]| {
        service.administrator().set_pin("web2", &Pin::copy_of(pin), None).unwrap();
    };
    set_pin(b"the former one");
    let backup = make(&service);
    let revoke = RevokeClient { user: "web1".into(), ..RevokeClient::default() };
    assert_eq!(service.administrator().revoke_client(revoke).unwrap().len(), 1);
    set_pin(b"the latter one");
    let later = service.machine("web3", &[], &["127.0.0.0/8"]);
    service.terminate();

    // Twice, as somebody does who is not sure of the first time.
    for _ in 0..2 {
        let said = restore(&state, &backup, &identity);
        assert!(!said.contains("of the backup's day"), "{said}");
        let (_, place) = said.split_once("what was there before is in ").expect(&said);
        assert!(Path::new(place.split_once(": ").unwrap().0).join("keys.db").exists(), "{said}");
    }
    let service = state.start();
    let error = revoked.client(&service).list("").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthenticated, "{error}");
    for (pin, right) in [("the latter one", true), ("the former one", false)] {
        let file = state.path("pin");
        fs::write(&file, pin).unwrap();
        let mut list = with_pin.command(&service, &["key", "list"]);
        let ran = list.env("KEYWARD_PIN_FILE", file).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.success(), right, "{pin}: {said}");
    }
    let renewed = later.command(&service, &["client", "renew"]).output().unwrap();
    assert!(renewed.status.success(), "{}", String::from_utf8_lossy(&renewed.stderr));
    let auditor = service.enrol("reader", &["auditor"]);
    let restored = |entry: &AuditEntry| entry.detail.starts_with("restore of a backup made at");
    assert!(audit_log(&auditor).iter().any(restored));
}

#[test]
fn an_authority_that_was_replaced_since_a_backup_stays_so_after_its_restore() {
    let (state, identity) = state_with_backups();
    let service = state.start();
    let old = service.machine("web1", &[], &[]);
    let backup = make(&service);
    service.administrator().rotate_authority(RotationStep::Begin).unwrap();
    let root = service.machine("root", &["admin"], &[]);
    service.administrator().rotate_authority(RotationStep::Switch).unwrap();
    root.client(&service).rotate_authority(RotationStep::Finish).unwrap();
    service.terminate();
    restore(&state, &backup, &identity);
    let service = state.start();
    let listed = root.client(&service).list_clients().unwrap();
    assert!(listed.iter().any(|one| one.user == "web1" && one.revoked != 0), "{listed:?}");
    assert!(old.impatient_client(&service).list("").is_err());
}

#[test]
fn a_sealed_service_is_reached_over_tls_after_a_restore_as_before() {
    let passphrase: &[u8] = b"ten green bottles hanging on the wall";
    let mut state = State::sealed_by(SealChoice::Passphrase(Passphrase::new(passphrase).into()));
    let (identity, section) = state.backup_identity();
    state.more = section;
    let service = state.start();
    service.administrator().unseal(passphrase, false).unwrap();
    let backup = make(&service);
    service.terminate();
    let file = state.path("passphrase");
    fs::write(&file, passphrase).unwrap();
    let config = state.path("keyward.toml");
    let arguments = ["backup", "restore", text(&backup), "--identity", text(&identity), "--json"];
    let more = ["--config", text(&config), "--seal-in", text(&file), "--yes"];
    let said: serde_json::Value =
        serde_json::from_str(&ok(&[&arguments[..], &more].concat())).unwrap();
    assert_eq!(said["of_the_backup"], serde_json::json!([]));
    let service = state.start();
    assert_eq!(service.administrator().show_seal().unwrap().state, "sealed");
    service.administrator().unseal(passphrase, false).unwrap();
}

#[test]
fn a_restore_on_a_fresh_machine_says_that_it_does_not_know_who_was_shut_out_since() {
    let (state, identity) = state_with_backups();
    let service = state.start();
    let backup = make(&service);
    let machine = service.machine("web1", &[], &["127.0.0.0/8"]);
    service.terminate();
    fs::remove_dir_all(state.data()).unwrap();
    let said = restore(&state, &backup, &identity);
    assert!(said.contains("of the backup's day") && said.contains("client revoke"), "{said}");
    let service = state.start();
    let ran = machine.command(&service, &["client", "renew"]).output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(!ran.status.success() && said.contains("keyward client enrol"), "{said}");
    let listed = service.administrator().list_clients().unwrap();
    assert!(listed.iter().all(|one| one.user != "web1"), "{listed:?}");
}

#[test]
fn only_operators_make_backups_and_nobody_reads_them_through_the_service() {
    let (state, _) = state_with_backups();
    let service = state.start();
    let denied = service.client().make_backup().unwrap_err();
    assert_eq!(denied.kind, ErrorKind::PermissionDenied);
    let operator = service.enrol("backer", &["operator"]);
    for _ in 0..5 {
        operator.make_backup().unwrap();
    }
    assert_eq!(operator.list_backups().unwrap().files.len(), 3, "the setting `keep`");
    let without = State::with("");
    let service = without.start();
    let error = service.enrol("backer", &["operator"]).make_backup().unwrap_err();
    assert!(error.hint.unwrap().contains("keyward backup identity"));
}

#[test]
fn a_tampered_or_foreign_backup_is_refused_with_a_reason() {
    let (state, identity) = state_with_backups();
    let service = state.start();
    generate(&service.client(), "web", "p-256");
    let backup = make(&service);
    let key = state.master_key();
    let complaint = |backup: &Path, identity: &Path, key: &Path| {
        let output = verify(backup, identity, key);
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };

    let bytes = fs::read(&backup).unwrap();
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 1;
    let tampered = state.path("tampered.backup");
    fs::write(&tampered, &changed).unwrap();
    assert!(complaint(&tampered, &identity, key).contains("changed"));
    fs::write(&tampered, &bytes[..bytes.len() - 100]).unwrap();
    assert!(complaint(&tampered, &identity, key).contains("changed or cut short"));
    fs::write(&tampered, "not a backup\n").unwrap();
    assert!(complaint(&tampered, &identity, key).contains("no age file"));

    let stranger = state.path("stranger.key");
    ok(&["backup", "identity", "--out", text(&stranger)]);
    assert!(complaint(&backup, &stranger, key).contains("not for any of these identities"));
    let (other, _) = state_with_backups();
    assert!(complaint(&backup, &identity, other.master_key()).contains("does not open"));

    // Into another service's place.
    other.start().terminate();
    let config = other.path("keyward.toml");
    let arguments = ["backup", "restore", text(&backup), "--identity", text(&identity)];
    refused(&[&arguments[..], &["--config", text(&config), "--yes"]].concat());
    assert!(other.data().join("keys.db").exists());
}

#[test]
fn who_can_encrypt_to_the_recipient_cannot_forge_a_backup() {
    let (state, identity) = state_with_backups();
    let service = state.start();
    let backup = make(&service);
    let age = |arguments: &[&str]| {
        let output = Command::new("age").args(arguments).output().expect("age is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    // The age program reads what the service wrote, and the service what age wrote.
    let [plain, forged] = ["plain", "forged"].map(|name| state.path(name));
    age(&["--decrypt", "-i", text(&identity), "-o", text(&plain), text(&backup)]);
    let content = fs::read(&plain).unwrap();
    assert!(content.starts_with(b"keyward backup 1\n"));
    let line = fs::read_to_string(&identity).unwrap();
    let recipient = line.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    age(&["-r", recipient, "-o", text(&forged), text(&plain)]);
    assert!(verify(&forged, &identity, state.master_key()).status.success());

    // An older date, say, to have it taken for another one.
    let place = content.windows(9).position(|window| window == b"\"created\"").unwrap() + 10;
    let mut changed = content;
    changed[place] = if changed[place] == b'1' { b'2' } else { b'1' };
    fs::write(&plain, changed).unwrap();
    fs::remove_file(&forged).unwrap();
    age(&["-r", recipient, "-o", text(&forged), text(&plain)]);
    let output = verify(&forged, &identity, state.master_key());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("not written by the service that it names"), "{stderr}");
}

#[test]
fn a_backup_of_a_store_of_layout_1_restores() {
    the_golden_backup_restores("backup-1", "golden");
}

#[test]
fn a_backup_of_a_store_of_layout_2_restores() {
    the_golden_backup_restores("backup-2", "web");
}

fn the_golden_backup_restores(folder: &str, name: &str) {
    let scratch = TempDir::new().unwrap();
    let file = |name: &str| Path::new(GOLDEN).join(folder).join(name);
    // Permissions do not survive every checkout.
    let key = scratch.path().join("master.key");
    fs::copy(file("master.key"), &key).unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();

    let state = State::new();
    let hsm = scratch.path().join("hsm");
    let config = scratch.path().join("keyward.toml");
    let me = rustix::process::geteuid().as_raw();
    fs::write(
        &config,
        format!(
            "state = {hsm:?}\n[seal]\nkey_file = {key:?}\n[[listen]]\nunix = {:?}\n[[user]]\n\
             name = \"me\"\nidentities = [\"uid:{me}\"]\n",
            state.socket()
        ),
    )
    .unwrap();
    let (backup, identity) = (file("golden.backup"), file("backup.key"));
    let arguments = ["backup", "restore", text(&backup), "--identity", text(&identity)];
    ok(&[&arguments[..], &["--config", text(&config), "--yes"]].concat());

    let mut process =
        Command::new(KEYWARD).args(["serve", "--config", text(&config)]).spawn().unwrap();
    let address = format!("unix:{}", state.socket().display());
    ok(&["status", "--wait", "20", "--address", &address]);
    let public = ok(&["key", "public", name, "--address", &address]);
    let message = scratch.path().join("message");
    fs::write(&message, "signed by a key from the past").unwrap();
    let signature = scratch.path().join("signature");
    let sign = ["sign", name, "--in", text(&message), "--out", text(&signature)];
    let signed = keyward(&[&sign[..], &["--address", &address]].concat());
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    assert_eq!(public, fs::read_to_string(file("golden.pub")).unwrap());
    let checked = Command::new("openssl")
        .args(["dgst", "-sha256", "-verify", text(&file("golden.pub"))])
        .args(["-signature", text(&signature), text(&message)])
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}
