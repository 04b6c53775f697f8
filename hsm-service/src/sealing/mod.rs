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
mod rollback;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
        mpsc::{SendError, sync_channel},
    },
    thread,
    time::Duration,
};

use keyward_algorithms::{ErrorKind, Operation, ServiceState};
use keyward_protocol::messages::{SealParameters, SealReply, Unseal};
use sd_notify::NotifyState;

use crate::{
    Error, Result, Service,
    audit::Trail,
    config::SealConfig,
    store::{
        DeviceSeal, MasterKey, Passphrase, Seal, SealKind, SealRow, Share, Shares, SqliteStore,
        open_seal, token_device,
    },
    token::Token,
};
use custody::Custody;
use rollback::Counter;

/// How many steps custody has made at the start.
const FIRST_STEP: u64 = 0;

/// How long the start waits for a device.
const PATIENCE: Duration = Duration::from_secs(10);

/// The state of a service.
pub(crate) struct Sealing {
    state: AtomicU8,
    store: Arc<SqliteStore>,
    config: SealConfig,
    /// The PKCS#11 token, where one is configured.
    token: Option<Arc<Token>>,
    /// What shows that the store was rolled back, where that is wanted.
    counter: Option<Arc<Counter>>,
    /// What was given to open the seal. Held by whoever changes the state, for moments: who asks a
    /// device lets go of it meanwhile, and afterwards looks whether all is as it was. So nobody waits
    /// for a device that hangs who seals the service or destroys its keys.
    custody: Arc<Mutex<Custody>>,
    /// Held by who opens or changes the seal from the beginning to the end, so that guesses come one
    /// at a time.
    turn: Mutex<()>,
    /// What is wrong with what lies behind the seal.
    failure: Mutex<Option<String>>,
    /// What has to be put right about the seal.
    left_over: Mutex<Option<String>>,
    /// Why a seal that opens by itself did not.
    reason: Mutex<Option<String>>,
}

impl Sealing {
    /// A sealed store.
    pub(crate) fn new(
        store: Arc<SqliteStore>,
        config: &SealConfig,
        token: Option<Arc<Token>>,
    ) -> Sealing {
        let keep = Duration::from_secs(config.keep_shares_seconds);
        Sealing {
            state: AtomicU8::new(ServiceState::Sealed as u8),
            counter: Counter::new(&config.tpm, &store),
            store,
            config: config.clone(),
            token,
            custody: Arc::new(Mutex::new(Custody::new(keep))),
            turn: Mutex::default(),
            failure: Mutex::default(),
            left_over: Mutex::default(),
            reason: Mutex::default(),
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
        let [failure, left_over, reason] =
            [&self.failure, &self.left_over, &self.reason].map(|one| lock(one).clone());
        failure.into_iter().chain(left_over).chain(reason)
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
        tracing::info!("the service is {}", state.word());
    }

    fn custody(&self) -> MutexGuard<'_, Custody> {
        lock(&self.custody)
    }

    /// The same for who has waited since it had made so many steps, and must not go on if it has made
    /// more.
    fn custody_at(&self, steps: u64) -> Result<MutexGuard<'_, Custody>> {
        let custody = self.custody();
        if custody.steps() == steps {
            return Ok(custody);
        }
        Err(match self.state() {
            ServiceState::Sealed | ServiceState::Operational => {
                let message = "the service was sealed while this was under way, which was given up";
                Error::new(ErrorKind::Sealed, message)
                    .hint("`keyward seal show` says how it is; do it again if it is still wanted")
            }
            ServiceState::Uninitialised | ServiceState::Failed => self.refusal(),
        })
    }
}

impl Service {
    /// Opens the store at the start, where the seal does so by itself.
    pub(crate) fn begin(self: &Arc<Self>) -> Result<()> {
        if let Some(counter) = &self.sealing.counter {
            counter.watch(self.sealing.config.tpm.count_every.into())?;
        }
        match self.sealing.store.seal_row()?.kind() {
            None => self.sealing.set(ServiceState::Uninitialised),
            Some(kind) if self.sealing.config.needs_people(kind) => {
                self.front.want(true)?;
                self.sealing.set(ServiceState::Sealed);
            }
            Some(kind) => {
                self.front.want(false)?;
                if let Err(error) = self.open_at_start(kind) {
                    return self.stay_sealed(kind, error);
                }
            }
        }
        Ok(())
    }

    /// Opens the store by itself. A device that takes its time keeps nobody from reaching the service,
    /// which opens when the device has answered.
    fn open_at_start(self: &Arc<Self>, kind: SealKind) -> Result<()> {
        let by_itself = move |service: &Service| {
            let seal = service.sealing.by_itself(kind)?;
            service.open_with(&*seal, false, FIRST_STEP).map(drop)
        };
        if !kind.has_device() && self.sealing.counter.is_none() {
            return by_itself(self);
        }
        // What is sent is taken or comes back: nothing waits in between.
        let (done, opened) = sync_channel(0);
        let service = Arc::clone(self);
        let opening = move || {
            if let Err(SendError(Err(error))) = done.send(by_itself(&service))
                && let Err(error) = service.stay_sealed(kind, error)
            {
                tracing::error!("not unsealed: {error}");
            }
        };
        let spawned = thread::Builder::new().name("opening".into()).spawn(opening);
        spawned.map_err(|error| {
            Error::new(ErrorKind::Internal, format!("cannot start a thread: {error}"))
        })?;
        opened.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let message =
                format!("the device has not answered within {} s", PATIENCE.as_secs());
            Err(Error::new(ErrorKind::Sealed, message).hint(
                "the service opens as soon as it does; see to the token or TPM, or open it by a copy \
                 of the master key: keyward unseal --in FILE",
            ))
        })
    }

    /// A device that is away is no reason to end: whoever brings it unseals the service. A service
    /// that ended would be started again and again, and use up a token's tries with a wrong PIN. Nor
    /// is an older state of the store, which somebody has to look at.
    fn stay_sealed(&self, kind: SealKind, error: Error) -> Result<()> {
        let mends = kind.has_device() || self.sealing.counter.is_some();
        if !mends || self.sealing.state() == ServiceState::Failed {
            return Err(error);
        }
        // It may have been opened, or destroyed, meanwhile.
        let Ok(_custody) = self.sealing.custody_at(FIRST_STEP) else { return Ok(()) };
        tracing::warn!("not unsealed: {error}");
        *lock(&self.sealing.reason) = Some(explained(&error));
        self.sealing.set(ServiceState::Sealed);
        Ok(())
    }

    /// Takes what opens the seal, or a part of it.
    pub(crate) fn unseal(&self, request: &Unseal, trail: &mut Trail) -> Result<SealReply> {
        // Nobody guesses a master key, so a copy of it opens the store while a device hangs.
        let _turn = (!MasterKey::is_pem(&request.secret)).then(|| lock(&self.sealing.turn));
        let mut custody = self.sealing.custody();
        if self.sealing.state() == ServiceState::Operational {
            return self.describe_seal(&custody);
        }
        if request.forget {
            custody.forget();
            trail.says("shares forgotten");
        }
        let Some(seal) = self.sealing.seal_of(&request.secret, &mut custody, trail)? else {
            return self.describe_seal(&custody);
        };
        custody.admit()?;
        let steps = custody.steps();
        drop(custody);
        let opened = self.open_with(&*seal, request.accept_older, steps);
        let mut custody = self.sealing.custody();
        let accepted = match custody.judge(opened) {
            Ok(accepted) => accepted,
            Err(_) if self.sealing.state() == ServiceState::Operational => {
                trail.says("opened by somebody else meanwhile");
                return self.describe_seal(&custody);
            }
            Err(error) => {
                tracing::warn!("not unsealed: {error}");
                // What people mistyped tells others nothing.
                if error.kind == ErrorKind::Sealed && custody.steps() == steps {
                    *lock(&self.sealing.reason) = Some(explained(&error));
                }
                return Err(error);
            }
        };
        if let Some(accepted) = accepted {
            trail.says(&format!("accepted: {accepted}"));
        }
        trail.says(&format!("opened by {}", seal.describe()));
        self.describe_seal(&custody)
    }

    /// Opens the store, and takes from it what the service works with, if no step was made since these.
    /// What was accepted of a store that is an older state.
    fn open_with(&self, seal: &dyn Seal, accept_older: bool, steps: u64) -> Result<Option<String>> {
        let Sealing { store, counter, .. } = &self.sealing;
        let opened = store.opened_by(seal)?;
        let custody = self.sealing.custody_at(steps)?;
        store.open_with(opened);
        drop(custody);
        let counted = counter.as_ref().map(|counter| counter.check(accept_older)).transpose();
        let mut custody = self.sealing.custody_at(steps)?;
        let checked = counted.and_then(|accepted| Ok((accepted, store.left_over(seal)?)));
        let (accepted, left_over) = checked.inspect_err(|_| self.give_up())?;
        left_over.iter().for_each(|warning| tracing::warn!("{warning}"));
        *lock(&self.sealing.left_over) = left_over;
        custody.step();
        custody.forget();
        if let Err(error) = self.load() {
            self.give_up();
            *lock(&self.sealing.failure) = Some(error.message.clone());
            self.sealing.set(ServiceState::Failed);
            return Err(error);
        }
        *lock(&self.sealing.reason) = None;
        // Everybody is looked at again by the PINs and the list of certificates that count, before
        // anything is done for anybody.
        self.live.changed();
        self.sealing.set(ServiceState::Operational);
        Ok(accepted.flatten())
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

    /// Seals the running service, or ends what is about to open it. What is begun is still answered,
    /// and what waits for its turn is refused.
    pub(crate) fn lock_seal(&self) -> Result<SealReply> {
        let mut custody = self.sealing.custody();
        custody.step();
        custody.forget();
        let was_open = self.sealing.state() == ServiceState::Operational;
        if was_open {
            self.sealing.set(ServiceState::Sealed);
            self.keys.limits().give_back();
        }
        self.give_up();
        if was_open {
            self.audit.seal();
            self.live.changed();
        }
        self.describe_seal(&custody)
    }

    /// Counts the last state of the store, where states are counted.
    pub(crate) fn count_last_state(&self) {
        if let Some(counter) = &self.sealing.counter {
            counter.keep_up();
        }
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
            asks_pin: self.sealing.config.needs_people(SealKind::Token),
            reason: lock(&self.sealing.reason).clone().unwrap_or_default(),
            pcrs: parameters.tpm.unwrap_or_default().pcrs,
        })
    }
}

impl Sealing {
    /// The seal that a secret opens, or that opens by itself; none where more is awaited.
    fn seal_of(
        &self,
        secret: &[u8],
        custody: &mut Custody,
        trail: &mut Trail,
    ) -> Result<Option<Box<dyn Seal>>> {
        let row = self.store.seal_row()?;
        Ok(Some(match row.kind() {
            Some(kind) if kind.has_device() && MasterKey::is_pem(secret) => {
                trail.says("by a copy of the master key");
                Box::new(MasterKey::from_pem(secret)?)
            }
            Some(SealKind::Token) if !secret.is_empty() => {
                Box::new(DeviceSeal::new(token_device(self.token.as_ref(), secret)?))
            }
            Some(kind) if !self.config.needs_people(kind) => self.by_itself(kind)?,
            Some(_) if secret.is_empty() => return Ok(None),
            Some(SealKind::Passphrase) => Box::new(Passphrase::new(secret)),
            Some(SealKind::Shares) => {
                custody.admit()?;
                let set = row.parameters().shares.unwrap_or_default();
                let share = custody.judge(Share::read(secret).and_then(|share| {
                    share.check(&set)?;
                    Ok(share)
                }))?;
                trail.says(&format!("share {}", share.number));
                custody.add(share, &self.custody);
                if custody.shares().len() < set.threshold as usize {
                    return Ok(None);
                }
                Box::new(Shares::of(&set, custody.shares())?)
            }
            Some(SealKind::MasterKey | SealKind::Token | SealKind::Tpm) | None => {
                return Err(self.refusal());
            }
        }))
    }

    /// The seal of a kind that opens by itself.
    fn by_itself(&self, kind: SealKind) -> Result<Box<dyn Seal>> {
        open_seal(&self.config, kind, self.token.as_ref())
    }

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
                _ => self.describe_device(parameters),
            },
        }
    }

    fn describe_device(&self, parameters: &SealParameters) -> String {
        if let Some(token) = &parameters.token {
            let module = match &self.config.pkcs11 {
                Some(config) => format!("module {}", config.module.display()),
                None => "no module is configured".into(),
            };
            return format!(
                "the key \"{}\" in the PKCS#11 token \"{}\" (serial {}; {module})",
                token.label, token.token, token.serial
            );
        }
        let pcrs = parameters.tpm.iter().flat_map(|tpm| &tpm.pcrs);
        let pcrs: Vec<String> = pcrs.map(ToString::to_string).collect();
        let held = match pcrs.is_empty() {
            true => String::new(),
            false => format!(", as long as its registers {} stay as they are", pcrs.join(", ")),
        };
        format!("the TPM at {}{held}", self.config.tpm.device)
    }
}

/// An error with what is to be done about it.
fn explained(error: &Error) -> String {
    match &error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message.clone(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
