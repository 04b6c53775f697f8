//! What a caller may do with a key, and what a key may be used for.

use std::fmt;

use crate::table;

/// The facts about one right.
#[derive(Debug)]
pub struct RightRow {
    /// The word for it on the command line and in configuration.
    pub name: &'static str,
    /// What it allows, for documentation and messages.
    pub meaning: &'static str,
    /// Whether it is a use of the key, fixed at the key's birth, and not only a caller's right.
    pub is_use: bool,
}

table! {
    /// One right on a key. Uses are both: an attribute of the key and a right of a caller; an
    /// operation needs it from both.
    pub enum Right: RightRow {
        /// See that the key exists.
        See = 1 => { name: "see", is_use: false,
            meaning: "see its name, attributes, public part and certificates" },
        /// Sign.
        Sign = 2 => { name: "sign", is_use: true,
            meaning: "sign digests or messages, make message authentication codes" },
        /// Decrypt.
        Decrypt = 3 => { name: "decrypt", is_use: true, meaning: "decrypt, RSA with a padding" },
        /// Agree on a secret, by Diffie-Hellman or decapsulation, or make keys of one.
        Derive = 4 => { name: "derive", is_use: true,
            meaning: "agree on shared secrets, derive keys" },
        /// The bare RSA function.
        Raw = 5 => { name: "raw", is_use: true,
            meaning: "apply the bare RSA function; excludes every other use" },
        /// Change the key.
        Manage = 6 => { name: "manage", is_use: false,
            meaning: "rename, share and delete it, and change its certificates" },
        /// Encrypt.
        Encrypt = 7 => { name: "encrypt", is_use: true, meaning: "encrypt with a secret key" },
        /// Verify.
        Verify = 8 => { name: "verify", is_use: true,
            meaning: "verify message authentication codes" },
        /// Wrap.
        Wrap = 9 => { name: "wrap", is_use: true,
            meaning: "encrypt exportable keys so that they can leave the service" },
        /// Unwrap.
        Unwrap = 10 => { name: "unwrap", is_use: true,
            meaning: "take in keys that are encrypted with this one" },
    }
}

/// Uses that undo each other: with both on one key, whoever may use it could read a key that was
/// wrapped, or bring in one that others know.
const UNDOING: &[(Right, Right)] = &[
    (Right::Wrap, Right::Decrypt),
    (Right::Unwrap, Right::Decrypt),
    (Right::Unwrap, Right::Encrypt),
];

impl Right {
    /// Finds a right by its word.
    pub fn from_name(name: &str) -> Option<Right> {
        Right::ALL.iter().copied().find(|right| right.row().name.eq_ignore_ascii_case(name))
    }
}

/// A set of rights. On the wire and on disk it is a number with bit `code - 1` for each right.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Rights(u32);

impl Rights {
    /// No right at all.
    pub const NONE: Rights = Rights(0);
    /// Every right there is: what a key's owner has.
    pub const ALL: Rights = Rights((1 << Right::ALL.len()) - 1);

    /// The set of the given rights.
    pub const fn of(rights: &[Right]) -> Rights {
        let mut bits = 0;
        let mut index = 0;
        while index < rights.len() {
            bits |= 1 << (rights[index].code() - 1);
            index += 1;
        }
        Rights(bits)
    }

    /// The set that a number stands for; bits that are not known here are dropped.
    pub const fn from_bits(bits: u32) -> Rights {
        Rights(bits & Rights::ALL.0)
    }

    /// The number that stands for this set.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether the set has this right.
    pub const fn has(self, right: Right) -> bool {
        self.0 & (1 << (right.code() - 1)) != 0
    }

    /// Whether the set has every right of another.
    pub const fn contains(self, other: Rights) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The rights in either set.
    pub const fn union(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }

    /// The rights in both sets.
    pub const fn intersection(self, other: Rights) -> Rights {
        Rights(self.0 & other.0)
    }

    /// The rights in this set that are not in the other.
    pub const fn without(self, other: Rights) -> Rights {
        Rights(self.0 & !other.0)
    }

    /// Two uses in the set that cannot be on one key.
    pub fn conflict(self) -> Option<(Right, Right)> {
        let other = self.iter().find(|right| *right != Right::Raw && right.row().is_use);
        match (self.has(Right::Raw), other) {
            (true, Some(other)) => Some((Right::Raw, other)),
            _ => UNDOING.iter().copied().find(|(one, other)| self.has(*one) && self.has(*other)),
        }
    }

    /// The rights of the set, in the table's order.
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.iter().copied().filter(move |right| self.has(*right))
    }

    /// Reads a comma list of words: `sign,decrypt`. The error is the word that is not known.
    pub fn parse(list: &str) -> Result<Rights, &str> {
        let mut rights = Rights::NONE;
        for word in list.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            rights = rights.union(Rights::of(&[Right::from_name(word).ok_or(word)?]));
        }
        Ok(rights)
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, right) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}", right.row().name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rights({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_words_reads_back() {
        let rights = Rights::parse("sign, derive").unwrap();
        assert_eq!(rights.to_string(), "sign,derive");
        assert!(rights.has(Right::Derive) && !rights.has(Right::Decrypt));
        assert_eq!(Rights::parse("sign,sing"), Err("sing"));
        assert_eq!(Rights::from_bits(u32::MAX), Rights::ALL);
    }

    #[test]
    fn uses_that_undo_each_other_cannot_meet() {
        let conflict = |list| Rights::parse(list).unwrap().conflict();
        assert_eq!(conflict("wrap,unwrap"), None);
        assert_eq!(conflict("raw"), None);
        assert_eq!(conflict("sign,raw"), Some((Right::Raw, Right::Sign)));
        assert_eq!(conflict("decrypt,encrypt,wrap"), Some((Right::Wrap, Right::Decrypt)));
        assert_eq!(conflict("encrypt,unwrap"), Some((Right::Unwrap, Right::Encrypt)));
    }
}
