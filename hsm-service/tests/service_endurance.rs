//! Much work for long, and many clients that only pretend to work: memory, descriptors and threads stay
//! what they were, and honest clients are served.
//!
//! `KEYWARD_SOAK_SECONDS` says for how long; `make soak` takes ten minutes.

mod service_support;

use std::{
    env, fs,
    io::Write,
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::{ErrorKind, KeyType, Right, Rights};
use keyward_client::Client;
use keyward_protocol::{Key, KeySelector};
use service_support::{ME, Service, State, generate, named, raw::Raw, sign};

/// Threads that work at the same time.
const WORKERS: usize = 6;

/// From how many seconds on memory is judged: before, caches and pools are still filling.
const JUDGED_AFTER: u64 = 120;

fn descriptors(service: &Service) -> usize {
    fs::read_dir(format!("/proc/{}/fd", service.pid().as_raw_nonzero())).unwrap().count()
}

fn sockets(service: &Service) -> usize {
    let open = fs::read_dir(format!("/proc/{}/fd", service.pid().as_raw_nonzero())).unwrap();
    let links = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

/// One round of what users of all kinds do; how many requests that was.
fn round(client: &Client, fresh: &Client, keys: &[Key], name: &str) -> u64 {
    for key in keys {
        sign(client, key).unwrap();
    }
    sign(fresh, &keys[0]).unwrap();
    client.find(&KeySelector::Name(keys[1].name.clone())).unwrap();
    client.list("").unwrap();
    client.random(32).unwrap();
    client.status().unwrap();
    // What is refused leaves no more behind than what is done.
    let absent = client.find(&KeySelector::Name("absent".into()));
    assert_eq!(absent.unwrap_err().kind, ErrorKind::NotFound);
    let made = client.generate(KeyType::from_name("p-256").unwrap(), &named(name)).unwrap();
    client.share(&made.id, "bob", Rights::of(&[Right::Sign])).unwrap();
    sign(client, &made).unwrap();
    client.delete_now(&made.id).unwrap();
    keys.len() as u64 + 10
}

#[test]
fn mixed_work_leaves_memory_and_descriptors_as_they_were() {
    let asked = env::var("KEYWARD_SOAK_SECONDS").ok().and_then(|text| text.parse().ok());
    let seconds: u64 = asked.unwrap_or(5);
    let state = State::with(&format!("{ME}[audit]\nfile_mib = 1\nkeep_files = 2\n"));
    let service = Arc::new(state.start());
    let client = service.client();
    let keys: Vec<Key> = ["p-256", "ed25519", "rsa-2048", "rsa-3072"]
        .map(|key_type| generate(&client, key_type, key_type))
        .into();
    let machine = service.machine("me", &[], &[]);
    let idle = sockets(&service);
    let stop = Arc::new(AtomicBool::new(false));
    let requests = Arc::new(AtomicU64::new(0));
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let (service, stop, keys) = (Arc::clone(&service), Arc::clone(&stop), keys.clone());
            let (requests, remote) = (Arc::clone(&requests), machine.client(&service));
            thread::spawn(move || {
                let local = service.patient_client();
                for turn in 0.. {
                    if stop.load(Relaxed) {
                        return;
                    }
                    // Most come by the socket, some over TLS; each round brings a new connection.
                    let client = if worker == 0 { &remote } else { &local };
                    let name = format!("made-{worker}-{turn}");
                    let count = round(client, &service.patient_client(), &keys, &name);
                    requests.fetch_add(count, Relaxed);
                }
            })
        })
        .collect();
    let mut looks = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds) {
        thread::sleep(Duration::from_secs(1));
        assert!(!workers.iter().any(thread::JoinHandle::is_finished), "a client has failed");
        looks.push((service.status("VmRSS"), descriptors(&service), service.status("Threads")));
    }
    stop.store(true, Relaxed);
    workers.into_iter().for_each(|worker| worker.join().unwrap());

    // The middle one of a fifth of the looks, at the second fifth and at the last.
    let fifth = looks.len() / 5;
    let middle = |from: usize, of: fn(&(u64, usize, u64)) -> u64| {
        let mut part: Vec<u64> = looks[from..from + fifth.max(1)].iter().map(of).collect();
        part.sort_unstable();
        part[part.len() / 2]
    };
    let (early, late) = (fifth, looks.len() - fifth.max(1));
    let memory = [early, late].map(|from| middle(from, |look| look.0));
    let files = [early, late].map(|from| middle(from, |look| look.1 as u64));
    let threads = [early, late].map(|from| middle(from, |look| look.2));
    println!(
        "{} requests in {seconds} s: {} KiB of memory early, {} late; {} descriptors early, {} late; \
         {} threads early, {} late",
        requests.load(Relaxed),
        memory[0],
        memory[1],
        files[0],
        files[1],
        threads[0],
        threads[1]
    );
    if seconds >= JUDGED_AFTER {
        assert!(memory[1] <= memory[0] + memory[0] / 50 + 512, "the memory grows: {looks:?}");
        assert!(files[1] <= files[0] + WORKERS as u64, "the descriptors grow: {looks:?}");
        assert!(threads[1] <= threads[0] + WORKERS as u64, "the threads grow: {looks:?}");
    }
    // The clients are gone, and with them their connections.
    let deadline = Instant::now() + Duration::from_secs(30);
    while sockets(&service) > idle {
        assert!(Instant::now() < deadline, "{} sockets, {idle} before", sockets(&service));
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_client_that_makes_many_keys_has_one_connection() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    generate(&client, "first", "p-256");
    let before = sockets(&service);
    for number in 0..50 {
        generate(&client, &format!("key-{number}"), "p-256");
    }
    // Those that were closed are gone as soon as the service has looked.
    let deadline = Instant::now() + Duration::from_secs(30);
    while sockets(&service) > before {
        assert!(Instant::now() < deadline, "{} sockets, {before} before", sockets(&service));
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_thousand_slow_and_half_open_clients_are_cut_off_and_keep_nobody_waiting() {
    const SENDERS: usize = 1000;
    let state = State::with(&format!("{ME}[limits]\nframe_ms = 2000\n"));
    let service = state.start();
    let client = service.patient_client();
    let key = generate(&client, "web", "p-256");
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let more = rustix::process::Rlimit { current: limit.maximum, ..limit };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, more).unwrap();
    // Each begins a frame; every second one sends a byte of it now and then.
    let mut senders: Vec<UnixStream> = (0..SENDERS)
        .map(|_| {
            let mut stream = UnixStream::connect(service.socket()).unwrap();
            stream.write_all(&[0, 0, 16, 0]).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        })
        .collect();
    let mut served = 0;
    let begun = Instant::now();
    let mut waiting: Vec<usize> = (0..SENDERS).collect();
    while !waiting.is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{} are still there", waiting.len());
        for _ in 0..20 {
            sign(&client, &key).unwrap();
            served += 1;
        }
        waiting.retain(|&index| {
            let stream = &mut senders[index];
            if index % 2 == 0 {
                let _ = stream.write(&[0]);
            }
            let mut byte = [0; 1];
            // Its answer has come.
            rustix::net::recv(&*stream, &mut byte, rustix::net::RecvFlags::PEEK).is_err()
        });
        thread::sleep(Duration::from_millis(100));
    }
    for stream in senders {
        stream.set_nonblocking(false).unwrap();
        let mut peer = Raw { stream };
        assert_eq!(peer.receive_failure().1, ErrorKind::Timeout);
        assert!(peer.is_closed());
    }
    println!("{SENDERS} slow senders cut off, {served} signatures meanwhile, 0 failed");
}
