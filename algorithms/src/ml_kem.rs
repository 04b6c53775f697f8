//! The parameter sets of ML-KEM (FIPS 203).

use crate::{Family, table};

/// The name of all parameter sets together in the Java Cryptography Architecture.
pub const ML_KEM_JCA: &str = "ML-KEM";

/// The size in bytes of the secret that both sides of an ML-KEM have in the end (FIPS 203, 6).
pub const ML_KEM_SECRET_BYTES: usize = 32;

/// The facts about one parameter set.
#[derive(Debug)]
pub struct MlKemRow {
    /// The family of its keys, which has its names.
    pub family: Family,
    /// What its number says, which OpenSSL takes for the size of the key in bits.
    pub bits: u32,
    /// Size of a public key (FIPS 203: encapsulation key) in bytes.
    pub public_bytes: usize,
    /// Size of an expanded private key (FIPS 203: decapsulation key) in bytes.
    pub private_bytes: usize,
    /// Size of a ciphertext in bytes.
    pub ciphertext_bytes: usize,
    /// Security strength in bits.
    pub security_bits: u32,
    /// Security category (FIPS 203, 8).
    pub security_category: u8,
}

table! {
    /// A parameter set of ML-KEM.
    pub enum MlKem: MlKemRow {
        /// ML-KEM-512, of security category 1.
        MlKem512 = 1 => { family: Family::MlKem512, bits: 512, public_bytes: 800,
            private_bytes: 1632, ciphertext_bytes: 768, security_bits: 128, security_category: 1 },
        /// ML-KEM-768, of security category 3.
        MlKem768 = 2 => { family: Family::MlKem768, bits: 768, public_bytes: 1184,
            private_bytes: 2400, ciphertext_bytes: 1088, security_bits: 192, security_category: 3 },
        /// ML-KEM-1024, of security category 5.
        MlKem1024 = 3 => { family: Family::MlKem1024, bits: 1024, public_bytes: 1568,
            private_bytes: 3168, ciphertext_bytes: 1568, security_bits: 256, security_category: 5 },
    }
}

impl MlKem {
    /// The parameter set of the keys of a family.
    pub fn of(family: Family) -> Option<MlKem> {
        MlKem::ALL.iter().copied().find(|set| set.row().family == family)
    }
}
