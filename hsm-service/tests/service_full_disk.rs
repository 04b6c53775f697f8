//! What happens when the disk is full, on a small disk that really is.

mod service_support;

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
    process::Command,
};

use keyward_algorithms::{ErrorKind, KeyType};
use keyward_client::Client;
use keyward_protocol::{Error, Key, KeySelector};
use service_support::{AUDITING, State, all_is_there, audit_log, generate, named, sign, wait_for};
use tempfile::TempDir;

/// A file system of a few MiB in memory, which goes with this value.
struct SmallDisk {
    mounted: TempDir,
}

impl SmallDisk {
    /// Mounts it; `None` where the test may not.
    fn mount(size: &str) -> Option<SmallDisk> {
        let mounted = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size},mode=0755"), "tmpfs"]);
        let done = mount.arg(mounted.path()).output().is_ok_and(|ran| ran.status.success());
        if !done {
            println!("1 skipped: only root can mount a small disk");
            return None;
        }
        Some(SmallDisk { mounted })
    }

    fn folder(&self) -> TempDir {
        TempDir::new_in(self.mounted.path()).unwrap()
    }

    fn filler(&self) -> PathBuf {
        self.mounted.path().join("filler")
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.filler()).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
    }

    /// Takes all the room but a little, which writes are to use up.
    fn nearly_fill(&self) {
        self.fill();
        let file = File::options().write(true).open(self.filler()).unwrap();
        file.set_len(file.metadata().unwrap().len() - (400 << 10)).unwrap();
    }

    fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.mounted.path()).status();
    }
}

/// Asks for keys until one is refused, and for how long that may take; those that there are.
fn generate_until_refused(client: &Client, prefix: &str) -> (Vec<Key>, Error) {
    let mut made = Vec::new();
    for number in 0..100_000 {
        let name = format!("{prefix}-{number}");
        match client.generate(KeyType::from_name("p-256").unwrap(), &named(&name)) {
            Ok(key) => made.push(key),
            Err(error) => return (made, error),
        }
    }
    panic!("the disk is not full");
}

fn warned(client: &Client) -> bool {
    let warnings = client.status().unwrap().warnings;
    warnings.iter().any(|one| one.contains("the audit log cannot be written"))
}

#[test]
fn on_a_full_disk_acts_are_refused_uses_go_on_and_what_was_answered_is_there() {
    let Some(disk) = SmallDisk::mount("16m") else { return };
    let mut state = State::in_folder(disk.folder());
    state.more = format!(
        "[audit]\njournal_mib = 1\nfile_mib = 1\n{}",
        AUDITING.replace("uid:ME", &format!("uid:{}", rustix::process::geteuid().as_raw()))
    );
    let audit = state.path("hsm/audit");
    let service = state.start();
    let client = service.client();
    let key = generate(&client, "web", "p-256");
    disk.nearly_fill();
    let (mut keys, error) = generate_until_refused(&client, "full");
    assert_eq!(error.kind, ErrorKind::LimitExceeded, "{error}");
    assert!(error.hint.as_deref().unwrap_or_default().contains("make room"), "{error}");
    // More than the journal holds: none is refused, and the log will say how many it misses.
    for _ in 0..8000 {
        sign(&client, &key).unwrap();
    }
    wait_for("a warning", || warned(&client).then_some(()));
    let error = client.rename(&key.id, "other").unwrap_err();
    assert_eq!(error.kind, ErrorKind::LimitExceeded, "{error}");
    assert!(error.message.contains("full"), "{error}");
    assert_eq!(client.find(&KeySelector::Id(key.id)).unwrap().name, "web");

    // With room again all goes on by itself.
    disk.free();
    let made = |name: &str| client.generate(KeyType::from_name("p-256").unwrap(), &named(name));
    let mut refused = 2;
    keys.push(wait_for("acts again", || made("after").inspect_err(|_| refused += 1).ok()));
    wait_for("no warning", || (!warned(&client)).then_some(()));
    all_is_there(&service, &keys, &audit);
    let entries = audit_log(&client);
    let missing = entries.iter().find(|entry| entry.event == "uses-not-recorded").unwrap();
    let missing: usize = missing.detail.parse().unwrap();
    let sign_code = keyward_algorithms::Operation::Sign.code();
    let recorded = entries.iter().filter(|one| one.operation == sign_code || one.outcome != 0);
    assert_eq!(recorded.count() + missing, 8000 + refused);

    // Killed on the full disk, it has lost nothing either.
    disk.nearly_fill();
    let (more, _) = generate_until_refused(&client, "again");
    keys.extend(more);
    service.kill();
    disk.free();
    let service = state.start();
    sign(&service.client(), &key).unwrap();
    all_is_there(&service, &keys, &audit);
    println!("{} keys acknowledged, 0 lost", keys.len());
}

#[test]
fn on_a_full_disk_uses_can_be_refused_instead() {
    let Some(disk) = SmallDisk::mount("12m") else { return };
    let mut state = State::in_folder(disk.folder());
    state.more = format!(
        "[audit]\njournal_mib = 1\nfile_mib = 1\nwhen_full = \"refuse\"\n{}",
        AUDITING.replace("uid:ME", &format!("uid:{}", rustix::process::geteuid().as_raw()))
    );
    let service = state.start();
    let client = service.client();
    let key = generate(&client, "web", "p-256");
    disk.fill();
    let mut signed = 0;
    let error = loop {
        match sign(&client, &key) {
            Ok(_) => signed += 1,
            Err(error) => break error,
        }
        assert!(signed < 20_000, "nothing is refused");
    };
    assert_eq!(error.kind, ErrorKind::LimitExceeded, "{error}");
    assert!(error.message.contains("keys are not used"), "{error}");
    disk.free();
    wait_for("uses again", || sign(&client, &key).ok());
    signed += 1;
    let entries = audit_log(&client);
    let code = keyward_algorithms::Operation::Sign.code();
    let done = entries.iter().filter(|entry| entry.operation == code && entry.outcome == 0);
    // Every signature that was given out is in the log.
    assert_eq!(done.count(), signed);
    all_is_there(&service, &[key], &state.path("hsm/audit"));
}
