//! Frames: four bytes of length, most significant first, then one message.

use keyward_algorithms::ErrorKind;
use prost::Message;
use zeroize::Zeroize;

use crate::{
    Error, Result,
    constants::{MAX_FRAME_BYTES, PREFIX_BYTES},
    messages::{Request, Response},
};

fn encode(message: &impl Message, into: &mut Vec<u8>) -> Result<()> {
    let length = message.encoded_len();
    if length > MAX_FRAME_BYTES {
        let text = format!("a message of {length} bytes is over the limit of {MAX_FRAME_BYTES}");
        return Err(Error::new(ErrorKind::LimitExceeded, text));
    }
    into.reserve(PREFIX_BYTES + length);
    into.extend_from_slice(&(length as u32).to_be_bytes());
    message.encode_raw(into);
    Ok(())
}

fn decode<M: Message + Default>(frame: &[u8]) -> Result<M> {
    M::decode(frame).map_err(|_| {
        Error::invalid("the frame is no message of this protocol")
            .hint("check that the address is Keyward's")
    })
}

/// Appends a request, with its length before it.
pub fn encode_request(request: &Request, into: &mut Vec<u8>) -> Result<()> {
    encode(request, into)
}

/// Appends a response, with its length before it.
pub fn encode_response(response: &Response, into: &mut Vec<u8>) -> Result<()> {
    encode(response, into)
}

/// Reads a request from a frame without its length.
pub fn decode_request(frame: &[u8]) -> Result<Request> {
    decode(frame)
}

/// Reads a response from a frame without its length.
pub fn decode_response(frame: &[u8]) -> Result<Response> {
    decode(frame)
}

/// Takes bytes as they arrive and gives frames: the sans-I/O half of a connection.
///
/// The buffer grows with what has really arrived, never with what a length prefix promises, so a
/// peer that announces much and sends little costs nothing. It is wiped when it is dropped.
#[derive(Default)]
pub struct FrameReader {
    buffer: Vec<u8>,
    /// Where the first frame not yet taken begins.
    start: usize,
    /// Where the bytes that have arrived end.
    end: usize,
}

impl FrameReader {
    /// The least room to offer to one read, in bytes.
    const CHUNK_BYTES: usize = 4096;

    /// An empty reader.
    pub fn new() -> FrameReader {
        FrameReader::default()
    }

    /// Reads once from a source into the buffer; the number of bytes is 0 at its end.
    pub fn fill<E>(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> std::result::Result<usize, E>,
    ) -> std::result::Result<usize, E> {
        self.make_room();
        let count = read(&mut self.buffer[self.end..])?;
        self.end = self.buffer.len().min(self.end + count);
        Ok(count)
    }

    fn make_room(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.buffer.len() - self.end < Self::CHUNK_BYTES {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.buffer.len() - self.end < Self::CHUNK_BYTES {
            // Doubling keeps the copies of a long frame linear in its size. The old buffer is
            // wiped here, since a reallocation would leave its bytes behind.
            let mut grown = vec![0; Self::CHUNK_BYTES + 2 * self.end];
            grown[..self.end].copy_from_slice(&self.buffer[..self.end]);
            self.buffer[..self.end].zeroize();
            self.buffer = grown;
        }
    }

    /// The next whole frame without its length; `None` when more bytes are needed. A frame over
    /// the limit is an error, after which the stream cannot be trusted.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>> {
        let waiting = &self.buffer[self.start..self.end];
        let Some(prefix) = waiting.first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
        let length = u32::from_be_bytes(*prefix) as usize;
        if length > MAX_FRAME_BYTES {
            let text = format!("a frame of {length} bytes is over the limit of {MAX_FRAME_BYTES}");
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        if waiting.len() < PREFIX_BYTES + length {
            return Ok(None);
        }
        let begin = self.start + PREFIX_BYTES;
        self.start = begin + length;
        Ok(Some(&self.buffer[begin..self.start]))
    }

    /// Whether bytes of a frame that is not whole yet are waiting.
    pub fn has_partial_frame(&self) -> bool {
        self.start < self.end
    }

    /// Overwrites what the taken frames left behind, after one that carried a secret, and gives
    /// back the memory that an unusually large one took.
    pub fn wipe(&mut self) {
        self.buffer[..self.start].zeroize();
        if !self.has_partial_frame() && self.buffer.len() > 16 * Self::CHUNK_BYTES {
            self.buffer = Vec::new();
            (self.start, self.end) = (0, 0);
        }
    }
}

impl Drop for FrameReader {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::messages::{GetStatus, request};

    fn feed(reader: &mut FrameReader, bytes: &[u8]) {
        for chunk in bytes.chunks(1000) {
            reader
                .fill::<Infallible>(|into| {
                    into[..chunk.len()].copy_from_slice(chunk);
                    Ok(chunk.len())
                })
                .unwrap();
        }
    }

    #[test]
    fn frames_come_out_however_the_bytes_arrive() {
        let request = |id| Request {
            id,
            timeout_ms: 5,
            processor: 2,
            approval: 7,
            operation: Some(request::Operation::Status(GetStatus {})),
        };
        let mut bytes = Vec::new();
        encode_request(&request(1), &mut bytes).unwrap();
        encode_request(&request(2), &mut bytes).unwrap();
        let mut reader = FrameReader::new();
        let mut seen = Vec::new();
        for byte in bytes {
            feed(&mut reader, &[byte]);
            while let Some(frame) = reader.next_frame().unwrap() {
                seen.push(decode_request(frame).unwrap());
            }
            reader.wipe();
        }
        assert_eq!(seen, [request(1), request(2)]);
        assert!(!reader.has_partial_frame());
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_its_bytes_arrive() {
        let mut reader = FrameReader::new();
        feed(&mut reader, &u32::MAX.to_be_bytes());
        assert_eq!(reader.next_frame().unwrap_err().kind, ErrorKind::LimitExceeded);
    }
}
