//! Another seal for the store of a running service, and the end of it.

use keyward_algorithms::{ErrorKind, ServiceState};
use keyward_protocol::messages::{ChangeSeal, NewSeal, SealReply, Zeroize};

use crate::{
    Error, Result, Service,
    audit::Trail,
    identity::Caller,
    sealing::{Sealing, lock},
    store::{
        DataKey, DeviceSeal, KeyFile, MasterKey, Passphrase, Seal, SealKind, SealRow, Share,
        Shares, TpmDevice, token_device,
    },
};

impl Service {
    /// Puts another seal on the store: one row is written, in one step.
    pub(crate) fn change_seal(&self, request: &ChangeSeal, trail: &mut Trail) -> Result<SealReply> {
        let _turn = lock(&self.sealing.turn);
        let custody = self.sealing.custody();
        // Somebody may have sealed it while this waited.
        if self.sealing.state() != ServiceState::Operational {
            return Err(self.sealing.refusal());
        }
        let row = self.sealing.store.seal_row()?;
        let (next, kind) = self.sealing.next_seal(request.next.as_ref())?;
        trail.says(&format!("from {} to {}", self.sealing.describe(&row), next.describe()));
        if kind == SealKind::MasterKey {
            self.sealing.check_found(&*next)?;
        }
        custody.admit()?;
        let steps = custody.steps();
        drop(custody);
        // That something was given says nothing yet of whether it is right.
        let proved = self.sealing.prove(&row, &request.present).and_then(|()| next.prepare());
        self.sealing.custody().judge(proved)?;
        let mut custody = self.sealing.custody_at(steps)?;
        // First, so that whenever the service is killed it can be reached to be unsealed.
        let needs_people = self.sealing.config.needs_people(kind);
        if needs_people {
            self.front.want(true)?;
        }
        if let Err(error) = self.sealing.store.change_seal(&*next) {
            let present = row.kind().is_some_and(|kind| self.sealing.config.needs_people(kind));
            self.front.want(present)?;
            return Err(error);
        }
        custody.step();
        custody.forget();
        self.front.want(needs_people)?;
        tracing::info!(seal = next.describe(), "the seal was changed");
        self.describe_seal(&custody)
    }

    /// Destroys what opens the store. The audit log stays as it is; its key lives on in memory, so
    /// that the log ends properly.
    pub(crate) fn zeroize(
        &self,
        caller: &Caller,
        request: &Zeroize,
        trail: &mut Trail,
    ) -> Result<SealReply> {
        let mut custody = self.sealing.custody();
        self.confirm_zeroize(request)?;
        let row = self.sealing.store.seal_row()?;
        let seal = self.sealing.describe(&row);
        // In the log before anything is done: afterwards nobody can tell who it was.
        self.audit.announce("zeroize", &format!("by {}", caller.identity))?;
        custody.step();
        custody.forget();
        self.sealing.set(ServiceState::Uninitialised);
        self.give_up();
        let destroyed = self.sealing.store.destroy().and_then(|()| self.front.destroy());
        trail.says(&seal);
        if let Err(error) = destroyed {
            // So that it can be asked for again.
            self.sealing.set(ServiceState::Sealed);
            return Err(error.hint(
                "the keys are out of memory, and what opens them may still be on the disk: see to that \
                 disk, then `keyward zeroize` again; or destroy the disk",
            ));
        }
        tracing::warn!(by = %caller.identity, "the data key was destroyed");
        let mut leftover = Vec::new();
        if matches!(row.kind(), Some(SealKind::MasterKey | SealKind::Token)) {
            leftover.push(seal);
        }
        if row.kind().is_some_and(SealKind::has_device) {
            leftover.push("copies of the master key".into());
        }
        leftover.push("copies of the store, such as backups, and what opened them".into());
        Ok(SealReply { leftover, ..self.describe_seal(&custody)? })
    }

    /// What must be given before keys are destroyed, besides the approvals that a quorum asks for.
    fn confirm_zeroize(&self, request: &Zeroize) -> Result<()> {
        let fingerprint = self.authority.service_id();
        if fingerprint.is_empty() || request.fingerprint.eq_ignore_ascii_case(fingerprint) {
            return Ok(());
        }
        Err(Error::invalid("this is not the fingerprint of the service")
            .hint("`keyward seal show` prints it; make sure that you mean this service"))
    }
}

impl Sealing {
    /// Refuses a master key that the service would not find at its next start. What a credential
    /// will hold only systemd knows.
    fn check_found(&self, next: &dyn Seal) -> Result<()> {
        let path = self.config.key_file();
        if self.config.systemd_credential.is_some()
            || KeyFile::new(path).would_open(&next.wrap(&DataKey::default())?)
        {
            return Ok(());
        }
        let message = format!("the service does not find this master key at {}", path.display());
        Err(Error::invalid(message).hint(
            "say --master-key with that file, on the service's machine; or name another under \
             [seal] in the service's configuration and restart it first",
        ))
    }

    /// The seal that is asked for.
    fn next_seal(&self, asked: Option<&NewSeal>) -> Result<(Box<dyn Seal>, SealKind)> {
        let unknown = || {
            Error::new(ErrorKind::Unsupported, "this service does not know the kind of seal")
                .hint("the client is newer than the service: upgrade the service first")
        };
        let asked = asked.ok_or_else(unknown)?;
        let kind = SealKind::from_code(asked.kind).ok_or_else(unknown)?;
        let key = || {
            let key: &[u8; 32] = asked
                .secret
                .as_slice()
                .try_into()
                .map_err(|_| Error::invalid("the secret of a seal has 32 bytes"))?;
            Ok::<_, Error>(key)
        };
        let seal: Box<dyn Seal> = match kind {
            SealKind::MasterKey => Box::new(MasterKey::new(key()?)?),
            SealKind::Passphrase => {
                let passphrase = Passphrase::new(&asked.secret);
                passphrase.check()?;
                Box::new(passphrase)
            }
            SealKind::Shares => {
                Box::new(Shares::new(key()?, asked.shares.clone().unwrap_or_default())?)
            }
            SealKind::Token => {
                let configured = match &self.config.pkcs11 {
                    Some(token) => token.pin()?,
                    None => None,
                };
                let pin = configured.unwrap_or_else(|| asked.pin.clone().into());
                let token = token_device(self.token.as_ref(), &pin)?.by_key(&asked.token_key);
                Box::new(DeviceSeal::with(token, &DataKey::new(*key()?)))
            }
            SealKind::Tpm => {
                let tpm = TpmDevice::new(&self.config.tpm.device).held_to(&asked.pcrs)?;
                Box::new(DeviceSeal::with(tpm, &DataKey::new(*key()?)))
            }
        };
        Ok((seal, kind))
    }

    /// Refuses what does not open the present seal, where it has to be proved that people have agreed.
    fn prove(&self, row: &SealRow, given: &[Vec<u8>]) -> Result<()> {
        match self.present_seal(row, given)? {
            Some(present) => self.store.check_opens(&*present),
            None => Ok(()),
        }
    }

    /// The present seal, where it has to be proved that people have agreed.
    fn present_seal(&self, row: &SealRow, given: &[Vec<u8>]) -> Result<Option<Box<dyn Seal>>> {
        let first = |what: &str| {
            let missing = || {
                let message = format!("the present {what} is needed to change the seal");
                Error::new(ErrorKind::ApprovalRequired, message)
            };
            given.first().ok_or_else(missing)
        };
        Ok(match row.kind() {
            Some(SealKind::Passphrase) => Some(Box::new(Passphrase::new(first("passphrase")?))),
            Some(SealKind::Token) if self.config.needs_people(SealKind::Token) => {
                let token = token_device(self.token.as_ref(), first("PIN of the token")?)?;
                Some(Box::new(DeviceSeal::new(token)))
            }
            Some(SealKind::Shares) => {
                let set = row.parameters().shares.unwrap_or_default();
                if given.len() < set.threshold as usize {
                    let message = format!(
                        "{} of the present shares are needed to change the seal, {} were given",
                        set.threshold,
                        given.len()
                    );
                    return Err(Error::new(ErrorKind::ApprovalRequired, message));
                }
                let shares =
                    given.iter().map(|text| Share::read(text)).collect::<Result<Vec<_>>>()?;
                Some(Box::new(Shares::of(&set, &shares)?))
            }
            _ => None,
        })
    }
}
