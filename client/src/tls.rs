//! The client's side of mutual TLS 1.3.

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{self, Path, PathBuf},
    sync::{Arc, Mutex},
};

use keyward_protocol::Error;
use rustls::{
    AlertDescription, ClientConfig, RootCertStore,
    client::Resumption,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::TLS13,
};

/// The files that mutual TLS takes, and what they held when they were last read. A certificate is
/// renewed while its holder runs, so each new connection looks whether they are others by now.
pub(crate) struct Files {
    paths: [PathBuf; 3],
    /// What they held at first.
    first: Arc<ClientConfig>,
    /// Its lock is only ever tried, never waited for: a fork may leave it held for ever.
    latest: Mutex<(Stamps, Arc<ClientConfig>)>,
}

/// What tells a file from the one that takes its place: device, inode, size, and time of change.
type Stamps = [(u64, u64, u64, i64, i64); 3];

impl Files {
    /// Reads the authorities' certificates, the client's own, and its key.
    pub(crate) fn read(ca: &Path, cert: &Path, key: &Path) -> Result<Files, Error> {
        // The host may go to another folder.
        let paths = [ca, cert, key].map(|one| path::absolute(one).unwrap_or_else(|_| one.into()));
        let stamps = stamps(&paths).unwrap_or_default();
        let first = client_config(&paths)?;
        let latest = Mutex::new((stamps, Arc::clone(&first)));
        Ok(Files { paths, first, latest })
    }

    /// The configuration of a new connection. Files that cannot be read now, since the process has
    /// dropped its rights or they are being written, leave it as it was.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        let (of, known) = self.latest();
        let Ok(stamps) = stamps(&self.paths) else { return known };
        if of == stamps {
            return known;
        }
        let Ok(config) = client_config(&self.paths) else { return known };
        if let Ok(mut latest) = self.latest.try_lock() {
            *latest = (stamps, Arc::clone(&config));
        }
        config
    }

    /// What was read last, and of which files.
    fn latest(&self) -> (Stamps, Arc<ClientConfig>) {
        match self.latest.try_lock() {
            Ok(latest) => latest.clone(),
            Err(_) => (Stamps::default(), Arc::clone(&self.first)),
        }
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.paths).finish()
    }
}

fn stamps(paths: &[PathBuf; 3]) -> io::Result<Stamps> {
    let mut stamps = Stamps::default();
    for (stamp, path) in stamps.iter_mut().zip(paths) {
        let file = fs::metadata(path)?;
        *stamp = (file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec());
    }
    Ok(stamps)
}

/// Why the service does not take the client's certificate, where that is what an error says.
pub(crate) fn refusal(error: &io::Error) -> Option<&'static str> {
    let rustls::Error::AlertReceived(alert) = error.get_ref()?.downcast_ref()? else {
        return None;
    };
    match alert {
        AlertDescription::CertificateExpired => {
            Some("by the service's clock it has ended, or has not begun")
        }
        AlertDescription::UnknownCA => Some("it is of an authority that the service does not know"),
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown => Some("it is none that the service has issued"),
        _ => None,
    }
}

/// Reads the files and makes the configuration of connections.
fn client_config([ca, cert, key]: &[PathBuf; 3]) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca", ca)? {
        roots.add(certificate).map_err(|error| unusable("ca", ca, &error))?;
    }
    let chain = certificates("cert", cert)?;
    let bytes =
        zeroize::Zeroizing::new(fs::read(key).map_err(|error| unreadable("key", key, &error))?);
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
    let bytes = fs::read(path).map_err(|error| unreadable(setting, path, &error))?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(setting, path, &error))?;
    if found.is_empty() {
        let none = io::Error::new(io::ErrorKind::InvalidData, "it holds no certificate in PEM");
        return Err(unusable(setting, path, &none));
    }
    Ok(found)
}

fn unreadable(setting: &str, path: &Path, why: &io::Error) -> Error {
    let error = unusable(setting, path, why);
    match why.kind() {
        io::ErrorKind::PermissionDenied => error.hint(
            "run this as a user who may read it; servers read it before they drop root's rights",
        ),
        _ => error,
    }
}

fn unusable(setting: &str, path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::invalid(format!("the setting \"{setting}\" names {}: {why}", path.display()))
        .hint("`keyward client enrol` issues these files")
}
