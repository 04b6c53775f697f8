//! Sockets that systemd listens on already and hands over at the start (`LISTEN_FDS`).

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
};

use keyward_algorithms::ErrorKind;
use listenfd::ListenFd;

use crate::{Error, Result};

/// The sockets that nobody has taken yet.
pub(super) struct Inherited {
    unix: Vec<(PathBuf, UnixListener)>,
    tcp: Vec<(SocketAddr, TcpListener)>,
}

impl Inherited {
    /// Takes over what there is: nothing, unless systemd started this very process with it.
    pub(super) fn from_environment() -> Result<Inherited> {
        let mut passed = ListenFd::from_env();
        let mut inherited = Inherited { unix: Vec::new(), tcp: Vec::new() };
        for index in 0..passed.len() {
            inherited.take_over(&mut passed, index).map_err(|error| {
                let message = format!("cannot take over socket {index} of systemd: {error}");
                Error::new(ErrorKind::Unavailable, message)
                    .hint("ListenStream= with a path or an address is what the service takes")
            })?;
        }
        Ok(inherited)
    }

    fn take_over(&mut self, passed: &mut ListenFd, index: usize) -> io::Result<()> {
        if let Ok(Some(listener)) = passed.take_unix_listener(index) {
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            let path = address.as_pathname().ok_or(io::ErrorKind::Unsupported)?.to_owned();
            self.unix.push((path, listener));
        } else if let Some(listener) = passed.take_tcp_listener(index)? {
            listener.set_nonblocking(true)?;
            self.tcp.push((listener.local_addr()?, listener));
        }
        Ok(())
    }

    /// The one at a path.
    pub(super) fn unix(&mut self, path: &Path) -> Option<UnixListener> {
        let index = self.unix.iter().position(|(bound, _)| bound == path)?;
        Some(self.unix.swap_remove(index).1)
    }

    /// The one at an address.
    pub(super) fn tcp(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let index = self.tcp.iter().position(|(bound, _)| *bound == address)?;
        Some(self.tcp.swap_remove(index).1)
    }

    /// Refuses what is left: a client that connects there would wait for ever.
    pub(super) fn none_left(&self) -> Result<()> {
        let unix = self.unix.iter().map(|(path, _)| format!("unix:{}", path.display()));
        let tcp = self.tcp.iter().map(|(address, _)| format!("tls://{address}"));
        match unix.chain(tcp).next() {
            None => Ok(()),
            Some(address) => Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("systemd hands over {address}, where the configuration does not listen"),
            )
            .hint(
                "write the same address under [[listen]] and as ListenStream= in keyward.socket",
            )),
        }
    }
}
