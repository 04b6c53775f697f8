//! A TPM 2.0: a secret that it seals, and a counter that only goes up.
//!
//! A dozen commands of its protocol (TPM 2.0 Library, part 3) are all that this takes, so they are
//! made here, on the cryptography that is here: tpm2-tss would bring a second cryptographic library
//! into the process that holds the keys, has to be there when Keyward is built and when it runs, and
//! its configuration decides what is loaded. Our commands go to the kernel's resource manager, which
//! others can use at the same time.

mod counter;
mod session;
mod transport;
mod wire;

use std::fmt;

use keyward_algorithms::ErrorKind;
use keyward_protocol::messages::TpmParameters;
use zeroize::Zeroizing;

pub(crate) use self::counter::Reading;
use self::{
    session::{
        Answer, Command, Point, Purpose, Secret, Session, plain, sha256, with_empty_password,
    },
    transport::{Code, Transport},
    wire::{Reader, Writer},
};
use crate::{Error, Result, config::TpmAddress};

/// The largest number of a register that every TPM has.
pub(crate) const MAX_PCR: u32 = 23;

const CREATE_PRIMARY: u32 = 0x131;
const CREATE: u32 = 0x153;
const LOAD: u32 = 0x157;
const UNSEAL: u32 = 0x15e;
const FLUSH_CONTEXT: u32 = 0x165;
const POLICY_COMMAND_CODE: u32 = 0x16c;
const POLICY_PCR: u32 = 0x17f;
const GET_CAPABILITY: u32 = 0x17a;
const PCR_READ: u32 = 0x17e;

const CAPABILITY_HANDLES: u32 = 1;
/// Where handles of these kinds begin.
const TRANSIENT: u32 = 0x8000_0000;
const LOADED_SESSIONS: u32 = 0x0200_0000;

const OWNER: u32 = 0x4000_0001;

const ALG_KEYEDHASH: u16 = 0x0008;
const ALG_SHA256: u16 = 0x000b;
const ALG_NULL: u16 = 0x0010;
const ALG_ECC: u16 = 0x0023;
const ALG_AES: u16 = 0x0006;
const ALG_CFB: u16 = 0x0043;
const CURVE_P256: u16 = 0x0003;

/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, decrypt: the storage
/// key that TCG's provisioning guidance describes. It comes out the same each time, until the TPM is
/// cleared.
const STORAGE_KEY: u32 = 0x0003_0472;

/// fixedTPM, fixedParent, adminWithPolicy, noDA, and no password: it opens by its policy alone.
const SEALED: u32 = 0x0000_0492;

/// A TPM that takes commands: one piece of work, since it has room for little, and what was loaded
/// for that is unloaded at its end.
pub(crate) struct Tpm {
    transport: Transport,
    loaded: Vec<u32>,
}

/// The storage key, loaded.
struct Parent {
    handle: u32,
    name: Vec<u8>,
    public: Vec<u8>,
    point: Point,
}

impl Tpm {
    /// Connects to a TPM.
    pub(crate) fn open(address: &TpmAddress) -> Result<Tpm> {
        let mut tpm = Tpm { transport: Transport::open(address)?, loaded: Vec::new() };
        if matches!(address, TpmAddress::Swtpm(_)) {
            tpm.clear()?;
        }
        Ok(tpm)
    }

    /// Unloads what a process that was killed has left behind. The kernel does that for the devices
    /// that it manages; at a software TPM's socket there is one client at a time.
    fn clear(&mut self) -> Result<()> {
        for kind in [TRANSIENT, LOADED_SESSIONS] {
            let asked = Writer::default().u32(CAPABILITY_HANDLES).u32(kind).u32(16);
            let answer = self.plain(GET_CAPABILITY, asked, "tell what is loaded")?;
            let mut reader = Reader(&answer);
            reader.take(5)?;
            for _ in 0..reader.u32()? {
                self.loaded.push(reader.u32()?);
            }
        }
        self.flush();
        Ok(())
    }

    fn flush(&mut self) {
        for handle in self.loaded.drain(..).rev() {
            let _ = plain(&mut self.transport, FLUSH_CONTEXT, Writer::default().u32(handle));
        }
    }

    /// Seals a secret, which the TPM gives back as long as these registers stay as they are.
    pub(crate) fn seal(mut self, secret: &[u8], pcrs: &[u32]) -> Result<TpmParameters> {
        let parent = self.parent()?;
        let mut session = self.session(&parent, Purpose::Hmac)?;
        let template = Writer::default()
            .u16(ALG_KEYEDHASH)
            .u16(ALG_SHA256)
            .u32(SEALED)
            .sized(&self.policy(pcrs)?)
            .u16(ALG_NULL)
            .sized(&[]);
        let sensitive = Zeroizing::new(Writer::with_room().sized(&[]).sized(secret).0);
        let parameters =
            Writer::with_room().sized(&sensitive).sized(&template.0).sized(&[]).u32(0).0.into();
        let command = Command {
            code: CREATE,
            handles: &[(parent.handle, &parent.name)],
            parameters,
            handles_back: 0,
        };
        let answer = self.run(&mut session, &command, Secret::InCommand, "seal")?;
        let mut reader = Reader(&answer.parameters);
        let (private, public) = (reader.sized()?.to_vec(), reader.sized()?.to_vec());
        Ok(TpmParameters { parent: parent.public, public, private, pcrs: pcrs.to_vec() })
    }

    /// Gives a secret back.
    pub(crate) fn unseal(mut self, sealed: &TpmParameters) -> Result<Zeroizing<Vec<u8>>> {
        let parent = self.parent()?;
        if parent.public != sealed.parent {
            return Err(failed(
                "the store was sealed by another TPM, or this one was cleared since",
            )
            .hint("a copy of the master key opens it: keyward unseal --in FILE"));
        }
        let mut session = self.session(&parent, Purpose::Hmac)?;
        let command = Command {
            code: LOAD,
            handles: &[(parent.handle, &parent.name)],
            parameters: Writer::default().sized(&sealed.private).sized(&sealed.public).0.into(),
            handles_back: 1,
        };
        let loaded = self.run(&mut session, &command, Secret::Nowhere, "load what it sealed")?;
        let handle = loaded.handles[0];
        self.loaded.push(handle);

        let mut policy = self.session(&parent, Purpose::Policy)?;
        let told = Writer::default().u32(policy.handle).u32(UNSEAL);
        self.plain(POLICY_COMMAND_CODE, told, "take a policy")?;
        if !sealed.pcrs.is_empty() {
            let told = Writer::default().u32(policy.handle).sized(&[]);
            let told = told.bytes(&selection(&sealed.pcrs));
            self.plain(POLICY_PCR, told, "take a policy")?;
        }
        let name = name_of(&sealed.public);
        let command = Command {
            code: UNSEAL,
            handles: &[(handle, &name)],
            parameters: Zeroizing::default(),
            handles_back: 0,
        };
        let answer = policy.exchange(&mut self.transport, &command, Secret::InAnswer)?;
        let answer = answer.map_err(|code| match code.is(POLICY_FAIL) {
            true => failed("the TPM does not open the store: its registers (PCRs) have changed")
                .hint(
                    "firmware, secure boot or the boot loader is another than when it was sealed; \
                     if that is right: keyward unseal --in FILE with the copy of the master key, then \
                     keyward seal rotate",
                ),
            false => refused("unseal", &code),
        })?;
        Ok(Zeroizing::new(Reader(&answer.parameters).sized()?.to_vec()))
    }

    /// Makes the storage key, in the TPM's owner's hierarchy.
    fn parent(&mut self) -> Result<Parent> {
        let template = Writer::default()
            .u16(ALG_ECC)
            .u16(ALG_SHA256)
            .u32(STORAGE_KEY)
            .sized(&[])
            .u16(ALG_AES)
            .u16(128)
            .u16(ALG_CFB)
            .u16(ALG_NULL)
            .u16(CURVE_P256)
            .u16(ALG_NULL)
            .sized(&[])
            .sized(&[]);
        let nothing = Writer::default().sized(&[]).sized(&[]).0;
        let parameters = Writer::default().sized(&nothing).sized(&template.0).sized(&[]).u32(0).0;
        let answer = with_empty_password(&mut self.transport, CREATE_PRIMARY, OWNER, &parameters)?;
        let answer = answer.map_err(|code| owner_refused("make its storage key", &code))?;
        let mut reader = Reader(&answer);
        let handle = reader.u32()?;
        self.loaded.push(handle);
        reader.u32()?;
        let public = reader.sized()?.to_vec();
        let point = point_of(&public)?;
        Ok(Parent { handle, name: name_of(&public), public, point })
    }

    fn session(&mut self, parent: &Parent, purpose: Purpose) -> Result<Session> {
        let session = Session::start(&mut self.transport, parent.handle, &parent.point, purpose)?;
        self.loaded.push(session.handle);
        Ok(session)
    }

    fn run(
        &mut self,
        session: &mut Session,
        command: &Command<'_>,
        secret: Secret,
        what: &str,
    ) -> Result<Answer> {
        let answer = session.exchange(&mut self.transport, command, secret)?;
        answer.map_err(|code| refused(what, &code))
    }

    fn plain(&mut self, code: u32, body: Writer, what: &str) -> Result<Zeroizing<Vec<u8>>> {
        plain(&mut self.transport, code, body)?.map_err(|code| refused(what, &code))
    }

    /// The digest of the policy "to be unsealed, with these registers as they are at this moment".
    fn policy(&mut self, pcrs: &[u32]) -> Result<Vec<u8>> {
        let command = POLICY_COMMAND_CODE.to_be_bytes();
        let policy = sha256(&[&[0; 32], &command, &UNSEAL.to_be_bytes()]);
        if pcrs.is_empty() {
            return Ok(policy);
        }
        let selection = selection(pcrs);
        let values = self.registers(pcrs)?;
        Ok(sha256(&[&policy, &POLICY_PCR.to_be_bytes(), &selection, &sha256(&[&values])]))
    }

    /// The values of registers one after the other, by their numbers.
    fn registers(&mut self, pcrs: &[u32]) -> Result<Vec<u8>> {
        let mut sorted = pcrs.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let mut values = Vec::new();
        for pcr in sorted {
            // One by one: a TPM gives eight at most in one answer.
            let asked = Writer::default().bytes(&selection(&[pcr]));
            let answer = self.plain(PCR_READ, asked, "read its registers")?;
            let mut reader = Reader(&answer);
            // The count of changes, and the selection again.
            reader.take(4 + selection(&[pcr]).len())?;
            if reader.u32()? != 1 {
                let message = format!("the TPM has no register (PCR) {pcr} with SHA-256");
                return Err(failed(message).hint("choose others with --pcrs"));
            }
            values.extend_from_slice(reader.sized()?);
        }
        Ok(values)
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        self.flush();
    }
}

/// A list with one selection of registers, of the bank for SHA-256.
fn selection(pcrs: &[u32]) -> Vec<u8> {
    let mut bits = [0; 3];
    for pcr in pcrs.iter().filter(|pcr| **pcr <= MAX_PCR) {
        bits[(pcr / 8) as usize] |= 1 << (pcr % 8);
    }
    Writer::default().u32(1).u16(ALG_SHA256).u8(bits.len() as u8).bytes(&bits).0
}

/// The name of an object: the digest of its public part, after the digest's algorithm.
fn name_of(public: &[u8]) -> Vec<u8> {
    Writer::default().u16(ALG_SHA256).bytes(&sha256(&[public])).0
}

/// The public point of a storage key.
fn point_of(public: &[u8]) -> Result<Point> {
    let mut reader = Reader(public);
    // Type, digest and attributes; then the policy, and the parameters up to the point.
    reader.take(8)?;
    reader.sized()?;
    reader.take(12)?;
    let mut coordinate = || -> Result<[u8; 32]> {
        let bytes = reader.sized()?;
        let mut padded = [0; 32];
        let start = padded.len().checked_sub(bytes.len()).ok_or_else(broken)?;
        padded[start..].copy_from_slice(bytes);
        Ok(padded)
    };
    Ok((coordinate()?, coordinate()?))
}

/// Codes of refusal, without what tells which handle, session or parameter is meant.
const AUTH_FAIL: u32 = 0x08e;
const HANDLE: u32 = 0x08b;
const POLICY_FAIL: u32 = 0x09d;
const BAD_AUTH: u32 = 0x0a2;
const INITIALIZE: u32 = 0x100;
const LOCKOUT: u32 = 0x921;

impl Code {
    /// Whether it is this one, whatever handle, session or parameter it is about.
    fn is(&self, code: u32) -> bool {
        // "Format one" has bit 7 set, and the place in bits 6 and 8 to 11.
        match self.0 & 0x80 {
            0 => self.0 == code,
            _ => self.0 & 0xbf == code,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match () {
            () if self.is(INITIALIZE) => " (it was not started up)",
            () if self.is(LOCKOUT) => " (locked out)",
            () if self.is(AUTH_FAIL) || self.is(BAD_AUTH) => " (it asks for a password)",
            () => "",
        };
        write!(f, "TPM code {:#05x}{word}", self.0)
    }
}

fn refused(what: &str, code: &Code) -> Error {
    failed(format!("the TPM does not {what}: {code}"))
        .hint("`tpm2_rc_decode CODE` of tpm2-tools says what the code means")
}

fn owner_refused(what: &str, code: &Code) -> Error {
    match code.is(AUTH_FAIL) || code.is(BAD_AUTH) {
        true => failed(format!("the TPM does not {what}: its owner's hierarchy has a password"))
            .hint("take it off for as long as that takes: tpm2_changeauth -c owner -p PASSWORD"),
        false => refused(what, code),
    }
}

/// An error for a TPM that does not do what it should. Never `unavailable`, which clients take for
/// an outage of the service and try again.
fn failed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Sealed, message)
}

fn broken() -> Error {
    failed("an answer of the TPM does not read")
}
