//! The other side of a connection, as requests know it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{identity::Caller, metrics::Meter};

/// Who is on the other side, and whether it still is.
pub(crate) struct Peer {
    /// Who the requests come from.
    pub(crate) caller: Caller,
    /// Counts what it asks for.
    pub(crate) meter: Meter,
    gone: AtomicBool,
}

impl Peer {
    pub(crate) fn new(caller: Caller, meter: Meter) -> Peer {
        Peer { caller, meter, gone: AtomicBool::new(false) }
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
