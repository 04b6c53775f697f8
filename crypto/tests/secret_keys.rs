//! Secret keys against project Wycheproof's vectors and OpenSSL.

use keyward_algorithms::{Derivation, Digest, Mac, SecretKind, SymmetricCipher, Wrapping};
use keyward_crypto::{CryptoError, DerivationParameters, SecretKey};
use openssl::symm;
use wycheproof::{TestResult, aead, cipher, hkdf, keywrap, mac};

fn aes(bytes: &[u8]) -> SecretKey {
    SecretKey::from_bytes(SecretKind::Aes, bytes).unwrap()
}

#[test]
fn gcm_opens_what_is_right_and_nothing_else() {
    let mut count = 0;
    for group in aead::TestSet::load(aead::TestName::AesGcm).unwrap().test_groups {
        if group.nonce_size != 96 || group.tag_size != 128 {
            continue;
        }
        for test in group.tests {
            let key = aes(&test.key);
            let sealed = [&test.ct[..], &test.tag].concat();
            let opened = key.decrypt(SymmetricCipher::AesGcm, &test.nonce, &test.aad, 16, &sealed);
            match test.result {
                TestResult::Valid => assert_eq!(opened.unwrap()[..], test.pt[..], "{}", test.tc_id),
                _ => assert_eq!(opened.unwrap_err(), CryptoError::Failed, "{}", test.tc_id),
            }
            count += 1;
        }
    }
    println!("{count} vectors of AES-GCM");
    assert!(count > 100);
}

#[test]
fn cbc_takes_off_right_paddings_and_tells_wrong_ones_apart_by_nothing() {
    let mut count = 0;
    for group in cipher::TestSet::load(cipher::TestName::AesCbcPkcs5).unwrap().test_groups {
        for test in group.tests {
            let key = aes(&test.key);
            let cipher = SymmetricCipher::AesCbcPad;
            let opened = key.decrypt(cipher, &test.nonce, b"", 16, &test.ct);
            match test.result {
                TestResult::Valid => {
                    assert_eq!(opened.unwrap()[..], test.pt[..], "{}", test.tc_id);
                    let sealed = key.encrypt(cipher, Some(&test.nonce), b"", 16, &test.pt).unwrap();
                    assert_eq!(sealed.output[..], test.ct[..]);
                }
                _ => assert_eq!(opened.unwrap_err(), CryptoError::Failed, "{}", test.tc_id),
            }
            count += 1;
        }
    }
    println!("{count} vectors of AES-CBC");
    assert!(count > 100);
}

#[test]
fn codes_are_those_of_the_vectors_and_no_others_verify() {
    let mut count = 0;
    for (name, algorithm) in [
        (mac::TestName::AesCmac, Mac::AesCmac),
        (mac::TestName::HmacSha1, Mac::HmacSha1),
        (mac::TestName::HmacSha224, Mac::HmacSha224),
        (mac::TestName::HmacSha256, Mac::HmacSha256),
        (mac::TestName::HmacSha384, Mac::HmacSha384),
        (mac::TestName::HmacSha512, Mac::HmacSha512),
    ] {
        let row = algorithm.row();
        for group in mac::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                // The vectors have keys of sizes that are not offered, and shortened codes.
                let Ok(key) = SecretKey::from_bytes(row.kind, &test.key) else { continue };
                let whole = group.tag_size / 8 == row.size;
                let verified = key.verify_mac(algorithm, &test.msg, &test.tag).unwrap();
                assert_eq!(verified, whole && test.result == TestResult::Valid, "{}", test.tc_id);
                let code = key.mac(algorithm, &test.msg).unwrap();
                assert_eq!(code.len(), row.size);
                if test.result == TestResult::Valid {
                    assert_eq!(code[..test.tag.len()], test.tag[..]);
                }
                count += 1;
            }
        }
    }
    println!("{count} vectors of message authentication codes");
    assert!(count > 500);
}

#[test]
fn every_cipher_and_size_is_what_openssl_does_both_ways() {
    let plaintext: Vec<u8> = (0..4096).map(|index| (index * 7) as u8).collect();
    for (cipher, of_size) in [
        (
            SymmetricCipher::AesCbc,
            [
                symm::Cipher::aes_128_cbc as fn() -> _,
                symm::Cipher::aes_192_cbc,
                symm::Cipher::aes_256_cbc,
            ],
        ),
        (
            SymmetricCipher::AesCbcPad,
            [symm::Cipher::aes_128_cbc, symm::Cipher::aes_192_cbc, symm::Cipher::aes_256_cbc],
        ),
        (
            SymmetricCipher::AesCtr,
            [symm::Cipher::aes_128_ctr, symm::Cipher::aes_192_ctr, symm::Cipher::aes_256_ctr],
        ),
        (
            SymmetricCipher::AesEcb,
            [symm::Cipher::aes_128_ecb, symm::Cipher::aes_192_ecb, symm::Cipher::aes_256_ecb],
        ),
        (
            SymmetricCipher::AesEcbPad,
            [symm::Cipher::aes_128_ecb, symm::Cipher::aes_192_ecb, symm::Cipher::aes_256_ecb],
        ),
    ] {
        let row = cipher.row();
        for (bits, theirs) in [128, 192, 256].into_iter().zip(of_size) {
            let key = SecretKey::generate(SecretKind::Aes, bits).unwrap();
            for length in [0, 1, 15, 16, 17, 4096] {
                if row.whole_blocks && length % 16 != 0 {
                    let refused = key.encrypt(cipher, None, b"", 16, &plaintext[..length]);
                    assert!(matches!(refused, Err(CryptoError::InvalidInput { .. })));
                    continue;
                }
                let sealed = key.encrypt(cipher, None, b"", 16, &plaintext[..length]).unwrap();
                assert_eq!(sealed.iv.len(), row.iv_bytes);
                let iv = (row.iv_bytes > 0).then_some(&sealed.iv[..]);
                let crypt = |mode, input: &[u8]| {
                    let mut crypter = symm::Crypter::new(theirs(), mode, key.expose(), iv).unwrap();
                    crypter.pad(row.padded);
                    let mut output = vec![0; input.len() + 32];
                    let count = crypter.update(input, &mut output).unwrap();
                    let count = count + crypter.finalize(&mut output[count..]).unwrap();
                    output.truncate(count);
                    output
                };
                assert_eq!(crypt(symm::Mode::Encrypt, &plaintext[..length]), sealed.output);
                assert_eq!(crypt(symm::Mode::Decrypt, &sealed.output), plaintext[..length]);
                let opened = key.decrypt(cipher, &sealed.iv, b"", 16, &sealed.output).unwrap();
                assert_eq!(opened[..], plaintext[..length]);
            }
        }
    }
}

#[test]
fn gcm_draws_its_own_vectors_and_openssl_opens_the_result() {
    let key = SecretKey::generate(SecretKind::Aes, 256).unwrap();
    let gcm = SymmetricCipher::AesGcm;
    let mut drawn = std::collections::HashSet::new();
    for tag_bytes in SymmetricCipher::TAG_BYTES {
        let sealed = key.encrypt(gcm, None, b"header", tag_bytes, b"content").unwrap();
        let (ciphertext, tag) = sealed.output.split_at(b"content".len());
        assert_eq!(tag.len(), tag_bytes);
        let opened = symm::decrypt_aead(
            symm::Cipher::aes_256_gcm(),
            key.expose(),
            Some(&sealed.iv),
            b"header",
            ciphertext,
            tag,
        );
        assert_eq!(opened.unwrap(), b"content");
        assert!(drawn.insert(sealed.iv));
    }
    assert!(key.encrypt(gcm, Some(&[0; 12]), b"", 16, b"content").is_err());
    assert!(key.encrypt(gcm, None, b"", 11, b"content").is_err());
}

#[test]
fn a_key_has_a_size_of_its_kind_and_shows_nothing_of_itself() {
    assert!(SecretKey::from_bytes(SecretKind::Aes, &[7; 20]).is_err());
    assert!(SecretKey::from_bytes(SecretKind::Hmac, &[7; 13]).is_err());
    let key = SecretKey::from_bytes(SecretKind::Hmac, &[7; 20]).unwrap();
    assert_eq!(format!("{key:?}"), "SecretKey(hmac-160)");
    assert_eq!(key.mac(Mac::AesCmac, b"").unwrap_err(), CryptoError::Unsupported);
    let encrypted = key.encrypt(SymmetricCipher::AesCtr, None, b"", 16, b"");
    assert_eq!(encrypted.unwrap_err(), CryptoError::Unsupported);
}

#[test]
fn wrapped_keys_are_those_of_the_vectors_and_others_do_not_come_out() {
    let mut count = 0;
    for (name, wrapping) in [
        (keywrap::TestName::AesKeyWrap, Wrapping::AesKw),
        (keywrap::TestName::AesKeyWrapWithPadding, Wrapping::AesKwp),
    ] {
        for group in keywrap::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let key = aes(&test.key);
                let unwrapped = key.unwrap(wrapping, &test.ct);
                match test.result {
                    TestResult::Valid => {
                        assert_eq!(unwrapped.unwrap()[..], test.pt[..], "{}", test.tc_id);
                        assert_eq!(key.wrap(wrapping, &test.pt).unwrap(), test.ct[..]);
                    }
                    TestResult::Invalid => {
                        assert_eq!(unwrapped.unwrap_err(), CryptoError::Failed, "{}", test.tc_id);
                    }
                    TestResult::Acceptable => {}
                }
                count += 1;
            }
        }
    }
    println!("{count} vectors of key wrap");
    assert!(count > 200);
}

#[test]
fn key_wrap_behind_padding_takes_keys_of_any_size_and_what_either_java_pads() {
    let kek = aes(&[7; 16]);
    for size in 14..40 {
        let plain = vec![0x5a; size];
        let wrapped = kek.wrap(Wrapping::AesKwPad, &plain).unwrap();
        assert_eq!(kek.unwrap(Wrapping::AesKwPad, &wrapped).unwrap()[..], plain[..]);
        for multiple in [8, 16] {
            let count = multiple - size % multiple;
            let padded = [&plain[..], &vec![count as u8; count]].concat();
            let foreign = kek.wrap(Wrapping::AesKw, &padded).unwrap();
            assert_eq!(kek.unwrap(Wrapping::AesKwPad, &foreign).unwrap()[..], plain[..]);
        }
    }
    for padding in [[0; 8], [17; 8], [8, 8, 8, 8, 8, 8, 7, 8]] {
        let wrong = kek.wrap(Wrapping::AesKw, &[[1; 8], padding].concat()).unwrap();
        let unwrapped = kek.unwrap(Wrapping::AesKwPad, &wrong);
        assert_eq!(unwrapped.unwrap_err(), CryptoError::Failed);
    }
}

#[test]
fn keys_are_derived_as_in_the_vectors() {
    let mut count = 0;
    for (name, digest) in [
        (hkdf::TestName::HkdfSha1, Digest::Sha1),
        (hkdf::TestName::HkdfSha256, Digest::Sha256),
        (hkdf::TestName::HkdfSha384, Digest::Sha384),
        (hkdf::TestName::HkdfSha512, Digest::Sha512),
    ] {
        for group in hkdf::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let parameters = DerivationParameters {
                    function: Derivation::Hkdf,
                    digest,
                    salt: &test.salt,
                    info: &test.info,
                };
                let Ok(bits) = u16::try_from(test.size * 8) else { continue };
                if !SecretKind::Hmac.has_size(bits) || test.result != TestResult::Valid {
                    continue;
                }
                let key = SecretKey::derive(SecretKind::Hmac, bits, &parameters, &test.ikm);
                assert_eq!(key.unwrap().expose(), &test.okm[..], "{}", test.tc_id);
                count += 1;
            }
        }
    }
    println!("{count} vectors of HKDF");
    assert!(count > 100);
}
