//! Elliptic curves for ECDSA and ECDH (FIPS 186-5, SEC 2).

use crate::{ObjectIdentifier, digest::oid, table};

/// The facts about one curve.
#[derive(Debug)]
pub struct CurveRow {
    /// Keyward's name of a key on this curve: `p-256`.
    pub name: &'static str,
    /// OpenSSL's group name: `prime256v1`.
    pub openssl: &'static str,
    /// The name in the Java Cryptography Architecture: `secp256r1`.
    pub jca: &'static str,
    /// Object identifier of the curve.
    pub oid: ObjectIdentifier,
    /// Size of the group order in bits.
    pub bits: u32,
    /// Security strength in bits (SP 800-57).
    pub security_bits: u32,
}

table! {
    /// A short Weierstrass curve over a prime field.
    pub enum Curve: CurveRow {
        /// NIST P-256.
        P256 = 1 => { name: "p-256", openssl: "prime256v1", jca: "secp256r1",
            oid: oid("1.2.840.10045.3.1.7"), bits: 256, security_bits: 128 },
        /// NIST P-384.
        P384 = 2 => { name: "p-384", openssl: "secp384r1", jca: "secp384r1",
            oid: oid("1.3.132.0.34"), bits: 384, security_bits: 192 },
        /// NIST P-521.
        P521 = 3 => { name: "p-521", openssl: "secp521r1", jca: "secp521r1",
            oid: oid("1.3.132.0.35"), bits: 521, security_bits: 256 },
        /// SEC 2 secp256k1.
        Secp256k1 = 4 => { name: "secp256k1", openssl: "secp256k1", jca: "secp256k1",
            oid: oid("1.3.132.0.10"), bits: 256, security_bits: 128 },
    }
}

impl Curve {
    /// Finds a curve by any of its names, in any case: `p-256`, `P256`, `prime256v1`, `secp256r1`.
    pub fn from_name(name: &str) -> Option<Curve> {
        Curve::ALL.iter().copied().find(|curve| {
            let row = curve.row();
            [row.name, row.openssl, row.jca].iter().any(|known| known.eq_ignore_ascii_case(name))
                || row.name.strip_prefix("p-").is_some_and(|digits| {
                    name.strip_prefix(['p', 'P']).is_some_and(|rest| rest == digits)
                })
        })
    }

    /// Finds a curve by its object identifier.
    pub fn from_oid(oid: ObjectIdentifier) -> Option<Curve> {
        Curve::ALL.iter().copied().find(|curve| curve.row().oid == oid)
    }

    /// Size of a field element, and of one coordinate, in bytes.
    pub const fn field_bytes(self) -> usize {
        self.row().bits.div_ceil(8) as usize
    }

    /// Size of an uncompressed point (SEC 1, 2.3.3) in bytes.
    pub const fn point_bytes(self) -> usize {
        1 + 2 * self.field_bytes()
    }

    /// The largest size in bytes of a DER `ECDSA-Sig-Value` on this curve.
    pub const fn max_signature_bytes(self) -> usize {
        // Two INTEGERs of the order's size, each with a possible leading zero octet.
        let order_bytes = self.row().bits.div_ceil(8) as usize;
        let integer = 2 + order_bytes + if self.row().bits.is_multiple_of(8) { 1 } else { 0 };
        let body = 2 * integer;
        body + if body < 128 { 2 } else { 3 }
    }
}
