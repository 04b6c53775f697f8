//! Where the service listens, and where it tells how it is.

use std::{fmt, net::SocketAddr, path::PathBuf};

use serde::Deserialize;

use crate::{Error, Result};

/// One place to listen: exactly one of `unix` and `tls`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenConfig {
    /// The path of a UNIX socket.
    pub unix: Option<PathBuf>,
    /// Its permissions in octal. Who may connect to it is not yet who may use keys.
    pub mode: Option<String>,
    /// The group that owns it.
    pub group: Option<String>,
    /// An address and port for mutual TLS.
    pub tls: Option<SocketAddr>,
}

impl ListenConfig {
    /// A UNIX socket to which every local user may connect.
    pub fn unix(path: impl Into<PathBuf>) -> ListenConfig {
        ListenConfig { unix: Some(path.into()), mode: None, group: None, tls: None }
    }

    /// A TLS address.
    pub fn tls(address: SocketAddr) -> ListenConfig {
        ListenConfig { unix: None, mode: None, group: None, tls: Some(address) }
    }

    /// The permissions of the socket.
    pub(crate) fn mode(&self) -> Result<u32> {
        let Some(mode) = &self.mode else { return Ok(0o666) };
        u32::from_str_radix(mode, 8).ok().filter(|mode| *mode <= 0o777).ok_or_else(|| {
            Error::invalid(format!("\"{mode}\" are no permissions of a socket"))
                .hint("write them in octal: mode = \"0660\"")
        })
    }
}

impl fmt::Display for ListenConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.unix, self.tls) {
            (Some(path), _) => write!(f, "unix:{}", path.display()),
            (None, Some(address)) => write!(f, "tls://{address}"),
            (None, None) => f.write_str("nowhere"),
        }
    }
}

/// Where the service tells how it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthConfig {
    /// `unix:PATH`, `IP:PORT` or `off`; `health.sock` beside the first UNIX socket if nothing is
    /// said.
    pub listen: Option<HealthAddress>,
}

/// A place to ask how the service is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum HealthAddress {
    /// A UNIX socket, to which every local user may connect.
    Unix(PathBuf),
    /// An address and port without TLS.
    Tcp(SocketAddr),
    /// None.
    Off,
}

impl TryFrom<String> for HealthAddress {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<HealthAddress, String> {
        if text == "off" {
            return Ok(HealthAddress::Off);
        }
        match text.strip_prefix("unix:") {
            Some(path) if !path.is_empty() => Ok(HealthAddress::Unix(path.into())),
            _ => text.parse().map(HealthAddress::Tcp).map_err(|_| {
                format!("\"{text}\" is no place to listen: write unix:PATH, IP:PORT or off")
            }),
        }
    }
}
