//! Users who log in with a PIN: what they may do before, what wrong PINs lead to, and who is told one.

mod service_support;

use std::{
    fs,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::Path,
    thread,
};

use keyward_algorithms::ErrorKind;
use keyward_client::{Client, Pin, Settings};
use keyward_protocol::{
    Error, decode_request, encode_response,
    messages::{Enrol, HelloReply, Login, PinState, Response, User, request, response},
};
use keyward_service::issue::Authority;
use service_support::{Service, State, generate, raw::Raw, sign};
use tempfile::TempDir;

const PIN: &[u8] = b"correct horse";

/// The one who runs the test is `me` and has to log in; three different wrong PINs lock.
const WITH_PIN: &str = "[people]\nmax_pin_failures = 3\n\
    [[user]]\nname = \"me\"\nidentities = [\"uid:ME\"]\npin = \"required\"\n";

fn set_pin(service: &Service, user: &str, pin: &[u8]) {
    service.administrator().set_pin(user, &Pin::copy_of(pin), None).unwrap();
}

/// A client of `me` whose PIN file says this.
fn with_pin(service: &Service, pin: &str) -> Client {
    // It is read when the client is made.
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("pin");
    fs::write(&path, format!("{pin}\n")).unwrap();
    service.client_with(&[("pin_file", path.to_str().unwrap())])
}

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

fn me(service: &Service) -> User {
    let users = service.administrator().list_users().unwrap();
    users.into_iter().find(|user| user.name == "me").unwrap()
}

/// Tries one PIN, once.
fn try_once(service: &Service, pin: &str) -> Option<ErrorKind> {
    let mut raw = Raw::connect(service.socket());
    let login = Login { user: String::new(), pin: pin.into() };
    raw.send(1, request::Operation::Login(login));
    match raw.receive().unwrap().result.unwrap() {
        response::Result::Failure(failure) => ErrorKind::from_code(failure.kind),
        _ => None,
    }
}

/// Tries a PIN, as often as the service says that it comes too soon after a wrong one.
fn try_pin(service: &Service, pin: &str) -> Option<ErrorKind> {
    loop {
        match try_once(service, pin) {
            Some(ErrorKind::Busy) => thread::yield_now(),
            outcome => return outcome,
        }
    }
}

#[test]
fn nothing_is_done_for_a_user_before_it_has_logged_in() {
    let state = State::with(WITH_PIN);
    let service = state.start();
    let stranger = service.client();
    let error = stranger.list("").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthenticated);
    assert!(error.hint.unwrap().contains("KEYWARD_PIN_FILE"));
    let none_set = with_pin(&service, "correct horse").list("").unwrap_err();
    assert!(none_set.hint.unwrap().contains("user set-pin me"), "{}", none_set.message);
    assert_eq!(me(&service).pin(), PinState::Missing);

    set_pin(&service, "me", PIN);
    assert_eq!(me(&service).pin(), PinState::Set);
    let client = with_pin(&service, "correct horse");
    let key = generate(&client, "k", "ed25519");
    sign(&client, &key).unwrap();
    assert_eq!(client.status().unwrap().keys, 1);

    let (hello, status) = (stranger.hello().unwrap(), stranger.status().unwrap());
    assert!(hello.wants_pin && hello.user == "me");
    assert_eq!(status.keys, 0);
    assert_eq!(kind(sign(&stranger, &key)), Some(ErrorKind::Unauthenticated));
    assert!(stranger.asks_for_pin().unwrap());
    assert_eq!(
        kind(stranger.log_in(Pin::copy_of(b"not this one"))),
        Some(ErrorKind::Unauthenticated)
    );
    stranger.log_in(Pin::copy_of(PIN)).unwrap();
    sign(&stranger, &key).unwrap();
}

#[test]
fn the_same_wrong_pin_counts_once_however_many_come_with_it() {
    let state = State::with(WITH_PIN);
    let service = state.start();
    set_pin(&service, "me", PIN);
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let client = with_pin(&service, "an old one");
                for _ in 0..5 {
                    assert_eq!(kind(client.list("")), Some(ErrorKind::Unauthenticated));
                }
            });
        }
    });
    let user = me(&service);
    assert_eq!((user.wrong_pins, user.locked), (1, 0));
    assert_eq!(try_pin(&service, "correct horse"), None);
    assert_eq!(me(&service).wrong_pins, 0);
}

#[test]
fn different_wrong_pins_lock_until_an_administrator_unlocks_and_over_a_restart() {
    let state = State::with(WITH_PIN);
    let service = state.start();
    set_pin(&service, "me", PIN);
    let logged_in = with_pin(&service, "correct horse");
    let key = generate(&logged_in, "k", "ed25519");

    assert_eq!(try_pin(&service, "wrong one"), Some(ErrorKind::Unauthenticated));
    // Told apart from a lock: too soon, and the client tries again by itself.
    assert_eq!(try_once(&service, "wrong two"), Some(ErrorKind::Busy));
    assert_eq!(try_pin(&service, "wrong two"), Some(ErrorKind::Unauthenticated));
    assert_eq!(try_once(&service, "wrong one"), Some(ErrorKind::Unauthenticated));
    assert_eq!(try_pin(&service, "wrong three"), Some(ErrorKind::Locked));
    assert_eq!(try_pin(&service, "correct horse"), Some(ErrorKind::Locked));
    assert_ne!(me(&service).locked, 0);
    // A lock is about guessing: what is logged in goes on.
    sign(&logged_in, &key).unwrap();

    service.kill();
    let service = state.start();
    assert_eq!(try_pin(&service, "correct horse"), Some(ErrorKind::Locked));
    let error = with_pin(&service, "correct horse").list("").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Locked);
    assert!(error.hint.unwrap().contains("keyward user unlock me"));
    service.administrator().unlock_user("me").unwrap();
    assert_eq!(try_pin(&service, "correct horse"), None);
    assert_eq!((me(&service).wrong_pins, me(&service).locked), (0, 0));
}

#[test]
fn wrong_pins_are_remembered_over_a_restart() {
    let state = State::with(WITH_PIN);
    let service = state.start();
    set_pin(&service, "me", PIN);
    assert_eq!(try_pin(&service, "wrong one"), Some(ErrorKind::Unauthenticated));
    service.kill();
    let service = state.start();
    for pin in ["wrong one", "wrong one", "wrong two", "wrong one"] {
        assert_eq!(try_pin(&service, pin), Some(ErrorKind::Unauthenticated));
    }
    assert_eq!(me(&service).wrong_pins, 2);
    assert_eq!(try_pin(&service, "wrong three"), Some(ErrorKind::Locked));
}

#[test]
fn an_administrators_new_pin_ends_logins_and_a_users_own_does_not() {
    let state = State::with(WITH_PIN);
    let service = state.start();
    set_pin(&service, "me", PIN);
    let client = with_pin(&service, "correct horse");
    let key = generate(&client, "k", "ed25519");
    let [own, other] = [b"battery staple", b"my own choice."].map(|pin| Pin::copy_of(pin));

    let wrong_old = client.set_pin("me", &own, Some(&Pin::copy_of(b"not the old one")));
    assert_eq!(kind(wrong_old), Some(ErrorKind::Unauthenticated));
    assert_eq!(try_pin(&service, "correct horse"), None);
    client.set_pin("me", &own, Some(&Pin::copy_of(PIN))).unwrap();
    sign(&client, &key).unwrap();
    assert_eq!(try_pin(&service, "correct horse"), Some(ErrorKind::Unauthenticated));
    assert_eq!(try_pin(&service, "battery staple"), None);
    let of_another = with_pin(&service, "battery staple").set_pin("admin", &other, Some(&own));
    assert_eq!(kind(of_another), Some(ErrorKind::PermissionDenied));

    set_pin(&service, "me", other.expose());
    assert_eq!(kind(sign(&client, &key)), Some(ErrorKind::Unauthenticated));
    sign(&with_pin(&service, "my own choice."), &key).unwrap();

    service.administrator().clear_pin("me").unwrap();
    assert_eq!(me(&service).pin(), PinState::Missing);
    assert_eq!(try_pin(&service, "my own choice."), Some(ErrorKind::Unauthenticated));
    assert_eq!(kind(service.administrator().clear_pin("me")), Some(ErrorKind::NotFound));
}

#[test]
fn short_pins_and_pins_of_nobody_are_refused() {
    let state = State::with(WITH_PIN);
    let service = state.start();
    let set = |user: &str, pin: &[u8]| {
        service.administrator().set_pin(user, &Pin::copy_of(pin), None).unwrap_err()
    };
    for pin in [&b"1234567"[..], b"", b"two\nlines of it", b"\xff\xff\xff\xff\xff\xff\xff\xff"] {
        assert_eq!(set("me", pin).kind, ErrorKind::InvalidArgument);
    }
    assert!(set("me", b"1234567").message.contains("8 characters"));
    assert_eq!(set("nobody", PIN).kind, ErrorKind::NotFound);
}

#[test]
fn one_identity_is_the_user_that_logs_in() {
    let both = ["alice", "bob"].map(|name| {
        format!("[[user]]\nname = \"{name}\"\nidentities = [\"uid:ME\"]\npin = \"required\"\n")
    });
    let state = State::with(&both.concat());
    let service = state.start();
    set_pin(&service, "alice", b"alice's PIN");
    set_pin(&service, "bob", b"bob's own PIN");
    let folder = TempDir::new().unwrap();
    let client = |user: &str, pin: &str| {
        let path = folder.path().join(format!("{user}.pin"));
        fs::write(&path, pin).unwrap();
        service.client_with(&[("user", user), ("pin_file", path.to_str().unwrap())])
    };
    let (alice, bob) = (client("alice", "alice's PIN"), client("bob", "bob's own PIN"));
    generate(&alice, "k", "ed25519");
    assert_eq!(alice.list("").unwrap()[0].owner, "alice");
    assert_eq!(bob.list("").unwrap().len(), 0);
    assert_eq!(
        (alice.hello().unwrap().user, bob.hello().unwrap().user),
        ("alice".into(), "bob".into())
    );

    let undecided = client("", "alice's PIN").list("").unwrap_err();
    assert!(undecided.message.contains("alice, bob"), "{undecided}");
    let crossed = client("bob", "alice's PIN").list("").unwrap_err();
    assert!(crossed.message.contains("\"bob\" is wrong"), "{crossed}");
    let nobody = client("carol", "alice's PIN").list("").unwrap_err();
    assert!(nobody.message.contains("is not the user \"carol\""), "{nobody}");
}

#[test]
fn a_certificate_can_be_issued_that_is_worth_nothing_without_a_pin() {
    let state = State::with("");
    let service = state.start();
    let client = service.enrol_with_pin("web1");
    assert_eq!(kind(client.list("")), Some(ErrorKind::Unauthenticated));
    set_pin(&service, "web1", PIN);
    assert!(client.asks_for_pin().unwrap());
    client.log_in(Pin::copy_of(PIN)).unwrap();
    generate(&client, "k", "ed25519");
    // The administrator of the service has none and is asked for none.
    assert!(!service.administrator().hello().unwrap().wants_pin);
}

/// Answers hello as a service would that wants a PIN, and gives what is sent next.
fn impostor(socket: &Path) -> thread::JoinHandle<Option<request::Operation>> {
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut receive = || {
            let mut prefix = [0; 4];
            stream.read_exact(&mut prefix).ok()?;
            let mut frame = vec![0; u32::from_be_bytes(prefix) as usize];
            stream.read_exact(&mut frame).ok()?;
            Some((stream.try_clone().unwrap(), decode_request(&frame).unwrap()))
        };
        let (mut stream, hello) = receive().unwrap();
        let reply = HelloReply { version: 1, wants_pin: true, ..HelloReply::default() };
        let reply =
            Response { id: hello.id, result: Some(response::Result::Hello(Box::new(reply))) };
        let mut frame = Vec::new();
        encode_response(&reply, &mut frame).unwrap();
        stream.write_all(&frame).unwrap();
        receive().and_then(|(_, request)| request.operation)
    })
}

#[test]
fn a_pin_is_sent_to_the_owner_of_a_folder_of_its_own_and_not_to_whoever_came_first() {
    for (mode, is_told) in [(0o755, true), (0o1777, false)] {
        let folder = TempDir::new().unwrap();
        let pin = folder.path().join("pin");
        fs::write(&pin, PIN).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        let socket = folder.path().join("hsm.sock");
        let heard = impostor(&socket);
        let address = format!("unix:{}", socket.display());
        let settings = [("address", &*address), ("pin_file", pin.to_str().unwrap())];
        let settings = [&settings[..], &[("retry_for", "0")]].concat();
        let error = Client::new(Settings::load(&settings).unwrap()).list("").unwrap_err();
        let heard = heard.join().unwrap();
        let told = matches!(heard, Some(request::Operation::Login(login)) if login.pin == PIN);
        assert_eq!(told, is_told, "{error}");
        assert_eq!(error.message.contains("no PIN is sent"), !is_told, "{error}");
    }
}

#[test]
fn an_enrolment_that_is_refused_asks_nobody_for_a_pin() {
    // The first administrator's, and one more.
    let state = State::with("[limits]\nclient_certificates = 2\n");
    let service = state.start();
    let web = service.enrol("web", &[]);
    let key = generate(&web, "k", "p-256");
    let (csr, _) = Authority::client_request().unwrap();
    let enrol = Enrol { user: "web".into(), pin: true, csr, ..Enrol::default() };
    assert_eq!(kind(service.administrator().enrol(enrol)), Some(ErrorKind::LimitExceeded));
    sign(&web, &key).unwrap();
    let users = service.administrator().list_users().unwrap();
    assert_eq!(users.iter().find(|user| user.name == "web").unwrap().pin(), PinState::None);
}
