//! Keys that leave and enter encrypted with others, and keys that are made from others.

use std::sync::Arc;

use keyward_algorithms::{ErrorKind, KeyType, Operation, Right, SecretKind};
use keyward_protocol::{
    KeyEventKind, KeyId, Origin,
    messages::{DeriveKey, Unwrap, Wrap},
};

use super::making::{Child, Draft, Plan, known_type};
use crate::{
    Error, Result, Service,
    audit::Trail,
    backend::{self, Task, Work, WrappingKey},
    identity::Caller,
    keys::Key,
};

pub(crate) fn wrap(
    service: &Service,
    caller: &Caller,
    request: Wrap,
    trail: &mut Trail,
) -> Result<Task> {
    let id = KeyId::try_from(request.key_id.as_slice())?;
    let (key, _) = service.allowed(caller, Operation::Wrap, None, trail, &id)?;
    trail.uses(&key);
    if !key.record.exportable {
        let message = format!("key \"{}\" is not exportable", key.record.name);
        return Err(Error::new(ErrorKind::PermissionDenied, message)
            .hint("that is fixed at a key's birth: `keyward key generate --exportable`"));
    }
    let mut wanting: Vec<Arc<Key>> = Vec::new();
    if key.record.attributes.restrictions.needs_approval {
        wanting.push(Arc::clone(&key));
    }
    let with = match (request.wrapping_key_id.as_slice(), request.wrapping_spki) {
        ([], spki) if !spki.is_empty() => {
            trail.says("to a public key from outside");
            WrappingKey::Elsewhere(spki)
        }
        ([], _) => return Err(Error::invalid("no key is named to wrap with")),
        (with, _) => {
            let with = KeyId::try_from(with)?;
            let right = Some(Right::Wrap);
            let (with, wants) = service.allowed(caller, Operation::Wrap, right, trail, &with)?;
            trail.says(&format!("with {}/{}", with.record.owner, with.record.name));
            if wants {
                wanting.push(Arc::clone(&with));
            }
            WrappingKey::Own(with)
        }
    };
    if key.record.attributes.restrictions.wrap_with_trusted_only && !with.is_trusted() {
        let message =
            format!("key \"{}\" leaves only encrypted with a trusted key", key.record.name);
        return Err(Error::new(ErrorKind::PermissionDenied, message)
            .hint("name a key of the service that is trusted: `keyward key show` says which is"));
    }
    let choice = request.wrapping.unwrap_or_default();
    let spent = if wanting.is_empty() {
        None
    } else {
        // What would be refused, for whatever reason, uses up no approval. Nobody gets what comes of it.
        key.look_for_use()?;
        if let WrappingKey::Own(with) = &with {
            with.look_for_use()?;
        }
        backend::try_to_wrap(&key, &with, &choice)?;
        let wanting: Vec<&Key> = wanting.iter().map(|key| &**key).collect();
        Some(service.spend_approvals(caller, &wanting, trail)?)
    };
    Ok(Task { work: Work::Wrap(key, with, choice), spent })
}

pub(crate) fn unwrap(
    service: &Service,
    caller: &Caller,
    request: Unwrap,
    trail: &mut Trail,
) -> Result<Plan> {
    let id = KeyId::try_from(request.key_id.as_slice())?;
    let (with, wants) = service.allowed(caller, Operation::Unwrap, None, trail, &id)?;
    trail.says(&format!("with {}/{}", with.record.owner, with.record.name));
    let secret = match (request.key_type.as_str(), SecretKind::from_name(&request.key_type)) {
        ("", _) => None,
        (_, Some(kind)) => Some((kind, None)),
        (name, None) => match known_type(name)? {
            KeyType::Secret(kind, bits) => Some((kind, Some(bits))),
            _ => None,
        },
    };
    let child = Child {
        name: request.name.clone(),
        usage: request.usage,
        exportable: request.exportable,
        restrictions: request.restrictions.clone().unwrap_or_default(),
        origin: Origin::Imported,
        event: KeyEventKind::Unwrapped,
    };
    let draft = child.draft(caller, &with.record)?;
    if let Some((kind, bits)) = secret {
        draft.check(KeyType::Secret(kind, bits.unwrap_or(kind.row().default_bits)))?;
    }
    let work = Work::Unwrap(with, secret, request);
    plan(service, caller, wants, work, draft, trail)
}

pub(crate) fn derive_key(
    service: &Service,
    caller: &Caller,
    request: DeriveKey,
    trail: &mut Trail,
) -> Result<Plan> {
    let id = KeyId::try_from(request.key_id.as_slice())?;
    let (from, wants) = service.allowed(caller, Operation::DeriveKey, None, trail, &id)?;
    trail.says(&format!("from {}/{}", from.record.owner, from.record.name));
    let key_type = known_type(&request.key_type)?;
    let KeyType::Secret(kind, bits) = key_type else {
        let message = format!("a key of type {key_type} is not derived");
        return Err(
            Error::new(ErrorKind::Unsupported, message).hint("secret keys are: aes-256, hmac-512")
        );
    };
    let child = Child {
        name: request.name.clone(),
        usage: request.usage,
        exportable: request.exportable,
        restrictions: request.restrictions.clone().unwrap_or_default(),
        origin: Origin::Derived,
        event: KeyEventKind::Derived,
    };
    let draft = child.draft(caller, &from.record)?;
    draft.check(key_type)?;
    let work = Work::DeriveKey(from, kind, bits, request);
    plan(service, caller, wants, work, draft, trail)
}

/// The plan, with a use of the key that is used where that wants an approval.
fn plan(
    service: &Service,
    caller: &Caller,
    wants_approval: bool,
    work: Work,
    draft: Draft,
    trail: &mut Trail,
) -> Result<Plan> {
    if wants_approval {
        draft.check_place(service)?;
    }
    Ok(Plan { task: service.task(caller, wants_approval, work, trail)?, draft })
}
