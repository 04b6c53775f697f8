//! Memory for secrets that is never swapped out, never in a core dump and empty in a forked child.
//!
//! aws-lc allocates through the functions in `hooks`. What it allocates inside a `scope` (a key
//! that is parsed or made) comes from the locked `arena`; everything else (the temporary numbers
//! of a signature, TLS buffers of others that use aws-lc) comes from the heap as always. Both are
//! wiped when freed.
//!
//! How much memory a process may lock is limited (`RLIMIT_MEMLOCK`, mostly 8 MiB; `LimitMEMLOCK=`
//! in systemd). When it is used up, secrets go to the heap, and [`status`] says so.

mod arena;
mod hooks;

use std::{cell::Cell, ops, ptr::NonNull};

pub use arena::LockedMemory;

thread_local! {
    /// How many scopes this thread is in. Constant and without a destructor, so that it can be
    /// read in an allocation at any time of the thread's life.
    static SCOPES: Cell<u32> = const { Cell::new(0) };
}

/// Leaves the scope when dropped, also when unwinding.
struct Scope;

impl Drop for Scope {
    fn drop(&mut self) {
        SCOPES.set(SCOPES.get() - 1);
    }
}

/// Runs a function; what aws-lc allocates on this thread meanwhile is locked.
pub(crate) fn scope<T>(function: impl FnOnce() -> T) -> T {
    SCOPES.set(SCOPES.get() + 1);
    let _scope = Scope;
    function()
}

fn in_scope() -> bool {
    SCOPES.get() > 0
}

/// How much memory is locked, and whether more was wanted than could be had.
pub fn status() -> LockedMemory {
    arena::status()
}

/// A secret of the program's own in locked memory, wiped when dropped. It cannot be cloned or
/// printed.
pub struct LockedBytes {
    block: NonNull<u8>,
    length: usize,
}

// SAFETY: the block is owned by this value alone and belongs to no thread.
unsafe impl Send for LockedBytes {}
// SAFETY: a shared reference only reads.
unsafe impl Sync for LockedBytes {}

impl LockedBytes {
    /// So many bytes, all zero.
    pub fn zeroed(length: usize) -> LockedBytes {
        let size = length.max(1);
        let block = scope(|| hooks::allocate(size));
        let Some(block) = NonNull::new(block) else {
            std::alloc::handle_alloc_error(std::alloc::Layout::new::<u8>());
        };
        // SAFETY: the block has room for `size` bytes and is not shared yet.
        unsafe { block.write_bytes(0, size) };
        LockedBytes { block, length }
    }

    /// A copy of these bytes; wiping the original is the caller's task.
    pub fn copy_of(bytes: &[u8]) -> LockedBytes {
        let mut copy = LockedBytes::zeroed(bytes.len());
        copy.copy_from_slice(bytes);
        copy
    }
}

impl ops::Deref for LockedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the block has `length` initialised bytes and lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.block.as_ptr(), self.length) }
    }
}

impl ops::DerefMut for LockedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`; `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.block.as_ptr(), self.length) }
    }
}

impl Drop for LockedBytes {
    fn drop(&mut self) {
        // SAFETY: the block came from `allocate` and is released once.
        unsafe { hooks::release(self.block.as_ptr()) };
    }
}
