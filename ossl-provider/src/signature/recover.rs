//! What an RSA signature was made of (RFC 8017, 9.2).

use der::{
    Decode, Encode, Sequence,
    asn1::{Null, OctetStringRef},
};
use keyward_algorithms::{Digest, ObjectIdentifier};

#[derive(Sequence)]
struct DigestAlgorithm {
    oid: ObjectIdentifier,
    parameters: Null,
}

/// `DigestInfo` (RFC 8017, A.2.4).
#[derive(Sequence)]
struct DigestInfo<'a> {
    algorithm: DigestAlgorithm,
    digest: &'a OctetStringRef,
}

/// The digest in a DigestInfo, if it is one of this digest's in the only encoding that counts.
pub(super) fn digest_in(info: &[u8], digest: Digest) -> Option<Vec<u8>> {
    let parsed = DigestInfo::from_der(info).ok()?;
    let value = parsed.digest.as_bytes();
    let as_it_has_to_be = parsed.algorithm.oid == digest.row().oid
        && value.len() == digest.size()
        && parsed.to_der().is_ok_and(|der| der == info);
    as_it_has_to_be.then(|| value.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_encoding_of_the_expected_digest_is_taken() {
        // RFC 8017, 9.2, note 1.
        let head = [0x30, 0x21, 0x30, 0x09, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0, 4, 0x14];
        let info = [&head[..], &[7; 20]].concat();
        assert_eq!(digest_in(&info, Digest::Sha1), Some(vec![7; 20]));
        assert_eq!(digest_in(&info, Digest::Sha256), None);
        assert_eq!(digest_in(&[&info[..], &[0]].concat(), Digest::Sha1), None);
        assert_eq!(digest_in(&info[..34], Digest::Sha1), None);
    }
}
