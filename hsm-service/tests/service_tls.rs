//! Mutual TLS: two commands join a second machine, and nobody else gets in.

mod service_support;

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;
use keyward_client::{Client, Settings};
use keyward_protocol::{
    KeySelector,
    messages::{ReadAudit, request},
};
use rustix::fs::{CWD, Mode, mkfifoat};
use service_support::{ME, Service, State, generate, sign, wait_for};

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

/// How many requests the service has begun and not answered.
fn in_flight(service: &Service) -> usize {
    let socket = service.socket().with_file_name("health.sock");
    let mut stream = UnixStream::connect(socket).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix("keyward_requests_in_flight "));
    line.unwrap().parse().unwrap()
}
