//! Full TLS handshakes against a server, one after another on many threads: the load of the
//! benchmarks, and the client that counts failures in the end-to-end tests.
//!
//! The tool shares the machine with the server that it measures, so a handshake is kept cheap: no
//! session resumption, one key share, one cipher suite, no certificate work unless asked for, and
//! connections end with a reset, which leaves no port waiting.

#![forbid(unsafe_code)]

mod delay;
mod load;
mod opening;
mod ports;
mod report;
mod target;
mod verifier;

pub use delay::{delay, delay_tcp};
pub use load::Load;
pub use opening::Opening;
pub use ports::{free_port, wait_for_port};
pub use report::{LatencyMicros, Report};
pub use target::{CertificateFamily, Target, TargetBuilder, TlsVersion, Visit};
