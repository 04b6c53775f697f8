//! What of a key ends.

use keyward_protocol::KeyId;

use super::Record;
use crate::issue::end_of;

/// The end of a key's validity, or of its certificate's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The key.
    pub id: KeyId,
    /// Its owner.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// What of it ends.
    pub of: EndingOf,
    /// When, in seconds since 1970.
    pub time: u64,
}

/// What ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndingOf {
    /// The certificate beside the key.
    Certificate,
    /// The key itself.
    Key,
}

impl EndingOf {
    /// All of them.
    pub const ALL: [EndingOf; 2] = [EndingOf::Certificate, EndingOf::Key];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            EndingOf::Certificate => "certificate",
            EndingOf::Key => "key",
        }
    }
}

impl Record {
    /// What of the key ends, and when.
    pub(super) fn ends(&self) -> Vec<(EndingOf, u64)> {
        let certificate = self.chain.first().and_then(|own| end_of_certificate(own));
        let key = Some(self.attributes.restrictions.not_after).filter(|end| *end != 0);
        let ends = [(EndingOf::Certificate, certificate), (EndingOf::Key, key)];
        ends.into_iter().filter_map(|(of, end)| Some((of, end?))).collect()
    }
}

/// When a DER certificate ends, if it reads.
pub(super) fn end_of_certificate(der: &[u8]) -> Option<u64> {
    end_of(der).and_then(|end| u64::try_from(end).ok())
}
