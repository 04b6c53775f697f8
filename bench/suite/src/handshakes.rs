//! Full TLS 1.3 handshakes of nginx: the same key in the service and in a file.

use std::{path::PathBuf, time::Duration};

use keyward_load::{Load, Target, TargetBuilder};
use keyward_tests::{
    Authority, CommandExt, Identity, Nginx, OpenSsl, Scratch, Service, ServiceBuilder,
};
use serde::Serialize;

use crate::rounds::{Pair, alternate};

/// Clients at a time.
const CLIENTS: usize = 4;

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
            let pair = alternate(
                rounds,
                || rate(&servers.ours, duration),
                || rate(&servers.theirs, duration),
            );
            Row { key_type: (*key_type).into(), pair }
        })
        .collect()
}

/// Two servers with the same key and certificate.
struct Servers {
    ours: Target,
    theirs: Target,
    _running: [Nginx; 2],
    _folders: [Scratch; 2],
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
        let folders = [Scratch::new(), Scratch::new()];
        let running = [
            Nginx::start(&folders[0], openssl, &[&identity]),
            Nginx::start_in(&folders[1], &[], &[&local]),
        ];
        let [ours, theirs] = [&running[0], &running[1]].map(|nginx| target(nginx, authority));
        Servers { ours, theirs, _running: running, _folders: folders }
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

fn rate(target: &Target, duration: Duration) -> f64 {
    let report = Load::run(target, CLIENTS, duration);
    assert_eq!(report.failures, 0, "{report:#?}");
    report.rate
}
