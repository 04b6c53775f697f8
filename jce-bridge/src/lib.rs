//! The native half of Keyward's Java provider.
//!
//! `exports` are the functions that the Java class `dev.keyward.jce.Native` declares. Each copies
//! its arguments out of Java by their `kinds`, calls one safe function of `calls` and copies the
//! result back; `shell` stops panics and throws. Nothing here calls into Java otherwise.

#[cfg(not(panic = "unwind"))]
compile_error!("a panic must unwind, so that it ends one call and not the Java process");

mod attributes;
mod calls;
mod clients;
mod encode;
mod exports;
mod kinds;
mod shell;
