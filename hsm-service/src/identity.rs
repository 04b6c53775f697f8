//! Who is calling: the identity that the transport proved, and the user that it belongs to.

use std::{collections::HashMap, fmt, sync::Arc};

pub use keyward_algorithms::Role;
use keyward_protocol::check_name;
use serde::Deserialize;

use crate::{Error, Result, audit::Fields, config::UserConfig, issue::hex, sources::SourceRange};

/// The kernel's stand-in for users that have no number in this name space: nobody.
const OVERFLOW_ID: u32 = 65534;

/// An identity that a transport has proved. Two ways of proving never give the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A local process, by the kernel's word.
    Process {
        /// Its effective user.
        uid: u32,
        /// Its effective and supplementary groups.
        gids: Vec<u32>,
    },
    /// The holder of a client certificate from the service's own authority.
    Certificate {
        /// The user that it names.
        user: String,
        /// The roles that it was issued with.
        roles: Vec<Role>,
        /// Its serial number.
        serial: Vec<u8>,
        /// The identifier of the key of the authority that issued it.
        authority: Vec<u8>,
    },
}

impl Identity {
    /// How it was proved.
    pub(crate) fn proof(&self) -> String {
        match self {
            Identity::Process { .. } => "kernel".into(),
            Identity::Certificate { serial, .. } => format!("certificate {}", hex(serial)),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identity::Process { uid, .. } => write!(f, "uid:{uid}"),
            Identity::Certificate { user, .. } => write!(f, "cert:{user}"),
        }
    }
}

/// What the configuration matches identities with: `uid:33`, `uid:www-data`, `group:ssl-cert`,
/// `cert:web1`. Names are looked up when the configuration is read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum IdentityPattern {
    /// A local user.
    Uid(u32),
    /// Members of a local group.
    Group(u32),
    /// The user named by a client certificate.
    Certificate(String),
}

impl fmt::Display for IdentityPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdentityPattern::Uid(uid) => write!(f, "uid:{uid}"),
            IdentityPattern::Group(gid) => write!(f, "group:{gid}"),
            IdentityPattern::Certificate(user) => write!(f, "cert:{user}"),
        }
    }
}

impl TryFrom<String> for IdentityPattern {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<IdentityPattern, String> {
        match text.split_once(':') {
            Some(("uid", user)) => local_user(user).map(IdentityPattern::Uid),
            Some(("group", group)) => local_group(group).map(IdentityPattern::Group),
            Some(("cert", user)) => match check_name("user", user) {
                Ok(()) => Ok(IdentityPattern::Certificate(user.to_owned())),
                Err(error) => Err(error.to_string()),
            },
            _ => Err(format!("\"{text}\" is no identity: write uid:…, group:… or cert:…")),
        }
    }
}

/// The number of a local user, named by number or name.
pub fn local_user(name: &str) -> std::result::Result<u32, String> {
    let uid = match name.parse() {
        Ok(uid) => uid,
        Err(_) => match nix::unistd::User::from_name(name) {
            Ok(Some(user)) => user.uid.as_raw(),
            Ok(None) => return Err(format!("this machine has no user \"{name}\"")),
            Err(error) => return Err(format!("cannot look up the user \"{name}\": {error}")),
        },
    };
    if uid == OVERFLOW_ID {
        Err(format!("\"uid:{name}\" is nobody in particular"))
    } else {
        Ok(uid)
    }
}

/// The number of a local group, named by number or name.
pub fn local_group(name: &str) -> std::result::Result<u32, String> {
    if let Ok(gid) = name.parse() {
        return Ok(gid);
    }
    match nix::unistd::Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err(format!("this machine has no group \"{name}\"")),
        Err(error) => Err(format!("cannot look up the group \"{name}\": {error}")),
    }
}

/// The name of a local user, or its number where it has none.
pub(crate) fn local_user_name(uid: u32) -> String {
    match nix::unistd::User::from_uid(uid.into()) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}

/// Who a connection's requests come from. Made once per connection.
#[derive(Debug)]
pub struct Caller {
    /// What the transport proved.
    pub identity: Identity,
    /// The user, if the identity belongs to one.
    pub user: Option<Arc<str>>,
    /// The roles of the user.
    pub roles: Vec<Role>,
    /// Under what name slow work is queued: callers of one name share their turns.
    pub(crate) queue: Arc<str>,
    /// Why nothing is done for it: its certificate is revoked, or used from elsewhere.
    pub(crate) refused: Option<Error>,
    /// What the audit log says of the caller.
    pub(crate) audit: Fields,
}

impl Caller {
    /// Whether the caller has a role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

struct User {
    name: Arc<str>,
    roles: Vec<Role>,
    sources: Vec<SourceRange>,
}

/// The users of the configuration, by identity.
#[derive(Default)]
pub struct Users {
    users: Vec<User>,
    by_uid: HashMap<u32, usize>,
    /// In the order of the configuration, the first that matches counts.
    by_group: Vec<(u32, usize)>,
    by_certificate: HashMap<String, usize>,
}

impl Users {
    /// The users of a configuration. An identity that would be two users is an error.
    pub fn new(configured: &[UserConfig]) -> Result<Users> {
        let mut users = Users::default();
        for (index, user) in configured.iter().enumerate() {
            check_name("user", &user.name)?;
            for identity in &user.identities {
                let previous = match identity {
                    IdentityPattern::Uid(uid) => users.by_uid.insert(*uid, index),
                    IdentityPattern::Certificate(name) => {
                        users.by_certificate.insert(name.clone(), index)
                    }
                    IdentityPattern::Group(gid) => {
                        let previous = users.by_group.iter().find(|(other, _)| other == gid);
                        let previous = previous.map(|(_, index)| *index);
                        users.by_group.push((*gid, index));
                        previous
                    }
                };
                if let Some(other) = previous.filter(|other| *other != index) {
                    return Err(Error::invalid(format!(
                        "one identity ({identity}) is both the user \"{}\" and the user \"{}\"",
                        configured[other].name, user.name
                    )));
                }
            }
            users.users.push(User {
                name: user.name.as_str().into(),
                roles: user.roles.clone(),
                sources: user.sources.clone(),
            });
        }
        Ok(users)
    }

    /// The caller behind an identity. A uid counts before a group. A certificate is the user that
    /// it names, with the roles that it was issued with, unless the configuration says otherwise.
    pub fn caller(&self, identity: Identity) -> Caller {
        let index = match &identity {
            Identity::Process { uid: OVERFLOW_ID, .. } => None,
            Identity::Process { uid, gids } => self.by_uid.get(uid).copied().or_else(|| {
                self.by_group.iter().find(|(gid, _)| gids.contains(gid)).map(|(_, index)| *index)
            }),
            Identity::Certificate { user, .. } => self.by_certificate.get(user).copied(),
        };
        let (user, roles) = match (index, &identity) {
            (Some(index), _) => {
                let user = &self.users[index];
                (Some(Arc::clone(&user.name)), user.roles.clone())
            }
            (None, Identity::Certificate { user, roles, .. }) => {
                (Some(user.as_str().into()), roles.clone())
            }
            (None, Identity::Process { .. }) => (None, Vec::new()),
        };
        let queue = user.clone().unwrap_or_else(|| identity.to_string().into());
        Caller { identity, user, roles, queue, refused: None, audit: Fields::default() }
    }

    /// Where the configuration lets a certificate be used from; nothing is everywhere.
    pub(crate) fn sources_of(&self, identity: &Identity) -> &[SourceRange] {
        let Identity::Certificate { user, .. } = identity else { return &[] };
        let mapped = self.by_certificate.get(user);
        mapped.map_or(&[], |index| self.users[*index].sources.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, identities: &[&str]) -> UserConfig {
        UserConfig {
            name: name.into(),
            identities: identities
                .iter()
                .map(|text| IdentityPattern::try_from((*text).to_owned()).unwrap())
                .collect(),
            roles: vec![Role::User],
            sources: Vec::new(),
        }
    }

    fn process(uid: u32, gids: &[u32]) -> Identity {
        Identity::Process { uid, gids: gids.to_vec() }
    }

    fn name(caller: &Caller) -> Option<&str> {
        caller.user.as_deref()
    }

    #[test]
    fn a_uid_counts_before_a_group_and_nobody_is_nobody() {
        let users =
            Users::new(&[user("web", &["uid:33", "uid:0"]), user("tls", &["group:110"])]).unwrap();
        assert_eq!(name(&users.caller(process(33, &[110]))), Some("web"));
        assert_eq!(name(&users.caller(process(0, &[]))), Some("web"));
        assert_eq!(name(&users.caller(process(1000, &[5, 110]))), Some("tls"));
        assert_eq!(name(&users.caller(process(1000, &[5]))), None);
        assert_eq!(name(&users.caller(process(OVERFLOW_ID, &[110]))), None);
    }

    #[test]
    fn a_certificate_is_its_own_user_unless_the_configuration_maps_it() {
        let users = Users::new(&[user("web", &["cert:laptop"])]).unwrap();
        let certificate = |user: &str| Identity::Certificate {
            user: user.into(),
            roles: vec![Role::Admin],
            serial: vec![1],
            authority: vec![2],
        };
        let mapped = users.caller(certificate("laptop"));
        assert_eq!((name(&mapped), mapped.has(Role::Admin)), (Some("web"), false));
        let own = users.caller(certificate("web1"));
        assert_eq!((name(&own), own.has(Role::Admin)), (Some("web1"), true));
    }

    #[test]
    fn one_identity_cannot_be_two_users() {
        let error = Users::new(&[user("a", &["uid:7"]), user("b", &["uid:7"])]).err().unwrap();
        assert!(error.message.contains("\"a\"") && error.message.contains("\"b\""));
    }
}
