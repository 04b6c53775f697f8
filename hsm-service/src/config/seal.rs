//! Where the service finds what opens the data key.

use std::{
    env, fmt,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{Error, Result, span::Span, store::SealKind};

/// Where the service finds what opens the data key. A passphrase and shares need no setting: who has
/// them gives them with `keyward unseal`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SealConfig {
    /// A file with the master key, readable by the service alone.
    pub key_file: Option<PathBuf>,
    /// The name of a systemd credential with the same content.
    pub systemd_credential: Option<String>,
    /// How long shares are kept that are not yet enough, in seconds.
    pub keep_shares_seconds: u64,
    /// A PKCS#11 token, where the store is sealed by one.
    pub pkcs11: Option<TokenConfig>,
    /// The machine's TPM.
    pub tpm: TpmConfig,
}

/// A PKCS#11 token, and where its PIN is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// The module that the token's maker supplies.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// A file with the user's PIN, readable by the service alone. Without it and a credential,
    /// people give the PIN.
    pub pin_file: Option<PathBuf>,
    /// The name of a systemd credential with the PIN.
    pub pin_credential: Option<String>,
}

/// The machine's TPM 2.0.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TpmConfig {
    /// Where it is.
    pub device: TpmAddress,
    /// Its counter that shows that the disk was rolled back, where that is wanted.
    pub counter: Option<CounterIndex>,
    /// How often the counter goes on at most while the store changes.
    pub count_every: Span,
}

/// A place where a TPM 2.0 takes commands, written as tpm2-tss does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum TpmAddress {
    /// A device file of the kernel's.
    Device(PathBuf),
    /// The UNIX socket of a software TPM.
    Swtpm(PathBuf),
}

/// The index of a counter in the TPM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CounterIndex(u32);

impl Default for SealConfig {
    fn default() -> SealConfig {
        SealConfig {
            key_file: None,
            systemd_credential: None,
            keep_shares_seconds: 900,
            pkcs11: None,
            tpm: TpmConfig::default(),
        }
    }
}

impl Default for TpmConfig {
    fn default() -> TpmConfig {
        TpmConfig {
            device: TpmAddress::Device("/dev/tpmrm0".into()),
            counter: None,
            count_every: Span::of_seconds(3600),
        }
    }
}

impl SealConfig {
    /// The master key in this file.
    pub fn in_file(path: impl Into<PathBuf>) -> SealConfig {
        SealConfig { key_file: Some(path.into()), ..SealConfig::default() }
    }

    /// The file with the master key, where that is in a file.
    pub fn key_file(&self) -> &Path {
        self.key_file.as_deref().unwrap_or(Path::new("/etc/keyward/master.key"))
    }

    /// Whether people have to open a seal of this kind.
    pub(crate) fn needs_people(&self, kind: SealKind) -> bool {
        match kind {
            SealKind::Passphrase | SealKind::Shares => true,
            SealKind::Token => self.pkcs11.as_ref().is_some_and(TokenConfig::asks_pin),
            SealKind::MasterKey | SealKind::Tpm => false,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.key_file.is_some() && self.systemd_credential.is_some() {
            return Err(Error::invalid("[seal] says twice where the master key is")
                .hint("leave `key_file` or `systemd_credential` out"));
        }
        if let Some(token) = &self.pkcs11
            && token.pin_file.is_some()
            && token.pin_credential.is_some()
        {
            return Err(Error::invalid("[seal.pkcs11] says twice where the PIN is")
                .hint("leave `pin_file` or `pin_credential` out"));
        }
        Ok(())
    }
}

impl TokenConfig {
    /// Whether people give the PIN.
    pub(crate) fn asks_pin(&self) -> bool {
        self.pin_file.is_none() && self.pin_credential.is_none()
    }

    /// The PIN, where it is in a file or a credential.
    pub(crate) fn pin(&self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let (path, private) = match (&self.pin_file, &self.pin_credential) {
            (Some(path), _) => (path.clone(), true),
            (None, Some(name)) => (credential(name, "the token's PIN")?, false),
            (None, None) => return Ok(None),
        };
        let bytes = crate::store::read_secret(&path, "the token's PIN", private)?;
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Ok(Some(Zeroizing::new(line.trim_ascii_end().to_vec())))
    }
}

/// Where systemd has put a credential.
pub(crate) fn credential(name: &str, what: &str) -> Result<PathBuf> {
    let folder = env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| {
        let message =
            format!("{what} is to be the systemd credential \"{name}\", but systemd gave none");
        Error::new(keyward_algorithms::ErrorKind::Sealed, message)
            .hint(format!("start the service as a unit with `LoadCredentialEncrypted={name}:FILE`"))
    })?;
    Ok(Path::new(&folder).join(name))
}

impl TryFrom<String> for TpmAddress {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<TpmAddress, String> {
        let path = |prefix| text.strip_prefix(prefix).filter(|path| path.starts_with('/'));
        match (path("device:"), path("swtpm:path=")) {
            (Some(path), _) => Ok(TpmAddress::Device(path.into())),
            (None, Some(path)) => Ok(TpmAddress::Swtpm(path.into())),
            (None, None) => {
                Err(format!("\"{text}\" is no TPM: write device:/dev/tpmrm0 or swtpm:path=/PATH"))
            }
        }
    }
}

impl fmt::Display for TpmAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TpmAddress::Device(path) => write!(f, "device:{}", path.display()),
            TpmAddress::Swtpm(path) => write!(f, "swtpm:path={}", path.display()),
        }
    }
}

impl CounterIndex {
    /// Indices that a machine's owner gives away (TCG registry of reserved handles, 2.2).
    const OWNERS: std::ops::RangeInclusive<u32> = 0x0180_0000..=0x01bf_ffff;

    /// The handle.
    pub(crate) fn handle(self) -> u32 {
        self.0
    }
}

impl TryFrom<String> for CounterIndex {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<CounterIndex, String> {
        let index = text.strip_prefix("0x").and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let index = index.filter(|index| CounterIndex::OWNERS.contains(index));
        index.map(CounterIndex).ok_or_else(|| {
            format!("\"{text}\" is no index for a counter: write 0x01800000 to 0x01bfffff")
        })
    }
}

impl fmt::Display for CounterIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}
