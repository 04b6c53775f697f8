//! Entries as people and programs read them: on the command line, and in sinks.

use std::time::Duration;

use der::DateTime;
use keyward_algorithms::{ErrorKind, Operation};
use keyward_protocol::messages::AuditEntry;
use serde_json::{Value, json};

use crate::issue::hex;

/// What was asked for, or what happened.
pub(crate) fn what(entry: &AuditEntry) -> String {
    match Operation::from_code(entry.operation) {
        Some(operation) => operation.row().name.into(),
        None if entry.operation == 0 => entry.event.clone(),
        None => format!("operation {}", entry.operation),
    }
}

/// How it ended.
pub(crate) fn outcome(entry: &AuditEntry) -> &'static str {
    match entry.outcome {
        0 => "done",
        code => ErrorKind::from_code(code).map_or("unknown", ErrorKind::word),
    }
}

/// A moment in microseconds since 1970 (RFC 3339, UTC).
pub(crate) fn moment(microseconds: u64) -> String {
    let (seconds, fraction) = (microseconds / 1_000_000, microseconds % 1_000_000);
    let whole = DateTime::from_unix_duration(Duration::from_secs(seconds))
        .map_or_else(|_| format!("@{seconds}"), |moment| moment.to_string());
    whole.strip_suffix('Z').map_or(whole.clone(), |start| format!("{start}.{fraction:06}Z"))
}

/// Everything that an entry says.
pub(crate) fn value(entry: &AuditEntry) -> Value {
    json!({
        "sequence": entry.sequence, "time": moment(entry.time), "operation": what(entry),
        "identity": entry.identity, "proof": entry.proof, "user": entry.user, "from": entry.from,
        "connection": entry.connection, "request": entry.request, "key_id": hex(&entry.key_id),
        "key": entry.key, "key_version": entry.key_version, "algorithm": entry.algorithm,
        "outcome": outcome(entry), "detail": entry.detail,
    })
}
