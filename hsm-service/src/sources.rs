//! Ranges of addresses that a client may come from.

use std::{fmt, net::IpAddr};

use serde::Deserialize;

/// An address, or all that begin with the same bits: `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SourceRange {
    first: IpAddr,
    prefix: u8,
}

impl SourceRange {
    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(address) == width(self.first)
            && bits(address) & mask(address, self.prefix) == bits(self.first)
    }
}

impl TryFrom<String> for SourceRange {
    type Error = String;

    fn try_from(text: String) -> Result<SourceRange, String> {
        let wrong =
            || format!("\"{text}\" is no address: write 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| wrong())?)),
            None => (text.as_str(), None),
        };
        let first: IpAddr = address.parse().map_err(|_| wrong())?;
        let prefix = prefix.unwrap_or(width(first));
        if prefix > width(first) {
            return Err(wrong());
        }
        if bits(first) & !mask(first, prefix) != 0 {
            return Err(format!(
                "\"{text}\" has bits after the first {prefix}: write them as zeros"
            ));
        }
        Ok(SourceRange { first, prefix })
    }
}

impl fmt::Display for SourceRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix == width(self.first) {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}/{}", self.first, self.prefix),
        }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(four) => u32::from(four).into(),
        IpAddr::V6(six) => six.into(),
    }
}

/// The bits that count.
fn mask(address: IpAddr, prefix: u8) -> u128 {
    let all = u128::MAX >> (128 - u32::from(width(address)));
    let free = u32::from(width(address) - prefix);
    all & !(1_u128.checked_shl(free).map_or(u128::MAX, |end| end - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Result<SourceRange, String> {
        SourceRange::try_from(text.to_owned())
    }

    #[test]
    fn addresses_are_in_their_ranges_and_in_no_others() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.7", "::ffff:192.0.2.7", "::1"),
            ("0.0.0.0/0", "203.0.113.1", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
            ("::1", "::1", "::2"),
        ] {
            let range = range(text).unwrap();
            assert_eq!(range.to_string(), text);
            assert!(range.contains(inside.parse().unwrap()), "{text} {inside}");
            assert!(!range.contains(outside.parse().unwrap()), "{text} {outside}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "web1", "10.0.0.0/33", "10.0.0.0/", "10.0.0.1/8", "::/129", "1.2.3"] {
            assert!(range(text).is_err(), "{text}");
        }
    }
}
