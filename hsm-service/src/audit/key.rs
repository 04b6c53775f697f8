//! The key that signs the log's checkpoints: Ed25519, made by the service for itself, sealed in its
//! store like its authority's key, and out of reach of every operation that clients ask for.

use keyward_algorithms::{ErrorKind, KeyType, Signature};
use keyward_crypto::PrivateKey;

use super::format::to_be_signed;
use crate::{
    Error, Result,
    backend::explain,
    store::{Secret, Store},
};

/// The name of the key among the store's secrets of the service itself.
const NAME: &str = "audit-key";

/// The audit key.
pub(super) struct AuditKey {
    private: PrivateKey,
    /// Its DER SubjectPublicKeyInfo.
    pub(super) spki: Vec<u8>,
    /// Fingerprint of the service's authority, which every signature is bound to.
    pub(super) service_id: String,
}

impl AuditKey {
    /// The key that the store keeps; a store that has none yet gets one.
    pub(super) fn load(store: &dyn Store, service_id: &str) -> Result<AuditKey> {
        let private = match store.own_secret(NAME)? {
            Some(secret) => PrivateKey::from_pkcs8(secret.expose())
                .map_err(|error| explain(error, "cannot read the audit key"))?,
            None => {
                let failed = |error| explain(error, "cannot make the audit key");
                let key = PrivateKey::generate(KeyType::Ed25519).map_err(failed)?;
                let secret = Secret::copy_of(&key.to_pkcs8().map_err(failed)?);
                store.set_own_secrets(&[(NAME, secret)])?;
                key
            }
        };
        let spki = private.public_key_spki();
        Ok(AuditKey { private, spki, service_id: service_id.into() })
    }

    /// Signs a checkpoint.
    pub(super) fn sign(&self, checkpoint: &[u8]) -> Result<Vec<u8>> {
        let algorithm = signature()?;
        let message = to_be_signed(&self.service_id, checkpoint);
        let signed = self.private.sign(algorithm, None, &message);
        signed.map_err(|error| explain(error, "cannot sign a checkpoint of the audit log"))
    }
}

/// The algorithm of checkpoints.
pub(super) fn signature() -> Result<&'static Signature> {
    KeyType::Ed25519
        .default_signature()
        .ok_or_else(|| Error::new(ErrorKind::Internal, "Ed25519 has no signature algorithm"))
}
