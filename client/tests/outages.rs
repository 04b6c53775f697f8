//! What a client does when its service goes, comes, stalls or breaks off, against a peer that
//! speaks the protocol and misbehaves on purpose, as the real service cannot be made to.

use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::{ErrorKind, KeyType};
use keyward_client::{Client, KeyTemplate, Settings};
use keyward_protocol::{
    FrameReader, decode_request, encode_response,
    messages::{Response, request, response},
};
use tempfile::TempDir;

/// What the peer does with a request that is no hello.
#[derive(Clone, Copy)]
enum Manner {
    Answers,
    Stalls,
    HangsUp,
}

/// A listening peer that counts its connections and the requests on them.
struct Peer {
    path: PathBuf,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Peer {
    fn listen(path: &Path, manner: Manner, requests_per_connection: usize) -> Peer {
        let listener = UnixListener::bind(path).unwrap();
        let peer =
            Peer { path: path.into(), connections: Arc::default(), requests: Arc::default() };
        let (connections, requests) = (peer.connections.clone(), peer.requests.clone());
        // The thread ends with the test's process; what it waits on costs nothing.
        thread::spawn(move || {
            for stream in listener.incoming() {
                connections.fetch_add(1, SeqCst);
                let requests = requests.clone();
                thread::spawn(move || {
                    converse(stream.unwrap(), manner, requests_per_connection, &requests);
                });
            }
        });
        peer
    }

    fn client(&self, retry_for: &str) -> Client {
        client(&format!("unix:{}", self.path.display()), retry_for)
    }
}

fn converse(mut stream: UnixStream, manner: Manner, allowance: usize, requests: &AtomicUsize) {
    let mut reader = FrameReader::new();
    let mut served = 0;
    while reader.fill(|into| stream.read(into)).is_ok_and(|count| count > 0) {
        while let Ok(Some(frame)) = reader.next_frame() {
            let request = decode_request(frame).unwrap();
            let result = match request.operation.unwrap() {
                request::Operation::Hello(_) => response::Result::Hello(Box::default()),
                _ => {
                    requests.fetch_add(1, SeqCst);
                    served += 1;
                    match manner {
                        Manner::Answers => response::Result::Status(Box::default()),
                        Manner::Stalls => continue,
                        Manner::HangsUp => return,
                    }
                }
            };
            let mut bytes = Vec::new();
            encode_response(&Response { id: request.id, result: Some(result) }, &mut bytes)
                .unwrap();
            stream.write_all(&bytes).unwrap();
            if served == allowance {
                return;
            }
        }
    }
}

fn client(address: &str, retry_for: &str) -> Client {
    let settings = Settings::load(&[
        ("address", address),
        ("retry_for", retry_for),
        ("request_timeout", "200ms"),
    ]);
    Client::new(settings.unwrap())
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_connection_that_the_service_closed_is_replaced_without_an_error() {
    let folder = folder();
    let peer = Peer::listen(&folder.path().join("s"), Manner::Answers, 1);
    let client = peer.client("5s");
    for _ in 0..20 {
        client.status().unwrap();
    }
    assert_eq!(peer.connections.load(SeqCst), 20);
}

#[test]
fn one_thread_uses_one_connection_and_many_threads_no_more_than_one_each() {
    let folder = folder();
    let peer = Peer::listen(&folder.path().join("s"), Manner::Answers, usize::MAX);
    let client = peer.client("5s");
    for _ in 0..100 {
        client.status().unwrap();
    }
    assert_eq!(peer.connections.load(SeqCst), 1);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| (0..100).for_each(|_| _ = client.status().unwrap()));
        }
    });
    assert!(peer.connections.load(SeqCst) <= 17);
}

#[test]
fn a_service_that_comes_within_the_retry_time_is_waited_for() {
    let folder = folder();
    let path = folder.path().join("s");
    let client = client(&format!("unix:{}", path.display()), "5s");
    let waiting = thread::spawn(move || client.status());
    thread::sleep(Duration::from_millis(300));
    let _peer = Peer::listen(&path, Manner::Answers, usize::MAX);
    waiting.join().unwrap().unwrap();
}

#[test]
fn an_outage_is_waited_for_once_and_not_by_every_request() {
    let folder = folder();
    let path = folder.path().join("s");
    let client = client(&format!("unix:{}", path.display()), "300ms");
    let begin = Instant::now();
    let error = client.status().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains(path.to_str().unwrap()), "{error}");
    assert!(error.hint.is_some());
    assert!(begin.elapsed() >= Duration::from_millis(290));
    let begin = Instant::now();
    for _ in 0..1000 {
        assert_eq!(client.status().unwrap_err().kind, ErrorKind::Unavailable);
    }
    assert!(begin.elapsed() < Duration::from_secs(30), "a long outage costs no waiting");

    let _peer = Peer::listen(&path, Manner::Answers, usize::MAX);
    let begin = Instant::now();
    while client.status().is_err() {
        assert!(begin.elapsed() < Duration::from_secs(20), "the return goes unnoticed");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_dead_address_among_several_is_passed_over() {
    let folder = folder();
    let peer = Peer::listen(&folder.path().join("alive"), Manner::Answers, usize::MAX);
    let dead = folder.path().join("dead");
    let both = format!("unix:{},unix:{}", dead.display(), peer.path.display());
    let client = client(&both, "5s");
    let begin = Instant::now();
    for _ in 0..100 {
        client.status().unwrap();
    }
    assert!(begin.elapsed() < Duration::from_secs(30), "each request waits for the dead one");
}

#[test]
fn load_is_spread_over_several_addresses() {
    let folder = folder();
    let peers =
        ["a", "b"].map(|name| Peer::listen(&folder.path().join(name), Manner::Answers, usize::MAX));
    let both = format!("unix:{},unix:{}", peers[0].path.display(), peers[1].path.display());
    let client = client(&both, "5s");
    for _ in 0..100 {
        client.status().unwrap();
    }
    for peer in peers {
        assert_eq!(peer.requests.load(SeqCst), 50);
    }
}

#[test]
fn a_stalled_service_costs_a_bounded_time() {
    let folder = folder();
    let peer = Peer::listen(&folder.path().join("s"), Manner::Stalls, usize::MAX);
    let begin = Instant::now();
    let error = peer.client("500ms").status().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert!(peer.requests.load(SeqCst) > 1, "what may be repeated is tried again");
}

#[test]
fn a_service_that_hangs_is_waited_for_once_and_not_by_every_request() {
    let folder = folder();
    let path = folder.path().join("s");
    let peer = Peer::listen(&path, Manner::Stalls, usize::MAX);
    let client = peer.client("500ms");
    let begin = Instant::now();
    while client.status().unwrap_err().kind == ErrorKind::Timeout {
        assert!(begin.elapsed() < Duration::from_secs(60), "every request waits");
    }
    let (asked, begin) = (peer.requests.load(SeqCst), Instant::now());
    for _ in 0..1000 {
        client.status().unwrap_err();
    }
    // One in a second tries.
    let tries = peer.requests.load(SeqCst) - asked;
    assert!(tries as u64 <= begin.elapsed().as_secs() + 1, "{tries} tries");
}

#[test]
fn an_address_that_hangs_is_passed_over_while_another_answers() {
    let folder = folder();
    let hangs = Peer::listen(&folder.path().join("hangs"), Manner::Stalls, usize::MAX);
    let peer = Peer::listen(&folder.path().join("alive"), Manner::Answers, usize::MAX);
    let both = format!("unix:{},unix:{}", hangs.path.display(), peer.path.display());
    let (client, begin) = (client(&both, "5s"), Instant::now());
    for _ in 0..1000 {
        client.status().unwrap();
    }
    // One in a second tries it.
    let tries = hangs.requests.load(SeqCst);
    assert!(tries as u64 <= begin.elapsed().as_secs() + 1, "{tries} tries");
}

#[test]
fn what_must_not_be_repeated_is_sent_once() {
    let folder = folder();
    let peer = Peer::listen(&folder.path().join("s"), Manner::HangsUp, usize::MAX);
    let template = KeyTemplate::named("web");
    let error = peer.client("500ms").generate(KeyType::Ed25519, &template).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.hint.unwrap().contains("not known whether"));
    assert_eq!(peer.requests.load(SeqCst), 1);
}
