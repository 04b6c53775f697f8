//! What the core calls: thin shells that turn C's pointers into typed borrows, and the tables that
//! name them. All thought is in the safe modules.
//!
//! The safety notes refer to one promise of provider(7): the core hands a function of a table only
//! pointers that the functions of the same table made, or buffers and lists that live until the
//! function returns.

mod asym_cipher;
mod cipher;
mod context;
mod decoder;
mod encoder;
mod kem;
mod keyexch;
mod keymgmt;
mod mac;
mod offer;
mod provider;
mod signature;
mod skeymgmt;
mod store;

pub(crate) use provider::init;
