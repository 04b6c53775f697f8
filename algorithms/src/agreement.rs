//! Key agreement.

use crate::{Family, table};

/// The facts about one key agreement.
#[derive(Debug)]
pub struct AgreementRow {
    /// Keyward's name.
    pub name: &'static str,
    /// Names in the Java Cryptography Architecture, the canonical one first.
    pub jca: &'static [&'static str],
    /// OpenSSL's names of the key exchange, colon-separated as the core wants them.
    pub openssl: &'static str,
    /// The family of keys that can do it.
    pub family: Family,
}

table! {
    /// A Diffie-Hellman key agreement; its result is the raw shared secret.
    pub enum Agreement: AgreementRow {
        /// ECDH (SP 800-56A, 5.7.1.2); the secret is the x coordinate.
        Ecdh = 1 => { name: "ecdh", jca: &["ECDH"], openssl: "ECDH", family: Family::Ec },
        /// X25519 (RFC 7748). An all-zero secret is refused.
        X25519 = 2 => { name: "x25519", jca: &["XDH", "X25519"], openssl: "X25519",
            family: Family::X25519 },
    }
}

impl Agreement {
    /// The agreement that keys of this family do.
    pub fn of(family: Family) -> Option<Agreement> {
        Agreement::ALL.iter().copied().find(|agreement| agreement.row().family == family)
    }
}
