//! How often a key can be used: in all, within a time, and with AES-GCM.

mod service_support;

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    process::Command,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::{ErrorKind, KeyType, Mac, Right, Rights, SymmetricCipher, Wrapping};
use keyward_client::{Client, KeyTemplate, WrapWith};
use keyward_protocol::{
    Error, Key, KeySelector, Restrictions, SymmetricRequest, WrappingChoice, messages::Restrict,
};
use keyward_service::store::{KeyFile, SqliteStore, Store};
use service_support::{KEYWARD, ME, Service, State, generate, named, sign};

fn type_of(name: &str) -> KeyType {
    KeyType::from_name(name).unwrap()
}

fn uses(max_uses: u64) -> Restrictions {
    Restrictions { max_uses, ..Restrictions::default() }
}

fn rate(rate: &str) -> Restrictions {
    Restrictions { max_rate: Some(rate.parse().unwrap()), ..Restrictions::default() }
}

fn held<'a>(name: &'a str, restrictions: Restrictions) -> KeyTemplate<'a> {
    KeyTemplate { restrictions, ..named(name) }
}

fn limited(client: &Client, name: &str, key_type: &str, restrictions: Restrictions) -> Key {
    client.generate(type_of(key_type), &held(name, restrictions)).unwrap()
}

fn less(restrictions: Restrictions) -> Restrict {
    Restrict { restrictions: Some(restrictions), ..Restrict::default() }
}

fn used(client: &Client, key: &Key) -> u64 {
    client.find(&KeySelector::Id(key.id)).unwrap().attributes.uses
}

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

/// Signs until it is refused as used up; how often it was done.
fn use_up(client: &Client, key: &Key) -> u64 {
    for done in 0.. {
        if let Err(error) = sign(client, key) {
            assert_eq!(error.kind, ErrorKind::LimitExceeded, "{error}");
            return done;
        }
    }
    unreachable!()
}

fn encipher(client: &Client, key: &Key) -> Result<(), Error> {
    let cipher = SymmetricCipher::AesGcm;
    let text = SymmetricRequest { cipher, iv: &[], aad: &[], tag_bytes: 0, input: b"text" };
    client.encipher(&key.id, &text).map(drop)
}

fn served<T>(more: &str, test: impl FnOnce(&Service, &Client) -> T) -> T {
    let state = State::with(&format!("{ME}{more}"));
    let service = state.start();
    test(&service, &service.client())
}

#[test]
fn a_key_is_used_as_often_as_was_set_by_however_many_at_once_and_no_more() {
    served("", |service, client| {
        let key = limited(client, "release", "p-256", uses(1000));
        let done = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| done.fetch_add(use_up(&service.client(), &key), Relaxed));
            }
        });
        assert_eq!(done.into_inner(), 1000);
        let error = sign(client, &key).unwrap_err();
        assert_eq!(error.kind, ErrorKind::LimitExceeded);
        assert!(error.message.contains("key \"release\" has had its 1000 uses"), "{error}");
        assert!(error.hint.unwrap().contains("keyward key rotate"));
        assert_eq!(used(client, &key), 1000);
        assert_eq!(client.list("release").unwrap()[0].attributes.uses, 1000);
        // Its public half is free.
        let algorithm = key.key_type.default_signature().unwrap();
        let request = keyward_protocol::SignRequest {
            algorithm,
            pss: None,
            deterministic: false,
            input: &[7; 32],
        };
        assert!(!client.verify(&key.id, &request, &[1; 70]).unwrap());
    });
}

#[test]
fn every_use_of_what_is_secret_counts() {
    served("", |_, client| {
        let wraps = Some(Rights::of(&[Right::Wrap, Right::Unwrap]));
        let kek = KeyTemplate { usage: wraps, ..held("kek", uses(3)) };
        let kek = client.generate(type_of("aes-256"), &kek).unwrap();
        let data = KeyTemplate { exportable: true, ..held("data", uses(2)) };
        let data = client.generate(type_of("aes-256"), &data).unwrap();
        let choice = WrappingChoice { wrapping: Wrapping::AesKwp, oaep: None };
        let wrap = || client.wrap(&data.id, WrapWith::Key(&kek.id), &choice);
        wrap().unwrap();
        assert_eq!((used(client, &kek), used(client, &data)), (1, 1));
        encipher(client, &data).unwrap();
        assert_eq!(kind(encipher(client, &data)), Some(ErrorKind::LimitExceeded));
        assert_eq!(kind(wrap()), Some(ErrorKind::LimitExceeded));

        let mac = limited(client, "mac", "hmac-256", uses(2));
        let code = client.mac(&mac.id, Mac::HmacSha256, b"text").unwrap();
        assert!(client.verify_mac(&mac.id, Mac::HmacSha256, b"text", &code).unwrap());
        let refused = client.verify_mac(&mac.id, Mac::HmacSha256, b"text", &code);
        assert_eq!(kind(refused), Some(ErrorKind::LimitExceeded));

        let derive = Some(Rights::of(&[Right::Derive]));
        let agrees = KeyTemplate { usage: derive, ..held("agrees", uses(1)) };
        let agrees = client.generate(type_of("p-256"), &agrees).unwrap();
        let peer = generate(client, "peer", "p-256").spki;
        client.derive(&agrees.id, &peer).unwrap();
        assert_eq!(kind(client.derive(&agrees.id, &peer)), Some(ErrorKind::LimitExceeded));
    });
}

#[test]
fn uses_become_fewer_at_once_and_never_more() {
    served("", |_, client| {
        let key = limited(client, "release", "p-256", uses(1000));
        for _ in 0..30 {
            sign(client, &key).unwrap();
        }
        let error = client.restrict(&key.id, less(uses(1001))).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidArgument, "{error}");
        // Nothing that was handed out under the former limit goes on.
        let fewer = client.restrict(&key.id, less(uses(50))).unwrap();
        assert_eq!((fewer.attributes.restrictions.max_uses, fewer.attributes.uses), (50, 30));
        assert_eq!(use_up(client, &key), 20);
        // Fewer than it has had already.
        assert_eq!(client.restrict(&key.id, less(uses(10))).unwrap().attributes.uses, 50);
        assert_eq!(use_up(client, &key), 0);

        // What was done before there was a limit does not count.
        let later = generate(client, "later", "p-256");
        sign(client, &later).unwrap();
        client.restrict(&later.id, less(uses(2))).unwrap();
        assert_eq!(use_up(client, &later), 2);
    });
}

#[test]
fn uses_are_never_exceeded_however_often_the_service_is_killed() {
    const LIMIT: u64 = 3000;
    let state = State::with(ME);
    let mut service = state.start();
    let key = limited(&service.client(), "release", "p-256", uses(LIMIT));
    let (mut done, mut kills) = (0, 0);
    loop {
        let client = service.impatient_client();
        let before = used(&client, &key);
        let mut signed = 0;
        let killed = loop {
            match sign(&client, &key) {
                Ok(_) => signed += 1,
                Err(error) => {
                    assert_eq!(error.kind, ErrorKind::LimitExceeded, "{error}");
                    break false;
                }
            }
            assert_eq!(used(&client, &key), before + signed);
            if signed == 130 + kills {
                break true;
            }
        };
        done += signed;
        if !killed {
            assert_eq!(used(&client, &key), LIMIT);
            break;
        }
        service.kill();
        kills += 1;
        service = state.start();
        // What the kill took counts as used: a portion at the most, which is a tenth of the rest.
        let found = used(&service.client(), &key);
        assert!((before + signed..=before + signed + LIMIT / 10).contains(&found), "{found}");
    }
    assert!(kills > 2 && done <= LIMIT, "{kills} kills, {done} uses");
    println!("{kills} kills, {done} of {LIMIT} uses done, {} lost", LIMIT - done);
}

#[test]
fn a_service_that_ends_or_is_sealed_loses_no_uses() {
    let state = State::with(ME);
    let service = state.start();
    let key = limited(&service.client(), "release", "p-256", uses(1000));
    sign(&service.client(), &key).unwrap();
    assert!(service.terminate().success());
    let service = state.start();
    assert_eq!(used(&service.client(), &key), 1);
    sign(&service.client(), &key).unwrap();
    service.administrator().lock_seal().unwrap();
    service.administrator().unseal(&[], false).unwrap();
    let client = service.client();
    assert_eq!(used(&client, &key), 2);
    assert_eq!(use_up(&client, &key), 998);
}

#[test]
fn a_key_is_used_no_faster_than_was_set_and_who_asks_hears_when_it_can_be() {
    served("", |_, client| {
        let key = limited(client, "release", "p-256", rate("3/hour"));
        for _ in 0..3 {
            sign(client, &key).unwrap();
        }
        // A third of an hour is longer than a client waits, so it does not wait at all.
        let error = sign(client, &key).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Busy, "{error}");
        assert!(error.message.contains("is used at most 3/hour"), "{error}");
        assert!(error.hint.as_deref().unwrap().contains("used again in 1"), "{error}");
        let wait = error.retry_after.unwrap().as_secs();
        assert!((600..=1200).contains(&wait), "{wait}");
        for loose in ["4/hour", "3/minute"] {
            let refused = client.restrict(&key.id, less(rate(loose)));
            assert_eq!(kind(refused), Some(ErrorKind::InvalidArgument), "{loose}");
        }
        client.restrict(&key.id, less(rate("1/hour"))).unwrap();
        assert_eq!(kind(sign(client, &key)), Some(ErrorKind::Busy));

        // One that passes soon is waited for.
        let quick = limited(client, "quick", "p-256", rate("20/second"));
        for _ in 0..40 {
            sign(client, &quick).unwrap();
        }
    });
}

#[test]
fn what_comes_of_a_key_has_at_most_its_uses_and_what_takes_its_place_has_its_own() {
    served("", |_, client| {
        let derive = Some(Rights::of(&[Right::Derive]));
        let root = KeyTemplate { usage: derive, ..held("root", uses(5)) };
        let root = client.generate(type_of("hmac-256"), &root).unwrap();
        let function = keyward_algorithms::Derivation::Hkdf;
        let digest = keyward_algorithms::Digest::Sha256;
        let choice = keyward_protocol::DerivationChoice { function, digest, salt: b"", info: b"" };
        let child = |name, restrictions| {
            client.derive_key(
                &root.id,
                None,
                &choice,
                type_of("aes-256"),
                &held(name, restrictions),
            )
        };
        let made = child("a", Restrictions::default()).unwrap();
        assert_eq!(made.attributes.restrictions.max_uses, 5);
        assert_eq!(kind(child("b", uses(6))), Some(ErrorKind::InvalidArgument));
        assert_eq!(child("c", uses(2)).unwrap().attributes.restrictions.max_uses, 2);

        let key = limited(client, "token", "p-256", uses(2));
        assert_eq!(use_up(client, &key), 2);
        let heir = client.rotate(&key.id, keyward_protocol::messages::Rotate::default()).unwrap();
        assert_eq!((heir.name.as_str(), heir.attributes.uses), ("token", 0));
        assert_eq!(use_up(client, &heir), 2);
        assert_eq!(use_up(client, &key), 0);
    });
}

/// The store of a service that is not running.
fn store(state: &State) -> SqliteStore {
    SqliteStore::open(&state.data(), &KeyFile::new(state.master_key())).unwrap()
}

#[test]
fn a_key_encrypts_with_aes_gcm_as_often_as_is_safe_and_then_still_decrypts() {
    const MOST: u64 = 1 << 32;
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let key = generate(&client, "data", "aes-256");
    let cipher = SymmetricCipher::AesGcm;
    let text = SymmetricRequest { cipher, iv: &[], aad: &[], tag_bytes: 0, input: b"text" };
    let first = client.encipher(&key.id, &text).unwrap();
    let seen = client.find(&KeySelector::Id(key.id)).unwrap().attributes;
    assert_eq!((seen.gcm_encryptions, seen.uses), (1, 0));
    assert!(service.terminate().success());

    // Nobody waits for four milliard encryptions.
    let mut make_old = |record: &mut keyward_service::store::Record| {
        record.attributes.gcm_encryptions = MOST - 3;
        Ok(())
    };
    store(&state).count_uses(&key.id, &mut make_old).unwrap().unwrap();
    let service = state.start();
    let client = service.client();
    for _ in 0..3 {
        encipher(&client, &key).unwrap();
    }
    let error = encipher(&client, &key).unwrap_err();
    assert_eq!(error.kind, ErrorKind::LimitExceeded);
    assert!(error.message.contains("4294967296 encryptions with AES-GCM"), "{error}");
    assert!(error.hint.unwrap().contains("SP 800-38D"));
    let back = SymmetricRequest { cipher, iv: &first.iv, input: &first.output, ..text };
    assert_eq!(&*client.decipher(&key.id, &back).unwrap(), b"text");
    let counter = SymmetricRequest { cipher: SymmetricCipher::AesCtr, ..text };
    client.encipher(&key.id, &counter).unwrap();
}

fn wait_for(what: &str, look: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !look() {
        assert!(Instant::now() < end, "{what}: waited in vain");
        thread::sleep(Duration::from_millis(20));
    }
}

fn logs(service: &Service, text: &str) {
    wait_for(text, || service.log().contains(text));
}

#[test]
fn whoever_owns_a_key_is_told_that_its_uses_come_to_an_end() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let key = limited(&client, "release", "p-256", uses(20));
    let warned = |client: &Client| {
        let warnings = client.status().unwrap().warnings;
        warnings.iter().any(|one| one.contains("key me/release has a tenth of its uses left"))
    };
    for _ in 0..17 {
        sign(&client, &key).unwrap();
    }
    assert!(!warned(&client));
    sign(&client, &key).unwrap();
    assert!(warned(&client));
    logs(&service, "a tenth of its uses left");
    service.kill();
    let service = state.start();
    let client = service.client();
    assert_eq!(use_up(&client, &key), 2);
    logs(&service, "is at the last of its 20 uses");
    wait_for("a warning after a restart", || warned(&client));
}

#[test]
fn no_approval_is_spent_on_a_use_that_a_limit_refuses() {
    let me = rustix::process::geteuid().as_raw();
    let rules = format!(
        "[[user]]\nname = \"me\"\nidentities = [\"uid:{me}\"]\n[[quorum]]\noperations = [\"use-key\", \"enrol\"]\n\
         approvals = 1\napprovers = [\"role:admin\"]\n"
    );
    let mut state = State::new();
    state.more = rules;
    let service = state.start();
    let (client, administrator) = (service.client(), service.administrator());
    let restrictions = Restrictions { needs_approval: true, ..rate("1/hour") };
    let key = client.generate(type_of("p-256"), &held("release", restrictions)).unwrap();
    let id = client.ask_for_uses(&key.id, 5, 600).unwrap();
    administrator.approve(id).unwrap();
    sign(&client, &key).unwrap();
    for _ in 0..3 {
        assert_eq!(kind(sign(&client, &key)), Some(ErrorKind::Busy));
    }
    assert_eq!(client.list_approvals(Some(id)).unwrap()[0].uses_left, 4);
}

#[test]
fn a_restored_backup_gives_no_uses_back_that_the_service_knows_of() {
    let mut state = State::new();
    let (identity, backup) = state.backup_identity();
    let me = rustix::process::geteuid().as_raw();
    state.more = format!(
        "{backup}[[user]]\nname = \"me\"\nidentities = [\"uid:{me}\"]\n\
         roles = [\"user\", \"operator\"]\n",
    );
    let service = state.start();
    let client = service.client();
    let key = limited(&client, "release", "p-256", uses(1000));
    for _ in 0..7 {
        sign(&client, &key).unwrap();
    }
    let aes = generate(&client, "aes", "aes-256");
    let backups = client.make_backup().unwrap();
    let backup = std::path::Path::new(&backups.folder).join(&backups.files[0].name);
    for _ in 0..200 {
        sign(&client, &key).unwrap();
    }
    // One that had encrypted nothing so far when the backup was made.
    encipher(&client, &aes).unwrap();
    assert!(service.terminate().success());
    let restore = || {
        let mut restore = Command::new(KEYWARD);
        restore.args(["backup", "restore", "--yes", "--identity"]).arg(&identity).arg(&backup);
        let ran = restore.arg("--config").arg(state.path("keyward.toml")).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let said = String::from_utf8(ran.stderr).unwrap();
        let warnings =
            said.lines().filter(|line| !line.starts_with("what was there before is in "));
        warnings.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(restore(), "");
    let service = state.start();
    assert_eq!(used(&service.client(), &key), 207);
    let aes = service.client().find(&KeySelector::Id(aes.id)).unwrap();
    assert_eq!(aes.attributes.gcm_encryptions, 1);
    service.kill();
    // Where nothing is left of the service, the backup's own count is all there is: what was handed
    // out when it was made counts as used.
    std::fs::rename(state.data(), state.path("lost")).unwrap();
    assert!(restore().contains("2 keys whose uses are counted"), "nothing is said of it");
    let service = state.start();
    assert_eq!(used(&service.client(), &key), 100);
}

#[test]
fn keys_are_destroyed_without_waiting_until_their_uses_are_written_down() {
    let mut state = State::new();
    let me = rustix::process::geteuid().as_raw();
    let identity = format!("identities = [\"uid:{me}\"]");
    state.more = format!("[[user]]\nname = \"me\"\n{identity}\nroles = [\"user\", \"admin\"]\n");
    let service = state.start();
    let client = service.client();
    let key = limited(&client, "release", "p-256", uses(1000));
    sign(&client, &key).unwrap();
    let row = || -> Vec<u8> {
        let database = rusqlite::Connection::open(state.data().join("keys.db")).unwrap();
        database.query_row("SELECT sealed FROM keys", [], |row| row.get(0)).unwrap()
    };
    let before = row();
    client.zeroize(&state.issued.service_id).unwrap();
    assert!(row() == before, "a key was written");
}

#[test]
fn refusals_are_counted_by_the_limit_that_refused() {
    served("", |service, client| {
        let key = limited(client, "release", "p-256", uses(1));
        assert_eq!(use_up(client, &key), 1);
        let fast = limited(client, "fast", "p-256", rate("1/hour"));
        sign(client, &fast).unwrap();
        sign(client, &fast).unwrap_err();
        let socket = service.socket().with_file_name("health.sock");
        let mut stream = UnixStream::connect(socket).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        for line in [
            "keyward_key_limit_refusals_total{limit=\"uses\"} 1",
            "keyward_key_limit_refusals_total{limit=\"rate\"} 1",
            "keyward_key_limit_refusals_total{limit=\"aes-gcm\"} 0",
            "keyward_ending_keys{what=\"uses\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    });
}
