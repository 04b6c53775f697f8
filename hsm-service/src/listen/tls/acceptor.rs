//! TLS settings: version 1.3 alone, client certificates from the service's own authority.

use std::{
    sync::{Arc, PoisonError, RwLock, atomic::Ordering},
    time::{Duration, SystemTime},
};

use keyward_algorithms::ErrorKind;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::PrivateKeyDer,
    server::{NoServerSessionStorage, WebPkiClientVerifier},
};
use tokio::task::block_in_place;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use crate::{Error, Result, Service, config::CertificatesConfig, front::Certified, issue::end_of};

/// Takes connections with the service's certificate, which is renewed while it runs.
pub(super) struct Acceptor {
    current: RwLock<Option<Current>>,
}

#[derive(Clone)]
struct Current {
    acceptor: TlsAcceptor,
    issued: SystemTime,
    /// Which of the service's authorities counted then.
    epoch: u64,
}

impl Acceptor {
    pub(super) fn new(service: &Service, config: &CertificatesConfig) -> Result<Acceptor> {
        let current = match service.store().is_open() {
            true => Some(Current::new(service, config)?),
            false => Current::of_front(service)?,
        };
        if current.is_none() {
            tracing::warn!("nobody comes in over TLS until the service is unsealed");
        }
        Ok(Acceptor { current: RwLock::new(current) })
    }

    /// What takes a connection at this moment; nothing where a sealed service has no certificate.
    pub(super) fn now(&self, service: &Service) -> Option<TlsAcceptor> {
        let current = self.current();
        let acceptor = current.as_ref().map(|current| current.acceptor.clone());
        if current.is_some_and(|current| current.epoch == service.authority.epoch())
            || !service.store().is_open()
        {
            return acceptor;
        }
        // It writes files, and this is a thread that other connections wait for.
        let config = &service.live.settings().certificates;
        match block_in_place(|| self.renew(service, config)) {
            Ok(()) => self.current().map(|current| current.acceptor),
            Err(error) => {
                tracing::error!("cannot take over the service's authority: {error}");
                acceptor
            }
        }
    }

    /// Renews the certificate when two thirds of its time have passed, or the clock was set to
    /// before it; whether it did. A sealed service can't.
    pub(super) fn renew_if_due(
        &self,
        service: &Service,
        config: &CertificatesConfig,
    ) -> Result<bool> {
        let validity = Duration::from_secs(u64::from(config.server_days) * 24 * 3600);
        let fresh = self.current().is_some_and(|current| {
            current.issued.elapsed().is_ok_and(|age| age < validity * 2 / 3)
        });
        if fresh || !service.store().is_open() {
            return Ok(false);
        }
        self.renew(service, config).map(|()| true)
    }

    /// Issues another certificate for new connections.
    pub(super) fn renew(&self, service: &Service, config: &CertificatesConfig) -> Result<()> {
        let renewed = Current::new(service, config)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(renewed);
        Ok(())
    }

    fn current(&self) -> Option<Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Current {
    /// With a new certificate.
    fn new(service: &Service, config: &CertificatesConfig) -> Result<Current> {
        // The epoch first: a step that is taken meanwhile is taken over by the next connection.
        let epoch = service.authority.epoch();
        let authorities = service.authority.present()?;
        let (chain, key) = authorities.issue_server(&config.hosts, config.server_days)?;
        let certified = Certified {
            roots: authorities.trusted().map(|one| one.certificate().clone()).collect(),
            chain,
            key: Zeroizing::new(key.serialize_der()),
        };
        service.front.keep(|front| certified.write(front))?;
        Ok(Current { acceptor: certified.acceptor(service)?, issued: SystemTime::now(), epoch })
    }

    /// With the certificate that lies ready for a sealed service.
    fn of_front(service: &Service) -> Result<Option<Current>> {
        let Some(certified) = service.front.certified() else { return Ok(None) };
        let acceptor = certified.acceptor(service)?;
        let epoch = service.authority.epoch();
        Ok(Some(Current { acceptor, issued: SystemTime::now(), epoch }))
    }
}

impl Certified {
    fn acceptor(&self, service: &Service) -> Result<TlsAcceptor> {
        let ends = self.chain.first().and_then(|own| end_of(own)).unwrap_or(0);
        service.metrics.certificate_ends.store(ends, Ordering::Relaxed);
        Ok(TlsAcceptor::from(Arc::new(self.server_config()?)))
    }

    /// The settings of the TLS front end.
    fn server_config(&self) -> Result<ServerConfig> {
        let provider = Arc::new(provider());
        let mut roots = RootCertStore::empty();
        for root in &self.roots {
            roots.add(root.clone()).map_err(|error| failed(&error))?;
        }
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|error| failed(&rustls::Error::General(error.to_string())))?;
        let key = PrivateKeyDer::try_from(self.key.to_vec())
            .map_err(|error| failed(&rustls::Error::General(error.into())))?;
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| failed(&error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.chain.clone(), key)
            .map_err(|error| failed(&error))?;
        // No resumption: every connection proves anew who it is. Connections are long-lived.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(server)
    }
}

fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

fn failed(error: &rustls::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot set TLS up: {error}"))
}
