//! Makes the state of a new service.

use std::{
    fmt, fs,
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
    config::{CertificatesConfig, TokenConfig, TpmAddress},
    front::{Certified, Front},
    identity::Role,
    issue::{Authority, describe},
    store::{
        DeviceSeal, KeyFile, Passphrase, Seal, Share, Shares, SplitSecret, SqliteStore,
        TokenDevice, TpmDevice, create_master_key, draw_master_key,
    },
    token::Token,
};

/// What `init` is told.
#[derive(Clone, Debug)]
pub struct InitOptions {
    /// The service's folder.
    pub state: PathBuf,
    /// What is to open the store.
    pub seal: SealChoice,
    /// Where the master key is put, if there is one; `STATE/master.key` if nothing is said. It
    /// belongs on another disk than the state. With a device: where a copy is put; nowhere if
    /// nothing is said.
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
            seal: SealChoice::KeyFile,
            master_key: None,
            administrator: "admin".into(),
            hosts: vec!["localhost".into()],
            tls: SocketAddr::from(([127, 0, 0, 1], 7433)),
        }
    }
}

/// What is to open the store of a new service.
#[derive(Clone)]
pub enum SealChoice {
    /// A master key in a file.
    KeyFile,
    /// A master key that systemd will hand over as the credential of this name.
    Credential(String),
    /// A passphrase.
    Passphrase(Arc<Passphrase>),
    /// So many shares out of so many.
    Shares(u8, u8),
    /// A PKCS#11 token, opened by a PIN, and the label of a key in it; without one, it makes a key.
    Token(TokenConfig, Arc<Zeroizing<Vec<u8>>>, String),
    /// The machine's TPM, as long as these registers of it stay as they are.
    Tpm(TpmAddress, Vec<u32>),
}

/// Says nothing of a passphrase or a PIN.
impl fmt::Debug for SealChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SealChoice::KeyFile => f.write_str("KeyFile"),
            SealChoice::Credential(name) => write!(f, "Credential({name:?})"),
            SealChoice::Passphrase(_) => f.write_str("Passphrase"),
            SealChoice::Shares(threshold, count) => write!(f, "Shares({threshold}, {count})"),
            SealChoice::Token(token, ..) => write!(f, "Token({token:?})"),
            SealChoice::Tpm(address, pcrs) => write!(f, "Tpm({address}, {pcrs:?})"),
        }
    }
}

/// What `init` has issued.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The master key, if there is one: without it the keys are lost, with it and the state they are
    /// open.
    pub master_key: Option<PathBuf>,
    /// The shares, each for another person, if there are any.
    pub shares: Arc<[Share]>,
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

/// The absolute places of a new service's state and master key, where nothing may be yet.
pub(crate) fn check_free(state: &Path, master_key: Option<&Path>) -> Result<(PathBuf, PathBuf)> {
    let absolute =
        |path: &Path| std::path::absolute(path).map_err(|error| failed("find", path, &error));
    let state = absolute(state)?;
    let master_key = master_key.map_or_else(|| Ok(state.join("master.key")), absolute)?;
    let taken = [state.join("keyward.toml"), master_key.clone(), state.join("data/keys.db")];
    if let Some(path) = taken.iter().find(|path| path.exists()) {
        let message = format!("{} exists already", path.display());
        let hint = match taken[0].exists() {
            true => "nothing was changed; choose another folder, or serve this one",
            false => {
                "nothing was changed; choose another place, or remove what an `init` that was cut \
                 off has left"
            }
        };
        return Err(Error::new(ErrorKind::AlreadyExists, message).hint(hint));
    }
    Ok((state, master_key))
}

/// Makes the state of a new service: seal, store, certificate authority, first administrator,
/// and a configuration that serves it. Nothing that exists is overwritten.
pub fn init(options: &InitOptions) -> Result<Issued> {
    check_name("user", &options.administrator)?;
    let (state, master_key) = check_free(&options.state, options.master_key.as_deref())?;
    let config_path = state.join("keyward.toml");
    let text = config_text(&state, &master_key, options);
    let config = Config::parse(&text)?;
    // What is cut off, by a full disk for instance, leaves nothing in the way of another try.
    let draft = Draft::of([
        state.clone(),
        config.data(),
        state.join(&options.administrator),
        state.join("ca.pem"),
        master_key.clone(),
    ]);
    make_folder(&state, 0o755)?;
    let NewSeal { seal, master_key, shares } = new_seal(options, master_key)?;
    let store = create_store(&config, &*seal)?;
    let (certificate, key, authority) = administrator(&config, store, &options.administrator)?;
    let folder = state.join(&options.administrator);
    make_folder(&folder, 0o700)?;
    let issued = Issued {
        master_key,
        shares,
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
    draft.keep();
    Ok(issued)
}

/// Files and folders that are being made, and go when it fails.
struct Draft(Vec<PathBuf>);

impl Draft {
    /// Those that are not there yet.
    fn of(paths: impl IntoIterator<Item = PathBuf>) -> Draft {
        Draft(paths.into_iter().filter(|path| !path.exists()).collect())
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = match path.is_dir() {
                true => fs::remove_dir_all(path),
                false => fs::remove_file(path),
            };
        }
    }
}

/// Makes what a configuration says there should be: master key, store, authority.
pub(crate) fn create_state(config: &Config) -> Result<()> {
    let path = config.seal.key_file();
    if !path.exists() {
        create_master_key(path)?;
    }
    create_store(config, &KeyFile::new(path)).map(drop)
}

fn create_store(config: &Config, seal: &dyn Seal) -> Result<SqliteStore> {
    let store = SqliteStore::create(&config.data(), seal)?;
    Authority::create(&store)?;
    Ok(store)
}

struct NewSeal {
    seal: Box<dyn Seal>,
    master_key: Option<PathBuf>,
    shares: Arc<[Share]>,
}

fn new_seal(options: &InitOptions, path: PathBuf) -> Result<NewSeal> {
    let nobody = || Arc::from(Vec::new());
    let copied = || match &options.master_key {
        Some(path) => create_master_key(path),
        None => draw_master_key(),
    };
    let by_device =
        |seal| Ok(NewSeal { seal, master_key: options.master_key.clone(), shares: nobody() });
    Ok(match &options.seal {
        SealChoice::KeyFile | SealChoice::Credential(_) => {
            create_master_key(&path)?;
            let seal = Box::new(KeyFile::new(&path));
            NewSeal { seal, master_key: Some(path), shares: nobody() }
        }
        SealChoice::Passphrase(passphrase) => {
            passphrase.check()?;
            let seal = Box::new(Arc::clone(passphrase));
            NewSeal { seal, master_key: None, shares: nobody() }
        }
        SealChoice::Shares(threshold, count) => {
            let split = SplitSecret::draw(*threshold, *count)?;
            let seal = Box::new(Shares::new(&split.secret, split.set)?);
            NewSeal { seal, master_key: None, shares: split.shares.into() }
        }
        SealChoice::Token(config, pin, key) => {
            let token = TokenDevice::new(Token::new(config).into(), pin).by_key(key);
            return by_device(Box::new(DeviceSeal::with(token, &copied()?)));
        }
        SealChoice::Tpm(address, pcrs) => {
            let tpm = TpmDevice::new(address).held_to(pcrs)?;
            return by_device(Box::new(DeviceSeal::with(tpm, &copied()?)));
        }
    })
}

type Credential = (Vec<u8>, Zeroizing<Vec<u8>>, Authority);

fn administrator(config: &Config, store: SqliteStore, name: &str) -> Result<Credential> {
    let needs_people = store.seal_row()?.kind().is_some_and(|kind| config.seal.needs_people(kind));
    let authority = Authority::load(&store)?;
    let (request, key) = Authority::client_request()?;
    let days = config.certificates.client_days;
    let certificate = authority.issue_client(&request, name, &[Role::Admin], days)?;
    let front = Arc::new(Front::open(&config.data()));
    // The service will be sealed when it starts, and is to be reached all the same.
    front.want(needs_people)?;
    let CertificatesConfig { hosts, server_days, .. } = &config.certificates;
    let (own, own_key) = authority.issue_server(hosts, *server_days)?;
    let certified = Certified {
        roots: vec![authority.certificate().clone()],
        chain: vec![own],
        key: Zeroizing::new(own_key.serialize_der()),
    };
    front.keep(|front| {
        front.service_id = authority.fingerprint().into();
        certified.write(front);
    })?;
    Clients::new(Arc::new(store), front).add(describe(&certificate)?, None, 1)?;
    Ok((certificate, key, authority))
}

fn config_text(state: &Path, master_key: &Path, options: &InitOptions) -> String {
    let quoted = |path: &Path| format!("{:?}", path.display().to_string());
    let seal = match &options.seal {
        SealChoice::KeyFile => format!("key_file = {}", quoted(master_key)),
        SealChoice::Credential(name) => format!("systemd_credential = {name:?}"),
        SealChoice::Passphrase(_) | SealChoice::Shares(..) => {
            "# After each start `keyward unseal` opens the store.".into()
        }
        SealChoice::Token(token, ..) => {
            let TokenConfig { module, token, pin_file, pin_credential } = token;
            let mut text = format!("[seal.pkcs11]\nmodule = {}\ntoken = {token:?}", quoted(module));
            if let Some(file) = pin_file {
                text += &format!("\npin_file = {}", quoted(file));
            }
            if let Some(name) = pin_credential {
                text += &format!("\npin_credential = {name:?}");
            }
            text
        }
        SealChoice::Tpm(address, _) => {
            format!("[seal.tpm]\ndevice = {:?}", address.to_string())
        }
    };
    let hosts: Vec<String> = options.hosts.iter().map(|host| format!("{host:?}")).collect();
    format!(
        "# Made by `keyward init`. ops/keyward.toml explains every setting.\n\
         state = {}\n\n\
         [seal]\n{}\n\n\
         [[listen]]\nunix = {}\n\n\
         [[listen]]\ntls = \"{}\"\n\n\
         [certificates]\nhosts = [{}]\n\n\
         # Local users come in through the UNIX socket once they are named here:\n\
         # [[user]]\n# name = \"web\"\n# identities = [\"uid:0\", \"uid:www-data\"]\n",
        quoted(state),
        seal,
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
