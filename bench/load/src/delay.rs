//! A remote link in miniature.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
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
            let joined = UnixStream::connect(&service).map(|service| join(client, service, delay));
            drop(joined);
        }
    });
    Ok(())
}

/// The same in front of a service that listens for other machines; gives the port of loopback that
/// leads to it.
///
/// # Errors
/// The system's, when it can't listen.
pub fn delay_tcp(service: SocketAddr, delay: Duration) -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let joined = TcpStream::connect(service).map(|service| join(client, service, delay));
            drop(joined);
        }
    });
    Ok(port)
}

/// A stream with two ends in one.
trait Stream: Read + Write + Send + Sized + 'static {
    fn another(&self) -> io::Result<Self>;
    fn close(&self) -> io::Result<()>;
}

impl Stream for UnixStream {
    fn another(&self) -> io::Result<UnixStream> {
        self.try_clone()
    }

    fn close(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Both)
    }
}

impl Stream for TcpStream {
    fn another(&self) -> io::Result<TcpStream> {
        // What comes in pieces goes on in pieces at once.
        self.set_nodelay(true)?;
        self.try_clone()
    }

    fn close(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Both)
    }
}

fn join<S: Stream>(client: S, service: S, delay: Duration) -> io::Result<()> {
    let (from, to) = (service.another()?, client.another()?);
    thread::spawn(move || pass_on(client, service, Duration::ZERO));
    thread::spawn(move || pass_on(from, to, delay));
    Ok(())
}

/// Clients send nothing before they have their answer, so a pause is as good as a queue.
fn pass_on<S: Stream>(mut from: S, mut to: S, delay: Duration) {
    let mut piece = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        thread::sleep(delay);
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    _ = from.close();
    _ = to.close();
}
