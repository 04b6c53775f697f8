//! Making and importing keys.

use std::sync::MutexGuard;

use aws_lc_rs::rand;
use keyward_algorithms::{ErrorKind, KeyType, Operation, Rights};
use keyward_protocol::{
    KeyAttributes, KeyEventKind, KeyId, Origin, Restrictions, Succession, check_name,
    messages::{Generate, Import},
};
use zeroize::Zeroizing;

use super::{keys::check_chain, rotation};
use crate::{
    Error, Result, Service,
    backend::{Product, Task, Work, explain},
    clock::now,
    execute::Reply,
    identity::{Caller, Role},
    keys::Material,
    policy::{self, Target},
    quotas::Quota,
    restrictions,
    store::{Grant, Record, Secret, note, taken},
};

/// A key to be made: the work, and all that is known of the key beforehand.
pub(crate) struct Plan {
    pub(crate) task: Task,
    pub(crate) draft: Draft,
}

pub(crate) struct Draft {
    pub(super) owner: String,
    /// The user who has it made.
    pub(super) by: String,
    pub(super) name: String,
    /// `None` means the type's default.
    pub(super) usage: Option<Rights>,
    /// What the key that it comes of allows at most.
    pub(super) uses_at_most: Option<Rights>,
    pub(super) exportable: bool,
    pub(super) restrictions: Held,
    pub(super) origin: Origin,
    /// How it comes into being, for its history, and from what.
    pub(super) event: KeyEventKind,
    pub(super) from: String,
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) grants: Vec<Grant>,
    /// Whose place it is to take, and whether that waits for nothing.
    pub(super) succession: Option<Succession>,
    pub(super) succeeds_at_once: bool,
}

/// What a new key is held to.
pub(super) struct Held {
    /// What the key that it comes of hands down.
    parent: Option<Restrictions>,
    asked: Restrictions,
}

pub(crate) fn generate(caller: &Caller, request: Generate) -> Result<Plan> {
    policy::authorise(caller, Operation::Generate, Target::Service)?;
    let key_type = known_type(&request.key_type)?;
    let draft = Draft {
        usage: asked_usage(request.usage),
        exportable: request.exportable,
        restrictions: Held::asked(request.restrictions),
        ..Draft::new(caller, request.name, Origin::Generated, KeyEventKind::Generated)?
    };
    draft.check(key_type)?;
    Ok(Plan { task: Work::Generate(key_type).into(), draft })
}

pub(crate) fn import(caller: &Caller, request: Import) -> Result<Plan> {
    let pkcs8 = Zeroizing::new(request.pkcs8);
    let secret = Zeroizing::new(request.secret);
    policy::authorise(caller, Operation::Import, Target::Service)?;
    let draft = Draft {
        usage: asked_usage(request.usage),
        exportable: request.exportable,
        restrictions: Held::asked(request.restrictions),
        chain: request.chain,
        ..Draft::new(caller, request.name, Origin::Imported, KeyEventKind::Imported)?
    };
    if secret.is_empty() {
        return Ok(Plan { task: Work::Import(pkcs8).into(), draft });
    }
    if !pkcs8.is_empty() {
        return Err(Error::invalid("a key is imported as PKCS#8 or as a secret, not as both"));
    }
    if !draft.chain.is_empty() {
        return Err(Error::invalid("a secret key has no certificates"));
    }
    let key_type = known_type(&request.key_type)?;
    draft.check(key_type)?;
    Ok(Plan { task: Work::ImportSecret(key_type, secret).into(), draft })
}

/// What a key is to be that comes of another one, which it can exceed in nothing.
pub(crate) struct Child {
    pub(crate) name: String,
    pub(crate) usage: u32,
    pub(crate) exportable: bool,
    pub(crate) restrictions: Restrictions,
    pub(crate) origin: Origin,
    pub(crate) event: KeyEventKind,
}

impl Child {
    /// The draft of the key, which belongs to the caller.
    pub(crate) fn draft(self, caller: &Caller, parent: &Record) -> Result<Draft> {
        if self.exportable && !parent.exportable {
            let message = format!(
                "key \"{}\" is not exportable, so nothing can be that it made",
                parent.name
            );
            return Err(Error::invalid(message).hint("leave out --exportable"));
        }
        Ok(Draft {
            usage: asked_usage(self.usage),
            uses_at_most: restrictions::of_children(&parent.attributes.restrictions),
            exportable: self.exportable,
            restrictions: Held {
                parent: Some(parent.attributes.restrictions.clone()),
                asked: self.restrictions,
            },
            from: format!("with {}/{} (id {})", parent.owner, parent.name, parent.id),
            ..Draft::new(caller, self.name, self.origin, self.event)?
        })
    }
}

/// Keeps a key that the backend has made.
pub(crate) fn keep(service: &Service, draft: Draft, product: Product) -> Result<Reply> {
    let Product::Key(key) = product else {
        return Err(Error::new(ErrorKind::Internal, "making a key made no key"));
    };
    let usage = draft.usage_for(key.key_type())?;
    let restrictions = draft.restrictions.for_type(key.key_type())?;
    let spki = key.spki();
    check_chain(&draft.chain, &spki)?;
    let mut history = Vec::new();
    note(&mut history, draft.event, &draft.by, &draft.from);
    let record = Record {
        id: new_id()?,
        owner: draft.owner,
        name: draft.name,
        version: 1,
        key_type: key.key_type(),
        usage,
        exportable: draft.exportable,
        origin: draft.origin,
        created: now(),
        spki,
        chain: draft.chain,
        grants: draft.grants,
        attributes: KeyAttributes {
            restrictions,
            succession: draft.succession,
            history,
            ..KeyAttributes::default()
        },
    };
    let quota = service.quotas.of(&record.owner, &service.live.settings());
    let _place = quota.as_ref().map(|quota| place(quota, service, &record.owner)).transpose()?;
    service.store().insert(&record, &secret_of(&key)?)?;
    tracing::info!(id = %record.id, key_type = %record.key_type, origin = record.origin.word(), "new key");
    if draft.succeeds_at_once {
        let placed = rotation::succeed(service, &draft.by, &record.id, &[], &mut |_| Ok(()))?;
        let placed = placed.ok_or_else(policy::not_found)?;
        return Ok(Reply::Key(Box::new(placed.seen_by(&draft.by).into())));
    }
    Ok(Reply::Key(Box::new(record.seen_by(&draft.by).into())))
}

/// A place for one more key of its owner.
fn place<'a>(quota: &'a Quota, service: &Service, owner: &str) -> Result<MutexGuard<'a, ()>> {
    quota.check_deleted(owner, service.store())?;
    quota.place_for_key(owner, service.store())
}

impl Held {
    pub(super) fn asked(restrictions: Option<Restrictions>) -> Held {
        Held { parent: None, asked: restrictions.unwrap_or_default() }
    }

    /// The restrictions of the key once its type is known.
    fn for_type(&self, key_type: KeyType) -> Result<Restrictions> {
        match &self.parent {
            None => restrictions::at_birth(&self.asked, key_type),
            Some(parent) => restrictions::inherited(parent, &self.asked, key_type),
        }
    }
}

impl Draft {
    /// A key of the caller's, in all else what is usual.
    fn new(caller: &Caller, name: String, origin: Origin, event: KeyEventKind) -> Result<Draft> {
        let owner = policy::known(caller, Role::User)?.to_owned();
        check_name("key", &name)?;
        Ok(Draft {
            by: owner.clone(),
            owner,
            name,
            usage: None,
            uses_at_most: None,
            exportable: false,
            restrictions: Held::asked(None),
            origin,
            event,
            from: String::new(),
            chain: Vec::new(),
            grants: Vec::new(),
            succession: None,
            succeeds_at_once: false,
        })
    }

    /// Refuses what a key of this type cannot be, before it is made.
    pub(crate) fn check(&self, key_type: KeyType) -> Result<()> {
        self.usage_for(key_type)?;
        self.restrictions.for_type(key_type).map(drop)
    }

    /// Refuses a key for which there is no place or whose name is taken, as far as that is seen
    /// beforehand.
    pub(crate) fn check_place(&self, service: &Service) -> Result<()> {
        if let Some(quota) = service.quotas.of(&self.owner, &service.live.settings()) {
            drop(place(&quota, service, &self.owner)?);
        }
        let (store, owner, name) = (service.store(), &*self.owner, &*self.name);
        if !store.named(owner, name, Some(owner))?.is_empty() {
            return Err(taken("key", owner, name));
        }
        if store.certificate(owner, name)?.is_some() {
            return Err(taken("certificate", owner, name));
        }
        Ok(())
    }

    /// The usage of the key once its type is known.
    fn usage_for(&self, key_type: KeyType) -> Result<Rights> {
        let usage = self.usage_of_type(key_type)?;
        let Some(most) = self.uses_at_most else { return Ok(usage) };
        let usage = match self.usage {
            None => usage.intersection(most),
            Some(usage) => usage,
        };
        if usage.is_empty() || !most.contains(usage) {
            let message = format!("what comes of the key is used for {most} at most");
            return Err(Error::new(ErrorKind::PermissionDenied, message).hint(format!(
                "a key of type {key_type} can have {}: choose among both with --usage",
                key_type.uses()
            )));
        }
        Ok(usage)
    }

    fn usage_of_type(&self, key_type: KeyType) -> Result<Rights> {
        let Some(usage) = self.usage else { return Ok(key_type.default_uses()) };
        if !key_type.uses().contains(usage) {
            let message = format!("a key of type {key_type} cannot have the usage {usage}");
            return Err(Error::invalid(message).hint(format!("it can have {}", key_type.uses())));
        }
        if let Some((one, other)) = key_type.conflict(usage) {
            let [one, other] = [one, other].map(|right| right.row().name);
            let message = format!("the uses {one} and {other} undo each other");
            return Err(Error::invalid(message).hint("make two keys, one for each"));
        }
        Ok(usage)
    }
}

pub(crate) fn known_type(name: &str) -> Result<KeyType> {
    KeyType::from_name(name).ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, format!("there is no key type \"{name}\""))
            .hint("try rsa-2048, p-256 or aes-256; `keyward key generate --help` lists them all")
    })
}

fn asked_usage(bits: u32) -> Option<Rights> {
    (bits != 0).then(|| Rights::from_bits(bits))
}

fn new_id() -> Result<KeyId> {
    let mut bytes = [0; KeyId::BYTES];
    rand::fill(&mut bytes)
        .map_err(|_| Error::new(ErrorKind::Internal, "the random generator failed"))?;
    Ok(KeyId::new(bytes))
}

fn secret_of(key: &Material) -> Result<Secret> {
    key.secret().map_err(|error| explain(error, "cannot write the key"))
}
