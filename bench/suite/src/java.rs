//! Java with keys of the service beside the JDK's own providers and SoftHSM, in every JDK at hand.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use keyward_tests::{CommandExt, Scratch, artifacts, repository};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::java_tls;

/// How many threads `bench/java/run` measures with.
const THREADS: [usize; 2] = [1, 4];

/// What was measured with one JDK.
#[derive(Serialize)]
pub(crate) struct Jdk {
    pub(crate) version: String,
    pub(crate) signing: Vec<Signing>,
    pub(crate) key_store: KeyStore,
    pub(crate) endurance: Endurance,
    pub(crate) handshakes: Vec<java_tls::Row>,
}

/// Signatures per second, by JMH.
#[derive(Serialize)]
pub(crate) struct Signing {
    pub(crate) key_type: String,
    pub(crate) threads: usize,
    /// With a key of the service.
    pub(crate) keyward: f64,
    /// With a key of the JDK's own providers.
    pub(crate) jdk: f64,
    /// With a key of SoftHSM, by SunPKCS11.
    pub(crate) softhsm: f64,
    /// Bytes that the collector has to take away after a signature of the service.
    pub(crate) garbage: f64,
}

/// Milliseconds to load a KeyStore of 1,000 keys and read all entries, by JMH.
#[derive(Serialize)]
pub(crate) struct KeyStore {
    /// The service's.
    pub(crate) keyward: f64,
    /// The service's with 10,000 keys.
    pub(crate) keyward_10000: f64,
    /// A PKCS#12 file.
    pub(crate) jdk: f64,
}

/// A long run of P-256 signatures by one thread.
#[derive(Serialize)]
pub(crate) struct Endurance {
    pub(crate) signatures: u64,
    /// Microseconds of processor time that a signature takes of the Java thread.
    pub(crate) java_micros: f64,
    /// The same of a thread of the command line.
    pub(crate) rust_micros: f64,
    /// How much larger the Java process was at the end than after its warm-up.
    pub(crate) grown_kib: i64,
}

/// Measures with every JDK.
pub(crate) fn measure(rounds: usize, duration: Duration) -> Vec<Jdk> {
    let homes = java_homes();
    homes.iter().map(|(version, home)| measure_with(version, home, rounds, duration)).collect()
}

fn measure_with(version: &str, home: &Path, rounds: usize, duration: Duration) -> Jdk {
    eprintln!("Java {version} …");
    let results = Scratch::new();
    Command::new(repository().join("bench/java/run"))
        .args([results.path(), home])
        .env("KEYWARD_BIN", &artifacts().keyward)
        .env("KEYWARD_JAR", provider())
        .run()
        .bytes();
    let signing = THREADS.into_iter().flat_map(|threads| {
        signing(threads, &report(&results.join(&format!("signing-{threads}.json"))))
    });
    let load = report(&results.join("keystore.json"));
    Jdk {
        version: version.to_owned(),
        signing: signing.collect(),
        key_store: KeyStore {
            keyward: score(&load, "keyward", None),
            keyward_10000: score(&report(&results.join("keystore-10000.json")), "keyward", None),
            jdk: score(&load, "jdk", None),
        },
        endurance: endurance(&results),
        handshakes: java_tls::measure(home, rounds, duration),
    }
}

fn endurance(results: &Scratch) -> Endurance {
    let java: Run = json(&results.join("endurance.json"));
    let rust: Vec<ClientFigures> = json(&results.join("client.json"));
    Endurance {
        signatures: java.signatures,
        java_micros: java.cpu_micros,
        rust_micros: rust[0].client_microseconds,
        grown_kib: java.grown_kib,
    }
}

/// The provider's jar.
pub(crate) fn provider() -> PathBuf {
    repository().join("dist/java/keyward-jce.jar")
}

/// The JDKs of this machine, by their versions.
fn java_homes() -> Vec<(String, PathBuf)> {
    let folders = fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten();
    let mut homes: Vec<_> = folders
        .filter(|folder| folder.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|folder| folder.path())
        .filter(|home| home.join("bin/javac").exists())
        .filter_map(|home| Some((version_of(&home)?, home)))
        .collect();
    homes.sort();
    assert!(!homes.is_empty(), "there is no JDK in /usr/lib/jvm");
    homes
}

/// The newest of them.
pub(crate) fn newest_java() -> PathBuf {
    java_homes().pop().expect("there is a JDK").1
}

/// The first number of a JDK's version.
fn version_of(home: &Path) -> Option<String> {
    let release = fs::read_to_string(home.join("release")).ok()?;
    let version = release.lines().find_map(|line| line.strip_prefix("JAVA_VERSION=\""))?;
    Some(version.split(['.', '"']).next()?.to_owned())
}

/// What is read of the report of a long run.
#[derive(Deserialize)]
struct Run {
    signatures: u64,
    cpu_micros: f64,
    grown_kib: i64,
}

/// What is read of the figures of `keyward bench`.
#[derive(Deserialize)]
struct ClientFigures {
    client_microseconds: f64,
}

/// What is read of JMH's report.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Measurement {
    params: Params,
    primary_metric: Metric,
    secondary_metrics: Option<Secondary>,
}

#[derive(Deserialize)]
struct Params {
    keys: String,
    r#type: Option<String>,
}

#[derive(Deserialize)]
struct Secondary {
    #[serde(rename = "gc.alloc.rate.norm")]
    garbage: Option<Metric>,
}

#[derive(Deserialize)]
struct Metric {
    score: f64,
}

fn report(path: &Path) -> Vec<Measurement> {
    json(path)
}

fn json<T: DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn signing(threads: usize, all: &[Measurement]) -> Vec<Signing> {
    all.iter()
        .filter(|one| one.params.keys == "keyward")
        .map(|one| {
            let key_type = one.params.r#type.as_deref();
            let garbage = one.secondary_metrics.as_ref().and_then(|more| more.garbage.as_ref());
            Signing {
                key_type: key_type.expect("keys have types").to_owned(),
                threads,
                keyward: one.primary_metric.score,
                jdk: score(all, "jdk", key_type),
                softhsm: score(all, "softhsm", key_type),
                garbage: garbage.map_or(f64::NAN, |metric| metric.score),
            }
        })
        .collect()
}

fn score(all: &[Measurement], keys: &str, key_type: Option<&str>) -> f64 {
    let same =
        |one: &&Measurement| one.params.keys == keys && one.params.r#type.as_deref() == key_type;
    all.iter().find(same).expect("all of them were measured").primary_metric.score
}
