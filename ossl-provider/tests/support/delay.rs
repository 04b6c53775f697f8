//! A remote link in miniature: a socket in front of a service's, whose answers take their time.

use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// A socket whose round trips take so much longer; it goes with the value.
pub struct Delay {
    folder: tempfile::TempDir,
}

impl Delay {
    pub fn before(socket: PathBuf, delay: Duration) -> Delay {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("hsm.sock")).unwrap();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(service) = UnixStream::connect(&socket) else { return };
                let (from, to) = (service.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || pass_on(client, service, Duration::ZERO));
                thread::spawn(move || pass_on(from, to, delay));
            }
        });
        Delay { folder }
    }

    pub fn address(&self) -> String {
        format!("unix:{}", self.path().display())
    }

    fn path(&self) -> PathBuf {
        Path::join(self.folder.path(), "hsm.sock")
    }
}

/// Clients send nothing before they have their answer, so a pause is as good as a queue.
fn pass_on(mut from: UnixStream, mut to: UnixStream, delay: Duration) {
    let mut piece = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        thread::sleep(delay);
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    _ = from.shutdown(std::net::Shutdown::Both);
    _ = to.shutdown(std::net::Shutdown::Both);
}
