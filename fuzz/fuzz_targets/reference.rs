//! Reference files, as PEM text and as DER: what reads, writes back to what reads the same.
#![no_main]

use keyward_protocol::reference::Reference;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(reference) = Reference::from_der(bytes) {
        // DER has one way to write a thing.
        assert_eq!(reference.to_der().expect("what was read can be written"), bytes);
        let pem = reference.to_pem().expect("what was read can be written");
        assert_eq!(Reference::from_pem(&pem).expect("what was written can be read"), reference);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Reference::from_pem(text);
    }
});
