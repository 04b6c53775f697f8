//! A PKCS#11 token as the device: the master key is encrypted to an RSA key whose private half stays
//! in the token (OAEP).
//!
//! RSA-OAEP is what SoftHSM, YubiHSM and CloudHSM all offer: YubiHSM has no AES-GCM and no standard
//! key wrap, CloudHSM's AES modes are its own, and SoftHSM has OAEP with SHA-1 alone. So SHA-256 is
//! tried first. Either is sound: OAEP does not rest on collisions.

use std::sync::Arc;

use aws_lc_rs::rand;
use keyward_algorithms::{Digest, Encryption, ErrorKind};
use keyward_crypto::{OaepParameters, PublicKey};
use keyward_protocol::messages::{SealParameters, TokenParameters};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{DataKey, Device, SealKind, device::master_key};
use crate::{
    Error, Result,
    issue::hex,
    token::{Token, TokenKey},
};

/// The token, as its user.
pub struct TokenDevice {
    token: Arc<Token>,
    pin: Zeroizing<Vec<u8>>,
    key_label: String,
}

impl TokenDevice {
    /// The token, opened by its PIN.
    pub fn new(token: Arc<Token>, pin: &[u8]) -> TokenDevice {
        let pin = Zeroizing::new(pin.to_vec());
        TokenDevice { token, pin, key_label: String::new() }
    }

    /// The same, to wrap by the key of a label; by a new one if it is empty.
    pub fn by_key(self, key_label: &str) -> TokenDevice {
        TokenDevice { key_label: key_label.into(), ..self }
    }

    fn wrap_to(&self, key: &TokenKey, master_key: &DataKey, digest: Digest) -> Result<Vec<u8>> {
        let failed = |error| {
            let message = format!("cannot encrypt to the token's key: {error}");
            Error::new(ErrorKind::Internal, message)
        };
        let public = PublicKey::from_spki(&key.spki).map_err(failed)?;
        let oaep = OaepParameters { digest, mgf1: digest, label: &[] };
        let wrapped = public
            .encrypt(Encryption::RsaOaep, Some(oaep), master_key.as_slice())
            .map_err(failed)?;
        let opened = self.token.decrypt(&self.pin, &key.id, digest, &wrapped)?;
        match bool::from(opened.ct_eq(master_key.as_slice())) {
            true => Ok(wrapped),
            false => {
                let message = format!("the key \"{}\" does not decrypt what it should", key.label);
                Err(Error::new(ErrorKind::Sealed, message))
            }
        }
    }
}

impl Device for TokenDevice {
    const KIND: SealKind = SealKind::Token;

    fn describe(&self) -> String {
        self.token.describe()
    }

    fn wrap(&self, master_key: &DataKey) -> Result<SealParameters> {
        let label = match self.key_label.as_str() {
            "" => {
                let mut random = [0; 8];
                rand::fill(&mut random)
                    .map_err(|_| Error::new(ErrorKind::Internal, "cannot draw a label"))?;
                format!("keyward-{}", hex(&random))
            }
            label => label.to_owned(),
        };
        let key = self.token.key(&self.pin, &label)?;
        let mut wrapped = Err(Error::new(ErrorKind::Internal, "there is no digest for OAEP"));
        for digest in [Digest::Sha256, Digest::Sha1] {
            wrapped = self.wrap_to(&key, master_key, digest).map(|wrapped| (digest, wrapped));
            if wrapped.is_ok() {
                break;
            }
        }
        let (digest, wrapped) = wrapped?;
        let token = TokenParameters {
            token: self.token.label().into(),
            serial: key.serial,
            label: key.label,
            id: key.id,
            digest: digest.code(),
            wrapped,
        };
        Ok(SealParameters { token: Some(token), ..SealParameters::default() })
    }

    fn unwrap(&self, parameters: &SealParameters) -> Result<DataKey> {
        let token = parameters.token.clone().unwrap_or_default();
        let digest = Digest::from_code(token.digest).unwrap_or(Digest::Sha256);
        master_key(&self.token.decrypt(&self.pin, &token.id, digest, &token.wrapped)?)
    }
}
