//! Key types: what `--type` takes, and the families they fall into.

use std::fmt;

use crate::{
    Curve, Digest, MlDsa, MlKem, ObjectIdentifier, Right, Rights, Scheme, SecretKind, Signature,
    digest::oid, table,
};

/// The facts about one family of keys.
#[derive(Debug)]
pub struct FamilyRow {
    /// Keyward's name.
    pub name: &'static str,
    /// OpenSSL's names of the key type, colon-separated as the core wants them.
    pub openssl: &'static str,
    /// What `PrivateKey.getAlgorithm()` says in Java.
    pub jca: &'static str,
    /// Algorithm of the SubjectPublicKeyInfo.
    pub oid: ObjectIdentifier,
    /// How such keys sign; empty for those that do not.
    pub schemes: &'static [Scheme],
    /// The uses that such a key may be born with.
    pub uses: Rights,
    /// The uses that it gets when none is asked for.
    pub default_uses: Rights,
}

table! {
    /// A family of asymmetric keys that share operations.
    pub enum Family: FamilyRow {
        /// RSA with `rsaEncryption` keys (RFC 8017).
        Rsa = 1 => { name: "rsa", openssl: "RSA:rsaEncryption:1.2.840.113549.1.1.1", jca: "RSA",
            oid: oid("1.2.840.113549.1.1.1"),
            schemes: &[Scheme::RsaPkcs1, Scheme::RsaPss, Scheme::RsaRaw],
            uses: Rights::of(&[Right::Sign, Right::Decrypt, Right::Raw, Right::Wrap,
                Right::Unwrap]),
            default_uses: Rights::of(&[Right::Sign, Right::Decrypt]) },
        /// RSA with `id-RSASSA-PSS` keys (RFC 4055), which sign with PSS alone.
        RsaPss = 2 => { name: "rsa-pss",
            openssl: "RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10", jca: "RSASSA-PSS",
            oid: oid("1.2.840.113549.1.1.10"), schemes: &[Scheme::RsaPss],
            uses: Rights::of(&[Right::Sign]), default_uses: Rights::of(&[Right::Sign]) },
        /// Keys on a [`Curve`].
        Ec = 3 => { name: "ec", openssl: "EC:id-ecPublicKey:1.2.840.10045.2.1", jca: "EC",
            oid: oid("1.2.840.10045.2.1"), schemes: &[Scheme::Ecdsa],
            uses: Rights::of(&[Right::Sign, Right::Derive]),
            default_uses: Rights::of(&[Right::Sign]) },
        /// Ed25519 (RFC 8032).
        Ed25519 = 4 => { name: "ed25519", openssl: "ED25519:1.3.101.112", jca: "EdDSA",
            oid: oid("1.3.101.112"), schemes: &[Scheme::Ed25519, Scheme::Ed25519ph],
            uses: Rights::of(&[Right::Sign]), default_uses: Rights::of(&[Right::Sign]) },
        /// X25519 (RFC 7748).
        X25519 = 5 => { name: "x25519", openssl: "X25519:1.3.101.110", jca: "XDH",
            oid: oid("1.3.101.110"), schemes: &[], uses: Rights::of(&[Right::Derive]),
            default_uses: Rights::of(&[Right::Derive]) },
        /// ML-DSA-44 (FIPS 204; RFC 9881).
        MlDsa44 = 6 => { name: "ml-dsa-44",
            openssl: "ML-DSA-44:MLDSA44:2.16.840.1.101.3.4.3.17:id-ml-dsa-44", jca: "ML-DSA-44",
            oid: oid("2.16.840.1.101.3.4.3.17"),
            schemes: &[Scheme::MlDsa44, Scheme::MlDsa44Mu],
            uses: Rights::of(&[Right::Sign]), default_uses: Rights::of(&[Right::Sign]) },
        /// ML-DSA-65.
        MlDsa65 = 7 => { name: "ml-dsa-65",
            openssl: "ML-DSA-65:MLDSA65:2.16.840.1.101.3.4.3.18:id-ml-dsa-65", jca: "ML-DSA-65",
            oid: oid("2.16.840.1.101.3.4.3.18"),
            schemes: &[Scheme::MlDsa65, Scheme::MlDsa65Mu],
            uses: Rights::of(&[Right::Sign]), default_uses: Rights::of(&[Right::Sign]) },
        /// ML-DSA-87.
        MlDsa87 = 8 => { name: "ml-dsa-87",
            openssl: "ML-DSA-87:MLDSA87:2.16.840.1.101.3.4.3.19:id-ml-dsa-87", jca: "ML-DSA-87",
            oid: oid("2.16.840.1.101.3.4.3.19"),
            schemes: &[Scheme::MlDsa87, Scheme::MlDsa87Mu],
            uses: Rights::of(&[Right::Sign]), default_uses: Rights::of(&[Right::Sign]) },
        /// ML-KEM-512 (FIPS 203; RFC 9935).
        MlKem512 = 9 => { name: "ml-kem-512",
            openssl: "ML-KEM-512:MLKEM512:id-alg-ml-kem-512:2.16.840.1.101.3.4.4.1",
            jca: "ML-KEM-512", oid: oid("2.16.840.1.101.3.4.4.1"), schemes: &[],
            uses: Rights::of(&[Right::Derive]), default_uses: Rights::of(&[Right::Derive]) },
        /// ML-KEM-768.
        MlKem768 = 10 => { name: "ml-kem-768",
            openssl: "ML-KEM-768:MLKEM768:id-alg-ml-kem-768:2.16.840.1.101.3.4.4.2",
            jca: "ML-KEM-768", oid: oid("2.16.840.1.101.3.4.4.2"), schemes: &[],
            uses: Rights::of(&[Right::Derive]), default_uses: Rights::of(&[Right::Derive]) },
        /// ML-KEM-1024.
        MlKem1024 = 11 => { name: "ml-kem-1024",
            openssl: "ML-KEM-1024:MLKEM1024:id-alg-ml-kem-1024:2.16.840.1.101.3.4.4.3",
            jca: "ML-KEM-1024", oid: oid("2.16.840.1.101.3.4.4.3"), schemes: &[],
            uses: Rights::of(&[Right::Derive]), default_uses: Rights::of(&[Right::Derive]) },
    }
}

impl Family {
    /// Finds a family by the object identifier of its SubjectPublicKeyInfo.
    pub fn from_oid(oid: ObjectIdentifier) -> Option<Family> {
        Family::ALL.iter().copied().find(|family| family.row().oid == oid)
    }
}

/// The type of one key: its family with the size or curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// RSA with a modulus of so many bits.
    Rsa(u16),
    /// RSA restricted to PSS, with a modulus of so many bits.
    RsaPss(u16),
    /// A key on a curve.
    Ec(Curve),
    /// Ed25519.
    Ed25519,
    /// X25519.
    X25519,
    /// ML-DSA with a parameter set.
    MlDsa(MlDsa),
    /// A secret key of so many bits.
    Secret(SecretKind, u16),
    /// ML-KEM with a parameter set.
    MlKem(MlKem),
}

impl KeyType {
    /// The smallest and largest RSA modulus in bits; sizes between are multiples of 256.
    pub const RSA_BITS: std::ops::RangeInclusive<u16> = 2048..=8192;

    /// Every key type there is, for lists and tests; of generic secrets the usual sizes.
    pub fn all() -> impl Iterator<Item = KeyType> {
        let sizes = || KeyType::RSA_BITS.step_by(256);
        sizes()
            .map(KeyType::Rsa)
            .chain(sizes().map(KeyType::RsaPss))
            .chain(Curve::ALL.iter().copied().map(KeyType::Ec))
            .chain([KeyType::Ed25519, KeyType::X25519])
            .chain(MlDsa::ALL.iter().copied().map(KeyType::MlDsa))
            .chain([128, 192, 256].map(|bits| KeyType::Secret(SecretKind::Aes, bits)))
            .chain([160, 256, 384, 512].map(|bits| KeyType::Secret(SecretKind::Hmac, bits)))
            .chain(MlKem::ALL.iter().copied().map(KeyType::MlKem))
    }

    /// Reads a key type by Keyward's name or by OpenSSL's or Java's for the same: `rsa-2048`,
    /// `RSA:2048`, `p-256`, `prime256v1`, `EC:secp256r1`, `Ed25519`.
    pub fn from_name(name: &str) -> Option<KeyType> {
        let lower = name.to_ascii_lowercase();
        let rsa_size = |rest: &str| {
            let bits: u16 = rest.strip_prefix([':', '-'])?.parse().ok()?;
            (KeyType::RSA_BITS.contains(&bits) && bits.is_multiple_of(256)).then_some(bits)
        };
        match lower.as_str() {
            "ed25519" => return Some(KeyType::Ed25519),
            "x25519" => return Some(KeyType::X25519),
            _ => {}
        }
        if let Some(secret) = secret_from_name(&lower) {
            return Some(secret);
        }
        // OpenSSL has a second name without hyphens for each.
        let is = |family: Family| {
            let known = family.row().name;
            lower == known || lower == known.replace('-', "")
        };
        if let Some(set) = MlDsa::ALL.iter().copied().find(|set| is(set.row().family)) {
            return Some(KeyType::MlDsa(set));
        }
        if let Some(set) = MlKem::ALL.iter().copied().find(|set| is(set.row().family)) {
            return Some(KeyType::MlKem(set));
        }
        if let Some(rest) = lower.strip_prefix("rsa-pss").or(lower.strip_prefix("rsassa-pss")) {
            return rsa_size(rest).map(KeyType::RsaPss);
        }
        if let Some(rest) = lower.strip_prefix("rsa") {
            return rsa_size(rest).map(KeyType::Rsa);
        }
        let curve = lower.strip_prefix("ec:").or(lower.strip_prefix("ec-")).unwrap_or(&lower);
        Curve::from_name(curve).map(KeyType::Ec)
    }

    /// The family that a pair of keys falls into; `None` for a secret key.
    pub const fn family(self) -> Option<Family> {
        Some(match self {
            KeyType::Rsa(_) => Family::Rsa,
            KeyType::RsaPss(_) => Family::RsaPss,
            KeyType::Ec(_) => Family::Ec,
            KeyType::Ed25519 => Family::Ed25519,
            KeyType::X25519 => Family::X25519,
            KeyType::MlDsa(set) => set.row().family,
            KeyType::MlKem(set) => set.row().family,
            KeyType::Secret(..) => return None,
        })
    }

    /// The uses that such a key may be born with.
    pub const fn uses(self) -> Rights {
        match (self, self.family()) {
            (_, Some(family)) => family.row().uses,
            (KeyType::Secret(kind, _), None) => kind.row().uses,
            (_, None) => Rights::NONE,
        }
    }

    /// The uses that such a key gets when none is asked for.
    pub const fn default_uses(self) -> Rights {
        match (self, self.family()) {
            (_, Some(family)) => family.row().default_uses,
            (KeyType::Secret(kind, _), None) => kind.row().default_uses,
            (_, None) => Rights::NONE,
        }
    }

    /// Two uses that cannot be on one such key: those that undo each other, and with a secret key
    /// also codes and derivation, for such a code can be a derived key.
    pub fn conflict(self, uses: Rights) -> Option<(Right, Right)> {
        let secret = matches!(self, KeyType::Secret(..));
        match secret && uses.contains(Rights::of(&[Right::Sign, Right::Derive])) {
            true => Some((Right::Sign, Right::Derive)),
            false => uses.conflict(),
        }
    }

    /// The size of the key in bits, as `EVP_PKEY_get_bits` has it.
    pub const fn bits(self) -> u32 {
        match self {
            KeyType::Rsa(bits) | KeyType::RsaPss(bits) => bits as u32,
            KeyType::Ec(curve) => curve.row().bits,
            KeyType::Ed25519 => 256,
            KeyType::X25519 => 253,
            KeyType::MlDsa(set) => 8 * set.row().public_bytes as u32,
            KeyType::Secret(_, bits) => bits as u32,
            KeyType::MlKem(set) => set.row().bits,
        }
    }

    /// The security strength in bits (SP 800-57 part 1, table 2; between its rows as OpenSSL's
    /// `BN_security_bits` rounds).
    pub const fn security_bits(self) -> u32 {
        match self {
            KeyType::Rsa(bits) | KeyType::RsaPss(bits) => match bits {
                7680.. => 192,
                3072.. => 128,
                _ => 112,
            },
            KeyType::Ec(curve) => curve.row().security_bits,
            KeyType::Ed25519 | KeyType::X25519 => 128,
            KeyType::MlDsa(set) => set.row().security_bits,
            KeyType::Secret(_, bits) => bits as u32,
            KeyType::MlKem(set) => set.row().security_bits,
        }
    }

    /// The largest result of an operation with the key, in bytes: signature, plaintext, secret or
    /// ciphertext, as `EVP_PKEY_get_size` has it.
    pub const fn max_output_bytes(self) -> usize {
        match self {
            KeyType::Rsa(bits) | KeyType::RsaPss(bits) => bits as usize / 8,
            KeyType::Ec(curve) => curve.max_signature_bytes(),
            KeyType::Ed25519 => 64,
            KeyType::X25519 => 32,
            KeyType::MlDsa(set) => set.row().signature_bytes,
            // Its own size: what comes of using it has the size of an algorithm or of the input.
            KeyType::Secret(_, bits) => bits as usize / 8,
            KeyType::MlKem(set) => set.row().ciphertext_bytes,
        }
    }

    /// The digest that a signature uses when the caller names none; `None` where the algorithm
    /// has its own (Ed25519, ML-DSA) or the key does not sign.
    pub const fn default_digest(self) -> Option<Digest> {
        match self {
            KeyType::Rsa(_) | KeyType::RsaPss(_) => Some(Digest::Sha256),
            KeyType::Ec(Curve::P384) => Some(Digest::Sha384),
            KeyType::Ec(Curve::P521) => Some(Digest::Sha512),
            KeyType::Ec(_) => Some(Digest::Sha256),
            KeyType::Ed25519
            | KeyType::X25519
            | KeyType::MlDsa(_)
            | KeyType::MlKem(_)
            | KeyType::Secret(..) => None,
        }
    }

    /// The signature algorithm that the key uses when the caller names none.
    pub fn default_signature(self) -> Option<&'static Signature> {
        let scheme = *self.family()?.row().schemes.first()?;
        Signature::find(scheme, self.default_digest())
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyType::Rsa(bits) => write!(f, "rsa-{bits}"),
            KeyType::RsaPss(bits) => write!(f, "rsa-pss-{bits}"),
            KeyType::Ec(curve) => f.write_str(curve.row().name),
            KeyType::Ed25519 => f.write_str("ed25519"),
            KeyType::X25519 => f.write_str("x25519"),
            KeyType::MlDsa(set) => f.write_str(set.row().family.row().name),
            KeyType::Secret(kind, bits) => write!(f, "{}-{bits}", kind.row().name),
            KeyType::MlKem(set) => f.write_str(set.row().family.row().name),
        }
    }
}

/// `aes-256`, `AES:256`, `hmac` for its usual size, `hmac-512`.
fn secret_from_name(lower: &str) -> Option<KeyType> {
    SecretKind::ALL.iter().copied().find_map(|kind| {
        let row = kind.row();
        let bits = match lower.strip_prefix(row.name)? {
            "" => row.default_bits,
            rest => rest.strip_prefix([':', '-'])?.parse().ok()?,
        };
        kind.has_size(bits).then_some(KeyType::Secret(kind, bits))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_type_reads_back_from_its_name() {
        for key_type in KeyType::all() {
            assert_eq!(KeyType::from_name(&key_type.to_string()), Some(key_type));
        }
    }

    #[test]
    fn other_peoples_names_are_understood() {
        for (name, expected) in [
            ("RSA:2048", KeyType::Rsa(2048)),
            ("prime256v1", KeyType::Ec(Curve::P256)),
            ("EC:secp384r1", KeyType::Ec(Curve::P384)),
            ("P521", KeyType::Ec(Curve::P521)),
            ("Ed25519", KeyType::Ed25519),
            ("ML-DSA-44", KeyType::MlDsa(MlDsa::MlDsa44)),
            ("MLDSA87", KeyType::MlDsa(MlDsa::MlDsa87)),
            ("AES:128", KeyType::Secret(SecretKind::Aes, 128)),
            ("hmac", KeyType::Secret(SecretKind::Hmac, 256)),
            ("ML-KEM-768", KeyType::MlKem(MlKem::MlKem768)),
            ("MLKEM512", KeyType::MlKem(MlKem::MlKem512)),
        ] {
            assert_eq!(KeyType::from_name(name), Some(expected), "{name}");
        }
        for name in ["rsa-1024", "rsa-2049", "rsa-8448", "rsa", "p-255", "aes-160", "hmac-64", ""] {
            assert_eq!(KeyType::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn sizes_are_those_that_openssl_reports() {
        assert_eq!(KeyType::Ec(Curve::P256).max_output_bytes(), 72);
        assert_eq!(KeyType::Ec(Curve::P384).max_output_bytes(), 104);
        assert_eq!(KeyType::Ec(Curve::P521).max_output_bytes(), 139);
    }
}
