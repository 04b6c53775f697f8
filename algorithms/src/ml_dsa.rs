//! The parameter sets of ML-DSA (FIPS 204).

use crate::{Family, table};

/// The size in bytes of mu, the digest of key, context and message that ML-DSA signs
/// (FIPS 204, algorithm 7, line 6).
pub const ML_DSA_MU_BYTES: usize = 64;

/// The longest context string of an ML-DSA signature in bytes (FIPS 204, 5.2).
pub const ML_DSA_CONTEXT_MAX: usize = 255;

/// What the Java Cryptography Architecture calls all parameter sets together (JEP 497).
pub const ML_DSA_JCA: &str = "ML-DSA";

/// The name in Java of signatures over a digest that the caller made (FIPS 204's mu).
pub const ML_DSA_MU_JCA: &str = "ML-DSA-EXTERNAL-MU";

/// The facts about one parameter set.
#[derive(Debug)]
pub struct MlDsaRow {
    /// The family of its keys, which has its names.
    pub family: Family,
    /// Size of a public key in bytes.
    pub public_bytes: usize,
    /// Size of an expanded private key in bytes.
    pub private_bytes: usize,
    /// Size of a signature in bytes.
    pub signature_bytes: usize,
    /// Security strength in bits (FIPS 204, table 1: lambda).
    pub security_bits: u32,
    /// Security category (FIPS 204, table 1).
    pub security_category: u8,
}

table! {
    /// A parameter set of ML-DSA.
    pub enum MlDsa: MlDsaRow {
        /// ML-DSA-44, of security category 2.
        MlDsa44 = 1 => { family: Family::MlDsa44, public_bytes: 1312, private_bytes: 2560,
            signature_bytes: 2420, security_bits: 128, security_category: 2 },
        /// ML-DSA-65, of security category 3.
        MlDsa65 = 2 => { family: Family::MlDsa65, public_bytes: 1952, private_bytes: 4032,
            signature_bytes: 3309, security_bits: 192, security_category: 3 },
        /// ML-DSA-87, of security category 5.
        MlDsa87 = 3 => { family: Family::MlDsa87, public_bytes: 2592, private_bytes: 4896,
            signature_bytes: 4627, security_bits: 256, security_category: 5 },
    }
}

impl MlDsa {
    /// The parameter set of the keys of a family.
    pub fn of(family: Family) -> Option<MlDsa> {
        MlDsa::ALL.iter().copied().find(|set| set.row().family == family)
    }
}
