//! A service with many keys: how fast it takes them in, starts, finds and lists them, how much memory
//! it has, and how long a backup and its verified restore take.
//!
//! The peer is the same service with fewer keys: what grows faster than their number shows.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::KeyType;
use keyward_client::{Client, KeyTemplate, Settings};
use keyward_crypto::PrivateKey;
use keyward_protocol::{KeyId, KeySelector, SignRequest};
use keyward_tests::{CommandExt, OpenSsl, Scratch, Service, ServiceBuilder, artifacts, text};
use rustix::fs::{Advice, fadvise};
use serde::Serialize;

use crate::java::{newest_java, provider};

/// Connections that import at the same time.
const IMPORTERS: usize = 64;
/// Look-ups of each kind, at names and identifiers all over the store.
const LOOK_UPS: usize = 5000;
/// The most keys that are listed by programs that hold all of them in memory.
const MAX_LISTED: usize = 100_000;

/// One line of the table.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) keys: usize,
    pub(crate) imports_per_second: f64,
    /// From the start of the program to the first answer, with nothing of the store in the page cache.
    pub(crate) start_ms: f64,
    /// The most that the service had in memory from its start to the end of the listings.
    pub(crate) memory_mib: f64,
    /// A request that looks nothing up, for comparison.
    pub(crate) round_trip: Latency,
    pub(crate) by_name: Latency,
    pub(crate) by_id: Latency,
    /// A P-256 signature with a key that is not held ready.
    pub(crate) first_use: Latency,
    /// 1,000 keys of a listing.
    pub(crate) page: Latency,
    /// All keys, page by page.
    pub(crate) listing_seconds: f64,
    /// All keys by programs that read all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) programs: Option<Programs>,
    pub(crate) backup: Backup,
}

/// The middle and the 99th percentile, in microseconds.
#[derive(Serialize)]
pub(crate) struct Latency {
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
}

/// Seconds that programs take to list all keys.
#[derive(Serialize)]
pub(crate) struct Programs {
    pub(crate) key_list: f64,
    pub(crate) storeutl: f64,
    pub(crate) keytool: f64,
}

#[derive(Serialize)]
pub(crate) struct Backup {
    pub(crate) mib: f64,
    pub(crate) create_seconds: f64,
    /// Every key is opened and compared with its public half.
    pub(crate) verify_seconds: f64,
    /// The same, and the store put in place.
    pub(crate) restore_seconds: f64,
}

/// Measures with ever more keys in one store.
pub(crate) fn measure(sizes: &[usize]) -> Vec<Row> {
    let scratch = Scratch::new();
    let identity = scratch.join("backup.key");
    let mut make = std::process::Command::new(&artifacts().keyward);
    let recipient = make.args(["backup", "identity", "--out"]).arg(&identity).run().text();
    let lines = format!(
        "roles = [\"user\", \"operator\"]\n[log]\nlevel = \"warn\"\n[backup]\nrecipients = [{:?}]\n\
         every_hours = 0\nafter_changes_minutes = 0\nkeep = 1\n",
        recipient.trim()
    );
    let mut service = ServiceBuilder::new(&scratch).named("store").configured(&lines).start();
    let material = material();
    let mut present = 0;
    let mut rows = Vec::new();
    for &keys in sizes {
        eprintln!("store, {keys} keys …");
        let imports_per_second = fill(&service, &material, present..keys);
        present = keys;
        rows.push(measure_with(&mut service, &scratch, &identity, keys, imports_per_second));
    }
    rows
}

fn measure_with(
    service: &mut Service,
    scratch: &Scratch,
    identity: &Path,
    keys: usize,
    imports_per_second: f64,
) -> Row {
    service.stop();
    forget(&service.state().join("data/keys.db"));
    let start_ms = seconds_of(|| {
        service.launch();
        let client = client(service);
        while !client.status().is_ok_and(|status| status.can_sign) {
            thread::sleep(Duration::from_millis(1));
        }
    }) * 1000.0;
    let client = client(service);
    let (ids, page, listing_seconds) = list(&client, keys);
    let anywhere = |turn: usize| (turn * 7919 + 17) % keys;
    let round_trip = latency(|_| drop(client.random(1).expect("random bytes")));
    let by_name = latency(|turn| {
        let selector = KeySelector::Name(name(anywhere(turn)));
        client.find(&selector).expect("every name is there");
    });
    let by_id = latency(|turn| {
        let found = client.find(&KeySelector::Id(ids[anywhere(turn)]));
        found.expect("every identifier is there");
    });
    let first_use = first_use(&client, &ids);
    let programs = (keys <= MAX_LISTED).then(|| programs(service, scratch, keys));
    Row {
        keys,
        imports_per_second,
        start_ms,
        memory_mib: peak_memory_mib(service.pid()),
        round_trip,
        by_name,
        by_id,
        first_use,
        page,
        listing_seconds,
        programs,
        backup: backup(service, identity),
    }
}

/// Keys that are imported over and over, under other names: three of four are P-256, the rest RSA-2048.
fn material() -> Vec<Vec<u8>> {
    let of = |index| if index % 4 == 0 { KeyType::Rsa(2048) } else { p256() };
    let make = |index| PrivateKey::generate(of(index)).and_then(|key| Ok(key.to_pkcs8()?.to_vec()));
    (0..32).map(|index| make(index).expect("aws-lc makes keys")).collect()
}

fn p256() -> KeyType {
    KeyType::from_name("p-256").expect("our own key types are known")
}

/// Names that don't come in their order.
fn name(index: usize) -> String {
    format!("{:08x}.example.com", (index as u32).wrapping_mul(0x9e37_79b1))
}

/// Imports keys as clients do; how many in a second.
fn fill(service: &Service, material: &[Vec<u8>], range: std::ops::Range<usize>) -> f64 {
    let next = AtomicUsize::new(range.start);
    let seconds = seconds_of(|| {
        thread::scope(|scope| {
            for _ in 0..IMPORTERS {
                let (client, next, end) = (client(service), &next, range.end);
                scope.spawn(move || {
                    loop {
                        let index = next.fetch_add(1, Relaxed);
                        if index >= end {
                            return;
                        }
                        let (key, name) = (&material[index % material.len()], name(index));
                        let made = client.import(key, &[], &KeyTemplate::named(&name));
                        made.unwrap_or_else(|error| panic!("key {index}: {error}"));
                    }
                });
            }
        });
    });
    range.len() as f64 / seconds
}

/// Lists page by page; the identifiers, how long a page took, and how long all.
fn list(client: &Client, keys: usize) -> (Vec<KeyId>, Latency, f64) {
    let mut ids = Vec::new();
    let mut times = Vec::new();
    let mut after = Vec::new();
    loop {
        let begun = Instant::now();
        let (page, next) = client.list_page("", after, 1000).expect("keys are listed");
        times.push(begun.elapsed());
        ids.extend(page.iter().map(|key| key.id));
        if next.is_empty() {
            break;
        }
        after = next;
    }
    assert_eq!(ids.len(), keys, "a listing tells of every key once");
    let all = times.iter().sum::<Duration>().as_secs_f64();
    (ids, Latency::of(times), all)
}

/// Signs with keys that were not used since the start.
fn first_use(client: &Client, ids: &[KeyId]) -> Latency {
    let algorithm = p256().default_signature().expect("P-256 signs");
    let request = SignRequest { algorithm, pss: None, deterministic: false, input: &[7; 32] };
    let fresh = |id: &&KeyId| {
        let key = client.find(&KeySelector::Id(**id)).expect("every identifier is there");
        key.key_type == p256()
    };
    let step = (ids.len() / LOOK_UPS).max(1);
    let picked: Vec<&KeyId> = ids.iter().step_by(step).filter(fresh).take(LOOK_UPS / 4).collect();
    Latency::of(
        picked
            .into_iter()
            .map(|id| {
                let begun = Instant::now();
                client.sign(id, &request).expect("a key of P-256 signs");
                begun.elapsed()
            })
            .collect(),
    )
}

/// Lists all keys with the programs that people use.
fn programs(service: &Service, scratch: &Scratch, keys: usize) -> Programs {
    let says_all = |said: String, what: &str| {
        let count = said.matches(".example.com").count();
        assert!(count >= keys, "{what} lists {count} of {keys} keys");
    };
    let key_list = seconds_of(|| says_all(service.keyward(["key", "list"]), "keyward key list"));
    let openssl = OpenSsl::new(scratch, &service.address());
    let storeutl = seconds_of(|| {
        let listed = openssl.command(&["storeutl", "-noout", "-keys", "keyward:"]).run().text();
        let count = listed.lines().filter(|line| line.contains("Pkey")).count();
        assert_eq!(count, keys, "openssl storeutl lists every key");
    });
    let keytool = seconds_of(|| {
        let mut keytool = std::process::Command::new(newest_java().join("bin/keytool"));
        keytool
            .args(["-list", "-storetype", "Keyward", "-keystore", "NONE", "-storepass", "unused"])
            .args(["-providerclass", "dev.keyward.jce.KeywardProvider", "-providerpath"])
            .arg(provider())
            .env("KEYWARD_ADDRESS", service.address());
        let listed = keytool.run().text();
        // It groups the digits of numbers.
        assert!(listed.replace(',', "").contains(&format!("{keys} entries")), "{listed:.200}");
    });
    Programs { key_list, storeutl, keytool }
}

/// Makes a backup, proves that it restores, and restores it in place of the store.
fn backup(service: &mut Service, identity: &Path) -> Backup {
    let state = service.state().to_owned();
    let (file, create_seconds) = {
        let begun = Instant::now();
        let said = service.keyward(["backup", "create", "--json"]);
        let said: serde_json::Value = serde_json::from_str(&said).expect("--json prints JSON");
        let folder = said["folder"].as_str().expect("a folder is named");
        let name = said["files"][0]["name"].as_str().expect("a file is named");
        (PathBuf::from(folder).join(name), begun.elapsed().as_secs_f64())
    };
    let bytes = fs::metadata(&file).expect("the backup is there").len();
    let config = state.join("keyward.toml");
    let arguments = |verb| {
        ["backup", verb, &text(&file), "--identity", &text(identity), "--config", &text(&config)]
            .map(str::to_owned)
    };
    let verify_seconds = seconds_of(|| drop(service.keyward(arguments("verify"))));
    service.stop();
    let restore_seconds = seconds_of(|| {
        drop(service.keyward(arguments("restore").into_iter().chain(["--yes".into()])));
    });
    for entry in fs::read_dir(&state).expect("the state is a folder").flatten() {
        if entry.file_name().to_string_lossy().starts_with("data.before-restore-") {
            fs::remove_dir_all(entry.path()).expect("our own folder can be removed");
        }
    }
    service.start();
    let mib = bytes as f64 / f64::from(1 << 20);
    Backup { mib, create_seconds, verify_seconds, restore_seconds }
}

fn client(service: &Service) -> Client {
    let address = service.address();
    let settings = [("address", &*address), ("request_timeout", "60"), ("retry_for", "0")];
    Client::new(Settings::load(&settings).expect("the settings are right"))
}

/// Has the system forget what it holds of a file, as after a start of the machine.
fn forget(path: &Path) {
    let file = File::open(path).expect("the store is there");
    file.sync_all().and_then(|()| Ok(fadvise(&file, 0, None, Advice::DontNeed)?)).expect("advice");
}

/// The most that a process had in memory, by `/proc/PID/status`.
fn peak_memory_mib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the service runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kib = line.split_whitespace().next().and_then(|number| number.parse::<f64>().ok());
    kib.expect("it is a number") / 1024.0
}

fn seconds_of(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64()
}

fn latency(mut ask: impl FnMut(usize)) -> Latency {
    let timed = |turn| {
        let begun = Instant::now();
        ask(turn);
        begun.elapsed()
    };
    Latency::of((0..LOOK_UPS).map(timed).collect())
}

impl Latency {
    fn of(mut times: Vec<Duration>) -> Latency {
        times.sort_unstable();
        let at = |part: f64| {
            let index = ((times.len() as f64 * part) as usize).min(times.len().saturating_sub(1));
            times.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
        };
        Latency { p50_micros: at(0.5), p99_micros: at(0.99) }
    }
}
