//! A remote link in miniature.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Listens on a new socket in front of a service's, with round trips that take so much longer, for
/// as long as this process lives.
///
/// # Errors
/// The system's, when it can't listen there.
pub fn delay(listen: &Path, service: PathBuf, delay: Duration) -> io::Result<()> {
    let listener = UnixListener::bind(listen)?;
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            // Without a service the client sees its connection end, and tries again.
            _ = join(client, &service, delay);
        }
    });
    Ok(())
}

fn join(client: UnixStream, service: &Path, delay: Duration) -> io::Result<()> {
    let service = UnixStream::connect(service)?;
    let (from, to) = (service.try_clone()?, client.try_clone()?);
    thread::spawn(move || pass_on(client, service, Duration::ZERO));
    thread::spawn(move || pass_on(from, to, delay));
    Ok(())
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
    _ = from.shutdown(Shutdown::Both);
    _ = to.shutdown(Shutdown::Both);
}
