//! RSASSA-PSS parameters (RFC 8017, A.2.3), and keys that are bound to some (RFC 4055, 1.2).

use der::{Decode, Encode, Sequence};
use keyward_algorithms::{Digest, Family, ObjectIdentifier};

use crate::{CryptoError, asn1::AlgorithmIdentifier, error::Result};

/// The choices of one RSASSA-PSS signature besides its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PssParameters {
    /// The digest of the mask generation function.
    pub mgf1: Digest,
    /// The length of the salt.
    pub salt_bytes: usize,
}

/// What a verifier of an RSASSA-PSS signature asks of it besides its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PssVerification {
    /// The digest of the mask generation function.
    pub mgf1: Digest,
    /// The length of the salt; `None` takes whatever the signature has.
    pub salt_bytes: Option<usize>,
}

/// What the SubjectPublicKeyInfo of an RSA-PSS key binds its signatures to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PssRestriction {
    /// The only digest.
    pub digest: Digest,
    /// The only digest of the mask generation function.
    pub mgf1: Digest,
    /// The shortest salt.
    pub min_salt_bytes: usize,
}

impl PssRestriction {
    /// Whether a signature with this digest and these parameters is allowed.
    fn allows(&self, digest: Digest, pss: PssParameters) -> bool {
        digest == self.digest && pss.mgf1 == self.mgf1 && pss.salt_bytes >= self.min_salt_bytes
    }
}

/// The longest salt that a modulus has room for; `None` if even none fits (RFC 8017, 9.1.1).
pub(crate) fn max_salt_bytes(modulus_bits: u16, digest: Digest) -> Option<usize> {
    let encoded_bytes = usize::from(modulus_bits - 1).div_ceil(8);
    encoded_bytes.checked_sub(digest.size() + 2)
}

/// The algorithm of an RSA-PSS key, as its encodings carry it.
pub(crate) struct PssAlgorithm {
    /// The DER AlgorithmIdentifier, byte for byte as it was read.
    der: Vec<u8>,
    pub(crate) restriction: Option<PssRestriction>,
}

impl PssAlgorithm {
    /// The algorithm of a key that is not restricted: no parameters at all.
    pub(crate) fn unrestricted() -> Result<PssAlgorithm> {
        PssAlgorithm::read(AlgorithmIdentifier { oid: Family::RsaPss.row().oid, parameters: None })
    }

    pub(crate) fn read(algorithm: AlgorithmIdentifier<'_>) -> Result<PssAlgorithm> {
        let restriction = match algorithm.parameters {
            None => None,
            Some(parameters) => {
                let parameters: RsassaPssParams<'_> =
                    parameters.decode_as().map_err(|_| CryptoError::InvalidKey)?;
                Some(parameters.restriction()?)
            }
        };
        let der = algorithm.to_der().map_err(|_| CryptoError::InvalidKey)?;
        Ok(PssAlgorithm { der, restriction })
    }

    pub(crate) fn identifier(&self) -> Result<AlgorithmIdentifier<'_>> {
        AlgorithmIdentifier::from_der(&self.der).map_err(|_| CryptoError::InvalidKey)
    }

    /// Whether a key of this size can keep the restriction at all.
    pub(crate) fn check_size(&self, modulus_bits: u16) -> Result<()> {
        let fits = self.restriction.is_none_or(|restriction| {
            max_salt_bytes(modulus_bits, restriction.digest)
                .is_some_and(|max| restriction.min_salt_bytes <= max)
        });
        if fits { Ok(()) } else { Err(CryptoError::InvalidKey) }
    }
}

/// The parameters of one signature: the caller's, or the key's, or those that RFC 4055, 3.1 and
/// TLS recommend: the same digest in MGF1, and a salt of its size.
pub(crate) fn resolve(
    restriction: Option<PssRestriction>,
    digest: Digest,
    pss: Option<PssParameters>,
) -> Result<PssParameters> {
    let pss = pss.unwrap_or(match restriction {
        Some(bound) => PssParameters { mgf1: bound.mgf1, salt_bytes: bound.min_salt_bytes },
        None => PssParameters { mgf1: digest, salt_bytes: digest.size() },
    });
    if restriction.is_some_and(|restriction| !restriction.allows(digest, pss)) {
        return Err(CryptoError::input("the key is restricted to other RSASSA-PSS parameters"));
    }
    Ok(pss)
}

/// `RSASSA-PSS-params` (RFC 4055, 3.1).
#[derive(Sequence)]
struct RsassaPssParams<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    hash: Option<AlgorithmIdentifier<'a>>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    mask_generation: Option<AlgorithmIdentifier<'a>>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    salt_bytes: Option<u16>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    trailer: Option<u8>,
}

const MGF1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.8");

impl RsassaPssParams<'_> {
    fn restriction(&self) -> Result<PssRestriction> {
        let mgf1 = match self.mask_generation {
            None => Digest::Sha1,
            Some(AlgorithmIdentifier { oid: MGF1, parameters: Some(parameters) }) => {
                digest_of(parameters.decode_as().map_err(|_| CryptoError::InvalidKey)?)?
            }
            Some(_) => return Err(CryptoError::Unsupported),
        };
        if self.trailer.is_some_and(|trailer| trailer != 1) {
            return Err(CryptoError::Unsupported);
        }
        Ok(PssRestriction {
            digest: self.hash.map_or(Ok(Digest::Sha1), digest_of)?,
            mgf1,
            min_salt_bytes: self.salt_bytes.unwrap_or(20).into(),
        })
    }
}

fn digest_of(algorithm: AlgorithmIdentifier<'_>) -> Result<Digest> {
    let known = |digest: &Digest| digest.row().oid == algorithm.oid;
    Digest::ALL.iter().copied().find(known).ok_or(CryptoError::Unsupported)
}
