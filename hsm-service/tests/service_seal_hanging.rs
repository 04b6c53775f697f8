//! A token that hangs: nobody waits for it who seals the service, destroys its keys, or asks how it is.

mod service_support;

use std::{
    fs,
    path::Path,
    process::Command,
    thread::{self, JoinHandle},
};

use keyward_algorithms::ErrorKind;
use keyward_client::Client;
use keyward_protocol::{
    Key, Result,
    messages::{NewSeal, SealReply},
};
use keyward_service::store::SealKind;
use rusqlite::Connection;
use service_support::{
    KEYWARD, ME, Service, State, audit_log,
    devices::{HangingModule, SOFTHSM, SoftToken},
    generate, sign, wait_for,
};
use tempfile::TempDir;

/// A service that is sealed by a token whose module can hang, and a copy of its master key.
fn with_hanging_token() -> (State, HangingModule) {
    let folder = TempDir::new().unwrap();
    let token = SoftToken::new(folder.path());
    let module = HangingModule::new(folder.path());
    let (pin_file, copy) = (token.pin_file(), folder.path().join("copy.key"));
    let device = ["--seal", "pkcs11", "--module", SOFTHSM, "--token", "keyward"];
    let files = ["--token-pin-file", text(&pin_file), "--master-key", text(&copy)];
    let arguments = [device.as_slice(), files.as_slice()].concat();
    let mut state = State::by_command(folder, token.environment(), &arguments);
    state.seal = state.seal.replace(SOFTHSM, text(&module.path()));
    let me = rustix::process::geteuid().as_raw().to_string();
    let more = ME.replace("uid:ME\"]", "uid:ME\"]\nroles = [\"user\", \"admin\", \"auditor\"]");
    state.more = more.replace("uid:ME", &format!("uid:{me}"));
    (state, module)
}

/// The same, running, with a key.
struct Running {
    state: State,
    module: HangingModule,
    service: Service,
    client: Client,
    key: Key,
}

impl Running {
    fn start() -> Running {
        let (state, module) = with_hanging_token();
        let service = state.start();
        let client = service.client();
        let key = generate(&client, "k", "p-256");
        Running { state, module, service, client, key }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Asks on another thread, and comes back once the token was asked, which hangs.
fn while_it_hangs<T: Send + 'static>(
    module: &HangingModule,
    client: Client,
    ask: impl FnOnce(&Client) -> Result<T> + Send + 'static,
) -> JoinHandle<Result<T>> {
    module.hang();
    let asking = thread::spawn(move || ask(&client));
    module.wait_until_asked();
    asking
}

/// What the one who asked hears once the token answers; until then nothing.
fn once_it_answers<T>(module: &HangingModule, asking: JoinHandle<Result<T>>) -> Result<T> {
    assert!(!asking.is_finished(), "the token hangs no more");
    module.answer();
    asking.join().unwrap()
}

fn unseal(client: &Client) -> Result<SealReply> {
    client.unseal(&[], false)
}

#[test]
fn a_service_is_shown_and_sealed_while_a_token_that_is_to_open_it_hangs() {
    let Running { state: _state, module, service, client, key } = Running::start();
    client.lock_seal().unwrap();

    let opening = while_it_hangs(&module, service.client(), unseal);
    assert_eq!(client.show_seal().unwrap().state, "sealed");
    assert_eq!(client.lock_seal().unwrap().state, "sealed");
    let given_up = once_it_answers(&module, opening).unwrap_err();
    assert_eq!(given_up.kind, ErrorKind::Sealed);
    assert!(given_up.message.contains("sealed while this was under way"), "{given_up}");
    assert_eq!(sign(&client, &key).unwrap_err().kind, ErrorKind::Sealed);
    assert_eq!(unseal(&client).unwrap().state, "operational");
    sign(&client, &key).unwrap();
}

#[test]
fn a_copy_of_the_master_key_opens_the_store_while_the_token_hangs() {
    let Running { state, module, service, client, key } = Running::start();
    client.lock_seal().unwrap();

    let opening = while_it_hangs(&module, service.client(), unseal);
    let copy = fs::read(state.path("copy.key")).unwrap();
    assert_eq!(client.unseal(&copy, false).unwrap().state, "operational");
    sign(&client, &key).unwrap();
    assert_eq!(once_it_answers(&module, opening).unwrap().state, "operational");
    sign(&client, &key).unwrap();
}

#[test]
fn keys_are_destroyed_at_once_while_a_token_that_is_to_seal_them_anew_hangs() {
    let Running { state, module, service, client, key } = Running::start();
    let rotating = while_it_hangs(&module, service.client(), |client| {
        let next =
            NewSeal { kind: SealKind::Token as u32, secret: vec![7; 32], ..NewSeal::default() };
        client.change_seal(Vec::new(), next)
    });
    sign(&client, &key).unwrap();
    assert_eq!(client.zeroize(&state.issued.service_id).unwrap().state, "uninitialised");
    assert_eq!(sign(&client, &key).unwrap_err().kind, ErrorKind::Sealed);
    assert_eq!(once_it_answers(&module, rotating).unwrap_err().kind, ErrorKind::Sealed);
    assert_eq!(client.show_seal().unwrap().state, "uninitialised");
    let entries = audit_log(&client);
    assert!(entries.iter().any(|entry| entry.event == "zeroize"));
    assert!(service.terminate().success());

    // The change that was under way has brought nothing back.
    let database = Connection::open(state.data().join("keys.db")).unwrap();
    let query = "SELECT length(value) FROM own WHERE name = 'data-key'";
    assert_eq!(database.query_row(query, [], |row| row.get::<_, u64>(0)).unwrap(), 0);
    drop(database);
    assert!(!state.data().join("front").exists());
    assert_eq!(state.start().client().status().unwrap().state, "uninitialised");
}

#[test]
fn a_service_whose_token_hangs_at_its_start_is_reached_and_opens_once_the_token_answers() {
    let (state, module) = with_hanging_token();
    module.hang();
    let service = state.start();
    let client = service.client();
    let seal = client.show_seal().unwrap();
    assert_eq!(seal.state, "sealed");
    assert!(seal.reason.contains("has not answered"), "{}", seal.reason);
    module.answer();
    wait_for("the service to open", || client.status().unwrap().can_sign.then_some(()));
    assert_eq!(client.show_seal().unwrap().reason, "");
    let key = generate(&client, "k", "p-256");
    sign(&client, &key).unwrap();
    assert!(service.terminate().success());

    // Or it is destroyed, and stays so when the token answers.
    module.hang();
    let service = state.start();
    module.wait_until_asked();
    let mut destroy = Command::new(KEYWARD);
    destroy.args(["zeroize", "--yes-destroy", &state.issued.service_id]);
    destroy.env("KEYWARD_ADDRESS", format!("unix:{}", service.socket().display()));
    let destroyed = destroy.output().unwrap();
    assert!(destroyed.status.success(), "{}", String::from_utf8_lossy(&destroyed.stderr));
    module.answer();
    assert!(service.terminate().success());
    let service = state.start();
    assert_eq!(service.client().status().unwrap().state, "uninitialised");
}

#[test]
fn nothing_is_left_of_a_service_that_is_killed_while_its_token_hangs() {
    let Running { state: _state, module, service, client, .. } = Running::start();
    client.lock_seal().unwrap();
    module.hang();
    let asking = thread::spawn(move || unseal(&client));
    let helpers = module.wait_until_asked();
    assert_eq!(helpers.len(), 2, "a worker and its keeper");
    service.kill();
    for pid in helpers {
        // One that has ended may wait for somebody to look at how.
        let has_ended = || match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')),
            Err(_) => true,
        };
        wait_for("the end of the token's processes", || has_ended().then_some(()));
    }
    drop(asking);
}
