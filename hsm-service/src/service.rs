//! The service as a whole: what every request can reach.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;

use crate::{
    Config, Error, Result,
    audit::{Audit, Origin},
    backend::Backend,
    backup::Keeper,
    identity::{Identity, Users},
    issue::Authority,
    keys::Keys,
    metrics::Metrics,
    peer::Peer,
    store::{SqliteStore, Store, open_seal},
};

/// A running service, without its listeners.
pub struct Service {
    pub(crate) users: Users,
    pub(crate) keys: Keys,
    pub(crate) backend: Backend,
    pub(crate) authority: Authority,
    pub(crate) audit: Arc<Audit>,
    pub(crate) started: Instant,
    pub(crate) development: bool,
    pub(crate) request_time: Duration,
    pub(crate) client_days: u32,
    /// Ciphers in ECB mode are not refused.
    pub(crate) allows_ecb: bool,
    pub(crate) metrics: Arc<Metrics>,
    /// Makes backups, where there are recipients for them.
    pub(crate) backups: Option<Keeper>,
    pub(crate) max_connections: usize,
    /// The service takes no more requests.
    pub(crate) ending: AtomicBool,
    /// What an operator should mend, found at the start.
    pub(crate) warnings: Vec<String>,
}

impl Service {
    /// Opens the store that a configuration names and makes it ready for requests.
    pub fn open(config: &Config, warnings: Vec<String>) -> Result<Service> {
        let users = Users::new(&config.user)?;
        let seal = open_seal(&config.seal)?;
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.data(), &*seal)?);
        let authority = Authority::load(&*store)?;
        let audit = Audit::start(config, &*store, authority.fingerprint())?;
        let backend = Backend::start(config.limits.slow_queue).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("cannot start threads: {error}"))
        })?;
        let metrics = Metrics::new();
        let backups = Keeper::start(
            config,
            Arc::clone(&store),
            authority.fingerprint(),
            Arc::clone(&metrics),
        )?;
        Ok(Service {
            users,
            keys: Keys::new(store, config.limits.cached_keys, Arc::clone(&metrics)),
            backend,
            authority,
            audit,
            started: Instant::now(),
            development: config.development,
            request_time: config.limits.request(),
            client_days: config.certificates.client_days,
            allows_ecb: config.algorithms.ecb,
            metrics,
            backups,
            max_connections: config.limits.connections,
            ending: AtomicBool::new(false),
            warnings,
        })
    }

    /// The other side of a new connection, which comes from somewhere.
    pub(crate) fn peer(&self, identity: Identity, from: &str) -> Arc<Peer> {
        let mut caller = self.users.caller(identity);
        caller.audit = Origin {
            identity: &caller.identity.to_string(),
            proof: &caller.identity.proof(),
            user: caller.user.as_deref().unwrap_or_default(),
            from,
            connection: self.audit.next_connection(),
        }
        .fields();
        Arc::new(Peer::new(caller, self.metrics.meter(), Arc::clone(&self.audit)))
    }

    /// Whether requests to sign are taken on.
    pub(crate) fn can_sign(&self) -> bool {
        !self.ending.load(Ordering::Relaxed)
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.keys.store()
    }
}
