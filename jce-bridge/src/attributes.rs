//! What a key is or is to be, as the Java class `KeyAttributes` writes and reads it: numbers with the
//! most significant byte first, and a length before all that varies.

use keyward_algorithms::{ErrorKind, Rights};
use keyward_client::KeyTemplate;
use keyward_protocol::{Error, Key, Restrictions, Result};

use crate::encode::{bytes, number};

/// A new key's name, uses and restrictions.
pub(crate) struct NewKey {
    name: String,
    /// None mean those of its type.
    uses: Rights,
    exportable: bool,
    restrictions: Restrictions,
}

/// Flags of one byte.
const EXPORTABLE: u8 = 1;
const NEEDS_APPROVAL: u8 = 2;
const WRAP_WITH_TRUSTED_ONLY: u8 = 4;

impl NewKey {
    /// Reads what Java wrote; both are of one version.
    pub(crate) fn read(bytes: &[u8]) -> Result<NewKey> {
        let (mut new, max_rate) = Reader(bytes).new_key().ok_or_else(|| {
            Error::new(ErrorKind::Internal, "the attributes of a new key do not read")
                .hint("jar and native library are of different versions")
        })?;
        // This one a program wrote in its own words.
        if !max_rate.is_empty() {
            new.restrictions.max_rate = Some(max_rate.parse()?);
        }
        Ok(new)
    }

    pub(crate) fn template(&self) -> KeyTemplate<'_> {
        KeyTemplate {
            name: &self.name,
            usage: Some(self.uses).filter(|uses| !uses.is_empty()),
            exportable: self.exportable,
            restrictions: self.restrictions.clone(),
        }
    }
}

/// Writes what a key is, in the form in which new keys are read.
pub(crate) fn append(out: &mut Vec<u8>, key: &Key) {
    let held = &key.attributes.restrictions;
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    bytes(out, key.name.as_bytes());
    out.extend(key.usage.bits().to_be_bytes());
    out.push(
        flag(key.exportable, EXPORTABLE)
            | flag(held.needs_approval, NEEDS_APPROVAL)
            | flag(held.wrap_with_trusted_only, WRAP_WITH_TRUSTED_ONLY),
    );
    out.extend(held.not_before.to_be_bytes());
    out.extend(held.not_after.to_be_bytes());
    out.extend(held.max_uses.to_be_bytes());
    bytes(out, held.max_rate.map(|rate| rate.to_string()).unwrap_or_default().as_bytes());
    out.extend(held.child_uses.to_be_bytes());
    number(out, held.algorithms.len());
    held.algorithms.iter().for_each(|name| bytes(out, name.as_bytes()));
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    /// The new key without its rate, and the rate as it stands there.
    fn new_key(&mut self) -> Option<(NewKey, String)> {
        let name = self.string()?;
        let uses = Rights::from_bits(self.number()?);
        let [flags] = self.array()?;
        let not_before = u64::from_be_bytes(self.array()?);
        let not_after = u64::from_be_bytes(self.array()?);
        let max_uses = u64::from_be_bytes(self.array()?);
        let max_rate = self.string()?;
        let child_uses = self.number()?;
        let algorithms = (0..self.number()?).map(|_| self.string()).collect::<Option<_>>()?;
        let restrictions = Restrictions {
            algorithms,
            not_before,
            not_after,
            needs_approval: flags & NEEDS_APPROVAL != 0,
            wrap_with_trusted_only: flags & WRAP_WITH_TRUSTED_ONLY != 0,
            max_uses,
            max_rate: None,
            child_uses,
        };
        Some((NewKey { name, uses, exportable: flags & EXPORTABLE != 0, restrictions }, max_rate))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn number(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn string(&mut self) -> Option<String> {
        let length = self.number()? as usize;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(bytes.to_vec()).ok()
    }
}
