//! GCM. A tag speaks for the whole message, and the service gives no plaintext before it has seen
//! the tag: so the message is one piece, whatever is authenticated beside it comes before.

use keyward_algorithms::SymmetricCipher;
use keyward_protocol::{Error, Result, SymmetricRequest};
use zeroize::Zeroizing;

use super::{Direction, SymmetricContext};
use crate::{failure::too_small, ffi::handle::Output};

/// How far the message is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Begun,
    /// It has been made or was found to be true.
    Done,
    /// It could not be made, or its tag is wrong.
    Failed,
}

/// What belongs to GCM alone.
#[derive(Clone, Default)]
pub(super) struct Gcm {
    /// What is authenticated besides the message.
    aad: Vec<u8>,
    /// The tag to check, or the one that was made.
    pub(super) tag: Vec<u8>,
    stage: Stage,
}

impl Gcm {
    /// Forgets the last message, but not a tag that was set for the next.
    pub(super) fn begin(&mut self, direction: Direction) {
        if direction == Direction::Encrypt {
            self.tag.clear();
        }
        self.aad.clear();
        self.stage = Stage::Begun;
    }
}

impl SymmetricContext {
    /// Where there is no place for output, the data are only authenticated.
    pub(super) fn update_gcm(&mut self, output: Output<'_>, data: &[u8]) -> Result<()> {
        if self.gcm.stage != Stage::Begun {
            return Err(Error::invalid("a message is encrypted with GCM in one piece")
                .hint("give all of it to one update; what is only authenticated comes before"));
        }
        if output.asks_for_size() {
            self.gcm.aad.extend_from_slice(data);
            output.set_size(data.len());
            return Ok(());
        }
        let result = self.whole(data)?;
        if output.write(&result) {
            return Ok(());
        }
        self.gcm.stage = Stage::Failed;
        Err(too_small(result.len()))
    }

    /// Nothing is left to give; a message without a byte is made or checked here.
    pub(super) fn finish_gcm(&mut self, output: Output<'_>) -> Result<()> {
        match self.gcm.stage {
            Stage::Begun => drop(self.whole(&[])?),
            Stage::Done => {}
            Stage::Failed => return Err(Error::invalid("the message failed before its end")),
        }
        output.set_size(0);
        Ok(())
    }

    /// The whole message. One that failed stays so, whatever comes after.
    fn whole(&mut self, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.gcm.stage = Stage::Failed;
        let result = self.ask_for(data)?;
        self.gcm.stage = Stage::Done;
        Ok(result)
    }

    fn ask_for(&mut self, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let key = self.key()?.clone();
        let client = self.provider.client()?;
        let request = SymmetricRequest {
            aad: &self.gcm.aad,
            ..SymmetricRequest::new(SymmetricCipher::AesGcm, &[], data)
        };
        if self.direction == Direction::Encrypt {
            let reply = client.encipher(&key.id, &request).map_err(|error| key.about(error))?;
            let mut output = reply.output;
            let length = output.len().saturating_sub(request.tag_bytes);
            self.gcm.tag = output.split_off(length);
            self.iv = reply.iv;
            return Ok(Zeroizing::new(output));
        }
        if self.gcm.tag.is_empty() || self.iv.is_empty() {
            return Err(Error::invalid("the tag or the initialisation vector is missing")
                .hint("set both before the message (EVP_CTRL_AEAD_SET_TAG)"));
        }
        let input = [data, &self.gcm.tag].concat();
        let tag_bytes = self.gcm.tag.len();
        let request = SymmetricRequest { iv: &self.iv, tag_bytes, input: &input, ..request };
        client.decipher(&key.id, &request).map_err(|error| key.about(error))
    }
}
