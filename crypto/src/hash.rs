//! Hashing with the digests of the table. Clients hash before they ask the service to sign.

use aws_lc_rs::digest;
use keyward_algorithms::Digest;

use crate::aws_lc::Md5;

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

/// MD5 and SHA-1 over the same data, one digest after the other: what RSA keys sign in TLS 1.1 and
/// older (RFC 4346, 7.4.3), as `rsa-pkcs1` without a digest.
#[derive(Clone)]
pub struct Md5Sha1 {
    md5: Md5,
    sha1: Hash,
}

impl Md5Sha1 {
    /// Output size in bytes.
    pub const SIZE: usize = Md5::SIZE + Digest::Sha1.size();

    /// Starts both hashes.
    #[expect(clippy::new_without_default, reason = "a hash is started, not defaulted to")]
    pub fn new() -> Md5Sha1 {
        Md5Sha1 { md5: Md5::new(), sha1: Hash::new(Digest::Sha1) }
    }

    /// Takes a piece of the data.
    pub fn update(&mut self, data: &[u8]) {
        self.md5.update(data);
        self.sha1.update(data);
    }

    /// Both digests of all the pieces.
    pub fn finish(self) -> [u8; Md5Sha1::SIZE] {
        let mut digest = [0; Md5Sha1::SIZE];
        let (md5, sha1) = digest.split_at_mut(Md5::SIZE);
        md5.copy_from_slice(&self.md5.finish());
        sha1.copy_from_slice(self.sha1.finish().as_ref());
        digest
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

    #[test]
    fn the_pair_of_tls_1_1_is_both_digests_in_order() {
        let mut pair = Md5Sha1::new();
        pair.update(b"a");
        pair.update(b"bc");
        let digest = pair.finish();
        // RFC 1321, A.5.
        let md5 = 0x9001_5098_3cd2_4fb0_d696_3f7d_28e1_7f72_u128.to_be_bytes();
        assert_eq!(digest[..16], md5);
        assert_eq!(&digest[16..], hash(Digest::Sha1, b"abc").as_ref());
    }
}
