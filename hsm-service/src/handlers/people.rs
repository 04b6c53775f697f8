//! Letting clients in and shutting them out, and who there is.

use std::collections::{BTreeMap, HashSet};

use keyward_algorithms::{ErrorKind, Operation};
use keyward_protocol::{
    check_name,
    messages::{
        ClientCertificate, Clients, Enrol, Enrolment, ListClients, ListUsers, PinState,
        RenewClient, RevokeClient, User, Users,
    },
};

use super::page;
use crate::{
    Error, Result, Service,
    audit::Trail,
    clients::Revoked,
    config::PinPolicy,
    execute::Reply,
    identity::{Caller, Identity, IdentityPattern, Role},
    issue::{MAX_CLIENT_DAYS, describe, hex},
    policy::{self, Target},
    sources::SourceRange,
};

/// The most certificates or users in one answer.
pub(super) const PAGE: usize = 1000;

/// The most ranges of addresses that one certificate is bound to.
const MAX_SOURCES: usize = 64;

/// The most ranges or identities that are shown of one user.
const MAX_SHOWN: usize = 256;

pub(crate) fn enrol(service: &Service, caller: &Caller, request: &Enrol) -> Result<Reply> {
    policy::authorise(caller, Operation::Enrol, Target::Service)?;
    check_name("user", &request.user)?;
    let roles = match request.roles.is_empty() {
        true => vec![Role::User],
        false => request.roles.iter().map(|word| role(word)).collect::<Result<_>>()?,
    };
    // A long list of the same could hide one in the audit log, where there is an end to a line.
    if let Some(twice) = (1..roles.len()).find(|index| roles[..*index].contains(&roles[*index])) {
        return Err(Error::invalid(format!("the role \"{}\" is named twice", roles[twice])));
    }
    if request.sources.len() > MAX_SOURCES {
        return Err(Error::invalid(format!(
            "a certificate is bound to at most {MAX_SOURCES} ranges"
        )));
    }
    let sources = request.sources.iter().map(|text| SourceRange::try_from(text.clone()));
    let sources = sources.collect::<std::result::Result<Vec<_>, _>>().map_err(Error::invalid)?;
    let days = days(service, request.days)?;
    let (user, pin) = (&request.user, request.pin);
    let wanted = Wanted { user, roles: &roles, sources: &sources, days, pin };
    issue(service, caller, &request.csr, &wanted, None)
}

/// Another certificate for the holder of one, with the same user, roles and sources.
pub(crate) fn renew(service: &Service, caller: &Caller, request: &RenewClient) -> Result<Reply> {
    policy::authorise(caller, Operation::RenewClient, Target::Service)?;
    let Identity::Certificate { user, roles, serial, .. } = &caller.identity else {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "only who comes with a client certificate can renew it",
        )
        .hint("over the UNIX socket no certificate is needed"));
    };
    if caller.roles.is_empty() {
        let message = format!("\"{user}\" has no role any more, so its certificate is not renewed");
        return Err(Error::new(ErrorKind::PermissionDenied, message));
    }
    let known = service.clients.get(serial).ok_or_else(|| {
        let message = format!(
            "the certificate {} of \"{user}\" is not in the service's list, which would say from where \
             it may be used",
            hex(serial)
        );
        Error::new(ErrorKind::PermissionDenied, message).hint(
            "it is later than the backup that the service was restored from; an administrator can issue \
             another: keyward client enrol",
        )
    })?;
    let days = days_of_renewal(service, &known, request.days)?;
    let sources: Vec<SourceRange> =
        known.sources.into_iter().filter_map(|text| SourceRange::try_from(text).ok()).collect();
    let wanted = Wanted { user, roles, sources: &sources, days, pin: false };
    issue(service, caller, &request.csr, &wanted, Some(serial))
}

struct Wanted<'a> {
    user: &'a str,
    roles: &'a [Role],
    sources: &'a [SourceRange],
    days: u32,
    /// Whether the user has to log in with a PIN from now on.
    pin: bool,
}

fn days(service: &Service, asked: u32) -> Result<u32> {
    match asked {
        0 => Ok(service.live.settings().certificates.client_days),
        days if days <= MAX_CLIENT_DAYS => Ok(days),
        days => {
            let message = format!("{days} days are over the limit of {MAX_CLIENT_DAYS}");
            Err(Error::invalid(message).hint("renew the certificate before it ends"))
        }
    }
}

/// A certificate is renewed for no longer than it was issued for: else who has one for a day, or has
/// stolen it, would make a year of it.
fn days_of_renewal(service: &Service, known: &ClientCertificate, asked: u32) -> Result<u32> {
    const DAY: u64 = 24 * 60 * 60;
    let had = ((known.ends.saturating_sub(known.issued) + DAY / 2) / DAY).max(1);
    let had = u32::try_from(had).unwrap_or(MAX_CLIENT_DAYS);
    match asked {
        0 => Ok(had.min(service.live.settings().certificates.client_days)),
        days if days <= had => Ok(days),
        days => {
            let message =
                format!("the certificate was issued for {had} days, and is not renewed for {days}");
            let hint = format!(
                "an administrator can issue another: keyward client enrol {} --days {days}",
                known.user
            );
            Err(Error::new(ErrorKind::PermissionDenied, message).hint(hint))
        }
    }
}

fn issue(
    service: &Service,
    caller: &Caller,
    csr: &[u8],
    wanted: &Wanted<'_>,
    renews: Option<&[u8]>,
) -> Result<Reply> {
    let Wanted { user, roles, sources, days, pin } = *wanted;
    let authorities = service.authority.present()?;
    let certificate = authorities.issuing().issue_client(csr, user, roles, days)?;
    let by = caller.user.as_deref().unwrap_or_default();
    let noted = ClientCertificate {
        sources: sources.iter().map(ToString::to_string).collect(),
        issued_by: by.into(),
        ..describe(&certificate)?
    };
    service.clients.add(noted, renews, service.live.settings().limits.client_certificates)?;
    // Once nothing else can be wrong with the request, what is refused changes nothing; nor has anybody
    // the certificate yet.
    if pin {
        service.pins.require(user)?;
        service.live.changed();
    }
    tracing::info!(user, by = %caller.identity, days, ?roles, "client certificate issued");
    Ok(Reply::Enrolment(Enrolment {
        chain: vec![certificate],
        ca: authorities.current.certificate().to_vec(),
        next_ca: authorities
            .next
            .as_ref()
            .map(|next| next.certificate().to_vec())
            .unwrap_or_default(),
    }))
}

fn role(word: &str) -> Result<Role> {
    Role::from_word(word).ok_or_else(|| {
        Error::invalid(format!("there is no role \"{word}\""))
            .hint(format!("the roles are {}", Role::words()))
    })
}

/// The client certificates that were issued.
pub(crate) fn list(service: &Service, caller: &Caller, request: &ListClients) -> Result<Reply> {
    policy::authorise(caller, Operation::ListClients, Target::Service)?;
    Ok(clients(service.clients.after(&request.after, PAGE + 1)))
}

/// As many certificates as one answer takes.
fn clients(certificates: Vec<ClientCertificate>) -> Reply {
    let (certificates, more) = page(certificates, PAGE);
    let last = certificates.last().filter(|_| more);
    let next = last.map(|last| last.serial.clone()).unwrap_or_default();
    Reply::Clients(Clients { certificates, next })
}

/// Shuts out a certificate with what is from the same enrolment, or all of a user, at once.
pub(crate) fn revoke(
    service: &Service,
    caller: &Caller,
    request: &RevokeClient,
    trail: &mut Trail,
) -> Result<Reply> {
    policy::authorise(caller, Operation::RevokeClient, Target::Service)?;
    let revoked = match (request.user.is_empty(), request.serial.is_empty()) {
        (false, true) => {
            check_name("user", &request.user)?;
            service.clients.revoke_user(&request.user)?
        }
        (true, false) => service.clients.revoke(&request.serial, request.alone)?,
        _ => {
            return Err(Error::invalid("name either a user or a serial number to be revoked"));
        }
    };
    service.live.changed();
    let Revoked { certificates: revoked, while_sealed } = revoked;
    for certificate in &revoked {
        let serial = hex(&certificate.serial);
        tracing::info!(user = certificate.user, serial, by = %caller.identity, "revoked");
    }
    if !revoked.is_empty() {
        let serials: Vec<String> = revoked.iter().map(|one| hex(&one.serial)).collect();
        trail.says(&format!("revoked {}: {}", serials.len(), serials.join(", ")));
    }
    while_sealed?;
    // The list has the rest.
    Ok(clients(revoked))
}

/// The users of the configuration, and those that client certificates name.
pub(crate) fn users(service: &Service, caller: &Caller, request: &ListUsers) -> Result<Reply> {
    policy::authorise(caller, Operation::ListUsers, Target::Service)?;
    let settings = service.live.settings();
    let with_keys = |mut user: User| {
        (user.max_keys, user.max_requests_per_second) = settings.quota(&user.name);
        user.keys = service.store().count_owned(&user.name)?;
        Ok(user)
    };
    let users = all(service, &request.after).take(PAGE + 1).map(with_keys);
    let (users, more) = page(users.collect::<Result<Vec<User>>>()?, PAGE);
    let last = users.last().filter(|_| more);
    let next = last.map(|last| last.name.clone()).unwrap_or_default();
    Ok(Reply::Users(Users { users, next }))
}

/// Whether the configuration or a certificate names a user so.
pub(crate) fn exists(service: &Service, name: &str) -> bool {
    all(service, "").any(|user| user.name == name)
}

/// Refuses the name of nobody.
pub(crate) fn check_exists(service: &Service, name: &str) -> Result<()> {
    if exists(service, name) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::NotFound, format!("there is no user \"{name}\""))
        .hint("`keyward user list` shows who there is"))
}

/// All users after a name, with what is known of them.
fn all(service: &Service, after: &str) -> impl Iterator<Item = User> {
    let settings = service.live.settings();
    let mut users: BTreeMap<String, User> = BTreeMap::new();
    let mut mapped = HashSet::new();
    for section in &settings.configured {
        mapped.extend(section.identities.iter().filter_map(|identity| match identity {
            IdentityPattern::Certificate(name) => Some(name.as_str()),
            _ => None,
        }));
        if *section.name <= *after {
            continue;
        }
        let user = users.entry(section.name.clone()).or_default();
        user.configured = true;
        if section.pin == PinPolicy::Required {
            user.pin = PinState::Missing.into();
        }
        add_all(&mut user.roles, section.roles.iter().map(|role| role.word().to_owned()));
        add_all(&mut user.identities, section.identities.iter().map(ToString::to_string));
        add_all(&mut user.sources, section.sources.iter().map(ToString::to_string));
    }
    service.clients.each(|certificate| {
        let name = certificate.user.as_str();
        if certificate.revoked != 0 || *name <= *after || mapped.contains(name) {
            return;
        }
        let user = users.entry(name.to_owned()).or_default();
        add_all(&mut user.roles, certificate.roles.iter().cloned());
        add_all(&mut user.identities, [format!("cert:{name}")]);
        add_all(&mut user.sources, certificate.sources.iter().cloned());
    });
    for (name, user) in &mut users {
        let (pin, wrong_pins, locked) = service.pins.standing(name);
        if pin != PinState::None {
            user.pin = pin.into();
        }
        (user.wrong_pins, user.locked) = (wrong_pins, locked);
    }
    users.into_iter().map(|(name, user)| User { name, ..user })
}

/// Adds what is not there yet, as far as there is room.
fn add_all(list: &mut Vec<String>, more: impl IntoIterator<Item = String>) {
    for one in more {
        if list.len() < MAX_SHOWN && !list.contains(&one) {
            list.push(one);
        }
    }
}
