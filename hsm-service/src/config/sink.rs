//! Where the entries of the audit log are sent besides its files.

use std::{fmt, path::PathBuf};

use serde::Deserialize;

use crate::{Error, Result};

/// One place to send entries to: exactly one of `syslog` and `journald`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkConfig {
    /// A syslog daemon (RFC 5424): `unix:PATH` or `tls://HOST:PORT` (RFC 5425).
    pub syslog: Option<SyslogAddress>,
    /// The socket of systemd's journal.
    pub journald: Option<PathBuf>,
    /// With `tls://`: the file with the certificates of the authorities to be trusted.
    pub ca: Option<PathBuf>,
    /// With `tls://`: the files with the service's certificate there and its key, where the
    /// receiver asks for one.
    pub cert: Option<PathBuf>,
    /// See [`cert`](Self::cert).
    pub key: Option<PathBuf>,
    /// Whether keys are used, and acts carried out, only while this sink keeps up.
    #[serde(default)]
    pub required: bool,
    /// For how long a required sink may be behind, in seconds.
    #[serde(default = "default_max_lag")]
    pub max_lag_seconds: u64,
}

fn default_max_lag() -> u64 {
    10
}

/// Where a syslog daemon listens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum SyslogAddress {
    /// A UNIX socket for datagrams.
    Unix(PathBuf),
    /// A machine and its port, over TLS.
    Tls {
        /// The name that the machine's certificate has.
        host: String,
        /// The port, 6514 where the standard is kept.
        port: u16,
    },
}

impl TryFrom<String> for SyslogAddress {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<SyslogAddress, String> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| path.starts_with('/')) {
            return Ok(SyslogAddress::Unix(path.into()));
        }
        let host_and_port = text.strip_prefix("tls://").and_then(|rest| rest.rsplit_once(':'));
        if let Some((host, port)) = host_and_port.filter(|(host, _)| !host.is_empty())
            && let Ok(port) = port.parse()
        {
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            return Ok(SyslogAddress::Tls { host, port });
        }
        Err(format!("\"{text}\" is no place for syslog: write unix:/PATH or tls://HOST:PORT"))
    }
}

impl fmt::Display for SinkConfig {
    /// Its name in warnings and metrics.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.syslog, &self.journald) {
            (Some(SyslogAddress::Unix(path)), _) => write!(f, "syslog unix:{}", path.display()),
            (Some(SyslogAddress::Tls { host, port }), _) => write!(f, "syslog tls://{host}:{port}"),
            (None, Some(path)) => write!(f, "journald {}", path.display()),
            (None, None) => f.write_str("nowhere"),
        }
    }
}

/// Whether all of them make sense.
pub(super) fn check(sinks: &[SinkConfig]) -> Result<()> {
    for (index, sink) in sinks.iter().enumerate() {
        let wrong = |what: &str| Error::invalid(format!("the [[audit.sink]] \"{sink}\" {what}"));
        if sink.syslog.is_some() == sink.journald.is_some() {
            return Err(Error::invalid(
                "each [[audit.sink]] section needs either `syslog` or `journald`",
            ));
        }
        let is_tls = matches!(sink.syslog, Some(SyslogAddress::Tls { .. }));
        let files = [&sink.ca, &sink.cert, &sink.key].map(Option::is_some);
        match (is_tls, files) {
            (true, [false, ..]) => {
                return Err(wrong("wants `ca`: whom to trust")
                    .hint("name the certificate of the authority of your log server"));
            }
            (true, [true, cert, key]) if cert != key => {
                return Err(wrong("has one of `cert` and `key`, which go together"));
            }
            (false, files) if files != [false; 3] => {
                return Err(wrong("has `ca`, `cert` or `key`, which are for tls://"));
            }
            _ => {}
        }
        if sink.max_lag_seconds == 0 {
            return Err(wrong("has `max_lag_seconds` 0").hint("use at least 1"));
        }
        if sinks[..index].iter().any(|other| other.to_string() == sink.to_string()) {
            return Err(wrong("is there twice"));
        }
    }
    Ok(())
}
