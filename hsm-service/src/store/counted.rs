//! What is counted of a key's uses.

use keyward_protocol::KeyAttributes;

use super::Record;

/// How many encryptions with AES-GCM and random nonces one key does: NIST SP 800-38D, 8.3.
const MAX_GCM_ENCRYPTIONS: u64 = 1 << 32;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Every use of a key that has only so many.
    Uses,
    /// Encryptions with AES-GCM.
    Gcm,
}

impl Counted {
    /// All of it.
    pub const ALL: [Counted; 2] = [Counted::Uses, Counted::Gcm];

    /// The words for several of it.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Counted::Uses => "uses",
            Counted::Gcm => "encryptions with AES-GCM",
        }
    }

    /// How many there were.
    pub(crate) fn count(self, attributes: &KeyAttributes) -> u64 {
        match self {
            Counted::Uses => attributes.uses,
            Counted::Gcm => attributes.gcm_encryptions,
        }
    }

    /// The same, to be changed.
    pub(crate) fn count_mut(self, attributes: &mut KeyAttributes) -> &mut u64 {
        match self {
            Counted::Uses => &mut attributes.uses,
            Counted::Gcm => &mut attributes.gcm_encryptions,
        }
    }

    /// How many there can be, where that is limited.
    pub(crate) fn most(self, attributes: &KeyAttributes) -> Option<u64> {
        match self {
            Counted::Uses => Some(attributes.restrictions.max_uses).filter(|most| *most != 0),
            Counted::Gcm => Some(MAX_GCM_ENCRYPTIONS),
        }
    }
}

/// Whether nine tenths are gone.
pub(crate) fn is_near(used: u64, most: u64) -> bool {
    used >= most - most / 10
}

impl Record {
    /// Whether one of the numbers of its uses comes to its end.
    pub(super) fn is_near_limit(&self) -> bool {
        Counted::ALL.into_iter().any(|of| {
            let most = of.most(&self.attributes);
            most.is_some_and(|most| is_near(of.count(&self.attributes), most))
        })
    }
}
