//! Front ends: they take connections, tell who is on the other side, and pass requests on.

mod census;
mod connection;
mod crew;
mod inherited;
mod nearness;
mod outbox;
mod parking;
pub(crate) mod socket;
mod tls;
mod unix;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{Config, Result, Service, config::CertificatesConfig};
use census::Census;
use inherited::Inherited;

/// The running front ends of a service.
pub(crate) struct Listeners {
    unix: unix::UnixFront,
    tls: Option<tls::TlsFront>,
    census: Arc<Census>,
    addresses: Vec<String>,
}

impl Listeners {
    /// Opens every socket of a configuration and begins to serve.
    pub(crate) fn start(service: &Arc<Service>, config: &Config) -> Result<Listeners> {
        let census = Arc::new(Census::new(Arc::clone(&service.metrics)));
        // All sockets are bound before the first connection is taken: a service that cannot
        // listen everywhere does not start.
        let mut inherited = Inherited::from_environment()?;
        let mut sockets = Vec::new();
        let mut tls_sockets = Vec::new();
        let mut addresses = Vec::new();
        for listen in &config.listen {
            if let Some(path) = &listen.unix {
                sockets.push(match inherited.unix(path) {
                    Some(listener) => socket::UnixSocket::of_systemd(listener),
                    None => socket::UnixSocket::bind(path, listen)?,
                });
                addresses.push(format!("unix:{}", path.display()));
            } else if let Some(address) = listen.tls {
                let socket = match inherited.tcp(address) {
                    Some(listener) => listener,
                    None => socket::bind_tcp(address)?,
                };
                addresses.push(format!("tls://{}", socket.local_addr().unwrap_or(address)));
                tls_sockets.push(socket);
            }
        }
        inherited.none_left()?;
        let tls = match tls_sockets.is_empty() {
            true => None,
            false => {
                let certificates = &config.certificates;
                let census = Arc::clone(&census);
                Some(tls::TlsFront::start(service, certificates, census, tls_sockets)?)
            }
        };
        let unix = unix::UnixFront::start(service, Arc::clone(&census), sockets)?;
        Ok(Listeners { unix, tls, census, addresses })
    }

    /// Where clients find the service, in the form of the client's `address` setting.
    pub(crate) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Issues another certificate for the service's own TLS address, for new connections.
    pub(crate) fn renew_certificate(
        &self,
        service: &Service,
        config: &CertificatesConfig,
    ) -> Result<()> {
        self.tls.as_ref().map_or(Ok(()), |tls| tls.renew(service, config))
    }

    /// Takes no more connections and requests, answers those in flight, and closes. Whether all
    /// were answered in time.
    pub(crate) fn drain(self, time: Duration) -> bool {
        let end = Instant::now() + time;
        self.unix.stop();
        if let Some(tls) = &self.tls {
            tls.stop();
        }
        self.census.wait_until_empty(end)
    }
}
