//! Finding, listing and changing keys.

use keyward_algorithms::{ErrorKind, Operation, Right, Rights};
use keyward_protocol::{
    KeyEventKind, KeyId, Restrictions, check_name,
    constants::{MAX_CHAIN_BYTES, MAX_CHAIN_CERTIFICATES, MAX_FRAME_BYTES, MAX_PAGE_KEYS},
    messages::{
        Attest, Delete, Deletion, Find, KeyInfo, KeyPage, List, Rename, Restrict, Selector,
        SetChain, Share, Trust, Undelete,
    },
};
use prost::Message;
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use super::{people, rotation};
use crate::{
    Error, Result, Service,
    attestation::{Attester, ServiceFacts},
    audit::Trail,
    clock::{moment, now},
    execute::Reply,
    identity::{Caller, Role},
    keys::HeldLimit,
    policy::{self, Target},
    restrictions,
    store::{Page, Record, note},
};

pub(crate) fn find(service: &Service, caller: &Caller, request: Find) -> Result<Reply> {
    let selector = request.key.unwrap_or_default();
    let record = match selector.id.is_empty() {
        false => {
            let id = KeyId::try_from(selector.id.as_slice())?;
            let found = service.store().get(&id)?;
            found.ok_or_else(|| hidden(caller))?.0
        }
        true => by_name(service, caller, &selector)?,
    };
    policy::authorise(caller, Operation::Find, Target::Key(&record))?;
    seen(service, caller, record)
}

fn by_name(service: &Service, caller: &Caller, selector: &Selector) -> Result<Record> {
    let user = policy::known(caller, Role::User)?;
    check_name("key", &selector.name)?;
    let owner = Some(selector.owner.as_str()).filter(|owner| !owner.is_empty());
    let mut found = service.store().named(user, &selector.name, owner)?;
    if let Some(own) = found.iter().position(|record| record.owner == user) {
        return Ok(found.swap_remove(own));
    }
    match found.len() {
        0 => {
            let message = match owner {
                Some(owner) => format!("{user} sees no key \"{}\" of {owner}", selector.name),
                None => format!("{user} has no key \"{}\", and none is shared", selector.name),
            };
            Err(Error { message, ..policy::not_found() })
        }
        1 => Ok(found.swap_remove(0)),
        _ => {
            let names: Vec<String> =
                found.iter().map(|key| format!("{}/{}", key.owner, key.name)).collect();
            let message = format!("\"{}\" is the name of several keys", selector.name);
            Err(Error::invalid(message).hint(format!("say which: {}", names.join(", "))))
        }
    }
}

pub(crate) fn list(service: &Service, caller: &Caller, request: &List) -> Result<Reply> {
    policy::authorise(caller, Operation::List, Target::Service)?;
    let viewer = policy::known(caller, Role::User)?;
    let limit = match request.limit as usize {
        0 => MAX_PAGE_KEYS,
        limit => limit.min(MAX_PAGE_KEYS),
    };
    // Where a page ended is written as the name and owner of its last key.
    let after = std::str::from_utf8(&request.after).ok().and_then(|after| after.split_once('/'));
    if after.is_none() && !request.after.is_empty() {
        return Err(Error::invalid("`after` is not where a page ended"));
    }
    let page = Page { viewer, deleted: request.deleted, prefix: &request.prefix, after, limit };
    let listing = service.store().list(page)?;
    let mut more = listing.more;
    let mut reply = KeyPage::default();
    let mut bytes = 0;
    for mut record in listing.records {
        let asked = if request.deleted { Operation::Undelete } else { Operation::Find };
        if policy::authorise(caller, asked, Target::Key(&record)).is_err() {
            continue;
        }
        service.keys.limits().correct(&mut record);
        let mut info = KeyInfo::from(record.seen_by(viewer));
        // Who wants the history of a key asks for that key.
        if let Some(attributes) = &mut info.attributes {
            attributes.history.clear();
        }
        bytes += info.encoded_len() + 8;
        if bytes > MAX_FRAME_BYTES - 1024 {
            more = true;
            break;
        }
        let second = match request.deleted {
            true => record.id.to_string(),
            false => record.owner.clone(),
        };
        reply.next = format!("{}/{second}", record.name).into_bytes();
        reply.keys.push(info);
    }
    if !more {
        reply.next.clear();
    }
    Ok(Reply::Keys(reply))
}

pub(crate) fn rename(
    service: &Service,
    caller: &Caller,
    request: Rename,
    trail: &mut Trail,
) -> Result<Reply> {
    check_name("key", &request.name)?;
    let by = caller.user.as_deref().unwrap_or_default();
    change(service, caller, Operation::Rename, &request.key_id, trail, |record| {
        let detail = format!("from {} to {}", record.name, request.name);
        note(&mut record.attributes.history, KeyEventKind::Renamed, by, &detail);
        record.name.clone_from(&request.name);
        Ok(())
    })
}

/// Takes away some of what a key may do.
pub(crate) fn restrict(
    service: &Service,
    caller: &Caller,
    request: &Restrict,
    trail: &mut Trail,
) -> Result<Reply> {
    let removed = Rights::from_bits(request.remove_uses);
    let asked = request.restrictions.clone().unwrap_or_default();
    if removed.is_empty() && !request.forbid_export && asked == Restrictions::default() {
        return Err(Error::invalid("nothing is named that the key is to be restricted in"));
    }
    let by = caller.user.as_deref().unwrap_or_default();
    let operation = Operation::Restrict;
    // What was handed out of the uses under the present limit comes back before another counts.
    let id = KeyId::try_from(request.key_id.as_slice())?;
    let limit = match asked.max_uses {
        0 => None,
        _ => service.store().get(&id)?.map(|(record, _)| record),
    };
    // Uses of a key are held up only for who may restrict it.
    let may = |key: &Record| policy::authorise(caller, operation, Target::Key(key)).is_ok();
    let limit = limit.filter(may).map(|record| service.keys.limits().of(&record));
    let mut held = limit.as_ref().map(|limit| limit.hold());
    let record = change_record(service, caller, operation, &request.key_id, trail, |record| {
        held.iter_mut().for_each(|held| held.settle(&mut record.attributes));
        let usage = record.usage.without(removed);
        if usage.is_empty() && !record.usage.is_empty() {
            let message = format!("key \"{}\" would be left without any use", record.name);
            return Err(Error::invalid(message).hint("delete it, or let it expire: --not-after"));
        }
        let held = &mut record.attributes.restrictions;
        *held = restrictions::tighter(held, &asked, record.key_type)?;
        record.usage = usage;
        record.exportable &= !request.forbid_export;
        let said = restrictions::describe_change(request);
        note(&mut record.attributes.history, KeyEventKind::Restricted, by, &said);
        Ok(())
    })?;
    held.into_iter().for_each(HeldLimit::kept);
    seen(service, caller, record)
}

/// Lets a key wrap those that leave with trusted keys alone. Its owner alone cannot say so: who could
/// wrap them with a key that he has given himself could have them.
pub(crate) fn trust(
    service: &Service,
    caller: &Caller,
    request: &Trust,
    trail: &mut Trail,
) -> Result<Reply> {
    if request.trusted && service.live.settings().quorum.rule(Operation::Trust).is_none() {
        let message = "no [[quorum]] of this service says who approves that a key is trusted";
        return Err(Error::new(ErrorKind::PermissionDenied, message)
            .hint("name the operation `trust` in one, in the service's configuration"));
    }
    let by = caller.user.as_deref().unwrap_or_default();
    change(service, caller, Operation::Trust, &request.key_id, trail, |record| {
        if request.trusted && !record.usage.has(Right::Wrap) {
            let message =
                format!("key \"{}\" wraps no keys: its usage is {}", record.name, record.usage);
            return Err(Error::invalid(message).hint("make one with `--usage wrap,unwrap`"));
        }
        let leaves = record.exportable && !record.attributes.restrictions.wrap_with_trusted_only;
        if request.trusted && leaves {
            let message = format!(
                "key \"{}\" is exportable, and who took it out could open what it wraps",
                record.name
            );
            return Err(Error::invalid(message).hint(
                "restrict it first: keyward key restrict NAME --forbid-export, or --wrap-with-trusted-only",
            ));
        }
        record.attributes.trusted = request.trusted;
        let kind = match request.trusted {
            true => KeyEventKind::Trusted,
            false => KeyEventKind::Distrusted,
        };
        note(&mut record.attributes.history, kind, by, "");
        Ok(())
    })
}

pub(crate) fn set_chain(
    service: &Service,
    caller: &Caller,
    request: SetChain,
    trail: &mut Trail,
) -> Result<Reply> {
    let id = KeyId::try_from(request.key_id.as_slice())?;
    if !request.chain.is_empty() && waits_for_its_place(service, &id)? {
        let by = caller.user.as_deref().unwrap_or_default();
        let mut check = |record: &Record| {
            policy::authorise(caller, Operation::SetChain, Target::Key(record))?;
            trail.changes(record)
        };
        let placed = rotation::succeed(service, by, &id, &request.chain, &mut check)?;
        trail.says("and it takes its predecessor's place");
        return seen(service, caller, placed.ok_or_else(|| hidden(caller))?);
    }
    change(service, caller, Operation::SetChain, &request.key_id, trail, |record| {
        check_chain(&request.chain, &record.spki)?;
        record.chain.clone_from(&request.chain);
        Ok(())
    })
}

/// Whether a key is to take another's place once it has its certificate.
fn waits_for_its_place(service: &Service, id: &KeyId) -> Result<bool> {
    let found = service.store().get(id)?;
    Ok(found.is_some_and(|(record, _)| record.attributes.succession.is_some()))
}

pub(crate) fn share(
    service: &Service,
    caller: &Caller,
    request: &Share,
    trail: &mut Trail,
) -> Result<Reply> {
    check_name("user", &request.user)?;
    let mut rights = Rights::from_bits(request.rights);
    if !rights.is_empty() {
        // Whoever may use a key may see it.
        rights = rights.union(Rights::of(&[Right::See]));
    }
    let mut had_any = false;
    let changed = change(service, caller, Operation::Share, &request.key_id, trail, |record| {
        if request.user == record.owner {
            let message = format!("\"{}\" owns key \"{}\"", request.user, record.name);
            return Err(Error::invalid(message).hint("an owner has every right already"));
        }
        had_any = !record.rights_of(&request.user).is_empty();
        record.grant(&request.user, rights);
        if record.grants.len() > MAX_GRANTS {
            let message =
                format!("key \"{}\" is shared with {MAX_GRANTS} users already", record.name);
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        Ok(())
    });
    let mut reply = changed?;
    if let Reply::Key(info) = &mut reply {
        // Neither is an error: a user may come later, and rights be taken twice to be sure.
        let user = &request.user;
        if rights.is_empty() && !had_any {
            info.warnings.push(format!("\"{user}\" had no rights on key \"{}\"", info.name));
        } else if !rights.is_empty() && !people::exists(service, user) {
            info.warnings.push(format!(
                "nobody is the user \"{user}\" so far: no [[user]] section of the service's \
                 configuration and no client certificate that is valid names it"
            ));
        }
    }
    Ok(reply)
}

/// The most users that one key is shared with.
const MAX_GRANTS: usize = 1000;

pub(crate) fn delete(
    service: &Service,
    caller: &Caller,
    request: &Delete,
    trail: &mut Trail,
) -> Result<Reply> {
    let id = KeyId::try_from(request.key_id.as_slice())?;
    let kept_for = service.live.settings().keys.undelete_for.seconds();
    if request.now || kept_for == 0 {
        let mut check = |record: &Record| {
            policy::authorise(caller, Operation::Delete, Target::Key(record))?;
            trail.changes(record)?;
            if record.is_deleted() && !request.now { Err(hidden(caller)) } else { Ok(()) }
        };
        if !service.store().remove(&id, &mut check)? {
            return Err(hidden(caller));
        }
        trail.says("for ever");
        tracing::info!(%id, "key deleted for ever");
        return Ok(Reply::Deletion(Deletion { undelete_until: 0 }));
    }
    let by = caller.user.as_deref().unwrap_or_default();
    let removal = now() + kept_for;
    let mut change = |record: &mut Record| {
        policy::authorise(caller, Operation::Delete, Target::Key(record))?;
        trail.changes(record)?;
        if record.is_deleted() {
            return Err(hidden(caller));
        }
        record.attributes.deleted = removal - kept_for;
        record.attributes.removal = removal;
        note(&mut record.attributes.history, KeyEventKind::Deleted, by, "");
        Ok(())
    };
    if service.store().update(&id, &mut change)?.is_none() {
        return Err(hidden(caller));
    }
    trail.says(&format!("can be brought back until {}", moment(removal)));
    tracing::info!(%id, "key deleted");
    Ok(Reply::Deletion(Deletion { undelete_until: removal }))
}

/// Brings a deleted key back.
pub(crate) fn undelete(
    service: &Service,
    caller: &Caller,
    request: &Undelete,
    trail: &mut Trail,
) -> Result<Reply> {
    if !request.name.is_empty() {
        check_name("key", &request.name)?;
    }
    let by = caller.user.as_deref().unwrap_or_default();
    // Whose quota it counts for; who may not bring it back is told so below.
    let found = service.store().get(&KeyId::try_from(request.key_id.as_slice())?)?;
    let counts = |key: &Record| key.is_deleted() && key.rights_of(by).has(Right::Manage);
    let owner = found.map(|(key, _)| key).filter(counts).map(|key| key.owner);
    let settings = service.live.settings();
    let quota = owner.as_ref().and_then(|owner| service.quotas.of(owner, &settings));
    let _place = match (&quota, &owner) {
        (Some(quota), Some(owner)) => Some(quota.place_for_key(owner, service.store())?),
        _ => None,
    };
    change(service, caller, Operation::Undelete, &request.key_id, trail, |record| {
        if !record.is_deleted() {
            return Err(Error::invalid(format!("key \"{}\" is not deleted", record.name)));
        }
        record.attributes.deleted = 0;
        record.attributes.removal = 0;
        if !request.name.is_empty() {
            record.name.clone_from(&request.name);
        }
        note(&mut record.attributes.history, KeyEventKind::Undeleted, by, "");
        Ok(())
    })
}

/// A signed statement about a key.
pub(crate) fn attest(
    service: &Service,
    caller: &Caller,
    request: &Attest,
    trail: &mut Trail,
) -> Result<Reply> {
    let id = KeyId::try_from(request.key_id.as_slice())?;
    let (mut record, _) = service.store().get(&id)?.ok_or_else(|| hidden(caller))?;
    policy::authorise(caller, Operation::Attest, Target::Key(&record))?;
    trail.changes(&record)?;
    service.keys.limits().correct(&mut record);
    let facts = ServiceFacts {
        id: service.authority.service_id().into(),
        version: env!("CARGO_PKG_VERSION").into(),
        fips: keyward_crypto::is_fips_module(),
        development: service.development,
    };
    let key = record.seen_by(policy::known(caller, Role::User)?);
    let present = service.authority.present()?;
    let attester = Attester::load(service.store())?;
    let statement = attester.attest(&present.current, facts, &key, &request.nonce)?;
    Ok(Reply::Output(statement.into_bytes()))
}

/// Changes a key's record if the caller may.
fn change(
    service: &Service,
    caller: &Caller,
    operation: Operation,
    key_id: &[u8],
    trail: &mut Trail,
    change: impl FnMut(&mut Record) -> Result<()>,
) -> Result<Reply> {
    let record = change_record(service, caller, operation, key_id, trail, change)?;
    seen(service, caller, record)
}

fn change_record(
    service: &Service,
    caller: &Caller,
    operation: Operation,
    key_id: &[u8],
    trail: &mut Trail,
    mut change: impl FnMut(&mut Record) -> Result<()>,
) -> Result<Record> {
    let id = KeyId::try_from(key_id)?;
    let mut checked = |record: &mut Record| {
        policy::authorise(caller, operation, Target::Key(record))?;
        trail.changes(record)?;
        change(record)
    };
    let changed = service.store().update(&id, &mut checked)?;
    let record = changed.ok_or_else(|| hidden(caller))?;
    tracing::info!(%id, operation = operation.row().name, "key changed");
    Ok(record)
}

fn seen(service: &Service, caller: &Caller, mut record: Record) -> Result<Reply> {
    service.keys.limits().correct(&mut record);
    Ok(Reply::Key(Box::new(record.seen_by(policy::known(caller, Role::User)?).into())))
}

/// What is said of a key that does not exist: what is said of one that may not be seen.
pub(super) fn hidden(caller: &Caller) -> Error {
    policy::known(caller, Role::User).err().unwrap_or_else(policy::not_found)
}

/// Checks a certificate chain that is to be kept beside a key: within the limits, readable, and
/// the first certificate the key's own.
pub(super) fn check_chain(chain: &[Vec<u8>], spki: &[u8]) -> Result<()> {
    let bytes: usize = chain.iter().map(Vec::len).sum();
    if chain.len() > MAX_CHAIN_CERTIFICATES || bytes > MAX_CHAIN_BYTES {
        let message = format!(
            "a chain has at most {MAX_CHAIN_CERTIFICATES} certificates and {MAX_CHAIN_BYTES} bytes, \
             this one {} and {bytes}",
            chain.len()
        );
        return Err(Error::new(ErrorKind::LimitExceeded, message));
    }
    for (index, der) in chain.iter().enumerate() {
        let certificate = match X509Certificate::from_der(der) {
            Ok(([], certificate)) => certificate,
            _ => {
                let place = index + 1;
                return Err(Error::invalid(format!("certificate {place} of the chain is broken")));
            }
        };
        if index == 0 && certificate.public_key().raw != spki {
            return Err(Error::invalid("the first certificate of the chain is not the key's own")
                .hint(
                    "put the certificate with this key first; `keyward key public` prints the key",
                ));
        }
    }
    Ok(())
}
