//! A store that a PKCS#11 token opens: SoftHSM, reached through its own module.

mod service_support;

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::messages::NewSeal;
use keyward_service::store::{SealKind, create_master_key};
use service_support::{
    KEYWARD, ME, Service, State, audit_log,
    devices::{PIN, SOFTHSM, SoftToken},
    generate,
    kills::kill_while_sealed_anew,
    sign,
};
use tempfile::TempDir;

const SEAL: [&str; 6] = ["--seal", "pkcs11", "--module", SOFTHSM, "--token", "keyward"];

fn sealed_by_token(more: &[&str]) -> (State, SoftToken) {
    let folder = TempDir::new().unwrap();
    let token = SoftToken::new(folder.path());
    let pin_file = token.pin_file();
    let arguments = [&SEAL[..], &["--token-pin-file", text(&pin_file)], more].concat();
    let mut state = State::by_command(folder, token.environment(), &arguments);
    state.more = everything();
    (state, token)
}

/// Whoever runs the test has the roles that the test needs.
fn everything() -> String {
    let me = rustix::process::geteuid().as_raw().to_string();
    let more = ME.replace("uid:ME\"]", "uid:ME\"]\nroles = [\"user\", \"admin\", \"auditor\"]");
    more.replace("uid:ME", &format!("uid:{me}"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(service: &Service, arguments: &[&str]) -> Output {
    Command::new(KEYWARD)
        .args(arguments)
        .env("KEYWARD_ADDRESS", format!("unix:{}", service.socket().display()))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn ok(service: &Service, arguments: &[&str]) -> String {
    let output = run(service, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The processes that a process has started.
fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// Whether a process still runs; one that nobody has taken note of yet does not.
fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(' ') && !rest.starts_with(" Z"))
}

#[test]
fn a_token_opens_the_service_and_its_module_is_never_in_the_process_with_the_keys() {
    let (state, _token) = sealed_by_token(&[]);
    let service = state.start();
    let client = service.client();
    let key = generate(&client, "k", "p-256");
    client.lock_seal().unwrap();
    assert_eq!(sign(&client, &key).unwrap_err().kind, ErrorKind::Sealed);
    client.unseal(&[], false).unwrap();
    sign(&client, &key).unwrap();
    let shown = ok(&service, &["seal", "show"]);
    assert!(shown.contains("token \"keyward\"") && shown.contains(SOFTHSM), "{shown}");

    let pid = service.pid().as_raw_nonzero().get().unsigned_abs();
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    assert!(!maps.contains("softhsm"), "{maps}");
    // What starts the module for the service ends with it, however that ends.
    let keepers = children(pid);
    assert_eq!(keepers.len(), 1);
    service.kill();
    let end = Instant::now() + Duration::from_secs(60);
    while runs(keepers[0]) {
        assert!(Instant::now() < end, "the keeper of the token still runs");
        thread::sleep(Duration::from_millis(10));
    }
    let service = state.start();
    sign(&service.client(), &key).unwrap();
}

#[test]
fn a_service_whose_token_is_away_starts_sealed_says_so_and_opens_when_it_is_back() {
    let (state, token) = sealed_by_token(&[]);
    token.unplug();
    let service = state.start();
    let client = service.client();
    let status = client.status().unwrap();
    assert_eq!(status.state, "sealed");
    let away = |text: &str| text.contains("token \"keyward\" is not there");
    assert!(status.warnings.iter().any(|warning| away(warning)), "{:?}", status.warnings);
    assert!(away(&client.show_seal().unwrap().reason));
    let refused = client.unseal(&[], false).unwrap_err();
    assert!(refused.kind == ErrorKind::Sealed && away(&refused.message), "{refused}");
    token.plug_in();
    let seal = client.unseal(&[], false).unwrap();
    assert_eq!((seal.state.as_str(), seal.reason.as_str()), ("operational", ""));
    assert!(client.status().unwrap().warnings.iter().all(|warning| !away(warning)));
    generate(&client, "k", "p-256");
}

#[test]
fn people_give_the_pin_where_it_is_in_no_file() {
    let (mut state, token) = sealed_by_token(&[]);
    let pin_line = format!("pin_file = {:?}", token.pin_file());
    assert!(state.seal.contains(&pin_line), "{}", state.seal);
    state.seal = state.seal.replace(&pin_line, "");
    let service = state.start();
    let client = service.client();
    assert_eq!(client.status().unwrap().state, "sealed");
    let wrong = client.unseal(b"11223344", false).unwrap_err();
    assert_eq!(wrong.kind, ErrorKind::InvalidArgument, "{wrong}");
    assert!(wrong.message.contains("not the PIN"), "{wrong}");
    let pin_file = token.pin_file();
    let end = Instant::now() + Duration::from_secs(60);
    // What no token takes for a PIN is not passed on, and the next one is.
    let long = loop {
        let refused = client.unseal(&[b'1'; 100_000], false).unwrap_err();
        if refused.kind != ErrorKind::LimitExceeded {
            break refused;
        }
        assert!(Instant::now() < end, "the pause does not end");
        thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(long.kind, ErrorKind::InvalidArgument, "{long}");
    // After a wrong one comes a pause.
    while !run(&service, &["unseal", "--in", text(&pin_file)]).status.success() {
        assert!(Instant::now() < end, "the PIN is not taken");
        thread::sleep(Duration::from_millis(100));
    }
    let key = generate(&client, "k", "p-256");
    // Who can't open the seal doesn't change it.
    let passphrase = NewSeal {
        kind: SealKind::Passphrase as u32,
        secret: b"ten green bottles hanging on the wall".to_vec(),
        ..NewSeal::default()
    };
    let refused = client.change_seal(Vec::new(), passphrase).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ApprovalRequired, "{refused}");
    ok(&service, &["seal", "rotate", "--present-in", text(&pin_file)]);
    sign(&client, &key).unwrap();
    client.lock_seal().unwrap();
    client.unseal(PIN.as_bytes(), false).unwrap();
    sign(&client, &key).unwrap();
    let log = service.log();
    assert!(!log.contains(PIN) && !log.contains("11223344"), "{log}");
}

#[test]
fn the_seal_changes_to_a_token_and_from_it_while_the_service_signs() {
    let folder = TempDir::new().unwrap();
    let token = SoftToken::new(folder.path());
    let mut state = State::by_command(folder, token.environment(), &[]);
    state.more = everything();
    let master_key = state.master_key().to_owned();
    let plain = state.seal.clone();
    let service = state.start();
    // It has to know a token first.
    let refused = run(&service, &["seal", "change", "pkcs11"]);
    let refused = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.contains("[seal.pkcs11]"), "{refused}");
    assert!(service.terminate().success());

    state.seal = format!(
        "{plain}\n[seal.pkcs11]\nmodule = {SOFTHSM:?}\ntoken = \"keyward\"\npin_file = {:?}\n",
        token.pin_file()
    );
    let service = state.start();
    let client = service.client();
    let key = generate(&client, "k", "p-256");
    ok(&service, &["seal", "change", "pkcs11", "--token-key", "offices-key"]);
    sign(&client, &key).unwrap();
    let seal = client.show_seal().unwrap();
    assert_eq!(seal.kind, "pkcs11");
    assert!(seal.description.contains("\"offices-key\""), "{}", seal.description);
    // The same key again, and then one that the token makes.
    ok(&service, &["seal", "rotate", "--token-key", "offices-key"]);
    ok(&service, &["seal", "rotate"]);
    assert!(client.show_seal().unwrap().description.contains("\"keyward-"));
    assert!(service.terminate().success());
    let service = state.start();
    sign(&service.client(), &key).unwrap();

    let passphrase = state.path("passphrase");
    fs::write(&passphrase, "ten green bottles hanging on the wall").unwrap();
    let with_passphrase = ["--passphrase-file", text(&passphrase)];
    ok(&service, &[&["seal", "change", "passphrase"], &with_passphrase[..]].concat());
    let present = ["--present-in", text(&passphrase)];
    ok(&service, &[&["seal", "change", "pkcs11"], &present[..]].concat());
    ok(&service, &["seal", "change", "key-file", "--master-key", text(&master_key)]);
    sign(&service.client(), &key).unwrap();
    assert!(service.terminate().success());
    state.seal = plain;
    let service = state.start();
    sign(&service.client(), &key).unwrap();
}

#[test]
fn a_copy_of_the_master_key_opens_the_store_and_its_backups_without_the_token() {
    let folder = TempDir::new().unwrap();
    let copy = folder.path().join("copy.key");
    let token = SoftToken::new(folder.path());
    let pin_file = token.pin_file();
    let arguments = ["--token-pin-file", text(&pin_file), "--master-key", text(&copy)];
    let arguments = [&SEAL[..], &arguments].concat();
    let mut state = State::by_command(folder, token.environment(), &arguments);
    let (identity, backup) = state.backup_identity();
    let roles = everything().replace("\"auditor\"", "\"auditor\", \"operator\"");
    state.more = format!("{roles}{backup}every_hours = 0\n");
    let service = state.start();
    let key = generate(&service.client(), "k", "p-256");
    ok(&service, &["backup", "create"]);
    let backup = fs::read_dir(state.path("hsm/backups")).unwrap().next().unwrap().unwrap().path();
    let verify = |more: &[&str]| {
        Command::new(KEYWARD)
            .args(["backup", "verify", text(&backup), "--identity", text(&identity), "--config"])
            .arg(state.path("keyward.toml"))
            .args(more)
            .envs(state.environment.clone())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    assert!(verify(&[]).status.success());
    assert!(service.terminate().success());

    token.unplug();
    let away = verify(&[]);
    assert!(String::from_utf8_lossy(&away.stderr).contains("is not there"));
    let by_copy = verify(&["--seal-in", text(&copy)]);
    assert!(by_copy.status.success(), "{}", String::from_utf8_lossy(&by_copy.stderr));
    let elsewhere = Command::new(KEYWARD)
        .args(["backup", "verify", text(&backup), "--identity", text(&identity)])
        .args(["--master-key", text(&copy)])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(elsewhere.status.success(), "{}", String::from_utf8_lossy(&elsewhere.stderr));
    let service = state.start();
    let client = service.client();
    // Another service's master key is none.
    let other = state.path("other.key");
    create_master_key(&other).unwrap();
    assert!(!run(&service, &["unseal", "--in", text(&other)]).status.success());
    ok(&service, &["unseal", "--in", text(&copy)]);
    sign(&client, &key).unwrap();
    let opened = |entry: &str| entry.contains("by a copy of the master key");
    assert!(audit_log(&client).iter().any(|entry| opened(&entry.detail)));
}

#[test]
fn a_module_that_crashes_is_told_and_the_service_goes_on() {
    let (mut state, token) = sealed_by_token(&[]);
    let (source, module) = (state.path("module.c"), state.path("module.so"));
    let crash = "int C_GetFunctionList(void **list) { volatile int *nowhere = 0; *nowhere = 1; \
                 *list = 0; return 0; }";
    fs::write(&source, crash).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).args([&module, &source]);
    assert!(compiler.status().unwrap().success());
    let right = state.seal.clone();
    state.seal = right.replace(SOFTHSM, text(&module));
    let service = state.start();
    let client = service.client();
    let reason = client.show_seal().unwrap().reason;
    assert!(reason.contains("its process ended by signal: 11"), "{reason}");
    let refused = client.unseal(&[], false).unwrap_err();
    assert!(refused.message.contains("signal: 11"), "{refused}");
    drop(service);
    state.seal = right.replace(SOFTHSM, text(&token.pin_file()));
    let service = state.start();
    let reason = service.client().show_seal().unwrap().reason;
    assert!(reason.contains("cannot load the PKCS#11 module"), "{reason}");
}

#[test]
fn a_service_that_is_killed_while_a_token_takes_over_its_seal_opens_by_itself_afterwards() {
    let folder = TempDir::new().unwrap();
    let token = SoftToken::new(folder.path());
    let mut state = State::by_command(folder, token.environment(), &[]);
    state.more = everything();
    state.seal += &format!(
        "\n[seal.pkcs11]\nmodule = {SOFTHSM:?}\ntoken = \"keyward\"\npin_file = {:?}\n",
        token.pin_file()
    );
    // One key in the token, which does not fill up so.
    let change = ["seal", "change", "pkcs11", "--token-key", "one"];
    kill_while_sealed_anew(&state, &change);
}

/// Makes a key pair in the token that a test has named in the environment; for a process of its own,
/// since a module reads its configuration from there.
#[test]
#[ignore = "another test runs it"]
fn a_key_that_can_leave_the_token() {
    use cryptoki::{
        context::{CInitializeArgs, CInitializeFlags, Pkcs11},
        mechanism::Mechanism,
        object::Attribute,
        session::UserType,
        types::AuthPin,
    };
    let Ok(wanted) = std::env::var("KEYWARD_TEST_TOKEN_KEY") else { return };
    let (label, attributes) = wanted.split_once(':').unwrap();
    let pkcs11 = Pkcs11::new(SOFTHSM).unwrap();
    pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let session = pkcs11.open_rw_session(pkcs11.get_slots_with_token().unwrap()[0]).unwrap();
    session.login(UserType::User, Some(&AuthPin::new(PIN.into()))).unwrap();
    let both =
        [Attribute::Token(true), Attribute::Label(label.into()), Attribute::Id(label.into())];
    let public = [Attribute::ModulusBits(2048.into()), Attribute::Encrypt(true)];
    let private = [
        Attribute::Sensitive(attributes.contains("sensitive")),
        Attribute::Extractable(attributes.contains("extractable")),
        Attribute::Decrypt(true),
    ];
    let public = [&both[..], &public].concat();
    let private = [&both[..], &private].concat();
    session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private).unwrap();
}

#[test]
fn a_key_that_can_leave_the_token_is_not_taken_for_a_seal() {
    let folder = TempDir::new().unwrap();
    let token = SoftToken::new(folder.path());
    for wanted in ["leaves:sensitive,extractable", "shown:", "stays:sensitive"] {
        let mut make = Command::new(std::env::current_exe().unwrap());
        make.args(["--ignored", "--exact", "a_key_that_can_leave_the_token"]);
        make.env("KEYWARD_TEST_TOKEN_KEY", wanted).envs(token.environment());
        let made = make.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    }
    let pin_file = token.pin_file();
    let init = |key: &str| {
        let mut init = Command::new(KEYWARD);
        init.args(["init", "--state"]).arg(folder.path().join(key)).args(SEAL);
        init.args(["--token-pin-file", text(&pin_file), "--token-key", key]);
        init.envs(token.environment()).stdin(Stdio::null()).output().unwrap()
    };
    for key in ["leaves", "shown"] {
        let refused = init(key);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains("CKA_EXTRACTABLE false"), "{said}");
        assert!(!folder.path().join(key).join("data/keys.db").exists());
    }
    let taken = init("stays");
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
}
