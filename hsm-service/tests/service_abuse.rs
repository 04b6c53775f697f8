//! What a hostile or broken client can do to others: nothing.

mod service_support;

use std::{
    io::Write,
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::{ErrorKind, Operation, Scheme};
use keyward_protocol::{
    KeyId,
    constants::{MAX_FRAME_BYTES, VERSION},
    messages::{Request, Sign, request, response},
};
use service_support::{
    ME, State, generate,
    raw::{self, Raw},
    sign,
};

#[test]
fn hello_agrees_on_a_version_and_tells_what_there_is() {
    let state = State::with(ME);
    let service = state.start();
    let mut peer = Raw::connect(service.socket());
    peer.send(1, raw::hello(1, 7));
    let Some(response::Result::Hello(reply)) = peer.receive().unwrap().result else { panic!() };
    assert_eq!((reply.version, reply.user.as_str()), (VERSION, "me"));
    assert_eq!(reply.service_id, state.issued.service_id);
    assert_eq!(reply.operations.len(), Operation::ALL.len());
    assert_eq!(reply.identity, format!("uid:{}", rustix::process::geteuid().as_raw()));

    peer.send(2, raw::hello(VERSION + 1, VERSION + 3));
    assert_eq!(peer.receive_failure().1, ErrorKind::Unsupported);
    // An operation that only a newer client knows is refused alone.
    peer.send_with(Request { id: 3, ..Default::default() });
    let (id, kind, _) = peer.receive_failure();
    assert_eq!((id, kind), (3, ErrorKind::Unsupported));
    peer.send(4, raw::status());
    assert_eq!(peer.receive().unwrap().id, 4);
}

#[test]
fn garbage_is_answered_and_cut_off_and_costs_others_nothing() {
    let state = State::with(ME);
    let service = state.start();
    let key = generate(&service.client(), "k", "p-256");
    let garbage: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        &[0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff],
        &[0xff; 64],
        &[0, 0, 0, 3, 0x0a, 0x7f, 0x00],
    ];
    for bytes in garbage {
        let mut peer = Raw::connect(service.socket());
        peer.stream.write_all(bytes).unwrap();
        let (id, kind, _) = peer.receive_failure();
        assert_eq!(id, 0);
        assert!(matches!(kind, ErrorKind::InvalidArgument | ErrorKind::LimitExceeded), "{kind}");
        assert!(peer.is_closed());
    }
    sign(&service.client(), &key).unwrap();
}

#[test]
fn a_frame_over_the_limit_is_refused_before_it_is_sent() {
    let state = State::with(ME);
    let service = state.start();
    let mut peer = Raw::connect(service.socket());
    peer.stream.write_all(&(MAX_FRAME_BYTES as u32 + 1).to_be_bytes()).unwrap();
    assert_eq!(peer.receive_failure().1, ErrorKind::LimitExceeded);
    assert!(peer.is_closed());

    // The largest frame is taken.
    let mut peer = Raw::connect(service.socket());
    let sign = |input| {
        let operation =
            request::Operation::Sign(Sign { key_id: vec![1; 16], algorithm: None, input });
        Request { id: 9, operation: Some(operation), ..Default::default() }
    };
    let around = raw::frame(sign(vec![0; 1 << 19])).len() - (1 << 19);
    peer.send_with(sign(vec![0; MAX_FRAME_BYTES + 4 - around]));
    let (id, kind, _) = peer.receive_failure();
    assert_eq!((id, kind), (9, ErrorKind::LimitExceeded));
}

#[test]
fn a_slow_sender_is_cut_off_and_an_idle_connection_is_not() {
    let state = State::with(&format!("{ME}[limits]\nframe_ms = 1500\n"));
    let service = state.start();
    let mut idle = Raw::connect(service.socket());
    let mut slow = Raw::connect(service.socket());
    let begun = Instant::now();
    // A frame of 4096 bytes, one of them now and then: that keeps nobody alive.
    slow.stream.write_all(&[0, 0, 16, 0]).unwrap();
    slow.stream.set_nonblocking(true).unwrap();
    while rustix::net::recv(&slow.stream, &mut [0; 1], rustix::net::RecvFlags::PEEK).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "a slow sender was never cut off");
        let _ = slow.stream.write(&[0]);
        thread::sleep(Duration::from_millis(200));
    }
    slow.stream.set_nonblocking(false).unwrap();
    let (_, kind, _) = slow.receive_failure();
    assert_eq!(kind, ErrorKind::Timeout);
    assert!(begun.elapsed() >= Duration::from_millis(1500));
    assert!(slow.is_closed());
    // Parked by now, and served when it speaks.
    idle.send(5, raw::status());
    assert_eq!(idle.receive().unwrap().id, 5);
}

#[test]
fn clients_that_vanish_in_the_middle_leave_nothing_behind() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let slow = generate(&client, "slow", "rsa-4096");
    let fast = generate(&client, "fast", "p-256");
    for round in 0..50 {
        let mut peer = Raw::connect(service.socket());
        for id in 0..20 {
            peer.send(id, raw::sign(slow.id, Scheme::RsaPkcs1));
            peer.send(id + 100, raw::sign(fast.id, Scheme::Ecdsa));
        }
        // Half a frame, then gone.
        if round % 2 == 0 {
            peer.stream.write_all(&[0, 0, 1, 0, 8]).unwrap();
        }
    }
    sign(&client, &fast).unwrap();
    sign(&client, &slow).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while open_sockets(&service) > 8 {
        assert!(Instant::now() < deadline, "connections are left open");
        thread::sleep(Duration::from_millis(50));
    }
    assert!(!service.log().contains("fault"), "{}", service.log());
}

fn open_sockets(service: &service_support::Service) -> usize {
    let folder = format!("/proc/{}/fd", service.pid().as_raw_nonzero());
    let links = std::fs::read_dir(folder).unwrap();
    links
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|link| link.to_string_lossy().starts_with("socket:"))
        .count()
}

#[test]
fn answers_overtake_and_all_arrive_when_read_late() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let slow = generate(&client, "slow", "rsa-4096");
    let fast = generate(&client, "fast", "p-256");
    // Both are ready in memory.
    sign(&client, &slow).unwrap();
    sign(&client, &fast).unwrap();
    let mut peer = Raw::connect(service.socket());
    let slow_ones = (1..40).map(|id| (id, raw::sign(slow.id, Scheme::RsaPkcs1)));
    let requests = slow_ones.chain([(99, raw::sign(fast.id, Scheme::Ecdsa))]);
    let together: Vec<u8> = requests
        .flat_map(|(id, operation)| {
            raw::frame(Request { id, operation: Some(operation), ..Default::default() })
        })
        .collect();
    peer.stream.write_all(&together).unwrap();
    let order: Vec<u64> = (0..40).map(|_| peer.receive_output().0).collect();
    assert!(order[..20].contains(&99), "{order:?}");

    // More answers than the socket's buffer holds, from the lanes, before the first is read.
    let count = 900;
    for id in 0..count {
        peer.send(id, raw::sign(slow.id, Scheme::RsaPkcs1));
    }
    thread::sleep(Duration::from_millis(2500));
    let mut answered: Vec<u64> = (0..count).map(|_| peer.receive_output().0).collect();
    answered.sort_unstable();
    assert_eq!(answered, (0..count).collect::<Vec<_>>());
}

#[test]
fn more_requests_in_flight_than_allowed_end_the_connection() {
    let state = State::with(&format!("{ME}[limits]\nslow_queue = 5000\n"));
    let service = state.start();
    let slow = generate(&service.client(), "slow", "rsa-4096");
    let mut peer = Raw::connect(service.socket());
    let frame = |id| {
        let operation = Some(raw::sign(slow.id, Scheme::RsaPkcs1));
        raw::frame(Request { id, operation, ..Default::default() })
    };
    let flood: Vec<u8> = (0..3000).flat_map(frame).collect();
    // The service may close while this is being sent.
    let _ = peer.stream.write_all(&flood);
    let mut refused = false;
    while let Some(response) = peer.receive() {
        refused |= response.id == 0;
    }
    assert!(refused);
    sign(&service.client(), &generate(&service.client(), "fast", "p-256")).unwrap();
}

#[test]
fn connections_over_the_limit_are_answered_busy() {
    let state = State::with(&format!("{ME}[limits]\nconnections_per_identity = 3\n"));
    let service = state.start();
    let mut peers: Vec<Raw> = (0..3).map(|_| Raw::connect(service.socket())).collect();
    for peer in &mut peers {
        peer.send(1, raw::status());
        peer.receive().unwrap();
    }
    let mut fourth = Raw::connect(service.socket());
    let (_, kind, failure) = fourth.receive_failure();
    assert_eq!(kind, ErrorKind::Busy);
    assert!(failure.message.contains("3 connections") && failure.retry_after_ms > 0);
    assert!(fourth.is_closed());
    drop(peers.pop());
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut peer = Raw::connect(service.socket());
        let request = Request { id: 1, operation: Some(raw::status()), ..Default::default() };
        // A refused connection may be closed before the request is on its way.
        let sent = peer.stream.write_all(&raw::frame(request)).is_ok();
        if sent && peer.receive().is_some_and(|response| response.id == 1) {
            break;
        }
        assert!(Instant::now() < deadline, "the freed place was not given away");
    }
}

#[test]
fn thousands_of_idle_connections_are_cheap() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let key = generate(&client, "k", "p-256");
    let before = service.status("VmRSS");
    // Each connection is a file here and one there; the test may have fewer than it wants.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit { current: limit.maximum, ..limit },
    )
    .unwrap();
    let count = limit.maximum.map_or(10_000, |files| files.saturating_sub(500).min(10_000));
    let mut idle: Vec<UnixStream> = Vec::new();
    for _ in 0..count {
        idle.push(UnixStream::connect(service.socket()).unwrap());
    }
    // Some of them have been active.
    let mut peers: Vec<Raw> =
        idle.split_off(idle.len() - 100).into_iter().map(|stream| Raw { stream }).collect();
    for peer in &mut peers {
        peer.send(1, raw::status());
        peer.receive().unwrap();
    }
    (0..500).for_each(|_| drop(sign(&client, &key).unwrap()));
    // Until they are parked.
    thread::sleep(Duration::from_millis(1500));
    let grown = service.status("VmRSS").saturating_sub(before);
    println!("{count} idle connections: {grown} KiB, {} threads", service.status("Threads"));
    assert!(grown < count * 4, "{grown} KiB for {count} connections");
}

#[test]
fn a_key_identifier_of_the_wrong_size_is_refused() {
    let state = State::with(ME);
    let service = state.start();
    let mut peer = Raw::connect(service.socket());
    for size in [0, 15, 17, 1000] {
        let sign = Sign { key_id: vec![1; size], algorithm: None, input: vec![0; 32] };
        peer.send(1, request::Operation::Sign(sign));
        assert_eq!(peer.receive_failure().1, ErrorKind::InvalidArgument);
    }
    peer.send(2, raw::sign(KeyId::new([1; 16]), Scheme::Ecdsa));
    assert_eq!(peer.receive_failure().1, ErrorKind::NotFound);
}

#[test]
fn fast_signatures_do_not_wait_behind_a_flood_of_slow_ones() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let slow = generate(&client, "slow", "rsa-4096");
    let fast = generate(&client, "fast", "p-256");
    let stop = Arc::new(AtomicBool::new(false));
    let flood: Vec<_> = (0..4)
        .map(|_| {
            let (socket, id, stop) = (service.socket().to_owned(), slow.id, Arc::clone(&stop));
            thread::spawn(move || {
                let mut peer = Raw::connect(&socket);
                // Fifty each in flight: two hundred in the lane, some seconds of work.
                (0..50).for_each(|n| peer.send(n, raw::sign(id, Scheme::RsaPkcs1)));
                while !stop.load(Ordering::Relaxed) {
                    let (n, _) = peer.receive_output();
                    peer.send(n, raw::sign(id, Scheme::RsaPkcs1));
                }
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(300));
    let mut times: Vec<Duration> = (0..1000)
        .map(|_| {
            let begun = Instant::now();
            sign(&client, &fast).unwrap();
            begun.elapsed()
        })
        .collect();
    let begun = Instant::now();
    sign(&client, &slow).unwrap();
    let behind = begun.elapsed();
    stop.store(true, Ordering::Relaxed);
    flood.into_iter().for_each(|thread| thread.join().unwrap());
    times.sort_unstable();
    let (median, most) = (times[500], times[990]);
    println!("fast: median {median:?}, 99 % {most:?}; slow: {behind:?}");
    // In one queue both would wait equally long.
    assert!(median * 4 < behind, "median {median:?} beside {behind:?} for a slow one");
}

#[test]
fn work_that_waited_longer_than_its_client_is_not_begun() {
    let state = State::with(ME);
    let service = state.start();
    let slow = generate(&service.client(), "slow", "rsa-4096");
    let mut peer = Raw::connect(service.socket());
    let frame = |id, timeout_ms| {
        let operation = Some(raw::sign(slow.id, Scheme::RsaPkcs1));
        raw::frame(Request { id, timeout_ms, operation, ..Default::default() })
    };
    let mut requests: Vec<u8> = (0..100).flat_map(|id| frame(id, 0)).collect();
    requests.extend(frame(1000, 1));
    peer.stream.write_all(&requests).unwrap();
    let late = (0..101).filter_map(|_| match peer.receive().unwrap() {
        answer if matches!(answer.result, Some(response::Result::Failure(_))) => Some(answer),
        _ => None,
    });
    let late: Vec<_> = late.collect();
    assert_eq!(late.iter().map(|answer| answer.id).collect::<Vec<_>>(), [1000]);
    let Some(response::Result::Failure(failure)) = &late[0].result else { panic!() };
    assert_eq!(failure.kind, ErrorKind::Timeout.code());
}

#[test]
fn a_full_queue_of_slow_work_is_answered_busy_at_once() {
    let state = State::with(&format!("{ME}[limits]\nslow_queue = 10\n"));
    let service = state.start();
    let slow = generate(&service.client(), "slow", "rsa-4096");
    let mut peer = Raw::connect(service.socket());
    (0..100).for_each(|id| peer.send(id, raw::sign(slow.id, Scheme::RsaPkcs1)));
    let mut busy = 0;
    for _ in 0..100 {
        if let Some(response::Result::Failure(failure)) = peer.receive().unwrap().result {
            assert_eq!(failure.kind, ErrorKind::Busy.code());
            assert!(failure.retry_after_ms > 0);
            busy += 1;
        }
    }
    assert!((10..=95).contains(&busy), "{busy}");
}

#[test]
fn strangers_cannot_fill_the_memory_with_unfinished_frames() {
    let state = State::new();
    let service = state.start();
    let mut stranger = Raw::connect(service.socket());
    stranger.send(1, raw::status());
    assert_eq!(stranger.receive().unwrap().id, 1);
    stranger.stream.write_all(&(MAX_FRAME_BYTES as u32).to_be_bytes()).unwrap();
    // It may be cut off before all of this is sent.
    let _ = stranger.stream.write_all(&vec![0; MAX_FRAME_BYTES / 2]);
    assert_eq!(stranger.receive_failure().1, ErrorKind::LimitExceeded);
    assert!(stranger.is_closed());
}

#[test]
fn frames_that_arrive_in_time_are_answered_however_they_are_cut() {
    let state = State::with(&format!("{ME}[limits]\nframe_ms = 3000\n"));
    let service = state.start();
    let mut peer = Raw::connect(service.socket());
    // For longer than a frame may take, there always is a part of one that is not whole yet.
    let whole = raw::frame(Request { id: 1, operation: Some(raw::status()), ..Request::default() });
    let (head, tail) = whole.split_at(whole.len() / 2);
    peer.stream.write_all(head).unwrap();
    let end = Instant::now() + Duration::from_secs(4);
    while Instant::now() < end {
        thread::sleep(Duration::from_millis(50));
        peer.stream.write_all(&[tail, head].concat()).unwrap();
        let answer = peer.receive().expect("an answer");
        assert!(matches!(answer.result, Some(response::Result::Status(_))), "{answer:?}");
    }
}
