//! The public half of a key: what every key of ours has, and all that an imported one has.

use der::{
    Decode, Encode, Sequence,
    asn1::{AnyRef, BitStringRef, UintRef},
};
use keyward_algorithms::{
    Curve, Family, KeyType, MlDsa, MlKem, ObjectIdentifier, Signature, pss_algorithm_identifier,
};
use keyward_crypto::{CryptoError, PssRestriction, PssVerification, PublicKey};
use keyward_protocol::{Error, Result};
use zeroize::Zeroizing;

use crate::failure::from_crypto;

/// A public key, as its numbers and as its SubjectPublicKeyInfo.
pub(crate) struct Public {
    pub(crate) family: Family,
    /// DER SubjectPublicKeyInfo.
    pub(crate) spki: Vec<u8>,
    pub(crate) material: Material,
    /// The same key, ready to verify and encrypt, if aws-lc takes it. Made with the rest and not when it
    /// is first needed: a process may fork while one of its threads is about that.
    ready: std::result::Result<PublicKey, CryptoError>,
}

/// More stack than aws-lc takes for ML-DSA and ML-KEM, whose matrices it puts there. A job of
/// OpenSSL's has 32 KiB, and nothing below them that would stop who takes more.
const STACK_BYTES: usize = 512 * 1024;

/// Computes with a public key of a family where there is room for it.
fn with_room<T>(family: Family, compute: impl FnOnce() -> T) -> T {
    match MlDsa::of(family).is_some() || MlKem::of(family).is_some() {
        true => stacker::grow(STACK_BYTES, compute),
        false => compute(),
    }
}

/// The numbers of a public key; all big-endian.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Material {
    /// Modulus and exponent, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// An uncompressed point.
    Ec { curve: Curve, point: Vec<u8> },
    /// The bytes of a key that is no more than that: Ed25519, X25519, ML-DSA, ML-KEM.
    Raw(Vec<u8>),
}

#[derive(Sequence)]
struct AlgorithmIdentifier<'a> {
    oid: ObjectIdentifier,
    #[asn1(optional = "true")]
    parameters: Option<AnyRef<'a>>,
}

#[derive(Sequence)]
struct SubjectPublicKeyInfo<'a> {
    algorithm: AlgorithmIdentifier<'a>,
    key: BitStringRef<'a>,
}

/// `RSAPublicKey` (RFC 8017, A.1.1).
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    n: UintRef<'a>,
    e: UintRef<'a>,
}

impl Public {
    /// Reads a DER SubjectPublicKeyInfo.
    pub(crate) fn from_spki(spki: Vec<u8>) -> Result<Public> {
        let (family, material) = read(&spki)?;
        let ready = with_room(family, || PublicKey::from_spki(&spki));
        Ok(Public { family, spki, material, ready })
    }

    /// The family of the key in a DER SubjectPublicKeyInfo.
    pub(crate) fn family_of(spki: &[u8]) -> Result<Family> {
        read(spki).map(|(family, _)| family)
    }

    /// An RSA key from its numbers.
    pub(crate) fn rsa(
        family: Family,
        n: &[u8],
        e: &[u8],
        restriction: Option<PssRestriction>,
    ) -> Result<Public> {
        let number = |bytes| UintRef::new(bytes).map_err(malformed);
        let key = RsaPublicKey { n: number(n)?, e: number(e)? }.to_der().map_err(malformed)?;
        let restricted = restriction
            .map(|bound| pss_algorithm_identifier(bound.digest, bound.mgf1, bound.min_salt_bytes));
        let algorithm = match (&restricted, family) {
            (Some(identifier), Family::RsaPss) => {
                AlgorithmIdentifier::from_der(identifier).map_err(malformed)?
            }
            (_, Family::RsaPss) => AlgorithmIdentifier { oid: family.row().oid, parameters: None },
            _ => AlgorithmIdentifier { oid: family.row().oid, parameters: Some(AnyRef::NULL) },
        };
        Public::from_spki(write(algorithm, &key)?)
    }

    /// A key on a curve from its point in any form (SEC 1, 2.3.3). One that is not on it is refused
    /// here and not at its first use: others believe in what was taken in.
    pub(crate) fn ec(curve: Curve, point: &[u8]) -> Result<Public> {
        let named = curve.row().oid.to_der().map_err(malformed)?;
        let parameters = Some(AnyRef::from_der(&named).map_err(malformed)?);
        let algorithm = AlgorithmIdentifier { oid: Family::Ec.row().oid, parameters };
        let key = PublicKey::from_spki(&write(algorithm, point)?).map_err(from_crypto)?;
        Public::from_spki(key.to_spki())
    }

    /// A key that is no more than bytes: Ed25519, X25519, ML-DSA, ML-KEM. Of ML-KEM not all are one.
    pub(crate) fn raw(family: Family, bytes: &[u8]) -> Result<Public> {
        let algorithm = AlgorithmIdentifier { oid: family.row().oid, parameters: None };
        let public = Public::from_spki(write(algorithm, bytes)?)?;
        if MlKem::of(family).is_some() {
            public.ready()?;
        }
        Ok(public)
    }

    /// The type of the key, as far as Keyward's table goes: RSA moduli of any size have one here.
    pub(crate) fn key_type(&self) -> KeyType {
        match (&self.material, self.family) {
            (Material::Rsa { n, .. }, family) => {
                let zeros = n.first().map_or(0, |byte| byte.leading_zeros());
                let bits = u16::try_from(n.len() * 8 - zeros as usize).unwrap_or(u16::MAX);
                if family == Family::RsaPss { KeyType::RsaPss(bits) } else { KeyType::Rsa(bits) }
            }
            (Material::Ec { curve, .. }, _) => KeyType::Ec(*curve),
            (Material::Raw(_), Family::X25519) => KeyType::X25519,
            (Material::Raw(_), family) => {
                let ml_dsa = MlDsa::of(family).map(KeyType::MlDsa);
                let ml_kem = || MlKem::of(family).map(KeyType::MlKem);
                ml_dsa.or_else(ml_kem).unwrap_or(KeyType::Ed25519)
            }
        }
    }

    /// The largest signature, ciphertext or secret in bytes.
    pub(crate) fn max_output_bytes(&self) -> usize {
        match &self.material {
            Material::Rsa { n, .. } => n.len(),
            _ => self.key_type().max_output_bytes(),
        }
    }

    /// What an RSA-PSS key binds its signatures to.
    pub(crate) fn restriction(&self) -> Option<PssRestriction> {
        if self.family != Family::RsaPss {
            return None;
        }
        self.ready().ok()?.pss_restriction()
    }

    /// The key, ready to verify and encrypt.
    pub(crate) fn ready(&self) -> Result<&PublicKey> {
        self.ready.as_ref().map_err(|error| from_crypto(*error))
    }

    /// Whether the signature is good; see [`PublicKey::verify`].
    pub(crate) fn verify(
        &self,
        algorithm: &Signature,
        pss: Option<PssVerification>,
        input: &[u8],
        signature: &[u8],
    ) -> Result<bool> {
        let ready = self.ready()?;
        Ok(with_room(self.family, || ready.verify(algorithm, pss, input, signature)))
    }

    /// A fresh secret and its ciphertext; see [`PublicKey::encapsulate`].
    pub(crate) fn encapsulate(&self) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>)> {
        let ready = self.ready()?;
        with_room(self.family, || ready.encapsulate()).map_err(from_crypto)
    }

    /// The content of the SubjectPublicKeyInfo's BIT STRING: `RSAPublicKey`, point or raw key.
    pub(crate) fn inner(&self) -> Result<Vec<u8>> {
        let info = SubjectPublicKeyInfo::from_der(&self.spki).map_err(malformed)?;
        info.key.as_bytes().map(<[u8]>::to_vec).ok_or_else(|| malformed(()))
    }
}

fn malformed(_: impl Sized) -> Error {
    Error::invalid("the public key is malformed")
}

fn read(spki: &[u8]) -> Result<(Family, Material)> {
    let info = SubjectPublicKeyInfo::from_der(spki).map_err(malformed)?;
    let key = info.key.as_bytes().ok_or_else(|| malformed(()))?;
    let family = Family::from_oid(info.algorithm.oid).ok_or_else(|| malformed(()))?;
    let material = match family {
        Family::Rsa | Family::RsaPss => {
            let numbers = RsaPublicKey::from_der(key).map_err(malformed)?;
            let (n, e) = (numbers.n.as_bytes().to_vec(), numbers.e.as_bytes().to_vec());
            Material::Rsa { n, e }
        }
        Family::Ec => {
            let parameters = info.algorithm.parameters.ok_or_else(|| malformed(()))?;
            let oid = parameters.decode_as::<ObjectIdentifier>().map_err(malformed)?;
            let curve = Curve::from_oid(oid).ok_or_else(|| malformed(()))?;
            Material::Ec { curve, point: key.to_vec() }
        }
        Family::Ed25519 | Family::X25519 if key.len() == 32 => Material::Raw(key.to_vec()),
        Family::Ed25519 | Family::X25519 => return Err(malformed(())),
        Family::MlDsa44
        | Family::MlDsa65
        | Family::MlDsa87
        | Family::MlKem512
        | Family::MlKem768
        | Family::MlKem1024 => {
            let ml_dsa = MlDsa::of(family).map(|set| set.row().public_bytes);
            let size = ml_dsa.or_else(|| MlKem::of(family).map(|set| set.row().public_bytes));
            if size != Some(key.len()) {
                return Err(malformed(()));
            }
            Material::Raw(key.to_vec())
        }
    };
    Ok((family, material))
}

fn write(algorithm: AlgorithmIdentifier<'_>, key: &[u8]) -> Result<Vec<u8>> {
    let key = BitStringRef::from_bytes(key).map_err(malformed)?;
    SubjectPublicKeyInfo { algorithm, key }.to_der().map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_from_its_numbers_is_the_key_from_its_spki() {
        let mut modulus = vec![0xc1; 256];
        modulus[255] = 0x01;
        let key = Public::rsa(Family::Rsa, &modulus, &[1, 0, 1], None).unwrap();
        assert_eq!(key.key_type(), KeyType::Rsa(2048));
        assert_eq!(key.max_output_bytes(), 256);
        let again = Public::from_spki(key.spki.clone()).unwrap();
        assert_eq!(again.material, key.material);
    }

    /// The coordinates of the base point of P-256 (SEC 2, 2.4.2).
    fn base_point() -> [Vec<u8>; 2] {
        [
            "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
            "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
        ]
        .map(|hex| {
            (0..32).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
        })
    }

    #[test]
    fn a_compressed_point_is_the_same_key() {
        let [x, y] = base_point();
        let compressed = [&[3], &x[..]].concat();
        let uncompressed = [&[4], &x[..], &y].concat();
        let key = Public::ec(Curve::P256, &compressed).unwrap();
        assert_eq!(key.material, Material::Ec { curve: Curve::P256, point: uncompressed });
    }

    #[test]
    fn what_is_no_public_key_is_not_taken_in() {
        let [x, mut y] = base_point();
        y[31] ^= 1;
        let off_the_curve = [&[4], &x[..], &y].concat();
        for point in [&off_the_curve[..], &off_the_curve[..64], &[0], &[]] {
            assert!(Public::ec(Curve::P256, point).is_err(), "{point:?}");
        }
        // Coefficients above the modulus (FIPS 203, 7.2).
        assert!(Public::raw(Family::MlKem768, &[0xff; 1184]).is_err());
        assert!(Public::raw(Family::MlKem768, &[0; 1184]).is_ok());
    }

    #[test]
    fn a_restricted_key_keeps_its_restriction() {
        use keyward_algorithms::Digest;
        let bound =
            PssRestriction { digest: Digest::Sha256, mgf1: Digest::Sha256, min_salt_bytes: 32 };
        let mut modulus = vec![0xc1; 256];
        modulus[255] = 0x01;
        let key = Public::rsa(Family::RsaPss, &modulus, &[1, 0, 1], Some(bound)).unwrap();
        assert_eq!(key.restriction(), Some(bound));
    }
}
