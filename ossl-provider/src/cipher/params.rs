//! What a caller can set and ask of an encryption (provider-cipher(7)).

use keyward_algorithms::SymmetricCipher;
use keyward_protocol::{Error, Result};

use super::{BLOCK_BYTES, SymmetricContext};
use crate::ffi::{
    dispatch::{Descriptors, descriptors},
    names,
    params::{Answer, Gettable, Params, Questions, Settable},
};

pub(crate) static GETTABLE: Descriptors = descriptors![
    CIPHER_MODE: Unsigned, CIPHER_BLOCK_SIZE: Unsigned, CIPHER_KEYLEN: Unsigned,
    CIPHER_IVLEN: Unsigned, CIPHER_AEAD: Integer, CIPHER_CUSTOM_IV: Integer,
];
pub(crate) static GETTABLE_CONTEXT: Descriptors = descriptors![
    CIPHER_KEYLEN: Unsigned, CIPHER_IVLEN: Unsigned, CIPHER_PADDING: Unsigned, CIPHER_IV: Octets,
    CIPHER_UPDATED_IV: Octets, CIPHER_AEAD_TAG: Octets, CIPHER_AEAD_TAGLEN: Unsigned,
];
pub(crate) static SETTABLE: Descriptors =
    descriptors![CIPHER_PADDING: Unsigned, CIPHER_IVLEN: Unsigned, CIPHER_AEAD_TAG: Octets];

/// What is the same for all messages of a cipher.
pub(crate) fn get_constants(
    cipher: SymmetricCipher,
    bits: u16,
    mut questions: Questions<'_>,
) -> Result<()> {
    let row = cipher.row();
    // EVP_CIPH_*_MODE of evp.h.
    let mode = match cipher {
        SymmetricCipher::AesEcb | SymmetricCipher::AesEcbPad => 1,
        SymmetricCipher::AesCbc | SymmetricCipher::AesCbcPad => 2,
        SymmetricCipher::AesCtr => 5,
        SymmetricCipher::AesGcm => 6,
    };
    let block = if row.whole_blocks { BLOCK_BYTES } else { 1 };
    questions.answer_each(|name, _| {
        Ok(match name {
            _ if name == names::CIPHER_MODE => Some(Answer::Integer(mode)),
            _ if name == names::CIPHER_BLOCK_SIZE => Some(Answer::Integer(block as i64)),
            _ if name == names::CIPHER_KEYLEN => Some(Answer::Integer(i64::from(bits / 8))),
            _ if name == names::CIPHER_IVLEN => Some(Answer::Integer(row.iv_bytes as i64)),
            _ if name == names::CIPHER_AEAD => Some(Answer::Integer(row.authenticated.into())),
            _ if name == names::CIPHER_CUSTOM_IV => Some(Answer::Integer(row.own_iv.into())),
            _ => None,
        })
    })
}

impl Settable for SymmetricContext {
    fn set_params(&mut self, params: Params<'_>) -> Result<()> {
        if let Some(padded) = params.get(names::CIPHER_PADDING) {
            let wants = padded.integer()? != 0;
            self.padded = wants && super::padding(self.cipher).is_some();
        }
        if let Some(length) = params.get(names::CIPHER_IVLEN)
            && length.integer()? != self.cipher.row().iv_bytes as i64
        {
            let bytes = self.cipher.row().iv_bytes;
            return Err(Error::invalid(format!("initialisation vectors have {bytes} bytes")));
        }
        if let Some(tag) = params.get(names::CIPHER_AEAD_TAG) {
            let tag = tag.octets()?;
            if !SymmetricCipher::TAG_BYTES.contains(&tag.len()) {
                return Err(Error::invalid(format!("a tag of {} bytes is not offered", tag.len()))
                    .hint("tags have 12 to 16 bytes"));
            }
            self.gcm.tag = tag.to_vec();
        }
        Ok(())
    }
}

impl Gettable for SymmetricContext {
    fn get_params(&self, mut questions: Questions<'_>) -> Result<()> {
        let tag_bytes = *SymmetricCipher::TAG_BYTES.end() as i64;
        questions.answer_each(|name, _| {
            let row = self.cipher.row();
            let is_gcm = self.cipher == SymmetricCipher::AesGcm;
            Ok(match name {
                _ if name == names::CIPHER_KEYLEN => {
                    Some(Answer::Integer(i64::from(self.bits / 8)))
                }
                _ if name == names::CIPHER_IVLEN => Some(Answer::Integer(row.iv_bytes as i64)),
                _ if name == names::CIPHER_PADDING => Some(Answer::Integer(self.padded.into())),
                _ if name == names::CIPHER_IV => Some(Answer::Octets((&self.iv).into())),
                _ if name == names::CIPHER_UPDATED_IV && is_gcm => {
                    Some(Answer::Octets((&self.iv).into()))
                }
                _ if name == names::CIPHER_UPDATED_IV => {
                    Some(Answer::Octets((&self.next_iv).into()))
                }
                _ if name == names::CIPHER_AEAD_TAG => Some(Answer::Prefix {
                    bytes: &self.gcm.tag,
                    at_least: *SymmetricCipher::TAG_BYTES.start(),
                }),
                _ if name == names::CIPHER_AEAD_TAGLEN && is_gcm => {
                    Some(Answer::Integer(tag_bytes))
                }
                _ => None,
            })
        })
    }
}
