//! The service is restarted under load, and its clients see no error.

mod service_support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use service_support::{ME, Service, State, generate, sign};

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
