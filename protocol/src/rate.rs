//! So many uses within a second, a minute or an hour, as people write it: `10/second`.

use std::{fmt, str::FromStr};

use crate::{Error, Result, messages::Rate};

/// The times that uses are counted in, with their seconds.
const TIMES: [(&str, u32); 3] = [("second", 1), ("minute", 60), ("hour", 3600)];

impl Rate {
    /// Checks a rate that came from elsewhere.
    pub fn check(self) -> Result<()> {
        if self.uses > 0 && TIMES.iter().any(|(_, seconds)| *seconds == self.seconds) {
            return Ok(());
        }
        Err(Error::invalid(format!("{self} is no rate"))
            .hint("it is at least one use within a second, a minute or an hour: 10/second"))
    }

    /// Whether whoever keeps to this keeps to the other too: as many uses at once, and as many in
    /// the long run.
    pub fn is_within(self, other: Rate) -> bool {
        let in_long_run = |uses: u32, seconds: u32| u64::from(uses) * u64::from(seconds);
        self.uses <= other.uses
            && in_long_run(self.uses, other.seconds) <= in_long_run(other.uses, self.seconds)
    }

    /// A rate that is within both.
    #[must_use]
    pub fn and(self, other: Rate) -> Rate {
        match (self.is_within(other), other.is_within(self)) {
            (true, _) => self,
            (false, true) => other,
            (false, false) => {
                Rate { uses: self.uses.min(other.uses), seconds: self.seconds.max(other.seconds) }
            }
        }
    }
}

impl FromStr for Rate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Rate> {
        let read = || {
            let (uses, word) = text.split_once('/')?;
            let (_, seconds) = TIMES.into_iter().find(|(time, _)| *time == word)?;
            Some(Rate { uses: uses.parse().ok().filter(|uses| *uses > 0)?, seconds })
        };
        read().ok_or_else(|| {
            Error::invalid(format!("\"{text}\" is no rate"))
                .hint("write 10/second, 100/minute or 1000/hour")
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match TIMES.into_iter().find(|(_, seconds)| *seconds == self.seconds) {
            Some((word, _)) => write!(f, "{}/{word}", self.uses),
            None => write!(f, "{}/{} seconds", self.uses, self.seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_as_they_are_written() {
        for text in ["1/second", "10/second", "100/minute", "4294967295/hour"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in ["", "10", "/second", "0/second", "-1/hour", "10/day", "10/", "1.5/minute"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_rate_is_within_another_at_once_and_in_the_long_run() {
        let rate = |text: &str| text.parse::<Rate>().unwrap();
        assert!(rate("10/second").is_within(rate("10/second")));
        assert!(rate("10/minute").is_within(rate("10/second")));
        assert!(!rate("11/second").is_within(rate("10/second")));
        // Slower in the long run, but more of it at once.
        assert!(!rate("100/minute").is_within(rate("10/second")));
        // Fewer at once, but more in the long run.
        assert!(!rate("10/second").is_within(rate("100/minute")));
        for (one, other, both) in [
            ("1/second", "60/minute", "1/second"),
            ("10/second", "10/minute", "10/minute"),
            ("10/second", "100/minute", "10/minute"),
        ] {
            assert_eq!(rate(one).and(rate(other)), rate(both));
            assert_eq!(rate(other).and(rate(one)), rate(both));
            assert!(rate(both).is_within(rate(one)) && rate(both).is_within(rate(other)));
        }
    }
}
