//! The store's row with the wrapped data key, and what the seal needs to open it.

use keyward_algorithms::ErrorKind;
use keyward_protocol::messages::{SealParameters, SealedDataKey};
use prost::Message;

use super::DataKey;
use crate::{
    Error, Result,
    metrics::seconds_since_1970,
    store::sealer::{KEY_BYTES, Sealer},
};

/// What a seal is. The codes are those of the protocol and of the store's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealKind {
    /// A master key that lies elsewhere: in a file, or in a systemd credential.
    MasterKey = 1,
    /// A passphrase.
    Passphrase = 2,
    /// Shares, of which some number is enough.
    Shares = 3,
    /// A master key that a PKCS#11 token has wrapped.
    Token = 4,
    /// A master key that the machine's TPM has wrapped.
    Tpm = 5,
}

impl SealKind {
    const ALL: [SealKind; 5] = [
        SealKind::MasterKey,
        SealKind::Passphrase,
        SealKind::Shares,
        SealKind::Token,
        SealKind::Tpm,
    ];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            SealKind::MasterKey => "master-key",
            SealKind::Passphrase => "passphrase",
            SealKind::Shares => "shamir",
            SealKind::Token => "pkcs11",
            SealKind::Tpm => "tpm",
        }
    }

    /// What it is, for a sentence.
    pub(super) const fn describe(self) -> &'static str {
        match self {
            SealKind::MasterKey => "a master key",
            SealKind::Passphrase => "a passphrase",
            SealKind::Shares => "shares that people hold",
            SealKind::Token => "a PKCS#11 token",
            SealKind::Tpm => "a TPM",
        }
    }

    /// The kind of a code.
    pub fn from_code(code: u32) -> Option<SealKind> {
        SealKind::ALL.into_iter().find(|kind| *kind as u32 == code)
    }

    /// Whether a master key wraps the data key, wherever that lies.
    pub const fn has_master_key(self) -> bool {
        matches!(self, SealKind::MasterKey | SealKind::Token | SealKind::Tpm)
    }

    /// Whether a device that can be away has to open it.
    pub const fn has_device(self) -> bool {
        matches!(self, SealKind::Token | SealKind::Tpm)
    }
}

/// The size of a data key that a master key wraps: nonce, ciphertext and tag, and nothing else.
const BARE_BYTES: usize = 12 + KEY_BYTES + 16;

/// To what a data key is bound that a master key wraps.
const BARE_BINDING: &[u8] = b"keyward data key 1";

/// To what all others are bound, before their parameters.
const BINDING: &[u8] = b"keyward data key 2";

/// The row, read.
#[derive(Debug)]
pub enum Row {
    /// A data key that a master key wraps.
    Bare(Vec<u8>),
    /// One that a seal with parameters wraps.
    With {
        /// What it is.
        kind: SealKind,
        /// What the seal needs besides its secret.
        parameters: Box<SealParameters>,
        /// The parameters as they were written, to which the key is bound.
        bound: Vec<u8>,
        /// The wrapped key.
        wrapped: Vec<u8>,
    },
    /// The data key was destroyed.
    Destroyed,
}

impl Row {
    /// Reads the row.
    pub fn read(bytes: &[u8]) -> Result<Row> {
        if bytes.is_empty() {
            return Ok(Row::Destroyed);
        }
        if bytes.len() == BARE_BYTES {
            return Ok(Row::Bare(bytes.to_vec()));
        }
        let broken = || {
            Error::new(ErrorKind::Sealed, "what is kept of the seal does not read").hint(
                "restore the service's state from a backup, or run a newer version of Keyward",
            )
        };
        let SealedDataKey { parameters: bound, wrapped } =
            SealedDataKey::decode(bytes).map_err(|_| broken())?;
        let parameters = SealParameters::decode(bound.as_slice()).map_err(|_| broken())?;
        let kind = SealKind::from_code(parameters.kind).ok_or_else(broken)?;
        Ok(Row::With { kind, parameters: Box::new(parameters), bound, wrapped })
    }

    /// What the seal is; `None` where nothing opens the store any more.
    pub fn kind(&self) -> Option<SealKind> {
        match self {
            Row::Bare(_) => Some(SealKind::MasterKey),
            Row::With { kind, .. } => Some(*kind),
            Row::Destroyed => None,
        }
    }

    /// What the seal needs besides its secret.
    pub fn parameters(&self) -> SealParameters {
        match self {
            Row::With { parameters, .. } => (**parameters).clone(),
            _ => SealParameters::default(),
        }
    }

    /// Wraps a data key under a master key that has no parameters.
    pub(super) fn wrap_bare(master_key: &Sealer, data_key: &DataKey) -> Result<Vec<u8>> {
        master_key.seal(data_key.as_slice(), BARE_BINDING)
    }

    /// Wraps a data key under a key that was made with these parameters.
    pub(super) fn wrap(
        master_key: &Sealer,
        data_key: &DataKey,
        kind: SealKind,
        parameters: SealParameters,
    ) -> Result<Vec<u8>> {
        let since = seconds_since_1970(std::time::SystemTime::now());
        let parameters = SealParameters { kind: kind as u32, since, ..parameters }.encode_to_vec();
        let wrapped = master_key.seal(data_key.as_slice(), &[BINDING, &parameters].concat())?;
        Ok(SealedDataKey { parameters, wrapped }.encode_to_vec())
    }

    /// Opens the row with a key; `None` where that is another one, or the row was changed.
    pub(super) fn open(&self, master_key: &Sealer) -> Option<DataKey> {
        let opened = match self {
            Row::Bare(wrapped) => master_key.open(wrapped, BARE_BINDING)?,
            Row::With { bound, wrapped, .. } => {
                master_key.open(wrapped, &[BINDING, bound].concat())?
            }
            Row::Destroyed => return None,
        };
        let bytes: [u8; KEY_BYTES] = opened.expose().try_into().ok()?;
        Some(DataKey::new(bytes))
    }
}
