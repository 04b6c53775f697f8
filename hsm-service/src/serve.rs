//! The life of the service process: start, serve, drain, end.

use std::{
    fs,
    path::Path,
    sync::{Arc, atomic::Ordering},
    thread,
};

use keyward_algorithms::ErrorKind;
use sd_notify::NotifyState;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::{
    Config, Error, Result, Service, confine, harden, health::Health, listen::Listeners, log::Log,
    reload::Reload, store::check_data_folder, token::Token,
};

/// Runs the service until SIGTERM or SIGINT, then answers what is in flight and ends. When it
/// listens, it tells systemd and calls `ready` with the addresses. On SIGHUP it reads the file that
/// its configuration is from again; a service without one ends, since its terminal is gone.
///
/// It hardens the whole process (core dumps, umask, limits) and takes its signals.
pub fn serve(config: &Config, file: Option<&Path>, ready: impl FnOnce(&[String])) -> Result<()> {
    // Before anything is made that would be the wrong user's.
    check_data_folder(&config.data())?;
    let log = Log::to_stderr(&config.log);
    let mut warnings = harden::harden();
    let token = config.seal.pkcs11.as_ref().map(Token::kept).transpose()?.map(Arc::new);
    warnings.extend(confine::confine(config, file)?);
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let outlives_terminal = is_ignored(SIGHUP);
    // From here on a signal is not lost, however early it comes.
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(|error| {
        Error::new(ErrorKind::Internal, format!("cannot wait for signals: {error}"))
    })?;
    let service = Service::open(config, token, warnings)?;
    let listeners = Listeners::start(&service, config)?;
    let health = Health::start(&service, &config.health_address())?;
    let addresses = listeners.addresses().join(",");
    let asked = health.as_ref().map_or("off", Health::address);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), addresses, health = asked, "serving");
    notify(&[NotifyState::Ready]);
    watch(&service)?;
    ready(listeners.addresses());

    let mut reload =
        Reload { service: &service, listeners: &listeners, log: &log, running: config.clone() };
    for signal in signals.forever() {
        match signal {
            SIGHUP if file.is_none() && !outlives_terminal => break,
            SIGHUP => {
                let begun = NotifyState::monotonic_usec_now().ok();
                notify(&[NotifyState::Reloading].into_iter().chain(begun).collect::<Vec<_>>());
                reload.read_again(file);
                notify(&[NotifyState::Ready]);
            }
            _ => break,
        }
    }
    let drain_time = reload.running.limits.drain();
    notify(&[NotifyState::Stopping]);
    service.ending.store(true, Ordering::Relaxed);
    tracing::info!("ending: answering what is in flight");
    if !listeners.drain(drain_time) {
        tracing::warn!("some requests were not answered in time");
    }
    if service.store().is_open() {
        service.keys.limits().give_back();
    }
    service.audit.close();
    // Last, for a TPM may hang.
    service.count_last_state();
    Ok(())
}

/// Whether a signal was ignored from the beginning, as `nohup` has SIGHUP be.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    ignored.is_some_and(|ignored| ignored >> (signal - 1) & 1 == 1)
}

/// Where systemd watches the service (`WatchdogSec=`), tells it in time that the store can still be
/// asked. A store that answers with an error is well enough: starting anew would not mend it.
fn watch(service: &Arc<Service>) -> Result<()> {
    let Some(patience) = sd_notify::watchdog_enabled() else { return Ok(()) };
    let service = Arc::downgrade(service);
    let watching = move || {
        while let Some(service) = service.upgrade() {
            let _ = service.store().count(None);
            notify(&[NotifyState::Watchdog]);
            drop(service);
            thread::sleep(patience / 3);
        }
    };
    thread::Builder::new()
        .name("watchdog".into())
        .spawn(watching)
        .map(drop)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("cannot start a thread: {error}")))
}

/// Without systemd there is nobody to tell.
fn notify(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}
