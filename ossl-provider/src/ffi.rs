//! The border to the core: everything here is unsafe underneath and safe above, except the shells
//! in `shells/`, which the core calls.

#[allow(missing_docs, unreachable_pub, non_camel_case_types, dead_code, clippy::all)]
#[rustfmt::skip] // Generated.
pub(crate) mod bindings;
pub(crate) mod bio;
pub(crate) mod builder;
pub(crate) mod core;
pub(crate) mod dispatch;
pub(crate) mod guard;
pub(crate) mod handle;
pub(crate) mod jobs;
pub(crate) mod names;
pub(crate) mod params;
pub(crate) mod passphrase;
