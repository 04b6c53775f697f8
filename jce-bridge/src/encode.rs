//! Keys and certificates as the Java classes `KeyInfo` and `KeptCertificate` read them: numbers with
//! the most significant byte first, as `java.io.DataInput` has them, and a length before all that
//! varies.

use keyward_algorithms::KeyType;
use keyward_protocol::{Key, messages::KeptCertificate};

use crate::attributes;

/// One key.
pub(crate) fn key(key: &Key) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, key);
    out
}

/// A number, and so many keys.
pub(crate) fn keys(keys: &[Key]) -> Vec<u8> {
    let mut out = Vec::new();
    number(&mut out, keys.len());
    keys.iter().for_each(|key| append(&mut out, key));
    out
}

/// A number, and so many certificates.
pub(crate) fn certificates(kept: &[KeptCertificate]) -> Vec<u8> {
    let mut out = Vec::new();
    number(&mut out, kept.len());
    for one in kept {
        bytes(&mut out, one.owner.as_bytes());
        bytes(&mut out, one.name.as_bytes());
        out.extend(one.created.to_be_bytes());
        bytes(&mut out, &one.der);
    }
    out
}

fn append(out: &mut Vec<u8>, key: &Key) {
    bytes(out, key.id.as_bytes());
    bytes(out, key.owner.as_bytes());
    bytes(out, key.key_type.to_string().as_bytes());
    bytes(out, kind(key.key_type).as_bytes());
    out.extend(key.rights.bits().to_be_bytes());
    out.extend(key.created.to_be_bytes());
    bytes(out, &key.spki);
    number(out, key.chain.len());
    key.chain.iter().for_each(|certificate| bytes(out, certificate));
    attributes::append(out, key);
}

/// The family of a pair of keys, or the kind of a secret key.
fn kind(key_type: KeyType) -> &'static str {
    match (key_type, key_type.family()) {
        (KeyType::Secret(kind, _), _) => kind.row().name,
        (_, Some(family)) => family.row().name,
        (_, None) => "",
    }
}

/// Bytes with their number before them.
pub(crate) fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    number(out, value.len());
    out.extend_from_slice(value);
}

/// Everything came in frames far smaller than this number can say.
pub(crate) fn number(out: &mut Vec<u8>, value: usize) {
    out.extend((value as u32).to_be_bytes());
}
