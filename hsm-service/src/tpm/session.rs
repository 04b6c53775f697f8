//! A session with the TPM (TPM 2.0 Library, part 1, chapters 17 to 19 of version 1.59): each command
//! and answer carries a code under a key that both know, and a secret goes encrypted. Who listens to
//! the bus between processor and TPM learns nothing, and who changes what is said there is noticed.
//!
//! The key comes of an agreement with the TPM's storage key, as that was when the seal was made, so
//! nobody can put another one in its place.

use aws_lc_rs::{
    agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    cipher::{
        AES_128, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext,
        UnboundCipherKey,
    },
    constant_time::verify_slices_are_equal,
    digest::{Context, SHA256},
    hmac,
    iv::FixedLength,
    rand::{self, SystemRandom},
};
use zeroize::Zeroizing;

use super::{
    broken, failed,
    transport::{Code, Transport},
    wire::{Reader, Writer},
};
use crate::Result;

const TAG_NO_SESSIONS: u16 = 0x8001;
const TAG_SESSIONS: u16 = 0x8002;

const START_AUTH_SESSION: u32 = 0x176;
const HANDLE_NULL: u32 = 0x4000_0007;
const ALG_AES: u16 = 0x0006;
const ALG_SHA256: u16 = 0x000b;
const ALG_CFB: u16 = 0x0043;
const KEY_BITS: u16 = 128;
const NONCE_BYTES: usize = 32;
const POINT_BYTES: usize = 32;

const CONTINUE: u8 = 0x01;

/// What of a command or its answer goes encrypted: a secret in its first parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Secret {
    Nowhere = 0,
    InCommand = 0x20,
    InAnswer = 0x40,
}

/// What a session is for.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// It shows that a command comes from who began the session.
    Hmac = 0,
    /// It collects what a policy asks for.
    Policy = 1,
}

/// A command, before a session is put around it.
pub(super) struct Command<'a> {
    pub(super) code: u32,
    /// Handles, each with the name of what it stands for.
    pub(super) handles: &'a [(u32, &'a [u8])],
    pub(super) parameters: Zeroizing<Vec<u8>>,
    /// How many handles the answer has.
    pub(super) handles_back: usize,
}

/// An answer: its handles, and its parameters.
pub(super) struct Answer {
    pub(super) handles: Vec<u32>,
    pub(super) parameters: Zeroizing<Vec<u8>>,
}

pub(super) struct Session {
    pub(super) handle: u32,
    key: Zeroizing<Vec<u8>>,
    nonce_tpm: Vec<u8>,
}

/// The `x` and `y` of a point on P-256.
pub(super) type Point = ([u8; POINT_BYTES], [u8; POINT_BYTES]);

impl Session {
    /// Begins a session, salted to a storage key with a public point.
    pub(super) fn start(
        transport: &mut Transport,
        parent: u32,
        point: &Point,
        purpose: Purpose,
    ) -> Result<Session> {
        let (salt, encrypted) = agree(point)?;
        let nonce = random()?;
        let command = Writer::default()
            .u32(parent)
            .u32(HANDLE_NULL)
            .sized(&nonce)
            .sized(&encrypted)
            .u8(purpose as u8)
            .u16(ALG_AES)
            .u16(KEY_BITS)
            .u16(ALG_CFB)
            .u16(ALG_SHA256);
        let answer = plain(transport, START_AUTH_SESSION, command)?
            .map_err(|code| failed(format!("the TPM begins no session: {code}")))?;
        let mut reader = Reader(&answer);
        let handle = reader.u32()?;
        let nonce_tpm = reader.sized()?.to_vec();
        let key = kdf_a(&salt, "ATH", &nonce_tpm, &nonce, 256);
        Ok(Session { handle, key, nonce_tpm })
    }

    /// Sends a command under the session, which is the authorisation for its first handle.
    pub(super) fn exchange(
        &mut self,
        transport: &mut Transport,
        command: &Command<'_>,
        secret: Secret,
    ) -> Result<std::result::Result<Answer, Code>> {
        let nonce = random()?;
        let attributes = CONTINUE | secret as u8;
        let mut parameters = command.parameters.clone();
        if secret == Secret::InCommand {
            self.encrypt_first(&mut parameters, &nonce)?;
        }
        let names: Vec<u8> = command.handles.iter().flat_map(|(_, name)| *name).copied().collect();
        let digest = sha256(&[&command.code.to_be_bytes(), &names, &parameters]);
        let code = self.code(&digest, &nonce, &self.nonce_tpm, attributes);
        let session =
            Writer::default().u32(self.handle).sized(&nonce).u8(attributes).sized(code.as_ref());
        let handles =
            command.handles.iter().fold(Writer::default(), |all, (handle, _)| all.u32(*handle));
        let body = handles.u32(session.0.len() as u32).bytes(&session.0).bytes(&parameters);
        let answer = match transport.exchange(&framed(TAG_SESSIONS, command.code, &body.0))? {
            Ok(answer) => answer,
            Err(code) => return Ok(Err(code)),
        };
        let mut reader = Reader(&answer);
        let handles = (0..command.handles_back).map(|_| reader.u32()).collect::<Result<_>>()?;
        let size = reader.u32()? as usize;
        let mut parameters = Zeroizing::new(reader.take(size)?.to_vec());
        let nonce_tpm = reader.sized()?.to_vec();
        let attributes = reader.u8()?;
        let digest = sha256(&[&0u32.to_be_bytes(), &command.code.to_be_bytes(), &parameters]);
        let expected = self.code(&digest, &nonce_tpm, &nonce, attributes);
        verify_slices_are_equal(expected.as_ref(), reader.sized()?).map_err(|_| {
            failed("an answer of the TPM was changed on its way")
                .hint("somebody sits between processor and TPM, or this is another TPM")
        })?;
        if secret == Secret::InAnswer {
            self.decrypt_first(&mut parameters, &nonce_tpm, &nonce)?;
        }
        self.nonce_tpm = nonce_tpm;
        Ok(Ok(Answer { handles, parameters }))
    }

    /// The authentication code of a command or an answer. The objects here have no password, which
    /// would come after the session's key.
    fn code(&self, digest: &[u8], newer: &[u8], older: &[u8], attributes: u8) -> hmac::Tag {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key);
        hmac::sign(&key, &[digest, newer, older, &[attributes]].concat())
    }

    fn encrypt_first(&self, parameters: &mut [u8], nonce: &[u8]) -> Result<()> {
        let (key, iv) = self.cipher(nonce, &self.nonce_tpm)?;
        let failed = |_| failed("cannot encrypt for the TPM");
        EncryptingKey::cfb128(key)
            .and_then(|key| key.less_safe_encrypt(first(parameters), EncryptionContext::Iv128(iv)))
            .map(drop)
            .map_err(failed)
    }

    fn decrypt_first(&self, parameters: &mut [u8], newer: &[u8], older: &[u8]) -> Result<()> {
        let (key, iv) = self.cipher(newer, older)?;
        let failed = |_| failed("cannot decrypt what the TPM says");
        DecryptingKey::cfb128(key)
            .and_then(|key| key.decrypt(first(parameters), DecryptionContext::Iv128(iv)).map(drop))
            .map_err(failed)
    }

    fn cipher(&self, newer: &[u8], older: &[u8]) -> Result<(UnboundCipherKey, FixedLength<16>)> {
        let both = kdf_a(&self.key, "CFB", newer, older, 256);
        let (key, iv) = both.split_first_chunk::<16>().ok_or_else(broken)?;
        let iv: [u8; 16] = iv.try_into().map_err(|_| broken())?;
        let key = UnboundCipherKey::new(&AES_128, key).map_err(|_| broken())?;
        Ok((key, FixedLength::from(iv)))
    }
}

/// Sends a command that no session is around; the whole answer.
pub(super) fn plain(
    transport: &mut Transport,
    code: u32,
    body: Writer,
) -> Result<std::result::Result<Zeroizing<Vec<u8>>, Code>> {
    transport.exchange(&framed(TAG_NO_SESSIONS, code, &body.0))
}

/// Sends a command for whose first handle an empty password is enough; the answer after its
/// handles and the size of its parameters.
pub(super) fn with_empty_password(
    transport: &mut Transport,
    code: u32,
    handle: u32,
    parameters: &[u8],
) -> Result<std::result::Result<Zeroizing<Vec<u8>>, Code>> {
    const PASSWORD: u32 = 0x4000_0009;
    let session = Writer::default().u32(PASSWORD).sized(&[]).u8(CONTINUE).sized(&[]);
    let body = Writer::default().u32(handle).u32(session.0.len() as u32).bytes(&session.0);
    transport.exchange(&framed(TAG_SESSIONS, code, &body.bytes(parameters).0))
}

fn framed(tag: u16, code: u32, body: &[u8]) -> Zeroizing<Vec<u8>> {
    let size = body.len() as u32 + 10;
    Zeroizing::new(Writer::default().u16(tag).u32(size).u32(code).bytes(body).0)
}

/// The bytes of a first parameter that has its size before it.
fn first(parameters: &mut [u8]) -> &mut [u8] {
    let size = parameters.get(..2).map_or(0, |size| u16::from_be_bytes([size[0], size[1]]));
    parameters.get_mut(2..2 + usize::from(size)).unwrap_or_default()
}

/// Agrees on a salt with the owner of a point; the salt, and what tells it to the owner.
fn agree(point: &Point) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>)> {
    let failed = || failed("cannot agree on a key with the TPM");
    let own =
        EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).map_err(|_| failed())?;
    let public = own.compute_public_key().map_err(|_| failed())?;
    let public: [u8; 1 + 2 * POINT_BYTES] = public.as_ref().try_into().map_err(|_| failed())?;
    let (x, y) = public[1..].split_at(POINT_BYTES);
    let peer = [&[4][..], &point.0, &point.1].concat();
    let peer = UnparsedPublicKey::new(&ECDH_P256, &peer);
    let salt = agree_ephemeral(own, peer, failed(), |shared| {
        // KDFe (part 1, 11.4.10.3) gives as much as one digest here.
        Ok(Zeroizing::new(sha256(&[&1u32.to_be_bytes(), shared, b"SECRET\0", x, &point.0])))
    })?;
    Ok((salt, Writer::default().sized(x).sized(y).0))
}

/// KDFa (part 1, 11.4.10.2): SP 800-108 in counter mode with HMAC-SHA-256, of at most one digest.
fn kdf_a(key: &[u8], label: &str, newer: &[u8], older: &[u8], bits: u32) -> Zeroizing<Vec<u8>> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    let parts =
        [&1u32.to_be_bytes()[..], label.as_bytes(), &[0], newer, older, &bits.to_be_bytes()];
    parts.iter().for_each(|part| context.update(part));
    let length = bits as usize / 8;
    Zeroizing::new(context.sign().as_ref()[..length].to_vec())
}

pub(super) fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    context.finish().as_ref().to_vec()
}

fn random() -> Result<Vec<u8>> {
    let mut bytes = vec![0; NONCE_BYTES];
    rand::fill(&mut bytes).map_err(|_| failed("cannot draw a number for the TPM"))?;
    Ok(bytes)
}
