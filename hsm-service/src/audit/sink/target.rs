//! The other side of a sink.

use std::{io, os::unix::net::UnixDatagram, path::PathBuf, time::Duration};

use keyward_protocol::messages::AuditEntry;

use super::{journald, syslog::Syslog, tls::TlsTarget};
use crate::{
    Result,
    config::{SinkConfig, SyslogAddress},
};

/// For how long a local daemon may leave a datagram in its queue.
const DATAGRAM_TIMEOUT: Duration = Duration::from_secs(5);

/// Where entries go.
pub(super) struct Target {
    way: Way,
    syslog: Syslog,
    frame: Vec<u8>,
}

enum Way {
    Datagrams { path: PathBuf, socket: Option<UnixDatagram>, journald: bool },
    Tls(Box<TlsTarget>),
}

impl Target {
    pub(super) fn new(config: &SinkConfig) -> Result<Target> {
        let datagrams = |path: &PathBuf, journald| Way::Datagrams {
            path: path.clone(),
            socket: None,
            journald,
        };
        let way = match (&config.syslog, &config.journald) {
            (Some(SyslogAddress::Unix(path)), _) => datagrams(path, false),
            (Some(SyslogAddress::Tls { host, port }), _) => {
                Way::Tls(Box::new(TlsTarget::new(host, *port, config)?))
            }
            (None, path) => datagrams(path.as_ref().unwrap_or(&PathBuf::new()), true),
        };
        Ok(Target { way, syslog: Syslog::new(), frame: Vec::new() })
    }

    /// Whether what was sent has arrived: on the same machine the kernel's word is enough.
    pub(super) fn takes_at_once(&self) -> bool {
        matches!(self.way, Way::Datagrams { .. })
    }

    /// After what time what was sent has surely arrived.
    pub(super) fn grace(&self) -> Duration {
        if self.takes_at_once() { Duration::ZERO } else { TlsTarget::GRACE }
    }

    /// Connects, if that is not so, and finds out whether the other side has left.
    pub(super) fn check(&mut self) -> io::Result<()> {
        match &mut self.way {
            Way::Datagrams { path, socket, .. } => {
                if socket.is_none() {
                    let fresh = UnixDatagram::unbound()?;
                    fresh.set_write_timeout(Some(DATAGRAM_TIMEOUT))?;
                    fresh.connect(path)?;
                    *socket = Some(fresh);
                }
                Ok(())
            }
            Way::Tls(target) => target.check(),
        }
    }

    pub(super) fn send(&mut self, entry: &AuditEntry) -> io::Result<()> {
        self.frame.clear();
        match &mut self.way {
            Way::Datagrams { socket: Some(socket), journald, .. } => {
                match journald {
                    true => journald::write(entry, &mut self.frame),
                    false => self.syslog.write(entry, &mut self.frame),
                }
                socket.send(&self.frame).map(drop)
            }
            Way::Datagrams { socket: None, .. } => Err(io::ErrorKind::NotConnected.into()),
            Way::Tls(target) => {
                self.syslog.write(entry, &mut self.frame);
                target.send(&self.frame)
            }
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        match &mut self.way {
            Way::Datagrams { .. } => Ok(()),
            Way::Tls(target) => target.flush(),
        }
    }

    pub(super) fn disconnect(&mut self) {
        match &mut self.way {
            Way::Datagrams { socket, .. } => *socket = None,
            Way::Tls(target) => target.disconnect(),
        }
    }
}
