//! Keys that are ready for use: parsed, within a bound, and never older than the store.

mod limits;

use std::sync::{Arc, OnceLock, atomic::Ordering};

use keyward_algorithms::{ErrorKind, KeyType, Operation, Right};
use keyward_crypto::{CryptoError, PrivateKey, PublicKey, SecretKey};
use keyward_protocol::KeyId;
use quick_cache::sync::{Cache, GuardResult};

use crate::{
    Error, Result,
    audit::{Fields, key_fields},
    caretaker::Endings,
    identity::Caller,
    metrics::Metrics,
    policy::{self, Target},
    store::{Event, Record, Secret, Store},
};
pub(crate) use limits::{HeldLimit, Limit, Limits};

/// What is secret of a key.
pub(crate) enum Material {
    /// The private half of a pair.
    Private(PrivateKey),
    /// A secret key.
    Secret(SecretKey),
}

impl Material {
    /// Reads what the store keeps of a key of this type.
    pub(crate) fn parse(
        key_type: KeyType,
        secret: &[u8],
    ) -> std::result::Result<Material, CryptoError> {
        match key_type {
            KeyType::Secret(kind, _) => SecretKey::from_bytes(kind, secret).map(Material::Secret),
            _ => PrivateKey::from_pkcs8(secret).map(Material::Private),
        }
    }

    /// The type of the key.
    pub(crate) fn key_type(&self) -> KeyType {
        match self {
            Material::Private(key) => key.key_type(),
            Material::Secret(key) => key.key_type(),
        }
    }

    /// The DER SubjectPublicKeyInfo; empty for a secret key, which has none.
    pub(crate) fn spki(&self) -> Vec<u8> {
        match self {
            Material::Private(key) => key.public_key_spki(),
            Material::Secret(_) => Vec::new(),
        }
    }

    /// What the store is to keep: DER PKCS#8, or the bytes of a secret key.
    pub(crate) fn secret(&self) -> std::result::Result<Secret, CryptoError> {
        match self {
            Material::Private(key) => Ok(Secret::copy_of(&key.to_pkcs8()?)),
            Material::Secret(key) => Ok(Secret::copy_of(key.expose())),
        }
    }
}

/// A parsed key with its record.
pub(crate) struct Key {
    /// What the store keeps of it.
    pub(crate) record: Record,
    /// What the audit log says of it.
    pub(crate) audit: Fields,
    material: Material,
    /// Parsed when first needed: most keys only sign.
    public: OnceLock<PublicKey>,
    /// What counts its uses, where they have a limit.
    limit: Option<Arc<Limit>>,
}

impl Key {
    fn parse(record: Record, secret: &Secret, limits: &Limits) -> Result<Key> {
        let material = Material::parse(record.key_type, secret.expose()).map_err(|error| {
            let message = format!("key \"{}\" does not read: {error}", record.name);
            Error::new(ErrorKind::Internal, message)
        })?;
        let audit = key_fields(&record.id, &record.owner, &record.name, record.version);
        let limit = limits::is_limited(&record).then(|| limits.of(&record));
        Ok(Key { record, audit, material, public: OnceLock::new(), limit })
    }

    /// Counts a use, and an encryption with AES-GCM where it is one; or refuses it.
    pub(crate) fn take_use(&self, is_gcm: bool) -> Result<()> {
        self.limit.as_ref().map_or(Ok(()), |limit| limit.take(&self.record, is_gcm))
    }

    /// Refuses a use that a limit would refuse, and counts nothing.
    pub(crate) fn look_for_use(&self) -> Result<()> {
        self.limit.as_ref().map_or(Ok(()), |limit| limit.look(&self.record))
    }

    /// The private half of a pair.
    pub(crate) fn private(&self) -> Result<&PrivateKey> {
        match &self.material {
            Material::Private(key) => Ok(key),
            Material::Secret(_) => Err(self.is_not("private")),
        }
    }

    /// The secret key.
    pub(crate) fn secret(&self) -> Result<&SecretKey> {
        match &self.material {
            Material::Secret(key) => Ok(key),
            Material::Private(_) => Err(self.is_not("secret")),
        }
    }

    /// What is secret of the key.
    pub(crate) fn material(&self) -> &Material {
        &self.material
    }

    fn is_not(&self, what: &str) -> Error {
        let Record { name, key_type, .. } = &self.record;
        let message = format!("key \"{name}\" ({key_type}) is no {what} key");
        Error::new(ErrorKind::Unsupported, message)
            .hint("docs/algorithms.md says which types of keys go with which algorithms")
    }

    /// The public half.
    pub(crate) fn public(&self) -> Result<&PublicKey> {
        if let Some(public) = self.public.get() {
            return Ok(public);
        }
        self.private()?;
        let public = PublicKey::from_spki(&self.record.spki).map_err(|error| {
            let message = format!("public key of \"{}\" does not read: {error}", self.record.name);
            Error::new(ErrorKind::Internal, message)
        })?;
        Ok(self.public.get_or_init(|| public))
    }
}

/// The keys of a store, as callers see them.
pub(crate) struct Keys {
    store: Arc<dyn Store>,
    ready: Arc<Cache<KeyId, Arc<Key>>>,
    metrics: Arc<Metrics>,
    limits: Arc<Limits>,
}

impl Keys {
    /// The keys of a store, of which so many are held ready.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        capacity: usize,
        metrics: Arc<Metrics>,
        endings: Endings,
    ) -> Keys {
        let ready = Arc::new(Cache::new(capacity.max(1)));
        let limits = Limits::new(Arc::clone(&store), endings, Arc::clone(&metrics));
        let limits = Arc::new(limits);
        let (watched, limited) = (Arc::clone(&ready), Arc::clone(&limits));
        // A key that is being parsed at this moment is thrown out too: its place is taken from it,
        // and its insertion comes to nothing.
        store.subscribe(Box::new(move |event| match event {
            Event::Changed(id) => drop(watched.remove(&id)),
            Event::Removed(id) => {
                watched.remove(&id);
                limited.forget(&id);
            }
        }));
        Keys { store, ready, metrics, limits }
    }

    /// The key with this identifier, if the caller may carry out the operation with it and with the
    /// algorithm of this name; and whether that wants an approval. Without a name it is the agreement
    /// that the key's type has.
    ///
    /// A key that the caller may not see costs what one costs that does not exist: a look into the
    /// store, whether or not it is held ready.
    pub(crate) fn usable(
        &self,
        caller: &Caller,
        operation: Operation,
        right: Option<Right>,
        algorithm: &str,
        approved_only: bool,
        id: &KeyId,
    ) -> Result<(Arc<Key>, bool)> {
        let authorise = |record: &Record| {
            let target = match right {
                Some(right) => Target::KeyThrough(record, right),
                None => Target::Key(record),
            };
            let algorithm = match algorithm {
                "" => record.key_type.agreement().unwrap_or_default(),
                name => name,
            };
            policy::authorise_use(caller, operation, target, algorithm, approved_only)
        };
        if let Some(key) = self.ready.get(id) {
            match authorise(&key.record) {
                Ok(wants_approval) => return Ok((key, wants_approval)),
                Err(error) if error.kind != ErrorKind::NotFound => return Err(error),
                Err(_) => {}
            }
        }
        let Some((record, _)) = self.store.get(id)? else { return Err(absent(caller)) };
        authorise(&record)?;
        let key = self.parsed(id)?.ok_or_else(|| absent(caller))?;
        let wants_approval = authorise(&key.record)?;
        Ok((key, wants_approval))
    }

    /// The parsed key, which is parsed once however many ask for it at the same time.
    fn parsed(&self, id: &KeyId) -> Result<Option<Arc<Key>>> {
        let place = match self.ready.get_value_or_guard(id, None) {
            GuardResult::Value(key) => return Ok(Some(key)),
            GuardResult::Guard(place) => Some(place),
            GuardResult::Timeout => None,
        };
        self.metrics.key_cache_misses.fetch_add(1, Ordering::Relaxed);
        // Read only now that the place is held, so that no change can slip in between.
        let Some((record, secret)) = self.store.get(id)? else { return Ok(None) };
        let key = Arc::new(Key::parse(record, &secret, &self.limits)?);
        if let Some(place) = place {
            // Where the key was changed meanwhile, this one is used once and not kept.
            let _ = place.insert(Arc::clone(&key));
        }
        // It may have been sealed meanwhile.
        if !self.store.is_open() {
            self.ready.clear();
        }
        Ok(Some(key))
    }

    /// Holds so many keys ready from now on.
    pub(crate) fn hold_ready(&self, capacity: usize) {
        self.ready.set_capacity(capacity.max(1) as u64);
    }

    /// Holds none of the keys ready any more. Those in use now are gone when that has ended.
    pub(crate) fn forget(&self) {
        self.ready.clear();
    }

    /// How many keys are held ready, and how many can be.
    pub(crate) fn ready(&self) -> (usize, usize) {
        (self.ready.len(), self.ready.capacity() as usize)
    }

    /// How far keys have come towards the limits of their use.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The store behind.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }
}

/// The error for a key that is not there, which is no more than what an unknown caller hears.
fn absent(caller: &Caller) -> Error {
    policy::known(caller, crate::identity::Role::User).err().unwrap_or_else(policy::not_found)
}
