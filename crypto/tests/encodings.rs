//! Keys go in and out byte for byte as OpenSSL writes them, and keys that are broken stay out.

mod common;

use common::*;
use keyward_algorithms::{Curve, Digest, KeyType, Signature};
use keyward_crypto::{CryptoError, PrivateKey, PublicKey};
use openssl::{
    bn::BigNum,
    ec::{EcGroup, EcKey},
    nid::Nid,
    pkey::PKey,
    rsa::{Rsa, RsaPrivateKeyBuilder},
};

#[test]
fn both_halves_of_every_key_type_are_encoded_as_openssl_does() {
    for key_type in key_types() {
        let key = PrivateKey::generate(key_type).unwrap();
        assert_eq!(key.key_type(), key_type);
        let pkcs8 = key.to_pkcs8().unwrap();
        let spki = key.public_key_spki();
        let theirs = openssl_private(&key);
        assert_eq!(theirs.private_key_to_pkcs8().unwrap(), *pkcs8, "{key_type}");
        assert_eq!(theirs.public_key_to_der().unwrap(), spki, "{key_type}");
        assert_eq!(theirs.bits(), key_type.bits(), "{key_type}");

        let again = PrivateKey::from_pkcs8(&pkcs8).unwrap();
        assert_eq!(again.key_type(), key_type);
        assert_eq!(again.public_key_spki(), spki);
        let public = PublicKey::from_spki(&spki).unwrap();
        assert_eq!(public.key_type(), key_type);
        assert_eq!(public.to_spki(), spki);

        let mut longer = pkcs8.to_vec();
        longer.push(0);
        assert!(PrivateKey::from_pkcs8(&longer).is_err(), "{key_type}");
        assert!(PrivateKey::from_pkcs8(&pkcs8[..pkcs8.len() - 1]).is_err(), "{key_type}");
        // What tokens wrap may end in zeros, but in less than a semiblock of them.
        for zeros in 0..=8 {
            let filled = [&pkcs8[..], &[0; 8][..zeros]].concat();
            assert_eq!(PrivateKey::from_wrapped_pkcs8(&filled).is_ok(), zeros < 8, "{key_type}");
        }
        longer[pkcs8.len()] = 1;
        assert!(PrivateKey::from_wrapped_pkcs8(&longer).is_err(), "{key_type}");
        let mut longer = spki.clone();
        longer.push(0);
        assert!(PublicKey::from_spki(&longer).is_err(), "{key_type}");
    }
}

#[test]
fn the_older_private_key_formats_are_read() {
    let rsa = Rsa::generate(2048).unwrap();
    let key = PrivateKey::from_pkcs1_der(&rsa.private_key_to_der().unwrap()).unwrap();
    assert_eq!(key.key_type(), KeyType::Rsa(2048));
    assert_eq!(key.public_key_spki(), rsa.public_key_to_der().unwrap());

    for curve in Curve::ALL.iter().copied() {
        let nid = Nid::from_raw(match curve {
            Curve::P256 => Nid::X9_62_PRIME256V1.as_raw(),
            Curve::P384 => Nid::SECP384R1.as_raw(),
            Curve::P521 => Nid::SECP521R1.as_raw(),
            Curve::Secp256k1 => Nid::SECP256K1.as_raw(),
        });
        let ec = EcKey::generate(&EcGroup::from_curve_name(nid).unwrap()).unwrap();
        let key = PrivateKey::from_sec1_der(&ec.private_key_to_der().unwrap()).unwrap();
        assert_eq!(key.key_type(), KeyType::Ec(curve));
        assert_eq!(key.public_key_spki(), ec.public_key_to_der().unwrap());
    }
    assert_eq!(PrivateKey::from_sec1_der(&[]).unwrap_err(), CryptoError::InvalidKey);
    assert_eq!(PrivateKey::from_pkcs1_der(&[]).unwrap_err(), CryptoError::InvalidKey);
}

#[test]
fn a_key_whose_halves_disagree_is_refused() {
    let (one, other) = (Rsa::generate(2048).unwrap(), Rsa::generate(2048).unwrap());
    let own = |number: &openssl::bn::BigNumRef| number.to_owned().unwrap();
    let mixed = RsaPrivateKeyBuilder::new(own(other.n()), own(one.e()), own(one.d()))
        .unwrap()
        .set_factors(own(one.p().unwrap()), own(one.q().unwrap()))
        .unwrap()
        .set_crt_params(
            own(one.dmp1().unwrap()),
            own(one.dmq1().unwrap()),
            own(one.iqmp().unwrap()),
        )
        .unwrap()
        .build();
    let refused = PrivateKey::from_pkcs1_der(&mixed.private_key_to_der().unwrap());
    assert_eq!(refused.unwrap_err(), CryptoError::InvalidKey);

    for nid in [Nid::X9_62_PRIME256V1, Nid::SECP384R1, Nid::SECP521R1, Nid::SECP256K1] {
        let group = EcGroup::from_curve_name(nid).unwrap();
        let (one, other) = (EcKey::generate(&group).unwrap(), EcKey::generate(&group).unwrap());
        let mixed = EcKey::from_private_components(&group, one.private_key(), other.public_key());
        let mixed = PKey::from_ec_key(mixed.unwrap()).unwrap();
        let refused = PrivateKey::from_pkcs8(&mixed.private_key_to_pkcs8().unwrap());
        assert_eq!(refused.unwrap_err(), CryptoError::InvalidKey);
    }

    // RFC 8410, section 10.3: an Ed25519 key that carries its public half, here another one.
    let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    let other = PrivateKey::generate(KeyType::Ed25519).unwrap();
    for (public, agrees) in [(&key, true), (&other, false)] {
        let mut der = vec![0x30, 0x51, 0x02, 0x01, 0x01];
        der.extend_from_slice(&key.to_pkcs8().unwrap()[5..]);
        der.extend_from_slice(&[0x81, 0x21, 0x00]);
        let spki = public.public_key_spki();
        der.extend_from_slice(&spki[spki.len() - 32..]);
        assert_eq!(PrivateKey::from_pkcs8(&der).is_ok(), agrees);
    }
}

#[test]
fn keys_of_unknown_sizes_and_kinds_are_refused() {
    for bits in [1024, 2040, 2176] {
        let key = PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap();
        let private = PrivateKey::from_pkcs8(&key.private_key_to_pkcs8().unwrap());
        assert_eq!(private.unwrap_err(), CryptoError::Unsupported, "{bits}");
        let public = PublicKey::from_spki(&key.public_key_to_der().unwrap());
        assert_eq!(public.unwrap_err(), CryptoError::Unsupported, "{bits}");
    }
    let key = PKey::generate_ed448().unwrap();
    let refused = PrivateKey::from_pkcs8(&key.private_key_to_pkcs8().unwrap());
    assert_eq!(refused.unwrap_err(), CryptoError::Unsupported);
    let group = EcGroup::from_curve_name(Nid::SECP224R1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let refused = PrivateKey::from_pkcs8(&key.private_key_to_pkcs8().unwrap());
    assert_eq!(refused.unwrap_err(), CryptoError::Unsupported);
    assert_eq!(PrivateKey::from_pkcs8(b"garbage").unwrap_err(), CryptoError::InvalidKey);
    assert_eq!(PublicKey::from_spki(b"").unwrap_err(), CryptoError::InvalidKey);
}

#[test]
fn a_key_without_its_primes_is_refused() {
    let rsa = Rsa::generate(2048).unwrap();
    let mut stripped = vec![0x02, 0x01, 0x00];
    let zero = BigNum::new().unwrap();
    for number in [rsa.n(), &zero, rsa.d(), &zero, &zero, &zero, &zero, &zero] {
        let mut bytes = number.to_vec();
        if bytes.first().is_none_or(|byte| byte & 0x80 != 0) {
            bytes.insert(0, 0);
        }
        stripped.push(0x02);
        // Now and then the private exponent begins with a zero byte and has a shorter length.
        match bytes.len() {
            0..=0x7f => {}
            0x80..=0xff => stripped.push(0x81),
            length => stripped.extend_from_slice(&[0x82, (length >> 8) as u8]),
        }
        stripped.push(bytes.len() as u8);
        stripped.extend_from_slice(&bytes);
    }
    let mut der = vec![0x30, 0x82, (stripped.len() >> 8) as u8, stripped.len() as u8];
    der.extend_from_slice(&stripped);
    assert_eq!(PrivateKey::from_pkcs1_der(&der).unwrap_err(), CryptoError::Unsupported);
}

#[test]
fn a_point_off_the_curve_is_refused() {
    let key = PrivateKey::generate(KeyType::Ec(Curve::P256)).unwrap();
    let mut spki = key.public_key_spki();
    *spki.last_mut().unwrap() ^= 1;
    assert_eq!(PublicKey::from_spki(&spki).unwrap_err(), CryptoError::InvalidKey);
}

#[test]
fn nothing_about_a_key_but_its_type_is_shown() {
    let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey(ed25519)");
    assert_eq!(format!("{:?}", key.public_key().unwrap()), "PublicKey(ed25519)");
}

#[test]
fn an_rsa_pss_key_keeps_and_enforces_its_restrictions() {
    let folder = std::env::temp_dir().join(format!("keyward-crypto-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("key.der");
    let path = path.to_str().unwrap();
    openssl_command(&[
        "genpkey",
        "-algorithm",
        "RSA-PSS",
        "-outform",
        "DER",
        "-out",
        path,
        "-pkeyopt",
        "rsa_keygen_bits:2048",
        "-pkeyopt",
        "rsa_pss_keygen_md:sha384",
        "-pkeyopt",
        "rsa_pss_keygen_mgf1_md:sha256",
        "-pkeyopt",
        "rsa_pss_keygen_saltlen:40",
    ]);
    let pkcs8 = std::fs::read(path).unwrap();
    let public =
        openssl_command(&["pkey", "-in", path, "-inform", "DER", "-pubout", "-outform", "DER"]);
    std::fs::remove_dir_all(&folder).unwrap();

    let key = PrivateKey::from_pkcs8(&pkcs8).unwrap();
    assert_eq!(key.key_type(), KeyType::RsaPss(2048));
    assert_eq!(*key.to_pkcs8().unwrap(), pkcs8);
    assert_eq!(key.public_key_spki(), public);
    let bound = key.pss_restriction().unwrap();
    assert_eq!((bound.digest, bound.mgf1), (Digest::Sha384, Digest::Sha256));
    assert_eq!(bound.min_salt_bytes, 40);

    use keyward_crypto::{PssParameters, PssVerification};
    let named = |name| Signature::from_name(name).unwrap();
    let (right, wrong) = (named("rsa-pss-sha384"), named("rsa-pss-sha256"));
    let parameters = |mgf1, salt_bytes| Some(PssParameters { mgf1, salt_bytes });
    let signs = |algorithm: &Signature, pss| {
        key.sign(algorithm, pss, &vec![1; algorithm.digest.unwrap().size()])
    };
    assert!(signs(right, None).is_ok());
    assert!(signs(right, parameters(Digest::Sha256, 41)).is_ok());
    assert!(signs(right, parameters(Digest::Sha256, 39)).is_err());
    assert!(signs(right, parameters(Digest::Sha384, 40)).is_err());
    assert!(signs(wrong, parameters(Digest::Sha256, 40)).is_err());
    assert!(signs(wrong, None).is_err());
    assert!(signs(named("rsa-pkcs1-sha384"), None).is_err());

    // The same numbers without the restriction make signatures that verification must refuse.
    let free = openssl_private(&key).rsa().unwrap();
    let free = PrivateKey::from_pkcs1_der(&free.private_key_to_der().unwrap()).unwrap();
    let public = key.public_key().unwrap();
    for (mgf1, salt_bytes, accepted) in [
        (Digest::Sha256, 40, true),
        (Digest::Sha256, 60, true),
        (Digest::Sha256, 39, false),
        (Digest::Sha256, 0, false),
        (Digest::Sha384, 40, false),
    ] {
        let input = [1; 48];
        let signature = free.sign(right, parameters(mgf1, salt_bytes), &input).unwrap();
        for salt_bytes in [Some(salt_bytes), None] {
            let pss = Some(PssVerification { mgf1, salt_bytes });
            assert_eq!(public.verify(right, pss, &input, &signature), accepted);
        }
    }
}
