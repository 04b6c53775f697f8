//! What is said of a key.

use base64ct::{Base64, Encoding};
use keyward_algorithms::Rights;
use keyward_protocol::Key;
use serde::{Deserialize, Serialize};

use crate::{
    clock::{moment, now},
    issue::hex,
};

/// Tells these statements from all others, and this layout from later ones.
pub(super) const STATEMENT: &str = "keyward key 1";

/// A statement about a key. Moments are RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// What this is.
    pub statement: String,
    /// What whoever asked for it has drawn, in hexadecimal digits.
    pub nonce: String,
    /// When it was made.
    pub time: String,
    /// Who says it.
    pub service: ServiceFacts,
    /// Of what.
    pub key: Described,
}

/// Who makes a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceFacts {
    /// By which clients know the service: the fingerprint of its first authority.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Whether its cryptography runs in a FIPS module; whether that is validated is for its certificate to say.
    pub fips: bool,
    /// A service for trying things, whose word is worth nothing.
    pub development: bool,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Described {
    /// Its identifier for life.
    pub id: String,
    /// Its owner.
    pub owner: String,
    /// Its name at that time.
    pub name: String,
    /// Counts its changes.
    pub version: u64,
    /// Its type.
    #[serde(rename = "type")]
    pub key_type: String,
    /// DER SubjectPublicKeyInfo in Base64; absent for a secret key.
    pub public_key: Option<String>,
    /// What it is for.
    pub usage: Vec<String>,
    /// Whether it can leave the service in wrapped form.
    pub exportable: bool,
    /// Where it was made.
    pub origin: String,
    /// When it was made or imported.
    pub created: String,
    /// The algorithms that it is restricted to; none where it is not.
    pub algorithms: Vec<String>,
    /// From when its private half may be used.
    pub not_before: Option<String>,
    /// Until when.
    pub not_after: Option<String>,
    /// Whether each use wants an approval.
    pub needs_approval: bool,
    /// Whether it leaves only encrypted with a trusted key.
    pub wrap_with_trusted_only: bool,
    /// Whether it is such a key.
    pub trusted: bool,
    /// How many uses it has in all; absent where they are not limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_uses: Option<u64>,
    /// How many of those it has had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<u64>,
    /// How many uses it has within a time: `10/second`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<String>,
    /// What keys are used for at most that are unwrapped or derived with it; absent where that is not
    /// bound.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub child_usage: Vec<String>,
    /// What became of it, as far as the one who asked may know.
    pub history: Vec<Happened>,
}

/// What happened to a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happened {
    /// What.
    pub event: String,
    /// When.
    pub time: String,
    /// The user who had it done.
    pub by: String,
    /// More about it.
    pub detail: String,
}

impl Statement {
    pub(super) fn new(service: ServiceFacts, key: &Key, nonce: &[u8]) -> Statement {
        Statement {
            statement: STATEMENT.into(),
            nonce: hex(nonce),
            time: moment(now()),
            service,
            key: Described::new(key),
        }
    }
}

impl Described {
    fn new(key: &Key) -> Described {
        let held = &key.attributes.restrictions;
        let bound = |seconds: u64| (seconds != 0).then(|| moment(seconds));
        let happened = key.attributes.history.iter().map(|event| Happened {
            event: event.kind().word().into(),
            time: moment(event.time),
            by: event.by.clone(),
            detail: event.detail.clone(),
        });
        Described {
            id: key.id.to_string(),
            owner: key.owner.clone(),
            name: key.name.clone(),
            version: key.version,
            key_type: key.key_type.to_string(),
            public_key: (!key.spki.is_empty()).then(|| Base64::encode_string(&key.spki)),
            usage: names(key.usage),
            exportable: key.exportable,
            origin: key.origin.word().into(),
            created: moment(key.created),
            algorithms: held.algorithms.clone(),
            not_before: bound(held.not_before),
            not_after: bound(held.not_after),
            needs_approval: held.needs_approval,
            wrap_with_trusted_only: held.wrap_with_trusted_only,
            trusted: key.attributes.trusted,
            max_uses: Some(held.max_uses).filter(|most| *most != 0),
            uses: (held.max_uses != 0).then_some(key.attributes.uses),
            max_rate: held.max_rate.map(|rate| rate.to_string()),
            child_usage: names(Rights::from_bits(held.child_uses)),
            history: happened.collect(),
        }
    }
}

fn names(rights: Rights) -> Vec<String> {
    rights.iter().map(|right| right.row().name.to_owned()).collect()
}
