//! A connection without the client library: for what a well-behaved client never sends.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use keyward_algorithms::{Digest, ErrorKind, Scheme};
use keyward_protocol::{
    KeyId, decode_response, encode_request,
    messages::{Algorithm, Failure, GetStatus, Hello, Request, Response, Sign, request, response},
};

pub struct Raw {
    pub stream: UnixStream,
}

impl Raw {
    pub fn connect(socket: &Path) -> Raw {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Raw { stream }
    }

    pub fn send(&mut self, id: u64, operation: request::Operation) {
        self.send_with(self::request(id, operation));
    }

    pub fn send_with(&mut self, request: Request) {
        self.stream.write_all(&frame(request)).unwrap();
    }

    /// The next response; `None` when the service has closed the connection.
    pub fn receive(&mut self) -> Option<Response> {
        self.receive_with_bytes().map(|(response, _)| response)
    }

    /// The same with the frame that it came in.
    pub fn receive_with_bytes(&mut self) -> Option<(Response, Vec<u8>)> {
        let mut prefix = [0; 4];
        self.stream.read_exact(&mut prefix).ok()?;
        let mut frame = vec![0; u32::from_be_bytes(prefix) as usize];
        self.stream.read_exact(&mut frame).ok()?;
        Some((decode_response(&frame).unwrap(), frame))
    }

    /// The next response, which is a failure, and its kind.
    pub fn receive_failure(&mut self) -> (u64, ErrorKind, Failure) {
        let response = self.receive().expect("an answer");
        match response.result {
            Some(response::Result::Failure(failure)) => {
                (response.id, ErrorKind::from_code(failure.kind).unwrap(), failure)
            }
            _ => panic!("no failure"),
        }
    }

    /// The next response's bytes.
    pub fn receive_output(&mut self) -> (u64, Vec<u8>) {
        let response = self.receive().expect("an answer");
        match response.result {
            Some(response::Result::Output(output)) => (response.id, output),
            other => panic!("no output: {other:?}"),
        }
    }

    pub fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0) | Err(_))
    }
}

pub fn request(id: u64, operation: request::Operation) -> Request {
    Request { id, operation: Some(operation), ..Default::default() }
}

pub fn frame(request: Request) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_request(&request, &mut frame).unwrap();
    frame
}

pub fn status() -> request::Operation {
    request::Operation::Status(GetStatus {})
}

pub fn hello(min_version: u32, max_version: u32) -> request::Operation {
    request::Operation::Hello(Hello { min_version, max_version, client: "test".into() })
}

/// A signature over a fixed SHA-256 digest.
pub fn sign(key: KeyId, scheme: Scheme) -> request::Operation {
    request::Operation::Sign(Sign {
        key_id: key.as_bytes().to_vec(),
        algorithm: Some(Algorithm {
            scheme: scheme.code(),
            digest: Digest::Sha256.code(),
            ..Algorithm::default()
        }),
        input: vec![7; 32],
    })
}
