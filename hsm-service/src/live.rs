//! What can be changed while the service runs: settings that every request and every new
//! connection reads anew.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::sync::watch;

use crate::{
    Config, Result,
    approvals::Quorum,
    config::{
        AlgorithmsConfig, CertificatesConfig, KeysConfig, LimitsConfig, PeopleConfig, UserConfig,
    },
    identity::Users,
};

/// The settings of one reading of the configuration.
pub(crate) struct Settings {
    pub(crate) users: Users,
    /// The same as the configuration has them.
    pub(crate) configured: Vec<UserConfig>,
    pub(crate) people: PeopleConfig,
    pub(crate) limits: Arc<LimitsConfig>,
    pub(crate) certificates: CertificatesConfig,
    pub(crate) algorithms: AlgorithmsConfig,
    pub(crate) quorum: Quorum,
    pub(crate) keys: KeysConfig,
}

impl Settings {
    pub(crate) fn new(config: &Config) -> Result<Settings> {
        Ok(Settings {
            users: Users::new(&config.user)?,
            configured: config.user.clone(),
            people: config.people.clone(),
            limits: Arc::new(config.limits.clone()),
            certificates: config.certificates.clone(),
            algorithms: config.algorithms.clone(),
            quorum: Quorum::new(&config.quorum),
            keys: config.keys.clone(),
        })
    }
}

impl Settings {
    /// How many keys a user may own, and requests it may make in a second; 0 for any number.
    pub(crate) fn quota(&self, user: &str) -> (u64, u32) {
        let sections = || self.configured.iter().filter(|section| section.name == user);
        let keys = sections().find_map(|section| section.max_keys);
        let requests = sections().find_map(|section| section.max_requests_per_second);
        (
            keys.unwrap_or(self.limits.max_keys),
            requests.unwrap_or(self.limits.max_requests_per_second),
        )
    }
}

/// The settings that count at this moment.
pub(crate) struct Live {
    settings: RwLock<Arc<Settings>>,
    /// Counts changes of who may do what. A caller that was told apart before the last one is told
    /// apart anew.
    epoch: AtomicU64,
    changes: watch::Sender<u64>,
    /// Only what FIPS 140-3 approves is done; beside the settings, since every use of a key asks.
    approved_only: AtomicBool,
}

impl Live {
    pub(crate) fn new(settings: Settings) -> Live {
        Live {
            approved_only: AtomicBool::new(settings.algorithms.approved_only()),
            settings: RwLock::new(Arc::new(settings)),
            epoch: AtomicU64::new(0),
            changes: watch::Sender::new(0),
        }
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other settings in place of the present ones, for the next request of every connection.
    pub(crate) fn replace(&self, settings: Settings) {
        self.approved_only.store(settings.algorithms.approved_only(), Ordering::Release);
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.changed();
    }

    /// Whether only what FIPS 140-3 approves is done.
    pub(crate) fn approved_only(&self) -> bool {
        self.approved_only.load(Ordering::Acquire)
    }

    /// Who may do what has changed: every open connection is looked at again.
    pub(crate) fn changed(&self) {
        let epoch = self.epoch.fetch_add(1, Ordering::AcqRel) + 1;
        self.changes.send_replace(epoch);
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Tells of every change, for connections that wait for their next request.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
