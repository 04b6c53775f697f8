//! What is kept of a key besides its secret.

use keyward_algorithms::{KeyType, Rights};
use keyward_protocol::{Key, KeyAttributes, KeyId, Origin};

use super::attributes;

/// The readable part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its identifier for life.
    pub id: KeyId,
    /// The user who owns it.
    pub owner: String,
    /// Its name, unique per owner.
    pub name: String,
    /// Counts its changes.
    pub version: u64,
    /// Its type and size.
    pub key_type: KeyType,
    /// What it may be used for, fixed at its birth.
    pub usage: Rights,
    /// Whether its secret may leave the service in wrapped form.
    pub exportable: bool,
    /// Where it was made.
    pub origin: Origin,
    /// Its birth or import in seconds since 1970.
    pub created: u64,
    /// DER SubjectPublicKeyInfo; empty for a secret key.
    pub spki: Vec<u8>,
    /// DER certificates, the key's own first.
    pub chain: Vec<Vec<u8>>,
    /// Who else may use it, in the order of the users' names.
    pub grants: Vec<Grant>,
    /// What it is held to, and what became of it.
    pub attributes: KeyAttributes,
}

/// Another user's rights on a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The user.
    pub user: String,
    /// What the user may do. Seeing is always among it.
    pub rights: Rights,
}

impl Record {
    /// What a user may do with the key: the owner everything, others what they were granted.
    pub fn rights_of(&self, user: &str) -> Rights {
        if user == self.owner {
            return Rights::ALL;
        }
        let grant = self.grants.binary_search_by(|grant| grant.user.as_str().cmp(user));
        grant.map_or(Rights::NONE, |index| self.grants[index].rights)
    }

    /// Whether it was deleted and can still be brought back.
    pub fn is_deleted(&self) -> bool {
        self.attributes.deleted != 0
    }

    /// Sets what a user may do; no rights take the grant away.
    pub fn grant(&mut self, user: &str, rights: Rights) {
        let place = self.grants.binary_search_by(|grant| grant.user.as_str().cmp(user));
        match (place, rights.is_empty()) {
            (Ok(index), true) => drop(self.grants.remove(index)),
            (Ok(index), false) => self.grants[index].rights = rights,
            (Err(_), true) => {}
            (Err(index), false) => {
                self.grants.insert(index, Grant { user: user.to_owned(), rights });
            }
        }
    }

    /// The key as a user sees it, who must have the right to.
    pub fn seen_by(&self, user: &str) -> Key {
        let rights = self.rights_of(user);
        // Of the uses, only those that the key has are of any worth.
        let uses = keyward_algorithms::Right::ALL
            .iter()
            .copied()
            .filter(|right| rights.has(*right) && (!right.row().is_use || self.usage.has(*right)));
        let may_manage = rights.has(keyward_algorithms::Right::Manage);
        let mut attributes = self.attributes.clone();
        if !may_manage {
            attributes.history.clear();
        }
        Key {
            id: self.id,
            owner: self.owner.clone(),
            name: self.name.clone(),
            key_type: self.key_type,
            usage: self.usage,
            rights: uses.fold(Rights::NONE, |set, right| set.union(Rights::of(&[right]))),
            exportable: self.exportable,
            origin: self.origin,
            created: self.created,
            spki: self.spki.clone(),
            chain: self.chain.clone(),
            grants: if may_manage {
                self.grants.iter().map(|grant| (grant.user.clone(), grant.rights)).collect()
            } else {
                Vec::new()
            },
            version: self.version,
            attributes,
            warnings: Vec::new(),
        }
    }

    /// One unambiguous encoding of everything here, to which the sealed secret is bound.
    pub(super) fn binding(&self) -> Vec<u8> {
        let mut bytes = self.binding_of(b"keyward record 2");
        put(&mut bytes, &attributes::encode(&self.attributes));
        bytes
    }

    /// The same for a row that was written when there were no attributes.
    pub(super) fn old_binding(&self) -> Vec<u8> {
        self.binding_of(b"keyward record 1")
    }

    fn binding_of(&self, layout: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512 + self.spki.len());
        put(&mut bytes, layout);
        put(&mut bytes, self.id.as_bytes());
        put(&mut bytes, self.owner.as_bytes());
        put(&mut bytes, self.name.as_bytes());
        bytes.extend_from_slice(&self.version.to_be_bytes());
        put(&mut bytes, self.key_type.to_string().as_bytes());
        bytes.extend_from_slice(&self.usage.bits().to_be_bytes());
        bytes.push(self.exportable.into());
        put(&mut bytes, self.origin.word().as_bytes());
        bytes.extend_from_slice(&self.created.to_be_bytes());
        put(&mut bytes, &self.spki);
        put(&mut bytes, &encode_chain(&self.chain));
        put(&mut bytes, &encode_grants(&self.grants));
        bytes
    }
}

/// The certificates as one value: each with its length before it.
pub(super) fn encode_chain(chain: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    chain.iter().for_each(|certificate| put(&mut bytes, certificate));
    bytes
}

/// Reads what [`encode_chain`] wrote.
pub(super) fn decode_chain(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut chain = Vec::new();
    while !bytes.is_empty() {
        chain.push(take(&mut bytes)?.to_vec());
    }
    Some(chain)
}

/// The grants as one text: `user=rights` with the rights' number, a line each.
pub(super) fn encode_grants(grants: &[Grant]) -> Vec<u8> {
    let lines = grants.iter().map(|grant| format!("{}={}\n", grant.user, grant.rights.bits()));
    lines.collect::<String>().into_bytes()
}

/// Reads what [`encode_grants`] wrote.
pub(super) fn decode_grants(bytes: &[u8]) -> Option<Vec<Grant>> {
    let lines = std::str::from_utf8(bytes).ok()?.lines();
    lines
        .map(|line| {
            let (user, rights) = line.split_once('=')?;
            let rights = Rights::from_bits(rights.parse().ok()?);
            Some(Grant { user: user.to_owned(), rights })
        })
        .collect()
}

/// Appends a value with its length before it.
pub(super) fn put(bytes: &mut Vec<u8>, value: &[u8]) {
    bytes.extend_from_slice(&(value.len() as u32).to_be_bytes());
    bytes.extend_from_slice(value);
}

fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (value, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *bytes = rest;
    Some(value)
}
