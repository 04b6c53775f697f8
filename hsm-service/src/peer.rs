//! The other side of a connection, as requests know it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::{audit::Audit, identity::Caller, metrics::Meter};

/// Who is on the other side, and whether it still is.
pub(crate) struct Peer {
    caller: Arc<Caller>,
    /// Counts what it asks for.
    pub(crate) meter: Meter,
    /// Where its requests are recorded.
    pub(crate) audit: Arc<Audit>,
    gone: AtomicBool,
}

impl Peer {
    pub(crate) fn new(caller: Caller, meter: Meter, audit: Arc<Audit>) -> Peer {
        Peer { caller: Arc::new(caller), meter, audit, gone: AtomicBool::new(false) }
    }

    /// Who the requests come from.
    pub(crate) fn caller(&self) -> Arc<Caller> {
        Arc::clone(&self.caller)
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
