//! What the provider offers: a list of algorithms for each operation (provider-base(7)).
//!
//! No list but that of signatures says `provider=keyward`, and that is the point: with it,
//! `?provider=keyward` among the default properties would bring libssl here for its ephemeral keys,
//! which we do not make. Keys that came from our store or decoder find our operations without any
//! property, since the core asks the provider of the key. A signature algorithm that names its
//! digest is different: the program fetches it itself, and the property is its only way to ours.

use std::ffi::{CStr, c_int};

use keyward_algorithms::{Agreement, Digest, Family};

use super::{
    asym_cipher, cipher, decoder, encoder, kem, keyexch, keymgmt, mac, signature, skeymgmt, store,
};
use crate::{
    ffi::{
        bindings,
        dispatch::{Algorithms, END_OF_ALGORITHMS, algorithm, c_names},
    },
    provider::Provider,
};

/// The list for an operation, if we have any.
pub(super) fn of(operation: c_int, provider: &Provider) -> Option<Algorithms> {
    let offer = match operation {
        bindings::OSSL_OP_KEYMGMT if provider.knows_post_quantum() => &KEY_MANAGEMENT,
        bindings::OSSL_OP_KEYMGMT => &KEY_MANAGEMENT_BEFORE_3_5,
        bindings::OSSL_OP_SIGNATURE if provider.knows_post_quantum() => &SIGNATURES,
        bindings::OSSL_OP_SIGNATURE if provider.knows_fixed_signatures() => &SIGNATURES_OF_3_4,
        bindings::OSSL_OP_SIGNATURE => &SIGNATURES_BEFORE_3_4,
        bindings::OSSL_OP_ASYM_CIPHER => &ASYMMETRIC_CIPHERS,
        bindings::OSSL_OP_KEYEXCH => &KEY_EXCHANGES,
        bindings::OSSL_OP_KEM if provider.knows_post_quantum() => &KEMS,
        bindings::OSSL_OP_ENCODER if provider.knows_post_quantum() => &ENCODERS,
        bindings::OSSL_OP_ENCODER => &ENCODERS_BEFORE_3_5,
        bindings::OSSL_OP_DECODER if !provider.reference_pem => return None,
        bindings::OSSL_OP_DECODER if provider.knows_post_quantum() => &DECODERS,
        bindings::OSSL_OP_DECODER => &DECODERS_BEFORE_3_5,
        bindings::OSSL_OP_SKEYMGMT if provider.knows_secret_keys() => &SECRET_KEYS,
        bindings::OSSL_OP_CIPHER if provider.knows_secret_keys() => &CIPHERS,
        bindings::OSSL_OP_MAC if provider.knows_secret_keys() => &MACS,
        bindings::OSSL_OP_STORE if provider.pkcs11_uri => &STORES_WITH_PKCS11,
        bindings::OSSL_OP_STORE => &STORES,
        _ => return None,
    };
    Some(if provider.fips { offer.fips } else { offer.plain })
}

/// A list as it is, and with what `default_properties = fips=yes` asks for.
struct Offer {
    plain: Algorithms,
    fips: Algorithms,
}

/// A list of `NAMES, [PROPERTIES] APPROVED => FUNCTIONS, DESCRIPTION;`, where APPROVED says whether
/// FIPS 140-3 allows the algorithm at all.
macro_rules! offer {
    ($($names:expr, [$($properties:literal)?] $approved:ident =>
        $functions:expr, $description:expr;)*) => {
        Offer {
            plain: Algorithms(const {
                &[
                    $(algorithm(
                        $names, c_names!(concat!($($properties)?)), $functions, $description,
                    ),)*
                    END_OF_ALGORITHMS,
                ]
            }),
            fips: Algorithms(const {
                &[
                    $(algorithm(
                        $names,
                        c_names!(concat!($($properties, ",",)? fips_property!($approved))),
                        $functions,
                        $description,
                    ),)*
                    END_OF_ALGORITHMS,
                ]
            }),
        }
    };
}

macro_rules! fips_property {
    (approved) => {
        "fips=yes"
    };
    (unapproved) => {
        "fips=no"
    };
}

const fn family(family: Family) -> &'static CStr {
    match family {
        Family::Rsa => c_names!(Family::Rsa.row().openssl),
        Family::RsaPss => c_names!(Family::RsaPss.row().openssl),
        Family::Ec => c_names!(Family::Ec.row().openssl),
        Family::Ed25519 => c_names!(Family::Ed25519.row().openssl),
        Family::X25519 => c_names!(Family::X25519.row().openssl),
        Family::MlDsa44 => c_names!(Family::MlDsa44.row().openssl),
        Family::MlDsa65 => c_names!(Family::MlDsa65.row().openssl),
        Family::MlDsa87 => c_names!(Family::MlDsa87.row().openssl),
        Family::MlKem512 => c_names!(Family::MlKem512.row().openssl),
        Family::MlKem768 => c_names!(Family::MlKem768.row().openssl),
        Family::MlKem1024 => c_names!(Family::MlKem1024.row().openssl),
    }
}

const KEYS: &CStr = c"keys in a Keyward service";

macro_rules! key_management {
    ($($family:ident => $functions:expr;)*) => {
        offer! {
            family(Family::Rsa), [] approved => keymgmt::RSA, KEYS;
            family(Family::RsaPss), [] approved => keymgmt::RSA_PSS, KEYS;
            family(Family::Ec), [] approved => keymgmt::EC, KEYS;
            family(Family::Ed25519), [] approved => keymgmt::ED25519, KEYS;
            family(Family::X25519), [] unapproved => keymgmt::X25519, KEYS;
            $(family(Family::$family), [] approved => $functions, KEYS;)*
        }
    };
}

static KEY_MANAGEMENT_BEFORE_3_5: Offer = key_management! {};

static KEY_MANAGEMENT: Offer = key_management! {
    MlDsa44 => keymgmt::ML_DSA_44;
    MlDsa65 => keymgmt::ML_DSA_65;
    MlDsa87 => keymgmt::ML_DSA_87;
    MlKem512 => keymgmt::ML_KEM_512;
    MlKem768 => keymgmt::ML_KEM_768;
    MlKem1024 => keymgmt::ML_KEM_1024;
};

const SIGNING: &CStr = c"signatures by keys in a Keyward service";
const HASHING: &CStr = c"signatures over a digest of its own by keys in a Keyward service";

/// OpenSSL's name of a signature algorithm with a digest of its own, and its object identifier.
macro_rules! fixed {
    ($scheme:literal, $digest:ident) => {{
        const DIGEST: &str = Digest::$digest.row().openssl[0];
        const NAME: [u8; $scheme.len() + DIGEST.len()] = {
            let mut name = [0; $scheme.len() + DIGEST.len()];
            let (start, end) = name.split_at_mut($scheme.len());
            start.copy_from_slice($scheme.as_bytes());
            end.copy_from_slice(DIGEST.as_bytes());
            name
        };
        c_names!(match std::str::from_utf8(&NAME) {
            Ok(name) => name,
            Err(_) => panic!("names are ASCII"),
        })
    }};
}

/// All signature algorithms, the ones that a key's type names first.
macro_rules! signatures {
    ($ed25519:ident $(, $ml_dsa:ident)*; $($names:expr => $functions:expr;)*) => {
        offer! {
            family(Family::Rsa), [] approved => signature::RSA, SIGNING;
            c"ECDSA", [] approved => signature::ECDSA, SIGNING;
            family(Family::Ed25519), ["provider=keyward"] approved => signature::$ed25519, SIGNING;
            $(family(Family::$ml_dsa), ["provider=keyward"] approved =>
                signature::$ml_dsa, SIGNING;)*
            $($names, ["provider=keyward"] approved => $functions, HASHING;)*
        }
    };
    (all $ed25519:ident $(, $ml_dsa:ident)*) => {
        signatures! {
            $ed25519 $(, $ml_dsa)*;
            fixed!("RSA-", Sha1) => signature::rsa::SHA1;
            fixed!("RSA-", Sha224) => signature::rsa::SHA224;
            fixed!("RSA-", Sha256) => signature::rsa::SHA256;
            fixed!("RSA-", Sha384) => signature::rsa::SHA384;
            fixed!("RSA-", Sha512) => signature::rsa::SHA512;
            fixed!("RSA-", Sha512_256) => signature::rsa::SHA512_256;
            fixed!("RSA-", Sha3_256) => signature::rsa::SHA3_256;
            fixed!("RSA-", Sha3_384) => signature::rsa::SHA3_384;
            fixed!("RSA-", Sha3_512) => signature::rsa::SHA3_512;
            fixed!("ECDSA-", Sha1) => signature::ecdsa::SHA1;
            fixed!("ECDSA-", Sha224) => signature::ecdsa::SHA224;
            fixed!("ECDSA-", Sha256) => signature::ecdsa::SHA256;
            fixed!("ECDSA-", Sha384) => signature::ecdsa::SHA384;
            fixed!("ECDSA-", Sha512) => signature::ecdsa::SHA512;
            fixed!("ECDSA-", Sha3_256) => signature::ecdsa::SHA3_256;
            fixed!("ECDSA-", Sha3_384) => signature::ecdsa::SHA3_384;
            fixed!("ECDSA-", Sha3_512) => signature::ecdsa::SHA3_512;
        }
    };
}

static SIGNATURES_BEFORE_3_4: Offer = signatures! { ED25519_BEFORE_3_4; };
static SIGNATURES_OF_3_4: Offer = signatures! { all ED25519 };
static SIGNATURES: Offer = signatures! { all ED25519, MlDsa44, MlDsa65, MlDsa87 };

static ASYMMETRIC_CIPHERS: Offer = offer! {
    family(Family::Rsa), [] approved => asym_cipher::RSA, c"decryption by keys in a Keyward service";
};

const AGREEING: &CStr = c"key agreement by keys in a Keyward service";

static KEY_EXCHANGES: Offer = offer! {
    c_names!(Agreement::Ecdh.row().openssl), [] approved => keyexch::ECDH, AGREEING;
    c_names!(Agreement::X25519.row().openssl), [] unapproved => keyexch::X25519, AGREEING;
};

const DECAPSULATING: &CStr = c"decapsulation by keys in a Keyward service";

static KEMS: Offer = offer! {
    family(Family::MlKem512), [] approved => kem::ML_KEM, DECAPSULATING;
    family(Family::MlKem768), [] approved => kem::ML_KEM, DECAPSULATING;
    family(Family::MlKem1024), [] approved => kem::ML_KEM, DECAPSULATING;
};

const SECRET: &CStr = c"secret keys in a Keyward service";
const ENCRYPTING: &CStr = c"encryption by secret keys in a Keyward service";
const AUTHENTICATING: &CStr = c"message authentication by secret keys in a Keyward service";

// Names of their own: under OpenSSL's, a host that lists us first would get these for the AES of
// its own keys, whatever the properties say, and none of it would work.
static SECRET_KEYS: Offer = offer! {
    c"KEYWARD-AES", ["provider=keyward"] approved => skeymgmt::AES, SECRET;
    c"KEYWARD-HMAC", ["provider=keyward"] approved => skeymgmt::HMAC, SECRET;
};

static CIPHERS: Offer = offer! {
    c"KEYWARD-AES-128-GCM", ["provider=keyward"] approved => cipher::GCM_128, ENCRYPTING;
    c"KEYWARD-AES-192-GCM", ["provider=keyward"] approved => cipher::GCM_192, ENCRYPTING;
    c"KEYWARD-AES-256-GCM", ["provider=keyward"] approved => cipher::GCM_256, ENCRYPTING;
    c"KEYWARD-AES-128-CBC", ["provider=keyward"] approved => cipher::CBC_128, ENCRYPTING;
    c"KEYWARD-AES-192-CBC", ["provider=keyward"] approved => cipher::CBC_192, ENCRYPTING;
    c"KEYWARD-AES-256-CBC", ["provider=keyward"] approved => cipher::CBC_256, ENCRYPTING;
    c"KEYWARD-AES-128-CTR", ["provider=keyward"] approved => cipher::CTR_128, ENCRYPTING;
    c"KEYWARD-AES-192-CTR", ["provider=keyward"] approved => cipher::CTR_192, ENCRYPTING;
    c"KEYWARD-AES-256-CTR", ["provider=keyward"] approved => cipher::CTR_256, ENCRYPTING;
    c"KEYWARD-AES-128-ECB", ["provider=keyward"] approved => cipher::ECB_128, ENCRYPTING;
    c"KEYWARD-AES-192-ECB", ["provider=keyward"] approved => cipher::ECB_192, ENCRYPTING;
    c"KEYWARD-AES-256-ECB", ["provider=keyward"] approved => cipher::ECB_256, ENCRYPTING;
};

static MACS: Offer = offer! {
    c"KEYWARD-HMAC", ["provider=keyward"] approved => mac::HMAC, AUTHENTICATING;
    c"KEYWARD-CMAC", ["provider=keyward"] approved => mac::CMAC, AUTHENTICATING;
};

const PUBLIC_HALF: &CStr = c"the public half of a key in a Keyward service";
const REFERENCE: &CStr = c"a reference to a key in a Keyward service";

macro_rules! encoders {
    ($($family:ident $approved:ident),*) => {
        offer! {
            family(Family::Rsa), ["output=der,structure=pkcs1"] approved =>
                encoder::PKCS1_DER, PUBLIC_HALF;
            family(Family::Rsa), ["output=pem,structure=pkcs1"] approved =>
                encoder::PKCS1_PEM, PUBLIC_HALF;
            family(Family::Rsa), ["output=der,structure=type-specific"] approved =>
                encoder::PKCS1_DER, PUBLIC_HALF;
            family(Family::Rsa), ["output=pem,structure=type-specific"] approved =>
                encoder::PKCS1_PEM, PUBLIC_HALF;
            $(
                family(Family::$family), ["output=der,structure=SubjectPublicKeyInfo"] $approved =>
                    encoder::SPKI_DER, PUBLIC_HALF;
                family(Family::$family), ["output=pem,structure=SubjectPublicKeyInfo"] $approved =>
                    encoder::SPKI_PEM, PUBLIC_HALF;
                family(Family::$family), ["output=pem,structure=PrivateKeyInfo"] $approved =>
                    encoder::REFERENCE_PEM, REFERENCE;
                family(Family::$family), ["output=text"] $approved =>
                    encoder::TEXT, c"a key in a Keyward service, for people";
            )*
        }
    };
}

static ENCODERS_BEFORE_3_5: Offer =
    encoders!(Rsa approved, RsaPss approved, Ec approved, Ed25519 approved, X25519 unapproved);

static ENCODERS: Offer = encoders!(
    Rsa approved, RsaPss approved, Ec approved, Ed25519 approved, X25519 unapproved,
    MlDsa44 approved, MlDsa65 approved, MlDsa87 approved,
    MlKem512 approved, MlKem768 approved, MlKem1024 approved
);

macro_rules! decoders {
    ($($family:ident $approved:ident),*) => {
        offer! {
            c"DER", ["input=pem"] approved => decoder::PEM, c"a Keyward reference PEM file";
            $(family(Family::$family), ["input=der,structure=keyward-reference"] $approved =>
                decoder::$family, REFERENCE;)*
        }
    };
}

static DECODERS_BEFORE_3_5: Offer =
    decoders!(Rsa approved, RsaPss approved, Ec approved, Ed25519 approved, X25519 unapproved);

static DECODERS: Offer = decoders!(
    Rsa approved, RsaPss approved, Ec approved, Ed25519 approved, X25519 unapproved,
    MlDsa44 approved, MlDsa65 approved, MlDsa87 approved,
    MlKem512 approved, MlKem768 approved, MlKem1024 approved
);

const URIS: &CStr = c"keys and certificates in a Keyward service, by URI";

static STORES: Offer = offer! {
    c"keyward", [] approved => store::KEYWARD, URIS;
};

static STORES_WITH_PKCS11: Offer = offer! {
    c"keyward", [] approved => store::KEYWARD, URIS;
    c"pkcs11", [] approved => store::PKCS11, URIS;
};

#[cfg(test)]
mod tests {
    use keyward_algorithms::Signature;

    use super::*;

    fn names(list: Algorithms) -> Vec<&'static str> {
        let entries = list.0.iter().filter(|entry| !entry.algorithm_names.is_null());
        // SAFETY: the names of an entry are a constant C string.
        entries
            .map(|entry| unsafe { CStr::from_ptr(entry.algorithm_names) }.to_str().unwrap())
            .collect()
    }

    #[test]
    fn signature_names_are_those_that_openssl_generates_its_own_from() {
        let source =
            openssl_src::source_dir().join("providers/implementations/include/prov/names.h");
        let table = std::fs::read_to_string(source).unwrap();
        let fixed = names(SIGNATURES_OF_3_4.plain).split_off(3);
        for name in &fixed {
            assert!(table.contains(&format!("\"{name}:")), "{name}");
        }
        let hashed = Signature::all().iter().filter(|row| {
            row.digest.is_some() && (row.suits(Family::Ec) || row.name.starts_with("rsa-pkcs1"))
        });
        assert_eq!(fixed.len(), hashed.count(), "an algorithm of the table is missing");
    }

    #[test]
    fn both_forms_of_a_list_have_the_same_entries() {
        for offer in [
            &KEY_MANAGEMENT,
            &SIGNATURES,
            &KEMS,
            &ENCODERS,
            &DECODERS,
            &STORES,
            &SECRET_KEYS,
            &CIPHERS,
            &MACS,
        ] {
            assert_eq!(names(offer.plain), names(offer.fips));
            assert_eq!(names(offer.plain).len() + 1, offer.plain.0.len());
        }
    }
}
