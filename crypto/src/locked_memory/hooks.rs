//! The allocation functions that aws-lc calls if the program defines them (its `crypto/mem.c`).
//! They bind when the program is linked, so there is no moment before they hold.
//!
//! aws-lc asks of them: wipe what is freed; call nothing that calls aws-lc; use no lock that may
//! be held around them. The arena's lock is held around nothing.

use std::ffi::c_void;

use super::{arena, in_scope};

/// Memory from the arena inside a scope, as far as it reaches, and from the heap otherwise.
pub(super) fn allocate(size: usize) -> *mut u8 {
    if in_scope()
        && let Some(block) = arena::allocate(size)
    {
        return block.as_ptr();
    }
    // SAFETY: `malloc` takes any size; the caller handles NULL.
    unsafe { libc::malloc(size) }.cast()
}

/// Wipes and releases a block.
///
/// # Safety
/// The block came from [`allocate`], was not released yet, and is not used any more.
pub(super) unsafe fn release(block: *mut u8) {
    // SAFETY: the caller's promise.
    let size = unsafe { usable_size(block) };
    // SAFETY: the block has that size. `OPENSSL_cleanse` calls no allocation function; unlike an
    // ordinary write it is not optimised away.
    unsafe { aws_lc_sys::OPENSSL_cleanse(block.cast(), size) };
    if arena::contains(block) {
        arena::release(block);
    } else {
        // SAFETY: a block that is not the arena's came from `malloc`.
        unsafe { libc::free(block.cast()) };
    }
}

/// How many bytes of a block may be used: at least what was asked for.
///
/// # Safety
/// The block came from [`allocate`] and was not released yet.
unsafe fn usable_size(block: *mut u8) -> usize {
    if arena::contains(block) {
        arena::usable_size(block)
    } else {
        // SAFETY: a block that is not the arena's came from `malloc`.
        unsafe { libc::malloc_usable_size(block.cast()) }
    }
}

// SAFETY: aws-lc declares this name for the program to define, with this type; nothing else does.
#[unsafe(no_mangle)]
extern "C" fn OPENSSL_memory_alloc(size: usize) -> *mut c_void {
    allocate(size).cast()
}

// SAFETY: as above.
#[unsafe(no_mangle)]
unsafe extern "C" fn OPENSSL_memory_free(block: *mut c_void) {
    // SAFETY: aws-lc passes what `OPENSSL_memory_alloc` gave it, once, and never NULL.
    unsafe { release(block.cast()) }
}

// SAFETY: as above.
#[unsafe(no_mangle)]
unsafe extern "C" fn OPENSSL_memory_get_size(block: *mut c_void) -> usize {
    // SAFETY: aws-lc passes what `OPENSSL_memory_alloc` gave it.
    unsafe { usable_size(block.cast()) }
}

// The names are for the aws-lc in the same program or module alone: a module that has this crate in
// it must neither offer them to its host nor take its host's.
std::arch::global_asm!(
    ".hidden OPENSSL_memory_alloc",
    ".hidden OPENSSL_memory_free",
    ".hidden OPENSSL_memory_get_size",
);
