//! A store that a TPM opens, and one whose states a TPM counts: swtpm, reached by a socket.

mod service_support;

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;
use service_support::{
    KEYWARD, ME, Service, State, audit_log, devices::SoftTpm, generate,
    kills::kill_while_sealed_anew, sign, wait_for,
};
use tempfile::TempDir;

/// A service that the TPM at an address opens, and the copy of its master key.
fn sealed_by_tpm(address: &str, more: &[&str]) -> (State, PathBuf) {
    let folder = TempDir::new().unwrap();
    let copy = folder.path().join("copy.key");
    let arguments = ["--seal", "tpm", "--tpm", address, "--master-key", text(&copy)];
    let arguments = [&arguments[..], more].concat();
    let mut state = State::by_command(folder, Vec::new(), &arguments);
    state.more = everything();
    (state, copy)
}

/// Whoever runs the test has the roles that the test needs.
fn everything() -> String {
    let me = rustix::process::geteuid().as_raw().to_string();
    let more = ME.replace("uid:ME\"]", "uid:ME\"]\nroles = [\"user\", \"admin\", \"auditor\"]");
    more.replace("uid:ME", &format!("uid:{me}"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(service: &Service, arguments: &[&str]) -> Output {
    Command::new(KEYWARD)
        .args(arguments)
        .env("KEYWARD_ADDRESS", format!("unix:{}", service.socket().display()))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn ok(service: &Service, arguments: &[&str]) -> String {
    let output = run(service, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Why a sealed service is not open.
fn reason(service: &Service) -> String {
    let seal = service.client().show_seal().unwrap();
    assert_eq!(seal.state, "sealed");
    seal.reason
}

#[test]
fn a_tpm_opens_the_service_at_each_start_until_its_registers_change_and_then_the_copy_does() {
    let tpm = SoftTpm::new();
    let (state, copy) = sealed_by_tpm(&tpm.address(), &["--pcrs", "16,7"]);
    let service = state.start();
    let key = generate(&service.client(), "k", "p-256");
    let shown = ok(&service, &["seal", "show"]);
    assert!(shown.contains("registers 7, 16"), "{shown}");
    ok(&service, &["seal", "lock"]);
    ok(&service, &["unseal"]);
    assert!(service.terminate().success());

    let tpm = tpm.restart();
    let service = state.start();
    sign(&service.client(), &key).unwrap();
    assert!(service.terminate().success());

    tpm.extend(16);
    let service = state.start();
    assert!(reason(&service).contains("its registers (PCRs) have changed"), "{}", reason(&service));
    assert_eq!(sign(&service.client(), &key).unwrap_err().kind, ErrorKind::Sealed);
    assert!(!run(&service, &["unseal"]).status.success());
    ok(&service, &["unseal", "--in", text(&copy)]);
    sign(&service.client(), &key).unwrap();
    // Sealed anew to what the registers say at present; the old copy is void.
    let next = state.path("next.key");
    assert_eq!(run(&service, &["seal", "rotate"]).status.code(), Some(2));
    ok(&service, &["seal", "rotate", "--master-key", text(&next)]);
    assert!(ok(&service, &["seal", "show"]).contains("registers 7, 16"));
    ok(&service, &["seal", "lock"]);
    assert!(!run(&service, &["unseal", "--in", text(&copy)]).status.success());
    assert!(service.terminate().success());
    let service = state.start();
    sign(&service.client(), &key).unwrap();
}

#[test]
fn another_tpm_and_one_that_is_away_are_told_apart() {
    let tpm = SoftTpm::new();
    let (mut state, _copy) = sealed_by_tpm(&tpm.address(), &[]);
    let other = SoftTpm::new();
    let seal = state.seal.clone();
    state.seal = seal.replace(&tpm.address(), &other.address());
    let service = state.start();
    assert!(reason(&service).contains("another TPM"), "{}", reason(&service));
    drop(service);
    state.seal = seal.replace(&tpm.address(), "swtpm:path=/nowhere/tpm.sock");
    let service = state.start();
    assert!(reason(&service).contains("cannot reach the TPM"), "{}", reason(&service));
    drop(service);
    state.seal = seal;
    let service = state.start();
    generate(&service.client(), "k", "p-256");
}

#[test]
fn the_seal_changes_to_the_tpm_and_from_it_while_the_service_signs() {
    let tpm = SoftTpm::new();
    let mut state = State::by_command(TempDir::new().unwrap(), Vec::new(), &[]);
    state.more = everything();
    state.seal += &format!("\n[seal.tpm]\ndevice = {:?}\n", tpm.address());
    let master_key = state.master_key().to_owned();
    let service = state.start();
    let key = generate(&service.client(), "k", "p-256");
    ok(&service, &["seal", "change", "tpm", "--without-copy"]);
    sign(&service.client(), &key).unwrap();
    let passphrase = state.path("passphrase");
    fs::write(&passphrase, "ten green bottles hanging on the wall").unwrap();
    ok(&service, &["seal", "change", "passphrase", "--passphrase-file", text(&passphrase)]);
    let change = ["seal", "change", "tpm", "--pcrs", "7", "--without-copy", "--present-in"];
    ok(&service, &[&change[..], &[text(&passphrase)]].concat());
    ok(&service, &["seal", "change", "key-file", "--master-key", text(&master_key)]);
    sign(&service.client(), &key).unwrap();
    let refused = run(&service, &["seal", "change", "tpm", "--pcrs", "24", "--without-copy"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(service.terminate().success());
    let service = state.start();
    sign(&service.client(), &key).unwrap();
}

/// What goes between a service and its TPM.
#[derive(Default)]
struct Line {
    heard: Mutex<Vec<u8>>,
    tampers: AtomicBool,
    /// No command gets through to the TPM while a test holds this.
    hangs: Mutex<()>,
    ends: AtomicBool,
}

impl Line {
    fn hear(&self, bytes: &[u8]) {
        self.heard.lock().unwrap().extend_from_slice(bytes);
    }
}

/// Who sits there.
struct Tap {
    line: Arc<Line>,
    socket: PathBuf,
    thread: Option<thread::JoinHandle<()>>,
}

impl Tap {
    fn on(tpm: PathBuf, socket: PathBuf) -> Tap {
        let listener = UnixListener::bind(&socket).unwrap();
        let line: Arc<Line> = Arc::default();
        let tapped = Arc::clone(&line);
        let tap = move || {
            for client in listener.incoming().map_while(Result::ok) {
                if tapped.ends.load(Ordering::SeqCst) {
                    break;
                }
                let _ = relay(client, UnixStream::connect(&tpm).unwrap(), &tapped);
            }
        };
        Tap { line, socket, thread: Some(thread::spawn(tap)) }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.line.ends.store(true, Ordering::SeqCst);
        let _ = UnixStream::connect(&self.socket);
        let _ = self.thread.take().unwrap().join();
    }
}

/// One command and one answer after the other.
fn relay(mut client: UnixStream, mut tpm: UnixStream, line: &Line) -> io::Result<()> {
    let whole = |stream: &mut UnixStream| -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; 10];
        stream.read_exact(&mut bytes)?;
        bytes.resize(u32::from_be_bytes(bytes[2..6].try_into().unwrap()) as usize, 0);
        stream.read_exact(&mut bytes[10..])?;
        Ok(bytes)
    };
    loop {
        let command = whole(&mut client)?;
        line.hear(&command);
        drop(line.hangs.lock());
        tpm.write_all(&command)?;
        let mut answer = whole(&mut tpm)?;
        line.hear(&answer);
        // TPM2_Unseal: one bit of the secret that it gives back.
        if line.tampers.load(Ordering::SeqCst) && command[6..10] == 0x15eu32.to_be_bytes() {
            answer[20] ^= 1;
        }
        client.write_all(&answer)?;
    }
}

#[test]
fn who_sits_between_the_service_and_its_tpm_neither_learns_the_master_key_nor_changes_it() {
    let tpm = SoftTpm::new();
    let folder = TempDir::new().unwrap();
    let tap = Tap::on(tpm.socket(), folder.path().join("tap.sock"));
    let address = format!("swtpm:path={}", folder.path().join("tap.sock").display());
    let (state, copy) = sealed_by_tpm(&address, &[]);
    let service = state.start();
    generate(&service.client(), "k", "p-256");
    let (_, master_key) = pem_rfc7468::decode_vec(&fs::read(&copy).unwrap()).unwrap();
    let heard = tap.line.heard.lock().unwrap().clone();
    let is_there = |secret: &[u8]| heard.windows(secret.len()).any(|part| part == secret);
    // It listens indeed: the command that gives the secret back went by.
    assert!(is_there(&0x15eu32.to_be_bytes()));
    assert!(!is_there(&master_key[..16]) && !is_there(&master_key[16..]));
    assert!(service.terminate().success());

    tap.line.tampers.store(true, Ordering::SeqCst);
    let service = state.start();
    assert!(reason(&service).contains("was changed on its way"), "{}", reason(&service));
    tap.line.tampers.store(false, Ordering::SeqCst);
    ok(&service, &["unseal"]);
}

/// A service with a master key in a file whose states the TPM counts.
fn counted(tpm: &SoftTpm) -> State {
    let mut state = State::by_command(TempDir::new().unwrap(), Vec::new(), &[]);
    state.more = everything();
    state.seal += &counter(tpm);
    state
}

const COUNTER: u32 = 0x0180_3c57;

fn counter(tpm: &SoftTpm) -> String {
    format!(
        "\n[seal.tpm]\ndevice = {:?}\ncounter = \"{COUNTER:#010x}\"\ncount_every = \"1s\"\n",
        tpm.address()
    )
}

fn copy_folder(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

#[test]
fn a_disk_that_was_rolled_back_is_noticed_and_opened_only_when_an_administrator_says_so() {
    let tpm = SoftTpm::new();
    let state = counted(&tpm);
    let service = state.start();
    let lost = generate(&service.client(), "lost", "p-256");
    assert!(service.terminate().success());
    let (disk, old) = (state.path("hsm"), state.path("old"));
    copy_folder(&disk, &old);
    let service = state.start();
    ok(&service, &["key", "delete", "lost", "--now", "--yes"]);
    assert!(service.terminate().success());
    // Twice in a row without anything else between is the latest state still.
    let service = state.start();
    assert!(sign(&service.client(), &lost).is_err());
    assert!(service.terminate().success());

    // The disk as it was, with the key that was deleted.
    let latest = state.path("latest");
    fs::rename(&disk, &latest).unwrap();
    copy_folder(&old, &disk);
    let service = state.start();
    assert!(reason(&service).contains("the store is an older state"), "{}", reason(&service));
    assert_eq!(sign(&service.client(), &lost).unwrap_err().kind, ErrorKind::Sealed);
    let refused = run(&service, &["unseal"]);
    let refused = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.contains("--accept-older-state"), "{refused}");
    assert!(service.terminate().success());
    // The latest one is still taken.
    fs::remove_dir_all(&disk).unwrap();
    fs::rename(&latest, &disk).unwrap();
    let service = state.start();
    assert!(sign(&service.client(), &lost).is_err());
    assert!(service.terminate().success());

    // It was a restored backup: an administrator says so, and that is in the log.
    fs::remove_dir_all(&disk).unwrap();
    fs::rename(&old, &disk).unwrap();
    let service = state.start();
    ok(&service, &["unseal", "--accept-older-state"]);
    sign(&service.client(), &lost).unwrap();
    let accepted = |detail: &str| detail.contains("accepted: the store is an older state");
    assert!(audit_log(&service.client()).iter().any(|entry| accepted(&entry.detail)));
    assert!(service.terminate().success());
    let service = state.start();
    sign(&service.client(), &lost).unwrap();
}

#[test]
fn states_are_counted_while_the_service_runs_and_a_cleared_tpm_is_noticed() {
    let tpm = SoftTpm::new();
    let mut state = counted(&tpm);
    let service = state.start();
    let (data, old) = (state.data(), state.path("old"));
    // As a snapshot of the disk in the midst of a long run.
    copy_folder(&data, &old);
    let before = tpm.counter(COUNTER);
    let key = generate(&service.client(), "k", "p-256");
    let end = Instant::now() + Duration::from_secs(60);
    while tpm.counter(COUNTER) == before {
        assert!(Instant::now() < end, "the change is not counted");
        thread::sleep(Duration::from_millis(50));
    }
    service.kill();
    fs::rename(&data, state.path("latest")).unwrap();
    fs::rename(&old, &data).unwrap();
    let service = state.start();
    assert!(reason(&service).contains("the store is an older state"), "{}", reason(&service));
    drop(service);
    fs::remove_dir_all(&data).unwrap();
    fs::rename(state.path("latest"), &data).unwrap();
    let service = state.start();
    sign(&service.client(), &key).unwrap();
    drop(service);

    let other = SoftTpm::new();
    state.seal = state.seal.replace(&tpm.address(), &other.address());
    let service = state.start();
    assert!(reason(&service).contains("another TPM"), "{}", reason(&service));
}

#[test]
fn keys_are_destroyed_at_once_while_the_tpm_that_is_to_count_hangs() {
    let tpm = SoftTpm::new();
    let folder = TempDir::new().unwrap();
    let tap = Tap::on(tpm.socket(), folder.path().join("tap.sock"));
    let mut state = counted(&tpm);
    let tapped = format!("swtpm:path={}", tap.socket.display());
    state.seal = state.seal.replace(&tpm.address(), &tapped).replace("\"1s\"", "\"1h\"");
    let service = state.start();
    let client = service.client();
    let key = generate(&client, "k", "p-256");
    client.lock_seal().unwrap();

    let hangs = tap.line.hangs.lock().unwrap();
    let heard = || tap.line.heard.lock().unwrap().len();
    let before = heard();
    let opener = service.client();
    let opening = thread::spawn(move || opener.unseal(&[], false));
    wait_for("a command to the TPM", || (heard() > before).then_some(()));
    assert_eq!(client.show_seal().unwrap().state, "sealed");
    assert_eq!(client.lock_seal().unwrap().state, "sealed");
    assert_eq!(client.zeroize(&state.issued.service_id).unwrap().state, "uninitialised");
    assert!(!opening.is_finished(), "the TPM hangs no more");
    drop(hangs);
    assert_eq!(opening.join().unwrap().unwrap_err().kind, ErrorKind::Sealed);
    assert_eq!(client.status().unwrap().state, "uninitialised");
    assert_eq!(sign(&client, &key).unwrap_err().kind, ErrorKind::Sealed);
}

#[test]
fn another_tpm_is_not_believed_although_its_counter_stands_where_the_store_expects_it() {
    let tpm = SoftTpm::new();
    let mut state = counted(&tpm);
    let service = state.start();
    let key = generate(&service.client(), "k", "p-256");
    assert!(service.terminate().success());
    let other = SoftTpm::new();
    assert!(counted(&other).start().terminate().success());
    while other.counter(COUNTER) < tpm.counter(COUNTER) {
        other.count(COUNTER);
    }
    assert_eq!(other.counter(COUNTER), tpm.counter(COUNTER));

    state.seal = state.seal.replace(&tpm.address(), &other.address());
    let service = state.start();
    assert!(reason(&service).contains("with another TPM"), "{}", reason(&service));
    assert_eq!(sign(&service.client(), &key).unwrap_err().kind, ErrorKind::Sealed);
    // It was exchanged, an administrator says. From then on it is the one.
    ok(&service, &["unseal", "--accept-older-state"]);
    sign(&service.client(), &key).unwrap();
    assert!(service.terminate().success());
    let service = state.start();
    sign(&service.client(), &key).unwrap();
}

#[test]
fn a_service_that_is_killed_while_the_tpm_takes_over_its_seal_opens_by_itself_afterwards() {
    let tpm = SoftTpm::new();
    let mut state = State::by_command(TempDir::new().unwrap(), Vec::new(), &[]);
    state.more = everything();
    state.seal += &counter(&tpm);
    let change = ["seal", "change", "tpm", "--pcrs", "7", "--without-copy"];
    kill_while_sealed_anew(&state, &change);
}
