//! Keyward's blocking client, shared by the OpenSSL provider, the Java bridge and the command line.
//!
//! It runs inside other people's servers, so it starts no thread and no runtime, installs nothing,
//! prints nothing, and holds no lock across a request. Connections open on first use and belong to
//! the process and credentials that made them (see [`Client`]).

#![forbid(unsafe_code)]

mod address;
mod calls;
mod client;
mod connection;
mod endpoint;
mod hosts;
mod outage;
mod owner;
mod pause;
mod pin;
mod settings;
mod stream;
mod tls;
mod trace;
mod trust;

pub use address::Address;
pub use calls::{KeyTemplate, WrapWith};
pub use client::Client;
pub use pause::{Pause, Wait, Watch};
pub use pin::Pin;
pub use settings::{Settings, is_setting, setting_names};
pub use trace::Trace;
