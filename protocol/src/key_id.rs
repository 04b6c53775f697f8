//! Key identifiers.

use std::{fmt, str::FromStr};

use crate::{Error, Result};

/// A key's identifier: 16 random bytes, given at birth and never changed. Written as 32
/// hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; KeyId::BYTES]);

impl KeyId {
    /// The size of an identifier in bytes.
    pub const BYTES: usize = 16;

    /// The identifier with these bytes.
    pub const fn new(bytes: [u8; KeyId::BYTES]) -> KeyId {
        KeyId(bytes)
    }

    /// The bytes of the identifier.
    pub const fn as_bytes(&self) -> &[u8; KeyId::BYTES] {
        &self.0
    }
}

impl TryFrom<&[u8]> for KeyId {
    type Error = Error;

    fn try_from(bytes: &[u8]) -> Result<KeyId> {
        bytes.try_into().map(KeyId).map_err(|_| {
            Error::invalid(format!("a key identifier has 16 bytes, this one {}", bytes.len()))
        })
    }
}

impl FromStr for KeyId {
    type Err = Error;

    fn from_str(digits: &str) -> Result<KeyId> {
        let wrong = || {
            Error::invalid(format!("\"{digits}\" is no key identifier"))
                .hint("an identifier has 32 hexadecimal digits, as `keyward key show` prints them")
        };
        if digits.len() != 2 * KeyId::BYTES || !digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return Err(wrong());
        }
        let mut bytes = [0; KeyId::BYTES];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte =
                u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).map_err(|_| wrong())?;
        }
        Ok(KeyId(bytes))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}
