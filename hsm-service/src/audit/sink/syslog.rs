//! Entries as messages of syslog (RFC 5424). What an entry says is the message, as JSON.

use std::{io::Write, process};

use keyward_protocol::messages::AuditEntry;

use super::super::show;

/// The facility "log audit" (RFC 5424, 6.2.1).
const FACILITY: u8 = 13;
const WARNING: u8 = 4;
const INFORMATIONAL: u8 = 6;

/// The longest host name in a message.
const MAX_HOST_BYTES: usize = 255;

/// What all messages have in common.
pub(super) struct Syslog {
    host: String,
    process: u32,
}

impl Syslog {
    pub(super) fn new() -> Syslog {
        let name = rustix::system::uname();
        let name = name.nodename().to_string_lossy();
        let host: String =
            name.chars().filter(char::is_ascii_graphic).take(MAX_HOST_BYTES).collect();
        let host = if host.is_empty() { "-".into() } else { host };
        Syslog { host, process: process::id() }
    }

    /// Appends the message for an entry.
    pub(super) fn write(&self, entry: &AuditEntry, out: &mut Vec<u8>) {
        let severity = if entry.outcome == 0 { INFORMATIONAL } else { WARNING };
        let (priority, time) = (FACILITY * 8 + severity, show::moment(entry.time));
        let (host, process) = (&self.host, self.process);
        let what = show::what(entry).replace(' ', "-");
        let value = show::value(entry);
        // A vector takes everything.
        let _ = write!(out, "<{priority}>1 {time} {host} keyward {process} {what} - {value}");
    }
}
