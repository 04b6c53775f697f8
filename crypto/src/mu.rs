//! Mu, the digest that ML-DSA signs in the place of the message (FIPS 204, algorithm 7, line 6).

use keyward_algorithms::{Family, ML_DSA_CONTEXT_MAX, ML_DSA_MU_BYTES, MlDsa};

use crate::{CryptoError, asn1::KeyInfo, aws_lc::Shake256, error::Result};

/// A mu under way: of a public key, a context string, and a message that comes in pieces.
///
/// A client makes it, so that a message need not be sent to where the private key is.
pub struct Mu(Shake256);

impl Mu {
    /// Starts with the DER SubjectPublicKeyInfo of an ML-DSA key and a context string, which is
    /// empty in X.509 and TLS.
    pub fn new(spki: &[u8], context: &[u8]) -> Result<Mu> {
        if context.len() > ML_DSA_CONTEXT_MAX {
            return Err(CryptoError::input("the context string is too long"));
        }
        let mut mu = Mu::raw(spki)?;
        // The first zero says that the message itself is signed, and not a digest of it.
        mu.update(&[0, context.len() as u8])?;
        mu.update(context)?;
        Ok(mu)
    }

    /// Starts without a context string, for a message that the caller has put one into (FIPS 204,
    /// algorithm 2, line 10: M').
    pub fn raw(spki: &[u8]) -> Result<Mu> {
        let info = KeyInfo::public(spki)?;
        let family = Family::from_oid(info.algorithm.oid).ok_or(CryptoError::Unsupported)?;
        let set = MlDsa::of(family).ok_or(CryptoError::Unsupported)?;
        if info.key.len() != set.row().public_bytes {
            return Err(CryptoError::InvalidKey);
        }
        let mut key = Shake256::new()?;
        key.update(info.key)?;
        let mut mu = Shake256::new()?;
        mu.update(&key.finish::<ML_DSA_MU_BYTES>()?)?;
        Ok(Mu(mu))
    }

    /// Takes a piece of the message.
    pub fn update(&mut self, data: &[u8]) -> Result<()> {
        self.0.update(data)
    }

    /// The mu of all the pieces.
    pub fn finish(self) -> Result<[u8; ML_DSA_MU_BYTES]> {
        self.0.finish()
    }

    /// A copy that goes on by itself.
    pub fn try_clone(&self) -> Result<Mu> {
        self.0.try_clone().map(Mu)
    }
}
