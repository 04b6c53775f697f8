//! The harness of the end-to-end tests: a real service, real host applications, and an
//! independent certificate authority, each started for one test and ended with it.
//!
//! Nothing here stands in for a part of the product, and nothing skips: what a test needs and
//! the machine lacks fails the test and names the package to install.

#![forbid(unsafe_code)]

mod artifacts;
mod authority;
mod commands;
mod hosts;
mod memory;
mod openssl;
mod process;
mod scratch;
mod service;
mod site;
mod watch;
mod workshop;

pub use artifacts::{Artifacts, artifacts, repository};
pub use authority::Authority;
pub use commands::{CommandExt, Outcome, require, text};
pub use hosts::{
    apache::Apache, haproxy::HaProxy, nginx::Nginx, s_server::SServer, shipped, wait_until_up,
};
pub use keyward_load::{free_port, wait_for_port};
pub use memory::assert_memory_stays;
pub use openssl::OpenSsl;
pub use process::{Running, Signal, cpu_time_of, group_members, memory_of, owner_of};
pub use scratch::Scratch;
pub use service::{Identity, Service, ServiceBuilder};
pub use site::{Client, Host, Site};
pub use watch::patience;
pub use workshop::{Workshop, plain};
