//! The service as a whole: what every request can reach.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use keyward_algorithms::ErrorKind;

use crate::{
    Config, Error, Result,
    audit::Audit,
    authority::Authorities,
    backend::Backend,
    backup::Keeper,
    clients::Clients,
    identity::Identity,
    keys::Keys,
    live::{Live, Settings},
    metrics::Metrics,
    peer::{Peer, Source},
    store::{SqliteStore, Store, open_seal},
};

/// A running service, without its listeners.
pub struct Service {
    /// What can be changed while it runs.
    pub(crate) live: Live,
    pub(crate) keys: Keys,
    pub(crate) backend: Backend,
    pub(crate) authority: Authorities,
    pub(crate) clients: Clients,
    pub(crate) audit: Arc<Audit>,
    pub(crate) started: Instant,
    pub(crate) development: bool,
    pub(crate) metrics: Arc<Metrics>,
    /// Makes backups, where there are recipients for them.
    pub(crate) backups: Option<Keeper>,
    /// The service takes no more requests.
    pub(crate) ending: AtomicBool,
    /// What an operator should mend, found at the start.
    pub(crate) warnings: Vec<String>,
    /// Why a changed configuration was not taken over.
    pub(crate) reload_failure: Mutex<Option<String>>,
}

impl Service {
    /// Opens the store that a configuration names and makes it ready for requests.
    pub fn open(config: &Config, warnings: Vec<String>) -> Result<Service> {
        let live = Live::new(Settings::new(config)?);
        let seal = open_seal(&config.seal)?;
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.data(), &*seal)?);
        let authority = Authorities::load(Arc::clone(&store))?;
        let clients = Clients::load(Arc::clone(&store))?;
        let audit = Audit::start(config, &*store, authority.service_id())?;
        let backend = Backend::start(config.limits.slow_queue).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("cannot start threads: {error}"))
        })?;
        let metrics = Metrics::new();
        let backups = Keeper::start(
            config,
            Arc::clone(&store),
            authority.service_id(),
            Arc::clone(&metrics),
        )?;
        Ok(Service {
            live,
            keys: Keys::new(store, config.limits.cached_keys, Arc::clone(&metrics)),
            backend,
            authority,
            clients,
            audit,
            started: Instant::now(),
            development: config.development,
            metrics,
            backups,
            ending: AtomicBool::new(false),
            warnings,
            reload_failure: Mutex::default(),
        })
    }

    /// The other side of a new connection, which comes from somewhere.
    pub(crate) fn peer(&self, identity: Identity, source: Source) -> Arc<Peer> {
        Arc::new(Peer::new(self, identity, source))
    }

    /// Whether requests to sign are taken on.
    pub(crate) fn can_sign(&self) -> bool {
        !self.ending.load(Ordering::Relaxed)
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.keys.store()
    }
}
