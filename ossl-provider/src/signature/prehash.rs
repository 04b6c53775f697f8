//! What is hashed with before a signature is made.

use std::sync::Arc;

use keyward_algorithms::{Digest, ML_DSA_MU_BYTES};
use keyward_crypto::{Hash, Md5Sha1, Mu};
use keyward_protocol::Result;

use crate::failure::from_crypto;

/// OpenSSL's name of TLS 1.1's pair of digests.
const MD5_SHA1: &str = "MD5-SHA1";

/// A digest of the table, or the pair that RSA keys sign in TLS 1.1 and older.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prehash {
    Digest(Digest),
    Md5Sha1,
}

impl Prehash {
    pub(crate) fn from_name(name: &str) -> Option<Prehash> {
        match name.eq_ignore_ascii_case(MD5_SHA1) {
            true => Some(Prehash::Md5Sha1),
            false => Digest::from_name(name).map(Prehash::Digest),
        }
    }

    /// The digest that a signature algorithm is named by. The pair is signed as it is, by an
    /// algorithm without a digest.
    pub(crate) fn in_table(self) -> Option<Digest> {
        match self {
            Prehash::Digest(digest) => Some(digest),
            Prehash::Md5Sha1 => None,
        }
    }

    pub(crate) fn size(self) -> usize {
        match self {
            Prehash::Digest(digest) => digest.size(),
            Prehash::Md5Sha1 => Md5Sha1::SIZE,
        }
    }

    /// The name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Prehash::Digest(digest) => digest.row().name,
            Prehash::Md5Sha1 => "md5-sha1",
        }
    }

    /// OpenSSL's name.
    pub(crate) fn openssl(self) -> &'static str {
        match self {
            Prehash::Digest(digest) => digest.row().openssl[0],
            Prehash::Md5Sha1 => MD5_SHA1,
        }
    }
}

impl From<Digest> for Prehash {
    fn from(digest: Digest) -> Prehash {
        Prehash::Digest(digest)
    }
}

/// A hash under way.
#[derive(Clone)]
pub(crate) enum Hashing {
    Digest(Hash),
    Md5Sha1(Box<Md5Sha1>),
    /// What ML-DSA signs. A copy of the context shares it until one of both goes on.
    Mu(Arc<Mu>),
}

impl Hashing {
    pub(crate) fn new(prehash: Prehash) -> Hashing {
        match prehash {
            Prehash::Digest(digest) => Hashing::Digest(Hash::new(digest)),
            Prehash::Md5Sha1 => Hashing::Md5Sha1(Box::new(Md5Sha1::new())),
        }
    }

    pub(crate) fn update(&mut self, data: &[u8]) -> Result<()> {
        match self {
            Hashing::Digest(hash) => hash.update(data),
            Hashing::Md5Sha1(hash) => hash.update(data),
            Hashing::Mu(shared) => match Arc::get_mut(shared) {
                Some(mu) => mu.update(data).map_err(from_crypto)?,
                None => {
                    let mut mu = shared.try_clone().map_err(from_crypto)?;
                    mu.update(data).map_err(from_crypto)?;
                    *shared = Arc::new(mu);
                }
            },
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Hashed> {
        Ok(match self {
            Hashing::Digest(hash) => Hashed::Digest(hash.finish()),
            Hashing::Md5Sha1(hash) => Hashed::Md5Sha1(hash.finish()),
            Hashing::Mu(shared) => {
                let mu = Arc::try_unwrap(shared).or_else(|shared| shared.try_clone());
                Hashed::Mu(mu.and_then(Mu::finish).map_err(from_crypto)?)
            }
        })
    }
}

/// A finished hash.
pub(crate) enum Hashed {
    Digest(keyward_crypto::HashValue),
    Md5Sha1([u8; Md5Sha1::SIZE]),
    Mu([u8; ML_DSA_MU_BYTES]),
}

impl AsRef<[u8]> for Hashed {
    fn as_ref(&self) -> &[u8] {
        match self {
            Hashed::Digest(digest) => digest.as_ref(),
            Hashed::Md5Sha1(digest) => digest,
            Hashed::Mu(mu) => mu,
        }
    }
}
