//! What stands in the PKCS#8 of an ML-KEM key (RFC 9935, 6). aws-lc reads the seed, but of an
//! expanded key no public half, and the pair of both not at all.

use der::{Decode, Reader, SliceReader, asn1::OctetStringRef};
use keyward_algorithms::MlKem;
use subtle::ConstantTimeEq;

use crate::{
    CryptoError,
    asn1::{self, AlgorithmIdentifier, KeyInfo},
    aws_lc::Pkey,
    error::Result,
    material::invalid_key,
};

/// What a private key is expanded from: d and z (FIPS 203, algorithm 19).
const SEED_BYTES: usize = 64;

/// The tag of the seed alone: `[0] IMPLICIT OCTET STRING`.
const SEED_TAG: u8 = 0x80;

/// Reads `ML-KEM-PrivateKey`: the seed, the expanded key, or both, which must then agree.
pub(crate) fn read_private(set: MlKem, key: &[u8]) -> Result<Pkey> {
    match key.first() {
        Some(&SEED_TAG) => from_private_key(set, key),
        Some(0x04) => {
            let expanded = <&OctetStringRef>::from_der(key).map_err(malformed)?;
            Pkey::from_ml_kem_expanded(set, expanded.as_bytes()).map_err(invalid_key)
        }
        _ => {
            let (seed, expanded) = both(key).map_err(malformed)?;
            let pkey = from_seed(set, seed.as_bytes())?;
            let ours = pkey.ml_kem_expanded(set)?;
            if bool::from(ours.ct_eq(expanded.as_bytes())) {
                Ok(pkey)
            } else {
                Err(CryptoError::InvalidKey)
            }
        }
    }
}

fn both(key: &[u8]) -> der::Result<(&OctetStringRef, &OctetStringRef)> {
    let mut reader = SliceReader::new(key)?;
    let pair = reader.sequence(|fields| {
        Ok::<_, der::Error>((
            <&OctetStringRef>::decode(fields)?,
            <&OctetStringRef>::decode(fields)?,
        ))
    })?;
    reader.finish()?;
    Ok(pair)
}

fn from_seed(set: MlKem, seed: &[u8]) -> Result<Pkey> {
    if seed.len() != SEED_BYTES {
        return Err(CryptoError::InvalidKey);
    }
    let mut key = asn1::octet_string(seed)?;
    key[0] = SEED_TAG;
    from_private_key(set, &key)
}

fn from_private_key(set: MlKem, key: &[u8]) -> Result<Pkey> {
    let algorithm = AlgorithmIdentifier { oid: set.row().family.row().oid, parameters: None };
    let info = KeyInfo { algorithm, key }.to_private_der()?;
    Pkey::from_private_key_info(&info).map_err(invalid_key)
}

fn malformed(_: der::Error) -> CryptoError {
    CryptoError::InvalidKey
}
