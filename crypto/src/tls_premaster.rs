//! The premaster secret of TLS 1.2 and older with RSA key exchange (RFC 5246, 7.4.7.1): always 48
//! bytes, random ones if anything about the padding or the version is wrong, in the same time.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::{CryptoError, error::Result};

/// Size of the secret.
const PREMASTER_BYTES: usize = 48;

/// The protocol versions that a premaster secret is checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsVersions {
    /// The version that the ClientHello offered: `0x0303` for TLS 1.2.
    pub client: u16,
    /// The negotiated version, which some old clients send instead; 0 accepts it from none.
    pub negotiated: u16,
}

/// Takes the padding off a decrypted block of the modulus' size.
pub(crate) fn remove_padding(block: &[u8], versions: TlsVersions) -> Result<Zeroizing<Vec<u8>>> {
    let mut random = Zeroizing::new([0; PREMASTER_BYTES]);
    aws_lc_rs::rand::fill(random.as_mut_slice()).map_err(|_| CryptoError::Failed)?;

    let (padded, premaster) = block.split_at(block.len() - PREMASTER_BYTES);
    let (separator, padding) = padded[2..].split_last().ok_or(CryptoError::Failed)?;
    let mut good = padded[0].ct_eq(&0) & padded[1].ct_eq(&2) & separator.ct_eq(&0);
    for byte in padding {
        good &= !byte.ct_eq(&0);
    }
    // A wrong version is treated as a wrong padding: told apart, it would be an oracle too
    // (Klima, Pokorny and Rosa, 2003).
    let version = u16::from_be_bytes([premaster[0], premaster[1]]);
    let tolerates_negotiated = Choice::from(u8::from(versions.negotiated != 0));
    good &= version.ct_eq(&versions.client)
        | (version.ct_eq(&versions.negotiated) & tolerates_negotiated);

    let mut secret = Zeroizing::new(vec![0; PREMASTER_BYTES]);
    for ((out, real), random) in secret.iter_mut().zip(premaster).zip(random.iter()) {
        *out = u8::conditional_select(random, real, good);
    }
    Ok(secret)
}
