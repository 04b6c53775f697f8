//! The other side of a connection, as requests know it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::identity::Caller;

/// Who is on the other side, and whether it still is.
pub(crate) struct Peer {
    /// Who the requests come from.
    pub(crate) caller: Caller,
    gone: AtomicBool,
}

impl Peer {
    pub(crate) fn new(caller: Caller) -> Peer {
        Peer { caller, gone: AtomicBool::new(false) }
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
