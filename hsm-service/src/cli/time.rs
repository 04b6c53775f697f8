//! Moments for people and programs (RFC 3339, UTC).

use der::DateTime;

pub(crate) use crate::clock::{moment, now};

/// Reads a moment: `2027-01-31T12:00:00Z`, `2027-01-31` for its beginning, `+90d` for so much later
/// than now (`d`, `h`, `min`). In seconds since 1970.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let later = |text: &str| {
        let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
        let (count, unit) = text.split_at(digits);
        let size = match unit {
            "d" => 86400,
            "h" => 3600,
            "min" => 60,
            _ => return None,
        };
        now().checked_add(count.parse::<u64>().ok()?.checked_mul(size)?)
    };
    let moment = match text.strip_prefix('+') {
        Some(rest) => later(rest),
        None => {
            let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.into() };
            whole.parse::<DateTime>().ok().map(|moment| moment.unix_duration().as_secs())
        }
    };
    moment.filter(|moment| *moment > 0).ok_or_else(|| {
        "this is no moment: write 2027-01-31, 2027-01-31T12:00:00Z, or +90d for later".into()
    })
}

/// Writes a moment, where there is one: 0 stands for none.
pub(crate) fn optional_moment(seconds: u64) -> Option<String> {
    (seconds != 0).then(|| moment(seconds))
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

    #[test]
    fn moments_are_read_as_days_instants_and_from_now_on() {
        assert_eq!(parse("2023-11-14T22:13:20Z"), Ok(1_700_000_000));
        assert_eq!(parse("2023-11-14"), Ok(1_699_920_000));
        let in_a_day = parse("+24h").unwrap();
        assert!((86_390..=86_410).contains(&(in_a_day - now())));
        for wrong in [
            "",
            "+",
            "+5",
            "+d",
            "+5y",
            "2023-13-01",
            "2023",
            "1970-01-01",
            "+99999999999999999999d",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
