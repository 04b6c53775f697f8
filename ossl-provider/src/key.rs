//! Keys as the core holds them.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use keyward_algorithms::{Curve, Family};
use keyward_protocol::{Error, KeyId, Result, reference::Reference};

use crate::{
    ffi::{core::Core, guard::Scope},
    provider::Provider,
    public::{Material, Public},
};

/// A key. The core may make one without a value, or with its curve alone, to give it a value later;
/// what is once set never changes.
pub(crate) struct Key {
    pub(crate) provider: Arc<Provider>,
    pub(crate) family: Family,
    curve: OnceLock<Curve>,
    content: OnceLock<Content>,
}

struct Content {
    public: Public,
    remote: Option<Remote>,
}

/// The private half, which is in the service.
pub(crate) struct Remote {
    pub(crate) id: KeyId,
    /// The URI that it was named by, for people.
    pub(crate) uri: String,
    /// Whether it is known to belong to the public half: the service told of both, or a signature has
    /// shown it.
    is_proven: AtomicBool,
}

impl Scope for Key {
    fn core(&self) -> &Core {
        self.provider.core()
    }
}

impl Key {
    /// A key to import a public key into.
    pub(crate) fn empty(provider: Arc<Provider>, family: Family) -> Key {
        Key { provider, family, curve: OnceLock::new(), content: OnceLock::new() }
    }

    /// A key of the service's, as the service tells of it.
    pub(crate) fn in_service(provider: Arc<Provider>, reference: Reference) -> Result<Key> {
        Key::of_service(provider, reference, true)
    }

    /// A key of the service's, as a file tells of it. Its first signature shows whether the file has
    /// the key's own public half.
    pub(crate) fn in_file(provider: Arc<Provider>, reference: Reference) -> Result<Key> {
        // A host may change its root when it has loaded its keys, and find no names afterwards.
        if let Ok(client) = provider.client() {
            client.look_up_hosts();
        }
        let uri = reference.uri.clone();
        Key::of_service(provider, reference, false).map_err(|mut error| {
            error.message = format!("the reference to {uri}: {}", error.message);
            error.hint("write it anew with `keyward key pem`")
        })
    }

    fn of_service(provider: Arc<Provider>, reference: Reference, is_proven: bool) -> Result<Key> {
        let Reference { uri, id, spki } = reference;
        let public = Public::from_spki(spki)?;
        public.ready()?;
        Key::with(provider, public, Some(Remote { id, uri, is_proven: is_proven.into() }))
    }

    /// The public half alone.
    pub(crate) fn public_only(provider: Arc<Provider>, spki: Vec<u8>) -> Result<Key> {
        Key::with(provider, Public::from_spki(spki)?, None)
    }

    fn with(provider: Arc<Provider>, public: Public, remote: Option<Remote>) -> Result<Key> {
        let key = Key::empty(provider, public.family);
        key.fill(public, remote)?;
        Ok(key)
    }

    /// Makes an empty key this public key.
    pub(crate) fn import(&self, public: Public) -> Result<()> {
        self.fill(public, None)
    }

    /// Puts an empty key on a curve.
    pub(crate) fn put_on_curve(&self, curve: Curve) -> Result<()> {
        if *self.curve.get_or_init(|| curve) == curve {
            return Ok(());
        }
        Err(Error::invalid("the key is on another curve"))
    }

    fn fill(&self, public: Public, remote: Option<Remote>) -> Result<()> {
        if let Material::Ec { curve, .. } = public.material {
            self.put_on_curve(curve)?;
        }
        self.content
            .set(Content { public, remote })
            .map_err(|_| Error::invalid("the key has a value already"))
    }

    /// The curve, which a key may have before it has a value.
    pub(crate) fn curve(&self) -> Option<Curve> {
        self.curve.get().copied()
    }

    /// The public half.
    pub(crate) fn public(&self) -> Result<&Public> {
        let content = self.content.get().ok_or_else(|| Error::invalid("the key is empty"))?;
        Ok(&content.public)
    }

    /// The private half.
    pub(crate) fn remote(&self) -> Result<&Remote> {
        self.content.get().and_then(|content| content.remote.as_ref()).ok_or_else(|| {
            Error::invalid("this is only a public key")
                .hint("load the key by its keyward: URI or its reference PEM file")
        })
    }

    /// Has the first signature of a key from a file verified. Without that, a file with another public
    /// half would make requests and certificates that are good for nothing.
    pub(crate) fn prove(&self, verify: impl FnOnce() -> Result<bool>) -> Result<()> {
        let remote = self.remote()?;
        if remote.is_proven.load(Relaxed) {
            return Ok(());
        }
        if !verify()? {
            let other = "the reference has the public key of another key than the service";
            return Err(Error::invalid(other).hint("write it anew with `keyward key pem`"));
        }
        remote.is_proven.store(true, Relaxed);
        Ok(())
    }

    /// Whether there is a public half.
    pub(crate) fn has_public(&self) -> bool {
        self.content.get().is_some()
    }

    /// Whether there is a private half, in the service.
    pub(crate) fn has_private(&self) -> bool {
        self.remote().is_ok()
    }

    /// What stands for the key in a file.
    pub(crate) fn reference(&self) -> Result<Reference> {
        let remote = self.remote()?;
        Ok(Reference { uri: remote.uri.clone(), id: remote.id, spki: self.public()?.spki.clone() })
    }

    /// Says of an error which key it is about.
    pub(crate) fn about(&self, mut error: Error) -> Error {
        if let Ok(remote) = self.remote() {
            error.message = format!("{}: {}", remote.uri, error.message);
        }
        error
    }
}
