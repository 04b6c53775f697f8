//! What FIPS 140-3 has approved functions for (SP 800-140C and 140D, with SP 800-131A for what they
//! may be used with).

use crate::{Curve, Digest, Encryption, KeyType, Scheme, Signature};

/// Whether a use of a key of a type with an algorithm, given by Keyward's name, is approved. Of the
/// checks with a public half more is: signatures over SHA-1 may still be verified.
pub fn is_approved(key_type: KeyType, algorithm: &str) -> bool {
    let signature = Signature::all().iter().find(|row| row.name == algorithm);
    let encryption = Encryption::ALL.iter().find(|scheme| scheme.row().name == algorithm);
    key_type.is_approved()
        && signature.is_none_or(Signature::is_approved)
        && encryption.is_none_or(|scheme| *scheme == Encryption::RsaOaep)
}

impl KeyType {
    /// Whether FIPS 140-3 has an approved function for keys of this type.
    pub fn is_approved(self) -> bool {
        !matches!(self, KeyType::Ec(Curve::Secp256k1) | KeyType::X25519)
    }
}

impl Signature {
    /// Whether FIPS 140-3 approves of making such signatures.
    pub fn is_approved(&self) -> bool {
        match (self.scheme, self.digest) {
            // What was padded may be anything, MD5 among it.
            (Scheme::RsaRaw, _) | (Scheme::RsaPkcs1, None) | (_, Some(Digest::Sha1)) => false,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_paddings_digests_and_curves_are_not_approved() {
        let approved = |key_type: &str, algorithm: &str| {
            is_approved(KeyType::from_name(key_type).unwrap(), algorithm)
        };
        for (key_type, algorithm) in [
            ("rsa-2048", "rsa-pkcs1-sha256"),
            ("rsa-2048", "rsa-pss-sha3-256"),
            ("rsa-4096", "rsa-oaep"),
            ("p-256", "ecdsa-sha256"),
            ("p-521", "ecdh"),
            ("ed25519", "ed25519"),
            ("ml-dsa-65", "ml-dsa-65-mu"),
            ("ml-kem-768", "ml-kem-768"),
            ("aes-256", "aes-gcm"),
            ("hmac", "hmac-sha1"),
        ] {
            assert!(approved(key_type, algorithm), "{key_type} {algorithm}");
        }
        for (key_type, algorithm) in [
            ("rsa-2048", "rsa-pkcs1-sha1"),
            ("rsa-2048", "rsa-pkcs1"),
            ("rsa-2048", "rsa-tls"),
            ("rsa-2048", "rsa-raw"),
            ("p-256", "ecdsa-sha1"),
            ("secp256k1", "ecdsa-sha256"),
            ("x25519", "x25519"),
        ] {
            assert!(!approved(key_type, algorithm), "{key_type} {algorithm}");
        }
    }
}
