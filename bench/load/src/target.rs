//! A server to visit, and one visit to it.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    str::FromStr,
    sync::Arc,
    thread,
    time::Duration,
};

use rustls::{
    CipherSuite, ClientConfig, ClientConnection, NamedGroup, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
    client::Resumption,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName},
    version::{TLS12, TLS13},
};
use serde::Serialize;

use crate::{opening::Opening, verifier::AcceptAll};

/// The version of TLS that a visit speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[serde(rename = "1.2")]
    V1_2,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "1.3")]
    V1_3,
}

impl TlsVersion {
    fn rustls(self) -> &'static SupportedProtocolVersion {
        match self {
            TlsVersion::V1_2 => &TLS12,
            TlsVersion::V1_3 => &TLS13,
        }
    }
}

impl FromStr for TlsVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<TlsVersion, String> {
        match text {
            "1.2" => Ok(TlsVersion::V1_2),
            "1.3" => Ok(TlsVersion::V1_3),
            _ => Err(format!("{text:?} is no version of TLS; write 1.2 or 1.3")),
        }
    }
}

/// What a client is to do, before its settings are turned into a [`Target`].
#[derive(Clone, Debug)]
pub struct TargetBuilder {
    /// Where the server listens.
    pub address: SocketAddr,
    /// The name that the client asks for, and checks the certificate against.
    pub server_name: String,
    /// The version of TLS.
    pub version: TlsVersion,
    /// PEM certificates to trust; `None` accepts any certificate and checks no signature.
    pub trusted_pem: Option<Vec<u8>>,
    /// Signature schemes to offer, for servers with certificates of several kinds; `None` offers
    /// all. Only `ecdsa` and `rsa` families are told apart.
    pub family: Option<CertificateFamily>,
    /// What the two say before TLS begins.
    pub opening: Opening,
    /// A path to fetch over HTTP after the handshake; `None` hangs up at once.
    pub request: Option<String>,
    /// How long to wait for any one answer.
    pub patience: Duration,
}

/// The kind of certificate that a client asks for by the signature schemes that it offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateFamily {
    /// RSA keys.
    Rsa,
    /// Keys on elliptic curves, Ed25519 among them.
    Ec,
}

/// A server that a client visits again and again.
#[derive(Clone)]
pub struct Target {
    address: SocketAddr,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
    opening: Opening,
    request: Option<Arc<str>>,
    patience: Duration,
}

/// What a client saw.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The server's certificate chain, its own first, in DER.
    pub chain: Vec<Vec<u8>>,
    /// The cipher suite.
    pub suite: CipherSuite,
    /// The answer to the request, if there was one.
    pub response: Vec<u8>,
}

/// How long a client usually waits for any one answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest answer that a client reads, in bytes.
const MAX_RESPONSE_BYTES: u64 = 1 << 20;

impl TargetBuilder {
    /// A TLS 1.3 client that trusts anyone and asks for nothing.
    pub fn new(address: SocketAddr, server_name: &str) -> TargetBuilder {
        TargetBuilder {
            address,
            server_name: server_name.into(),
            version: TlsVersion::V1_3,
            trusted_pem: None,
            family: None,
            opening: Opening::None,
            request: None,
            patience: PATIENCE,
        }
    }

    /// Makes the target; an error says what is wrong with the settings.
    pub fn build(self) -> Result<Target, String> {
        let crypto = Arc::new(lean(self.version, self.family));
        let builder = ClientConfig::builder_with_provider(crypto.clone())
            .with_protocol_versions(&[self.version.rustls()])
            .map_err(|error| error.to_string())?;
        let builder = match &self.trusted_pem {
            Some(pem) => builder.with_root_certificates(roots(pem)?),
            None => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AcceptAll::new(&crypto))),
        };
        let mut config = builder.with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Target {
            address: self.address,
            name: ServerName::try_from(self.server_name.clone())
                .map_err(|_| format!("{:?} is no server name", self.server_name))?,
            config: Arc::new(config),
            opening: self.opening,
            request: self.request.map(|path| {
                format!(
                    "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
                    self.server_name
                )
                .into()
            }),
            patience: self.patience,
        })
    }
}

impl Target {
    /// Connects, opens as the protocol wants it, shakes hands, sends the request if there is one, and hangs up.
    pub fn visit(&self) -> io::Result<Visit> {
        let (mut tcp, mut tls) = self.connect()?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        while tls.wants_write() {
            tls.write_tls(&mut tcp)?;
        }
        let response = match &self.request {
            Some(request) => fetch(&mut tls, &mut tcp, request)?,
            None => Vec::new(),
        };
        let chain = tls.peer_certificates().unwrap_or_default();
        let suite = tls.negotiated_cipher_suite().ok_or_else(|| io::Error::other("no suite"))?;
        Ok(Visit {
            chain: chain.iter().map(|certificate| certificate.to_vec()).collect(),
            suite: suite.suite(),
            response,
        })
    }

    /// Begins a handshake and hangs up a moment later, whatever the server does meanwhile.
    pub fn hang_up(&self, moment: Duration) -> io::Result<()> {
        let (mut tcp, mut tls) = self.connect()?;
        tls.write_tls(&mut tcp)?;
        thread::sleep(moment);
        Ok(())
    }

    fn connect(&self) -> io::Result<(TcpStream, ClientConnection)> {
        let mut tcp = TcpStream::connect(self.address)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(self.patience))?;
        tcp.set_write_timeout(Some(self.patience))?;
        // Closing resets the connection, so no port is left in TIME_WAIT: there are only some
        // 28,000 of them.
        rustix::net::sockopt::set_socket_linger(&tcp, Some(Duration::ZERO))?;
        self.opening.speak(&mut tcp)?;
        let tls = ClientConnection::new(self.config.clone(), self.name.clone());
        Ok((tcp, tls.map_err(io::Error::other)?))
    }
}

fn fetch(tls: &mut ClientConnection, tcp: &mut TcpStream, request: &str) -> io::Result<Vec<u8>> {
    let mut stream = rustls::Stream::new(tls, tcp);
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    match stream.take(MAX_RESPONSE_BYTES).read_to_end(&mut response) {
        // Some servers close without TLS's farewell; the answer itself shows whether it is whole.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
        _ => {}
    }
    if ![b"HTTP/1.1 200", b"HTTP/1.0 200"].iter().any(|well| response.starts_with(*well)) {
        let line = response.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        return Err(io::Error::other(format!("the server answered {line:?}")));
    }
    Ok(response)
}

/// One cheap suite for each version of TLS and key type, one cheap group.
fn lean(version: TlsVersion, family: Option<CertificateFamily>) -> CryptoProvider {
    let mut crypto = aws_lc_rs::default_provider();
    // In TLS 1.2 the groups also say which certificates the client reads (RFC 8422, 5.1).
    if version == TlsVersion::V1_3 {
        // The first is the one that a key is sent for; some servers have only the other.
        let wanted = [NamedGroup::X25519, NamedGroup::secp256r1];
        crypto.kx_groups.retain(|group| wanted.contains(&group.name()));
    }
    crypto.cipher_suites.retain(|suite| match suite.suite() {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => true,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => {
            family != Some(CertificateFamily::Rsa)
        }
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => family != Some(CertificateFamily::Ec),
        _ => false,
    });
    let is_rsa = |scheme: SignatureScheme| scheme.as_str().is_some_and(|n| n.starts_with("RSA"));
    if let Some(family) = family {
        // A leaked slice per target: a program makes a handful of them.
        let mapping = crypto.signature_verification_algorithms.mapping;
        let chosen: Vec<_> = mapping
            .iter()
            .filter(|(scheme, _)| is_rsa(*scheme) == (family == CertificateFamily::Rsa))
            .copied()
            .collect();
        crypto.signature_verification_algorithms.mapping = chosen.leak();
    }
    crypto
}

fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    use rustls::pki_types::pem::PemObject;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("a certificate: {error}"))?;
        roots.add(certificate).map_err(|error| format!("a certificate: {error}"))?;
    }
    if roots.is_empty() {
        return Err("the file of trusted certificates has none".into());
    }
    Ok(roots)
}
