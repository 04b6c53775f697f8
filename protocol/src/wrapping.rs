//! Checked forms of wrapping and derivation.

use keyward_algorithms::{Derivation, Digest, Wrapping};

use crate::{
    OaepParameters, Result, messages,
    request::{digest, unknown},
};

/// How a key is encrypted with another.
#[derive(Clone, Copy, Debug)]
pub struct WrappingChoice<'a> {
    /// The wrapping.
    pub wrapping: Wrapping,
    /// The choices of OAEP, for those with an RSA key; `None` for every other.
    pub oaep: Option<OaepParameters<'a>>,
}

impl From<&WrappingChoice<'_>> for messages::Wrapping {
    fn from(choice: &WrappingChoice<'_>) -> messages::Wrapping {
        messages::Wrapping {
            wrapping: choice.wrapping.code(),
            digest: choice.oaep.map_or(0, |oaep| oaep.digest.code()),
            mgf1: choice.oaep.map_or(0, |oaep| oaep.mgf1.code()),
            label: choice.oaep.map_or_else(Vec::new, |oaep| oaep.label.to_vec()),
        }
    }
}

impl messages::Wrapping {
    /// The checked form.
    pub fn checked(&self) -> Result<WrappingChoice<'_>> {
        let wrapping =
            Wrapping::from_code(self.wrapping).ok_or_else(|| unknown("wrapping", self.wrapping))?;
        let oaep = match wrapping.row().by_rsa {
            true => Some(OaepParameters {
                digest: digest(self.digest)?,
                mgf1: digest(self.mgf1)?,
                label: &self.label,
            }),
            false => None,
        };
        Ok(WrappingChoice { wrapping, oaep })
    }
}

/// How a key is made from another.
#[derive(Clone, Copy, Debug)]
pub struct DerivationChoice<'a> {
    /// The function.
    pub function: Derivation,
    /// Its digest.
    pub digest: Digest,
    /// HKDF's salt.
    pub salt: &'a [u8],
    /// What the key is for.
    pub info: &'a [u8],
}

impl From<&DerivationChoice<'_>> for messages::Derivation {
    fn from(choice: &DerivationChoice<'_>) -> messages::Derivation {
        messages::Derivation {
            function: choice.function.code(),
            digest: choice.digest.code(),
            salt: choice.salt.to_vec(),
            info: choice.info.to_vec(),
        }
    }
}

impl messages::Derivation {
    /// The checked form.
    pub fn checked(&self) -> Result<DerivationChoice<'_>> {
        let function = Derivation::from_code(self.function)
            .ok_or_else(|| unknown("key derivation function", self.function))?;
        let digest = digest(self.digest)?;
        if !function.row().salted && !self.salt.is_empty() {
            let message = format!("{} takes no salt", function.row().name);
            return Err(crate::Error::invalid(message));
        }
        Ok(DerivationChoice { function, digest, salt: &self.salt, info: &self.info })
    }
}
