//! Full TLS 1.3 handshakes of nginx: the same key in the service and in a file.

use std::{path::PathBuf, time::Duration};

use keyward_load::{Load, Target, TargetBuilder};
use keyward_tests::{
    Authority, CommandExt, Identity, Nginx, OpenSsl, Scratch, Service, ServiceBuilder, cpu_time_of,
};
use serde::Serialize;

use crate::rounds::{Pair, alternate_in_slices};

/// Clients at a time.
const CLIENTS: usize = 4;
/// A round is measured in so many slices, each with its peer beside it: a machine's pace changes within
/// seconds, by more than the two differ.
const SLICES: u32 = 8;

/// Key types with the arguments of `openssl genpkey` that make one.
const KEYS: [(&str, &str, &str); 5] = [
    ("rsa-2048", "RSA", "rsa_keygen_bits:2048"),
    ("rsa-3072", "RSA", "rsa_keygen_bits:3072"),
    ("rsa-4096", "RSA", "rsa_keygen_bits:4096"),
    ("p-256", "EC", "ec_paramgen_curve:P-256"),
    ("p-384", "EC", "ec_paramgen_curve:P-384"),
];

/// One line of the table.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) key_type: String,
    #[serde(flatten)]
    pub(crate) pair: Pair,
    /// Where the time goes: processor time for one handshake, in microseconds.
    pub(crate) micros: Micros,
}

/// Processor time for one handshake, in microseconds.
#[derive(Serialize)]
pub(crate) struct Micros {
    /// nginx with a key in the service.
    pub(crate) nginx: f64,
    /// The service.
    pub(crate) service: f64,
    /// nginx with a local key file.
    pub(crate) nginx_local: f64,
}

/// Measures every key type.
pub(crate) fn measure(rounds: usize, duration: Duration) -> Vec<Row> {
    let scratch = Scratch::new();
    let service = ServiceBuilder::new(&scratch).allow("www-data").start();
    let authority = Authority::new(&scratch);
    let openssl = OpenSsl::new(&scratch, &service.address());
    let key_types = KEYS.iter();
    key_types
        .map(|(key_type, algorithm, option)| {
            eprintln!("nginx, {key_type} …");
            let file = scratch.join(&format!("{key_type}.key"));
            OpenSsl::plain(&["genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out"])
                .arg(&file)
                .run()
                .bytes();
            let servers = Servers::start(&service, &authority, &openssl, key_type, file);
            let [ours, theirs] = &servers.0;
            let mut work = [Work::default(), Work::default()];
            let [in_ours, in_theirs] = &mut work;
            let slice = duration / SLICES;
            let pair = alternate_in_slices(
                rounds,
                SLICES,
                || ours.rate(slice, service.pid(), in_ours),
                || theirs.rate(slice, service.pid(), in_theirs),
            );
            let [[nginx, service], [nginx_local, _]] = work.map(|work| work.micros());
            let micros = Micros { nginx, service, nginx_local };
            Row { key_type: (*key_type).into(), pair, micros }
        })
        .collect()
}

/// Two servers with the same key and certificate: ours, and the one with the local file.
struct Servers([Server; 2]);

struct Server {
    target: Target,
    nginx: Nginx,
    _folder: Scratch,
}

/// What was done, and the processor time that it took nginx and the service.
#[derive(Default)]
struct Work {
    handshakes: u64,
    times: [Duration; 2],
}

impl Work {
    fn micros(&self) -> [f64; 2] {
        self.times.map(|time| time.as_secs_f64() * 1e6 / self.handshakes as f64)
    }
}

impl Servers {
    fn start(
        service: &Service,
        authority: &Authority,
        openssl: &OpenSsl,
        name: &str,
        file: PathBuf,
    ) -> Servers {
        let identity = service.import(name, &file);
        service.certify(&identity, authority);
        let local = Identity { reference: file, ..identity.clone() };
        let start = |environment: &[_], identity| {
            let folder = Scratch::new();
            let nginx = Nginx::start_in(&folder, environment, &[identity]);
            Server { target: target(&nginx, authority), nginx, _folder: folder }
        };
        Servers([start(&openssl.environment(), &identity), start(&[], &local)])
    }
}

impl Server {
    fn rate(&self, duration: Duration, service: u32, work: &mut Work) -> f64 {
        let times = || {
            let nginx = self.nginx.workers().into_iter().map(cpu_time_of).sum::<Duration>();
            [nginx, cpu_time_of(service)]
        };
        let before = times();
        let report = Load::run(&self.target, CLIENTS, duration);
        assert_eq!(report.failures, 0, "{report:#?}");
        let after = times();
        work.handshakes += report.handshakes;
        for (index, time) in work.times.iter_mut().enumerate() {
            *time += after[index].saturating_sub(before[index]);
        }
        report.rate
    }
}

/// A client that spends as little as it can, once it has seen that the server is what it says.
fn target(nginx: &Nginx, authority: &Authority) -> Target {
    let cheap = TargetBuilder::new(nginx.address(), "localhost");
    let careful = TargetBuilder {
        trusted_pem: Some(authority.certificate_pem()),
        request: Some("/".into()),
        ..cheap.clone()
    };
    let careful = careful.build().expect("the settings are right");
    for _ in 0..20 {
        careful.visit().unwrap_or_else(|error| panic!("{error}\n{}", nginx.log()));
    }
    cheap.build().expect("the settings are right")
}
