//! Keyward's wire protocol, key URIs and reference PEM: bytes in, values out, no I/O.
//!
//! The messages are defined by `keyward.proto`; `docs/protocol.md` tells what the schema cannot.

#![forbid(unsafe_code)]

mod approval;
pub mod constants;
mod error;
mod frame;
mod key;
mod key_id;
#[allow(missing_docs, unreachable_pub, clippy::all)] // Generated; the schema has the comments.
pub mod messages;
mod name;
mod operation;
mod rate;
pub mod reference;
mod request;
mod secret;
mod uri;
mod wrapping;

pub use approval::ApprovalId;
pub use error::{Error, Result};
pub use frame::{FrameReader, decode_request, decode_response, encode_request, encode_response};
pub use key::{Key, KeyAttributes, KeyEvent, KeyEventKind, Origin, Rate, Restrictions, Succession};
pub use key_id::KeyId;
pub use name::check_name;
pub use operation::operation_of;
pub use request::{CipherRequest, OaepParameters, PssParameters, SignRequest, TlsVersions};
pub use secret::{SymmetricRequest, mac_of_code};
pub use uri::{KeySelector, KeyUri, ObjectKind};
pub use wrapping::{DerivationChoice, WrappingChoice};
