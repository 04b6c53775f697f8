//! Carries out cryptographic work: takes a request and a completion, so that the completion may
//! come later and from another thread.

mod pairs;
mod symmetric;
mod wrapping;

use std::{
    io,
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::{ErrorKind, KeyType, Operation, SecretKind, SymmetricCipher, Wrapping};
use keyward_crypto::{CryptoError, Enciphered, PrivateKey, SecretKey};
use keyward_protocol::messages;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    Error, Result,
    approvals::Spent,
    identity::Caller,
    keys::{Key, Material},
    lanes::{Job, Lane, LaneOptions, Load},
    metrics::{Queue, Series},
    peer::Peer,
};

/// Work with a private key. The caller is allowed to have it done.
pub(crate) enum Work {
    /// Sign.
    Sign(Arc<Key>, messages::Sign),
    /// Decrypt.
    Decrypt(Arc<Key>, messages::Decrypt),
    /// Agree on a secret.
    Derive(Arc<Key>, messages::Derive),
    /// Encrypt with a secret key.
    Encipher(Arc<Key>, messages::Encipher),
    /// Decrypt with a secret key.
    Decipher(Arc<Key>, messages::Decipher),
    /// Make a message authentication code.
    Mac(Arc<Key>, messages::Mac),
    /// Verify a message authentication code.
    VerifyMac(Arc<Key>, messages::VerifyMac),
    /// Encrypt the first key with the second.
    Wrap(Arc<Key>, WrappingKey, messages::Wrapping),
    /// Decrypt with a key a secret one of this kind and, if it is named, size; or a pair.
    Unwrap(Arc<Key>, Option<(SecretKind, Option<u16>)>, messages::Unwrap),
    /// Make a key of this kind and size from another one.
    DeriveKey(Arc<Key>, SecretKind, u16, messages::DeriveKey),
    /// Take a secret out of a ciphertext.
    Decapsulate(Arc<Key>, messages::Decapsulate),
    /// Make a key.
    Generate(KeyType),
    /// Read a key that was made elsewhere: DER PKCS#8.
    Import(Zeroizing<Vec<u8>>),
    /// Take in a secret key of this type.
    ImportSecret(KeyType, Zeroizing<Vec<u8>>),
}

/// Work that is to be done, and the approved uses of its keys that were spent on it.
pub(crate) struct Task {
    pub(crate) work: Work,
    pub(crate) spent: Option<Spent>,
}

impl From<Work> for Task {
    fn from(work: Work) -> Task {
        Task { work, spent: None }
    }
}

/// What a key is encrypted with.
pub(crate) enum WrappingKey {
    /// A key of the service.
    Own(Arc<Key>),
    /// The public half of one that is elsewhere: DER SubjectPublicKeyInfo.
    Elsewhere(Vec<u8>),
}

impl WrappingKey {
    /// Whether it may encrypt keys that leave with trusted keys alone.
    pub(crate) fn is_trusted(&self) -> bool {
        matches!(self, WrappingKey::Own(key) if key.record.attributes.trusted)
    }
}

/// What came of it.
pub(crate) enum Product {
    /// A signature, plaintext or shared secret.
    Bytes(Vec<u8>),
    /// A ciphertext.
    Enciphered(Enciphered),
    /// Whether a message authentication code is the right one.
    Valid(bool),
    /// A new key.
    Key(Material),
}

/// Where work runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// At once, on the caller's thread.
    Fast,
    /// Private operations that take a millisecond or more.
    Slow,
    /// Making keys, which may take seconds.
    Making,
}

/// The RSA modulus from which on private operations are slow, in bits.
const SLOW_RSA_BITS: u16 = 4096;

impl Work {
    fn pace(&self) -> Pace {
        match self {
            Work::Sign(key, _) => pace_of_use(key),
            Work::Decrypt(key, _) => pace_of_use(key),
            Work::Derive(key, _) => pace_of_use(key),
            Work::Decapsulate(key, _) => pace_of_use(key),
            Work::Generate(KeyType::Rsa(_) | KeyType::RsaPss(_)) => Pace::Making,
            Work::Generate(_) | Work::ImportSecret(..) => Pace::Fast,
            Work::Encipher(..) | Work::Decipher(..) | Work::Mac(..) | Work::VerifyMac(..) => {
                Pace::Fast
            }
            Work::Wrap(..) => Pace::Fast,
            // A pair of keys is checked as in an import.
            Work::Unwrap(..) | Work::Import(_) => Pace::Slow,
            Work::DeriveKey(..) => Pace::Fast,
        }
    }

    /// How large the input is, where it may wait.
    fn bytes(&self) -> usize {
        match self {
            Work::Sign(_, request) => request.input.len(),
            Work::Decrypt(_, request) => request.input.len(),
            Work::Unwrap(.., request) => request.wrapped.len(),
            Work::Import(pkcs8) => pkcs8.len(),
            _ => 0,
        }
    }

    fn series(&self) -> Series {
        match self {
            Work::Sign(_, request) => {
                Series::signature(Operation::Sign, request.algorithm.as_ref())
            }
            Work::Decrypt(_, request) => {
                Series::cipher(Operation::Decrypt, request.cipher.as_ref())
            }
            Work::Derive(..) => Series::plain(Operation::Derive),
            Work::Decapsulate(..) => Series::plain(Operation::Decapsulate),
            Work::Generate(_) => Series::plain(Operation::Generate),
            Work::Import(_) | Work::ImportSecret(..) => Series::plain(Operation::Import),
            Work::Encipher(_, request) => {
                Series::symmetric(Operation::Encipher, request.cipher.as_ref())
            }
            Work::Decipher(_, request) => {
                Series::symmetric(Operation::Decipher, request.cipher.as_ref())
            }
            Work::Wrap(.., choice) => Series::wrapping(Operation::Wrap, Some(choice)),
            Work::Unwrap(.., request) => {
                Series::wrapping(Operation::Unwrap, request.wrapping.as_ref())
            }
            Work::DeriveKey(.., request) => Series::derivation(request.derivation.as_ref()),
            Work::Mac(_, request) => Series::mac(Operation::Mac, request.algorithm),
            Work::VerifyMac(_, request) => Series::mac(Operation::VerifyMac, request.algorithm),
        }
    }

    /// Counts it as a use of its keys, where they have limits.
    fn take_uses(&self) -> Result<()> {
        match self {
            Work::Encipher(key, request) => {
                let cipher = request.cipher.as_ref().map_or(0, |choice| choice.cipher);
                key.take_use(SymmetricCipher::from_code(cipher) == Some(SymmetricCipher::AesGcm))
            }
            Work::Wrap(key, with, choice) => {
                let wrapping = Wrapping::from_code(choice.wrapping);
                // To encrypt with RSA takes the public half, which is free.
                let takes_secret = wrapping.is_some_and(|wrapping| !wrapping.row().by_rsa);
                if let WrappingKey::Own(with) = with
                    && takes_secret
                {
                    with.take_use(wrapping == Some(Wrapping::AesGcm))?;
                }
                key.take_use(false)
            }
            other => other.key().map_or(Ok(()), |key| key.take_use(false)),
        }
    }

    /// The key that is used; what is wrapped, where that is done with another.
    pub(crate) fn key(&self) -> Option<&Key> {
        match self {
            Work::Sign(key, _)
            | Work::Decrypt(key, _)
            | Work::Derive(key, _)
            | Work::Encipher(key, _)
            | Work::Decipher(key, _)
            | Work::Mac(key, _)
            | Work::VerifyMac(key, _)
            | Work::Wrap(key, ..)
            | Work::Unwrap(key, ..)
            | Work::DeriveKey(key, ..)
            | Work::Decapsulate(key, _) => Some(key),
            Work::Generate(_) | Work::Import(_) | Work::ImportSecret(..) => None,
        }
    }

    /// Refuses what cannot be done, as far as that is seen without what is secret of its key.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Work::Sign(key, request) => pairs::check_signing(key, request),
            Work::Decrypt(key, request) => pairs::check_decryption(key, request),
            Work::Derive(key, request) => pairs::check_agreement(key, request),
            Work::Decapsulate(key, request) => pairs::check_ciphertext(key, request),
            Work::Encipher(key, request) => symmetric::check_encryption(key, request),
            Work::Decipher(key, request) => symmetric::check_decryption(key, request),
            _ => Ok(()),
        }
    }

    fn run(self) -> Result<Product> {
        match self {
            Work::Sign(key, request) => pairs::sign(&key, &request).map(Product::Bytes),
            Work::Decrypt(key, request) => pairs::decrypt(&key, &request).map(Product::Bytes),
            Work::Derive(key, request) => pairs::derive(&key, &request).map(Product::Bytes),
            Work::Decapsulate(key, request) => {
                pairs::decapsulate(&key, &request).map(Product::Bytes)
            }
            Work::Encipher(key, mut request) => {
                let enciphered = symmetric::encipher(&key, &request).map(Product::Enciphered);
                request.input.zeroize();
                enciphered
            }
            Work::Decipher(key, request) => symmetric::decipher(&key, &request).map(Product::Bytes),
            Work::Mac(key, request) => symmetric::mac(&key, &request).map(Product::Bytes),
            Work::VerifyMac(key, request) => {
                symmetric::verify_mac(&key, &request).map(Product::Valid)
            }
            Work::Wrap(key, with, choice) => {
                wrapping::wrap(&key, &with, &choice).map(Product::Bytes)
            }
            Work::Unwrap(with, secret, request) => {
                wrapping::unwrap(&with, secret, &request).map(Product::Key)
            }
            Work::DeriveKey(from, kind, bits, request) => {
                wrapping::derive_key(&from, (kind, bits), &request).map(Product::Key)
            }
            Work::Generate(key_type) => generate(key_type)
                .map(Product::Key)
                .map_err(|error| explain(error, &format!("cannot make a key of type {key_type}"))),
            Work::Import(pkcs8) => PrivateKey::from_pkcs8(&pkcs8)
                .map(|key| Product::Key(Material::Private(key)))
                .map_err(|error| explain(error, "cannot import the key")),
            Work::ImportSecret(key_type, bytes) => import_secret(key_type, &bytes)
                .map(|key| Product::Key(Material::Secret(key)))
                .map_err(|error| {
                    explain(error, &format!("cannot import a key of type {key_type}"))
                }),
        }
    }
}

impl Task {
    /// Runs it and counts how long it took. It is a use of its keys from here on.
    fn run_for(self, peer: &Peer) -> Result<Product> {
        let Task { work, spent } = self;
        let series = work.series();
        work.take_uses()?;
        if let Some(spent) = spent {
            spent.begun();
        }
        let begun = Instant::now();
        let result = work.run();
        peer.meter.executed(series, begun);
        result
    }
}

fn generate(key_type: KeyType) -> std::result::Result<Material, CryptoError> {
    match key_type {
        KeyType::Secret(kind, bits) => SecretKey::generate(kind, bits).map(Material::Secret),
        _ => PrivateKey::generate(key_type).map(Material::Private),
    }
}

fn import_secret(key_type: KeyType, bytes: &[u8]) -> std::result::Result<SecretKey, CryptoError> {
    let KeyType::Secret(kind, _) = key_type else { return Err(CryptoError::Unsupported) };
    let key = SecretKey::from_bytes(kind, bytes)?;
    if key.key_type() == key_type { Ok(key) } else { Err(CryptoError::InvalidKey) }
}

fn pace_of_use(key: &Key) -> Pace {
    match key.record.key_type {
        KeyType::Rsa(bits) | KeyType::RsaPss(bits) if bits >= SLOW_RSA_BITS => Pace::Slow,
        _ => Pace::Fast,
    }
}

/// Whether a key can be encrypted so.
pub(crate) fn try_to_wrap(
    key: &Key,
    with: &WrappingKey,
    choice: &messages::Wrapping,
) -> Result<()> {
    wrapping::wrap(key, with, choice).map(drop)
}

/// On what terms work is done.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    /// When nobody waits for it any more.
    pub(crate) deadline: Instant,
    /// The calling thread serves one caller, who does nothing but wait: nobody is held up by it.
    pub(crate) caller_waits: bool,
}

/// Runs work: what is fast at once, what is slow in a lane of its own, or by the thread of a caller who
/// waits while the lane has room.
pub(crate) struct Backend {
    slow: Lane,
    making: Lane,
}

/// When to come again after `busy`, where nothing says it better.
pub(crate) const BUSY_RETRY: Duration = Duration::from_millis(50);

impl Backend {
    /// Starts the lanes, in which so many requests of one user may wait.
    pub(crate) fn start(capacity: usize) -> io::Result<Backend> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        // Both give way to the threads of connections: niceness 5 leaves a third of a contended
        // core, so that slow work still gets on under a flood of fast work.
        let slow = LaneOptions { name: "slow", threads: cores, niceness: 5, capacity };
        let making = LaneOptions { name: "making", threads: 1, niceness: 10, capacity };
        Ok(Backend { slow: Lane::start(&slow)?, making: Lane::start(&making)? })
    }

    /// Carries out work and then calls the completion, on this thread or another. Work whose
    /// deadline passes while it waits is not begun, nor is work for a peer that has left or that may
    /// not ask for it any more.
    pub(crate) fn submit(
        &self,
        peer: &Arc<Peer>,
        task: Task,
        terms: Terms,
        done: impl FnOnce(Result<Product>) + Send + 'static,
    ) {
        let Terms { deadline, caller_waits } = terms;
        let (lane, queue) = match task.work.pace() {
            Pace::Fast => return done(guarded(|| task.run_for(peer))),
            Pace::Slow => {
                // Neither the way to another thread nor its niceness, as long as that is no flood.
                if caller_waits && let Some(place) = self.slow.enter() {
                    peer.meter.waited(Queue::Slow, Duration::ZERO);
                    let product = guarded(|| task.run_for(peer));
                    // What follows is a disk's or the peer's time.
                    drop(place);
                    return done(product);
                }
                (&self.slow, Queue::Slow)
            }
            Pace::Making => (&self.making, Queue::Making),
        };
        let since = Instant::now();
        let peer = Arc::clone(peer);
        let asker = peer.caller();
        let user = Arc::clone(&asker.queue);
        lane.push(&user, Box::new(Waiting { peer, asker, task, queue, since, deadline, done }));
    }

    /// How much its lanes have to do.
    pub(crate) fn loads(&self) -> Vec<(Queue, Load)> {
        vec![(Queue::Slow, self.slow.load()), (Queue::Making, self.making.load())]
    }
}

/// Work in a lane.
struct Waiting<D> {
    peer: Arc<Peer>,
    /// Who asked for it.
    asker: Arc<Caller>,
    task: Task,
    queue: Queue,
    since: Instant,
    deadline: Instant,
    done: D,
}

impl<D: FnOnce(Result<Product>) + Send> Job for Waiting<D> {
    fn run(self: Box<Self>) {
        let Waiting { peer, asker, task, queue, since, deadline, done } = *self;
        if peer.has_left() {
            return;
        }
        let now = Instant::now();
        peer.meter.waited(queue, now.duration_since(since));
        let result = guarded(|| {
            // What is not begun gives back the uses that were spent on it, before the answer goes out.
            let task = task;
            if now >= deadline {
                return Err(late());
            }
            peer.may_still(&asker, task.work.series().operation())?;
            task.run_for(&peer)
        });
        done(result);
    }

    fn refuse(self: Box<Self>) {
        let Waiting { task, done, .. } = *self;
        drop(task);
        done(Err(busy()));
    }

    fn bytes(&self) -> usize {
        self.task.work.bytes()
    }
}

/// Runs a request's code; a panic ends that request and nothing else.
pub(crate) fn guarded<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        // Dropping the payload could panic again.
        std::mem::forget(payload);
        Err(Error::new(ErrorKind::Internal, "a fault in the service ended this request")
            .hint("see the service's log, and report it"))
    })
}

pub(crate) fn late() -> Error {
    Error::new(ErrorKind::Timeout, "the request waited longer than its client would")
        .hint("the service has more slow requests than it can do; see `keyward status`")
}

fn busy() -> Error {
    Error::new(ErrorKind::Busy, "too many slow requests are waiting")
        .hint("try again later, or use keys of another type: P-256 is a hundred times faster")
}

/// The error for what the cryptography refused.
pub(crate) fn explain(error: CryptoError, what: &str) -> Error {
    let kind = match error {
        CryptoError::Unsupported => ErrorKind::Unsupported,
        CryptoError::InvalidKey | CryptoError::InvalidInput { .. } | CryptoError::Failed => {
            ErrorKind::InvalidArgument
        }
    };
    Error::new(kind, format!("{what}: {error}"))
}
