//! The limits of the protocol. A peer that oversteps one is answered with an error and cut off.

/// The protocol version that this code speaks.
pub const VERSION: u32 = 1;

/// The largest frame either way, length prefix not counted, in bytes.
pub const MAX_FRAME_BYTES: usize = 1 << 20;

/// The length prefix of a frame in bytes.
pub const PREFIX_BYTES: usize = 4;

/// The most requests in flight on one connection.
pub const MAX_IN_FLIGHT: usize = 1024;

/// The largest message that an algorithm which needs the whole of it signs, encrypts or decrypts in
/// one request, in bytes; and the most that is authenticated besides, together with it.
pub const MAX_MESSAGE_BYTES: usize = 512 << 10;

/// The most random bytes in one request.
pub const MAX_RANDOM_BYTES: usize = 65536;

/// The most keys on one page of a listing.
pub const MAX_PAGE_KEYS: usize = 1000;

/// The most certificates in one chain, and their size together in bytes.
pub const MAX_CHAIN_CERTIFICATES: usize = 10;
/// See [`MAX_CHAIN_CERTIFICATES`].
pub const MAX_CHAIN_BYTES: usize = 64 << 10;

/// The longest key or user name in bytes.
pub const MAX_NAME_BYTES: usize = 128;
