//! Hashing, which stays on this side: digests cannot be fetched through the core's dispatch tables.

use aws_lc_rs::digest;
use keyward_algorithms::Digest;

/// A hash under way.
#[derive(Clone)]
pub(crate) struct Hash(digest::Context);

impl Hash {
    pub(crate) fn new(digest: Digest) -> Hash {
        Hash(digest::Context::new(algorithm(digest)))
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    pub(crate) fn finish(self) -> digest::Digest {
        self.0.finish()
    }
}

/// The digest of one piece of data.
pub(crate) fn hash(kind: Digest, data: &[u8]) -> digest::Digest {
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
