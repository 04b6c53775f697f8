//! Finding, listing and changing keys.

use keyward_algorithms::Rights;
use keyward_protocol::{
    Key, KeyId, KeySelector, Result,
    messages::{self, request::Operation, response},
};

use super::unexpected;
use crate::Client;

impl Client {
    /// Finds one key.
    pub fn find(&self, selector: &KeySelector) -> Result<Key> {
        let selector = match selector {
            KeySelector::Id(id) => {
                messages::Selector { id: id.as_bytes().to_vec(), ..Default::default() }
            }
            KeySelector::Name(name) => {
                messages::Selector { name: name.clone(), ..Default::default() }
            }
            KeySelector::Owned { owner, name } => messages::Selector {
                owner: owner.clone(),
                name: name.clone(),
                ..Default::default()
            },
        };
        self.key(Operation::Find(messages::Find { key: Some(selector) }))
    }

    /// All keys whose names begin with a prefix and which the caller may see. Keys of types that
    /// this version does not know are left out.
    pub fn list(&self, prefix: &str) -> Result<Vec<Key>> {
        self.list_all(&messages::List { prefix: prefix.into(), ..messages::List::default() })
    }

    fn list_all(&self, list: &messages::List) -> Result<Vec<Key>> {
        let mut keys = Vec::new();
        let mut after = Vec::new();
        loop {
            let (page, next) = self.page(messages::List { after, ..list.clone() })?;
            keys.extend(page);
            if next.is_empty() {
                return Ok(keys);
            }
            after = next;
        }
    }

    /// One page of a listing: `after` is empty for the first, then what the last call gave back,
    /// until that is empty. A `limit` of 0 leaves the size to the service.
    pub fn list_page(
        &self,
        prefix: &str,
        after: Vec<u8>,
        limit: u32,
    ) -> Result<(Vec<Key>, Vec<u8>)> {
        let prefix = prefix.into();
        self.page(messages::List { prefix, after, limit, ..messages::List::default() })
    }

    fn page(&self, list: messages::List) -> Result<(Vec<Key>, Vec<u8>)> {
        match self.call(Operation::List(list))? {
            response::Result::Keys(page) => {
                let known = page.keys.into_iter().filter_map(|info| self.known(info));
                Ok((known.collect(), page.next))
            }
            _ => Err(unexpected()),
        }
    }

    /// A key of a listing, if this version can read it.
    fn known(&self, info: messages::KeyInfo) -> Option<Key> {
        let leave_out = |error| {
            if let Some(trace) = &self.settings().trace {
                trace.note(format_args!("list: left out: {error}"));
            }
        };
        Key::try_from(info).map_err(leave_out).ok()
    }

    /// Gives a key another name.
    pub fn rename(&self, key: &KeyId, name: &str) -> Result<Key> {
        let rename = messages::Rename { key_id: key.as_bytes().to_vec(), name: name.into() };
        self.key(Operation::Rename(rename))
    }

    /// Takes away some of what a key may do, for ever.
    pub fn restrict(&self, key: &KeyId, less: messages::Restrict) -> Result<Key> {
        let less = messages::Restrict { key_id: key.as_bytes().to_vec(), ..less };
        self.key(Operation::Restrict(less))
    }

    /// Lets a key wrap those that leave with trusted keys alone, or no more.
    pub fn trust(&self, key: &KeyId, trusted: bool) -> Result<Key> {
        let trust = messages::Trust { key_id: key.as_bytes().to_vec(), trusted };
        self.key(Operation::Trust(trust))
    }

    /// Deletes a key; until when it can be brought back, in seconds since 1970, or 0.
    pub fn delete(&self, key: &KeyId) -> Result<u64> {
        self.delete_key(messages::Delete { key_id: key.as_bytes().to_vec(), now: false })
    }

    /// Deletes a key, or one that was deleted before, for ever and at once.
    pub fn delete_now(&self, key: &KeyId) -> Result<()> {
        let delete = messages::Delete { key_id: key.as_bytes().to_vec(), now: true };
        self.delete_key(delete).map(drop)
    }

    fn delete_key(&self, delete: messages::Delete) -> Result<u64> {
        match self.call(Operation::Delete(delete))? {
            response::Result::Deletion(left) => Ok(left.undelete_until),
            _ => Err(unexpected()),
        }
    }

    /// The caller's own keys that were deleted and can be brought back.
    pub fn list_deleted(&self) -> Result<Vec<Key>> {
        self.list_all(&messages::List { deleted: true, ..messages::List::default() })
    }

    /// Brings a deleted key back, under its own name or another.
    pub fn undelete(&self, key: &KeyId, name: Option<&str>) -> Result<Key> {
        let name = name.unwrap_or_default().into();
        self.key(Operation::Undelete(messages::Undelete { key_id: key.as_bytes().to_vec(), name }))
    }

    /// Has the service sign a statement about a key, with a nonce that whoever wants it has drawn.
    pub fn attest(&self, key: &KeyId, nonce: &[u8]) -> Result<String> {
        let (key_id, nonce) = (key.as_bytes().to_vec(), nonce.to_vec());
        let statement = self.output(Operation::Attest(messages::Attest { key_id, nonce }))?;
        String::from_utf8(statement).map_err(|_| unexpected())
    }

    /// Makes a key that is to take another's place; the new key.
    pub fn rotate(&self, key: &KeyId, rotate: messages::Rotate) -> Result<Key> {
        let rotate = messages::Rotate { key_id: key.as_bytes().to_vec(), ..rotate };
        self.key(Operation::Rotate(Box::new(rotate)))
    }

    /// Replaces the certificate chain beside a key: DER, the key's own first; none removes it.
    pub fn set_chain(&self, key: &KeyId, chain: &[Vec<u8>]) -> Result<Key> {
        self.key(Operation::SetChain(messages::SetChain {
            key_id: key.as_bytes().to_vec(),
            chain: chain.to_vec(),
        }))
    }

    /// Gives another user these rights on a key and no others; none takes all away.
    pub fn share(&self, key: &KeyId, user: &str, rights: Rights) -> Result<Key> {
        self.key(Operation::Share(messages::Share {
            key_id: key.as_bytes().to_vec(),
            user: user.into(),
            rights: rights.bits(),
        }))
    }
}
