//! The service's configuration: whatever the file holds, there are settings or an error.
#![no_main]

use keyward_service::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Config::parse(text);
});
