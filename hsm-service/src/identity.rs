//! Who is calling: the identity that the transport proved, and the user that it belongs to.

use std::{collections::HashMap, fmt, sync::Arc};

use keyward_algorithms::ErrorKind;
pub use keyward_algorithms::Role;
use keyward_protocol::check_name;
use serde::Deserialize;

use crate::{
    Error, Result,
    audit::Fields,
    clock::{moment, now},
    config::{PinPolicy, UserConfig},
    issue::hex,
    quotas::Quota,
    sources::SourceRange,
};

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
    /// Whether the configuration has the user log in with a PIN.
    pub(crate) pin: PinPolicy,
    /// Why little is done for it yet: it has to log in.
    pub(crate) awaits_login: Option<Error>,
    /// Under what name slow work is queued: callers of one name share their turns.
    pub(crate) queue: Arc<str>,
    /// Why nothing is done for it: its certificate is revoked, or used from elsewhere.
    pub(crate) refused: Option<Error>,
    /// When its certificate ends, in seconds since 1970; [`FOR_EVER`] where it needs none.
    pub(crate) valid_until: u64,
    /// What the user may take of the service, if that is limited.
    pub(crate) quota: Option<Arc<Quota>>,
    /// What the audit log says of the caller.
    pub(crate) audit: Fields,
}

/// The end of what does not end.
pub(crate) const FOR_EVER: u64 = u64::MAX;

impl Caller {
    /// Why nothing is done for it at this moment.
    pub(crate) fn refusal(&self) -> Option<Error> {
        if self.refused.is_some() {
            return self.refused.clone();
        }
        // A connection may outlive the certificate that it was opened with.
        (self.valid_until != FOR_EVER && now() > self.valid_until).then(|| {
            let message = format!(
                "the {} of {} has ended at {}",
                self.identity.proof(),
                self.identity,
                moment(self.valid_until)
            );
            Error::new(ErrorKind::Unauthenticated, message).hint(
                "use the renewed certificate, if there is one; otherwise an administrator issues \
                 another: keyward client enrol",
            )
        })
    }

    /// Whether nothing is done for the caller so far: it is no user, or has not logged in.
    pub(crate) fn is_stranger(&self) -> bool {
        self.user.is_none() || self.awaits_login.is_some()
    }

    /// Whether the caller has a role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

#[derive(Clone)]
struct User {
    name: Arc<str>,
    roles: Vec<Role>,
    sources: Vec<SourceRange>,
    pin: PinPolicy,
}

/// The users of the configuration, by identity. One identity has several users only where each of
/// them logs in with a PIN, which tells them apart.
#[derive(Default)]
pub struct Users {
    users: Vec<User>,
    by_uid: HashMap<u32, Vec<usize>>,
    /// In the order of the configuration, the first that matches counts.
    by_group: Vec<(u32, Vec<usize>)>,
    by_certificate: HashMap<String, Vec<usize>>,
}

impl Users {
    /// The users of a configuration. An identity that would be two users is an error, unless both
    /// need a PIN.
    pub fn new(configured: &[UserConfig]) -> Result<Users> {
        let mut users = Users::default();
        for (index, user) in configured.iter().enumerate() {
            check_name("user", &user.name)?;
            for identity in &user.identities {
                let same = users.of_pattern(identity);
                if same.contains(&index) {
                    continue;
                }
                let needs_pin = |index: &usize| configured[*index].pin == PinPolicy::Required;
                if let Some(other) =
                    same.first().filter(|_| !same.iter().chain([&index]).all(needs_pin))
                {
                    return Err(Error::invalid(format!(
                        "one identity ({identity}) is both the user \"{}\" and the user \"{}\"",
                        configured[*other].name, user.name
                    ))
                    .hint("that is possible if both have pin = \"required\""));
                }
                same.push(index);
            }
            users.users.push(User {
                name: user.name.as_str().into(),
                roles: user.roles.clone(),
                sources: user.sources.clone(),
                pin: user.pin,
            });
        }
        Ok(users)
    }

    fn of_pattern(&mut self, identity: &IdentityPattern) -> &mut Vec<usize> {
        match identity {
            IdentityPattern::Uid(uid) => self.by_uid.entry(*uid).or_default(),
            IdentityPattern::Certificate(name) => {
                self.by_certificate.entry(name.clone()).or_default()
            }
            IdentityPattern::Group(gid) => {
                let known = self.by_group.iter().position(|(other, _)| other == gid);
                let place = known.unwrap_or_else(|| {
                    self.by_group.push((*gid, Vec::new()));
                    self.by_group.len() - 1
                });
                &mut self.by_group[place].1
            }
        }
    }

    /// The users that an identity may be. A uid counts before a group. A certificate is the user
    /// that it names, with the roles that it was issued with, unless the configuration says
    /// otherwise.
    fn of_identity(&self, identity: &Identity) -> Vec<User> {
        let configured = match identity {
            Identity::Process { uid: OVERFLOW_ID, .. } => None,
            Identity::Process { uid, gids } => self.by_uid.get(uid).or_else(|| {
                self.by_group.iter().find(|(gid, _)| gids.contains(gid)).map(|(_, users)| users)
            }),
            Identity::Certificate { user, .. } => self.by_certificate.get(user),
        };
        match (configured, identity) {
            (Some(users), _) => users.iter().map(|index| self.users[*index].clone()).collect(),
            (None, Identity::Certificate { user, roles, .. }) => vec![User {
                name: user.as_str().into(),
                roles: roles.clone(),
                sources: Vec::new(),
                pin: PinPolicy::IfSet,
            }],
            (None, Identity::Process { .. }) => Vec::new(),
        }
    }

    /// The caller behind an identity: the user of this name, or the only one that it may be.
    pub fn caller(&self, identity: Identity, name: Option<&str>) -> Caller {
        let mut users = self.of_identity(&identity);
        if let Some(name) = name {
            users.retain(|user| &*user.name == name);
        }
        let awaits_login = (users.len() > 1).then(|| several(&identity, &users));
        let User { name, roles, pin, .. } = match users.len() {
            1 => users.remove(0),
            _ => User { name: "".into(), roles: vec![], sources: vec![], pin: PinPolicy::IfSet },
        };
        let user = (!name.is_empty()).then_some(name);
        let queue = user.clone().unwrap_or_else(|| identity.to_string().into());
        Caller {
            identity,
            user,
            roles,
            pin,
            awaits_login,
            queue,
            refused: None,
            valid_until: FOR_EVER,
            quota: None,
            audit: Fields::default(),
        }
    }

    /// Where the configuration lets a certificate be used from; nothing is everywhere.
    pub(crate) fn sources_of(&self, identity: &Identity, name: Option<&str>) -> &[SourceRange] {
        let Identity::Certificate { user, .. } = identity else { return &[] };
        let mapped = self.by_certificate.get(user).map(Vec::as_slice).unwrap_or_default();
        let mut users = mapped.iter().map(|index| &self.users[*index]);
        let chosen = users.find(|user| name.is_none_or(|name| &*user.name == name));
        chosen.map_or(&[], |user| user.sources.as_slice())
    }
}

fn several(identity: &Identity, users: &[User]) -> Error {
    let names: Vec<&str> = users.iter().map(|user| &*user.name).collect();
    let message = format!("{identity} may be one of the users {}", names.join(", "));
    Error::new(ErrorKind::Unauthenticated, message)
        .hint("say which, and name the file with its PIN: settings user and pin_file, KEYWARD_USER and KEYWARD_PIN_FILE")
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
            max_keys: None,
            max_requests_per_second: None,
            pin: PinPolicy::IfSet,
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
        assert_eq!(name(&users.caller(process(33, &[110]), None)), Some("web"));
        assert_eq!(name(&users.caller(process(0, &[]), None)), Some("web"));
        assert_eq!(name(&users.caller(process(1000, &[5, 110]), None)), Some("tls"));
        assert_eq!(name(&users.caller(process(1000, &[5]), None)), None);
        assert_eq!(name(&users.caller(process(OVERFLOW_ID, &[110]), None)), None);
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
        let mapped = users.caller(certificate("laptop"), None);
        assert_eq!((name(&mapped), mapped.has(Role::Admin)), (Some("web"), false));
        let own = users.caller(certificate("web1"), None);
        assert_eq!((name(&own), own.has(Role::Admin)), (Some("web1"), true));
    }

    #[test]
    fn one_identity_cannot_be_two_users() {
        let error = Users::new(&[user("a", &["uid:7"]), user("b", &["uid:7"])]).err().unwrap();
        assert!(error.message.contains("\"a\"") && error.message.contains("\"b\""));
    }

    #[test]
    fn one_identity_is_several_users_where_each_has_a_pin() {
        let with_pin = |name| UserConfig { pin: PinPolicy::Required, ..user(name, &["uid:7"]) };
        let mixed = [with_pin("a"), user("b", &["uid:7"])];
        let error = Users::new(&mixed).err().unwrap();
        assert!(error.hint.unwrap().contains("required"));
        let users = Users::new(&[with_pin("a"), with_pin("b")]).unwrap();
        let undecided = users.caller(process(7, &[]), None);
        assert_eq!(undecided.user, None);
        assert!(undecided.awaits_login.unwrap().message.contains("a, b"));
        assert_eq!(name(&users.caller(process(7, &[]), Some("b"))), Some("b"));
        assert_eq!(name(&users.caller(process(7, &[]), Some("c"))), None);
    }
}
