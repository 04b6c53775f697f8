//! One address of the service with the idle connections to it.

use std::{
    io,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::Error;

use crate::{
    Address, Pause, Pin, Settings,
    connection::{Broken, Connection},
    hosts::Host,
    outage::rest_after,
    owner::Owner,
    pause::Blocking,
    stream::Stream,
    trust,
};

/// How many idle connections are kept for each address; a thread beyond them opens its own anew.
const SLOTS: usize = 128;

/// More than TLS's handshake needs.
const HANDSHAKE_STACK_BYTES: usize = 512 * 1024;

/// An address and its idle connections.
///
/// A slot's lock is only ever tried, never waited for, and is held for a move in or out. So no
/// thread waits for another, and after a fork that happened in the middle of such a move the child
/// merely misses one slot.
pub(crate) struct Endpoint {
    pub(crate) address: Address,
    /// Of use where the address names one.
    host: Host,
    /// Whether a service that does not run in a FIPS module is refused.
    requires_fips: bool,
    idle: [Mutex<Option<Box<Connection>>>; SLOTS],
    epoch: Instant,
    /// Milliseconds from the epoch until which the address counts as down; 0 when it is up.
    down_until: AtomicU64,
}

impl Endpoint {
    pub(crate) fn new(address: Address, requires_fips: bool) -> Endpoint {
        Endpoint {
            address,
            host: Host::default(),
            requires_fips,
            idle: [const { Mutex::new(None) }; SLOTS],
            epoch: Instant::now(),
            down_until: AtomicU64::new(0),
        }
    }

    /// Looks up the name of its host, unless that was done before.
    pub(crate) fn look_up_host(&self) {
        if let Address::Tls { host, port } = &self.address {
            self.host.look_up_once(host, *port);
        }
    }

    /// Whether it failed a moment ago.
    pub(crate) fn is_down(&self) -> bool {
        let until = self.down_until.load(Relaxed);
        until != 0 && (self.epoch.elapsed().as_millis() as u64) < until
    }

    /// Notes that it answers.
    pub(crate) fn notes_answer(&self) {
        // A read first: in good times the line stays shared between the processors.
        if self.down_until.load(Relaxed) != 0 {
            self.down_until.store(0, Relaxed);
        }
    }

    /// Notes that it does not answer, and how long it took to find that out: for some time it is
    /// passed over, while there are others.
    pub(crate) fn notes_silence(&self, took: Duration) {
        let until = self.epoch.elapsed() + rest_after(took);
        self.down_until.store(until.as_millis() as u64, Relaxed);
    }

    /// An idle connection of this process and its present credentials, if there is one. Those of
    /// others that it comes upon are dropped.
    pub(crate) fn take_idle(&self, thread: usize) -> Option<Box<Connection>> {
        let owner = Owner::current();
        (0..SLOTS).find_map(|step| {
            let mut slot = self.idle[(thread + step) % SLOTS].try_lock().ok()?;
            slot.take().filter(|connection| connection.is_usable_by(owner))
        })
    }

    /// Keeps a connection for the next request; drops it when there is no room.
    pub(crate) fn put_idle(&self, thread: usize, connection: Box<Connection>) {
        for step in 0..SLOTS {
            if let Ok(mut slot) = self.idle[(thread + step) % SLOTS].try_lock()
                && slot.is_none()
            {
                *slot = Some(connection);
                return;
            }
        }
    }

    /// Opens a connection, and notes whether the address is up.
    pub(crate) fn connect(
        &self,
        settings: &Settings,
        pin: Option<&Pin>,
        pause: &dyn Pause,
    ) -> Result<Box<Connection>, Error> {
        let (timeout, began) = (settings.connect_timeout, Instant::now());
        let outcome = match &self.address {
            Address::Unix(path) => self.open(Stream::unix(path, timeout), timeout, pause),
            Address::Tls { host, port } => {
                let files = settings.tls.as_ref().ok_or_else(no_tls_files)?;
                let connect = || {
                    let tcp = self.host.connect(host, *port, timeout)?;
                    Stream::tls(tcp, host, files.config(), timeout)
                };
                match pause.can_pause() {
                    // TLS's handshake needs more stack than a job may have. It is not paused,
                    // since a connection is opened once and used often.
                    true => stacker::grow(HANDSHAKE_STACK_BYTES, || {
                        self.open(connect(), timeout, &Blocking)
                    }),
                    false => self.open(connect(), timeout, pause),
                }
            }
        };
        let outcome = outcome.and_then(|connection| self.log_in(connection, settings, pin, pause));
        match &outcome {
            Err(error) if !is_answer(error) => self.notes_silence(began.elapsed()),
            _ => self.notes_answer(),
        }
        outcome
    }

    fn open(
        &self,
        stream: io::Result<Stream>,
        timeout: Duration,
        pause: &dyn Pause,
    ) -> Result<Box<Connection>, Error> {
        let stream =
            stream.map_err(|error| self.unreachable(&error.to_string(), Some(error.kind())))?;
        let connection =
            Connection::open(stream, timeout, pause).map_err(|broken| match broken {
                Broken::Lost(why) => self.unreachable(&why, None),
                other => other.into_error(&self.address, timeout),
            })?;
        if self.requires_fips && !connection.is_fips {
            return Err(self.no_fips_module());
        }
        Ok(connection)
    }

    /// Logs in where the service asks for it. Without a PIN the connection is good for asking who one
    /// is, and every other answer says what is missing.
    fn log_in(
        &self,
        connection: Box<Connection>,
        settings: &Settings,
        pin: Option<&Pin>,
        pause: &dyn Pause,
    ) -> Result<Box<Connection>, Error> {
        if !connection.wants_pin {
            return Ok(connection);
        }
        let pin = match (pin, &settings.pin) {
            (Some(pin), _) => pin,
            (None, Some(read)) => read.as_ref().map_err(Clone::clone)?,
            (None, None) => return Ok(connection),
        };
        // The service behind TLS has shown a certificate of its authority.
        if let Address::Unix(path) = &self.address {
            let unknown = |error: io::Error| self.unreachable(&error.to_string(), None);
            trust::check_service(path, connection.listener().map_err(unknown)?)?;
        }
        let (user, timeout) = (settings.user.as_deref(), settings.request_timeout);
        let failed = |broken: Broken| broken.into_error(&self.address, timeout);
        connection.log_in(user, pin, timeout, pause).map_err(failed).map_err(|mut error| {
            if is_answer(&error) {
                error.message = format!("{} ({})", error.message, self.address);
            }
            error
        })
    }

    fn no_fips_module(&self) -> Error {
        let message = format!("the service at {} does not run in a FIPS module", self.address);
        Error::new(ErrorKind::Unsupported, message).hint(
            "use a service that is built with one (`keyward status` tells), or do not require it",
        )
    }

    fn unreachable(&self, why: &str, kind: Option<io::ErrorKind>) -> Error {
        let hint = match (kind, &self.address) {
            (Some(io::ErrorKind::PermissionDenied), _) => {
                "this process may not open the socket: see the socket's mode and group in the \
                 service's configuration"
            }
            (Some(io::ErrorKind::NotFound), Address::Unix(_)) => {
                "start the service, or set KEYWARD_ADDRESS to where it listens"
            }
            // As rustls says it.
            (None, Address::Tls { .. }) if why.contains("not valid for name") => {
                "reach the service by a name that its certificate has, or have an administrator add \
                 this one to `hosts` of [certificates] in the service's configuration"
            }
            (None, Address::Tls { .. }) => {
                "check that ca, cert and key are those that this service issued; if it has replaced \
                 its authority since, an administrator enrols this machine anew: `keyward client \
                 enrol`"
            }
            _ => "start the service, or check the address; `keyward doctor` says more",
        };
        Error::new(
            ErrorKind::Unavailable,
            format!("cannot reach the service at {}: {why}", self.address),
        )
        .hint(hint)
    }
}

/// Whether an error is the service's own word, so that it is not away.
pub(crate) fn is_answer(error: &Error) -> bool {
    !matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Timeout)
}

fn no_tls_files() -> Error {
    Error::invalid("a tls:// address needs the settings ca, cert and key")
        .hint("`keyward client enrol` issues them")
}
