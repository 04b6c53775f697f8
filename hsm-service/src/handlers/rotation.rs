//! A key that takes another's place.
//!
//! ```text
//! rotate ─► web.next (new key) ── its certificate comes ─► web (new key), web.1 (the old one)
//! ```
//!
//! Whoever has loaded a key uses it by its identifier, so servers go on with the old one until they
//! load what the name means then.

use std::sync::Arc;

use keyward_algorithms::{ErrorKind, Operation, Right, Rights};
use keyward_protocol::{
    KeyEventKind, KeyId, Origin, Restrictions, Succession, check_name,
    constants::MAX_NAME_BYTES,
    messages::{Restrict, Rotate},
};

use super::making::{Draft, Held, Plan};
use crate::{
    Error, Result, Service,
    audit::Trail,
    backend::Work,
    clock::now,
    identity::Caller,
    keys::{HeldLimit, Limit},
    policy::{self, Target},
    restrictions,
    store::{Record, note},
};

/// What a key's name ends in while it waits for its certificate.
const NEXT: &str = ".next";

pub(crate) fn rotate(
    service: &Service,
    caller: &Caller,
    request: Rotate,
    trail: &mut Trail,
) -> Result<Plan> {
    let id = KeyId::try_from(request.key_id.as_slice())?;
    let found = service.store().get(&id)?;
    let (old, _) = found.ok_or_else(|| super::keys::hidden(caller))?;
    policy::authorise(caller, Operation::Rotate, Target::Key(&old))?;
    trail.says(&format!("of {}/{} (id {id})", old.owner, old.name));
    if old.attributes.succession.is_some() {
        let message = format!("key \"{}\" has not taken its place yet itself", old.name);
        return Err(Error::invalid(message).hint("import its certificate, or delete it"));
    }
    if old.key_type.family().is_none() && request.awaits_certificate {
        return Err(Error::invalid("a secret key has no certificate to wait for"));
    }
    let retire = request.retire.unwrap_or_default();
    // What could not be done to the old key is refused now, and not when its place is taken.
    retired(&old, &retire)?;
    let name = format!("{}{NEXT}", old.name);
    if name.len() > MAX_NAME_BYTES {
        let message = format!(
            "the name of key \"{}\" has no room for \"{NEXT}\" behind it, as the new key is called until \
             it takes its place",
            old.name
        );
        let most = MAX_NAME_BYTES - NEXT.len();
        return Err(Error::invalid(message).hint(format!(
            "give it a name of at most {most} characters first: keyward key rename; references to it go \
             on working"
        )));
    }
    let draft = Draft {
        owner: old.owner.clone(),
        by: caller.user.as_deref().unwrap_or_default().to_owned(),
        name,
        usage: Some(old.usage).filter(|usage| !usage.is_empty()),
        uses_at_most: None,
        exportable: old.exportable,
        restrictions: Held::asked(Some(of_heir(&old))),
        origin: Origin::Generated,
        event: KeyEventKind::Generated,
        from: format!("to take the place of {} (id {id})", old.name),
        chain: Vec::new(),
        grants: old.grants.clone(),
        succession: Some(Succession { predecessor: id.as_bytes().to_vec(), retire: Some(retire) }),
        succeeds_at_once: !request.awaits_certificate,
    };
    draft.check(old.key_type)?;
    Ok(Plan { task: Work::Generate(old.key_type).into(), draft })
}

/// What the new key is held to. A time of validity begins anew, as long as the old one's.
fn of_heir(old: &Record) -> Restrictions {
    let held = &old.attributes.restrictions;
    let begin = held.not_before.max(old.created);
    let not_after = match held.not_after {
        0 => 0,
        end => now() + end.saturating_sub(begin),
    };
    Restrictions { not_before: 0, not_after, ..held.clone() }
}

/// The old key's uses and restrictions once its place is taken.
fn retired(old: &Record, less: &Restrict) -> Result<(Rights, Restrictions)> {
    let usage = old.usage.without(Rights::from_bits(less.remove_uses));
    if usage.is_empty() && !old.usage.is_empty() {
        let message = format!("key \"{}\" would be left without any use", old.name);
        return Err(Error::invalid(message).hint("let it end: --old-not-after"));
    }
    let asked = less.restrictions.clone().unwrap_or_default();
    let held = restrictions::tighter(&old.attributes.restrictions, &asked, old.key_type)?;
    Ok((usage, held))
}

/// Puts a key that waits for it in its predecessor's place, with its certificates.
pub(super) fn succeed(
    service: &Service,
    by: &str,
    heir: &KeyId,
    chain: &[Vec<u8>],
    check: &mut dyn FnMut(&Record) -> Result<()>,
) -> Result<Option<Record>> {
    // What was handed out of the uses of both comes back before they may get fewer.
    let limits = limits_of_both(service, heir)?;
    let mut held: Vec<HeldLimit<'_>> = limits.iter().map(|limit| limit.hold()).collect();
    let changed = service.store().succeed(heir, &mut |heir, old, is_free| {
        check(heir)?;
        super::keys::check_chain(chain, &heir.spki)?;
        heir.chain = chain.to_vec();
        let succession = heir.attributes.succession.take().unwrap_or_default();
        let Some(old) = old else {
            // Its predecessor is gone: it keeps the name that it has.
            return Ok(());
        };
        if !old.rights_of(by).has(Right::Manage) {
            let message =
                format!("user \"{by}\" may not put another key in place of \"{}\"", old.name);
            return Err(Error::new(ErrorKind::PermissionDenied, message)
                .hint("its owner can, or share it with you: --rights manage"));
        }
        for (held, record) in held.iter_mut().zip([&mut *heir, &mut *old]) {
            held.settle(&mut record.attributes);
        }
        follow(heir, old)?;
        // It may have become tighter than what was to be taken from it.
        if let Ok((usage, held)) = retired(old, &succession.retire.unwrap_or_default()) {
            old.usage = usage;
            old.attributes.restrictions = held;
        }
        let name = std::mem::take(&mut old.name);
        old.name = former_name(&name, is_free)?;
        let (new_id, old_id) = (heir.id, old.id);
        let detail = format!("{new_id} took its place; it is called {}", old.name);
        note(&mut old.attributes.history, KeyEventKind::Rotated, by, &detail);
        let detail = format!("took the place of {old_id}");
        note(&mut heir.attributes.history, KeyEventKind::Rotated, by, &detail);
        heir.name = name;
        Ok(())
    })?;
    if changed.is_some() {
        held.into_iter().for_each(HeldLimit::kept);
        tracing::info!(id = %heir, "key has taken its predecessor's place");
    }
    Ok(changed)
}

/// What was taken from the old key and its users while the new one waited is taken from the new one
/// too. What either was given meanwhile, both must have been.
fn follow(heir: &mut Record, old: &Record) -> Result<()> {
    let usage = heir.usage.intersection(old.usage);
    let (own, other) = (&heir.attributes.restrictions, &old.attributes.restrictions);
    let algorithms = match (own.algorithms.is_empty(), other.algorithms.is_empty()) {
        (true, _) => other.algorithms.clone(),
        (false, true) => own.algorithms.clone(),
        (false, false) => {
            own.algorithms.iter().filter(|one| other.algorithms.contains(one)).cloned().collect()
        }
    };
    let child_uses = match (own.child_uses, other.child_uses) {
        (0, uses) | (uses, 0) => uses,
        (one, other) => one & other,
    };
    let is_left = usage.is_empty() == heir.usage.is_empty()
        && (child_uses != 0 || own.child_uses == 0)
        && (!algorithms.is_empty() || own.algorithms.is_empty() || other.algorithms.is_empty());
    if !is_left {
        let message =
            format!("what keys \"{}\" and \"{}\" may both do is nothing", heir.name, old.name);
        return Err(Error::invalid(message).hint("delete the new one and rotate anew"));
    }
    heir.usage = usage;
    heir.exportable &= old.exportable;
    heir.attributes.restrictions = Restrictions {
        algorithms,
        max_uses: match (own.max_uses, other.max_uses) {
            (0, most) | (most, 0) => most,
            (one, other) => one.min(other),
        },
        max_rate: match (own.max_rate, other.max_rate) {
            (None, rate) | (rate, None) => rate,
            (Some(one), Some(other)) => Some(one.and(other)),
        },
        needs_approval: own.needs_approval || other.needs_approval,
        wrap_with_trusted_only: own.wrap_with_trusted_only || other.wrap_with_trusted_only,
        child_uses,
        ..own.clone()
    };
    heir.grants.retain_mut(|grant| {
        grant.rights = grant.rights.intersection(old.rights_of(&grant.user));
        !grant.rights.is_empty()
    });
    Ok(())
}

/// What counts the uses of a key, and of the one whose place it is to take.
fn limits_of_both(service: &Service, heir: &KeyId) -> Result<Vec<Arc<Limit>>> {
    let Some((heir, _)) = service.store().get(heir)? else { return Ok(Vec::new()) };
    let succession = heir.attributes.succession.as_ref();
    let id = succession.and_then(|of| KeyId::try_from(&*of.predecessor).ok());
    let old = id.map(|id| service.store().get(&id)).transpose()?.flatten();
    let both = [Some(heir), old.map(|(record, _)| record)];
    Ok(both.iter().flatten().map(|record| service.keys.limits().of(record)).collect())
}

/// The first free one of NAME.1, NAME.2 and so on.
fn former_name(name: &str, is_free: &dyn Fn(&str) -> Result<bool>) -> Result<String> {
    for number in 1_u32.. {
        let candidate = format!("{name}.{number}");
        check_name("key", &candidate)?;
        if is_free(&candidate)? {
            return Ok(candidate);
        }
    }
    Err(Error::invalid("there is no name left for the old key"))
}
