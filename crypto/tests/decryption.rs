//! RSA decryption against OpenSSL, and what it must not tell about bad ciphertexts.

mod common;

use common::*;
use keyward_algorithms::{Digest, Encryption, KeyType};
use keyward_crypto::{CryptoError, OaepParameters, PrivateKey, TlsVersions};
use openssl::{pkey::Public, pkey_ctx::PkeyCtx, rsa::Padding};

fn openssl_encrypts(
    key: &openssl::pkey::PKey<Public>,
    oaep: Option<OaepParameters<'_>>,
    padding: Padding,
    input: &[u8],
) -> Vec<u8> {
    let mut context = PkeyCtx::new(key).unwrap();
    context.encrypt_init().unwrap();
    context.set_rsa_padding(padding).unwrap();
    if let Some(oaep) = oaep {
        context.set_rsa_oaep_md(md(oaep.digest)).unwrap();
        context.set_rsa_mgf1_md(md(oaep.mgf1)).unwrap();
        if !oaep.label.is_empty() {
            context.set_rsa_oaep_label(oaep.label).unwrap();
        }
    }
    let mut ciphertext = Vec::new();
    context.encrypt_to_vec(input, &mut ciphertext).unwrap();
    ciphertext
}

/// A ciphertext of a block that the test padded, or did not.
fn encrypt_block(key: &PrivateKey, block: &[u8]) -> Vec<u8> {
    openssl_encrypts(&openssl_public(key), None, Padding::NONE, block)
}

#[test]
fn oaep_agrees_with_openssl_for_every_digest_and_label() {
    let key = PrivateKey::generate(KeyType::Rsa(2048)).unwrap();
    let public = key.public_key().unwrap();
    let theirs = openssl_private(&key);
    for digest in Digest::ALL.iter().copied() {
        for (mgf1, label) in [(digest, &b""[..]), (Digest::Sha1, b"label"), (Digest::Sha256, b"x")]
        {
            let oaep = Some(OaepParameters { digest, mgf1, label });
            let message = vec![7; 256 - 2 * digest.size() - 2];
            let ciphertext =
                openssl_encrypts(&openssl_public(&key), oaep, Padding::PKCS1_OAEP, &message);
            let decrypted = key.decrypt(Encryption::RsaOaep, oaep, None, &ciphertext).unwrap();
            assert_eq!(*decrypted, message, "{digest:?} {mgf1:?}");

            let ciphertext = public.encrypt(Encryption::RsaOaep, oaep, b"hello").unwrap();
            let mut context = PkeyCtx::new(&theirs).unwrap();
            context.decrypt_init().unwrap();
            context.set_rsa_padding(Padding::PKCS1_OAEP).unwrap();
            context.set_rsa_oaep_md(md(digest)).unwrap();
            context.set_rsa_mgf1_md(md(mgf1)).unwrap();
            if !label.is_empty() {
                context.set_rsa_oaep_label(label).unwrap();
            }
            let mut decrypted = Vec::new();
            context.decrypt_to_vec(&ciphertext, &mut decrypted).unwrap();
            assert_eq!(decrypted, b"hello");

            let mut too_long = message;
            too_long.push(0);
            assert!(public.encrypt(Encryption::RsaOaep, oaep, &too_long).is_err());
        }
    }
}

#[test]
fn every_bad_oaep_ciphertext_fails_alike() {
    let key = PrivateKey::generate(KeyType::Rsa(2048)).unwrap();
    let oaep = OaepParameters { digest: Digest::Sha256, mgf1: Digest::Sha256, label: b"a" };
    let other_label = OaepParameters { label: b"b", ..oaep };
    let other_mgf1 = OaepParameters { mgf1: Digest::Sha1, ..oaep };
    let ciphertext =
        key.public_key().unwrap().encrypt(Encryption::RsaOaep, Some(oaep), b"hello").unwrap();
    let mut first_byte = vec![1; 256];
    first_byte[0] = 1;
    for (oaep, ciphertext) in [
        (other_label, ciphertext.clone()),
        (other_mgf1, ciphertext.clone()),
        (oaep, encrypt_block(&key, &first_byte)),
        (oaep, encrypt_block(&key, &[0; 256])),
    ] {
        let failed = key.decrypt(Encryption::RsaOaep, Some(oaep), None, &ciphertext);
        assert_eq!(failed.unwrap_err(), CryptoError::Failed);
    }
}

#[derive(serde::Deserialize)]
struct Vectors {
    keys: Vec<VectorKey>,
}

#[derive(serde::Deserialize)]
struct VectorKey {
    pkcs8: String,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    comment: String,
    ciphertext: String,
    message: String,
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |index| u8::from_str_radix(&text[index..index + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

#[test]
fn bad_pkcs1_padding_decrypts_to_the_message_that_openssl_gives() {
    let vectors: Vectors =
        serde_json::from_str(include_str!("data/implicit_rejection.json")).unwrap();
    for key in vectors.keys {
        let private = PrivateKey::from_pkcs8(&unhex(&key.pkcs8)).unwrap();
        for case in key.cases {
            let ciphertext = unhex(&case.ciphertext);
            let message = private.decrypt(Encryption::RsaPkcs1, None, None, &ciphertext).unwrap();
            assert_eq!(*message, unhex(&case.message), "{}", case.comment);
            // Leading zeros may be left out, and change nothing.
            let zeros = ciphertext.iter().take_while(|byte| **byte == 0).count();
            let short = &ciphertext[zeros.min(ciphertext.len() - 1)..];
            let again = private.decrypt(Encryption::RsaPkcs1, None, None, short).unwrap();
            assert_eq!(again, message, "{}", case.comment);
        }
    }
}

#[test]
fn pkcs1_messages_of_every_length_come_back() {
    let key = PrivateKey::generate(KeyType::Rsa(2048)).unwrap();
    let public = key.public_key().unwrap();
    for length in [0, 1, 48, 200, 245] {
        let message = vec![0; length];
        for ciphertext in [
            public.encrypt(Encryption::RsaPkcs1, None, &message).unwrap(),
            openssl_encrypts(&openssl_public(&key), None, Padding::PKCS1, &message),
        ] {
            let decrypted = key.decrypt(Encryption::RsaPkcs1, None, None, &ciphertext).unwrap();
            assert_eq!(*decrypted, message);
        }
    }
    assert!(public.encrypt(Encryption::RsaPkcs1, None, &[0; 246]).is_err());
}

#[test]
fn a_ciphertext_that_is_no_number_below_the_modulus_is_refused_in_every_scheme() {
    let key = PrivateKey::generate(KeyType::Rsa(2048)).unwrap();
    let modulus = openssl_private(&key).rsa().unwrap().n().to_vec();
    let tls = Some(TlsVersions { client: 0x0303, negotiated: 0 });
    for scheme in Encryption::ALL.iter().copied() {
        for ciphertext in [&modulus[..], &[0xff; 256], &[0; 257], &[]] {
            assert!(key.decrypt(scheme, None, tls, ciphertext).is_err(), "{scheme:?}");
        }
    }
}

#[test]
fn a_tls_premaster_secret_is_random_unless_all_is_well() {
    let key = PrivateKey::generate(KeyType::Rsa(2048)).unwrap();
    let mut secret = vec![0xaa; 48];
    (secret[0], secret[1]) = (3, 3);
    let mut block = vec![0, 2];
    block.resize(256 - 49, 0x55);
    block.push(0);
    block.extend_from_slice(&secret);
    let decrypt = |block: &[u8], client, negotiated| {
        let tls = Some(TlsVersions { client, negotiated });
        let ciphertext = encrypt_block(&key, block);
        let premaster = key.decrypt(Encryption::RsaTls, None, tls, &ciphertext).unwrap();
        assert_eq!(premaster.len(), 48);
        premaster.to_vec()
    };
    assert_eq!(decrypt(&block, 0x0303, 0), secret);
    assert_eq!(decrypt(&block, 0x0304, 0x0303), secret);
    assert_ne!(decrypt(&block, 0x0304, 0), secret);
    assert_ne!(decrypt(&block, 0x0302, 0x0301), secret);
    for (index, byte) in [(0, 1), (1, 1), (2, 0), (100, 0), (206, 0), (207, 1)] {
        let mut broken = block.clone();
        broken[index] = byte;
        let random = decrypt(&broken, 0x0303, 0);
        assert_ne!(random, secret, "{index}");
        assert_ne!(random, decrypt(&broken, 0x0303, 0), "{index}");
    }
    let ciphertext = encrypt_block(&key, &block);
    assert!(key.decrypt(Encryption::RsaTls, None, None, &ciphertext).is_err());
}

#[test]
fn the_bare_function_is_the_inverse_of_openssls() {
    let key = PrivateKey::generate(KeyType::Rsa(2048)).unwrap();
    let mut block = vec![0x31; 256];
    block[0] = 0;
    let ciphertext = encrypt_block(&key, &block);
    assert_eq!(
        key.public_key().unwrap().encrypt(Encryption::RsaRaw, None, &block),
        Ok(ciphertext.clone())
    );
    assert_eq!(*key.decrypt(Encryption::RsaRaw, None, None, &ciphertext).unwrap(), block);
}

#[test]
fn only_plain_rsa_keys_decrypt() {
    for key_type in key_types() {
        let key = PrivateKey::generate(key_type).unwrap();
        let result = key.decrypt(Encryption::RsaPkcs1, None, None, &[1; 256]);
        match key_type {
            KeyType::Rsa(_) => assert!(result.is_ok()),
            _ => assert_eq!(result.unwrap_err(), CryptoError::Unsupported),
        }
    }
}
