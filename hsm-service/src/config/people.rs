//! Users: the `[[user]]` sections, and the rules for PINs.

use serde::Deserialize;

use crate::{
    identity::{IdentityPattern, Role},
    sources::SourceRange,
};

/// A user, and the identities that are the user.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// The name, which owns keys and is granted rights.
    pub name: String,
    /// `uid:NAME-or-number`, `group:NAME-or-number`, `cert:USER`.
    pub identities: Vec<IdentityPattern>,
    /// What the user may do at all.
    #[serde(default = "default_roles", deserialize_with = "roles")]
    pub roles: Vec<Role>,
    /// Where its certificates may be used from; everywhere if nothing is said.
    #[serde(default)]
    pub sources: Vec<SourceRange>,
    /// Whether it logs in with a PIN on top of its identity.
    #[serde(default)]
    pub pin: PinPolicy,
    /// How many keys it may own; what `[limits]` says if nothing is said, 0 for any number.
    pub max_keys: Option<u64>,
    /// How many requests it may make in a second, in the same way.
    pub max_requests_per_second: Option<u32>,
}

/// Whether a user logs in with a PIN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinPolicy {
    /// Where an administrator has given it one.
    #[default]
    IfSet,
    /// Always: without one, nothing is done for it.
    Required,
}

/// The rules for PINs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PeopleConfig {
    /// The fewest characters of a PIN.
    pub min_pin_length: usize,
    /// How many different wrong PINs lock a user; 0 never does.
    pub max_pin_failures: usize,
}

impl Default for PeopleConfig {
    fn default() -> PeopleConfig {
        PeopleConfig { min_pin_length: 8, max_pin_failures: 10 }
    }
}

fn default_roles() -> Vec<Role> {
    vec![Role::User]
}

fn roles<'de, D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Vec<Role>, D::Error> {
    let words = Vec::<String>::deserialize(from)?;
    let role = |word: &String| {
        Role::from_word(word).ok_or_else(|| {
            let message = format!("there is no role \"{word}\"; the roles are {}", Role::words());
            serde::de::Error::custom(message)
        })
    };
    words.iter().map(role).collect()
}
