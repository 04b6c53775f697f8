//! Lengths of time as people write them: `90s`, `30m`, `1h`, `7d`.

use std::{fmt, str::FromStr, time::Duration};

use serde::Deserialize;

/// A length of time in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(u64);

/// The units, largest first, and their seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

impl Span {
    /// So many seconds.
    pub const fn of_seconds(seconds: u64) -> Span {
        Span(seconds)
    }

    /// The seconds.
    pub const fn seconds(self) -> u64 {
        self.0
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Duration {
        Duration::from_secs(span.0)
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let span = UNITS.iter().find_map(|(unit, seconds)| {
            let number = text.strip_suffix(*unit)?;
            let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            number.parse::<u64>().ok().filter(|_| digits)?.checked_mul(*seconds).map(Span)
        });
        span.ok_or_else(|| format!("{text:?} is no length of time: write 90s, 30m, 1h or 7d"))
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Span, String> {
        text.parse()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, seconds)| self.0 > 0 && self.0.is_multiple_of(*seconds));
        let (unit, seconds) = whole.copied().unwrap_or(('s', 1));
        write!(f, "{}{unit}", self.0 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_read_as_they_are_written() {
        for text in ["1s", "90s", "30m", "1h", "25h", "7d", "0s"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("3600s".parse::<Span>().unwrap().to_string(), "1h");
        for text in ["", "5", "h", "-1h", "+1h", "1.5h", "1w", "99999999999999999999d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
