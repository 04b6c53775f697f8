//! Every signature algorithm, made here and checked by OpenSSL, and the other way round.

mod common;

use common::*;
use keyward_algorithms::{Curve, Digest, KeyType, Scheme, Signature};
use keyward_crypto::{CryptoError, PrivateKey, PssParameters, PssVerification, PublicKey};

#[test]
fn every_algorithm_agrees_with_openssl_in_both_directions() {
    for key_type in key_types() {
        let key = PrivateKey::generate(key_type).unwrap();
        let public = key.public_key().unwrap();
        assert_eq!(public.key_type(), key_type);
        for algorithm in Signature::all() {
            let input = input_for(algorithm, key_type);
            if !algorithm.suits(key_type.family()) {
                assert_eq!(key.sign(algorithm, None, &input), Err(CryptoError::Unsupported));
                continue;
            }
            if algorithm.scheme == Scheme::Ed25519ph {
                // OpenSSL has it from 3.2 on.
                continue;
            }
            let name = format!("{key_type} {}", algorithm.name);
            let mine = key.sign(algorithm, None, &input).unwrap();
            assert!(mine.len() <= key_type.max_output_bytes(), "{name}");
            let their_public = openssl_public(&key);
            assert!(openssl_verifies(&their_public, algorithm, None, &input, &mine), "{name}");
            let theirs = openssl_signs(&openssl_private(&key), algorithm, None, &input);
            assert!(public.verify(algorithm, None, &input, &theirs), "{name}");
            for signature in [mine, theirs] {
                refuses_what_was_changed(&public, algorithm, &input, &signature);
            }
        }
    }
}

#[test]
fn ed25519ph_signs_the_digest_of_rfc_8032() {
    // RFC 8032, 7.3, as PKCS#8.
    let pkcs8 = concat!(
        "302e020100300506032b657004220420",
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42"
    );
    let expected = concat!(
        "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41",
        "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
    );
    let key = PrivateKey::from_pkcs8(&hex(pkcs8)).unwrap();
    let digest = openssl::hash::hash(openssl::hash::MessageDigest::sha512(), b"abc").unwrap();
    let algorithm = Signature::from_name("ed25519ph").unwrap();
    let signature = key.sign(algorithm, None, &digest).unwrap();
    assert_eq!(signature, hex(expected));
    let public = key.public_key().unwrap();
    assert!(public.verify(algorithm, None, &digest, &signature));
    refuses_what_was_changed(&public, algorithm, &digest, &signature);
    // It is not Ed25519 over the same bytes.
    assert!(!public.verify(Signature::from_name("ed25519").unwrap(), None, &digest, &signature));
    assert!(key.sign(algorithm, None, &digest[..63]).is_err());
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn refuses_what_was_changed(
    public: &PublicKey,
    algorithm: &Signature,
    input: &[u8],
    signature: &[u8],
) {
    let mut changed = input.to_vec();
    changed[2] ^= 1;
    assert!(!public.verify(algorithm, None, &changed, signature));
    let mut changed = signature.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    assert!(!public.verify(algorithm, None, input, &changed));
    assert!(!public.verify(algorithm, None, input, &signature[..signature.len() - 1]));
    assert!(!public.verify(algorithm, None, input, &[]));
}

#[test]
fn pss_takes_any_digest_mgf1_digest_and_salt_that_the_key_has_room_for() {
    let key = PrivateKey::generate(KeyType::Rsa(2048)).unwrap();
    let public = key.public_key().unwrap();
    let theirs = openssl_public(&key);
    for algorithm in Signature::all().iter().filter(|row| row.scheme == Scheme::RsaPss) {
        let digest = algorithm.digest.unwrap();
        let input = digest_of_nothing(digest);
        let longest = 256 - digest.size() - 2;
        for mgf1 in Digest::ALL.iter().copied() {
            for salt_bytes in [0, 17, longest] {
                let pss = PssParameters { mgf1, salt_bytes };
                let signature = key.sign(algorithm, Some(pss), &input).unwrap();
                assert!(
                    openssl_verifies(&theirs, algorithm, Some(pss), &input, &signature),
                    "{} {mgf1:?} {salt_bytes}",
                    algorithm.name
                );
                let named = PssVerification { mgf1, salt_bytes: Some(salt_bytes) };
                assert!(public.verify(algorithm, Some(named), &input, &signature));
                let found = PssVerification { mgf1, salt_bytes: None };
                assert!(public.verify(algorithm, Some(found), &input, &signature));
                let other = PssVerification { mgf1, salt_bytes: Some(salt_bytes + 1) };
                assert!(!public.verify(algorithm, Some(other), &input, &signature));
            }
        }
        let too_long = PssParameters { mgf1: digest, salt_bytes: longest + 1 };
        assert!(matches!(
            key.sign(algorithm, Some(too_long), &input),
            Err(CryptoError::InvalidInput { .. })
        ));
    }
}

#[test]
fn inputs_of_the_wrong_size_are_refused() {
    let rsa = PrivateKey::generate(KeyType::Rsa(2048)).unwrap();
    let ec = PrivateKey::generate(KeyType::Ec(Curve::P256)).unwrap();
    let signs = |key: &PrivateKey, name: &str, size: usize| {
        key.sign(Signature::from_name(name).unwrap(), None, &vec![1; size]).is_ok()
    };
    assert!(!signs(&rsa, "rsa-pkcs1-sha256", 31));
    assert!(!signs(&rsa, "rsa-pss-sha512", 32));
    assert!(signs(&rsa, "rsa-pkcs1", 0));
    assert!(signs(&rsa, "rsa-pkcs1", 245));
    assert!(!signs(&rsa, "rsa-pkcs1", 246));
    assert!(signs(&rsa, "rsa-raw", 256));
    assert!(!signs(&rsa, "rsa-raw", 255));
    assert!(!signs(&ec, "ecdsa-sha256", 20));
    assert!(signs(&ec, "ecdsa", 20));
    assert!(!signs(&ec, "ecdsa", 0));
}

#[test]
fn a_number_that_the_bare_rsa_function_maps_to_itself_is_signed_as_openssl_does() {
    let key = PrivateKey::generate(KeyType::Rsa(2048)).unwrap();
    let raw = Signature::from_name("rsa-raw").unwrap();
    let modulus = openssl_private(&key).rsa().unwrap().n().to_vec();
    let mut largest = modulus.clone();
    largest[255] -= 1;
    let mut one = vec![0; 256];
    one[255] = 1;
    for block in [vec![0; 256], one, largest] {
        assert_eq!(key.sign(raw, None, &block).unwrap(), block);
    }
    assert!(key.sign(raw, None, &modulus).is_err());
}

#[test]
fn one_key_signs_in_many_threads_at_once() {
    for (key_type, name) in
        [(KeyType::Rsa(2048), "rsa-pss-sha256"), (KeyType::Ec(Curve::P384), "ecdsa-sha384")]
    {
        let key = PrivateKey::generate(key_type).unwrap();
        let public = key.public_key().unwrap();
        let algorithm = Signature::from_name(name).unwrap();
        let input = input_for(algorithm, key_type);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..40 {
                        let signature = key.sign(algorithm, None, &input).unwrap();
                        assert!(public.verify(algorithm, None, &input, &signature));
                    }
                });
            }
        });
    }
}
