//! The service is restarted under load, and its clients see no error.

mod service_support;

use std::{
    mem::MaybeUninit,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::fs::inotify::{self, ReadFlags, WatchFlags};
use service_support::{ME, Service, State, generate, sign};

#[test]
fn the_last_file_of_the_audit_log_is_read_once_at_the_start() {
    let state = State::with(ME);
    assert!(state.start().terminate().success());
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    let log = state.path("hsm/audit/audit-00000001.log");
    inotify::add_watch(&watch, &log, WatchFlags::CLOSE_NOWRITE | WatchFlags::OPEN).unwrap();
    let _service = state.start();
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(&watch, &mut buffer);
    let mut read = 0;
    while let Ok(event) = events.next() {
        read += u32::from(event.events().contains(ReadFlags::CLOSE_NOWRITE));
    }
    assert_eq!(read, 1);
}

/// Clients sign all the time while the service is ended in this way and started again.
fn restart_under_load(end: impl Fn(Service)) {
    let state = State::with(ME);
    let mut service = state.start();
    let client = service.client();
    let fast = generate(&client, "fast", "p-256");
    let slow = generate(&client, "slow", "rsa-4096");
    let stop = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = [&fast, &fast, &slow, &slow]
        .map(|key| {
            let (client, key) = (client.clone(), key.clone());
            let (stop, count) = (Arc::clone(&stop), Arc::clone(&count));
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    sign(&client, &key).unwrap();
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .into();
    for _ in 0..6 {
        thread::sleep(Duration::from_millis(150));
        let before = count.load(Ordering::Relaxed);
        end(service);
        service = state.start();
        while count.load(Ordering::Relaxed) < before + 50 {
            assert!(!clients.iter().any(thread::JoinHandle::is_finished), "a client has failed");
            thread::sleep(Duration::from_millis(5));
        }
    }
    stop.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().unwrap());
}

#[test]
fn a_drained_service_fails_no_request() {
    restart_under_load(|service| assert!(service.terminate().success()));
}

#[test]
fn a_killed_service_fails_no_request() {
    restart_under_load(Service::kill);
}

#[test]
fn a_thousand_clients_that_lose_their_connections_at_once_all_come_back() {
    const CLIENTS: usize = 1000;
    let state = State::with(ME);
    let service = state.start();
    let key = Arc::new(generate(&service.client(), "web", "p-256"));
    let (connected, again) =
        (Arc::new(Barrier::new(CLIENTS + 1)), Arc::new(Barrier::new(CLIENTS + 1)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            // Each has a connection of its own, as processes have.
            let client = service.patient_client();
            let (key, connected, again) = (Arc::clone(&key), connected.clone(), again.clone());
            let thread = thread::Builder::new().stack_size(256 << 10);
            let work = move || {
                sign(&client, &key).unwrap();
                connected.wait();
                again.wait();
                sign(&client, &key).unwrap();
            };
            thread.spawn(work).unwrap()
        })
        .collect();
    connected.wait();
    service.kill();
    again.wait();
    let _service = state.start();
    let back = clients.into_iter().filter_map(|client| client.join().ok()).count();
    assert_eq!(back, CLIENTS);
    println!("{back} clients came back, 0 failed");
}
