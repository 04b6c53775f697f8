//! Signatures per second of the service, kept on one processor, beside aws-lc and `openssl speed`
//! on the same one. The clients have another to themselves, where there is one.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::KeyType;
use keyward_crypto::PrivateKey;
use keyward_tests::{CommandExt, Scratch, Service, ServiceBuilder, require};
use serde::Serialize;

use crate::{
    pinning::on_cpu,
    rounds::{Pair, alternate, median},
};

/// Where the service and its peers run.
pub(crate) const SERVER_CPU: usize = 0;
/// Clients at a time.
const CLIENTS: [usize; 5] = [1, 2, 4, 8, 16];
/// Key types, with what `openssl speed` calls them.
const KEYS: [(&str, &str); 6] = [
    ("rsa-2048", "rsa2048"),
    ("rsa-3072", "rsa3072"),
    ("rsa-4096", "rsa4096"),
    ("p-256", "ecdsap256"),
    ("p-384", "ecdsap384"),
    ("ed25519", "ed25519"),
];

/// One line of the table.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) key_type: String,
    /// Signatures per second of `openssl speed`.
    pub(crate) openssl: f64,
    pub(crate) by_clients: Vec<ByClients>,
}

/// The service with so many clients beside aws-lc.
#[derive(Serialize)]
pub(crate) struct ByClients {
    pub(crate) clients: usize,
    #[serde(flatten)]
    pub(crate) pair: Pair,
}

/// Measures every key type.
pub(crate) fn measure(rounds: usize, duration: Duration) -> Vec<Row> {
    let scratch = Scratch::new();
    let service = ServiceBuilder::new(&scratch).on_cpu(SERVER_CPU).start();
    let measure_key = |(name, openssl_name): &(&str, &str)| {
        eprintln!("signatures, {name} …");
        service.key_for(name, name, "sign");
        let by_clients = CLIENTS.map(|clients| ByClients {
            clients,
            pair: alternate(
                rounds,
                || of_service(&service, name, clients, duration),
                || of_aws_lc(name, duration),
            ),
        });
        Row {
            key_type: (*name).into(),
            openssl: median((0..rounds).map(|_| of_openssl(openssl_name, duration))),
            by_clients: by_clients.into(),
        }
    };
    KEYS.iter().map(measure_key).collect()
}

/// What `keyward bench` says.
pub(crate) fn of_service(service: &Service, name: &str, clients: usize, duration: Duration) -> f64 {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let (clients, seconds) = (clients.to_string(), whole_seconds(duration));
    let arguments = ["bench", name, "--threads", &clients, "--seconds", &seconds, "--json"];
    let said = on_cpu(cpus - 1, || service.keyward(arguments));
    let said: serde_json::Value = serde_json::from_str(&said).expect("--json prints JSON");
    assert_eq!(said[0]["failures"], 0, "{said}");
    said[0]["per_second"].as_f64().expect("a rate is a number")
}

/// One thread that signs without pause.
fn of_aws_lc(name: &str, duration: Duration) -> f64 {
    let key_type = KeyType::from_name(name).expect("our own key types are known");
    let key = PrivateKey::generate(key_type).expect("aws-lc makes keys");
    let algorithm = key_type.default_signature().expect("the key signs");
    let input = vec![7; algorithm.digest.map_or(32, |digest| digest.size())];
    on_cpu(SERVER_CPU, || {
        let start = Instant::now();
        let mut count = 0;
        while start.elapsed() < duration {
            key.sign(algorithm, None, &input).expect("aws-lc signs");
            count += 1;
        }
        f64::from(count) / start.elapsed().as_secs_f64()
    })
}

/// What `openssl speed` says, in its form for machines: `+F2:…:bits:signatures:verifications`.
fn of_openssl(name: &str, duration: Duration) -> f64 {
    let said = on_cpu(SERVER_CPU, || {
        Command::new(require("openssl", "openssl"))
            .args(["speed", "-mr", "-seconds", &whole_seconds(duration), name])
            .env("OPENSSL_CONF", "/dev/null")
            .run()
            .text()
    });
    let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
    let line = said.lines().find(|line| line.starts_with("+F") && !line.starts_with("+F:"));
    let fields = fields(line.expect("openssl speed prints a line of figures"));
    // Both figures are per second and stand last.
    let numbers: Vec<f64> = fields.iter().skip(2).filter_map(|field| field.parse().ok()).collect();
    numbers[numbers.len() - 2]
}

fn whole_seconds(duration: Duration) -> String {
    (duration.as_secs_f64().ceil() as u64).max(1).to_string()
}
