//! Addresses of a service.

use std::{fmt, path::PathBuf, str::FromStr};

use keyward_protocol::Error;

/// Where a service listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A UNIX socket: `unix:PATH`.
    Unix(PathBuf),
    /// Mutual TLS 1.3: `tls://HOST:PORT`.
    Tls {
        /// Host name or IP address, without brackets.
        host: String,
        /// TCP port.
        port: u16,
    },
}

impl Address {
    /// Where an installed service listens.
    pub const DEFAULT: &'static str = "unix:/run/keyward/hsm.sock";

    /// Reads a comma list of addresses.
    pub fn parse_list(list: &str) -> Result<Vec<Address>, Error> {
        let addresses: Vec<Address> = list
            .split(',')
            .map(str::trim)
            .filter(|address| !address.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        if addresses.is_empty() {
            return Err(Error::invalid("the setting \"address\" names no address"));
        }
        Ok(addresses)
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Address, Error> {
        let wrong = || {
            Error::invalid(format!("{text:?} is no address of a service"))
                .hint("write unix:PATH or tls://HOST:PORT, several with commas between")
        };
        if let Some(path) = text.strip_prefix("unix:") {
            // The kernel's bound on sun_path, with its final NUL.
            if path.is_empty() || path.len() > 107 {
                return Err(wrong());
            }
            return Ok(Address::Unix(path.into()));
        }
        let (host, port) = text
            .strip_prefix("tls://")
            .and_then(|rest| rest.trim_end_matches('/').rsplit_once(':'))
            .ok_or_else(wrong)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err(wrong());
        }
        Ok(Address::Tls { host: host.into(), port: port.parse().map_err(|_| wrong())? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Tls { host, port } if host.contains(':') => write!(f, "tls://[{host}]:{port}"),
            Address::Tls { host, port } => write!(f, "tls://{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_back_and_mistakes_are_named() {
        let list = "unix:/run/a.sock, tls://hsm.example:7443,tls://[::1]:7443";
        let addresses = Address::parse_list(list).unwrap();
        let written: Vec<String> = addresses.iter().map(Address::to_string).collect();
        assert_eq!(written, list.split(',').map(str::trim).collect::<Vec<_>>());
        for wrong in ["", "/run/a.sock", "unix:", "tls://host", "tls://:1", "tls://host:70000"] {
            assert!(Address::parse_list(wrong).is_err(), "{wrong}");
        }
    }
}
