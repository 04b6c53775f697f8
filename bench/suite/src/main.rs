//! `keyward-bench-suite`: Keyward beside its peers on this machine, as ratios.
//!
//! Absolute figures move by a tenth or two from minute to minute, so every figure here is measured
//! in alternation with its peer, and the ratio is the median over the rounds.

#![forbid(unsafe_code)]

mod audit;
mod flood;
mod handshakes;
mod instructions;
mod java;
mod java_tls;
mod machine;
mod pinning;
mod remote;
mod rounds;
mod signatures;
mod store;
mod table;

use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use serde::Serialize;

/// Measure Keyward beside its peers, print a table and write the figures as JSON
///
/// Example: keyward-bench-suite --only handshakes --rounds 3
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Measure only this
    #[arg(long)]
    only: Option<Part>,
    /// How often each pair is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// For how long each measurement of a round runs
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How many keys are in the store that is measured, in ascending order
    #[arg(long, value_delimiter = ',', default_value = "1000,100000")]
    keys: Vec<usize>,
    /// The file to write
    #[arg(long, default_value = "bench.json")]
    out: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// nginx with a key in the service beside nginx with a key file
    Handshakes,
    /// HAProxy with async jobs and a service far away beside HAProxy without
    Remote,
    /// Signatures of the service beside aws-lc and openssl
    Signatures,
    /// Instructions of the provider itself in a signature, beside the round trip
    Instructions,
    /// A service that records each use of a key beside one that does not
    Audit,
    /// P-256 while clients of RSA-4096 saturate the service, beside P-256 alone
    Flood,
    /// A service with many keys: start, memory, look-ups, listings, backup
    Store,
    /// Java beside the JDK's own providers and SoftHSM
    Java,
}

/// Everything that was measured.
#[derive(Serialize)]
struct Figures {
    machine: machine::Machine,
    rounds: usize,
    seconds_each: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    handshakes: Vec<handshakes::Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remote: Vec<remote::Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signatures: Vec<signatures::Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    instructions: Vec<instructions::Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    audit: Vec<audit::Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flood: Vec<flood::Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    store: Vec<store::Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    java: Vec<java::Jdk>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let wanted = |part| arguments.only.is_none_or(|only| only == part);
    let (rounds, duration) = (arguments.rounds, Duration::from_secs_f64(arguments.seconds));
    let figures = Figures {
        machine: machine::describe(),
        rounds,
        seconds_each: arguments.seconds,
        handshakes: if wanted(Part::Handshakes) {
            handshakes::measure(rounds, duration)
        } else {
            Vec::new()
        },
        remote: if wanted(Part::Remote) { remote::measure(rounds, duration) } else { Vec::new() },
        signatures: if wanted(Part::Signatures) {
            signatures::measure(rounds, duration)
        } else {
            Vec::new()
        },
        instructions: if wanted(Part::Instructions) {
            instructions::measure(rounds)
        } else {
            Vec::new()
        },
        audit: if wanted(Part::Audit) { audit::measure(rounds, duration) } else { Vec::new() },
        flood: if wanted(Part::Flood) { flood::measure(rounds, duration) } else { Vec::new() },
        store: if wanted(Part::Store) { store::measure(&arguments.keys) } else { Vec::new() },
        java: if wanted(Part::Java) { java::measure(rounds, duration) } else { Vec::new() },
    };
    print!("{}", table::render(&figures));
    let json = serde_json::to_string_pretty(&figures).expect("figures are plain numbers");
    if let Err(error) = fs::write(&arguments.out, json + "\n") {
        eprintln!("error: cannot write {}: {error}", arguments.out.display());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
