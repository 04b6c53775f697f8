//! The client's side of mutual TLS 1.3.

use std::{fs, io, path::Path, sync::Arc};

use keyward_protocol::Error;
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::TLS13,
};

/// Reads the files and makes the configuration of all connections.
pub(crate) fn client_config(
    ca: &Path,
    cert: &Path,
    key: &Path,
) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca", ca)? {
        roots.add(certificate).map_err(|error| unusable("ca", ca, &error))?;
    }
    let chain = certificates("cert", cert)?;
    let bytes =
        zeroize::Zeroizing::new(fs::read(key).map_err(|error| unusable("key", key, &error))?);
    let key_der =
        PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| unusable("key", key, &error))?;
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| unusable("cert", cert, &error))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key_der)
        .map_err(|error| unusable("cert", cert, &error));
    config.map(|mut config| {
        // A ticket store is behind a lock, which a fork could leave held for ever.
        config.resumption = Resumption::disabled();
        Arc::new(config)
    })
}

fn certificates(setting: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes = fs::read(path).map_err(|error| unusable(setting, path, &error))?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(setting, path, &error))?;
    if found.is_empty() {
        let none = io::Error::new(io::ErrorKind::InvalidData, "it holds no certificate in PEM");
        return Err(unusable(setting, path, &none));
    }
    Ok(found)
}

fn unusable(setting: &str, path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::invalid(format!("the setting \"{setting}\" names {}: {why}", path.display()))
        .hint("`keyward client enrol` issues these files")
}
