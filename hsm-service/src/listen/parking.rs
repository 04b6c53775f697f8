//! Connections without a thread: one epoll waits for all that are silent, and for new ones.

use std::{
    collections::HashMap,
    os::fd::{BorrowedFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::Ordering},
};

use rustix::{
    buffer::spare_capacity,
    event::{EventfdFlags, epoll, eventfd},
    io::Errno,
};

use super::connection::Connection;

/// The parking lot.
pub(super) struct Parking {
    epoll: OwnedFd,
    wake: OwnedFd,
    lot: Mutex<Lot>,
}

#[derive(Default)]
struct Lot {
    /// Silent connections. Nothing else holds them.
    parked: HashMap<u64, Arc<Connection>>,
    /// Every connection, so that all can be told to end.
    open: HashMap<u64, Weak<Connection>>,
    closed: bool,
}

/// What the parking waited for.
pub(super) enum Awaited {
    /// A listening socket, by its index, has a new connection.
    Incoming(usize),
    /// A parked connection has something to read.
    Active(Arc<Connection>),
    /// The front end is to end.
    Stop,
}

const WAKE: u64 = u64::MAX;
/// Numbers below are listening sockets.
pub(super) const FIRST_CONNECTION: u64 = 1 << 32;

impl Parking {
    pub(super) fn new() -> rustix::io::Result<Parking> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &wake, epoll::EventData::new_u64(WAKE), epoll::EventFlags::IN)?;
        Ok(Parking { epoll, wake, lot: Mutex::default() })
    }

    /// Watches a listening socket.
    pub(super) fn watch(&self, index: usize, socket: BorrowedFd<'_>) -> rustix::io::Result<()> {
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&self.epoll, socket, data, epoll::EventFlags::IN)
    }

    /// Parks a connection until it has something to read, at once if it has already.
    pub(super) fn park(&self, connection: Arc<Connection>) {
        let mut lot = self.lock();
        if lot.closed {
            return;
        }
        let number = connection.number;
        let known = connection.known_to_parking.swap(true, Ordering::Relaxed);
        if !known {
            lot.open.insert(number, Arc::downgrade(&connection));
        }
        // The lock keeps the event from being looked at before the connection is in its place.
        let data = epoll::EventData::new_u64(number);
        let events = epoll::EventFlags::IN | epoll::EventFlags::ONESHOT;
        let watched = match known {
            true => epoll::modify(&self.epoll, connection.socket(), data, events),
            false => epoll::add(&self.epoll, connection.socket(), data, events),
        };
        match watched {
            Ok(()) => drop(lot.parked.insert(number, connection)),
            Err(error) => {
                lot.open.remove(&number);
                tracing::warn!("cannot wait for a connection: {error}");
            }
        }
    }

    /// Forgets a connection that has ended.
    pub(super) fn forget(&self, connection: &Connection) {
        self.lock().open.remove(&connection.number);
    }

    /// Waits for something to happen and passes all of it on.
    pub(super) fn wait(&self, mut take: impl FnMut(Awaited)) -> rustix::io::Result<()> {
        let mut events = Vec::with_capacity(256);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error),
        }
        for event in events {
            match event.data.u64() {
                WAKE => take(Awaited::Stop),
                number if number >= FIRST_CONNECTION => {
                    let parked = self.lock().parked.remove(&number);
                    if let Some(connection) = parked {
                        take(Awaited::Active(connection));
                    }
                }
                index => take(Awaited::Incoming(index as usize)),
            }
        }
        Ok(())
    }

    /// Lets every connection end: the parked ones at once, the others when they have answered
    /// what they have read.
    pub(super) fn close(&self) {
        let mut lot = self.lock();
        lot.closed = true;
        let parked = std::mem::take(&mut lot.parked);
        let open = std::mem::take(&mut lot.open);
        drop(lot);
        drop(parked);
        for connection in open.values().filter_map(Weak::upgrade) {
            connection.stop_reading();
        }
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }

    fn lock(&self) -> MutexGuard<'_, Lot> {
        self.lot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
