//! What the audit log costs: signatures per second of a service that records each use of a key,
//! beside one that does not, on the same processor in turn.

use std::time::Duration;

use keyward_tests::{Scratch, ServiceBuilder};
use serde::Serialize;

use crate::{
    rounds::{Pair, alternate},
    signatures::{SERVER_CPU, of_service},
};

/// Key types, from the dearest signature to the cheapest.
const KEYS: [&str; 3] = ["rsa-2048", "p-256", "ed25519"];
/// As many as keep the service busy.
const CLIENTS: usize = 8;

/// One line of the table.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) key_type: String,
    /// With records beside without.
    #[serde(flatten)]
    pub(crate) pair: Pair,
}

/// Measures every key type.
pub(crate) fn measure(rounds: usize, duration: Duration) -> Vec<Row> {
    let scratch = Scratch::new();
    let [recording, silent] = [true, false].map(|uses| {
        let service = ServiceBuilder::new(&scratch)
            .named(if uses { "recording" } else { "silent" })
            .configured(&format!("[audit]\nuses = {uses}\n"))
            .on_cpu(SERVER_CPU)
            .start();
        for key_type in KEYS {
            service.key_for(key_type, key_type, "sign");
        }
        service
    });
    let measure_key = |key_type: &str| {
        eprintln!("audit log, {key_type} …");
        Row {
            key_type: key_type.into(),
            pair: alternate(
                rounds,
                || of_service(&recording, key_type, CLIENTS, duration),
                || of_service(&silent, key_type, CLIENTS, duration),
            ),
        }
    };
    KEYS.map(measure_key).into()
}
