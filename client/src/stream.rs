//! One connected byte stream: a UNIX socket, or TLS over TCP.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
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
}

enum Kind {
    Unix(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
}

/// A connected socket whose reads and writes wait until a deadline and no longer, however often a
/// signal of the host interrupts them.
struct Socket {
    fd: OwnedFd,
    deadline: Instant,
}

impl Stream {
    /// Connects to a UNIX socket.
    pub(crate) fn unix(path: &Path, connect_timeout: Duration) -> io::Result<Stream> {
        let deadline = Instant::now() + connect_timeout;
        let socket =
            socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        let address = SocketAddrUnix::new(path)?;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            // `connect` waits while the listener's backlog is full, for ever without this.
            set_socket_timeout(&socket, Timeout::Send, Some(left))?;
            match connect(&socket, &address) {
                Err(Errno::INTR) => {}
                outcome => break outcome?,
            }
        }
        let fd = above_standard_streams(socket)?;
        Stream::new(Kind::Unix(Socket { fd, deadline }))
    }

    /// TLS over a new connection, whose handshake is left to the first write.
    pub(crate) fn tls(
        tcp: TcpStream,
        host: &str,
        config: Arc<ClientConfig>,
        connect_timeout: Duration,
    ) -> io::Result<Stream> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "not a host name"))?;
        tcp.set_nodelay(true)?;
        let fd = above_standard_streams(tcp.into())?;
        let tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let socket = Socket { fd, deadline: Instant::now() + connect_timeout };
        Stream::new(Kind::Tls(Box::new(StreamOwned::new(tls, socket))))
    }

    fn new(kind: Kind) -> io::Result<Stream> {
        let identity = identity_of(kind.socket().fd.as_fd())?;
        Ok(Stream { kind: Some(kind), owner: Owner::current(), identity })
    }

    /// Whose the stream is.
    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    /// Whether the descriptor still is the socket that was opened. A host may close descriptors
    /// that it did not open, as daemons do when they start, and give the number to a file of its
    /// own; nothing of ours may be written there.
    pub(crate) fn is_intact(&self) -> bool {
        identity_of(self.as_fd()).is_ok_and(|identity| identity == self.identity)
    }

    /// Until when later reads and writes wait.
    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        match self.kind_mut() {
            Kind::Unix(socket) => socket.deadline = deadline,
            Kind::Tls(tls) => tls.sock.deadline = deadline,
        }
    }

    /// The user that listens on a UNIX socket, by the kernel's word.
    pub(crate) fn listener(&self) -> io::Result<u32> {
        Ok(keyward_kernel_facts::peer_credentials(self.as_fd())?.uid)
    }

    /// Whether the other end is on this machine for sure.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.kind(), Kind::Unix(_))
    }

    /// The socket, to wait for.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.kind().socket().fd.as_fd()
    }

    /// Whether a read would find something, be it the end.
    pub(crate) fn is_readable(&self) -> io::Result<bool> {
        let peek = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        match recv(self.as_fd(), &mut [0_u8; 1], peek) {
            Ok(_) => Ok(true),
            Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes all of it.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.kind_mut() {
            Kind::Unix(socket) => socket.write_all(bytes),
            Kind::Tls(tls) => {
                tls.write_all(bytes)?;
                tls.flush()
            }
        }
    }

    /// Reads once; 0 is the end.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.kind_mut() {
            Kind::Unix(socket) => socket.read(into),
            Kind::Tls(tls) => tls.read(into),
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
            Some(Kind::Unix(socket)) if !intact => _ = socket.fd.into_raw_fd(),
            Some(Kind::Tls(tls)) if !intact => _ = tls.into_parts().1.fd.into_raw_fd(),
            _ => {}
        }
    }
}

impl Kind {
    fn socket(&self) -> &Socket {
        match self {
            Kind::Unix(socket) => socket,
            Kind::Tls(tls) => &tls.sock,
        }
    }
}

impl Socket {
    /// Waits until the socket is ready, at most until the deadline.
    fn wait(&self, ready: PollFlags) -> io::Result<()> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            let left = Timespec {
                tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            match poll(&mut [PollFd::from_borrowed_fd(self.fd.as_fd(), ready)], Some(&left)) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Read for Socket {
    /// Polls before it receives. The kernel wakes whoever waits inside `recv` of a UNIX socket also
    /// when the other side takes what was sent, which costs both sides a change of threads with each
    /// request; a poll for data sleeps on.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            self.wait(PollFlags::IN)?;
            match recv(&self.fd, &mut *into, RecvFlags::DONTWAIT) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                outcome => return Ok(outcome?.0),
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            // Without NOSIGNAL a service that went away would kill the host by SIGPIPE.
            match send(&self.fd, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT)?,
                Err(Errno::INTR) => {}
                outcome => return Ok(outcome?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
