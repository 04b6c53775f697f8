//! Keys as the Java class `KeyInfo` reads them: numbers with the most significant byte first, as
//! `java.io.DataInput` has them, and a length before all that varies.

use keyward_algorithms::{ErrorKind, Family};
use keyward_protocol::{Error, Key, Result};

/// One pair of keys.
pub(crate) fn key(key: &Key) -> Result<Vec<u8>> {
    let family = key.key_type.family().ok_or_else(|| {
        let message = format!("key \"{}\" ({}) is a secret key", key.name, key.key_type);
        Error::new(ErrorKind::Unsupported, message).hint("here pairs of keys are used")
    })?;
    let mut out = Vec::new();
    append(&mut out, key, family);
    Ok(out)
}

/// A number, and so many pairs of keys; secret keys are left out.
pub(crate) fn keys(keys: &[Key]) -> Vec<u8> {
    let pairs = || keys.iter().filter_map(|key| Some((key, key.key_type.family()?)));
    let mut out = Vec::new();
    number(&mut out, pairs().count());
    pairs().for_each(|(key, family)| append(&mut out, key, family));
    out
}

fn append(out: &mut Vec<u8>, key: &Key, family: Family) {
    bytes(out, key.id.as_bytes());
    bytes(out, key.owner.as_bytes());
    bytes(out, key.name.as_bytes());
    bytes(out, key.key_type.to_string().as_bytes());
    bytes(out, family.row().name.as_bytes());
    out.extend(key.usage.bits().to_be_bytes());
    out.extend(key.rights.bits().to_be_bytes());
    out.extend(key.created.to_be_bytes());
    bytes(out, &key.spki);
    number(out, key.chain.len());
    key.chain.iter().for_each(|certificate| bytes(out, certificate));
}

fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    number(out, value.len());
    out.extend_from_slice(value);
}

/// Everything came in frames far smaller than this number can say.
fn number(out: &mut Vec<u8>, value: usize) {
    out.extend((value as u32).to_be_bytes());
}
