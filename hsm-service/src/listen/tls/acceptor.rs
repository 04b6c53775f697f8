//! TLS settings: version 1.3 alone, client certificates from the service's own authority.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock, atomic::Ordering},
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::PrivateKeyDer,
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};

use crate::{
    Error, Result,
    config::CertificatesConfig,
    issue::{Authority, end_of},
    metrics::Metrics,
};

/// The service's certificate, which is renewed while it runs. Its key is in memory alone.
pub(super) struct ServerCertificate {
    current: RwLock<(Arc<CertifiedKey>, Instant)>,
}

impl ServerCertificate {
    pub(super) fn issue(
        authority: &Authority,
        config: &CertificatesConfig,
        metrics: &Metrics,
    ) -> Result<Self> {
        Ok(ServerCertificate { current: RwLock::new(new_certificate(authority, config, metrics)?) })
    }

    /// Renews the certificate when two thirds of its time have passed; whether it did.
    pub(super) fn renew_if_due(
        &self,
        authority: &Authority,
        config: &CertificatesConfig,
        metrics: &Metrics,
    ) -> Result<bool> {
        let issued = self.current.read().unwrap_or_else(PoisonError::into_inner).1;
        let validity = Duration::from_secs(u64::from(config.server_days) * 24 * 3600);
        if issued.elapsed() < validity * 2 / 3 {
            return Ok(false);
        }
        self.renew(authority, config, metrics).map(|()| true)
    }

    /// Issues another certificate for new connections.
    pub(super) fn renew(
        &self,
        authority: &Authority,
        config: &CertificatesConfig,
        metrics: &Metrics,
    ) -> Result<()> {
        let renewed = new_certificate(authority, config, metrics)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(())
    }
}

fn new_certificate(
    authority: &Authority,
    config: &CertificatesConfig,
    metrics: &Metrics,
) -> Result<(Arc<CertifiedKey>, Instant)> {
    let (certificate, key) = authority.issue_server(&config.hosts, config.server_days)?;
    metrics.certificate_ends.store(end_of(&certificate).unwrap_or(0), Ordering::Relaxed);
    let key = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|error| failed(&rustls::Error::General(error.into())))?;
    let certified = CertifiedKey::from_der(vec![certificate], key, &provider());
    Ok((Arc::new(certified.map_err(|error| failed(&error))?), Instant::now()))
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current.0))
    }
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerCertificate")
    }
}

/// The settings of the TLS front end.
pub(super) fn server_config(
    authority: &Authority,
    certificate: Arc<ServerCertificate>,
) -> Result<ServerConfig> {
    let provider = Arc::new(provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone()).map_err(|error| failed(&error))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| failed(&rustls::Error::General(error.to_string())))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| failed(&error))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificate);
    // No resumption: every connection proves anew who it is. Connections are long-lived.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

fn failed(error: &rustls::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot set TLS up: {error}"))
}
