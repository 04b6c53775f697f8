//! Message digests (FIPS 180-4, FIPS 202).

use crate::{ObjectIdentifier, table};

/// The facts about one digest.
#[derive(Debug)]
pub struct DigestRow {
    /// Keyward's own name, as it stands in algorithm names: `sha256`.
    pub name: &'static str,
    /// OpenSSL's names, the canonical one first.
    pub openssl: &'static [&'static str],
    /// The name in the Java Cryptography Architecture: `SHA-256`.
    pub jca: &'static str,
    /// The part of a JCA signature name before `with`: `SHA256`.
    pub jca_prefix: &'static str,
    /// Object identifier of the digest.
    pub oid: ObjectIdentifier,
    /// Output size in bytes.
    pub size: usize,
}

table! {
    /// A digest that a signature or a padding is built on.
    pub enum Digest: DigestRow {
        /// SHA-1: for old certificates and OAEP's default, no longer for new signatures.
        Sha1 = 1 => { name: "sha1", openssl: &["SHA1", "SHA-1", "SSL3-SHA1"], jca: "SHA-1",
            jca_prefix: "SHA1", oid: oid("1.3.14.3.2.26"), size: 20 },
        /// SHA-224.
        Sha224 = 2 => { name: "sha224", openssl: &["SHA2-224", "SHA-224", "SHA224"],
            jca: "SHA-224", jca_prefix: "SHA224", oid: oid("2.16.840.1.101.3.4.2.4"), size: 28 },
        /// SHA-256.
        Sha256 = 3 => { name: "sha256", openssl: &["SHA2-256", "SHA-256", "SHA256"],
            jca: "SHA-256", jca_prefix: "SHA256", oid: oid("2.16.840.1.101.3.4.2.1"), size: 32 },
        /// SHA-384.
        Sha384 = 4 => { name: "sha384", openssl: &["SHA2-384", "SHA-384", "SHA384"],
            jca: "SHA-384", jca_prefix: "SHA384", oid: oid("2.16.840.1.101.3.4.2.2"), size: 48 },
        /// SHA-512.
        Sha512 = 5 => { name: "sha512", openssl: &["SHA2-512", "SHA-512", "SHA512"],
            jca: "SHA-512", jca_prefix: "SHA512", oid: oid("2.16.840.1.101.3.4.2.3"), size: 64 },
        /// SHA-512/256.
        Sha512_256 = 6 => { name: "sha512-256",
            openssl: &["SHA2-512/256", "SHA-512/256", "SHA512-256"],
            jca: "SHA-512/256", jca_prefix: "SHA512/256", oid: oid("2.16.840.1.101.3.4.2.6"),
            size: 32 },
        /// SHA3-256.
        Sha3_256 = 7 => { name: "sha3-256", openssl: &["SHA3-256"], jca: "SHA3-256",
            jca_prefix: "SHA3-256", oid: oid("2.16.840.1.101.3.4.2.8"), size: 32 },
        /// SHA3-384.
        Sha3_384 = 8 => { name: "sha3-384", openssl: &["SHA3-384"], jca: "SHA3-384",
            jca_prefix: "SHA3-384", oid: oid("2.16.840.1.101.3.4.2.9"), size: 48 },
        /// SHA3-512.
        Sha3_512 = 9 => { name: "sha3-512", openssl: &["SHA3-512"], jca: "SHA3-512",
            jca_prefix: "SHA3-512", oid: oid("2.16.840.1.101.3.4.2.10"), size: 64 },
    }
}

pub(crate) const fn oid(dotted: &'static str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(dotted)
}

impl Digest {
    /// Finds a digest by any of its names: Keyward's, OpenSSL's or JCA's, in any case.
    pub fn from_name(name: &str) -> Option<Digest> {
        Digest::ALL.iter().copied().find(|digest| {
            let row = digest.row();
            row.name.eq_ignore_ascii_case(name)
                || row.jca.eq_ignore_ascii_case(name)
                || row.openssl.iter().any(|known| known.eq_ignore_ascii_case(name))
        })
    }

    /// Output size in bytes.
    pub const fn size(self) -> usize {
        self.row().size
    }
}
