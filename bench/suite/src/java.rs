//! Java's `Signature` with keys of the service beside the JDK's own providers, by JMH.

use std::{fs, process::Command};

use keyward_tests::{CommandExt, Scratch, artifacts, repository};
use serde::{Deserialize, Serialize};

/// How many threads `bench/java/run` measures with.
const THREADS: [usize; 2] = [1, 4];

/// One line of the table.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) key_type: String,
    pub(crate) threads: usize,
    /// Signatures per second with a key of the service.
    pub(crate) keyward: f64,
    /// With a key of the JDK's.
    pub(crate) peer: f64,
    pub(crate) ratio: f64,
}

/// What is read of JMH's report.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Measurement {
    params: Params,
    primary_metric: Metric,
}

#[derive(Deserialize)]
struct Params {
    keys: String,
    r#type: String,
}

#[derive(Deserialize)]
struct Metric {
    score: f64,
}

/// Runs the benchmark and pairs its results.
pub(crate) fn measure() -> Vec<Row> {
    eprintln!("Java …");
    let results = Scratch::new();
    Command::new(repository().join("bench/java/run"))
        .arg(results.path())
        .env("KEYWARD_BIN", &artifacts().keyward)
        .env("KEYWARD_JAR", repository().join("dist/java/keyward-jce.jar"))
        .run()
        .bytes();
    THREADS.into_iter().flat_map(|threads| rows(&results, threads)).collect()
}

fn rows(results: &Scratch, threads: usize) -> Vec<Row> {
    let path = results.join(&format!("signing-{threads}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let all: Vec<Measurement> = serde_json::from_str(&text).expect("JMH writes JSON");
    let (ours, theirs): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|one| one.params.keys == "keyward");
    ours.into_iter()
        .map(|one| {
            let same = |other: &&Measurement| other.params.r#type == one.params.r#type;
            let peer = theirs.iter().find(same).expect("both were measured").primary_metric.score;
            let keyward = one.primary_metric.score;
            Row { key_type: one.params.r#type, threads, keyward, peer, ratio: keyward / peer }
        })
        .collect()
}
