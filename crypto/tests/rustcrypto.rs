//! A second, independent opinion: the crates `rsa` and `p384`.

use keyward_algorithms::{Curve, KeyType, Signature};
use keyward_crypto::PrivateKey;
use p384::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::{PublicKey, pkcs8::DecodePublicKey};

fn named(name: &str) -> &'static Signature {
    Signature::from_name(name).unwrap()
}

#[test]
fn p384_accepts_our_ecdsa() {
    let key = PrivateKey::generate(KeyType::Ec(Curve::P384)).unwrap();
    let spki = key.public_key_spki();
    let theirs = p384::ecdsa::VerifyingKey::from_public_key_der(&spki).unwrap();
    let signature = key.sign(named("ecdsa-sha384"), None, &[9; 48]).unwrap();
    let signature = p384::ecdsa::DerSignature::from_bytes(&signature).unwrap();
    theirs.verify_prehash(&[9; 48], &signature).unwrap();
    assert!(theirs.verify_prehash(&[8; 48], &signature).is_err());
}

#[test]
fn rsa_inverts_our_bare_function() {
    let key = PrivateKey::generate(KeyType::Rsa(2048)).unwrap();
    let theirs = PublicKey::from_public_key_der(&key.public_key_spki()).unwrap();
    let signature = key.sign(named("rsa-pkcs1"), None, b"as it is").unwrap();
    theirs.verify(rsa::Pkcs1v15Sign::new_unprefixed(), b"as it is", &signature).unwrap();
    assert!(theirs.verify(rsa::Pkcs1v15Sign::new_unprefixed(), b"as it was", &signature).is_err());
}
