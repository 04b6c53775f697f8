//! The native half of Keyward's Java provider.
//!
//! [`exports`] are the functions that the Java class `dev.keyward.jce.Native` declares. Each copies
//! its arguments out of Java, calls one safe function of `calls` and copies the result back;
//! `shell` does that, stops panics and throws. Nothing here calls into Java otherwise.

#[cfg(not(panic = "unwind"))]
compile_error!("a panic must unwind, so that it ends one call and not the Java process");

mod calls;
mod clients;
mod encode;
pub mod exports;
mod new_key;
mod shell;
