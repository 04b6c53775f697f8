//! Message authentication codes with secret keys (provider-mac(7)). The service makes a code over a
//! whole message, so its pieces are gathered here.

use std::sync::Arc;

use keyward_algorithms::{Digest, Mac, SecretKind};
use keyward_protocol::{Error, Result, constants::MAX_MESSAGE_BYTES};
use zeroize::Zeroizing;

use crate::{
    failure::{too_early, too_small, unsupported},
    ffi::{
        core::Core,
        dispatch::{Descriptors, descriptors},
        guard::Scope,
        handle::Output,
        names,
        params::{Answer, Gettable, Params, Questions, Settable},
    },
    provider::Provider,
    secret::SecretKey,
};

pub(crate) static GETTABLE: Descriptors = descriptors![MAC_SIZE: Unsigned];
pub(crate) static SETTABLE: Descriptors =
    descriptors![DIGEST: Utf8, PROPERTIES: Utf8, MAC_CIPHER: Utf8];

/// A code under way.
#[derive(Clone)]
pub(crate) struct MacContext {
    provider: Arc<Provider>,
    kind: SecretKind,
    key: Option<Arc<SecretKey>>,
    /// HMAC's digest.
    digest: Option<Digest>,
    /// The message so far, from its start to its end.
    message: Option<Zeroizing<Vec<u8>>>,
}

impl Scope for MacContext {
    fn core(&self) -> &Core {
        self.provider.core()
    }
}

impl MacContext {
    /// A context for HMAC, or with AES keys for CMAC.
    pub(crate) fn new(provider: Arc<Provider>, kind: SecretKind) -> MacContext {
        MacContext { provider, kind, key: None, digest: None, message: None }
    }

    /// Starts, with another key or the last.
    pub(crate) fn init(&mut self, key: Option<Arc<SecretKey>>, params: Params<'_>) -> Result<()> {
        self.message = None;
        if let Some(key) = key {
            if key.kind != self.kind {
                let message = format!("no key of the kind {}", self.kind.row().name);
                return Err(key.about(Error::invalid(message)));
            }
            self.key = Some(key);
        }
        self.set_params(params)?;
        self.message = Some(Zeroizing::default());
        Ok(())
    }

    fn algorithm(&self) -> Result<Mac> {
        let mut all = Mac::ALL.iter().copied();
        all.find(|mac| mac.row().kind == self.kind && mac.row().digest == self.digest).ok_or_else(
            || Error::invalid("the digest is missing").hint("set the parameter \"digest\""),
        )
    }

    /// Takes a piece of the message.
    pub(crate) fn update(&mut self, data: &[u8]) -> Result<()> {
        let gathered = self.message.as_mut().ok_or_else(too_early)?;
        if gathered.len() + data.len() > MAX_MESSAGE_BYTES {
            let message = format!("a message over the limit of {MAX_MESSAGE_BYTES} bytes");
            return Err(Error::new(keyward_algorithms::ErrorKind::LimitExceeded, message)
                .hint("authenticate its digest"));
        }
        gathered.extend_from_slice(data);
        Ok(())
    }

    /// Has the service make the code.
    pub(crate) fn finish(&mut self, output: Output<'_>) -> Result<()> {
        let mac = self.algorithm()?;
        let size = mac.row().size;
        if output.asks_for_size() {
            output.set_size(size);
            return Ok(());
        }
        if output.capacity() < size {
            return Err(too_small(size));
        }
        let key = self.key.as_ref().ok_or_else(too_early)?;
        let message = self.message.as_ref().ok_or_else(too_early)?;
        let code =
            self.provider.client()?.mac(&key.id, mac, message).map_err(|error| key.about(error))?;
        self.message = None;
        if output.write(&code) { Ok(()) } else { Err(too_small(code.len())) }
    }
}

impl Settable for MacContext {
    fn set_params(&mut self, params: Params<'_>) -> Result<()> {
        if let Some(name) = params.get(names::DIGEST).filter(|_| self.kind == SecretKind::Hmac) {
            let name = name.text()?;
            let digest = Digest::from_name(name);
            let has_mac =
                |digest: &Digest| Mac::ALL.iter().any(|mac| mac.row().digest == Some(*digest));
            self.digest = Some(digest.filter(has_mac).ok_or_else(|| {
                unsupported(format!("an HMAC with the digest {name}")).hint("use SHA2-256")
            })?);
        }
        // CMAC's cipher says no more than the key does: CBC, in which OpenSSL has it.
        if let Some(cipher) = params.get(names::MAC_CIPHER).filter(|_| self.kind == SecretKind::Aes)
        {
            let cipher = cipher.text()?;
            let bits = self.key.as_ref().map(|key| key.bits);
            let is = |bits: u16| cipher.eq_ignore_ascii_case(&format!("AES-{bits}-CBC"));
            if !bits.map_or_else(|| [128, 192, 256].into_iter().any(is), is) {
                return Err(Error::invalid(format!("{cipher} is not the cipher of the key")));
            }
        }
        Ok(())
    }
}

impl Gettable for MacContext {
    fn get_params(&self, mut questions: Questions<'_>) -> Result<()> {
        questions.answer_each(|name, _| {
            // Before the digest is known there is no size to tell.
            let size = self.algorithm().map_or(0, |mac| mac.row().size);
            Ok((name == names::MAC_SIZE).then_some(Answer::Integer(size as i64)))
        })
    }
}
