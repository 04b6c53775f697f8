//! The Keyward service.

#![forbid(unsafe_code)]
