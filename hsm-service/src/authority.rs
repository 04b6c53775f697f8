//! The service's certificate authority, and how another takes its place without dropping a client.
//!
//! ```text
//!            clients are certified by   the service is certified by   trusted
//! settled    current                    current                       current
//! begun      next                       current                       current, next
//! switched   next                       next, itself by current       current, next
//! settled    next                       next                          next
//! ```
//!
//! A client that renews its certificate at any time between the first step and the last has all
//! that it needs for good. One that does not goes on until the last step: until then the service
//! shows how the authority that the client knows vouches for the next one.

use std::sync::{
    Arc, Mutex, OnceLock, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::messages::RotationStep as Step;
use rcgen::KeyPair;
use rustls::pki_types::CertificateDer;

use crate::{
    Error, Result,
    identity::Identity,
    issue::{Authority, CERTIFICATE, KEY},
    store::{Secret, Store},
};

/// The names of secrets in the store: of the next authority, of how far its way is, and of what the
/// service is called whichever authority it has.
const NEXT_CERTIFICATE: &str = "next-authority-certificate";
const NEXT_KEY: &str = "next-authority-key";
const STAGE: &str = "authority-stage";
const SERVICE_ID: &str = "service-id";

const SWITCHED: &[u8] = b"switched";

/// The service's name for itself: the fingerprint of its first authority's certificate.
pub(crate) fn service_id(store: &dyn Store) -> Result<String> {
    match store.own_secret(SERVICE_ID)? {
        Some(kept) => Ok(String::from_utf8_lossy(kept.expose()).into_owned()),
        None => Ok(Authority::load(store)?.fingerprint().to_owned()),
    }
}

/// The authorities for a restored store, whose backup does not know which have been replaced since.
pub(crate) fn carried(present: &dyn Store) -> Result<Vec<(&'static str, Secret)>> {
    let service_id = service_id(present)?;
    let [certificate, key] = Authority::load(present)?.secrets()?;
    let next = Authority::kept(present, NEXT_CERTIFICATE, NEXT_KEY)?;
    let nothing = || Secret::copy_of(&[]);
    let [next_certificate, next_key] = match next {
        Some(next) => next.secrets()?,
        None => [nothing(), nothing()],
    };
    Ok(vec![
        (SERVICE_ID, Secret::copy_of(service_id.as_bytes())),
        (CERTIFICATE, certificate),
        (KEY, key),
        (NEXT_CERTIFICATE, next_certificate),
        (NEXT_KEY, next_key),
        (STAGE, present.own_secret(STAGE)?.unwrap_or_else(nothing)),
    ])
}

/// The authorities at one moment.
#[derive(Clone)]
pub(crate) struct Present {
    pub(crate) current: Arc<Authority>,
    /// The one that takes its place.
    pub(crate) next: Option<Arc<Authority>>,
    /// Whether the next one certifies the service.
    switched: bool,
}

impl Present {
    /// The one that issues client certificates.
    pub(crate) fn issuing(&self) -> &Authority {
        self.next.as_ref().unwrap_or(&self.current)
    }

    /// Those whose certificates count.
    pub(crate) fn trusted(&self) -> impl Iterator<Item = &Authority> {
        [Some(&self.current), self.next.as_ref()].into_iter().flatten().map(|one| &**one)
    }

    /// What was done last of a replacement that is not finished.
    pub(crate) fn reached(&self) -> Step {
        match (&self.next, self.switched) {
            (None, _) => Step::Unknown,
            (Some(_), false) => Step::Begin,
            (Some(_), true) => Step::Switch,
        }
    }

    /// A certificate with a new key for the service itself, and what leads from it to an authority
    /// that clients know.
    pub(crate) fn issue_server(
        &self,
        hosts: &[String],
        days: u32,
    ) -> Result<(Vec<CertificateDer<'static>>, KeyPair)> {
        let Some(next) = self.next.as_ref().filter(|_| self.switched) else {
            let (certificate, key) = self.current.issue_server(hosts, days)?;
            return Ok((vec![certificate], key));
        };
        let (certificate, key) = next.issue_server(hosts, days)?;
        Ok((vec![certificate, self.current.certify(next)?], key))
    }
}

/// The authorities of a service.
pub(crate) struct Authorities {
    store: Arc<dyn Store>,
    /// Known from the first time on that the store was open, or from what is kept for a sealed one.
    service_id: OnceLock<String>,
    /// There while the store is open.
    present: RwLock<Option<Arc<Present>>>,
    /// Held for a step, so that there is one at a time.
    stepping: Mutex<()>,
    /// Counts the steps.
    epoch: AtomicU64,
}

impl Authorities {
    /// The authorities of a store that is sealed, and the service's name for itself, if that is
    /// known.
    pub(crate) fn new(store: Arc<dyn Store>, service_id: Option<String>) -> Authorities {
        Authorities {
            store,
            service_id: service_id.map(OnceLock::from).unwrap_or_default(),
            present: RwLock::default(),
            stepping: Mutex::default(),
            epoch: AtomicU64::new(0),
        }
    }

    /// Takes the authorities from the open store.
    pub(crate) fn load(&self) -> Result<()> {
        let store = &*self.store;
        let service_id = service_id(store)?;
        if self.service_id.get_or_init(|| service_id.clone()) != &service_id {
            let message = "the file `front` beside the store is of another service";
            return Err(Error::new(ErrorKind::Internal, message).hint(
                "somebody has written to the data folder: remove that file, and find out who",
            ));
        }
        let current = Arc::new(Authority::load(store)?);
        let next = Authority::kept(store, NEXT_CERTIFICATE, NEXT_KEY)?.map(Arc::new);
        let switched = store.own_secret(STAGE)?.is_some_and(|stage| stage.expose() == SWITCHED);
        self.set(Some(Present { current, next, switched }));
        Ok(())
    }

    /// Forgets the authorities, whose keys are secrets.
    pub(crate) fn seal(&self) {
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The service's name for itself, which outlives every authority; empty where a sealed service
    /// does not know it.
    pub(crate) fn service_id(&self) -> &str {
        self.service_id.get().map_or("", String::as_str)
    }

    /// The authorities at this moment.
    pub(crate) fn present(&self) -> Result<Arc<Present>> {
        let present = self.present.read().unwrap_or_else(PoisonError::into_inner);
        present.as_ref().map(Arc::clone).ok_or_else(|| {
            Error::new(ErrorKind::Sealed, "the service is sealed")
                .hint("an administrator opens it: keyward unseal")
        })
    }

    fn set(&self, present: Option<Present>) {
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = present.map(Arc::new);
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// Changes with every step.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Why a client may not come in with a certificate that no longer counts.
    pub(crate) fn refusal(&self, identity: &Identity) -> Option<Error> {
        let Identity::Certificate { user, authority, .. } = identity else { return None };
        // A sealed service has looked at it in the handshake.
        if self.present().ok()?.trusted().any(|one| one.key_id() == authority) {
            return None;
        }
        let message = format!(
            "the certificate of \"{user}\" is from an authority that this service has replaced"
        );
        Some(Error::new(ErrorKind::Unauthenticated, message).hint(
            "use the renewed certificate, if there is one; otherwise an administrator issues \
             another: keyward client enrol",
        ))
    }

    /// What a client should do about its certificate.
    pub(crate) fn advice(&self, identity: &Identity) -> Option<String> {
        let Identity::Certificate { authority, .. } = identity else { return None };
        let present = self.present().ok()?;
        (present.issuing().key_id() != authority).then(|| {
            "the authority of your certificate is being replaced: renew it with `keyward client \
             renew`, and reload the servers that use it"
                .into()
        })
    }

    /// Takes the next step, on disk first.
    pub(crate) fn step(&self, step: Step) -> Result<()> {
        let _alone = self.stepping.lock().unwrap_or_else(PoisonError::into_inner);
        let present = self.present()?;
        let following = match (step, present.reached(), &present.next) {
            (Step::Begin, Step::Unknown, _) => self.begin(&present)?,
            (Step::Switch, Step::Begin, _) => {
                self.store.set_own_secrets(&[(STAGE, Secret::copy_of(SWITCHED))])?;
                Present { switched: true, ..(*present).clone() }
            }
            (Step::Finish, Step::Switch, Some(next)) => self.finish(next)?,
            (Step::Unknown, ..) => return Err(Error::invalid("no step is named")),
            (_, reached, _) => return Err(out_of_turn(reached)),
        };
        self.set(Some(following));
        Ok(())
    }

    fn begin(&self, present: &Present) -> Result<Present> {
        let next = Authority::generate()?;
        let [certificate, key] = next.secrets()?;
        self.store.set_own_secrets(&[
            (SERVICE_ID, Secret::copy_of(self.service_id().as_bytes())),
            (NEXT_CERTIFICATE, certificate),
            (NEXT_KEY, key),
            (STAGE, Secret::copy_of(b"begun")),
        ])?;
        Ok(Present { next: Some(Arc::new(next)), switched: false, ..present.clone() })
    }

    fn finish(&self, next: &Arc<Authority>) -> Result<Present> {
        let [certificate, key] = next.secrets()?;
        let nothing = || Secret::copy_of(&[]);
        self.store.set_own_secrets(&[
            (CERTIFICATE, certificate),
            (KEY, key),
            (NEXT_CERTIFICATE, nothing()),
            (NEXT_KEY, nothing()),
            (STAGE, nothing()),
        ])?;
        Ok(Present { current: Arc::clone(next), next: None, switched: false })
    }
}

fn out_of_turn(reached: Step) -> Error {
    let (state, next) = match reached {
        Step::Begin => ("the replacement of the authority has begun", "switch"),
        Step::Switch => ("the service is certified by the new authority", "finish"),
        Step::Unknown | Step::Finish => ("no replacement of the authority is under way", "begin"),
    };
    Error::invalid(format!("this step is not the next one: {state}"))
        .hint(format!("the next one is `keyward authority {next}`"))
}
