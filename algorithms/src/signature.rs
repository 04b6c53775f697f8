//! Signature algorithms: a scheme, and the digest that it signs.

use crate::{Digest, Family, ObjectIdentifier, Right, digest::oid, table};

/// The facts about one signature scheme.
#[derive(Debug)]
pub struct SchemeRow {
    /// Keyward's name, the first part of its algorithms' names.
    pub name: &'static str,
    /// The right that it asks of the caller and of the key.
    pub right: Right,
    /// The input is the whole message, not its digest.
    pub takes_message: bool,
    /// The scheme that gives the same signatures from a digest that the caller makes, so that the
    /// message need not be sent.
    pub over_mu: Option<Scheme>,
}

table! {
    /// How a signature is made from a digest.
    pub enum Scheme: SchemeRow {
        /// RSASSA-PKCS1-v1_5 (RFC 8017, 8.2). Without a digest the input is padded as it is: a
        /// DigestInfo that the caller made, or TLS 1.1's MD5 and SHA-1.
        RsaPkcs1 = 1 => { name: "rsa-pkcs1", right: Right::Sign, takes_message: false,
            over_mu: None },
        /// RSASSA-PSS (RFC 8017, 8.1) with a chosen salt length and MGF1 digest.
        RsaPss = 2 => { name: "rsa-pss", right: Right::Sign, takes_message: false,
            over_mu: None },
        /// The bare RSA function on an input of the modulus' size.
        RsaRaw = 3 => { name: "rsa-raw", right: Right::Raw, takes_message: false,
            over_mu: None },
        /// ECDSA (FIPS 186-5), the signature as DER `ECDSA-Sig-Value`. Without a digest the input
        /// is taken for the digest, whatever made it.
        Ecdsa = 4 => { name: "ecdsa", right: Right::Sign, takes_message: false,
            over_mu: None },
        /// Ed25519 (RFC 8032) over the whole message.
        Ed25519 = 5 => { name: "ed25519", right: Right::Sign, takes_message: true,
            over_mu: None },
        /// ML-DSA-44 (FIPS 204, 5.2) over the whole message with an empty context string.
        MlDsa44 = 6 => { name: "ml-dsa-44", right: Right::Sign, takes_message: true,
            over_mu: Some(Scheme::MlDsa44Mu) },
        /// ML-DSA-65 over the whole message.
        MlDsa65 = 7 => { name: "ml-dsa-65", right: Right::Sign, takes_message: true,
            over_mu: Some(Scheme::MlDsa65Mu) },
        /// ML-DSA-87 over the whole message.
        MlDsa87 = 8 => { name: "ml-dsa-87", right: Right::Sign, takes_message: true,
            over_mu: Some(Scheme::MlDsa87Mu) },
        /// ML-DSA-44 over mu (FIPS 204, algorithm 7, line 6), in which the caller has put the
        /// public key, any context string and the message. The signatures are ML-DSA-44's.
        MlDsa44Mu = 9 => { name: "ml-dsa-44-mu", right: Right::Sign, takes_message: false,
            over_mu: None },
        /// ML-DSA-65 over mu.
        MlDsa65Mu = 10 => { name: "ml-dsa-65-mu", right: Right::Sign, takes_message: false,
            over_mu: None },
        /// ML-DSA-87 over mu.
        MlDsa87Mu = 11 => { name: "ml-dsa-87-mu", right: Right::Sign, takes_message: false,
            over_mu: None },
        /// Ed25519ph (RFC 8032, 5.1) over the message's SHA-512 digest with an empty context. The
        /// signatures are not those of Ed25519.
        Ed25519ph = 12 => { name: "ed25519ph", right: Right::Sign, takes_message: false,
            over_mu: None },
    }
}

/// The largest salt that RSASSA-PSS can have with the largest key and smallest digest, in bytes.
pub const PSS_SALT_MAX: usize = 8192 / 8 - 20 - 2;

/// One signature algorithm: a row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature {
    /// Keyward's name: `rsa-pss-sha256`.
    pub name: &'static str,
    /// How it signs.
    pub scheme: Scheme,
    /// What it signs; `None` where the caller's input is used as it is.
    pub digest: Option<Digest>,
    /// Names in the Java Cryptography Architecture, the canonical one first.
    pub jca: &'static [&'static str],
    /// Object identifier; for RSASSA-PSS the parameters say the rest.
    pub oid: Option<ObjectIdentifier>,
    /// TLS `SignatureScheme` code points (RFC 8446, 4.2.3).
    pub tls: &'static [u16],
}

const PSS: Option<ObjectIdentifier> = Some(oid("1.2.840.113549.1.1.10"));

macro_rules! row {
    ($name:literal, $scheme:ident, $digest:expr, [$($jca:literal),*], $oid:expr, [$($tls:literal),*]) => {
        Signature { name: $name, scheme: Scheme::$scheme, digest: $digest, jca: &[$($jca),*],
            oid: $oid, tls: &[$($tls),*] }
    };
}

use Digest::{Sha1, Sha3_256, Sha3_384, Sha3_512, Sha224, Sha256, Sha384, Sha512, Sha512_256};

#[rustfmt::skip]
static SIGNATURES: &[Signature] = &[
    row!("rsa-pkcs1-sha256", RsaPkcs1, Some(Sha256), ["SHA256withRSA"], Some(oid("1.2.840.113549.1.1.11")), [0x0401]),
    row!("rsa-pkcs1-sha384", RsaPkcs1, Some(Sha384), ["SHA384withRSA"], Some(oid("1.2.840.113549.1.1.12")), [0x0501]),
    row!("rsa-pkcs1-sha512", RsaPkcs1, Some(Sha512), ["SHA512withRSA"], Some(oid("1.2.840.113549.1.1.13")), [0x0601]),
    row!("rsa-pkcs1-sha224", RsaPkcs1, Some(Sha224), ["SHA224withRSA"], Some(oid("1.2.840.113549.1.1.14")), [0x0301]),
    row!("rsa-pkcs1-sha512-256", RsaPkcs1, Some(Sha512_256), ["SHA512/256withRSA"], Some(oid("1.2.840.113549.1.1.16")), []),
    row!("rsa-pkcs1-sha3-256", RsaPkcs1, Some(Sha3_256), ["SHA3-256withRSA"], Some(oid("2.16.840.1.101.3.4.3.14")), []),
    row!("rsa-pkcs1-sha3-384", RsaPkcs1, Some(Sha3_384), ["SHA3-384withRSA"], Some(oid("2.16.840.1.101.3.4.3.15")), []),
    row!("rsa-pkcs1-sha3-512", RsaPkcs1, Some(Sha3_512), ["SHA3-512withRSA"], Some(oid("2.16.840.1.101.3.4.3.16")), []),
    row!("rsa-pkcs1-sha1", RsaPkcs1, Some(Sha1), ["SHA1withRSA"], Some(oid("1.2.840.113549.1.1.5")), [0x0201]),
    row!("rsa-pkcs1", RsaPkcs1, None, ["NONEwithRSA"], None, []),
    row!("rsa-pss-sha256", RsaPss, Some(Sha256), ["SHA256withRSAandMGF1", "SHA256withRSA/PSS"], PSS, [0x0804, 0x0809]),
    row!("rsa-pss-sha384", RsaPss, Some(Sha384), ["SHA384withRSAandMGF1", "SHA384withRSA/PSS"], PSS, [0x0805, 0x080a]),
    row!("rsa-pss-sha512", RsaPss, Some(Sha512), ["SHA512withRSAandMGF1", "SHA512withRSA/PSS"], PSS, [0x0806, 0x080b]),
    row!("rsa-pss-sha224", RsaPss, Some(Sha224), ["SHA224withRSAandMGF1", "SHA224withRSA/PSS"], PSS, []),
    row!("rsa-pss-sha512-256", RsaPss, Some(Sha512_256), ["SHA512/256withRSAandMGF1"], PSS, []),
    row!("rsa-pss-sha3-256", RsaPss, Some(Sha3_256), ["SHA3-256withRSAandMGF1"], PSS, []),
    row!("rsa-pss-sha3-384", RsaPss, Some(Sha3_384), ["SHA3-384withRSAandMGF1"], PSS, []),
    row!("rsa-pss-sha3-512", RsaPss, Some(Sha3_512), ["SHA3-512withRSAandMGF1"], PSS, []),
    row!("rsa-pss-sha1", RsaPss, Some(Sha1), ["SHA1withRSAandMGF1", "SHA1withRSA/PSS"], PSS, []),
    row!("rsa-raw", RsaRaw, None, [], None, []),
    row!("ecdsa-sha256", Ecdsa, Some(Sha256), ["SHA256withECDSA"], Some(oid("1.2.840.10045.4.3.2")), [0x0403]),
    row!("ecdsa-sha384", Ecdsa, Some(Sha384), ["SHA384withECDSA"], Some(oid("1.2.840.10045.4.3.3")), [0x0503]),
    row!("ecdsa-sha512", Ecdsa, Some(Sha512), ["SHA512withECDSA"], Some(oid("1.2.840.10045.4.3.4")), [0x0603]),
    row!("ecdsa-sha224", Ecdsa, Some(Sha224), ["SHA224withECDSA"], Some(oid("1.2.840.10045.4.3.1")), [0x0303]),
    row!("ecdsa-sha3-256", Ecdsa, Some(Sha3_256), ["SHA3-256withECDSA"], Some(oid("2.16.840.1.101.3.4.3.10")), []),
    row!("ecdsa-sha3-384", Ecdsa, Some(Sha3_384), ["SHA3-384withECDSA"], Some(oid("2.16.840.1.101.3.4.3.11")), []),
    row!("ecdsa-sha3-512", Ecdsa, Some(Sha3_512), ["SHA3-512withECDSA"], Some(oid("2.16.840.1.101.3.4.3.12")), []),
    row!("ecdsa-sha1", Ecdsa, Some(Sha1), ["SHA1withECDSA"], Some(oid("1.2.840.10045.4.1")), [0x0203]),
    row!("ecdsa", Ecdsa, None, ["NONEwithECDSA"], None, []),
    row!("ed25519", Ed25519, None, ["Ed25519", "EdDSA"], Some(oid("1.3.101.112")), [0x0807]),
    row!("ed25519ph", Ed25519ph, Some(Sha512), ["Ed25519ph"], None, []),
    row!("ml-dsa-44", MlDsa44, None, ["ML-DSA-44"], Some(oid("2.16.840.1.101.3.4.3.17")), [0x0904]),
    row!("ml-dsa-65", MlDsa65, None, ["ML-DSA-65"], Some(oid("2.16.840.1.101.3.4.3.18")), [0x0905]),
    row!("ml-dsa-87", MlDsa87, None, ["ML-DSA-87"], Some(oid("2.16.840.1.101.3.4.3.19")), [0x0906]),
    row!("ml-dsa-44-mu", MlDsa44Mu, None, [], None, []),
    row!("ml-dsa-65-mu", MlDsa65Mu, None, [], None, []),
    row!("ml-dsa-87-mu", MlDsa87Mu, None, [], None, []),
];

impl Signature {
    /// Every signature algorithm.
    pub const fn all() -> &'static [Signature] {
        SIGNATURES
    }

    /// The algorithm of this scheme over this digest, if there is one.
    pub fn find(scheme: Scheme, digest: Option<Digest>) -> Option<&'static Signature> {
        SIGNATURES.iter().find(|row| row.scheme == scheme && row.digest == digest)
    }

    /// Finds an algorithm by Keyward's or Java's name, in any case.
    pub fn from_name(name: &str) -> Option<&'static Signature> {
        SIGNATURES.iter().find(|row| {
            row.name.eq_ignore_ascii_case(name)
                || row.jca.iter().any(|known| known.eq_ignore_ascii_case(name))
        })
    }

    /// The algorithm that gives the same signatures from mu (FIPS 204, algorithm 7, line 6), a
    /// digest that the caller makes with the public key: for ML-DSA alone.
    pub fn over_mu(&self) -> Option<&'static Signature> {
        Signature::find(self.scheme.row().over_mu?, None)
    }

    /// Whether keys of this family can make such a signature; secret keys, of none, cannot.
    pub fn suits(&self, family: impl Into<Option<Family>>) -> bool {
        family.into().is_some_and(|family| family.row().schemes.contains(&self.scheme))
    }

    /// The DER `AlgorithmIdentifier` (RFC 5280, 4.1.1.2) of signatures whose algorithm has no
    /// choices; `None` for RSASSA-PSS (see [`pss_algorithm_identifier`]) and for algorithms that
    /// certificates cannot name.
    pub fn algorithm_identifier(&self) -> Option<Vec<u8>> {
        match self.scheme {
            Scheme::RsaPkcs1 => Some(sequence(&[&der_oid(self.oid?), NULL])),
            Scheme::RsaPss | Scheme::RsaRaw => None,
            _ => Some(sequence(&[&der_oid(self.oid?)])),
        }
    }
}

const NULL: &[u8] = &[0x05, 0x00];

/// The DER `AlgorithmIdentifier` of an RSASSA-PSS signature (RFC 4055, 3.1) with this digest, MGF1
/// digest and salt length in bytes. Defaults (SHA-1, 20) are left out, as DER demands.
pub fn pss_algorithm_identifier(digest: Digest, mgf1: Digest, salt_bytes: usize) -> Vec<u8> {
    let digest_identifier = |digest: Digest| sequence(&[&der_oid(digest.row().oid), NULL]);
    let mut parameters = Vec::new();
    if digest != Digest::Sha1 {
        parameters.extend(tagged(0xa0, &digest_identifier(digest)));
    }
    if mgf1 != Digest::Sha1 {
        let mgf = oid("1.2.840.113549.1.1.8");
        let value = sequence(&[&der_oid(mgf), &digest_identifier(mgf1)]);
        parameters.extend(tagged(0xa1, &value));
    }
    if salt_bytes != 20 {
        let bytes = (salt_bytes as u32).to_be_bytes();
        let skip = bytes.iter().take(3).take_while(|byte| **byte == 0).count();
        let mut integer = bytes[skip..].to_vec();
        if integer[0] & 0x80 != 0 {
            integer.insert(0, 0);
        }
        parameters.extend(tagged(0xa2, &tagged(0x02, &integer)));
    }
    sequence(&[&der_oid(oid("1.2.840.113549.1.1.10")), &tagged(0x30, &parameters)])
}

fn der_oid(oid: ObjectIdentifier) -> Vec<u8> {
    tagged(0x06, oid.as_bytes())
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tagged(0x30, &parts.concat())
}

/// One DER value shorter than 128 bytes, which every identifier here is.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    assert!(content.len() < 128, "identifiers are short");
    let mut value = vec![tag, content.len() as u8];
    value.extend_from_slice(content);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_pairs_are_unique() {
        for (index, row) in SIGNATURES.iter().enumerate() {
            assert_eq!(Signature::from_name(row.name), Some(row));
            assert_eq!(Signature::find(row.scheme, row.digest), Some(row));
            for other in &SIGNATURES[index + 1..] {
                assert!(row.jca.iter().all(|name| !other.jca.contains(name)), "{}", row.name);
                assert!(row.oid.is_none() || row.oid == PSS || row.oid != other.oid);
            }
        }
    }

    #[test]
    fn identifiers_are_those_that_openssl_writes() {
        let ecdsa = Signature::from_name("ecdsa-sha256").unwrap();
        assert_eq!(
            ecdsa.algorithm_identifier().unwrap(),
            [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]
        );
        // RFC 4055's defaults leave nothing but the empty sequence.
        assert_eq!(
            pss_algorithm_identifier(Digest::Sha1, Digest::Sha1, 20),
            [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0]
        );
        let pss = pss_algorithm_identifier(Digest::Sha256, Digest::Sha256, 32);
        assert_eq!(pss.len(), 67);
        assert_eq!(&pss[pss.len() - 5..], [0xa2, 0x03, 0x02, 0x01, 0x20]);
    }
}
