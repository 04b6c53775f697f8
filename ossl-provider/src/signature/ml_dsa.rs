//! What a caller can choose about an ML-DSA signature (EVP_SIGNATURE-ML-DSA(7)).

use std::sync::Arc;

use keyward_algorithms::{ML_DSA_CONTEXT_MAX, ML_DSA_MU_BYTES};
use keyward_crypto::Mu;
use keyward_protocol::{Error, Result};

use super::prehash::Hashing;
use crate::{
    failure::{from_crypto, unsupported},
    ffi::{names, params::Params},
    public::Public,
};

/// The choices; the default is what X.509 and TLS use.
#[derive(Clone, Default)]
pub(super) struct Choices {
    /// The context string.
    context: Vec<u8>,
    /// The caller has put the context string into the message.
    is_encoded: bool,
    /// The caller hands in mu in the place of the message.
    pub(super) is_mu: bool,
    /// The same input is to give the same signature.
    pub(super) is_deterministic: bool,
}

impl Choices {
    pub(super) fn set_params(&mut self, params: Params<'_>) -> Result<()> {
        if let Some(context) = params.get(names::CONTEXT_STRING) {
            let context = context.octets()?;
            if context.len() > ML_DSA_CONTEXT_MAX {
                return Err(Error::invalid(format!(
                    "the context string has {} bytes, and may have {ML_DSA_CONTEXT_MAX}",
                    context.len()
                )));
            }
            self.context = context.to_vec();
        }
        if let Some(encoding) = params.get(names::MESSAGE_ENCODING) {
            self.is_encoded = encoding.integer()? == 0;
        }
        if let Some(is_mu) = params.get(names::MU) {
            self.is_mu = is_mu.integer()? != 0;
        }
        if let Some(is_deterministic) = params.get(names::DETERMINISTIC) {
            self.is_deterministic = is_deterministic.integer()? != 0;
        }
        if params.get(names::TEST_ENTROPY).is_some() {
            return Err(unsupported("ML-DSA signatures with chosen randomness"));
        }
        Ok(())
    }

    /// Starts the mu of a message, unless the caller hands in that itself.
    pub(super) fn hashing(&self, public: &Public) -> Result<Option<Hashing>> {
        let mu = match (self.is_mu, self.is_encoded) {
            (true, _) => return Ok(None),
            (false, true) => Mu::raw(&public.spki),
            (false, false) => Mu::new(&public.spki, &self.context),
        };
        Ok(Some(Hashing::Mu(Arc::new(mu.map_err(from_crypto)?))))
    }
}

/// Checks that an input is as long as mu is.
pub(super) fn check_mu(input: &[u8]) -> Result<()> {
    if input.len() == ML_DSA_MU_BYTES {
        return Ok(());
    }
    Err(Error::invalid(format!("the input has {} bytes, mu has {ML_DSA_MU_BYTES}", input.len())))
}
