//! One connected byte stream: a UNIX socket, or TLS over TCP.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd},
    path::Path,
    sync::Arc,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::fstat,
    io::{Errno, fcntl_dupfd_cloexec},
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect,
        recv, send, socket_with,
        sockopt::{Timeout, set_socket_timeout},
    },
};
use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};

use crate::owner::Owner;

/// A connected stream that knows whose it is.
pub(crate) struct Stream {
    /// `None` only while it is being dropped.
    kind: Option<Kind>,
    owner: Owner,
    /// Device and inode of the socket, which tell it from another file under the same number.
    identity: (u64, u64),
    timeout: Duration,
}

enum Kind {
    Unix(OwnedFd),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// Connects to a UNIX socket.
    pub(crate) fn unix(path: &Path, connect_timeout: Duration) -> io::Result<Stream> {
        let socket =
            socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        // `connect` waits while the listener's backlog is full, for ever without this.
        set_socket_timeout(&socket, Timeout::Send, Some(connect_timeout))?;
        let address = SocketAddrUnix::new(path)?;
        retry_interrupted(|| connect(&socket, &address))?;
        Stream::new(Kind::Unix(above_standard_streams(socket)?), connect_timeout)
    }

    /// Connects over TCP and leaves TLS's handshake to the first write.
    pub(crate) fn tls(
        host: &str,
        port: u16,
        config: Arc<ClientConfig>,
        connect_timeout: Duration,
    ) -> io::Result<Stream> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "not a host name"))?;
        let mut outcome = Err(io::Error::new(io::ErrorKind::NotFound, "the host has no address"));
        for address in (host, port).to_socket_addrs()? {
            outcome = TcpStream::connect_timeout(&address, connect_timeout);
            if outcome.is_ok() {
                break;
            }
        }
        let tcp = TcpStream::from(above_standard_streams(outcome?.into())?);
        tcp.set_nodelay(true)?;
        let tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
        Stream::new(Kind::Tls(Box::new(StreamOwned::new(tls, tcp))), connect_timeout)
    }

    fn new(kind: Kind, timeout: Duration) -> io::Result<Stream> {
        let identity = identity_of(kind.fd())?;
        let mut stream =
            Stream { kind: Some(kind), owner: Owner::current(), identity, timeout: Duration::ZERO };
        stream.set_timeout(timeout)?;
        Ok(stream)
    }

    /// Whose the stream is.
    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    /// Whether the descriptor still is the socket that was opened. A host may close descriptors
    /// that it did not open, as daemons do when they start, and give the number to a file of its
    /// own; nothing of ours may be written there.
    pub(crate) fn is_intact(&self) -> bool {
        identity_of(self.kind().fd()).is_ok_and(|identity| identity == self.identity)
    }

    /// Bounds each later read and write.
    pub(crate) fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        if self.timeout != timeout {
            set_socket_timeout(self.kind().fd(), Timeout::Send, Some(timeout))?;
            set_socket_timeout(self.kind().fd(), Timeout::Recv, Some(timeout))?;
            self.timeout = timeout;
        }
        Ok(())
    }

    /// The user that listens on a UNIX socket, by the kernel's word.
    pub(crate) fn listener(&self) -> io::Result<u32> {
        Ok(keyward_peer_groups::peer_credentials(self.kind().fd())?.uid)
    }

    /// Whether the other end is on this machine for sure.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.kind(), Kind::Unix(_))
    }

    /// The socket, to wait for.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.kind().fd()
    }

    /// Whether a read would find something, be it the end.
    pub(crate) fn is_readable(&self) -> io::Result<bool> {
        let peek = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        match retry_interrupted(|| recv(self.kind().fd(), &mut [0_u8; 1], peek)) {
            Ok(_) => Ok(true),
            Err(Errno::AGAIN) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes all of it.
    pub(crate) fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        match self.kind_mut() {
            Kind::Unix(socket) => {
                while !bytes.is_empty() {
                    // Without NOSIGNAL a service that went away would kill the host by SIGPIPE.
                    let sent = retry_interrupted(|| send(&*socket, bytes, SendFlags::NOSIGNAL))?;
                    bytes = &bytes[sent..];
                }
                Ok(())
            }
            Kind::Tls(tls) => {
                tls.write_all(bytes)?;
                tls.flush()
            }
        }
    }

    /// Reads once; 0 is the end.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let timeout = self.timeout;
        match self.kind_mut() {
            Kind::Unix(socket) => loop {
                wait_readable(socket.as_fd(), timeout)?;
                match retry_interrupted(|| recv(&*socket, &mut *into, RecvFlags::DONTWAIT)) {
                    Err(Errno::AGAIN) => {}
                    outcome => return Ok(outcome?.0),
                }
            },
            Kind::Tls(tls) => loop {
                match tls.read(into) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    outcome => return outcome,
                }
            },
        }
    }

    fn kind(&self) -> &Kind {
        self.kind.as_ref().expect("only drop takes it")
    }

    fn kind_mut(&mut self) -> &mut Kind {
        self.kind.as_mut().expect("only drop takes it")
    }
}

impl Drop for Stream {
    /// Closes the socket, without TLS's farewell: after a fork that would end the parent's session.
    /// A descriptor that is another's by now stays open.
    fn drop(&mut self) {
        let intact = self.is_intact();
        match self.kind.take() {
            Some(Kind::Unix(socket)) if !intact => _ = socket.into_raw_fd(),
            Some(Kind::Tls(tls)) if !intact => _ = tls.into_parts().1.into_raw_fd(),
            _ => {}
        }
    }
}

impl Kind {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Kind::Unix(socket) => socket.as_fd(),
            Kind::Tls(tls) => tls.sock.as_fd(),
        }
    }
}

fn identity_of(fd: BorrowedFd<'_>) -> io::Result<(u64, u64)> {
    let status = fstat(fd)?;
    Ok((status.st_dev, status.st_ino))
}

/// Moves a descriptor out of 0, 1 and 2: a host that runs without its standard streams may put
/// others there at any time.
pub(crate) fn above_standard_streams(fd: OwnedFd) -> io::Result<OwnedFd> {
    use std::os::fd::AsRawFd;
    if fd.as_raw_fd() > 2 {
        return Ok(fd);
    }
    Ok(fcntl_dupfd_cloexec(&fd, 3)?)
}

/// Waits until a read would find something. The kernel wakes whoever waits inside `recv` of a UNIX
/// socket also when the other side takes what was sent, which costs both sides a change of threads
/// with each request; a poll for data sleeps on.
fn wait_readable(socket: BorrowedFd<'_>, timeout: Duration) -> io::Result<()> {
    let timeout = Timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    let mut sockets = [PollFd::from_borrowed_fd(socket, PollFlags::IN)];
    match retry_interrupted(|| poll(&mut sockets, Some(&timeout)))? {
        0 => Err(Errno::AGAIN.into()),
        _ => Ok(()),
    }
}

fn retry_interrupted<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            outcome => return outcome,
        }
    }
}
