//! What a new key is to be, as the Java class `KeyAttributes` writes it: numbers with the most
//! significant byte first, and a length before all that varies.

use keyward_algorithms::{ErrorKind, Rights};
use keyward_client::KeyTemplate;
use keyward_protocol::{Error, Restrictions, Result};

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
        let mut from = Reader(bytes);
        from.new_key().ok_or_else(|| {
            Error::new(ErrorKind::Internal, "the attributes of a new key do not read")
                .hint("jar and native library are of different versions")
        })
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

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn new_key(&mut self) -> Option<NewKey> {
        let name = self.string()?;
        let uses = Rights::from_bits(self.number()?);
        let [flags] = self.array()?;
        let not_before = u64::from_be_bytes(self.array()?);
        let not_after = u64::from_be_bytes(self.array()?);
        let algorithms = (0..self.number()?).map(|_| self.string()).collect::<Option<_>>()?;
        let restrictions = Restrictions {
            algorithms,
            not_before,
            not_after,
            needs_approval: flags & NEEDS_APPROVAL != 0,
            wrap_with_trusted_only: flags & WRAP_WITH_TRUSTED_ONLY != 0,
            ..Restrictions::default()
        };
        Some(NewKey { name, uses, exportable: flags & EXPORTABLE != 0, restrictions })
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
