//! Seals secrets under the data key (AES-256-GCM, a random nonce before each ciphertext).

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand,
};
use keyward_algorithms::ErrorKind;
use zeroize::Zeroizing;

use super::Secret;
use crate::{Error, Result};

/// A 256-bit key that seals.
pub(super) struct Sealer {
    key: LessSafeKey,
    /// What is opened where there is nothing to open, so that this takes the same time.
    decoy: Vec<u8>,
}

/// The size of a sealing key in bytes.
pub(super) const KEY_BYTES: usize = 32;

impl Sealer {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Result<Sealer> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| failed("prepare the data key"))?;
        let mut sealer = Sealer { key: LessSafeKey::new(key), decoy: Vec::new() };
        sealer.decoy = sealer.seal(&[0; 1200], b"decoy")?;
        Ok(sealer)
    }

    /// Seals a secret together with the data that it belongs to.
    pub(super) fn seal(&self, secret: &[u8], binding: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| failed("draw a nonce"))?;
        let mut text = Zeroizing::new(secret.to_vec());
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(binding),
                &mut text,
            )
            .map_err(|_| failed("seal a secret"))?;
        Ok([&nonce, text.as_slice(), tag.as_ref()].concat())
    }

    /// Opens a sealed secret; `None` when it, or what it is bound to, is not as it was sealed.
    pub(super) fn open(&self, sealed: &[u8], binding: &[u8]) -> Option<Secret> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.key.open_in_place(nonce, Aad::from(binding), &mut text).ok()?.len();
        text.truncate(length);
        Some(Secret::new(text))
    }

    /// Does the work of opening for nothing.
    pub(super) fn open_decoy(&self) {
        std::hint::black_box(self.open(&self.decoy, b"decoy").is_some());
    }
}

fn failed(what: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot {what}"))
}
