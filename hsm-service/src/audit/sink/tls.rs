//! Syslog over TLS (RFC 5425): messages one after another, each behind its length.

use std::{
    fs,
    io::{self, Write},
    net::{TcpStream, ToSocketAddrs},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, poll};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use zeroize::Zeroizing;

use crate::{Error, Result, config::SinkConfig};

/// For how long the other side may acknowledge nothing, and for how long it may take nothing.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How much is gathered before it is encrypted, in bytes.
const BUFFER_BYTES: usize = 16 << 10;

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A syslog daemon on another machine.
pub(super) struct TlsTarget {
    host: String,
    port: u16,
    name: ServerName<'static>,
    ca: PathBuf,
    own: Option<(PathBuf, PathBuf)>,
    stream: Option<Stream>,
    buffer: Vec<u8>,
}

impl TlsTarget {
    /// Syslog has no acknowledgements. What TCP has sent and not seen acknowledged for
    /// [`TIMEOUT`] breaks the connection, so what is older than that, and a little, has arrived.
    pub(super) const GRACE: Duration = TIMEOUT.saturating_add(Duration::from_secs(2));

    pub(super) fn new(host: &str, port: u16, config: &SinkConfig) -> Result<TlsTarget> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Error::invalid(format!("\"{host}\" is no name of a syslog server")))?;
        Ok(TlsTarget {
            host: host.into(),
            port,
            name,
            ca: config.ca.clone().unwrap_or_default(),
            own: config.cert.clone().zip(config.key.clone()),
            stream: None,
            buffer: Vec::new(),
        })
    }

    /// Connects, or finds out whether the other side has left.
    pub(super) fn check(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else {
            self.stream = Some(self.connect()?);
            return Ok(());
        };
        while has_something(&stream.sock)? {
            // Tickets, or its farewell.
            if stream.conn.read_tls(&mut stream.sock)? == 0 {
                return Err(left());
            }
            let state = stream.conn.process_new_packets().map_err(io::Error::other)?;
            if state.peer_has_closed() {
                return Err(left());
            }
        }
        Ok(())
    }

    pub(super) fn send(&mut self, message: &[u8]) -> io::Result<()> {
        write!(self.buffer, "{} ", message.len())?;
        self.buffer.extend_from_slice(message);
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        stream.write_all(&self.buffer)?;
        stream.flush()?;
        self.buffer.clear();
        Ok(())
    }

    pub(super) fn disconnect(&mut self) {
        self.stream = None;
        self.buffer.clear();
    }

    /// The files are read each time, so that renewed ones are taken over.
    fn connect(&self) -> io::Result<Stream> {
        let config = self.config()?;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, TIMEOUT) {
                Ok(socket) => {
                    socket.set_nodelay(true)?;
                    socket.set_read_timeout(Some(TIMEOUT))?;
                    socket.set_write_timeout(Some(TIMEOUT))?;
                    let unanswered = TIMEOUT.as_millis() as u32;
                    rustix::net::sockopt::set_tcp_user_timeout(&socket, unanswered)?;
                    let name = self.name.clone();
                    let connection = ClientConnection::new(Arc::clone(&config), name);
                    let mut stream =
                        StreamOwned::new(connection.map_err(io::Error::other)?, socket);
                    while stream.conn.is_handshaking() {
                        stream.conn.complete_io(&mut stream.sock)?;
                    }
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn config(&self) -> io::Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.ca)? {
            roots.add(certificate).map_err(io::Error::other)?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots);
        let config = match &self.own {
            None => config.with_no_client_auth(),
            Some((cert, key)) => {
                let bytes = Zeroizing::new(read(key)?);
                let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| at(key, &error))?;
                config.with_client_auth_cert(certificates(cert)?, key).map_err(io::Error::other)?
            }
        };
        Ok(Arc::new(config))
    }
}

fn has_something(socket: &TcpStream) -> io::Result<bool> {
    let now = rustix::time::Timespec::default();
    Ok(poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&now))? > 0)
}

fn left() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the receiver has closed the connection")
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path).map_err(|error| at(path, &error))
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let found: std::result::Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(&read(path)?).collect();
    let found = found.map_err(|error| at(path, &error))?;
    match found.is_empty() {
        true => Err(at(path, &"it holds no certificate in PEM")),
        false => Ok(found),
    }
}

fn at(path: &Path, why: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {why}", path.display()))
}
