//! Signed statements about keys: what the service says of a key, to somebody who trusts its authority.
//!
//! A statement is a JSON Web Signature in its compact form (RFC 7515), signed with Ed25519 (RFC 8037)
//! by a key that the service uses for nothing else. The certificate of that key is in the statement
//! and is issued by the service's authority. `docs/attestation.md` says what that is worth.

mod statement;
pub mod verify;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use keyward_algorithms::{ErrorKind, KeyType};
use keyward_crypto::PrivateKey;
use keyward_protocol::Key;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    backend::explain,
    issue::Authority,
    store::{Secret, Store},
};
pub use statement::{Described, ServiceFacts, Statement};

/// The name of the key among the store's secrets of the service itself.
const NAME: &str = "attestation-key";

/// What the header says that these signatures are for. The key makes no others.
const TYPE: &str = "keyward-attestation+jws";
const ALGORITHM: &str = "EdDSA";

/// The sizes that a nonce can have in bytes.
pub const NONCE_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// The header of a statement.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    /// DER certificates in Base64 (RFC 7515, 4.1.6), the signing key's first.
    x5c: Vec<String>,
}

/// Signs statements.
pub(crate) struct Attester {
    private: PrivateKey,
}

impl Attester {
    /// With the key that the store keeps; a store that has none yet gets one.
    pub(crate) fn load(store: &dyn Store) -> Result<Attester> {
        let failed = |error| explain(error, "cannot make or read the attestation key");
        let private = match store.own_secret(NAME)? {
            Some(secret) => PrivateKey::from_pkcs8(secret.expose()).map_err(failed)?,
            None => {
                let key = PrivateKey::generate(KeyType::Ed25519).map_err(failed)?;
                let secret = Secret::copy_of(&key.to_pkcs8().map_err(failed)?);
                store.set_own_secrets(&[(NAME, secret)])?;
                key
            }
        };
        Ok(Attester { private })
    }

    /// A signed statement about a key as its viewer sees it.
    pub(crate) fn attest(
        &self,
        authority: &Authority,
        service: ServiceFacts,
        key: &Key,
        nonce: &[u8],
    ) -> Result<String> {
        if !NONCE_BYTES.contains(&nonce.len()) {
            let (least, most) = (NONCE_BYTES.start(), NONCE_BYTES.end());
            let message = format!("a nonce has {least} to {most} bytes, this one {}", nonce.len());
            return Err(Error::invalid(message)
                .hint("whoever wants the statement draws it: openssl rand -hex 32"));
        }
        let statement = Statement::new(service, key, nonce);
        let certificate = authority.issue_attester(&self.private.public_key_spki())?;
        let header = Header {
            alg: ALGORITHM.into(),
            typ: TYPE.into(),
            x5c: vec![Base64::encode_string(&certificate)],
        };
        let signed = format!("{}.{}", encoded(&header)?, encoded(&statement)?);
        let signature = self
            .private
            .sign(algorithm()?, None, signed.as_bytes())
            .map_err(|error| explain(error, "cannot sign a statement"))?;
        Ok(format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature)))
    }
}

fn algorithm() -> Result<&'static keyward_algorithms::Signature> {
    KeyType::Ed25519
        .default_signature()
        .ok_or_else(|| Error::new(ErrorKind::Internal, "Ed25519 has no signature algorithm"))
}

fn encoded(value: &impl Serialize) -> Result<String> {
    let json = serde_json::to_vec(value)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("no statement: {error}")))?;
    Ok(Base64UrlUnpadded::encode_string(&json))
}
