//! Full TLS 1.3 handshakes of a Java server: the same key in the service and in a PKCS#12 file.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use keyward_load::{Load, Target, TargetBuilder};
use keyward_tests::{Authority, CommandExt, OpenSsl, Scratch, Service, ServiceBuilder, repository};
use serde::Serialize;

use crate::{
    java,
    rounds::{Pair, alternate},
};

/// Clients at a time.
const CLIENTS: usize = 4;

/// Key types with the arguments of `openssl genpkey` that make one.
const KEYS: [(&str, &str, &str); 2] =
    [("rsa-2048", "RSA", "rsa_keygen_bits:2048"), ("p-256", "EC", "ec_paramgen_curve:P-256")];

/// One line of the table.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) key_type: String,
    #[serde(flatten)]
    pub(crate) pair: Pair,
}

/// Measures every key type with one JDK.
pub(crate) fn measure(home: &Path, rounds: usize, duration: Duration) -> Vec<Row> {
    let scratch = Scratch::new();
    let service = ServiceBuilder::new(&scratch).start();
    let authority = Authority::new(&scratch);
    KEYS.iter()
        .map(|(key_type, algorithm, option)| {
            let key = scratch.join(&format!("{key_type}.key"));
            OpenSsl::plain(&["genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out"])
                .arg(&key)
                .run()
                .bytes();
            let identity = service.import(key_type, &key);
            service.certify(&identity, &authority);
            let keyward = scratch.join(&format!("{key_type}.keys"));
            fs::write(&keyward, format!("# Keyward key store\naliases = \"{key_type}\"\n"))
                .expect("our own folder obeys us");
            let pkcs12 = pkcs12(&scratch, key_type, &key, &identity.certificate);
            let [ours, theirs] = [("Keyward", keyward), ("PKCS12", pkcs12)]
                .map(|(kind, file)| Server::start(home, &service, kind, &file, &authority));
            let pair = alternate(rounds, || ours.rate(duration), || theirs.rate(duration));
            Row { key_type: (*key_type).into(), pair }
        })
        .collect()
}

fn pkcs12(scratch: &Scratch, name: &str, key: &Path, certificate: &Path) -> PathBuf {
    let file = scratch.join(&format!("{name}.p12"));
    OpenSsl::plain(&["pkcs12", "-export", "-passout", "pass:bench", "-inkey"])
        .arg(key)
        .arg("-in")
        .arg(certificate)
        .arg("-out")
        .arg(&file)
        .run()
        .bytes();
    file
}

/// A server, ended with its value.
struct Server {
    process: Child,
    target: Target,
}

impl Server {
    fn start(
        home: &Path,
        service: &Service,
        kind: &str,
        file: &Path,
        authority: &Authority,
    ) -> Server {
        let bench = repository().join("bench/java/target/keyward-jce-bench.jar");
        let class_path = format!("{}:{}", bench.display(), java::provider().display());
        let mut process = Command::new(home.join("bin/java"))
            .args(["--enable-native-access=ALL-UNNAMED", "-cp", &class_path])
            .args(["dev.keyward.bench.TlsServer", kind])
            .arg(file)
            .env("KEYWARD_ADDRESS", service.address())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("java can be started");
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().expect("it is a pipe"))
            .read_line(&mut line)
            .expect("java prints text");
        let port = line.trim().parse().expect("the server prints its port");
        let cheap = TargetBuilder::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), "localhost");
        let careful =
            TargetBuilder { trusted_pem: Some(authority.certificate_pem()), ..cheap.clone() };
        careful.build().expect("the settings are right").visit().expect("the server is right");
        let target = cheap.build().expect("the settings are right");
        // Java's compiler takes its time.
        Load::run(&target, CLIENTS, Duration::from_secs(3));
        Server { process, target }
    }

    fn rate(&self, duration: Duration) -> f64 {
        let report = Load::run(&self.target, CLIENTS, duration);
        assert_eq!(report.failures, 0, "{report:#?}");
        report.rate
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
