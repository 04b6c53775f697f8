//! A socket in front of the service that writes down which requests pass, and may change the answers.

use std::{
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    sync::{Arc, Mutex},
    thread,
};

use keyward_protocol::{
    FrameReader, decode_request, decode_response, encode_response, messages::Response, operation_of,
};

/// The proxy; its threads end with the connections, the one that accepts with the process.
pub struct Proxy {
    folder: tempfile::TempDir,
    requests: Arc<Mutex<Vec<&'static str>>>,
}

impl Proxy {
    /// Starts a proxy to a service's address.
    pub fn to(address: &str) -> Proxy {
        Proxy::start(address, || <[u8]>::to_vec)
    }

    /// A proxy that changes the answers of a service.
    pub fn changing(
        address: &str,
        change: impl Fn(&mut Response) + Clone + Send + 'static,
    ) -> Proxy {
        Proxy::start(address, move || {
            let (mut reader, change) = (FrameReader::new(), change.clone());
            move |bytes: &[u8]| changed(&mut reader, bytes, &change)
        })
    }

    /// What passes back over a connection goes through a function of its own.
    fn start<F: FnMut(&[u8]) -> Vec<u8> + Send + 'static>(
        address: &str,
        back: impl Fn() -> F + Send + 'static,
    ) -> Proxy {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("hsm.sock")).unwrap();
        let service = address.strip_prefix("unix:").expect("a socket").to_owned();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let written = requests.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(service) = UnixStream::connect(&service) else { continue };
                let answers = (service.try_clone().unwrap(), client.try_clone().unwrap());
                let mut reader = FrameReader::new();
                let requests = written.clone();
                thread::spawn(move || {
                    pass_on(client, service, |bytes| {
                        note(&mut reader, bytes, &requests);
                        bytes.to_vec()
                    });
                });
                let back = back();
                thread::spawn(move || pass_on(answers.0, answers.1, back));
            }
        });
        Proxy { folder, requests }
    }

    /// The address for clients.
    pub fn address(&self) -> String {
        format!("unix:{}", self.folder.path().join("hsm.sock").display())
    }

    /// The requests that have passed since the last call, without those that open a connection.
    pub fn requests(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

/// Writes down the requests that are complete with these bytes.
fn note(reader: &mut FrameReader, mut bytes: &[u8], requests: &Mutex<Vec<&'static str>>) {
    while !bytes.is_empty() {
        reader.fill(|into| bytes.read(into)).unwrap();
        while let Some(frame) = reader.next_frame().expect("the module sends frames") {
            let request = decode_request(frame).expect("the module sends requests");
            let name = operation_of(&request.operation.expect("a request asks")).row().name;
            if name != "hello" {
                requests.lock().unwrap().push(name);
            }
        }
    }
}

/// The answers that are complete with these bytes, each changed.
fn changed(reader: &mut FrameReader, mut bytes: &[u8], change: &impl Fn(&mut Response)) -> Vec<u8> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        reader.fill(|into| bytes.read(into)).unwrap();
        while let Some(frame) = reader.next_frame().expect("the service sends frames") {
            let mut answer = decode_response(frame).expect("the service sends answers");
            change(&mut answer);
            encode_response(&answer, &mut answers).unwrap();
        }
    }
    answers
}

/// Copies until either end is gone. A request is written down before it is passed on, so that who
/// has the answer finds it in the list.
fn pass_on(mut from: UnixStream, mut to: UnixStream, mut through: impl FnMut(&[u8]) -> Vec<u8>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if to.write_all(&through(&buffer[..length])).is_err() {
            break;
        }
    }
    _ = to.shutdown(Shutdown::Both);
    _ = from.shutdown(Shutdown::Both);
}
