//! The seal of a store that is opened here, without a service: whatever kind it turns out to be.

use std::{path::PathBuf, sync::Arc};

use keyward_algorithms::ErrorKind;
use zeroize::Zeroizing;

use super::secrets::{Parts, ask, copy_or_pin, parts};
use crate::{
    Error, Result,
    config::SealConfig,
    store::{
        DataKey, DeviceSeal, MasterKey, Passphrase, Seal, SealKind, SealRow, Share, Shares,
        open_seal, token_device,
    },
    token::Token,
};

/// Opens stores by the configured master key or device, or by what people have: from a file, or asked
/// for.
pub(crate) struct AskingSeal {
    config: SealConfig,
    from: Option<PathBuf>,
    /// A copy of the master key, which lies wherever its keeper has put it.
    copy: Option<PathBuf>,
}

impl AskingSeal {
    /// With the master key or device that the configuration names.
    pub(crate) fn new(config: SealConfig, from: Option<PathBuf>) -> AskingSeal {
        AskingSeal { config, from, copy: None }
    }

    /// The same with a copy of the master key, in place of the configured one or of a device.
    pub(crate) fn with_copy(self, copy: Option<PathBuf>) -> AskingSeal {
        AskingSeal { copy, ..self }
    }

    /// The seal of a kind that has a master key.
    fn with_master_key(&self, kind: SealKind) -> Result<Box<dyn Seal>> {
        let given = self.from.as_deref().or(self.copy.as_deref()).map(copy_or_pin).transpose()?;
        if let Some(copy) = given.as_ref().filter(|given| MasterKey::is_pem(given)) {
            return Ok(Box::new(MasterKey::from_pem(copy)?));
        }
        let token = self.config.pkcs11.as_ref().map(|token| Arc::new(Token::new(token)));
        if kind == SealKind::Token && (given.is_some() || self.config.needs_people(kind)) {
            let pin = given.map_or_else(|| ask("PIN of the token"), Ok)?;
            return Ok(Box::new(DeviceSeal::new(token_device(token.as_ref(), &pin)?)));
        }
        open_seal(&self.config, kind, token.as_ref())
    }

    fn secrets(&self, what: &str, count: usize) -> Result<Vec<Zeroizing<Vec<u8>>>> {
        match &self.from {
            Some(path) if count == 1 => parts(Some(path), what, Parts::One),
            Some(path) => parts(Some(path), what, Parts::Lines),
            None if count == 1 => Ok(vec![ask(what)?]),
            None => {
                (1..=count).map(|number| ask(&format!("{what} ({number} of {count})"))).collect()
            }
        }
    }
}

impl Seal for AskingSeal {
    fn describe(&self) -> String {
        "the seal".into()
    }

    fn wrap(&self, _: &DataKey) -> Result<Vec<u8>> {
        Err(Error::new(ErrorKind::Internal, "a store is only read here"))
    }

    fn unwrap(&self, row: &[u8]) -> Result<DataKey> {
        let found = SealRow::read(row)?;
        match found.kind() {
            Some(SealKind::Passphrase) => {
                let secrets = self.secrets("Passphrase of the store", 1)?;
                Passphrase::new(secrets.first().map_or(&[], |one| one)).unwrap(row)
            }
            Some(SealKind::Shares) => {
                let set = found.parameters().shares.unwrap_or_default();
                let what = format!("Share of the set {}", crate::issue::hex(&set.id));
                let shares = self.secrets(&what, set.threshold as usize)?;
                let shares = shares.iter().map(|text| Share::read(text));
                // A file may have the shares of several stores.
                let shares = shares
                    .filter(|share| !share.as_ref().is_ok_and(|share| share.check(&set).is_err()));
                Shares::of(&set, &shares.collect::<Result<Vec<_>>>()?)?.unwrap(row)
            }
            kind => self.with_master_key(kind.unwrap_or(SealKind::MasterKey))?.unwrap(row),
        }
    }
}
