//! Clients by the handles that Java holds. A handle is a number that is looked up and never a
//! pointer, so one that was closed is an error and not a fault, also while calls are under way.

use std::{
    collections::HashMap,
    sync::{LazyLock, PoisonError, RwLock},
};

use keyward_algorithms::ErrorKind;
use keyward_client::Client;
use keyward_protocol::{Error, Result};

static CLIENTS: LazyLock<RwLock<Clients>> = LazyLock::new(RwLock::default);

#[derive(Default)]
struct Clients {
    last: i64,
    open: HashMap<i64, Client>,
}

/// Keeps a client and gives its handle, which is never given again.
pub(crate) fn insert(client: Client) -> i64 {
    let mut clients = CLIENTS.write().unwrap_or_else(PoisonError::into_inner);
    clients.last += 1;
    let handle = clients.last;
    clients.open.insert(handle, client);
    handle
}

/// The client of a handle. The lock is not held while it is used.
pub(crate) fn get(handle: i64) -> Result<Client> {
    let clients = CLIENTS.read().unwrap_or_else(PoisonError::into_inner);
    clients
        .open
        .get(&handle)
        .cloned()
        .ok_or_else(|| Error::new(ErrorKind::Unavailable, "this Keyward provider has been closed"))
}

/// Drops a client; calls under way end by themselves.
pub(crate) fn remove(handle: i64) {
    let removed = CLIENTS.write().unwrap_or_else(PoisonError::into_inner).open.remove(&handle);
    // Closing connections takes system calls: not under the lock.
    drop(removed);
}
