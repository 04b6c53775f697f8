//! Encrypting keys with keys, and making keys from keys.

use crate::{Digest, table};

/// The facts about one way to encrypt a key.
#[derive(Debug)]
pub struct WrappingRow {
    /// Keyward's name.
    pub name: &'static str,
    /// Transformations of the Java Cryptography Architecture, the canonical one first.
    pub jca: &'static [&'static str],
    /// It takes an RSA key; else an AES key.
    pub by_rsa: bool,
}

table! {
    /// A way to encrypt a key with another one. Secret keys go in as their bytes, pairs of keys as
    /// DER PKCS#8.
    pub enum Wrapping: WrappingRow {
        /// AES key wrap (RFC 3394, SP 800-38F), for keys of whole multiples of eight bytes.
        AesKw = 1 => { name: "aes-kw", jca: &["AES/KW/NoPadding", "AESWrap/ECB/NoPadding"],
            by_rsa: false },
        /// AES key wrap with padding (RFC 5649, SP 800-38F).
        AesKwp = 2 => { name: "aes-kwp", jca: &["AES/KWP/NoPadding", "AESWrap/ECB/ZeroPadding"],
            by_rsa: false },
        /// AES-GCM; the initialisation vector of 12 bytes before the ciphertext, the tag of 16
        /// bytes behind it.
        AesGcm = 3 => { name: "aes-gcm", jca: &["AES/GCM/NoPadding"], by_rsa: false },
        /// RSAES-OAEP (RFC 8017, 7.1), for secret keys.
        RsaOaep = 4 => { name: "rsa-oaep", jca: &["RSA/ECB/OAEPPadding"], by_rsa: true },
        /// An AES-256 key for this time alone, encrypted with OAEP, and behind it the key wrapped
        /// with AES key wrap with padding (PKCS#11's `CKM_RSA_AES_KEY_WRAP`).
        RsaAes = 5 => { name: "rsa-aes", jca: &["RSAAESWrap/ECB/OAEPPadding"], by_rsa: true },
        /// AES key wrap behind PKCS#7 padding to multiples of eight bytes, as Java has it.
        AesKwPad = 6 => { name: "aes-kw-pad",
            jca: &["AES/KW/PKCS5Padding", "AESWrap/ECB/PKCS5Padding"], by_rsa: false },
    }
}

impl Wrapping {
    /// Finds a wrapping by Keyward's or Java's name.
    pub fn from_name(name: &str) -> Option<Wrapping> {
        Wrapping::ALL.iter().copied().find(|wrapping| {
            let row = wrapping.row();
            row.name.eq_ignore_ascii_case(name)
                || row.jca.iter().any(|known| known.eq_ignore_ascii_case(name))
        })
    }
}

/// The facts about one key derivation function.
#[derive(Debug)]
pub struct DerivationRow {
    /// Keyward's name.
    pub name: &'static str,
    /// It takes a salt.
    pub salted: bool,
    /// It takes a shared secret from a key agreement; the others take secret keys too.
    pub agreement_only: bool,
    /// Names of its key agreements in the Java Cryptography Architecture, the canonical one first;
    /// `*` stands for the digest's prefix.
    pub jca_agreements: &'static [&'static str],
    /// The name of its `KDF` in the Java Cryptography Architecture, likewise.
    pub jca_kdf: Option<&'static str>,
}

table! {
    /// A key derivation function.
    pub enum Derivation: DerivationRow {
        /// HKDF (RFC 5869), extract and expand.
        Hkdf = 1 => { name: "hkdf", salted: true, agreement_only: false, jca_agreements: &[],
            jca_kdf: Some("HKDF-*") },
        /// The KDF in counter mode with HMAC (SP 800-108, 4.1): a counter of 32 bits before the
        /// fixed input, which is `info` as it is.
        KbkdfHmac = 2 => { name: "kbkdf-hmac", salted: false, agreement_only: false,
            jca_agreements: &[], jca_kdf: None },
        /// The KDF of ANSI X9.63 (SEC 1, 3.6.1); `info` is SharedInfo.
        X963 = 3 => { name: "x963", salted: false, agreement_only: true,
            jca_agreements: &["ECDHwithX963*KDF", "ECDHwith*KDF"], jca_kdf: None },
    }
}

impl Derivation {
    /// Finds a derivation by its name.
    pub fn from_name(name: &str) -> Option<Derivation> {
        let is = |one: &Derivation| one.row().name.eq_ignore_ascii_case(name);
        Derivation::ALL.iter().copied().find(is)
    }

    /// The key agreements of Java whose secret goes into this function: for each digest the names,
    /// the canonical one first.
    pub fn java_agreements(self) -> Vec<(Digest, Vec<String>)> {
        with_digests(self.row().jca_agreements)
    }

    /// What Java's class `KDF` calls this function with each digest.
    pub fn java_kdfs(self) -> Vec<(Digest, Vec<String>)> {
        with_digests(self.row().jca_kdf.as_slice())
    }
}

fn with_digests(patterns: &[&str]) -> Vec<(Digest, Vec<String>)> {
    if patterns.is_empty() {
        return Vec::new();
    }
    let named = |digest: &Digest| {
        let prefix = digest.row().jca_prefix;
        (*digest, patterns.iter().map(|pattern| pattern.replace('*', prefix)).collect())
    };
    Digest::ALL.iter().map(named).collect()
}
