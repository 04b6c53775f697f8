//! What the service needs to be reached over TLS while it is sealed: a certificate with its key, and
//! the list of client certificates. It lies in the clear beside the store, in the folder that is the
//! service's alone, and only there when people have to open the seal.
//!
//! Whoever steals it can pass for the sealed service until the certificate ends; `docs/seals.md`
//! says what follows from that.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::messages::{self, ClientRegister};
use prost::Message;
use rustls::pki_types::CertificateDer;
use zeroize::{Zeroize, Zeroizing};

use crate::{Error, Result};

/// The name of the file.
const NAME: &str = "front";

/// What the service is known by over TLS, and whose clients it knows.
pub(crate) struct Certified {
    /// The certificates of the authorities that count.
    pub(crate) roots: Vec<CertificateDer<'static>>,
    /// The service's own certificate, and what leads from it to an authority.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// The DER PKCS#8 key of the certificate.
    pub(crate) key: Zeroizing<Vec<u8>>,
}

impl Certified {
    /// Puts it into what is kept.
    pub(crate) fn write(&self, front: &mut messages::Front) {
        let bytes =
            |list: &[CertificateDer<'static>]| list.iter().map(|one| one.to_vec()).collect();
        front.authorities = bytes(&self.roots);
        front.chain = bytes(&self.chain);
        front.key.zeroize();
        front.key = self.key.to_vec();
    }
}

/// The file, and what is in it.
pub(crate) struct Front {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    front: messages::Front,
    /// The file is to be there.
    wanted: bool,
}

impl Front {
    /// Reads the file of a data folder, if there is one.
    pub(crate) fn open(folder: &Path) -> Front {
        let path = folder.join(NAME);
        let bytes = fs::read(&path).map(Zeroizing::new).unwrap_or_default();
        let front = messages::Front::decode(bytes.as_slice()).unwrap_or_else(|error| {
            tracing::warn!("{} does not read: {error}", path.display());
            messages::Front::default()
        });
        Front { path, state: Mutex::new(State { front, wanted: false }) }
    }

    /// The service's name for itself.
    pub(crate) fn service_id(&self) -> Option<String> {
        let service_id = self.lock().front.service_id.clone();
        (!service_id.is_empty()).then_some(service_id)
    }

    /// The service's certificate.
    pub(crate) fn certified(&self) -> Option<Certified> {
        let state = self.lock();
        let front = &state.front;
        (!front.chain.is_empty() && !front.authorities.is_empty()).then(|| Certified {
            roots: front.authorities.iter().cloned().map(Into::into).collect(),
            chain: front.chain.iter().cloned().map(Into::into).collect(),
            key: Zeroizing::new(front.key.clone()),
        })
    }

    /// The client certificates as they were when the service was last open.
    pub(crate) fn clients(&self) -> ClientRegister {
        self.lock().front.clients.clone().unwrap_or_default()
    }

    /// Keeps something else from now on, on disk where the file is wanted.
    pub(crate) fn keep(&self, change: impl FnOnce(&mut messages::Front)) -> Result<()> {
        let mut state = self.lock();
        change(&mut state.front);
        match state.wanted {
            true => self.write(&state.front),
            false => Ok(()),
        }
    }

    /// Says whether the file is to be there.
    pub(crate) fn want(&self, wanted: bool) -> Result<()> {
        let mut state = self.lock();
        state.wanted = wanted;
        match wanted {
            true => self.write(&state.front),
            false => self.remove(),
        }
    }

    /// Forgets all of it.
    pub(crate) fn destroy(&self) -> Result<()> {
        let mut state = self.lock();
        state.front.key.zeroize();
        *state = State::default();
        self.remove()
    }

    /// Puts the file of a data folder into another one as well, if there is one.
    pub(crate) fn carry_over(from: &Path, to: &Path) -> Result<()> {
        if !from.join(NAME).exists() {
            return Ok(());
        }
        let (from, to) = (Front::open(from), Front::open(to));
        to.write(&from.lock().front)
    }

    fn write(&self, front: &messages::Front) -> Result<()> {
        let bytes = Zeroizing::new(front.encode_to_vec());
        let folder = self.path.parent().unwrap_or(&self.path);
        let written = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(folder)
            .and_then(|mut draft| {
                draft.write_all(&bytes)?;
                draft.as_file().sync_all()?;
                draft.persist(&self.path).map_err(|error| error.error)?;
                fs::File::open(folder)?.sync_all()
            });
        written.map_err(|error| self.failed("write", &error))
    }

    fn remove(&self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.failed("remove", &error))
            }
            _ => Ok(()),
        }
    }

    fn failed(&self, what: &str, error: &io::Error) -> Error {
        let message = format!("cannot {what} {}: {error}", self.path.display());
        Error::new(ErrorKind::Internal, message).hint("see the disk with the service's state")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.front.key.zeroize();
    }
}
