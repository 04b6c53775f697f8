//! Encapsulation of secrets (provider-kem(7)): with the public half here, out of the ciphertext in
//! the service.

use std::sync::Arc;

use keyward_algorithms::{ML_KEM_SECRET_BYTES, MlKem};
use keyward_protocol::{Error, Result};

use crate::{
    failure::{too_early, too_small, unsupported},
    ffi::{
        core::Core,
        dispatch::{Descriptors, descriptors},
        guard::Scope,
        handle::Output,
        names,
        params::{Params, Settable},
    },
    key::Key,
    provider::Provider,
};

/// What can be set: nothing that does any good, but OpenSSL's own has it.
pub(crate) static SETTABLE: Descriptors = descriptors![KEM_IKME: Octets];

/// An encapsulation or decapsulation under way.
#[derive(Clone)]
pub(crate) struct KemContext {
    provider: Arc<Provider>,
    key: Option<Arc<Key>>,
}

impl Scope for KemContext {
    fn core(&self) -> &Core {
        self.provider.core()
    }
}

/// Which side of the exchange a key is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Encapsulate,
    Decapsulate,
}

impl From<Arc<Provider>> for KemContext {
    fn from(provider: Arc<Provider>) -> KemContext {
        KemContext { provider, key: None }
    }
}

impl KemContext {
    pub(crate) fn init(
        &mut self,
        key: Option<Arc<Key>>,
        params: Params<'_>,
        side: Side,
    ) -> Result<()> {
        let key = key.ok_or_else(too_early)?;
        key.public()?;
        if side == Side::Decapsulate {
            key.remote()?;
        }
        self.key = Some(key);
        self.set_params(params)
    }

    fn key(&self) -> Result<(&Arc<Key>, MlKem)> {
        let key = self.key.as_ref().ok_or_else(too_early)?;
        let set = MlKem::of(key.family).ok_or_else(|| {
            unsupported(format!("encapsulation with a key of type {}", key.family.row().name))
        })?;
        Ok((key, set))
    }

    /// Makes a secret and the ciphertext for the holder of the private half.
    pub(crate) fn encapsulate(&self, ciphertext: Output<'_>, secret: Output<'_>) -> Result<()> {
        let (key, set) = self.key()?;
        let size = set.row().ciphertext_bytes;
        if ciphertext.asks_for_size() {
            ciphertext.set_size(size);
            secret.set_size(ML_KEM_SECRET_BYTES);
            return Ok(());
        }
        if secret.asks_for_size() {
            return Err(Error::invalid("there is no place for the secret"));
        }
        if ciphertext.capacity() < size {
            return Err(too_small(size));
        }
        let (made, shared) = key.public()?.encapsulate()?;
        if !secret.write(&shared) {
            return Err(too_small(ML_KEM_SECRET_BYTES));
        }
        if ciphertext.write(&made) { Ok(()) } else { Err(too_small(size)) }
    }

    /// Has the service take the secret out of a ciphertext.
    pub(crate) fn decapsulate(&self, secret: Output<'_>, ciphertext: &[u8]) -> Result<()> {
        let (key, _) = self.key()?;
        if secret.asks_for_size() {
            secret.set_size(ML_KEM_SECRET_BYTES);
            return Ok(());
        }
        if secret.capacity() < ML_KEM_SECRET_BYTES {
            return Err(too_small(ML_KEM_SECRET_BYTES));
        }
        let shared = self
            .provider
            .client()?
            .decapsulate(&key.remote()?.id, ciphertext)
            .map_err(|error| key.about(error))?;
        if secret.write(&shared) { Ok(()) } else { Err(too_small(shared.len())) }
    }
}

impl Settable for KemContext {
    fn set_params(&mut self, params: Params<'_>) -> Result<()> {
        match params.get(names::KEM_IKME) {
            Some(_) => Err(unsupported("encapsulation with chosen randomness")),
            None => Ok(()),
        }
    }
}
