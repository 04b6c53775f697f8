//! Where keys are kept: a trait that a shared store for clusters can implement too, and the
//! embedded store.

mod attributes;
mod certificate;
mod counted;
mod data_folder;
mod ending;
mod record;
mod seal;
mod sealer;
mod sqlite;

use std::path::Path;

use keyward_algorithms::ErrorKind;
use keyward_crypto::locked_memory::LockedBytes;
use keyward_protocol::KeyId;

use crate::{Error, Result};

pub(crate) use attributes::note;
pub use certificate::{Certificate, CertificatePage, CertificateStore};
pub use counted::Counted;
pub(crate) use counted::is_near;
pub(crate) use data_folder::check as check_data_folder;
pub use ending::{Ending, EndingOf};
pub use record::{Grant, Record};
pub(crate) use seal::read_secret;
pub use seal::{
    DataKey, DeviceSeal, KeyFile, MAX_SHARES, MasterKey, Passphrase, Row as SealRow, Seal,
    SealKind, Share, Shares, SplitSecret, SystemdCredential, TokenDevice, TpmDevice,
    create_master_key, draw_master_key, next_of as next_master_key, open as open_seal,
    token_device,
};
pub use sqlite::SqliteStore;

/// The secret of a key: DER PKCS#8, or the bytes of a secret key, in locked memory. It is wiped when dropped and cannot be
/// printed.
pub struct Secret {
    bytes: LockedBytes,
    length: usize,
}

impl Secret {
    /// A copy of a secret; wiping the original is the caller's task.
    pub fn copy_of(bytes: &[u8]) -> Secret {
        Secret { bytes: LockedBytes::copy_of(bytes), length: bytes.len() }
    }

    /// The secret itself.
    pub fn expose(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// A change of a key, told to those who watch the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The key's record is another now.
    Changed(KeyId),
    /// The key is gone.
    Removed(KeyId),
}

/// The error for a name that its owner has given to a key or a certificate already.
pub(crate) fn taken(what: &str, owner: &str, name: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("\"{owner}\" has a {what} \"{name}\" already"))
        .hint(format!("choose another name, or rename or delete that {what} first"))
}

/// Takes events. It is called before the call that made the change returns, and by a store that
/// others write to as soon as it learns of their change.
pub type Watcher = Box<dyn Fn(Event) + Send + Sync>;

/// What changes a record, or refuses to.
pub type Change<'a> = &'a mut dyn FnMut(&mut Record) -> Result<()>;

/// What changes a key and the one whose place it is to take, or refuses to. It gets the key, the
/// other one where that is still there, and whether the owner has no key of a name.
pub type Succeed<'a> = &'a mut dyn FnMut(
    &mut Record,
    Option<&mut Record>,
    &dyn Fn(&str) -> Result<bool>,
) -> Result<()>;

/// Which keys a listing is about.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The user who looks: owner of the keys, or granted the right to see them.
    pub viewer: &'a str,
    /// Only keys that were deleted, which their owner alone sees; else only those that were not.
    pub deleted: bool,
    /// Only names that begin with this.
    pub prefix: &'a str,
    /// Only keys after this name and owner.
    pub after: Option<(&'a str, &'a str)>,
    /// The most keys to return.
    pub limit: usize,
}

/// A page of a listing.
#[derive(Debug)]
pub struct Listing {
    /// The keys.
    pub records: Vec<Record>,
    /// Whether there may be more.
    pub more: bool,
}

/// Keeps records and their secrets. A change is durable when its call returns. Every record that
/// comes out is as it went in: one that was edited or swapped on disk is an error.
///
/// While it is sealed, only what needs no secret can be asked for.
pub trait Store: CertificateStore + Send + Sync {
    /// Whether secrets can be had.
    fn is_open(&self) -> bool;

    /// A key with its secret. Takes the same work whether or not there is such a key.
    fn get(&self, id: &KeyId) -> Result<Option<(Record, Secret)>>;

    /// The keys of this name that the viewer owns or is granted, of one owner or of any.
    fn named(&self, viewer: &str, name: &str, owner: Option<&str>) -> Result<Vec<Record>>;

    /// A page of the keys that the viewer owns or is granted, by name and owner. Records that do
    /// not open are left out, with a line in the log.
    fn list(&self, page: Page<'_>) -> Result<Listing>;

    /// Adds a key.
    fn insert(&self, record: &Record, secret: &Secret) -> Result<()>;

    /// Changes a key's record, unless the change refuses; the new record.
    fn update(&self, id: &KeyId, change: Change<'_>) -> Result<Option<Record>>;

    /// Changes how many uses of a key are counted, which makes no new version of it and is told to
    /// nobody; the new record.
    fn count_uses(&self, id: &KeyId, change: Change<'_>) -> Result<Option<Record>>;

    /// Changes a key that is to take another's place, and that other one, in one step; the key's new
    /// record.
    fn succeed(&self, id: &KeyId, change: Succeed<'_>) -> Result<Option<Record>>;

    /// Some deleted keys that are to be removed by this time, the first so many passed over.
    fn due(&self, time: u64, skip: usize, limit: usize) -> Result<Vec<KeyId>>;

    /// What ends before a time, the earliest first.
    fn ending(&self, before: u64, limit: usize) -> Result<Vec<Ending>>;

    /// Removes a key, unless the check refuses; whether there was one.
    fn remove(&self, id: &KeyId, check: &mut dyn FnMut(&Record) -> Result<()>) -> Result<bool>;

    /// How many keys there are: all, or those that a viewer owns or is granted.
    fn count(&self, viewer: Option<&str>) -> Result<u64>;

    /// How many keys, without those that were deleted, and certificates without a key a user owns.
    fn count_owned(&self, owner: &str) -> Result<u64>;

    /// How many keys of a user's were deleted and can be brought back.
    fn count_deleted(&self, owner: &str) -> Result<u64>;

    /// Writes a consistent copy of the store to a new file, secrets sealed as they are, while others
    /// go on using the store; how many keys are in it.
    fn snapshot(&self, path: &Path) -> Result<u64>;

    /// A message authentication code (HMAC-SHA-256) that only this store's data key gives, for one
    /// purpose.
    fn authenticate(&self, purpose: &str, message: &[u8]) -> Result<Vec<u8>>;

    /// Tells a watcher of every change from now on.
    fn subscribe(&self, watcher: Watcher);

    /// A secret of the service itself, such as its authority's key.
    fn own_secret(&self, name: &str) -> Result<Option<Secret>>;

    /// Keeps secrets of the service itself under their names, in one step.
    fn set_own_secrets(&self, secrets: &[(&str, Secret)]) -> Result<()>;

    /// All secrets of the service itself whose names begin with this.
    fn own_secrets(&self, prefix: &str) -> Result<Vec<(String, Secret)>>;

    /// Forgets a secret of the service itself.
    fn forget_own_secret(&self, name: &str) -> Result<()>;
}
