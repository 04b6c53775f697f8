//! Mutual TLS: two commands join a second machine, and nobody else gets in.

mod service_support;

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;
use keyward_client::{Client, Settings};
use keyward_protocol::{
    KeySelector,
    constants::MAX_RANDOM_BYTES,
    messages::{Generate, Random, ReadAudit, RevokeClient, request},
};
use rustix::{
    fs::{CWD, Mode, mkfifoat},
    net::sockopt::set_socket_recv_buffer_size,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use service_support::{ME, Service, State, generate, raw, sign, wait_for};

#[test]
fn an_enrolled_client_signs_over_tls() {
    let state = State::new();
    let service = state.start();
    let client = service.enrol("web1", &[]);
    let hello = client.hello().unwrap();
    assert_eq!((hello.user.as_str(), hello.identity.as_str()), ("web1", "cert:web1"));
    for key_type in ["p-256", "rsa-2048", "rsa-4096"] {
        let key = generate(&client, key_type, key_type);
        sign(&client, &key).unwrap();
    }
}

#[test]
fn a_certificate_can_be_mapped_to_another_user() {
    let state =
        State::with("[[user]]\nname = \"web\"\nidentities = [\"cert:web1\", \"cert:web2\"]\n");
    let service = state.start();
    let first = service.enrol("web1", &["user", "admin"]);
    let key = generate(&first, "k", "p-256");
    assert_eq!(service.enrol("web2", &[]).find(&KeySelector::Name("k".into())).unwrap().id, key.id);
    // The configuration's roles count, not those of the certificate.
    assert_eq!(first.status().unwrap().roles, ["user"]);
}

#[test]
fn a_lost_certificate_can_be_shut_out() {
    let state =
        State::with("[[user]]\nname = \"lost\"\nidentities = [\"cert:laptop\"]\nroles = []\n");
    let service = state.start();
    let laptop = service.enrol("laptop", &["user", "admin"]);
    assert_eq!(laptop.list("").unwrap_err().kind, ErrorKind::PermissionDenied);
}

#[test]
fn certificates_of_another_authority_and_none_at_all_are_refused() {
    let state = State::new();
    let service = state.start();
    let stranger = State::new();
    let impatient = |ca: &std::path::Path, certificate: &std::path::Path, key: &std::path::Path| {
        let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
        let address = service.tls_address.replace("127.0.0.1", "localhost");
        let settings = [
            ("address", address),
            ("ca", path(ca)),
            ("cert", path(certificate)),
            ("key", path(key)),
            ("retry_for", "0".into()),
        ];
        let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
        Client::new(Settings::load(&settings).unwrap())
    };
    let (ours, theirs) = (&state.issued, &stranger.issued);
    // Their certificate at our service, and our service before their trust.
    for client in [
        impatient(&ours.ca, &theirs.administrator_certificate, &theirs.administrator_key),
        impatient(&theirs.ca, &ours.administrator_certificate, &ours.administrator_key),
    ] {
        assert!(client.status().is_err());
    }
    let ours = impatient(&ours.ca, &ours.administrator_certificate, &ours.administrator_key);
    assert!(ours.status().unwrap().can_sign);

    let plain = openssl(&service.tls_address, &[]);
    assert!(plain.contains("certificate required"), "{plain}");
    let old = openssl(&service.tls_address, &["-tls1_2"]);
    assert!(old.contains("protocol version"), "{old}");
}

/// What `openssl s_client` says of the service.
fn openssl(address: &str, options: &[&str]) -> String {
    let address = address.trim_start_matches("tls://");
    let mut client = Command::new("openssl")
        .args(["s_client", "-connect", address])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // TLS 1.3 servers refuse a client's certificate after the client has finished; it reads on.
    let mut said = String::new();
    client.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    client.wait().unwrap();
    said
}

#[test]
fn the_service_certificate_is_what_others_expect_of_one() {
    let state = State::new();
    let service = state.start();
    let issued = &state.issued;
    let address = service.tls_address.trim_start_matches("tls://").to_owned();
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &address, "-verify_return_error", "-CAfile"])
        .arg(&issued.ca)
        .args(["-verify_hostname", "localhost", "-cert"])
        .arg(&issued.administrator_certificate)
        .arg("-key")
        .arg(&issued.administrator_key)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Verify return code: 0 (ok)") && text.contains("TLSv1.3"), "{text}");
    let output = Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(&issued.ca)
        .output()
        .unwrap();
    let fingerprint = String::from_utf8_lossy(&output.stdout).to_lowercase().replace(':', "");
    assert!(fingerprint.trim_end().ends_with(&issued.service_id), "{fingerprint}");
    let verified = Command::new("openssl")
        .args(["verify", "-purpose", "sslclient", "-CAfile"])
        .arg(&issued.ca)
        .arg(&issued.administrator_certificate)
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn handshakes_that_do_not_proceed_are_ended_and_hold_nobody_up() {
    let state = State::with("[limits]\nhandshake_ms = 500\n");
    let service = state.start();
    let address = service.tls_address.trim_start_matches("tls://");
    let mut silent: Vec<TcpStream> =
        (0..300).map(|_| TcpStream::connect(address).unwrap()).collect();
    // Half of them begin, as a slow client would.
    for half in silent.iter_mut().step_by(2) {
        half.write_all(&[22, 3, 1, 2, 0, 1]).unwrap();
    }
    let begun = Instant::now();
    assert!(service.administrator().status().unwrap().can_sign);
    for stream in &mut silent {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        while !matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_)) {}
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert!(service.administrator().status().unwrap().can_sign);
}

#[test]
fn a_restart_costs_a_client_a_moment_and_no_error() {
    let mut state = State::with(ME);
    let service = state.start();
    let key = generate(&service.client(), "k", "p-256");
    let remote = service.enrol("me", &[]);
    sign(&remote, &key).unwrap();
    // The port has to be the same again.
    state.more.push_str(&format!(
        "[[listen]]\ntls = \"{}\"\n",
        service.tls_address.trim_start_matches("tls://")
    ));
    let local = service.client();
    sign(&local, &key).unwrap();
    assert!(service.terminate().success());
    let _service = state.start();
    sign(&local, &key).unwrap();
    sign(&remote, &key).unwrap();
}

#[test]
fn init_overwrites_nothing() {
    let state = State::new();
    let before = fs::read(state.data().join("keys.db")).unwrap();
    let options = keyward_service::init::InitOptions::new(state.path("hsm"));
    let error = keyward_service::init::init(&options).unwrap_err();
    assert_eq!(error.kind, ErrorKind::AlreadyExists);
    assert_eq!(fs::read(state.data().join("keys.db")).unwrap(), before);
}

#[test]
fn keys_are_used_while_as_many_acts_of_management_wait_as_there_are_threads() {
    let state = State::new();
    let service = state.start();
    let client = service.enrol("web", &[]);
    let key = generate(&client, "k", "p-256");
    // A file of the audit log whose reading waits for somebody who writes it.
    let pipe = state.path("hsm/audit/audit-00000000.log");
    mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
    let threads = thread::available_parallelism().unwrap().get();
    let auditor = service.machine("auditor", &["auditor"], &[]);
    let read = ReadAudit { after: Vec::new(), newest: 0 };
    let waiting = [(); 64].map(|()| {
        let (auditor, read) = (auditor.impatient_client(&service), read.clone());
        thread::spawn(move || auditor.call(request::Operation::ReadAudit(read)))
    });
    wait_for("the service is at work", || (in_flight(&service) >= threads.min(16)).then_some(()));
    for _ in 0..10 {
        sign(&client, &key).unwrap();
    }
    service.kill();
    for auditor in waiting {
        assert!(auditor.join().unwrap().is_err(), "an auditor who did not wait");
    }
}

#[test]
fn what_a_client_does_not_take_of_its_answers_is_not_made() {
    const ASKED: u64 = 1024;
    let state = State::with("[limits]\nwrite_ms = 2000\n");
    let service = state.start();
    let mut peer = greedy(&service);
    let mut frames: Vec<u8> = (1..=ASKED).flat_map(random).collect();
    // No request, so that the service ends the connection once it has been through those before.
    frames.extend([0xff; 8]);
    peer.write_all(&frames).unwrap();
    peer.flush().unwrap();
    wait_for("the first answer", || (made(&service) > 0).then_some(()));
    wait_for("the end", || (connections(&service) == 0).then_some(()));
    assert!(made(&service) < ASKED / 2, "{} answers of {ASKED}", made(&service));
}

#[test]
fn a_client_that_does_not_take_its_answers_is_cut_off() {
    let state = State::with("[limits]\nwrite_ms = 500\n");
    let service = state.start();
    let mut peer = greedy(&service);
    let mut before = 0;
    // Until all buffers on the way are full.
    for id in 1.. {
        let frames: Vec<u8> = (0..8).flat_map(|more| random(8 * id + more)).collect();
        if peer.write_all(&frames).and_then(|()| peer.flush()).is_err() {
            break;
        }
        wait_for("an answer or the end", || {
            (made(&service) > before || before > 0 && connections(&service) == 0).then_some(())
        });
        if connections(&service) == 0 {
            break;
        }
        before = made(&service);
    }
}

#[test]
fn slow_work_that_waits_for_its_turn_is_not_done_for_who_was_shut_out_meanwhile() {
    const ASKED: u64 = 200;
    let state = State::new();
    let service = state.start();
    let mut peer = greedy(&service);
    // One key is made at a time, and each takes its time.
    let make = |id: u64| Generate {
        name: format!("k{id}"),
        key_type: "rsa-2048".into(),
        ..Generate::default()
    };
    let asked = (1..=ASKED).map(|id| raw::request(id, request::Operation::Generate(make(id))));
    let frames: Vec<u8> = asked.flat_map(raw::frame).collect();
    peer.write_all(&frames).unwrap();
    peer.flush().unwrap();
    let ended = |outcome: &str| {
        let labels = format!("operation=\"generate\",algorithm=\"\",outcome=\"{outcome}\"");
        metric(&service, &format!("keyward_requests_total{{{labels}}} "))
    };
    wait_for("all of it", || (in_flight(&service) as u64 + ended("ok") >= ASKED).then_some(()));
    let revoke = RevokeClient { user: "greedy".into(), ..RevokeClient::default() };
    assert_eq!(service.administrator().revoke_client(revoke).unwrap().len(), 1);
    wait_for("the end", || (ended("ok") + ended("unauthenticated") == ASKED).then_some(()));
    assert!(ended("ok") < ASKED / 2, "{} of {ASKED} keys", ended("ok"));
}

/// The frame of a request for as many random bytes as there can be.
fn random(id: u64) -> Vec<u8> {
    let random = Random { length: MAX_RANDOM_BYTES as u32 };
    raw::frame(raw::request(id, request::Operation::Random(random)))
}

fn connections(service: &Service) -> u64 {
    metric(service, "keyward_connections ")
}

/// How many times random bytes were made.
fn made(service: &Service) -> u64 {
    metric(service, "keyward_requests_total{operation=\"random\",algorithm=\"\",outcome=\"ok\"} ")
}

/// A client that the test lets read or not.
fn greedy(service: &Service) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
    let machine = service.machine("greedy", &[], &[]);
    let socket = TcpStream::connect(service.tls_address.trim_start_matches("tls://")).unwrap();
    set_socket_recv_buffer_size(&socket, 64 << 10).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(machine.path("ca.crt")).unwrap()).unwrap();
    let own = CertificateDer::from_pem_file(machine.path("client.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(machine.path("client.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![own], key)
        .unwrap();
    let name = "localhost".try_into().unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    rustls::StreamOwned::new(connection, socket)
}

/// How many requests the service has begun and not answered.
fn in_flight(service: &Service) -> usize {
    metric(service, "keyward_requests_in_flight ") as usize
}

/// A number of the service's metrics, by what stands before it.
fn metric(service: &Service, series: &str) -> u64 {
    let socket = service.socket().with_file_name("health.sock");
    let mut stream = UnixStream::connect(socket).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(series));
    line.map_or(0, |number| number.parse().unwrap())
}
