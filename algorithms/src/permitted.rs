//! The names of algorithms, by which a key can be restricted to some of those that its type has.
//!
//! They are the names that the audit log and the metrics give a use of a key. One name may stand in
//! several tables (`rsa-oaep` encrypts data and wraps keys); which of those a key does is said by its
//! uses.

use crate::{
    Agreement, Derivation, Encryption, Family, KeyType, Mac, SecretKind, Signature,
    SymmetricCipher, Wrapping,
};

/// The algorithms that a key of a type can be used with.
pub fn algorithms_of(key_type: KeyType) -> Vec<&'static str> {
    let family = key_type.family();
    let is_rsa = family == Some(Family::Rsa);
    let is_aes = matches!(key_type, KeyType::Secret(SecretKind::Aes, _));
    let mut names: Vec<&'static str> = Vec::new();
    names.extend(Signature::all().iter().filter(|row| row.suits(family)).map(|row| row.name));
    if is_rsa {
        names.extend(Encryption::ALL.iter().map(|scheme| scheme.row().name));
    }
    names.extend(key_type.agreement());
    if is_aes {
        names.extend(SymmetricCipher::ALL.iter().map(|cipher| cipher.row().name));
    }
    if let KeyType::Secret(kind, _) = key_type {
        names.extend(
            Mac::ALL.iter().map(|mac| mac.row()).filter(|mac| mac.kind == kind).map(|mac| mac.name),
        );
    }
    let wrappings = Wrapping::ALL.iter().map(|wrapping| wrapping.row());
    names.extend(
        wrappings.filter(|row| if row.by_rsa { is_rsa } else { is_aes }).map(|row| row.name),
    );
    let agrees = family.is_some_and(|family| Agreement::of(family).is_some());
    names.extend(
        Derivation::ALL
            .iter()
            .map(|function| function.row())
            .filter(|row| match key_type {
                KeyType::Secret(..) => !row.agreement_only,
                _ => agrees,
            })
            .map(|row| row.name),
    );
    // A name that stands in two tables is one algorithm here.
    let mut distinct: Vec<&'static str> = Vec::with_capacity(names.len());
    for name in names {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    distinct
}

/// Whether a key that is restricted to one algorithm may be used with another: with itself, and with
/// that over mu where both make the same signatures.
pub fn permits(permitted: &str, algorithm: &str) -> bool {
    let over_mu = || Signature::from_name(permitted).and_then(Signature::over_mu);
    permitted == algorithm || over_mu().is_some_and(|row| row.name == algorithm)
}

/// Keyward's name of an algorithm that is given by that or by Java's name, in any case.
pub fn algorithm_from_name(name: &str) -> Option<&'static str> {
    let is = |known: &&'static str| known.eq_ignore_ascii_case(name);
    let agreement = |one: &Agreement| {
        let row = one.row();
        is(&row.name) || row.jca.iter().any(&is)
    };
    Signature::from_name(name)
        .map(|row| row.name)
        .or_else(|| SymmetricCipher::from_name(name).map(|cipher| cipher.row().name))
        .or_else(|| Mac::from_name(name).map(|mac| mac.row().name))
        .or_else(|| Wrapping::from_name(name).map(|wrapping| wrapping.row().name))
        .or_else(|| Agreement::ALL.iter().copied().find(agreement).map(|one| one.row().name))
        .or_else(|| KeyType::all().flat_map(algorithms_of).find(is))
}

impl KeyType {
    /// The name of what such a key agrees on secrets by: Diffie-Hellman or decapsulation.
    pub fn agreement(self) -> Option<&'static str> {
        match self {
            KeyType::MlKem(set) => Some(set.row().family.row().name),
            _ => self.family().and_then(Agreement::of).map(|agreement| agreement.row().name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_the_algorithms_of_its_uses_and_each_name_once() {
        for key_type in KeyType::all() {
            let names = algorithms_of(key_type);
            assert!(!names.is_empty(), "{key_type}");
            for (index, name) in names.iter().enumerate() {
                assert!(!names[index + 1..].contains(name), "{key_type} has {name} twice");
            }
        }
        let has = |key_type: &str, name: &str| {
            algorithms_of(KeyType::from_name(key_type).unwrap()).contains(&name)
        };
        assert!(has("rsa-2048", "rsa-pss-sha256") && has("rsa-2048", "rsa-aes"));
        assert!(has("p-256", "ecdsa-sha256") && has("p-256", "ecdh") && has("p-256", "x963"));
        assert!(has("aes-256", "aes-gcm") && has("aes-256", "hkdf") && !has("aes-256", "x963"));
        assert!(has("hmac", "hmac-sha256") && !has("hmac", "aes-cmac"));
        assert!(has("ml-kem-768", "ml-kem-768") && !has("ml-kem-768", "hkdf"));
        assert!(!has("ed25519", "ecdsa-sha256") && !has("rsa-pss-2048", "rsa-oaep"));
    }

    #[test]
    fn who_may_sign_messages_with_ml_dsa_may_sign_their_digests() {
        assert!(permits("ml-dsa-65", "ml-dsa-65") && permits("ml-dsa-65", "ml-dsa-65-mu"));
        assert!(!permits("ml-dsa-65-mu", "ml-dsa-65") && !permits("ml-dsa-65", "ml-dsa-87-mu"));
        assert!(!permits("rsa-pss-sha256", "rsa-pss-sha384"));
    }

    #[test]
    fn an_algorithm_is_found_by_its_own_and_by_javas_name() {
        for name in KeyType::all().flat_map(algorithms_of) {
            assert_eq!(algorithm_from_name(name), Some(name));
        }
        for (java, own) in [
            ("SHA256withECDSA", "ecdsa-sha256"),
            ("AES/GCM/NoPadding", "aes-gcm"),
            ("hmacsha512", "hmac-sha512"),
            ("XDH", "x25519"),
        ] {
            assert_eq!(algorithm_from_name(java), Some(own));
        }
        assert_eq!(algorithm_from_name("rot13"), None);
    }
}
