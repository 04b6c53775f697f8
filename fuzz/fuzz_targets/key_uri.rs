//! Key URIs of both schemes: what reads, prints as what reads the same.
#![no_main]

use keyward_protocol::KeyUri;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let both = [text.parse::<KeyUri>(), KeyUri::from_pkcs11(text)];
    for uri in both.into_iter().flatten() {
        let printed = uri.to_string();
        let again: KeyUri = printed.parse().expect("what we print is a URI");
        // The PIN source is not printed.
        assert_eq!((&again.selector, again.kind), (&uri.selector, uri.kind), "{printed}");
        assert_eq!(again.pin_source, None);
    }
});
