//! The outer structures of keys, for what aws-lc does not write or read: keys of id-RSASSA-PSS,
//! and keys that are known without the seed that they came from.

use der::{
    Decode, Encode, Reader, Sequence, SliceReader,
    asn1::{AnyRef, BitStringRef, OctetStringRef},
};
use keyward_algorithms::ObjectIdentifier;
use zeroize::Zeroizing;

use crate::{CryptoError, error::Result, wrapping::SEMIBLOCK_BYTES};

/// `AlgorithmIdentifier` (RFC 5280, 4.1.1.2).
#[derive(Clone, Copy, Sequence)]
pub(crate) struct AlgorithmIdentifier<'a> {
    pub(crate) oid: ObjectIdentifier,
    pub(crate) parameters: Option<AnyRef<'a>>,
}

/// What stands in a `PrivateKeyInfo` or a `SubjectPublicKeyInfo`.
pub(crate) struct KeyInfo<'a> {
    pub(crate) algorithm: AlgorithmIdentifier<'a>,
    /// The key in the algorithm's own encoding.
    pub(crate) key: &'a [u8],
}

impl<'a> KeyInfo<'a> {
    /// Reads a DER `PrivateKeyInfo` (RFC 5958); attributes and the like are passed over.
    pub(crate) fn private(der: &'a [u8]) -> Result<KeyInfo<'a>> {
        let read = || {
            let mut reader = SliceReader::new(der)?;
            let info = reader.sequence(|fields| {
                u8::decode(fields)?;
                let algorithm = AlgorithmIdentifier::decode(fields)?;
                let key = <&OctetStringRef>::decode(fields)?.as_bytes();
                while !fields.is_finished() {
                    AnyRef::decode(fields)?;
                }
                Ok::<_, der::Error>(KeyInfo { algorithm, key })
            })?;
            reader.finish()?;
            Ok::<_, der::Error>(info)
        };
        read().map_err(|_| CryptoError::InvalidKey)
    }

    /// Reads a DER `SubjectPublicKeyInfo` (RFC 5280, 4.1).
    pub(crate) fn public(der: &'a [u8]) -> Result<KeyInfo<'a>> {
        let info = SubjectPublicKeyInfo::from_der(der).map_err(|_| CryptoError::InvalidKey)?;
        let key = info.key.as_bytes().ok_or(CryptoError::InvalidKey)?;
        Ok(KeyInfo { algorithm: info.algorithm, key })
    }

    /// Writes a DER `PrivateKeyInfo`.
    pub(crate) fn to_private_der(&self) -> Result<Zeroizing<Vec<u8>>> {
        let key = OctetStringRef::new(self.key).map_err(|_| CryptoError::InvalidKey)?;
        encode(&PrivateKeyInfo { version: 0, algorithm: self.algorithm, key })
    }

    /// Writes a DER `SubjectPublicKeyInfo`.
    pub(crate) fn to_public_der(&self) -> Result<Zeroizing<Vec<u8>>> {
        let key = BitStringRef::from_bytes(self.key).map_err(|_| CryptoError::InvalidKey)?;
        encode(&SubjectPublicKeyInfo { algorithm: self.algorithm, key })
    }
}

#[derive(Sequence)]
struct PrivateKeyInfo<'a> {
    version: u8,
    algorithm: AlgorithmIdentifier<'a>,
    key: &'a OctetStringRef,
}

#[derive(Sequence)]
struct SubjectPublicKeyInfo<'a> {
    algorithm: AlgorithmIdentifier<'a>,
    key: BitStringRef<'a>,
}

/// A DER OCTET STRING.
pub(crate) fn octet_string(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    encode(&OctetStringRef::new(bytes).map_err(|_| CryptoError::InvalidKey)?)
}

/// The DER value that some bytes begin with, where nothing but a few zeros follow it.
pub(crate) fn without_zeros(bytes: &[u8]) -> Result<&[u8]> {
    let length = || {
        let mut reader = SliceReader::new(bytes)?;
        AnyRef::decode(&mut reader)?;
        usize::try_from(reader.position())
    };
    let (value, rest) = bytes.split_at(length().map_err(|_| CryptoError::InvalidKey)?);
    match rest.len() < SEMIBLOCK_BYTES && rest.iter().all(|byte| *byte == 0) {
        true => Ok(value),
        false => Err(CryptoError::InvalidKey),
    }
}

/// Encodes into one buffer of the final size, so that no copy of a secret stays behind.
fn encode(value: &impl Encode) -> Result<Zeroizing<Vec<u8>>> {
    let length = value.encoded_len().map_err(|_| CryptoError::InvalidKey)?;
    let length = usize::try_from(length).map_err(|_| CryptoError::InvalidKey)?;
    let mut bytes = Zeroizing::new(vec![0; length]);
    value.encode_to_slice(&mut bytes).map_err(|_| CryptoError::InvalidKey)?;
    Ok(bytes)
}
