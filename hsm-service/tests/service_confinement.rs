//! What the service can't do any more once it has started, seen from outside.

mod service_support;

use std::{
    fs,
    io::ErrorKind,
    net::{TcpListener, TcpStream},
    os::unix::fs::symlink,
    process::Command,
    thread,
};

use keyward_protocol::Error;
use keyward_service::{
    Config,
    backup::age::Identity,
    confine::confine,
    init::{self, InitOptions},
};
use service_support::{ME, Service, State, generate, sign};
use tempfile::TempDir;

/// The lines of a field in the status of every thread of a service.
fn of_every_thread(service: &Service, field: &str) -> Vec<String> {
    let tasks = format!("/proc/{}/task", service.pid().as_raw_nonzero());
    let status = fs::read_dir(tasks).unwrap().flatten().filter_map(|thread| {
        // A thread may have ended meanwhile.
        fs::read_to_string(thread.path().join("status")).ok()
    });
    let values = status.filter_map(|status| {
        let line = status.lines().find(|line| line.starts_with(field))?;
        Some(line.split_whitespace().nth(1)?.to_owned())
    });
    values.collect()
}

#[test]
fn every_thread_of_the_service_is_under_a_filter_and_gains_no_rights() {
    let state = State::with(ME);
    let service = state.start();
    let key = generate(&service.client(), "web", "rsa-2048");
    sign(&service.client(), &key).unwrap();

    let filters = of_every_thread(&service, "Seccomp:");
    assert!(filters.len() > 3 && filters.iter().all(|mode| mode == "2"), "{filters:?}");
    let rights = of_every_thread(&service, "NoNewPrivs:");
    assert!(rights.iter().all(|value| value == "1"), "{rights:?}");
}

/// Whether this kernel has Landlock. One that has not is told by the service.
fn kernel_guards_files() -> bool {
    let warnings = State::with(ME).start().client().status().unwrap().warnings;
    !warnings.iter().any(|warning| warning.contains("no Landlock"))
}

/// Has a service make a backup whose folder leads, once it runs, to one that is none of its own.
/// What it says to that, and whether the other folder has a backup then.
fn backup_outside(more: &str) -> (Result<(), Error>, bool) {
    let recipient = Identity::generate().unwrap().recipient();
    let state = State::with(&format!("[backup]\nrecipients = [\"{recipient}\"]\n{more}{ME}"));
    let service = state.start();
    let backups = state.path("hsm/backups");
    let outside = state.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::remove_dir(&backups).unwrap();
    symlink(&outside, &backups).unwrap();
    let made = service.enrol("backer", &["operator"]).make_backup().map(drop);
    (made, fs::read_dir(&outside).unwrap().next().is_some())
}

#[test]
fn a_confined_service_writes_nothing_outside_its_folders_and_says_so() {
    let (made, there) = backup_outside("");
    if kernel_guards_files() {
        let error = made.unwrap_err();
        assert!(error.message.contains("hsm/backups: Permission denied"), "{error}");
        assert!(!there);
    }
    let (made, there) = backup_outside("[hardening]\nconfine = false\n");
    made.unwrap();
    assert!(there);
}

#[test]
fn a_service_that_is_not_confined_warns_of_it() {
    let warnings = |state: State| state.start().client().status().unwrap().warnings;
    let open = warnings(State::with(&format!("[hardening]\nconfine = false\n{ME}")));
    assert!(open.iter().any(|warning| warning.contains("not confined")), "{open:?}");
    // Whom the service does not know, it tells nothing of itself.
    let stranger = warnings(State::with("[hardening]\nconfine = false\n"));
    assert!(stranger.is_empty(), "{stranger:?}");
    let confined = warnings(State::with(ME));
    assert!(!confined.iter().any(|warning| warning.contains("confined")), "{confined:?}");
}

/// What the service does before it opens a key, on a thread of its own that then tries to get out.
#[test]
fn a_thread_that_is_confined_starts_no_program_and_reaches_its_folders_alone() {
    let folder = TempDir::new().unwrap();
    let mut options = InitOptions::new(folder.path().join("hsm"));
    options.master_key = Some(folder.path().join("keys/master.key"));
    fs::create_dir(folder.path().join("keys")).unwrap();
    let issued = init::init(&options).unwrap();
    let config = Config::load(&issued.config).unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "another service's").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();

    let guarded = kernel_guards_files();
    let confined = thread::spawn(move || {
        let denied = |error: std::io::Error| error.kind() == ErrorKind::PermissionDenied;
        assert_eq!(confine(&config, None).unwrap().is_empty(), guarded);
        assert!(Command::new("/bin/true").spawn().is_err_and(denied));
        if guarded {
            assert!(fs::read(&secret).is_err_and(denied));
            assert!(fs::write(secret.with_file_name("new"), "").is_err_and(denied));
            assert!(fs::write(options.master_key.unwrap(), "").is_err_and(denied));
            assert!(fs::write("/etc/keyward-test", "").is_err_and(denied));
            assert!(TcpStream::connect(address).is_err_and(denied));
        }
        // What it needs goes on, on threads that begin later too.
        thread::spawn(move || {
            fs::write(options.state.join("backups.new"), "").unwrap();
            fs::read(issued.master_key.unwrap()).unwrap();
            fs::read("/etc/passwd").unwrap();
            TcpListener::bind("127.0.0.1:0").unwrap();
            assert!(Command::new("/bin/true").spawn().is_err_and(denied));
        })
        .join()
        .unwrap();
    });
    confined.join().unwrap();
    // The thread that started it is as free as before.
    assert_eq!(fs::read_to_string(folder.path().join("secret")).unwrap(), "another service's");
}
