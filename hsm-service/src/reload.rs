//! Taking over a changed configuration without a restart: SIGHUP, `systemctl reload`.

use std::{
    path::Path,
    sync::{Arc, PoisonError},
};

use crate::{Config, Result, Service, listen::Listeners, live::Settings, log::Log};

/// What is reloaded: the running parts, and the configuration that they have.
pub(crate) struct Reload<'a> {
    pub(crate) service: &'a Arc<Service>,
    pub(crate) listeners: &'a Listeners,
    pub(crate) log: &'a Log,
    /// The configuration in force, setting by setting.
    pub(crate) running: Config,
}

impl Reload<'_> {
    /// Reads the file again. All of it is checked before any of it counts; a file that is broken
    /// changes nothing, and the status says so until one is taken over.
    pub(crate) fn read_again(&mut self, file: Option<&Path>) {
        let Some(file) = file else {
            return tracing::warn!("a development service has no configuration to read again");
        };
        // Held until the end, so that the status is never behind the log.
        let service = Arc::clone(self.service);
        let mut failure = service.reload_failure.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = Config::load(file).and_then(|config| self.take_over(config));
        *failure = outcome.err().map(|error| {
            tracing::error!("the configuration was not reloaded, the old one stays: {error}");
            format!("the last change of the configuration was not taken over: {error}")
        });
    }

    fn take_over(&mut self, config: Config) -> Result<()> {
        let settings = Settings::new(&config)?;
        let certificates = &config.certificates;
        let reissue = *certificates != self.running.certificates;
        if reissue {
            self.listeners.renew_certificate(self.service, certificates)?;
        }
        self.log.set_level(&config.log);
        self.service.keys.hold_ready(config.limits.cached_keys);
        let quorum = settings.quorum.described();
        self.service.live.replace(settings);
        if config.quorum != self.running.quorum {
            self.service.audit.record_event("quorum", &quorum);
        }
        let kept = self.keep_what_needs_a_restart(&config);
        if kept.is_empty() {
            tracing::info!("configuration reloaded");
        } else {
            let kept = kept.join(", ");
            tracing::warn!(
                "configuration reloaded; changed but only taken over by a restart: {kept}"
            );
        }
        Ok(())
    }

    /// Notes what is in force now; the names of the changed settings that are not.
    fn keep_what_needs_a_restart(&mut self, new: &Config) -> Vec<&'static str> {
        let old = &mut self.running;
        old.user.clone_from(&new.user);
        old.people.clone_from(&new.people);
        old.quorum.clone_from(&new.quorum);
        old.certificates.clone_from(&new.certificates);
        old.algorithms.clone_from(&new.algorithms);
        old.keys.clone_from(&new.keys);
        old.log.clone_from(&new.log);
        let slow_queue = old.limits.slow_queue;
        old.limits = crate::config::LimitsConfig { slow_queue, ..new.limits.clone() };
        let differences = [
            ("`state`", old.state != new.state),
            ("[seal]", old.seal != new.seal),
            ("[[listen]]", old.listen != new.listen),
            ("`slow_queue` of [limits]", slow_queue != new.limits.slow_queue),
            ("[backup]", old.backup != new.backup),
            ("[health]", old.health != new.health),
            ("[audit]", old.audit != new.audit),
            ("[hardening]", old.hardening != new.hardening),
        ];
        differences.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect()
    }
}
