//! The Keyward service: it listens, identifies, authorises, executes and replies.
//!
//! ```text
//! listen/ ──► identity ──► execute ──► policy ──► handlers/ ──► backend ──► listen/ (reply)
//!                                                    │             │
//!                                                 keys/ ◄── store/ (sealed records)
//! ```

#![forbid(unsafe_code)]

mod approvals;
pub mod attestation;
pub(crate) mod audit;
mod authority;
mod backend;
pub mod backup;
mod bucket;
mod caretaker;
pub mod cli;
mod clients;
mod clock;
pub mod config;
pub mod confine;
pub mod dev;
mod execute;
mod front;
mod handlers;
pub mod harden;
mod health;
pub mod identity;
pub mod init;
pub mod issue;
mod keys;
mod lanes;
mod listen;
mod live;
mod log;
mod metrics;
mod peer;
pub(crate) mod pins;
pub mod policy;
mod quotas;
mod reload;
mod restrictions;
mod sealing;
mod serve;
mod service;
pub mod sources;
mod span;
pub mod store;
pub mod token;
mod tpm;

pub use config::Config;
pub use keyward_protocol::{Error, Result};
pub use serve::serve;
pub use service::Service;
