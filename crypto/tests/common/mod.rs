//! What the tests share: keys of every type, and OpenSSL as the independent oracle.

// Each test file uses some of it.
#![allow(dead_code)]

use keyward_algorithms::{Curve, Digest, KeyType, Scheme, Signature};
use keyward_crypto::{PrivateKey, PssParameters};
use openssl::{
    hash::MessageDigest,
    md::{Md, MdRef},
    pkey::{PKey, Private, Public},
    pkey_ctx::{PkeyCtx, PkeyCtxRef},
    rsa::Padding,
    sign::RsaPssSaltlen,
};

/// A key type of every family and curve that OpenSSL 3.0 has, with more than one RSA size.
pub(crate) fn key_types() -> Vec<KeyType> {
    let curves = Curve::ALL.iter().copied().map(KeyType::Ec);
    [KeyType::Rsa(2048), KeyType::Rsa(3072), KeyType::RsaPss(2048)]
        .into_iter()
        .chain(curves)
        .chain([KeyType::Ed25519, KeyType::X25519])
        .collect()
}

/// OpenSSL's view of the same key.
pub(crate) fn openssl_private(key: &PrivateKey) -> PKey<Private> {
    PKey::private_key_from_pkcs8(&key.to_pkcs8().unwrap()).unwrap()
}

/// OpenSSL's view of the public half.
pub(crate) fn openssl_public(key: &PrivateKey) -> PKey<Public> {
    PKey::public_key_from_der(&key.public_key_spki()).unwrap()
}

pub(crate) fn md(digest: Digest) -> &'static MdRef {
    match digest {
        Digest::Sha1 => Md::sha1(),
        Digest::Sha224 => Md::sha224(),
        Digest::Sha256 => Md::sha256(),
        Digest::Sha384 => Md::sha384(),
        Digest::Sha512 => Md::sha512(),
        Digest::Sha512_256 => Md::from_nid(openssl::nid::Nid::from_raw(1095)).unwrap(),
        Digest::Sha3_256 => Md::sha3_256(),
        Digest::Sha3_384 => Md::sha3_384(),
        Digest::Sha3_512 => Md::sha3_512(),
    }
}

/// An input of the size that the algorithm takes with a key of this type.
pub(crate) fn input_for(algorithm: &Signature, key_type: KeyType) -> Vec<u8> {
    let size = match (algorithm.digest, algorithm.scheme) {
        (Some(digest), _) => digest.size(),
        (None, Scheme::RsaRaw) => key_type.max_output_bytes(),
        (None, Scheme::RsaPkcs1) => 36,
        (None, _) => 50,
    };
    let mut input: Vec<u8> = (0..size).map(|index| (index * 7 + 1) as u8).collect();
    if algorithm.scheme == Scheme::RsaRaw {
        input[0] = 0;
    }
    input
}

fn configure<T>(context: &mut PkeyCtxRef<T>, algorithm: &Signature, pss: Option<PssParameters>) {
    match algorithm.scheme {
        Scheme::RsaPkcs1 => context.set_rsa_padding(Padding::PKCS1).unwrap(),
        Scheme::RsaRaw => context.set_rsa_padding(Padding::NONE).unwrap(),
        Scheme::RsaPss => context.set_rsa_padding(Padding::PKCS1_PSS).unwrap(),
        _ => {}
    }
    if let Some(digest) = algorithm.digest {
        context.set_signature_md(md(digest)).unwrap();
    }
    if algorithm.scheme == Scheme::RsaPss {
        let salt = |pss: PssParameters| RsaPssSaltlen::custom(pss.salt_bytes as i32);
        let salt = pss.map_or(RsaPssSaltlen::DIGEST_LENGTH, salt);
        context.set_rsa_pss_saltlen(salt).unwrap();
        if let Some(pss) = pss {
            context.set_rsa_mgf1_md(md(pss.mgf1)).unwrap();
        }
    }
}

/// OpenSSL's verdict on a signature.
pub(crate) fn openssl_verifies(
    key: &PKey<Public>,
    algorithm: &Signature,
    pss: Option<PssParameters>,
    input: &[u8],
    signature: &[u8],
) -> bool {
    if algorithm.scheme == Scheme::Ed25519 {
        let mut verifier = openssl::sign::Verifier::new_without_digest(key).unwrap();
        return verifier.verify_oneshot(signature, input).unwrap();
    }
    let mut context = PkeyCtx::new(key).unwrap();
    context.verify_init().unwrap();
    configure(&mut context, algorithm, pss);
    context.verify(input, signature).unwrap_or(false)
}

/// A signature by OpenSSL.
pub(crate) fn openssl_signs(
    key: &PKey<Private>,
    algorithm: &Signature,
    pss: Option<PssParameters>,
    input: &[u8],
) -> Vec<u8> {
    let mut signature = Vec::new();
    if algorithm.scheme == Scheme::Ed25519 {
        let mut signer = openssl::sign::Signer::new_without_digest(key).unwrap();
        return signer.sign_oneshot_to_vec(input).unwrap();
    }
    let mut context = PkeyCtx::new(key).unwrap();
    context.sign_init().unwrap();
    configure(&mut context, algorithm, pss);
    context.sign_to_vec(input, &mut signature).unwrap();
    signature
}

/// Runs the `openssl` program and returns what it printed.
pub(crate) fn openssl_command(arguments: &[&str]) -> Vec<u8> {
    let output = std::process::Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The digest of the empty string by OpenSSL, to have one of each.
pub(crate) fn digest_of_nothing(digest: Digest) -> Vec<u8> {
    let digest = MessageDigest::from_name(digest.row().openssl[0]).unwrap();
    openssl::hash::hash(digest, b"").unwrap().to_vec()
}
