//! What is inside a backup: a line that says so, a manifest, its authentication, and the store.
//!
//! The store's secrets stay sealed in it: a backup and its recipient's identity open nothing
//! without the master key.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::Path,
};

use aws_lc_rs::{constant_time, digest};
use keyward_algorithms::ErrorKind;
use serde::{Deserialize, Serialize};

use super::age::{self, Identity, Recipient};
use crate::{Error, Result, store::Store};

const HEAD: &str = "keyward backup 1\n";

/// What the manifest's authentication is for, so that it means nothing elsewhere.
const PURPOSE: &str = "backup manifest 1";

/// The longest line before the store, in bytes.
const MAX_LINE_BYTES: u64 = 4096;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The SHA-256 of the certificate of the service's authority, by which clients know it.
    pub service: String,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// The version of Keyward that made it.
    pub version: String,
    /// How many keys are in it.
    pub keys: u64,
    /// The size of the store in bytes.
    pub bytes: u64,
    /// The SHA-256 of the store.
    pub sha256: String,
}

/// A backup that was decrypted and is as it was written. Whether it is this service's own is for
/// [`check`](Opened::check) to say.
pub(super) struct Opened {
    pub(super) manifest: Manifest,
    line: String,
    mac: Vec<u8>,
}

/// Writes a backup of a snapshot of the store.
pub(super) fn write<W: Write>(
    to: W,
    recipients: &[Recipient],
    snapshot: &Path,
    store: &dyn Store,
    manifest: impl FnOnce(u64, String) -> Manifest,
) -> Result<(W, Manifest)> {
    let unreadable = |error: io::Error| {
        Error::new(ErrorKind::Internal, format!("cannot read the store's snapshot: {error}"))
    };
    let (bytes, sha256) = File::open(snapshot).and_then(hash).map_err(unreadable)?;
    let manifest = manifest(bytes, sha256);
    let line = serde_json::to_string(&manifest)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("no manifest: {error}")))?;
    let mac = store.authenticate(PURPOSE, line.as_bytes())?;
    let mut writer = age::encrypt(to, recipients)?;
    let written = write!(writer, "{HEAD}{line}\n{}\n", crate::issue::hex(&mac)).and_then(|()| {
        let mut snapshot = BufReader::with_capacity(1 << 16, File::open(snapshot)?);
        io::copy(&mut snapshot, &mut writer)
    });
    written.map_err(|error| {
        Error::new(ErrorKind::Internal, format!("cannot write the backup: {error}"))
            .hint("make room on the disk with the backups, or choose another folder for them")
    })?;
    Ok((writer.finish()?, manifest))
}

/// Decrypts a backup and writes the store in it to a new file.
pub(super) fn open(backup: &Path, identities: &[Identity], store: &Path) -> Result<Opened> {
    let file = File::open(backup).map_err(|error| {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Internal,
        };
        Error::new(kind, format!("cannot read {}: {error}", backup.display()))
    })?;
    let mut reader = BufReader::with_capacity(1 << 16, age::decrypt(file, identities)?);
    if line(&mut reader)? != HEAD {
        return Err(refused("it is no backup of Keyward, or one of a later version"));
    }
    let text = line(&mut reader)?;
    let text = text.trim_end();
    let manifest: Manifest =
        serde_json::from_str(text).map_err(|_| refused("its manifest does not read"))?;
    let mac = unhex(line(&mut reader)?.trim_end())
        .ok_or_else(|| refused("the authentication of its manifest does not read"))?;
    let mut to = private_file(store)?;
    io::copy(&mut reader, &mut to).and_then(|_| to.flush()).map_err(|error| {
        match error.kind() {
            io::ErrorKind::InvalidData => refused(&error.to_string()),
            _ => Error::new(ErrorKind::Internal, format!("cannot unpack the backup: {error}")),
        }
    })?;
    let (bytes, sha256) = File::open(store)
        .and_then(hash)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("cannot unpack: {error}")))?;
    if bytes != manifest.bytes || sha256 != manifest.sha256 {
        return Err(refused("its store is not the one that its manifest names"));
    }
    Ok(Opened { manifest, line: text.to_owned(), mac })
}

impl Opened {
    /// Checks that the manifest was written by a service with this store's data key, so that
    /// nobody else who knows the recipients can have made it.
    pub(super) fn check(&self, store: &dyn Store) -> Result<()> {
        let mac = store.authenticate(PURPOSE, self.line.as_bytes())?;
        constant_time::verify_slices_are_equal(&mac, &self.mac)
            .map_err(|_| refused("its manifest was not written by the service that it names"))
    }
}

/// The error for a backup that is not what it should be.
pub(super) fn refused(why: &str) -> Error {
    Error::invalid(format!("the backup is refused: {why}")).hint(
        "take another copy of it or an older backup, and find out who could write to this one",
    )
}

fn line(reader: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    match reader.take(MAX_LINE_BYTES).read_line(&mut line) {
        Ok(_) if line.ends_with('\n') => Ok(line),
        Ok(_) => Err(refused("it ends within its manifest")),
        Err(error) => Err(refused(&error.to_string())),
    }
}

fn private_file(path: &Path) -> Result<BufWriter<File>> {
    use std::os::unix::fs::OpenOptionsExt;
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map(|file| BufWriter::with_capacity(1 << 16, file)).map_err(|error| {
        Error::new(ErrorKind::Internal, format!("cannot make {}: {error}", path.display()))
    })
}

fn hash(mut file: File) -> io::Result<(u64, String)> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut chunk = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok((bytes, crate::issue::hex(context.finish().as_ref()))),
            count => {
                context.update(&chunk[..count]);
                bytes += count as u64;
            }
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect::<Option<Vec<u8>>>()
        .filter(|bytes| bytes.len() * 2 == digits.len())
}
