//! What the name of a service's host stands for.

use std::{
    io,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

/// The network addresses of one host, as they were when its name was last looked up.
///
/// Looking a name up takes as long as a name server pleases, and fails in a process that has changed
/// its root since. So names are looked up when a key is loaded, and again only when nobody takes a
/// connection at the addresses that are known. TLS proves who did, so an old one does no harm.
///
/// The lock is only ever tried: a child of a fork in the middle of a copy looks names up anew.
#[derive(Default)]
pub(crate) struct Host {
    known: Mutex<Vec<SocketAddr>>,
    was_looked_up: AtomicBool,
}

impl Host {
    /// Looks the name up, once. Nothing comes of a failure: connecting tries again.
    pub(crate) fn look_up_once(&self, name: &str, port: u16) {
        if !self.was_looked_up.swap(true, Relaxed) {
            let _ = self.look_up(name, port);
        }
    }

    /// Connects to the first address that takes a connection in time.
    pub(crate) fn connect(
        &self,
        name: &str,
        port: u16,
        timeout: Duration,
    ) -> io::Result<TcpStream> {
        let known = self.known.try_lock().map(|known| known.clone()).unwrap_or_default();
        let mut failure = match connect_to_one_of(&known, timeout) {
            Some(Ok(tcp)) => return Ok(tcp),
            Some(Err(refused)) => Some(refused),
            None => None,
        };
        match self.look_up(name, port) {
            Ok(mut found) => {
                found.retain(|address| !known.contains(address));
                match connect_to_one_of(&found, timeout) {
                    Some(Ok(tcp)) => return Ok(tcp),
                    Some(Err(refused)) => failure = Some(refused),
                    None => {}
                }
            }
            Err(unknown) => failure = failure.or(Some(unknown)),
        }
        Err(failure
            .unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has no address")))
    }

    fn look_up(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<SocketAddr> = (name, port).to_socket_addrs()?.collect();
        if let Ok(mut known) = self.known.try_lock() {
            known.clone_from(&found);
        }
        Ok(found)
    }
}

/// The first connection, or why the last address took none; nothing where there is no address.
fn connect_to_one_of(addresses: &[SocketAddr], timeout: Duration) -> Option<io::Result<TcpStream>> {
    let mut outcome = None;
    for address in addresses {
        outcome = Some(TcpStream::connect_timeout(address, timeout));
        if matches!(outcome, Some(Ok(_))) {
            break;
        }
    }
    outcome
}
