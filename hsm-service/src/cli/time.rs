//! Moments for people and programs (RFC 3339, UTC).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use der::DateTime;

/// Writes a moment given in seconds since 1970.
pub(crate) fn moment(unix_seconds: u64) -> String {
    DateTime::from_unix_duration(Duration::from_secs(unix_seconds))
        .map_or_else(|_| format!("@{unix_seconds}"), |moment| moment.to_string())
}

/// Now, in seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// Writes a length of time in its two largest units.
pub(crate) fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let first = UNITS.iter().position(|(size, _)| seconds >= *size).unwrap_or(UNITS.len() - 1);
    let (size, name) = UNITS[first];
    let rest = UNITS.get(first + 1).map(|(next, unit)| (seconds % size / next, unit));
    match rest {
        Some((count, unit)) if count > 0 => format!("{} {name} {count} {unit}", seconds / size),
        _ => format!("{} {name}", seconds / size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_spans_are_readable() {
        assert_eq!(moment(1_700_000_000), "2023-11-14T22:13:20Z");
        for (seconds, text) in
            [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7200, "2 h"), (90061, "1 d 1 h")]
        {
            assert_eq!(span(seconds), text);
        }
    }
}
