//! Sockets that systemd listens on before the service runs, and goes on listening on after it.

mod service_support;

use std::{
    io::Write,
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use service_support::{ME, State, generate, named, sign};

/// The command of `state` as systemd starts it: the socket is descriptor 3 of the very process
/// that `LISTEN_PID` names.
fn activated(state: &State, listener: &UnixListener) -> Command {
    let serve = state.serve_command();
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg("exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"")
        .arg("systemd")
        .arg(serve.get_program())
        .args(serve.get_args());
    command.stdin(Stdio::from(std::os::fd::OwnedFd::from(listener.try_clone().unwrap())));
    command
}

#[test]
fn a_client_that_connects_before_the_service_runs_is_answered_once_it_does() {
    let state = State::with(ME);
    let listener = UnixListener::bind(state.socket()).unwrap();
    let mut early = UnixStream::connect(state.socket()).unwrap();

    let service = state.start_command(activated(&state, &listener));
    let key = generate(&service.client(), "web", "p-256");
    sign(&service.client(), &key).unwrap();
    // The service says of an unreadable frame that it is one, and closes.
    early.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    early.write_all(&[0; 64]).unwrap();
    early.shutdown(Shutdown::Write).unwrap();
    std::io::copy(&mut early, &mut std::io::sink()).unwrap();
    assert!(service.terminate().success());

    // Between two runs a connection waits, and is not refused.
    assert!(state.socket().exists());
    let _waiting = UnixStream::connect(state.socket()).unwrap();
    let again = state.start_command(activated(&state, &listener));
    sign(&again.client(), &key).unwrap();
}

#[test]
fn a_socket_at_which_the_configuration_does_not_listen_is_refused_by_name() {
    let state = State::with(ME);
    let elsewhere = state.path("elsewhere.sock");
    let listener = UnixListener::bind(&elsewhere).unwrap();
    let complaint = fails(activated(&state, &listener), &elsewhere);
    assert!(complaint.contains("does not listen"), "{complaint}");
    // A variable that another process of systemd's has left means nothing.
    let mut stale = state.serve_command();
    stale.env("LISTEN_FDS", "1").env("LISTEN_PID", "1");
    let service = state.start_command(stale);
    service
        .client()
        .generate(keyward_algorithms::KeyType::from_name("p-256").unwrap(), &named("other"))
        .unwrap();
}

/// What a service that does not start says of a path.
fn fails(mut command: Command, path: &Path) -> String {
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while process.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            process.kill().unwrap();
            panic!("the service did not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = process.wait_with_output().unwrap();
    assert!(!output.status.success());
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains(path.to_str().unwrap()), "{complaint}");
    complaint
}
