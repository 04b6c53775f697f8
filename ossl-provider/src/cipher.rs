//! Encryption with secret keys (provider-cipher(7)). The service takes what it encrypts in one
//! piece; a message that comes in several is taken apart here at blocks, and the chain of blocks is
//! kept from request to request.

mod gcm;
mod params;

use std::sync::Arc;

use keyward_algorithms::{SecretKind, SymmetricCipher};
use keyward_protocol::{Error, Result, SymmetricRequest, constants::MAX_MESSAGE_BYTES};
use zeroize::Zeroizing;

use crate::{
    failure::{too_early, too_small},
    ffi::{
        core::Core,
        guard::Scope,
        handle::Output,
        params::{Params, Settable},
    },
    provider::Provider,
    secret::SecretKey,
};
use gcm::Gcm;

pub(crate) use params::{GETTABLE, GETTABLE_CONTEXT, SETTABLE, get_constants};

/// The size of AES's blocks.
const BLOCK_BYTES: usize = 16;

/// What a context does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Encrypt,
    Decrypt,
}

/// An encryption or decryption under way.
#[derive(Clone)]
pub(crate) struct SymmetricContext {
    provider: Arc<Provider>,
    /// The way to encrypt, without padding.
    cipher: SymmetricCipher,
    /// The size of its keys in bits.
    bits: u16,
    key: Option<Arc<SecretKey>>,
    direction: Direction,
    padded: bool,
    /// The initialisation vector that the caller gave.
    iv: Vec<u8>,
    /// The one for the next request.
    next_iv: Vec<u8>,
    /// What came in and is less than a request.
    pending: Zeroizing<Vec<u8>>,
    gcm: Gcm,
    /// Whether a piece of the message was lost.
    is_broken: bool,
}

impl Scope for SymmetricContext {
    fn core(&self) -> &Core {
        self.provider.core()
    }
}

impl SymmetricContext {
    pub(crate) fn new(
        provider: Arc<Provider>,
        cipher: SymmetricCipher,
        bits: u16,
    ) -> SymmetricContext {
        SymmetricContext {
            provider,
            cipher,
            bits,
            key: None,
            direction: Direction::Encrypt,
            padded: padding(cipher).is_some(),
            iv: Vec::new(),
            next_iv: Vec::new(),
            pending: Zeroizing::default(),
            gcm: Gcm::default(),
            is_broken: false,
        }
    }

    /// Starts, with another key or the last, with another initialisation vector or the last.
    pub(crate) fn init(
        &mut self,
        key: Option<Arc<SecretKey>>,
        iv: Option<&[u8]>,
        params: Params<'_>,
        direction: Direction,
    ) -> Result<()> {
        self.direction = direction;
        self.pending.clear();
        self.is_broken = false;
        self.gcm.begin(direction);
        if let Some(key) = key {
            if (key.kind, key.bits) != (SecretKind::Aes, self.bits) {
                let message = format!("the cipher takes AES keys of {} bits", self.bits);
                return Err(key.about(Error::invalid(message)));
            }
            self.key = Some(key);
        }
        if let Some(iv) = iv {
            self.set_iv(iv)?;
        }
        self.next_iv.clone_from(&self.iv);
        self.set_params(params)
    }

    fn set_iv(&mut self, iv: &[u8]) -> Result<()> {
        let row = self.cipher.row();
        if iv.len() != row.iv_bytes {
            return Err(Error::invalid(format!(
                "an initialisation vector of {} bytes, {} takes {}",
                iv.len(),
                row.name,
                row.iv_bytes
            )));
        }
        if row.own_iv && self.direction == Direction::Encrypt {
            return Err(Error::invalid(format!(
                "{} draws its initialisation vector in the service",
                row.name
            ))
            .hint("give none, and ask for it afterwards (EVP_CIPHER_CTX_get_updated_iv)"));
        }
        self.iv = iv.to_vec();
        Ok(())
    }

    fn key(&self) -> Result<&Arc<SecretKey>> {
        self.key.as_ref().ok_or_else(too_early)
    }

    /// Takes a piece of the message and gives what of it is ready.
    pub(crate) fn update(&mut self, output: Output<'_>, data: &[u8]) -> Result<()> {
        if self.cipher == SymmetricCipher::AesGcm {
            return self.update_gcm(output, data);
        }
        self.give(output, |context| match context.cipher {
            SymmetricCipher::AesCtr => context.count_on(data),
            _ => context.chain_on(data),
        })
    }

    /// Hands out what was made of the message. If that fails, what comes later would not belong to
    /// what went before, so it fails too.
    fn give(
        &mut self,
        output: Output<'_>,
        make: impl FnOnce(&mut SymmetricContext) -> Result<Zeroizing<Vec<u8>>>,
    ) -> Result<()> {
        if std::mem::replace(&mut self.is_broken, true) {
            return Err(Error::invalid("a piece of the message has failed before"));
        }
        let made = make(self)?;
        if !output.write(&made) {
            return Err(too_small(made.len()));
        }
        self.is_broken = false;
        Ok(())
    }

    /// Ends the message.
    pub(crate) fn finish(&mut self, output: Output<'_>) -> Result<()> {
        if self.cipher == SymmetricCipher::AesGcm {
            return self.finish_gcm(output);
        }
        self.give(output, SymmetricContext::end)
    }

    fn end(&mut self) -> Result<Zeroizing<Vec<u8>>> {
        let last = std::mem::take(&mut self.pending);
        match (self.cipher, padding(self.cipher).filter(|_| self.padded)) {
            (_, Some(padded)) => self.request(padded, &last),
            (SymmetricCipher::AesCtr, None) => Ok(Zeroizing::default()),
            (_, None) if last.is_empty() => Ok(Zeroizing::default()),
            (_, None) => {
                Err(Error::invalid("without padding, a message has a multiple of 16 bytes"))
            }
        }
    }

    /// CBC and ECB: whole blocks go on, the rest waits. So does a last block that padding may have
    /// to be taken off.
    fn chain_on(&mut self, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.pending.extend_from_slice(data);
        let may_be_last = self.padded && self.direction == Direction::Decrypt;
        let ripe = self.pending.len() - usize::from(may_be_last && !self.pending.is_empty());
        let ripe = ripe / BLOCK_BYTES * BLOCK_BYTES;
        let rest = Zeroizing::new(self.pending.split_off(ripe));
        let blocks = std::mem::replace(&mut self.pending, rest);
        let mut ready = Zeroizing::new(Vec::with_capacity(blocks.len()));
        for input in blocks.chunks(MAX_MESSAGE_BYTES) {
            let result = self.request(self.cipher, input)?;
            if self.cipher.row().iv_bytes > 0 {
                let ciphertext = match self.direction {
                    Direction::Encrypt => &result[..],
                    Direction::Decrypt => input,
                };
                self.next_iv = ciphertext[ciphertext.len() - BLOCK_BYTES..].to_vec();
            }
            ready.extend_from_slice(&result);
        }
        Ok(ready)
    }

    /// CTR: a piece may begin within a block, for which as many zeros are sent as were used of it.
    fn count_on(&mut self, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let mut ready = Zeroizing::new(Vec::with_capacity(data.len()));
        for piece in data.chunks(MAX_MESSAGE_BYTES - BLOCK_BYTES) {
            let used = self.pending.len();
            let input = Zeroizing::new([&self.pending[..], piece].concat());
            let result = self.request(self.cipher, &input)?;
            ready.extend_from_slice(&result[used..]);
            add(&mut self.next_iv, input.len() / BLOCK_BYTES);
            self.pending = Zeroizing::new(vec![0; input.len() % BLOCK_BYTES]);
        }
        Ok(ready)
    }

    fn request(&self, cipher: SymmetricCipher, input: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let key = self.key()?;
        if self.next_iv.len() != cipher.row().iv_bytes {
            return Err(Error::invalid("the initialisation vector is missing"));
        }
        let request = SymmetricRequest::new(cipher, &self.next_iv, input);
        let client = self.provider.client()?;
        let result = match self.direction {
            Direction::Encrypt => {
                client.encipher(&key.id, &request).map(|reply| Zeroizing::new(reply.output))
            }
            Direction::Decrypt => client.decipher(&key.id, &request),
        };
        result.map_err(|error| key.about(error))
    }
}

/// The same cipher with padding, if there is one.
fn padding(cipher: SymmetricCipher) -> Option<SymmetricCipher> {
    let same = |other: &&SymmetricCipher| other.row().openssl == cipher.row().openssl;
    SymmetricCipher::ALL.iter().filter(same).copied().find(|other| other.row().padded)
}

/// Adds to a counter whose most significant byte stands first.
fn add(counter: &mut [u8], blocks: usize) {
    let mut carry = blocks;
    for byte in counter.iter_mut().rev() {
        carry += usize::from(*byte);
        *byte = (carry & 0xff) as u8;
        carry >>= 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_carry_over_their_bytes() {
        let mut counter = [0xff; 16];
        add(&mut counter, 1);
        assert_eq!(counter, [0; 16]);
        add(&mut counter, 0x1_0203);
        assert_eq!(counter[13..], [1, 2, 3]);
    }

    #[test]
    fn the_modes_with_whole_blocks_have_a_padding() {
        assert_eq!(padding(SymmetricCipher::AesCbc), Some(SymmetricCipher::AesCbcPad));
        assert_eq!(padding(SymmetricCipher::AesEcb), Some(SymmetricCipher::AesEcbPad));
        assert_eq!(padding(SymmetricCipher::AesCtr), None);
        assert_eq!(padding(SymmetricCipher::AesGcm), None);
    }
}
