//! Seals secrets under the data key (AES-256-GCM, a random nonce before each ciphertext).

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf, hmac, rand,
};
use keyward_algorithms::ErrorKind;
use keyward_crypto::locked_memory::LockedBytes;

use super::{Secret, seal::DataKey};
use crate::{Error, Result};

/// A 256-bit key that seals, kept in locked memory. What aws-lc makes of it lives as long as one
/// call, so no copy stays elsewhere.
pub(super) struct Sealer {
    key: LockedBytes,
    /// What is opened where there is nothing to open, so that this takes the same time.
    decoy: Vec<u8>,
}

/// The size of a sealing key in bytes.
pub(super) const KEY_BYTES: usize = 32;

impl Sealer {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Result<Sealer> {
        let mut sealer = Sealer { key: LockedBytes::copy_of(key), decoy: Vec::new() };
        sealer.decoy = sealer.seal(&[0; 1200], b"decoy")?;
        Ok(sealer)
    }

    /// The key itself.
    pub(super) fn key(&self) -> DataKey {
        let mut key = DataKey::default();
        key.copy_from_slice(&self.key);
        key
    }

    fn cipher(&self) -> Result<LessSafeKey> {
        let key = UnboundKey::new(&AES_256_GCM, &self.key);
        key.map(LessSafeKey::new).map_err(|_| failed("prepare the data key"))
    }

    /// Seals a secret together with the data that it belongs to.
    pub(super) fn seal(&self, secret: &[u8], binding: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| failed("draw a nonce"))?;
        let mut text = LockedBytes::copy_of(secret);
        let unique = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .cipher()?
            .seal_in_place_separate_tag(unique, Aad::from(binding), &mut text)
            .map_err(|_| failed("seal a secret"))?;
        Ok([&nonce, &*text, tag.as_ref()].concat())
    }

    /// Opens a sealed secret; `None` when it, or what it is bound to, is not as it was sealed.
    pub(super) fn open(&self, sealed: &[u8], binding: &[u8]) -> Option<Secret> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut bytes = LockedBytes::copy_of(text);
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.cipher().ok()?.open_in_place(nonce, Aad::from(binding), &mut bytes);
        let length = opened.ok()?.len();
        Some(Secret { bytes, length })
    }

    /// A message authentication code under a key that is derived for one purpose (HKDF).
    pub(super) fn authenticate(&self, purpose: &str, message: &[u8]) -> Result<Vec<u8>> {
        let label = ["keyward authentication 1: ".as_bytes(), purpose.as_bytes()];
        let key = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &self.key);
        let key = key.expand(&label, hmac::HMAC_SHA256).map(hmac::Key::from);
        let key = key.map_err(|_| failed("derive a key"))?;
        Ok(hmac::sign(&key, message).as_ref().to_vec())
    }

    /// Does the work of opening for nothing.
    pub(super) fn open_decoy(&self) {
        std::hint::black_box(self.open(&self.decoy, b"decoy").is_some());
    }
}

fn failed(what: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot {what}"))
}
