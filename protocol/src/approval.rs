//! The name of an approval.

use std::{fmt, num::NonZeroU64, str::FromStr};

/// Names what others are asked to approve: 16 hexadecimal digits. Who knows it may nothing by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApprovalId(NonZeroU64);

impl ApprovalId {
    /// The approval of a field of a message; 0 is none.
    pub fn from_wire(field: u64) -> Option<ApprovalId> {
        NonZeroU64::new(field).map(ApprovalId)
    }

    /// The value of such a field.
    pub fn to_wire(approval: Option<ApprovalId>) -> u64 {
        approval.map_or(0, |ApprovalId(number)| number.get())
    }
}

impl fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for ApprovalId {
    type Err = String;

    fn from_str(text: &str) -> Result<ApprovalId, String> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| digits);
        number
            .and_then(ApprovalId::from_wire)
            .ok_or_else(|| format!("{text:?} is no approval: write its 16 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_reads_as_it_is_written_and_nothing_else_does() {
        for number in [1, 0x0123_4567_89ab_cdef, u64::MAX] {
            let approval = ApprovalId::from_wire(number).unwrap();
            assert_eq!(approval.to_string().parse(), Ok(approval));
            assert_eq!(ApprovalId::to_wire(Some(approval)), number);
        }
        for text in ["", "1", "0000000000000000", "+123456789abcdef", "0123456789abcdefg"] {
            assert!(text.parse::<ApprovalId>().is_err(), "{text}");
        }
    }
}
