//! Loading by URI (provider-storemgmt(7)): keys and their certificates, one object after another.

mod certificate;
mod search;

use std::{collections::VecDeque, ffi::CStr, sync::Arc};

use keyward_algorithms::{ErrorKind, Family, KeyType, Right, SecretKind};
use keyward_client::{Client, Pin};
use keyward_protocol::{
    Error, Key as Found, KeySelector, KeyUri, ObjectKind, Result, messages::KeptCertificate,
    reference::Reference,
};

use crate::{
    decoder::{STRUCTURE, hand_over_der},
    failure::unsupported,
    ffi::{
        bindings::{OSSL_OBJECT_CERT, OSSL_OBJECT_PKEY, OSSL_OBJECT_SKEY},
        builder::{Callback, ParamList},
        core::Core,
        dispatch::{Descriptors, descriptors},
        guard::Scope,
        handle, names,
        params::{Params, Settable},
        passphrase::Passphrase,
    },
    key::Key,
    provider::Provider,
    secret::SecretKey,
    store::search::Criteria,
};

/// What a caller can say before it loads. Properties and the type of the input mean nothing here.
pub(crate) static SETTABLE: Descriptors = descriptors![
    STORE_EXPECT: Integer, STORE_PROPERTIES: Utf8, STORE_INPUT_TYPE: Utf8,
    STORE_SUBJECT: Octets, STORE_ISSUER: Octets, STORE_SERIAL: Unsigned,
    DIGEST: Utf8, STORE_FINGERPRINT: Octets, STORE_ALIAS: Utf8,
];

/// A URI that is being loaded.
pub(crate) struct StoreContext {
    provider: Arc<Provider>,
    uri: KeyUri,
    expected: Expected,
    wanted: Criteria,
    /// What is still to come; `None` before the service has been asked.
    objects: Option<VecDeque<Object>>,
}

/// What the application wants (`OSSL_STORE_INFO_*` of store.h). Most do not say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Anything,
    PublicKey,
    PrivateKey,
    Certificate,
    SecretKey,
    SomethingElse,
}

impl Expected {
    fn from_number(number: i64) -> Expected {
        match number {
            0 => Expected::Anything,
            3 => Expected::PublicKey,
            4 => Expected::PrivateKey,
            5 => Expected::Certificate,
            7 => Expected::SecretKey,
            _ => Expected::SomethingElse,
        }
    }
}

enum Object {
    Key(Arc<Key>),
    Secret(Arc<SecretKey>),
    Certificate(Vec<u8>),
}

impl Scope for StoreContext {
    fn core(&self) -> &Core {
        self.provider.core()
    }
}

impl StoreContext {
    /// Reads the URI; asks the service nothing yet.
    pub(crate) fn open(provider: Arc<Provider>, uri: KeyUri) -> StoreContext {
        let (expected, wanted) = (Expected::Anything, Criteria::default());
        StoreContext { provider, uri, expected, wanted, objects: None }
    }

    /// Hands over the next object; whether the core took it.
    pub(crate) fn load(&mut self, callback: Callback, passphrase: Passphrase) -> Result<bool> {
        if self.objects.is_none() {
            // Whatever comes of it, the end is reached: there are servers that go on asking until
            // it is.
            self.objects = Some(VecDeque::new());
            let found = self.find(passphrase)?;
            self.provider.note(format_args!("store {}: {} objects", self.uri, found.len()));
            self.objects = Some(found);
        }
        match self.objects.as_mut().and_then(VecDeque::pop_front) {
            None => Ok(false),
            Some(Object::Key(key)) if self.provider.loads_references() => {
                Ok(hand_over_key(&key, callback))
            }
            Some(Object::Key(key)) => {
                let (structure, der) = match key.has_private() {
                    true => (STRUCTURE, key.reference()?.to_der()?),
                    false => (c"SubjectPublicKeyInfo", key.public()?.spki.clone()),
                };
                Ok(hand_over_der(key.family, structure, &der, callback))
            }
            Some(Object::Secret(key)) => Ok(hand_over_secret(&key, callback)),
            Some(Object::Certificate(der)) => {
                let mut list = ParamList::new();
                list.integer(names::OBJECT_TYPE, OSSL_OBJECT_CERT);
                list.octets(names::OBJECT_DATA, &der);
                Ok(callback.call(&mut list))
            }
        }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.objects.as_ref().is_some_and(VecDeque::is_empty)
    }

    fn find(&self, passphrase: Passphrase) -> Result<VecDeque<Object>> {
        if self.expected == Expected::SomethingElse {
            return Ok(VecDeque::new());
        }
        let client = self.provider.client()?;
        let found = match self.ask_service(client) {
            Err(error) if error.kind == ErrorKind::Unauthenticated && client.asks_for_pin()? => {
                let Some(pin) = self.pin(passphrase)? else { return Err(error) };
                client.log_in(pin)?;
                self.ask_service(client)?
            }
            outcome => outcome?,
        };
        let (keys, certificates) = found;
        let mut objects = VecDeque::new();
        for key in keys {
            let name = key.name.clone();
            let added = self.add(key, &mut objects).map_err(|mut error| {
                error.message = format!("key \"{name}\": {}", error.message);
                error
            });
            match added {
                // One key that makes no sense here must not hide the others.
                Err(error) if self.uri.selector.is_none() => {
                    self.provider.note(format_args!("store {}: left out: {error}", self.uri));
                }
                added => added?,
            }
        }
        for kept in certificates.iter().filter(|kept| self.wanted.meet_kept_certificate(kept)) {
            self.add_certificate(&kept.der, &mut objects);
        }
        Ok(objects)
    }

    /// The keys that are meant, and the certificates that are kept without a key.
    fn ask_service(&self, client: &Client) -> Result<(Vec<Found>, Vec<KeptCertificate>)> {
        let Some(selector) = &self.uri.selector else {
            let keys = client.list("")?.into_iter();
            let keys = keys.filter(|key| may_use(key) && self.check_offers(key).is_ok()).collect();
            let certificates = match self.wants_certificates() {
                true => client.certificates()?,
                false => Vec::new(),
            };
            return Ok((keys, certificates));
        };
        match (client.find(selector), selector) {
            (Ok(key), _) => Ok((vec![key], Vec::new())),
            (Err(error), KeySelector::Name(name))
                if error.kind == ErrorKind::NotFound && self.wants_certificates() =>
            {
                match client.certificate(name) {
                    Ok(kept) => Ok((Vec::new(), vec![kept])),
                    Err(other) if is_of_none(&other) => {
                        Err(not_found(error, &self.uri, &client.place()))
                    }
                    // Whether there is one is not known.
                    Err(other) => Err(other),
                }
            }
            (Err(error), _) => Err(not_found(error, &self.uri, &client.place())),
        }
    }

    /// Whether certificates are asked for, or may be.
    fn wants_certificates(&self) -> bool {
        matches!(self.uri.kind, None | Some(ObjectKind::Certificate))
            && matches!(self.expected, Expected::Anything | Expected::Certificate)
    }

    /// The caller's PIN, where the settings name none: from the file that the URI names, or from a
    /// person.
    fn pin(&self, passphrase: Passphrase) -> Result<Option<Pin>> {
        match &self.uri.pin_source {
            Some(path) => Pin::read(path).map(Some),
            None => Ok(passphrase.ask(c"Keyward").map(|answer| Pin::copy_of(&answer))),
        }
    }

    /// The objects of one key that the URI asks for and the application looks for.
    fn add(&self, key: Found, objects: &mut VecDeque<Object>) -> Result<()> {
        let provider = || self.provider.clone();
        if let KeyType::Secret(..) = key.key_type
            && self.provider.stores_secret_keys()
        {
            let wants = matches!(self.expected, Expected::Anything | Expected::SecretKey)
                && matches!(self.uri.kind, None | Some(ObjectKind::Private))
                && self.wanted.meet_key(&key);
            if wants {
                let secret = SecretKey::of(provider(), &key, self.name(&key))?;
                objects.push_back(Object::Secret(secret.into()));
            }
            return Ok(());
        }
        let kind = match (self.uri.kind, self.expected) {
            (None, Expected::PublicKey) => Some(ObjectKind::Public),
            (None, Expected::PrivateKey) => Some(ObjectKind::Private),
            (None, Expected::Certificate) => Some(ObjectKind::Certificate),
            (kind, _) => kind,
        };
        if kind != Some(ObjectKind::Certificate) {
            self.check_offers(&key)?;
        }
        let Found { id, spki, chain, .. } = &key;
        let is_wanted = self.wanted.meet_key(&key);
        match kind {
            Some(ObjectKind::Public) if is_wanted => {
                let public = Key::public_only(provider(), spki.clone())?;
                objects.push_back(Object::Key(public.into()));
            }
            None | Some(ObjectKind::Private) if is_wanted => {
                let reference = Reference { uri: self.name(&key), id: *id, spki: spki.clone() };
                objects.push_back(Object::Key(Key::in_service(provider(), reference)?.into()));
                // A host that says neither in the URI nor by itself what it wants may be one that
                // wants both halves of one key, as BIND does. The others stop at the first.
                if kind.is_none() && self.uri.selector.is_some() && !self.wanted.are_given() {
                    let public = Key::public_only(provider(), spki.clone())?;
                    objects.push_back(Object::Key(public.into()));
                }
            }
            _ => {}
        }
        if matches!(kind, None | Some(ObjectKind::Certificate)) {
            for der in chain.iter().filter(|der| self.wanted.meet_certificate(&key, der)) {
                self.add_certificate(der, objects);
            }
        }
        Ok(())
    }

    /// Whether there is key management for the key here.
    fn check_offers(&self, key: &Found) -> Result<()> {
        if matches!(key.key_type, KeyType::Secret(..)) && self.provider.stores_secret_keys() {
            return Ok(());
        }
        let family = key.key_type.family().ok_or_else(|| {
            unsupported(format!("a key of type {} from a URI", key.key_type))
                .hint("`keyward encrypt`, `keyward mac` and the Java provider use secret keys")
        });
        family.and_then(|family| self.provider.check_offers(family))
    }

    /// A search gives a certificate once, however many chains it is in.
    fn add_certificate(&self, der: &[u8], objects: &mut VecDeque<Object>) {
        let same = |object: &Object| matches!(object, Object::Certificate(other) if other == der);
        if !self.wanted.are_given() || !objects.iter().any(same) {
            objects.push_back(Object::Certificate(der.to_owned()));
        }
    }

    /// The URI of one key, as the application knows it or, in a listing, as it would write it.
    fn name(&self, key: &Found) -> String {
        match &self.uri.selector {
            Some(selector) => format!("{}:{selector}", KeyUri::SCHEME),
            None => format!("{}:{}/{}", KeyUri::SCHEME, key.owner, key.name),
        }
    }
}

impl Settable for StoreContext {
    fn set_params(&mut self, params: Params<'_>) -> Result<()> {
        if let Some(expected) = params.get(names::STORE_EXPECT) {
            self.expected = Expected::from_number(expected.integer()?);
        }
        self.wanted.set(params)
    }
}

/// Whether the caller may do more with a key than see and manage it. A key that is named is loaded
/// in any case: a web server loads as one user what it uses as another.
fn may_use(key: &Found) -> bool {
    let uses = [Right::Sign, Right::Decrypt, Right::Derive, Right::Raw, Right::Encrypt];
    uses.into_iter().any(|right| key.rights.has(right))
}

/// Whether a service answers so that keeps no certificate of a name, or none at all as older ones.
fn is_of_none(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::NotFound | ErrorKind::Unsupported)
}

/// Says of a key that is not found where it was looked for.
fn not_found(error: Error, uri: &KeyUri, place: &str) -> Error {
    match &uri.selector {
        Some(selector) if error.kind == ErrorKind::NotFound => {
            let message = format!("key \"{selector}\" not found ({place})");
            let hint = "`keyward key list` shows the keys that this user may see";
            Error { message, hint: error.hint.or(Some(hint.into())), ..error }
        }
        _ => error,
    }
}

/// Hands a key to the core by reference: the address of our share, which the core gives back to
/// `load` of the key management before the callback returns.
pub(crate) fn hand_over_key(key: &Arc<Key>, callback: Callback) -> bool {
    let mut list = ParamList::new();
    list.integer(names::OBJECT_TYPE, OSSL_OBJECT_PKEY);
    list.text(names::OBJECT_DATA_TYPE, type_name(key.family));
    list.octets(names::OBJECT_REFERENCE, &Arc::as_ptr(key).addr().to_ne_bytes());
    callback.call(&mut list)
}

/// The same for a secret key, which the core gives back to `import` of the key management.
fn hand_over_secret(key: &Arc<SecretKey>, callback: Callback) -> bool {
    handle::lend(key, |address| {
        let mut list = ParamList::new();
        list.integer(names::OBJECT_TYPE, OSSL_OBJECT_SKEY);
        list.text(names::OBJECT_DATA_TYPE, secret_type_name(key.kind));
        list.octets(names::OBJECT_REFERENCE, address);
        callback.call(&mut list)
    })
}

/// Our name of a kind of secret keys.
fn secret_type_name(kind: SecretKind) -> &'static CStr {
    match kind {
        SecretKind::Aes => c"KEYWARD-AES",
        SecretKind::Hmac => c"KEYWARD-HMAC",
    }
}

/// OpenSSL's name of a type of keys.
pub(crate) fn type_name(family: Family) -> &'static CStr {
    match family {
        Family::Rsa => c"RSA",
        Family::RsaPss => c"RSA-PSS",
        Family::Ec => c"EC",
        Family::Ed25519 => c"ED25519",
        Family::X25519 => c"X25519",
        Family::MlDsa44 => c"ML-DSA-44",
        Family::MlDsa65 => c"ML-DSA-65",
        Family::MlDsa87 => c"ML-DSA-87",
        Family::MlKem512 => c"ML-KEM-512",
        Family::MlKem768 => c"ML-KEM-768",
        Family::MlKem1024 => c"ML-KEM-1024",
    }
}
