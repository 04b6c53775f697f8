//! Names of parameters and their values: `core_names.h`, which OpenSSL's build generates from
//! `util/perl/OpenSSL/paramnames.pm` (man page `provider-base(7)` and those it refers to).

use std::ffi::CStr;

/// Our own: the URI that a secret key is imported by (docs/openssl.md).
pub(crate) const SECRET_URI: &CStr = c"uri";

macro_rules! names {
    ($($name:ident = $text:literal;)*) => {
        $(pub(crate) const $name: &CStr = $text;)*
        /// Every name, for the test that compares them with OpenSSL's.
        #[cfg(test)]
        pub(crate) const ALL: &[&CStr] = &[$($name),*];
    };
}

names! {
    // provider-base(7): what a provider says about itself.
    PROVIDER_NAME = c"name";
    PROVIDER_VERSION = c"version";
    PROVIDER_BUILDINFO = c"buildinfo";
    PROVIDER_STATUS = c"status";

    // provider-object(7): objects on their way from a store or decoder.
    OBJECT_TYPE = c"type";
    OBJECT_DATA_TYPE = c"data-type";
    OBJECT_DATA_STRUCTURE = c"data-structure";
    OBJECT_REFERENCE = c"reference";
    OBJECT_DATA = c"data";

    // provider-storemgmt(7).
    STORE_EXPECT = c"expect";
    STORE_PROPERTIES = c"properties";
    STORE_SUBJECT = c"subject";
    STORE_ISSUER = c"name";
    STORE_SERIAL = c"serial";
    STORE_FINGERPRINT = c"fingerprint";
    STORE_ALIAS = c"alias";
    PASSPHRASE_INFO = c"info";
    STORE_INPUT_TYPE = c"input-type";

    // provider-keymgmt(7), EVP_PKEY-RSA(7), EVP_PKEY-EC(7), EVP_PKEY-X25519(7).
    BITS = c"bits";
    SECURITY_BITS = c"security-bits";
    MAX_SIZE = c"max-size";
    DEFAULT_DIGEST = c"default-digest";
    MANDATORY_DIGEST = c"mandatory-digest";
    RSA_N = c"n";
    RSA_E = c"e";
    RSA_D = c"d";
    GROUP = c"group";
    PUB = c"pub";
    PRIV = c"priv";
    SEED = c"seed";
    SECURITY_CATEGORY = c"security-category";
    ENCODED_PUBLIC_KEY = c"encoded-pub-key";
    EC_PUB_X = c"qx";
    EC_PUB_Y = c"qy";
    EC_ENCODING = c"encoding";
    EC_POINT_FORMAT = c"point-format";
    EC_FIELD_TYPE = c"field-type";
    EC_DECODED_FROM_EXPLICIT = c"decoded-from-explicit";
    EC_USE_COFACTOR = c"use-cofactor-flag";

    // provider-signature(7), provider-asym_cipher(7).
    ALGORITHM_ID = c"algorithm-id";
    DIGEST = c"digest";
    DIGEST_SIZE = c"digest-size";
    PROPERTIES = c"properties";
    PAD_MODE = c"pad-mode";
    MASKGENFUNC = c"mgf";
    MGF1_DIGEST = c"mgf1-digest";
    MGF1_PROPERTIES = c"mgf1-properties";
    PSS_SALTLEN = c"saltlen";
    OAEP_DIGEST_PROPERTIES = c"digest-props";
    OAEP_LABEL = c"oaep-label";
    TLS_CLIENT_VERSION = c"tls-client-version";
    TLS_NEGOTIATED_VERSION = c"tls-negotiated-version";
    IMPLICIT_REJECTION = c"implicit-rejection";
    INSTANCE = c"instance";
    CONTEXT_STRING = c"context-string";
    SIGNATURE = c"signature";
    MESSAGE_ENCODING = c"message-encoding";
    DETERMINISTIC = c"deterministic";
    TEST_ENTROPY = c"test-entropy";
    MU = c"mu";

    // provider-base(7): the capability TLS-SIGALG.
    TLS_SIGALG_IANA_NAME = c"tls-sigalg-iana-name";
    TLS_SIGALG_CODE_POINT = c"tls-sigalg-code-point";
    TLS_SIGALG_NAME = c"tls-sigalg-name";
    TLS_SIGALG_OID = c"tls-sigalg-oid";
    TLS_SIGALG_SECURITY_BITS = c"tls-sigalg-sec-bits";
    TLS_SIGALG_MIN_TLS = c"tls-min-tls";
    TLS_SIGALG_MAX_TLS = c"tls-max-tls";
    TLS_SIGALG_MIN_DTLS = c"tls-min-dtls";
    TLS_SIGALG_MAX_DTLS = c"tls-max-dtls";

    // provider-kem(7).
    KEM_IKME = c"ikme";

    // provider-cipher(7), provider-mac(7).
    CIPHER_MODE = c"mode";
    CIPHER_BLOCK_SIZE = c"blocksize";
    CIPHER_KEYLEN = c"keylen";
    CIPHER_IVLEN = c"ivlen";
    CIPHER_IV = c"iv";
    CIPHER_UPDATED_IV = c"updated-iv";
    CIPHER_PADDING = c"padding";
    CIPHER_AEAD = c"aead";
    CIPHER_CUSTOM_IV = c"custom-iv";
    CIPHER_AEAD_TAG = c"tag";
    CIPHER_AEAD_TAGLEN = c"taglen";
    MAC_SIZE = c"size";
    MAC_CIPHER = c"cipher";

    // provider-keyexch(7).
    EXCHANGE_PAD = c"pad";
    ECDH_COFACTOR_MODE = c"ecdh-cofactor-mode";
    KDF_TYPE = c"kdf-type";
    KDF_DIGEST = c"kdf-digest";
    KDF_DIGEST_PROPERTIES = c"kdf-digest-props";
    KDF_OUTLEN = c"kdf-outlen";
    KDF_UKM = c"kdf-ukm";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_openssl_generates_its_header_from() {
        let source = openssl_src::source_dir().join("util/perl/OpenSSL/paramnames.pm");
        let table = std::fs::read_to_string(source).unwrap();
        for name in ALL {
            let quoted = format!("\"{}\"", name.to_str().unwrap());
            assert!(table.contains(&quoted), "{quoted}");
        }
    }
}
