//! Hashing with the digests of the table. Clients hash before they ask the service to sign.

use aws_lc_rs::digest;
use keyward_algorithms::Digest;

/// A finished digest, the bytes of which `as_ref` gives.
pub use aws_lc_rs::digest::Digest as HashValue;

/// A hash under way.
#[derive(Clone)]
pub struct Hash(digest::Context);

impl Hash {
    /// Starts a hash.
    pub fn new(digest: Digest) -> Hash {
        Hash(digest::Context::new(algorithm(digest)))
    }

    /// Takes a piece of the data.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of all the pieces.
    pub fn finish(self) -> HashValue {
        self.0.finish()
    }
}

/// The digest of one piece of data.
pub fn hash(kind: Digest, data: &[u8]) -> HashValue {
    digest::digest(algorithm(kind), data)
}

fn algorithm(digest: Digest) -> &'static digest::Algorithm {
    match digest {
        Digest::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        Digest::Sha224 => &digest::SHA224,
        Digest::Sha256 => &digest::SHA256,
        Digest::Sha384 => &digest::SHA384,
        Digest::Sha512 => &digest::SHA512,
        Digest::Sha512_256 => &digest::SHA512_256,
        Digest::Sha3_256 => &digest::SHA3_256,
        Digest::Sha3_384 => &digest::SHA3_384,
        Digest::Sha3_512 => &digest::SHA3_512,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digest_has_the_size_that_the_table_says() {
        for digest in Digest::ALL {
            assert_eq!(hash(*digest, b"abc").as_ref().len(), digest.size(), "{digest:?}");
        }
    }
}
