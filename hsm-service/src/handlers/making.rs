//! Making and importing keys.

use aws_lc_rs::rand;
use keyward_algorithms::{ErrorKind, KeyType, Operation, Rights};
use keyward_protocol::{
    KeyAttributes, KeyEventKind, KeyId, Origin, Restrictions, check_name,
    messages::{Generate, Import},
};
use zeroize::Zeroizing;

use super::keys::check_chain;
use crate::{
    Error, Result, Service,
    backend::{Product, Work, explain},
    clock::now,
    execute::Reply,
    identity::{Caller, Role},
    keys::Material,
    policy::{self, Target},
    restrictions,
    store::{Record, Secret, note},
};

/// A key to be made: the work, and all that is known of the key beforehand.
pub(crate) struct Plan {
    pub(crate) work: Work,
    pub(crate) draft: Draft,
}

pub(crate) struct Draft {
    owner: String,
    name: String,
    /// `None` means the type's default.
    usage: Option<Rights>,
    exportable: bool,
    restrictions: Held,
    origin: Origin,
    /// How it comes into being, for its history, and from what.
    event: KeyEventKind,
    from: String,
    chain: Vec<Vec<u8>>,
}

/// What a new key is held to.
struct Held {
    /// What the key that it comes of hands down.
    parent: Option<Restrictions>,
    asked: Restrictions,
}

pub(crate) fn generate(caller: &Caller, request: Generate) -> Result<Plan> {
    policy::authorise(caller, Operation::Generate, Target::Service)?;
    let key_type = known_type(&request.key_type)?;
    let draft = Draft {
        owner: policy::known(caller, Role::User)?.to_owned(),
        name: checked_name(request.name)?,
        usage: asked_usage(request.usage),
        exportable: request.exportable,
        restrictions: Held::asked(request.restrictions),
        origin: Origin::Generated,
        event: KeyEventKind::Generated,
        from: String::new(),
        chain: Vec::new(),
    };
    draft.check(key_type)?;
    Ok(Plan { work: Work::Generate(key_type), draft })
}

pub(crate) fn import(caller: &Caller, request: Import) -> Result<Plan> {
    let pkcs8 = Zeroizing::new(request.pkcs8);
    let secret = Zeroizing::new(request.secret);
    policy::authorise(caller, Operation::Import, Target::Service)?;
    let draft = Draft {
        owner: policy::known(caller, Role::User)?.to_owned(),
        name: checked_name(request.name)?,
        usage: asked_usage(request.usage),
        exportable: request.exportable,
        restrictions: Held::asked(request.restrictions),
        origin: Origin::Imported,
        event: KeyEventKind::Imported,
        from: String::new(),
        chain: request.chain,
    };
    if secret.is_empty() {
        return Ok(Plan { work: Work::Import(pkcs8), draft });
    }
    if !pkcs8.is_empty() {
        return Err(Error::invalid("a key is imported as PKCS#8 or as a secret, not as both"));
    }
    if !draft.chain.is_empty() {
        return Err(Error::invalid("a secret key has no certificates"));
    }
    let key_type = known_type(&request.key_type)?;
    draft.check(key_type)?;
    Ok(Plan { work: Work::ImportSecret(key_type, secret), draft })
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
            owner: policy::known(caller, Role::User)?.to_owned(),
            name: checked_name(self.name)?,
            usage: asked_usage(self.usage),
            exportable: self.exportable,
            restrictions: Held {
                parent: Some(parent.attributes.restrictions.clone()),
                asked: self.restrictions,
            },
            origin: self.origin,
            event: self.event,
            from: format!("with {}/{} (id {})", parent.owner, parent.name, parent.id),
            chain: Vec::new(),
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
    note(&mut history, draft.event, &draft.owner, &draft.from);
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
        grants: Vec::new(),
        attributes: KeyAttributes { restrictions, trusted: false, history },
    };
    let quota = service.quotas.of(&record.owner, &service.live.settings());
    let owned = || service.store().count_owned(&record.owner);
    let _place =
        quota.as_ref().map(|quota| quota.place_for_key(&record.owner, owned)).transpose()?;
    service.store().insert(&record, &secret_of(&key)?)?;
    tracing::info!(id = %record.id, key_type = %record.key_type, origin = record.origin.word(), "new key");
    Ok(Reply::Key(record.seen_by(&record.owner).into()))
}

impl Held {
    fn asked(restrictions: Option<Restrictions>) -> Held {
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
    /// Refuses what a key of this type cannot be, before it is made.
    pub(crate) fn check(&self, key_type: KeyType) -> Result<()> {
        self.usage_for(key_type)?;
        self.restrictions.for_type(key_type).map(drop)
    }

    /// The usage of the key once its type is known.
    fn usage_for(&self, key_type: KeyType) -> Result<Rights> {
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

fn checked_name(name: String) -> Result<String> {
    check_name("key", &name)?;
    Ok(name)
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
