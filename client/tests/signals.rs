//! How long a client waits in a host that gets one signal after another. This program has no harness:
//! a signal to a process interrupts its first thread, which has to be the one that waits.

use std::{
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    process::exit,
    sync::Arc,
    thread,
    time::Duration,
};

use keyward_algorithms::ErrorKind;
use keyward_client::{Client, Settings};
use rustix::{
    net::listen,
    process::{Signal, getpid, kill_process},
};

fn main() {
    signal_hook::flag::register(Signal::USR1.as_raw(), Arc::default()).unwrap();
    // Many within the time that the client waits.
    thread::spawn(|| {
        loop {
            kill_process(getpid(), Signal::USR1).unwrap();
            thread::sleep(Duration::from_millis(5));
        }
    });
    thread::spawn(|| {
        thread::sleep(Duration::from_secs(60));
        eprintln!("the client waits for ever");
        exit(1);
    });
    let folder = tempfile::tempdir().unwrap();
    signals_do_not_prolong_the_wait_for_an_answer(&folder.path().join("silent"));
    signals_do_not_prolong_the_wait_for_a_connection(&folder.path().join("full"));
}

fn signals_do_not_prolong_the_wait_for_an_answer(socket: &Path) {
    let _listening = UnixListener::bind(socket).unwrap();
    assert_eq!(failure(socket), ErrorKind::Timeout);
}

fn signals_do_not_prolong_the_wait_for_a_connection(socket: &Path) {
    let listening = UnixListener::bind(socket).unwrap();
    listen(&listening, 0).unwrap();
    let _only_one = UnixStream::connect(socket).unwrap();
    assert_eq!(failure(socket), ErrorKind::Unavailable);
}

/// How a request to a service that never says anything ends.
fn failure(socket: &Path) -> ErrorKind {
    let address = format!("unix:{}", socket.display());
    let settings =
        [("address", address.as_str()), ("connect_timeout", "200ms"), ("retry_for", "0")];
    let client = Client::new(Settings::load(&settings).unwrap());
    client.status().unwrap_err().kind
}
