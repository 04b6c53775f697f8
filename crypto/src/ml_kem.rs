//! What stands in the PKCS#8 of an ML-KEM key (RFC 9935, 6). aws-lc reads of an expanded key
//! no public half, and the pair of both not at all; its FIPS module no seed.

use der::{Decode, Reader, SliceReader, asn1::OctetStringRef};
use keyward_algorithms::MlKem;
use subtle::ConstantTimeEq;

use crate::{CryptoError, aws_lc::Pkey, error::Result, material::invalid_key};

/// What stands before the seed where there is nothing else: `[0] IMPLICIT OCTET STRING` of 64 bytes.
const SEED_HEADER: [u8; 2] = [0x80, 64];

/// Reads `ML-KEM-PrivateKey`: the seed, the expanded key, or both, which must then agree.
pub(crate) fn read_private(set: MlKem, key: &[u8]) -> Result<Pkey> {
    if let Some(seed) = key.strip_prefix(&SEED_HEADER) {
        return Pkey::from_ml_kem_seed(set, seed).map_err(invalid_key);
    }
    match key.first() {
        Some(0x04) => {
            let expanded = <&OctetStringRef>::from_der(key).map_err(malformed)?;
            Pkey::from_ml_kem_expanded(set, expanded.as_bytes()).map_err(invalid_key)
        }
        _ => {
            let (seed, expanded) = both(key).map_err(malformed)?;
            let pkey = Pkey::from_ml_kem_seed(set, seed.as_bytes()).map_err(invalid_key)?;
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

fn malformed(_: der::Error) -> CryptoError {
    CryptoError::InvalidKey
}
