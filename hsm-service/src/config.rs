//! The service's configuration: one TOML file, every setting of which `ops/keyward.toml` shows
//! with its default.

mod audit;
mod backup;
mod listen;
mod people;
mod quorum;
mod seal;
mod sink;
mod suggest;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use keyward_algorithms::ErrorKind;
use serde::Deserialize;

use crate::{
    Error, Result,
    identity::Users,
    issue::{MAX_CLIENT_DAYS, server_names},
    span::Span,
};

pub use audit::{AuditConfig, WhenFull};
pub use backup::BackupConfig;
pub use listen::{HealthAddress, HealthConfig, ListenConfig};
pub use people::{PeopleConfig, PinPolicy, UserConfig};
pub use quorum::QuorumConfig;
pub(crate) use seal::credential;
pub use seal::{CounterIndex, SealConfig, TokenConfig, TpmAddress, TpmConfig};
pub use sink::{SinkConfig, SyslogAddress};

/// Where the configuration is when nothing else is said.
pub const DEFAULT_PATH: &str = "/etc/keyward/keyward.toml";

/// Everything that an operator can set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The folder whose `data` subfolder holds the keys.
    pub state: PathBuf,
    /// What opens the data key.
    pub seal: SealConfig,
    /// Where the service listens.
    pub listen: Vec<ListenConfig>,
    /// Who may use the service.
    pub user: Vec<UserConfig>,
    /// The PINs of users.
    pub people: PeopleConfig,
    /// Which operations wait for the approval of others.
    pub quorum: Vec<QuorumConfig>,
    /// The certificates that the service issues.
    pub certificates: CertificatesConfig,
    /// Algorithms that are off unless they are allowed here.
    pub algorithms: AlgorithmsConfig,
    /// What becomes of keys with time.
    pub keys: KeysConfig,
    /// What one client may take of the service.
    pub limits: LimitsConfig,
    /// Where the service tells how it is.
    pub health: HealthConfig,
    /// Backups of the keys.
    pub backup: BackupConfig,
    /// What is written to the log.
    pub log: LogConfig,
    /// The audit log.
    pub audit: AuditConfig,
    /// What the process gives up.
    pub hardening: HardeningConfig,
    /// Set by `serve --dev` alone.
    #[serde(skip)]
    pub development: bool,
}

/// The certificates that the service issues.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CertificatesConfig {
    /// The names and addresses under which clients reach the service.
    pub hosts: Vec<String>,
    /// Validity of the service's own certificate, which it renews by itself, in days.
    pub server_days: u32,
    /// Validity of client certificates when the request asks for none, in days.
    pub client_days: u32,
}

/// Algorithms that are off unless they are allowed here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlgorithmsConfig {
    /// AES in ECB mode, which shows where plaintexts are alike.
    pub ecb: bool,
    /// Keys and algorithms that FIPS 140-3 approves, and no others. Where nothing is said, it is so
    /// in a FIPS module.
    pub approved_only: Option<bool>,
}

impl AlgorithmsConfig {
    /// Whether only approved keys and algorithms are used.
    pub(crate) fn approved_only(&self) -> bool {
        self.approved_only.unwrap_or_else(keyward_crypto::is_fips_module)
    }
}

/// What becomes of keys with time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysConfig {
    /// For how long a deleted key can be brought back; 0: it is gone at once.
    pub undelete_for: Span,
    /// How long before its end it is warned of a certificate or a key; 0: never.
    pub warn_before_end: Span,
}

impl Default for KeysConfig {
    fn default() -> KeysConfig {
        KeysConfig {
            undelete_for: Span::of_seconds(7 * 86_400),
            warn_before_end: Span::of_seconds(30 * 86_400),
        }
    }
}

/// What one client, or all of them, may take of the service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Connections altogether.
    pub connections: usize,
    /// Connections of one identity.
    pub connections_per_identity: usize,
    /// Time for a frame to arrive once it has begun, in milliseconds.
    pub frame_ms: u64,
    /// Time for a client to take its answers, in milliseconds.
    pub write_ms: u64,
    /// Time for a TLS handshake, in milliseconds.
    pub handshake_ms: u64,
    /// How long a request may wait when it does not say itself, in milliseconds.
    pub request_ms: u64,
    /// How long the service waits for requests in flight when it ends, in milliseconds.
    pub drain_ms: u64,
    /// Slow requests of one user that may wait; more are answered with `busy`.
    pub slow_queue: usize,
    /// Keys that are held ready in memory.
    pub cached_keys: usize,
    /// Client certificates in the service's list.
    pub client_certificates: usize,
    /// Keys that one user may own, and requests that it may make in a second; 0 for any number.
    pub max_keys: u64,
    /// See `max_keys`.
    pub max_requests_per_second: u32,
}

/// What is written to the log.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
}

/// What the process gives up before it opens a key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HardeningConfig {
    /// It starts no programs and reaches no files outside its folders.
    pub confine: bool,
}

impl Default for HardeningConfig {
    fn default() -> HardeningConfig {
        HardeningConfig { confine: true }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            state: "/var/lib/keyward".into(),
            seal: SealConfig::default(),
            listen: vec![ListenConfig::unix("/run/keyward/hsm.sock")],
            user: Vec::new(),
            people: PeopleConfig::default(),
            quorum: Vec::new(),
            certificates: CertificatesConfig::default(),
            algorithms: AlgorithmsConfig::default(),
            keys: KeysConfig::default(),
            limits: LimitsConfig::default(),
            health: HealthConfig::default(),
            backup: BackupConfig::default(),
            log: LogConfig::default(),
            audit: AuditConfig::default(),
            hardening: HardeningConfig::default(),
            development: false,
        }
    }
}

impl Default for CertificatesConfig {
    fn default() -> CertificatesConfig {
        CertificatesConfig { hosts: vec!["localhost".into()], server_days: 30, client_days: 365 }
    }
}

impl Default for LimitsConfig {
    fn default() -> LimitsConfig {
        LimitsConfig {
            connections: 16384,
            connections_per_identity: 12288,
            frame_ms: 5000,
            write_ms: 10_000,
            handshake_ms: 5000,
            request_ms: 30_000,
            drain_ms: 10_000,
            slow_queue: 1024,
            cached_keys: 10_000,
            client_certificates: 100_000,
            max_keys: 0,
            max_requests_per_second: 0,
        }
    }
}

impl LimitsConfig {
    pub(crate) fn frame(&self) -> Duration {
        Duration::from_millis(self.frame_ms)
    }

    pub(crate) fn write(&self) -> Duration {
        Duration::from_millis(self.write_ms.max(1))
    }

    pub(crate) fn handshake(&self) -> Duration {
        Duration::from_millis(self.handshake_ms)
    }

    pub(crate) fn request(&self) -> Duration {
        Duration::from_millis(self.request_ms)
    }

    pub(crate) fn drain(&self) -> Duration {
        Duration::from_millis(self.drain_ms)
    }
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig { level: "info".into() }
    }
}

impl Config {
    /// Reads a configuration file.
    pub fn load(path: &Path) -> Result<Config> {
        let text = fs::read_to_string(path).map_err(|error| {
            let message = format!("cannot read the configuration {}: {error}", path.display());
            Error::new(ErrorKind::InvalidArgument, message).hint(match error.kind() {
                io::ErrorKind::PermissionDenied => "the service's user has to be able to read it",
                _ => "name it with --config FILE, make one with `keyward init --state DIR`, or try `keyward serve --dev`",
            })
        })?;
        Config::parse(&text).map_err(|error| Error {
            message: format!("{}: {}", path.display(), error.message),
            ..error
        })
    }

    /// Reads a configuration from TOML. A setting that is not known is an error that names the
    /// nearest one that is.
    pub fn parse(text: &str) -> Result<Config> {
        let config: Config =
            toml::from_str(text).map_err(|error| suggest::explain(&error, text))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        if self.listen.is_empty() {
            return Err(Error::invalid("the configuration listens nowhere")
                .hint("add a [[listen]] section with `unix = \"/run/keyward/hsm.sock\"`"));
        }
        self.seal.check()?;
        for listen in &self.listen {
            match (&listen.unix, listen.tls) {
                (Some(_), None) => {
                    listen.mode()?;
                }
                (None, Some(_)) if listen.mode.is_none() && listen.group.is_none() => {}
                (None, Some(_)) => {
                    return Err(Error::invalid("`mode` and `group` are for UNIX sockets"));
                }
                _ => {
                    return Err(Error::invalid(
                        "each [[listen]] section needs either `unix` or `tls`",
                    ));
                }
            }
        }
        if !matches!(self.log.level.as_str(), "error" | "warn" | "info" | "debug" | "trace") {
            let message = format!("\"{}\" is no log level", self.log.level);
            return Err(Error::invalid(message).hint("use error, warn, info, debug or trace"));
        }
        Users::new(&self.user)?;
        let listens_on_tls = self.listen.iter().any(|listen| listen.tls.is_some());
        quorum::check(&self.quorum, &self.user, listens_on_tls)?;
        server_names(&self.certificates.hosts)?;
        let CertificatesConfig { server_days, client_days, .. } = self.certificates;
        if ![server_days, client_days].iter().all(|days| (1..=MAX_CLIENT_DAYS).contains(days)) {
            return Err(Error::invalid("[certificates] has a validity that makes no sense")
                .hint(format!("`server_days` and `client_days` are from 1 to {MAX_CLIENT_DAYS}")));
        }
        let LimitsConfig { connections, connections_per_identity, handshake_ms, frame_ms, .. } =
            self.limits;
        if connections == 0 || connections_per_identity == 0 || handshake_ms == 0 || frame_ms == 0 {
            return Err(Error::invalid("[limits] would let nobody in")
                .hint("connections and times are at least 1"));
        }
        let AuditConfig { file_mib, journal_mib, .. } = self.audit;
        if !(1..=1024).contains(&journal_mib) || !(1..=1 << 20).contains(&file_mib) {
            return Err(Error::invalid("[audit] has a size that makes no sense")
                .hint("`journal_mib` is from 1 to 1024, `file_mib` at least 1"));
        }
        sink::check(&self.audit.sink)
    }

    /// Where the service tells how it is.
    pub fn health_address(&self) -> HealthAddress {
        let beside = || {
            let socket = self.listen.iter().find_map(|listen| listen.unix.as_ref())?;
            Some(HealthAddress::Unix(socket.with_file_name("health.sock")))
        };
        self.health.listen.clone().or_else(beside).unwrap_or(HealthAddress::Off)
    }

    /// Where backups are put.
    pub fn backup_folder(&self) -> PathBuf {
        self.backup.folder.clone().unwrap_or_else(|| self.state.join("backups"))
    }

    /// The folder with the audit log.
    pub fn audit_folder(&self) -> PathBuf {
        self.audit.folder.clone().unwrap_or_else(|| self.state.join("audit"))
    }

    /// The folder with the keys: nobody but the service may look into it.
    pub fn data(&self) -> PathBuf {
        self.state.join("data")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_example_is_the_default_configuration() {
        let example = include_str!("../../ops/keyward.toml");
        let parsed = Config::parse(example).unwrap();
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn every_setting_of_the_shipped_example_exists() {
        // Lines that begin with "#name = " or "#[section]" are settings switched off. The master key
        // can be in one place only, and so can the PIN of a token.
        let example: String = include_str!("../../ops/keyward.toml")
            .lines()
            .filter(|line| !line.starts_with("#key_file") && !line.starts_with("#pin_file"))
            .map(|line| match line.strip_prefix('#') {
                Some(setting)
                    if setting
                        .starts_with(|first: char| first.is_ascii_lowercase() || first == '[') =>
                {
                    setting
                }
                _ => line,
            })
            .fold(String::new(), |text, line| text + line + "\n");
        let parsed = Config::parse(&example).unwrap();
        assert!(parsed.listen.len() > 1 && !parsed.user.is_empty());
    }

    #[test]
    fn a_misspelt_setting_names_the_nearest_one() {
        let error = Config::parse("[limits]\nconections = 5\n").unwrap_err();
        assert!(error.message.contains("conections"), "{error}");
        assert!(error.message.contains("line 2"), "{error}");
        assert_eq!(error.hint.as_deref(), Some("did you mean `connections`?"));
        let error = Config::parse("[limit]\n").unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean `limits`?"));
    }

    fn quorum(operations: &str, approvals: &str, approvers: &str, more: &str) -> String {
        format!(
            "[[quorum]]\noperations = [{operations}]\napprovals = {approvals}\n\
             approvers = [{approvers}]\n{more}\n"
        )
    }

    /// Users of one identity.
    const TWO_WITH_PINS: &str = "[[user]]\nname = \"a\"\nidentities = [\"uid:7\"]\npin = \"required\"\n\
                                 [[user]]\nname = \"b\"\nidentities = [\"uid:7\"]\npin = \"required\"\n";

    #[test]
    fn senseless_settings_are_refused() {
        for (text, expected) in [
            ("listen = []", "listens nowhere"),
            ("[[listen]]\nmode = \"0600\"", "either `unix` or `tls`"),
            ("[[listen]]\nunix = \"/x\"\nmode = \"0999\"", "permissions"),
            ("[log]\nlevel = \"loud\"", "log level"),
            ("[health]\nlisten = \"9100\"", "no place to listen"),
            ("[[user]]\nname = \"web\"\nidentities = [\"www-data\"]", "identity"),
            ("[[user]]\nname = \"web\"\nidentities = [\"uid:65534\"]", "nobody"),
            ("[[user]]\nname = \"web\"\nidentities = []\nroles = [\"root\"]", "root"),
            (
                "[[user]]\nname = \"a\"\nidentities = [\"uid:7\"]\n\
                 [[user]]\nname = \"b\"\nidentities = [\"uid:7\"]",
                "both the user",
            ),
            ("[[user]]\nname = \"a b\"\nidentities = []", "user name"),
            ("[certificates]\nhosts = [\"no host\\u0000\"]", "host"),
            ("[[user]]\nname = \"a\"\nidentities = []\nsources = [\"10.0.0.1/8\"]", "bits"),
            ("[certificates]\nclient_days = 0", "validity"),
            ("[limits]\nconnections = 0", "nobody in"),
            ("[[audit.sink]]\nsyslog = \"udp://logs\"", "no place for syslog"),
            ("[[audit.sink]]\nrequired = true", "either `syslog` or `journald`"),
            ("[[audit.sink]]\nsyslog = \"tls://logs:6514\"", "wants `ca`"),
            ("[[audit.sink]]\njournald = \"/a\"\n[[audit.sink]]\njournald = \"/a\"", "twice"),
            (&quorum("\"sign\"", "1", "\"bob\"", ""), "unknown operation `sign`"),
            (&quorum("\"delet\"", "1", "\"bob\"", ""), "did you mean `delete`"),
            (&quorum("", "1", "\"bob\"", ""), "no operations"),
            (&quorum("\"delete\"", "1", "", ""), "no approvers"),
            (&quorum("\"delete\"", "0", "\"bob\"", ""), "makes no sense"),
            (&quorum("\"delete\"", "2", "\"bob\", \"bob\"", ""), "never be reached"),
            (&quorum("\"delete\"", "1", "\"role:root\"", ""), "no role"),
            (&quorum("\"delete\"", "1", "\"group:x\"", ""), "no approver"),
            (&quorum("\"delete\"", "1", "\"bob\"", "lifetime = \"1w\""), "length of time"),
            (&quorum("\"delete\"", "1", "\"bob\"", "lifetime = \"5s\""), "lifetime of 5s"),
            (&quorum("\"delete\", \"delete\"", "1", "\"bob\"", ""), "twice"),
            (
                &format!(
                    "[[listen]]\ntls = \"[::]:1\"\n{}",
                    quorum("\"delete\"", "1", "\"bob\"", "")
                ),
                "get round",
            ),
            (&format!("{TWO_WITH_PINS}{}", quorum("\"delete\"", "1", "\"bob\"", "")), "get round"),
            ("[seal]\nkey_file = \"/k\"\nsystemd_credential = \"k\"", "twice"),
            ("[seal.pkcs11]\nmodule = \"/m\"", "token"),
            (
                "[seal.pkcs11]\nmodule = \"/m\"\ntoken = \"t\"\npin_file = \"/p\"\n\
                 pin_credential = \"p\"",
                "twice",
            ),
            ("[seal.tpm]\ndevice = \"/dev/tpm0\"", "no TPM"),
            ("[seal.tpm]\ncounter = \"0x1\"", "no index"),
            ("[keys]\nundelete_for = \"7 days\"", "no length of time"),
        ] {
            let error = Config::parse(text).unwrap_err();
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
    }
}
