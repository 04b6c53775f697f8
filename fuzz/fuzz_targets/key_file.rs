//! Private key files to import, of every form: whatever they hold, there is a key or an error.
//!
//! The first byte says how the rest is wrapped.
#![no_main]

use keyward_service::cli::files::{key_file, passphrase::Source};
use libfuzzer_sys::fuzz_target;
use pem_rfc7468::LineEnding;

/// Labels of the PEM blocks that a key file may have.
const LABELS: [&str; 5] =
    ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "CERTIFICATE", "ENCRYPTED PRIVATE KEY"];

fuzz_target!(|input: &[u8]| {
    let Some((wrapping, bytes)) = input.split_first() else { return };
    if is_slow_by_intent(bytes) {
        return;
    }
    let no_passphrase = Source::default();
    let parse = |file: &[u8]| {
        let _ = key_file::parse(file, "fuzz", &no_passphrase);
    };
    match LABELS.get(usize::from(*wrapping)) {
        Some(label) => {
            if let Ok(pem) = pem_rfc7468::encode_string(label, LineEnding::LF, bytes) {
                parse(pem.as_bytes());
            }
        }
        None => parse(bytes),
    }
});

/// Files of PKCS#5 and PKCS#12 say themselves how much work their passphrase is. A fuzzer would
/// only find out that a million rounds take long.
fn is_slow_by_intent(bytes: &[u8]) -> bool {
    /// 1.2.840.113549.1: PKCS#5 is .5 below it, PKCS#12 is .12.
    const PKCS: [u8; 7] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01];
    /// 1.3.6.1.4.1.11591.4.11
    const SCRYPT: [u8; 9] = [0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b];
    let has_passphrase =
        bytes.windows(8).any(|window| window[..7] == PKCS && matches!(window[7], 0x05 | 0x0c));
    let has_large_number =
        bytes.windows(2).any(|head| head[0] == 0x02 && (3..9).contains(&head[1]));
    has_passphrase && has_large_number || bytes.windows(9).any(|window| window == SCRYPT)
}
