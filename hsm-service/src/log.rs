//! The service's log on standard error.

use std::io::IsTerminal;

use tracing_subscriber::{
    Registry, filter::LevelFilter, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

use crate::config::LogConfig;

/// The log, whose level can be changed.
pub(crate) struct Log {
    /// None for a second service in one process, as in tests, which goes on with the first one's.
    level: Option<reload::Handle<LevelFilter, Registry>>,
}

impl Log {
    /// Begins to log to standard error.
    pub(crate) fn to_stderr(config: &LogConfig) -> Log {
        let (level, handle) = reload::Layer::new(level(config));
        let lines = tracing_subscriber::fmt::layer()
            .with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr);
        let begun = tracing_subscriber::registry().with(level).with(lines).try_init();
        Log { level: begun.is_ok().then_some(handle) }
    }

    /// Changes how much is logged.
    pub(crate) fn set_level(&self, config: &LogConfig) {
        if let Some(handle) = &self.level {
            // It fails only where the log is gone.
            let _ = handle.reload(level(config));
        }
    }
}

fn level(config: &LogConfig) -> LevelFilter {
    config.level.parse().unwrap_or(LevelFilter::INFO)
}
