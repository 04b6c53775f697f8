//! The service as a whole: what every request can reach.

use std::{
    num::NonZero,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use keyward_algorithms::{ErrorKind, ServiceState};

use crate::{
    Config, Error, Result,
    approvals::Approvals,
    audit::Audit,
    authority::Authorities,
    backend::Backend,
    backup::Keeper,
    caretaker::Caretaker,
    clients::Clients,
    front::Front,
    identity::Identity,
    keys::Keys,
    lanes::{Lane, LaneOptions, Load},
    live::{Live, Settings},
    metrics::{Metrics, Queue},
    peer::{Peer, Source},
    pins::Pins,
    quotas::Quotas,
    sealing::Sealing,
    store::{SqliteStore, Store},
    token::Token,
};

/// A running service, without its listeners.
pub struct Service {
    /// What can be changed while it runs.
    pub(crate) live: Arc<Live>,
    /// Whether keys can be used.
    pub(crate) sealing: Sealing,
    pub(crate) keys: Keys,
    pub(crate) backend: Backend,
    pub(crate) authority: Arc<Authorities>,
    pub(crate) clients: Clients,
    pub(crate) pins: Pins,
    /// Where PINs are hashed.
    pub(crate) logins: Lane,
    pub(crate) approvals: Arc<Approvals>,
    pub(crate) front: Arc<Front>,
    pub(crate) quotas: Quotas,
    pub(crate) audit: Arc<Audit>,
    pub(crate) started: Instant,
    pub(crate) development: bool,
    pub(crate) metrics: Arc<Metrics>,
    /// Makes backups, where there are recipients for them.
    pub(crate) backups: Option<Keeper>,
    /// Removes deleted keys, and knows what ends.
    pub(crate) caretaker: Caretaker,
    /// The service takes no more requests.
    pub(crate) ending: AtomicBool,
    /// What an operator should mend, found at the start.
    pub(crate) warnings: Vec<String>,
    /// Why a changed configuration was not taken over.
    pub(crate) reload_failure: Mutex<Option<String>>,
}

impl Service {
    /// Makes a service ready for requests. Its store is opened where the seal opens by itself, else
    /// the service is sealed. `token` is the PKCS#11 token of the configuration.
    pub fn open(
        config: &Config,
        token: Option<Arc<Token>>,
        warnings: Vec<String>,
    ) -> Result<Arc<Service>> {
        let live = Arc::new(Live::new(Settings::new(config)?));
        let sealed = Arc::new(SqliteStore::open_sealed(&config.data())?);
        let front = Arc::new(Front::open(&config.data()));
        let store: Arc<dyn Store> = Arc::<SqliteStore>::clone(&sealed);
        let authority = Arc::new(Authorities::new(Arc::clone(&store), front.service_id()));
        let clients = Clients::new(Arc::clone(&store), Arc::clone(&front));
        let audit = Audit::start(config)?;
        let pins = Pins::new(Arc::clone(&store));
        let threads =
            |error| Error::new(ErrorKind::Internal, format!("cannot start threads: {error}"));
        let logins = Lane::start(&login_lane(config)).map_err(threads)?;
        let quorum = &live.settings().quorum;
        if !quorum.is_empty() {
            audit.record_event("quorum", &quorum.described());
        }
        let approvals = Arc::new(Approvals::new(Arc::clone(&store), Arc::clone(&audit)));
        let backend = Backend::start(config.limits.slow_queue).map_err(threads)?;
        let metrics = Metrics::new();
        let backups = Keeper::start(
            config,
            Arc::clone(&store),
            Arc::clone(&authority),
            Arc::clone(&metrics),
        )?;
        let caretaker =
            Caretaker::start(Arc::clone(&store), Arc::clone(&audit), Arc::clone(&live))?;
        let service = Arc::new(Service {
            live,
            sealing: Sealing::new(sealed, &config.seal, token),
            keys: Keys::new(
                store,
                config.limits.cached_keys,
                Arc::clone(&metrics),
                caretaker.endings().clone(),
            ),
            backend,
            authority,
            clients,
            pins,
            logins,
            approvals,
            front,
            quotas: Quotas::new(),
            audit,
            started: Instant::now(),
            development: config.development,
            metrics,
            backups,
            caretaker,
            ending: AtomicBool::new(false),
            warnings,
            reload_failure: Mutex::default(),
        });
        service.begin()?;
        Ok(service)
    }

    /// The other side of a new connection, which comes from somewhere, and what proves it ends.
    pub(crate) fn peer(
        self: &Arc<Self>,
        identity: Identity,
        source: Source,
        valid_until: u64,
    ) -> Arc<Peer> {
        Arc::new(Peer::new(self, identity, source, valid_until))
    }

    /// How much the lanes have to do.
    pub(crate) fn loads(&self) -> Vec<(Queue, Load)> {
        let mut loads = self.backend.loads();
        loads.push((Queue::Logins, self.logins.load()));
        loads
    }

    /// Whether requests to sign are taken on.
    pub(crate) fn can_sign(&self) -> bool {
        !self.ending.load(Ordering::Relaxed) && self.sealing.state() == ServiceState::Operational
    }

    /// The word for how it is.
    pub(crate) fn state(&self) -> &'static str {
        match self.ending.load(Ordering::Relaxed) {
            true => "ending",
            false => self.sealing.state().word(),
        }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.keys.store()
    }
}

/// The most threads that hash PINs, each of which takes 19 MiB meanwhile.
const MAX_LOGIN_THREADS: usize = 4;

fn login_lane(config: &Config) -> LaneOptions {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    LaneOptions {
        name: "logins",
        threads: cores.min(MAX_LOGIN_THREADS),
        niceness: 5,
        capacity: config.limits.slow_queue,
    }
}
