//! Key agreement against OpenSSL.

mod common;

use common::*;
use keyward_algorithms::{Curve, KeyType};
use keyward_crypto::{CryptoError, PrivateKey, PublicKey};
use openssl::derive::Deriver;

#[test]
fn both_sides_agree_when_one_of_them_is_openssl() {
    let curves = Curve::ALL.iter().copied().map(KeyType::Ec);
    for key_type in curves.chain([KeyType::X25519]) {
        let (mine, theirs) =
            (PrivateKey::generate(key_type).unwrap(), PrivateKey::generate(key_type).unwrap());
        let secret = mine.derive(&theirs.public_key().unwrap()).unwrap();
        let (my_public, their_private) = (openssl_public(&mine), openssl_private(&theirs));
        let mut deriver = Deriver::new(&their_private).unwrap();
        deriver.set_peer(&my_public).unwrap();
        assert_eq!(*secret, deriver.derive_to_vec().unwrap(), "{key_type}");
    }
}

#[test]
fn keys_of_different_types_do_not_agree() {
    let types = key_types();
    for (index, key_type) in types.iter().enumerate() {
        let key = PrivateKey::generate(*key_type).unwrap();
        let peer = PrivateKey::generate(types[(index + 1) % types.len()]).unwrap();
        assert!(key.derive(&peer.public_key().unwrap()).is_err());
    }
    let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    assert_eq!(key.derive(&key.public_key().unwrap()).unwrap_err(), CryptoError::Unsupported);
}

#[test]
fn an_x25519_point_of_small_order_is_refused() {
    let key = PrivateKey::generate(KeyType::X25519).unwrap();
    // RFC 7748's base field elements 0 and 1, and p - 1.
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    let mut one = [0; 32];
    one[0] = 1;
    for point in [[0; 32], one, minus_one] {
        let mut spki = key.public_key_spki();
        let length = spki.len();
        spki[length - 32..].copy_from_slice(&point);
        let peer = PublicKey::from_spki(&spki).unwrap();
        assert_eq!(key.derive(&peer).unwrap_err(), CryptoError::Failed);
    }
}
