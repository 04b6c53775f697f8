//! Secret keys: their kinds, and what is done with them.

use crate::{Digest, Right, Rights, table};

/// The facts about one kind of secret keys.
#[derive(Debug)]
pub struct SecretKindRow {
    /// Keyward's name.
    pub name: &'static str,
    /// What `SecretKey.getAlgorithm()` says in Java.
    pub jca: &'static str,
    /// The sizes that such a key may have, in bits; whole bytes all of them.
    pub bits: &'static [std::ops::RangeInclusive<u16>],
    /// The size of a key for which none is named, in bits.
    pub default_bits: u16,
    /// The uses that such a key may be born with.
    pub uses: Rights,
    /// The uses that it gets when none is asked for.
    pub default_uses: Rights,
}

table! {
    /// A kind of secret keys.
    pub enum SecretKind: SecretKindRow {
        /// AES (FIPS 197).
        Aes = 1 => { name: "aes", jca: "AES", bits: &[128..=128, 192..=192, 256..=256],
            default_bits: 256,
            uses: Rights::of(&[Right::Sign, Right::Decrypt, Right::Derive, Right::Encrypt,
                Right::Verify, Right::Wrap, Right::Unwrap]),
            default_uses: Rights::of(&[Right::Decrypt, Right::Encrypt]) },
        /// A generic secret, above all for HMAC (FIPS 198-1).
        Hmac = 2 => { name: "hmac", jca: "Hmac", bits: &[112..=8192], default_bits: 256,
            uses: Rights::of(&[Right::Sign, Right::Derive, Right::Verify]),
            default_uses: Rights::of(&[Right::Sign, Right::Verify]) },
    }
}

impl SecretKind {
    /// Finds a kind by Keyward's name.
    pub fn from_name(name: &str) -> Option<SecretKind> {
        let is = |one: &SecretKind| one.row().name.eq_ignore_ascii_case(name);
        SecretKind::ALL.iter().copied().find(is)
    }

    /// Whether keys of this kind may have this many bits.
    pub fn has_size(self, bits: u16) -> bool {
        bits.is_multiple_of(8) && self.row().bits.iter().any(|range| range.contains(&bits))
    }
}

/// The facts about one way to encrypt with a secret key.
#[derive(Debug)]
pub struct SymmetricCipherRow {
    /// Keyward's name.
    pub name: &'static str,
    /// The transformation in the Java Cryptography Architecture.
    pub jca: &'static str,
    /// What OpenSSL's names end in, after `AES-256-`.
    pub openssl: &'static str,
    /// Size of the initialisation vector or first counter block in bytes.
    pub iv_bytes: usize,
    /// The service draws the initialisation vector and takes none from outside.
    pub own_iv: bool,
    /// PKCS#7 padding is added and taken off.
    pub padded: bool,
    /// Without padding: only whole blocks are taken.
    pub whole_blocks: bool,
    /// Ciphertexts carry a tag, and more data can be authenticated with them.
    pub authenticated: bool,
    /// It is refused unless the service's configuration allows it.
    pub off_by_default: bool,
}

table! {
    /// A way to encrypt to and decrypt with an AES key.
    pub enum SymmetricCipher: SymmetricCipherRow {
        /// GCM (SP 800-38D) with an initialisation vector of 96 bits; the tag stands behind the
        /// ciphertext.
        AesGcm = 1 => { name: "aes-gcm", jca: "AES/GCM/NoPadding", openssl: "GCM", iv_bytes: 12,
            own_iv: true, padded: false, whole_blocks: false, authenticated: true,
            off_by_default: false },
        /// CBC (SP 800-38A) with PKCS#7 padding (RFC 5652, 6.3).
        AesCbcPad = 2 => { name: "aes-cbc-pad", jca: "AES/CBC/PKCS5Padding", openssl: "CBC",
            iv_bytes: 16, own_iv: false, padded: true, whole_blocks: false, authenticated: false,
            off_by_default: false },
        /// CBC of whole blocks.
        AesCbc = 3 => { name: "aes-cbc", jca: "AES/CBC/NoPadding", openssl: "CBC", iv_bytes: 16,
            own_iv: false, padded: false, whole_blocks: true, authenticated: false,
            off_by_default: false },
        /// CTR (SP 800-38A) with a counter of 128 bits, the most significant first.
        AesCtr = 4 => { name: "aes-ctr", jca: "AES/CTR/NoPadding", openssl: "CTR", iv_bytes: 16,
            own_iv: false, padded: false, whole_blocks: false, authenticated: false,
            off_by_default: false },
        /// ECB of whole blocks, which shows where plaintexts are alike.
        AesEcb = 5 => { name: "aes-ecb", jca: "AES/ECB/NoPadding", openssl: "ECB", iv_bytes: 0,
            own_iv: false, padded: false, whole_blocks: true, authenticated: false,
            off_by_default: true },
        /// ECB with PKCS#7 padding.
        AesEcbPad = 6 => { name: "aes-ecb-pad", jca: "AES/ECB/PKCS5Padding", openssl: "ECB",
            iv_bytes: 0, own_iv: false, padded: true, whole_blocks: false, authenticated: false,
            off_by_default: true },
    }
}

impl SymmetricCipher {
    /// The sizes of an authentication tag in bytes (SP 800-38D, 5.2.1.2). The largest is what a
    /// request gets that names none.
    pub const TAG_BYTES: std::ops::RangeInclusive<usize> = 12..=16;

    /// Finds a cipher by Keyward's or Java's name.
    pub fn from_name(name: &str) -> Option<SymmetricCipher> {
        SymmetricCipher::ALL.iter().copied().find(|cipher| {
            let row = cipher.row();
            row.name.eq_ignore_ascii_case(name) || row.jca.eq_ignore_ascii_case(name)
        })
    }
}

/// The facts about one message authentication code.
#[derive(Debug)]
pub struct MacRow {
    /// Keyward's name.
    pub name: &'static str,
    /// The name in the Java Cryptography Architecture.
    pub jca: &'static str,
    /// The digest of an HMAC.
    pub digest: Option<Digest>,
    /// The kind of keys that it takes.
    pub kind: SecretKind,
    /// Size of the code in bytes.
    pub size: usize,
}

table! {
    /// A message authentication code.
    pub enum Mac: MacRow {
        /// HMAC (FIPS 198-1) with SHA-1.
        HmacSha1 = 1 => { name: "hmac-sha1", jca: "HmacSHA1", digest: Some(Digest::Sha1),
            kind: SecretKind::Hmac, size: 20 },
        /// HMAC with SHA-224.
        HmacSha224 = 2 => { name: "hmac-sha224", jca: "HmacSHA224", digest: Some(Digest::Sha224),
            kind: SecretKind::Hmac, size: 28 },
        /// HMAC with SHA-256.
        HmacSha256 = 3 => { name: "hmac-sha256", jca: "HmacSHA256", digest: Some(Digest::Sha256),
            kind: SecretKind::Hmac, size: 32 },
        /// HMAC with SHA-384.
        HmacSha384 = 4 => { name: "hmac-sha384", jca: "HmacSHA384", digest: Some(Digest::Sha384),
            kind: SecretKind::Hmac, size: 48 },
        /// HMAC with SHA-512.
        HmacSha512 = 5 => { name: "hmac-sha512", jca: "HmacSHA512", digest: Some(Digest::Sha512),
            kind: SecretKind::Hmac, size: 64 },
        /// CMAC with AES (SP 800-38B).
        AesCmac = 6 => { name: "aes-cmac", jca: "AESCMAC", digest: None, kind: SecretKind::Aes,
            size: 16 },
    }
}

impl Mac {
    /// Finds a message authentication code by Keyward's or Java's name.
    pub fn from_name(name: &str) -> Option<Mac> {
        Mac::ALL.iter().copied().find(|mac| {
            let row = mac.row();
            row.name.eq_ignore_ascii_case(name) || row.jca.eq_ignore_ascii_case(name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_row() {
        for cipher in SymmetricCipher::ALL {
            assert_eq!(SymmetricCipher::from_name(cipher.row().name), Some(*cipher));
            assert_eq!(SymmetricCipher::from_name(cipher.row().jca), Some(*cipher));
        }
        for mac in Mac::ALL {
            assert_eq!(Mac::from_name(mac.row().name), Some(*mac));
            assert_eq!(Mac::from_name(mac.row().jca), Some(*mac));
        }
    }

    #[test]
    fn keys_have_sizes_of_whole_bytes() {
        assert!(SecretKind::Aes.has_size(192) && !SecretKind::Aes.has_size(160));
        assert!(SecretKind::Hmac.has_size(112) && SecretKind::Hmac.has_size(2048));
        assert!(!SecretKind::Hmac.has_size(104) && !SecretKind::Hmac.has_size(129));
    }
}
