//! RSA encryption paddings (RFC 8017).

use crate::{Right, table};

/// The facts about one encryption scheme.
#[derive(Debug)]
pub struct EncryptionRow {
    /// Keyward's name.
    pub name: &'static str,
    /// The word of OpenSSL's `rsa_padding_mode` (`OSSL_PKEY_RSA_PAD_MODE_*`).
    pub openssl_pad_mode: &'static str,
    /// The number of the same padding in OpenSSL's older interface (`RSA_*_PADDING`).
    pub openssl_pad_number: u32,
    /// The padding in a JCA transformation, `None` where the JCA has none.
    pub jca_padding: Option<&'static str>,
    /// The right that decryption asks of the caller and of the key.
    pub right: Right,
}

table! {
    /// A way to encrypt to and decrypt with an RSA key.
    pub enum Encryption: EncryptionRow {
        /// PKCS#1 v1.5 with implicit rejection: bad padding gives a random-looking message.
        RsaPkcs1 = 1 => { name: "rsa-pkcs1", openssl_pad_mode: "pkcs1", openssl_pad_number: 1,
            jca_padding: Some("PKCS1Padding"), right: Right::Decrypt },
        /// OAEP with any digest, MGF1 digest and label.
        RsaOaep = 2 => { name: "rsa-oaep", openssl_pad_mode: "oaep", openssl_pad_number: 4,
            jca_padding: Some("OAEPPadding"), right: Right::Decrypt },
        /// The premaster secret of TLS 1.2 and older (RFC 5246, 7.4.7.1): always 48 bytes.
        RsaTls = 3 => { name: "rsa-tls", openssl_pad_mode: "", openssl_pad_number: 7,
            jca_padding: None, right: Right::Decrypt },
        /// No padding at all, for keys born with the use `raw` alone.
        RsaRaw = 4 => { name: "rsa-raw", openssl_pad_mode: "none", openssl_pad_number: 3,
            jca_padding: Some("NoPadding"), right: Right::Raw },
    }
}
