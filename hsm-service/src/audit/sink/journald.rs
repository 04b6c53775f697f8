//! Entries in the native protocol of systemd's journal: a datagram of fields
//! (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>).

use keyward_protocol::messages::AuditEntry;
use serde_json::Value;

use super::super::show;

const WARNING: &str = "4";
const INFORMATIONAL: &str = "6";

/// Appends the fields of an entry: a line to read, and each value of its own.
pub(super) fn write(entry: &AuditEntry, out: &mut Vec<u8>) {
    let (what, outcome) = (show::what(entry), show::outcome(entry));
    let who = if entry.identity.is_empty() { "the service" } else { &entry.identity };
    let key = if entry.key.is_empty() { String::new() } else { format!(" {}", entry.key) };
    field(out, "MESSAGE", &format!("{what}{key} by {who}: {outcome}"));
    field(out, "PRIORITY", if entry.outcome == 0 { INFORMATIONAL } else { WARNING });
    field(out, "SYSLOG_IDENTIFIER", "keyward-audit");
    let Value::Object(values) = show::value(entry) else { return };
    for (name, value) in values {
        let value = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        if !value.is_empty() {
            field(out, &format!("KEYWARD_{}", name.to_uppercase()), &value);
        }
    }
}

/// A value on one line stands behind a sign, every other behind its length.
fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        out.push(b'=');
    }
    out.extend_from_slice(value.as_bytes());
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_several_lines_cannot_pass_for_another_field() {
        let entry = AuditEntry { detail: "a\nPRIORITY=0".into(), ..AuditEntry::default() };
        let mut bytes = Vec::new();
        write(&entry, &mut bytes);
        let detail = b"KEYWARD_DETAIL\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n";
        assert!(bytes.windows(detail.len()).any(|window| window == detail));
    }
}
