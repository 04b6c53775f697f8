//! The structures of TPM 2.0 on the wire: big-endian numbers, and buffers with their size before them.

use super::broken;
use crate::Result;

/// Bytes to send, appended one after the other.
#[derive(Clone, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    /// With room for every command, so that a secret is not left behind where it grew out of.
    pub(super) fn with_room() -> Writer {
        Writer(Vec::with_capacity(1024))
    }

    pub(super) fn u8(mut self, value: u8) -> Writer {
        self.0.push(value);
        self
    }

    pub(super) fn u16(mut self, value: u16) -> Writer {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(super) fn u32(mut self, value: u32) -> Writer {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Writer {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A buffer after its size (`TPM2B`). What is sent here is a few hundred bytes at most.
    pub(super) fn sized(self, bytes: &[u8]) -> Writer {
        self.u16(bytes.len() as u16).bytes(bytes)
    }
}

/// Bytes that were received, taken off one after the other.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(broken)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.take(2)?.try_into().map_err(|_| broken())?))
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.take(4)?.try_into().map_err(|_| broken())?))
    }

    /// A buffer after its size (`TPM2B`).
    pub(super) fn sized(&mut self) -> Result<&'a [u8]> {
        let size = self.u16()?;
        self.take(size.into())
    }
}
