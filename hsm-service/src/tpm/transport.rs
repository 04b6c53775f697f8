//! Commands to the TPM and its answers, one after the other.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::net::UnixStream,
    thread,
    time::Duration,
};

use zeroize::Zeroizing;

use super::{broken, failed, wire::Reader};
use crate::{Result, config::TpmAddress};

/// An answer that is not one of success, as a code of the TPM's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Code(pub(super) u32);

/// `TPM_RC_YIELDED`, `TPM_RC_TESTING` and `TPM_RC_RETRY`: the same again, a little later.
const LATER: [u32; 3] = [0x908, 0x90a, 0x922];
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// How long a software TPM may take. The kernel knows for itself how long the hardware may.
const PATIENCE: Duration = Duration::from_secs(60);

/// The largest answer (`TPM_PT_MAX_RESPONSE_SIZE` of all that are built).
const MAX_BYTES: usize = 4096;

/// A connection to the TPM.
pub(super) enum Transport {
    Device(File),
    Socket(UnixStream),
}

impl Transport {
    pub(super) fn open(address: &TpmAddress) -> Result<Transport> {
        let opened = match address {
            TpmAddress::Device(path) => {
                OpenOptions::new().read(true).write(true).open(path).map(Transport::Device)
            }
            TpmAddress::Swtpm(path) => UnixStream::connect(path).and_then(|socket| {
                socket.set_read_timeout(Some(PATIENCE))?;
                Ok(Transport::Socket(socket))
            }),
        };
        opened.map_err(|error| {
            failed(format!("cannot reach the TPM at {address}: {error}")).hint(
                "name it in `device` under [seal.tpm]; the service's user has to be in the group \
                 `tss`, and its unit to allow the device (docs/operations.md)",
            )
        })
    }

    /// Sends a command; what comes back after the header, or the code that it was refused with.
    pub(super) fn exchange(
        &mut self,
        command: &[u8],
    ) -> Result<std::result::Result<Zeroizing<Vec<u8>>, Code>> {
        for _ in 0..TRIES {
            let answer = self.once(command)?;
            let mut reader = Reader(&answer);
            reader.take(6)?;
            match reader.u32()? {
                0 => return Ok(Ok(Zeroizing::new(answer[10..].to_vec()))),
                code if LATER.contains(&code) => thread::sleep(PAUSE),
                code => return Ok(Err(Code(code))),
            }
        }
        Err(failed("the TPM is busy for long"))
    }

    fn once(&mut self, command: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let lost = |error| failed(format!("the TPM does not answer: {error}"));
        let mut answer = Zeroizing::new(vec![0; MAX_BYTES]);
        // A device takes a command in one piece, and gives the answer in one.
        match self {
            Transport::Device(file) => file.write_all(command),
            Transport::Socket(socket) => socket.write_all(command),
        }
        .map_err(lost)?;
        let mut filled = 0;
        loop {
            let read = match self {
                Transport::Device(file) => file.read(&mut answer[filled..]),
                Transport::Socket(socket) => socket.read(&mut answer[filled..]),
            };
            match read.map_err(lost)? {
                0 => return Err(broken()),
                more => filled += more,
            }
            if let Some(size) = answer[..filled].get(2..6) {
                let size = Reader(size).u32()? as usize;
                if !(10..=MAX_BYTES).contains(&size) || filled > size {
                    return Err(broken());
                }
                if filled == size {
                    answer.truncate(size);
                    return Ok(answer);
                }
            }
        }
    }
}
