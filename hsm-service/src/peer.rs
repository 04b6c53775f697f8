//! The other side of a connection, as requests know it.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use keyward_algorithms::{ErrorKind, Operation};

use crate::{
    Error, Result, Service,
    audit::{Audit, Origin},
    config::PinPolicy,
    identity::{Caller, Identity},
    metrics::Meter,
    pins::{self, Login},
    policy,
};

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// A process of this machine.
    Process(u32),
    /// A machine, by its address and port.
    Machine(std::net::SocketAddr),
}

impl Source {
    /// The address of another machine.
    pub(crate) fn address(self) -> Option<IpAddr> {
        match self {
            Source::Process(_) => None,
            Source::Machine(address) => Some(address.ip().to_canonical()),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // The kernel has no number for a process of another PID namespace.
            Source::Process(0) => write!(f, "process not visible (other PID namespace)"),
            Source::Process(pid) => write!(f, "process {pid}"),
            Source::Machine(address) => write!(f, "{address}"),
        }
    }
}

/// Who is on the other side, and whether it still is.
pub(crate) struct Peer {
    service: Weak<Service>,
    identity: Identity,
    source: Source,
    /// When what proves the identity ends, in seconds since 1970.
    valid_until: u64,
    /// The service's number of the connection.
    connection: u64,
    known: RwLock<Known>,
    /// Counts what it asks for.
    pub(crate) meter: Meter,
    /// Where its requests are recorded.
    pub(crate) audit: Arc<Audit>,
    login: Mutex<Option<Login>>,
    gone: AtomicBool,
}

/// Who the identity was found to be, and when that was.
struct Known {
    caller: Arc<Caller>,
    epoch: u64,
}

impl Peer {
    /// The other side of a new connection.
    pub(crate) fn new(
        service: &Arc<Service>,
        identity: Identity,
        source: Source,
        valid_until: u64,
    ) -> Peer {
        let connection = service.audit.next_connection();
        let known = Known::now(service, &identity, source, valid_until, connection, None);
        Peer {
            service: Arc::downgrade(service),
            identity,
            source,
            valid_until,
            connection,
            known: RwLock::new(known),
            meter: service.metrics.meter(),
            audit: Arc::clone(&service.audit),
            login: Mutex::new(None),
            gone: AtomicBool::new(false),
        }
    }

    /// Who the requests came from when it was last looked.
    pub(crate) fn caller(&self) -> Arc<Caller> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner).caller)
    }

    /// Who the requests come from by the service's present settings.
    pub(crate) fn caller_now(&self, service: &Service) -> Arc<Caller> {
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if known.epoch == service.live.epoch() {
                return Arc::clone(&known.caller);
            }
        }
        self.look_again(service)
    }

    /// Notes that a user has logged in.
    pub(crate) fn log_in(&self, service: &Service, login: Login) {
        let mut present = self.login();
        *present = Some(login);
        self.look_with(service, &present);
    }

    fn look_again(&self, service: &Service) -> Arc<Caller> {
        self.look_with(service, &self.login())
    }

    /// Looks who it is with this login, which is held so that what is found of an earlier one does not
    /// take the place of what is found of a later one.
    fn look_with(&self, service: &Service, login: &MutexGuard<'_, Option<Login>>) -> Arc<Caller> {
        let Peer { identity, source, valid_until, connection, .. } = self;
        let login = (**login).clone();
        let fresh = Known::now(service, identity, *source, *valid_until, *connection, login);
        let caller = Arc::clone(&fresh.caller);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        caller
    }

    fn login(&self) -> MutexGuard<'_, Option<Login>> {
        self.login.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses what has waited for its turn where the one who asked for it may not ask for it any more:
    /// was shut out, is another user by now, or finds the service sealed.
    pub(crate) fn may_still(&self, asker: &Caller, operation: Operation) -> Result<()> {
        // A service that is gone has answered.
        let Some(service) = self.service.upgrade() else { return Ok(()) };
        service.sealing.admit(operation)?;
        let caller = self.caller_now(&service);
        caller.refusal().map_or(Ok(()), Err)?;
        policy::admit(&caller, operation)?;
        if asker.user.is_none() || asker.user == caller.user {
            return Ok(());
        }
        let message = format!("{} is another user by now than when it asked", caller.identity);
        Err(Error::new(ErrorKind::Unauthenticated, message).hint("repeat the request"))
    }

    /// Notes that nobody waits for answers any more, so that work for them is not begun.
    pub(crate) fn leave(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    /// Whether nobody waits for answers any more.
    pub(crate) fn has_left(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

impl Known {
    fn now(
        service: &Service,
        identity: &Identity,
        source: Source,
        valid_until: u64,
        connection: u64,
        login: Option<Login>,
    ) -> Known {
        // The epoch first: settings that change meanwhile are looked at again.
        let epoch = service.live.epoch();
        let settings = service.live.settings();
        let users = &settings.users;
        let login = login.filter(|login| service.pins.admits(login));
        let name = login.as_ref().map(|login| &*login.user);
        let mut caller = users.caller(identity.clone(), name);
        caller.valid_until = valid_until;
        caller.refused = service.authority.refusal(identity).or_else(|| {
            service.clients.refusal(identity, source, users.sources_of(identity, name))
        });
        // What a sealed service does for anybody takes a share or the like, and PINs are sealed too.
        if let Some(user) = caller.user.as_deref()
            && name != Some(user)
            && service.store().is_open()
            && (caller.pin == PinPolicy::Required || service.pins.asks(user))
        {
            caller.awaits_login = Some(pins::wanted(user));
        }
        caller.quota = caller.user.as_deref().and_then(|user| service.quotas.of(user, &settings));
        let proof = caller.identity.proof();
        caller.audit = Origin {
            identity: &caller.identity.to_string(),
            proof: &if name.is_some() { format!("{proof}, PIN") } else { proof },
            user: caller.user.as_deref().unwrap_or_default(),
            from: &source.to_string(),
            connection,
        }
        .fields();
        Known { caller: Arc::new(caller), epoch }
    }
}
