//! Secret keys as the core holds them (provider-skeymgmt(7)): each stands for one in the service.

use std::{ffi::CString, sync::Arc};

use keyward_algorithms::{KeyType, SecretKind};
use keyward_protocol::{Error, Key as Found, KeyId, KeyUri, Result};

use crate::{
    failure::unsupported,
    ffi::{
        core::Core,
        dispatch::{Descriptors, descriptors},
        guard::Scope,
        names,
        params::Params,
    },
    provider::Provider,
};

/// What a secret key is imported from: its URI.
pub(crate) static IMPORTABLE: Descriptors = descriptors![SECRET_URI: Utf8];

/// A secret key in the service.
pub(crate) struct SecretKey {
    provider: Arc<Provider>,
    pub(crate) kind: SecretKind,
    pub(crate) bits: u16,
    pub(crate) id: KeyId,
    /// The URI that it was named by, for people.
    uri: String,
    /// The URI that means this very key, also after it was renamed.
    name: CString,
}

impl Scope for SecretKey {
    fn core(&self) -> &Core {
        self.provider.core()
    }
}

impl SecretKey {
    /// The key that the service tells of, if it is a secret one.
    pub(crate) fn of(provider: Arc<Provider>, found: &Found, uri: String) -> Result<SecretKey> {
        let KeyType::Secret(kind, bits) = found.key_type else {
            let message = format!("key \"{}\" is of type {}", found.name, found.key_type);
            return Err(Error::invalid(message).hint("load it as a pair of keys, an EVP_PKEY"));
        };
        let name = CString::new(format!("{}:id={}", KeyUri::SCHEME, found.id)).unwrap_or_default();
        Ok(SecretKey { provider, kind, bits, id: found.id, uri, name })
    }

    /// Has the service find the key that the parameters name.
    pub(crate) fn import(
        provider: &Arc<Provider>,
        kind: SecretKind,
        params: Params<'_>,
    ) -> Result<SecretKey> {
        let Some(uri) = params.get(names::SECRET_URI) else {
            return Err(unsupported("a secret key from outside")
                .hint("name one of the service's by the parameter \"uri\": keyward:NAME"));
        };
        let uri: KeyUri = uri.text()?.parse()?;
        let selector = uri.selector.as_ref().ok_or_else(|| {
            Error::invalid(format!("\"{uri}\" names no key")).hint("write keyward:NAME")
        })?;
        let found = provider.client()?.find(selector)?;
        let key = SecretKey::of(provider.clone(), &found, uri.to_string())?;
        match key.kind == kind {
            true => Ok(key),
            false => Err(Error::invalid(format!("{uri} is of type {}", found.key_type))),
        }
    }

    /// What the key can be loaded by again.
    pub(crate) fn name(&self) -> &CString {
        &self.name
    }

    /// Says of an error which key it is about.
    pub(crate) fn about(&self, mut error: Error) -> Error {
        error.message = format!("{}: {}", self.uri, error.message);
        error
    }
}

/// What a caller gets who wants the bytes of a secret key.
pub(crate) fn stays_inside() -> Error {
    unsupported("the bytes of a secret key outside the service")
        .hint("`keyward key wrap` gives an exportable key out, encrypted")
}
