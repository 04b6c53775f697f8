//! What a client knows of a key.

use keyward_algorithms::{ErrorKind, KeyType, Rights};

use crate::{Error, KeyId, Result, messages};

pub use messages::{KeyEvent, KeyEventKind, Rate, Restrictions, Succession};

/// A key as its viewer sees it: [`messages::KeyInfo`] in checked form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its identifier for life.
    pub id: KeyId,
    /// The user who owns it.
    pub owner: String,
    /// Its name, unique per owner.
    pub name: String,
    /// Its type and size.
    pub key_type: KeyType,
    /// What it may be used for.
    pub usage: Rights,
    /// What the caller may do with it.
    pub rights: Rights,
    /// Whether its secret may leave the service in wrapped form.
    pub exportable: bool,
    /// Where it was made.
    pub origin: Origin,
    /// Its birth or import in seconds since 1970.
    pub created: u64,
    /// DER SubjectPublicKeyInfo; empty for a secret key.
    pub spki: Vec<u8>,
    /// DER certificates, the key's own first; empty when none are kept.
    pub chain: Vec<Vec<u8>>,
    /// Who else may use it; told only to those who may manage it.
    pub grants: Vec<(String, Rights)>,
    /// Changes with every change of the key.
    pub version: u64,
    /// What it is held to, and what became of it.
    pub attributes: KeyAttributes,
    /// What may be wrong with what was just done to it.
    pub warnings: Vec<String>,
}

/// What a key is held to, and what became of it: [`messages::KeyAttributes`] with its parts in place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyAttributes {
    /// What its uses are held to.
    pub restrictions: Restrictions,
    /// It may wrap keys that leave only with a trusted one.
    pub trusted: bool,
    /// When it was deleted, and when it will be gone, in seconds since 1970; 0 for a key that is there.
    pub deleted: u64,
    /// See [`deleted`](KeyAttributes::deleted).
    pub removal: u64,
    /// Whose place it is to take.
    pub succession: Option<Succession>,
    /// What became of it, its birth first.
    pub history: Vec<KeyEvent>,
    /// Uses that count against the most that it has.
    pub uses: u64,
    /// Encryptions with AES-GCM.
    pub gcm_encryptions: u64,
}

impl From<messages::KeyAttributes> for KeyAttributes {
    fn from(message: messages::KeyAttributes) -> KeyAttributes {
        KeyAttributes {
            restrictions: message.restrictions.unwrap_or_default(),
            trusted: message.trusted,
            deleted: message.deleted,
            removal: message.removal,
            succession: message.succession,
            history: message.history,
            uses: message.uses,
            gcm_encryptions: message.gcm_encryptions,
        }
    }
}

impl From<KeyAttributes> for messages::KeyAttributes {
    fn from(attributes: KeyAttributes) -> messages::KeyAttributes {
        messages::KeyAttributes {
            restrictions: Some(attributes.restrictions),
            trusted: attributes.trusted,
            deleted: attributes.deleted,
            removal: attributes.removal,
            succession: attributes.succession,
            history: attributes.history,
            uses: attributes.uses,
            gcm_encryptions: attributes.gcm_encryptions,
        }
    }
}

impl KeyEventKind {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            KeyEventKind::Unknown => "unknown",
            KeyEventKind::Generated => "generated",
            KeyEventKind::Imported => "imported",
            KeyEventKind::Unwrapped => "unwrapped",
            KeyEventKind::Derived => "derived",
            KeyEventKind::Renamed => "renamed",
            KeyEventKind::Restricted => "restricted",
            KeyEventKind::Deleted => "deleted",
            KeyEventKind::Undeleted => "undeleted",
            KeyEventKind::Rotated => "rotated",
            KeyEventKind::Trusted => "trusted",
            KeyEventKind::Distrusted => "distrusted",
        }
    }
}

/// Where a key was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Inside the service: it has never existed elsewhere.
    Generated,
    /// It has existed outside.
    Imported,
    /// Inside the service from another key or a key agreement.
    Derived,
}

impl Origin {
    /// Every origin.
    pub const ALL: &'static [Origin] = &[Origin::Generated, Origin::Imported, Origin::Derived];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Origin::Generated => "generated",
            Origin::Imported => "imported",
            Origin::Derived => "derived",
        }
    }
}

impl TryFrom<messages::KeyInfo> for Key {
    type Error = Error;

    fn try_from(info: messages::KeyInfo) -> Result<Key> {
        let key_type = KeyType::from_name(&info.key_type).ok_or_else(|| {
            let message = format!(
                "key \"{}\" is of type \"{}\", which this version does not know",
                info.name, info.key_type
            );
            Error::new(ErrorKind::Unsupported, message)
                .hint("install the client of the service's version")
        })?;
        Ok(Key {
            id: KeyId::try_from(info.id.as_slice())?,
            origin: match info.origin() {
                messages::Origin::Generated => Origin::Generated,
                messages::Origin::Derived => Origin::Derived,
                messages::Origin::Imported | messages::Origin::Unknown => Origin::Imported,
            },
            owner: info.owner,
            name: info.name,
            key_type,
            usage: Rights::from_bits(info.usage),
            rights: Rights::from_bits(info.rights),
            exportable: info.exportable,
            created: info.created,
            spki: info.spki,
            chain: info.chain,
            grants: info
                .grants
                .into_iter()
                .map(|grant| (grant.user, Rights::from_bits(grant.rights)))
                .collect(),
            version: info.version,
            attributes: info.attributes.unwrap_or_default().into(),
            warnings: info.warnings,
        })
    }
}

impl From<Key> for messages::KeyInfo {
    fn from(key: Key) -> messages::KeyInfo {
        messages::KeyInfo {
            id: key.id.as_bytes().to_vec(),
            owner: key.owner,
            name: key.name,
            key_type: key.key_type.to_string(),
            usage: key.usage.bits(),
            rights: key.rights.bits(),
            exportable: key.exportable,
            origin: match key.origin {
                Origin::Generated => messages::Origin::Generated,
                Origin::Imported => messages::Origin::Imported,
                Origin::Derived => messages::Origin::Derived,
            }
            .into(),
            created: key.created,
            spki: key.spki,
            chain: key.chain,
            grants: key
                .grants
                .into_iter()
                .map(|(user, rights)| messages::Grant { user, rights: rights.bits() })
                .collect(),
            version: key.version,
            attributes: Some(key.attributes.into()),
            warnings: key.warnings,
        }
    }
}
