//! Whether keys can be used: the state of the service, and what leads from one state to another.
//!
//! ```text
//! sealed ── unseal ──► operational        zeroize leads from each of them to uninitialised;
//!    ▲                     │              what is found broken behind an open seal, to failed
//!    └───── lock ──────────┘
//! ```
//!
//! Listeners, identities and the audit log's journal go on in every state. What a sealed service
//! does not have is in memory while it is open alone: the data key, parsed keys, the authority's key
//! and the key that signs the audit log.

mod change;
mod custody;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use keyward_algorithms::{ErrorKind, Operation, ServiceState};
use keyward_protocol::messages::{SealReply, Unseal};
use sd_notify::NotifyState;

use crate::{
    Error, Result, Service,
    audit::Trail,
    config::SealConfig,
    store::{Passphrase, Seal, SealKind, SealRow, Share, Shares, SqliteStore, open_seal},
};
use custody::Custody;

/// The state of a service.
pub(crate) struct Sealing {
    state: AtomicU8,
    store: Arc<SqliteStore>,
    config: SealConfig,
    /// What was given to open the seal. Held by whoever changes the state.
    custody: Arc<Mutex<Custody>>,
    /// What is wrong with what lies behind the seal.
    failure: Mutex<Option<String>>,
    /// What has to be put right about the seal.
    left_over: Mutex<Option<String>>,
}

impl Sealing {
    /// A sealed store.
    pub(crate) fn new(store: Arc<SqliteStore>, config: &SealConfig) -> Sealing {
        let keep = Duration::from_secs(config.keep_shares_seconds);
        Sealing {
            state: AtomicU8::new(ServiceState::Sealed as u8),
            store,
            config: config.clone(),
            custody: Arc::new(Mutex::new(Custody::new(keep))),
            failure: Mutex::default(),
            left_over: Mutex::default(),
        }
    }

    /// The state.
    pub(crate) fn state(&self) -> ServiceState {
        let code = self.state.load(Ordering::Acquire).into();
        ServiceState::from_code(code).unwrap_or(ServiceState::Failed)
    }

    /// `unsealed` or `sealed`.
    pub(crate) fn word(&self) -> &'static str {
        match self.state() {
            ServiceState::Operational | ServiceState::Failed => "unsealed",
            ServiceState::Sealed | ServiceState::Uninitialised => "sealed",
        }
    }

    /// What is wrong with the seal and what lies behind it.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        let [failure, left_over] = [&self.failure, &self.left_over]
            .map(|one| one.lock().unwrap_or_else(PoisonError::into_inner).clone());
        failure.into_iter().chain(left_over)
    }

    /// Refuses what cannot be done in the present state.
    pub(crate) fn admit(&self, operation: Operation) -> Result<()> {
        match operation.row().states.contains(&self.state()) {
            true => Ok(()),
            false => Err(self.refusal()),
        }
    }

    /// Why keys cannot be used.
    pub(crate) fn refusal(&self) -> Error {
        let (message, hint) = match self.state() {
            ServiceState::Sealed => {
                ("the service is sealed", "an administrator opens it: keyward unseal")
            }
            ServiceState::Uninitialised => (
                "the service has no keys any more: what opened its store was destroyed",
                "make a new service in another folder: keyward init",
            ),
            ServiceState::Failed => (
                "the service is unsealed, and its store does not read",
                "see `keyward status` and the service's log; restore the state from a backup",
            ),
            ServiceState::Operational => ("the service is unsealed", "there is nothing to do"),
        };
        Error::new(ErrorKind::Sealed, message).hint(hint)
    }

    fn set(&self, state: ServiceState) {
        self.state.store(state as u8, Ordering::Release);
        let status = match state {
            ServiceState::Operational => "Serving.",
            ServiceState::Sealed => "Sealed: `keyward unseal` opens it.",
            ServiceState::Uninitialised => "Its keys were destroyed.",
            ServiceState::Failed => "Its store does not read.",
        };
        // Without systemd there is nobody to tell.
        let _ = sd_notify::notify(&[NotifyState::Status(status)]);
        tracing::info!(state = state.word(), "{status}");
    }

    fn custody(&self) -> MutexGuard<'_, Custody> {
        self.custody.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    /// Opens the store at the start, where the seal does so by itself.
    pub(crate) fn begin(&self) -> Result<()> {
        match self.sealing.store.seal_row()?.kind() {
            None => self.sealing.set(ServiceState::Uninitialised),
            Some(kind) if kind.needs_people() => {
                self.front.want(true)?;
                self.sealing.set(ServiceState::Sealed);
            }
            Some(_) => {
                self.front.want(false)?;
                self.open_with(&*open_seal(&self.sealing.config)?)?;
            }
        }
        Ok(())
    }

    /// Takes what opens the seal, or a part of it.
    pub(crate) fn unseal(&self, request: &Unseal, trail: &mut Trail) -> Result<SealReply> {
        let mut custody = self.sealing.custody();
        if self.sealing.state() == ServiceState::Operational {
            return self.describe_seal(&custody);
        }
        if request.forget {
            custody.forget();
            trail.says("shares forgotten");
        }
        let row = self.sealing.store.seal_row()?;
        let secret = &request.secret;
        let seal: Box<dyn Seal> = match row.kind() {
            Some(SealKind::MasterKey) => open_seal(&self.sealing.config)?,
            Some(_) if secret.is_empty() => return self.describe_seal(&custody),
            Some(SealKind::Passphrase) => Box::new(Passphrase::new(secret)),
            Some(SealKind::Shares) => {
                custody.admit()?;
                let set = row.parameters().shares.unwrap_or_default();
                let share = custody.judge(Share::read(secret).and_then(|share| {
                    share.check(&set)?;
                    Ok(share)
                }))?;
                trail.says(&format!("share {}", share.number));
                custody.add(share, &self.sealing.custody);
                if custody.shares().len() < set.threshold as usize {
                    return self.describe_seal(&custody);
                }
                Box::new(Shares::of(&set, custody.shares())?)
            }
            None => return Err(self.sealing.refusal()),
        };
        custody.admit()?;
        let opened = custody.judge(self.open_with(&*seal));
        opened.inspect_err(|error| tracing::warn!("not unsealed: {error}"))?;
        trail.says(&format!("opened by {}", seal.describe()));
        custody.forget();
        self.describe_seal(&custody)
    }

    /// Opens the store, and takes from it what the service works with.
    fn open_with(&self, seal: &dyn Seal) -> Result<()> {
        self.sealing.store.unseal(seal)?;
        let left_over = self.sealing.store.left_over(seal)?;
        left_over.iter().for_each(|warning| tracing::warn!("{warning}"));
        *self.sealing.left_over.lock().unwrap_or_else(PoisonError::into_inner) = left_over;
        let loaded = self.load();
        if let Err(error) = &loaded {
            self.give_up();
            *self.sealing.failure.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(error.message.clone());
            self.sealing.set(ServiceState::Failed);
            return loaded;
        }
        // Everybody is looked at again by the PINs and the list of certificates that count, before
        // anything is done for anybody.
        self.live.changed();
        self.sealing.set(ServiceState::Operational);
        Ok(())
    }

    fn load(&self) -> Result<()> {
        self.authority.load()?;
        let service_id = self.authority.service_id();
        self.front.keep(|front| front.service_id = service_id.into())?;
        self.clients.load()?;
        self.pins.load()?;
        self.audit.open(self.store(), service_id)?;
        for act in self.pins.take_offline_acts()? {
            self.audit.record_offline_act(&act)?;
        }
        self.approvals.load()
    }

    /// Seals the running service. What is in flight is still answered.
    pub(crate) fn lock_seal(&self) -> Result<SealReply> {
        let mut custody = self.sealing.custody();
        if self.sealing.state() == ServiceState::Operational {
            self.sealing.set(ServiceState::Sealed);
            self.give_up();
            self.audit.seal();
            self.live.changed();
        }
        custody.forget();
        self.describe_seal(&custody)
    }

    /// Drops what is in memory of an open service alone, but for the key of the audit log.
    fn give_up(&self) {
        self.sealing.store.seal();
        self.keys.forget();
        self.authority.seal();
    }

    /// The seal as it is now.
    pub(crate) fn show_seal(&self) -> Result<SealReply> {
        self.describe_seal(&self.sealing.custody())
    }

    fn describe_seal(&self, custody: &Custody) -> Result<SealReply> {
        let row = self.sealing.store.seal_row()?;
        let parameters = row.parameters();
        let set = parameters.shares.unwrap_or_default();
        let numbers = custody.shares().iter().map(|share| u32::from(share.number));
        Ok(SealReply {
            state: self.sealing.state().word().into(),
            kind: row.kind().map_or("", SealKind::word).into(),
            description: self.sealing.describe(&row),
            threshold: set.threshold,
            shares: set.digests.len() as u32,
            given: numbers.collect(),
            since: parameters.since,
            service_id: self.authority.service_id().into(),
            leftover: Vec::new(),
        })
    }
}

impl Sealing {
    fn describe(&self, row: &SealRow) -> String {
        match row {
            SealRow::Destroyed => "nothing opens the store any more".into(),
            SealRow::Bare(_) => match &self.config.systemd_credential {
                Some(name) => format!("a master key in the systemd credential \"{name}\""),
                None => format!("a master key in {}", self.config.key_file().display()),
            },
            SealRow::With { parameters, .. } => match (&parameters.argon2, &parameters.shares) {
                (Some(argon2), _) => format!(
                    "a passphrase (Argon2id, {} MiB, {} passes)",
                    argon2.memory_kib >> 10,
                    argon2.passes
                ),
                (_, Some(set)) => format!(
                    "any {} of {} shares of the set {}",
                    set.threshold,
                    set.digests.len(),
                    crate::issue::hex(&set.id)
                ),
                _ => String::new(),
            },
        }
    }
}
