//! Moments in seconds since 1970, and how they are written (RFC 3339, UTC).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use der::DateTime;

/// Now.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// Writes a moment.
pub(crate) fn moment(unix_seconds: u64) -> String {
    DateTime::from_unix_duration(Duration::from_secs(unix_seconds))
        .map_or_else(|_| format!("@{unix_seconds}"), |moment| moment.to_string())
}
