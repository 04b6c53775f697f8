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
use tokio_rustls::TlsAcceptor;

use crate::{
    Error, Result, Service, authority::Present, config::CertificatesConfig, issue::end_of,
};

/// Takes connections with the service's certificate, which is renewed while it runs. Its key is in
/// memory alone.
pub(super) struct Acceptor {
    current: RwLock<Current>,
}

struct Current {
    acceptor: TlsAcceptor,
    issued: SystemTime,
    /// Which of the service's authorities counted then.
    epoch: u64,
}

impl Acceptor {
    pub(super) fn new(service: &Service, config: &CertificatesConfig) -> Result<Acceptor> {
        Ok(Acceptor { current: RwLock::new(Current::new(service, config)?) })
    }

    /// What takes a connection at this moment.
    pub(super) fn now(&self, service: &Service) -> TlsAcceptor {
        let (acceptor, epoch) = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            (current.acceptor.clone(), current.epoch)
        };
        if epoch == service.authority.epoch() {
            return acceptor;
        }
        match self.renew(service, &service.live.settings().certificates) {
            Ok(()) => self.current.read().unwrap_or_else(PoisonError::into_inner).acceptor.clone(),
            Err(error) => {
                tracing::error!("cannot take over the service's authority: {error}");
                acceptor
            }
        }
    }

    /// Renews the certificate when two thirds of its time have passed, or the clock was set to
    /// before it; whether it did.
    pub(super) fn renew_if_due(
        &self,
        service: &Service,
        config: &CertificatesConfig,
    ) -> Result<bool> {
        let issued = self.current.read().unwrap_or_else(PoisonError::into_inner).issued;
        let validity = Duration::from_secs(u64::from(config.server_days) * 24 * 3600);
        if issued.elapsed().is_ok_and(|age| age < validity * 2 / 3) {
            return Ok(false);
        }
        self.renew(service, config).map(|()| true)
    }

    /// Issues another certificate for new connections.
    pub(super) fn renew(&self, service: &Service, config: &CertificatesConfig) -> Result<()> {
        let renewed = Current::new(service, config)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(())
    }
}

impl Current {
    fn new(service: &Service, config: &CertificatesConfig) -> Result<Current> {
        // The epoch first: a step that is taken meanwhile is taken over by the next connection.
        let epoch = service.authority.epoch();
        let authorities = service.authority.present();
        let server = server_config(&authorities, config, service)?;
        let acceptor = TlsAcceptor::from(Arc::new(server));
        Ok(Current { acceptor, issued: SystemTime::now(), epoch })
    }
}

/// The settings of the TLS front end, with a new certificate.
fn server_config(
    authorities: &Present,
    config: &CertificatesConfig,
    service: &Service,
) -> Result<ServerConfig> {
    let provider = Arc::new(provider());
    let mut roots = RootCertStore::empty();
    for authority in authorities.trusted() {
        roots.add(authority.certificate().clone()).map_err(|error| failed(&error))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| failed(&rustls::Error::General(error.to_string())))?;
    let (chain, key) = authorities.issue_server(&config.hosts, config.server_days)?;
    let ends = chain.first().and_then(|own| end_of(own)).unwrap_or(0);
    service.metrics.certificate_ends.store(ends, Ordering::Relaxed);
    let key = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|error| failed(&rustls::Error::General(error.into())))?;
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| failed(&error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| failed(&error))?;
    // No resumption: every connection proves anew who it is. Connections are long-lived.
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    Ok(server)
}

fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

fn failed(error: &rustls::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot set TLS up: {error}"))
}
