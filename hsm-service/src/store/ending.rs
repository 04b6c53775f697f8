//! What ends of keys, and of certificates that are kept without one.

use keyward_protocol::KeyId;

use super::Record;
use crate::issue::end_of;

/// The end of a key's validity, of its certificate's, or of its uses; or of a certificate without a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The key, where it is about one.
    pub id: Option<KeyId>,
    /// The owner of the key or certificate.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// What ends.
    pub of: EndingOf,
    /// When, in seconds since 1970; 0 for what has come and has no time.
    pub time: u64,
}

/// What ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndingOf {
    /// The certificate beside the key.
    Certificate,
    /// The key itself.
    Key,
    /// The number of its uses, of which a tenth or less is left; at no time that is known.
    Uses,
    /// A certificate that is kept without a key.
    KeptCertificate,
}

impl EndingOf {
    /// All of them.
    pub const ALL: [EndingOf; 4] =
        [EndingOf::Certificate, EndingOf::Key, EndingOf::Uses, EndingOf::KeptCertificate];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            EndingOf::Certificate => "certificate",
            EndingOf::Key => "key",
            EndingOf::Uses => "uses",
            EndingOf::KeptCertificate => "kept-certificate",
        }
    }
}

impl Ending {
    /// Whether it is the same end, perhaps at another time. A key is the same under another name.
    pub(crate) fn is_same(&self, other: &Ending) -> bool {
        let has_same_name = || (&self.owner, &self.name) == (&other.owner, &other.name);
        self.of == other.of && self.id == other.id && (self.id.is_some() || has_same_name())
    }
}

impl Record {
    /// What of the key ends, and when.
    pub(super) fn ends(&self) -> Vec<(EndingOf, u64)> {
        let certificate = self.chain.first().and_then(|own| end_of_certificate(own));
        let key = Some(self.attributes.restrictions.not_after).filter(|end| *end != 0);
        let uses = self.is_near_limit().then_some(0);
        let ends =
            [(EndingOf::Certificate, certificate), (EndingOf::Key, key), (EndingOf::Uses, uses)];
        ends.into_iter().filter_map(|(of, end)| Some((of, end?))).collect()
    }
}

/// When a DER certificate ends, if it reads.
pub(super) fn end_of_certificate(der: &[u8]) -> Option<u64> {
    end_of(der).and_then(|end| u64::try_from(end).ok())
}
