//! A counter in the TPM that only goes up. Even when it is removed and made anew, it begins above all
//! that any counter of that TPM ever stood at (part 1, 37.2.4 of version 1.59).

use zeroize::Zeroizing;

use super::{
    ALG_SHA256, HANDLE, OWNER, Tpm, failed, owner_refused, refused,
    session::{Command, Purpose, Secret, plain, with_empty_password},
    wire::{Reader, Writer},
};
use crate::{Result, config::CounterIndex, tpm::broken};

const NV_DEFINE_SPACE: u32 = 0x12a;
const NV_INCREMENT: u32 = 0x134;
const NV_READ: u32 = 0x14e;
const NV_READ_PUBLIC: u32 = 0x169;

/// A counter, which whoever reaches the TPM reads and increments with an empty password; noDA.
const ATTRIBUTES: u32 = 0x0204_0014;
/// Set by the TPM at the first increment; there is no value before.
const WRITTEN: u32 = 1 << 29;
const BYTES: u16 = 8;

/// What a counter stands at.
pub(crate) struct Reading {
    /// The number.
    pub(crate) value: u64,
    /// The name of the storage key whose holder says so: no other TPM has one of this name.
    pub(crate) tpm: Vec<u8>,
}

impl Tpm {
    /// What the counter stands at; `None` where there is none.
    pub(crate) fn counter(mut self, index: CounterIndex) -> Result<Option<Reading>> {
        let Some((name, attributes)) = self.public_of(index)? else { return Ok(None) };
        if attributes & WRITTEN == 0 {
            return Ok(None);
        }
        let parent = self.parent()?;
        let mut session = self.session(&parent, Purpose::Hmac)?;
        let handle = index.handle();
        let command = Command {
            code: NV_READ,
            handles: &[(handle, &name), (handle, &name)],
            parameters: Writer::default().u16(BYTES).u16(0).0.into(),
            handles_back: 0,
        };
        let answer = self.run(&mut session, &command, Secret::Nowhere, "read its counter")?;
        let value = Reader(&answer.parameters).sized()?;
        let value = u64::from_be_bytes(value.try_into().map_err(|_| broken())?);
        Ok(Some(Reading { value, tpm: parent.name }))
    }

    /// Makes the counter, where there is none.
    pub(crate) fn make_counter(mut self, index: CounterIndex) -> Result<()> {
        if self.public_of(index)?.is_some() {
            return Ok(());
        }
        let public = Writer::default()
            .u32(index.handle())
            .u16(ALG_SHA256)
            .u32(ATTRIBUTES)
            .sized(&[])
            .u16(BYTES);
        let parameters = Writer::default().sized(&[]).sized(&public.0).0;
        with_empty_password(&mut self.transport, NV_DEFINE_SPACE, OWNER, &parameters)?
            .map(drop)
            .map_err(|code| owner_refused("make a counter", &code))
    }

    /// Adds one to the counter, of the TPM with a storage key of this name where one is known.
    pub(crate) fn increment(mut self, index: CounterIndex, known: Option<&[u8]>) -> Result<()> {
        let (name, _) = self.public_of(index)?.ok_or_else(broken)?;
        let parent = self.parent()?;
        if known.is_some_and(|known| known != parent.name) {
            return Err(failed("this is another TPM than a moment ago"));
        }
        let mut session = self.session(&parent, Purpose::Hmac)?;
        let handle = index.handle();
        let command = Command {
            code: NV_INCREMENT,
            handles: &[(handle, &name), (handle, &name)],
            parameters: Zeroizing::default(),
            handles_back: 0,
        };
        self.run(&mut session, &command, Secret::Nowhere, "increment its counter").map(drop)
    }

    /// The name and the attributes of the counter, where there is one.
    fn public_of(&mut self, index: CounterIndex) -> Result<Option<(Vec<u8>, u32)>> {
        let asked = Writer::default().u32(index.handle());
        let answer = match plain(&mut self.transport, NV_READ_PUBLIC, asked)? {
            Ok(answer) => answer,
            Err(code) if code.is(HANDLE) => return Ok(None),
            Err(code) => return Err(refused("look for its counter", &code)),
        };
        let mut reader = Reader(&answer);
        let mut public = Reader(reader.sized()?);
        public.take(6)?;
        let attributes = public.u32()?;
        Ok(Some((reader.sized()?.to_vec(), attributes)))
    }
}
