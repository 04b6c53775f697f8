//! Makes the state of a new service.

use std::{
    fs,
    io::Write,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::check_name;
use zeroize::Zeroizing;

use crate::{
    Config, Error, Result,
    clients::Clients,
    config::SealConfig,
    identity::Role,
    issue::{Authority, describe},
    store::{SqliteStore, Store, create_master_key, open_seal},
};

/// What `init` is told.
#[derive(Clone, Debug)]
pub struct InitOptions {
    /// The service's folder.
    pub state: PathBuf,
    /// Where the master key is put; `STATE/master.key` if nothing is said. It belongs on another
    /// disk than the state.
    pub master_key: Option<PathBuf>,
    /// The name of the first administrator.
    pub administrator: String,
    /// The names and addresses under which clients will reach the service.
    pub hosts: Vec<String>,
    /// Where the service will listen for TLS.
    pub tls: SocketAddr,
}

impl InitOptions {
    /// The usual choices for a folder.
    pub fn new(state: impl Into<PathBuf>) -> InitOptions {
        InitOptions {
            state: state.into(),
            master_key: None,
            administrator: "admin".into(),
            hosts: vec!["localhost".into()],
            tls: SocketAddr::from(([127, 0, 0, 1], 7433)),
        }
    }
}

/// What `init` has issued.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The master key: without it the keys are lost, with it and the state they are open.
    pub master_key: PathBuf,
    /// The configuration to serve with.
    pub config: PathBuf,
    /// The authority's certificate, which clients trust.
    pub ca: PathBuf,
    /// The SHA-256 of the authority's certificate, by which clients recognise the service.
    pub service_id: String,
    /// The first administrator's name.
    pub administrator: String,
    /// The administrator's certificate.
    pub administrator_certificate: PathBuf,
    /// The administrator's private key: whoever has it can let clients in.
    pub administrator_key: PathBuf,
    /// How long the administrator's certificate is valid, in days.
    pub administrator_days: u32,
}

/// Makes the state of a new service: seal, store, certificate authority, first administrator,
/// and a configuration that serves it. Nothing that exists is overwritten.
pub fn init(options: &InitOptions) -> Result<Issued> {
    check_name("user", &options.administrator)?;
    let state = std::path::absolute(&options.state)
        .map_err(|error| failed("find", &options.state, &error))?;
    let master_key = options.master_key.clone().unwrap_or_else(|| state.join("master.key"));
    let config_path = state.join("keyward.toml");
    for path in [&config_path, &master_key, &state.join("data/keys.db")] {
        if path.exists() {
            let message = format!("{} exists already", path.display());
            return Err(Error::new(ErrorKind::AlreadyExists, message)
                .hint("nothing was changed; choose another folder, or serve this one"));
        }
    }
    let text = config_text(&state, &master_key, options);
    let config = Config::parse(&text)?;
    make_folder(&state, 0o755)?;
    create_state(&config)?;
    let (certificate, key, authority) = administrator(&config, &options.administrator)?;
    let folder = state.join(&options.administrator);
    make_folder(&folder, 0o700)?;
    let issued = Issued {
        master_key,
        config: config_path,
        ca: state.join("ca.pem"),
        service_id: authority.fingerprint().to_owned(),
        administrator: options.administrator.clone(),
        administrator_certificate: folder.join("cert.pem"),
        administrator_key: folder.join("key.pem"),
        administrator_days: config.certificates.client_days,
    };
    write_new(&issued.ca, &pem("CERTIFICATE", authority.certificate())?, 0o644)?;
    write_new(&issued.administrator_certificate, &pem("CERTIFICATE", &certificate)?, 0o644)?;
    write_new(&issued.administrator_key, &pem("PRIVATE KEY", &key)?, 0o600)?;
    // Last, so that a configuration stands only beside a whole state.
    write_new(&issued.config, &text, 0o644)?;
    Ok(issued)
}

/// Makes what a configuration says there should be: master key, store, authority.
pub(crate) fn create_state(config: &Config) -> Result<()> {
    if let SealConfig::KeyFile(path) = &config.seal
        && !path.exists()
    {
        create_master_key(path)?;
    }
    let store = SqliteStore::create(&config.data(), &*open_seal(&config.seal)?)?;
    Authority::create(&store).map(drop)
}

type Credential = (Vec<u8>, Zeroizing<Vec<u8>>, Authority);

fn administrator(config: &Config, name: &str) -> Result<Credential> {
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(&config.data(), &*open_seal(&config.seal)?)?);
    let authority = Authority::load(&*store)?;
    let (request, key) = Authority::client_request()?;
    let days = config.certificates.client_days;
    let certificate = authority.issue_client(&request, name, &[Role::Admin], days)?;
    Clients::load(store)?.add(describe(&certificate)?, None)?;
    Ok((certificate, key, authority))
}

fn config_text(state: &Path, master_key: &Path, options: &InitOptions) -> String {
    let quoted = |path: &Path| format!("{:?}", path.display().to_string());
    let hosts: Vec<String> = options.hosts.iter().map(|host| format!("{host:?}")).collect();
    format!(
        "# Made by `keyward init`. ops/keyward.toml explains every setting.\n\
         state = {}\n\n\
         [seal]\nkey_file = {}\n\n\
         [[listen]]\nunix = {}\n\n\
         [[listen]]\ntls = \"{}\"\n\n\
         [certificates]\nhosts = [{}]\n\n\
         # Local users come in through the UNIX socket once they are named here:\n\
         # [[user]]\n# name = \"web\"\n# identities = [\"uid:0\", \"uid:www-data\"]\n",
        quoted(state),
        quoted(master_key),
        quoted(&state.join("hsm.sock")),
        options.tls,
        hosts.join(", "),
    )
}

fn pem(label: &str, der: &[u8]) -> Result<Zeroizing<String>> {
    pem_rfc7468::encode_string(label, pem_rfc7468::LineEnding::LF, der)
        .map(Zeroizing::new)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("cannot write PEM: {error}")))
}

fn make_folder(path: &Path, mode: u32) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .map_err(|error| failed("make", path, &error))
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<()> {
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    })
    .map_err(|error| failed("write", path, &error))
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot {what} {}: {error}", path.display()))
}
