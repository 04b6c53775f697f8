//! How long a P-256 signature takes while clients of RSA-4096 saturate the service, beside how long
//! it takes when they are away.

use std::{thread, time::Duration};

use keyward_tests::{Scratch, Service};
use serde::Serialize;

use crate::rounds::median;

/// Clients of the fast key, and of the slow one.
const FAST_CLIENTS: u32 = 2;
const FLOOD_CLIENTS: u32 = 16;

/// One line of the table.
#[derive(Serialize)]
pub(crate) struct Row {
    /// Whether the service was flooded.
    pub(crate) flooded: bool,
    /// Of the rounds' own values, the one in the middle, in microseconds.
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
}

/// Measures in turn without a flood and with one.
pub(crate) fn measure(rounds: usize, duration: Duration) -> Vec<Row> {
    let scratch = Scratch::new();
    let service = Service::dev(&scratch);
    for key_type in ["p-256", "rsa-4096"] {
        service.key_for(key_type, key_type, "sign");
    }
    eprintln!("P-256 while RSA-4096 floods …");
    let mut measured = [Vec::new(), Vec::new()];
    for _ in 0..rounds.max(1) {
        measured[0].push(latency(&service, "p-256", FAST_CLIENTS, duration));
        measured[1].push(thread::scope(|scope| {
            // The flood begins earlier and ends later.
            let longer = duration + Duration::from_secs(2);
            let service = &service;
            scope.spawn(move || latency(service, "rsa-4096", FLOOD_CLIENTS, longer));
            thread::sleep(Duration::from_secs(1));
            latency(service, "p-256", FAST_CLIENTS, duration)
        }));
    }
    [false, true]
        .into_iter()
        .zip(measured)
        .map(|(flooded, rounds)| Row {
            flooded,
            p50_micros: median(rounds.iter().map(|round| round[0])),
            p99_micros: median(rounds.iter().map(|round| round[1])),
        })
        .collect()
}

/// The median and the 99th percentile that `keyward bench` says.
fn latency(service: &Service, key: &str, clients: u32, duration: Duration) -> [f64; 2] {
    let (clients, seconds) = (clients.to_string(), duration.as_secs().max(1).to_string());
    let arguments = ["bench", key, "--threads", &clients, "--seconds", &seconds, "--json"];
    let said: serde_json::Value =
        serde_json::from_str(&service.keyward(arguments)).expect("--json prints JSON");
    assert_eq!(said[0]["failures"], 0, "{said}");
    let latency = &said[0]["latency_microseconds"];
    ["p50", "p99"].map(|name| latency[name].as_f64().expect("a latency is a number"))
}
