//! The arena: one range of addresses, of which as much is made usable and locked as is needed.
//!
//! It is cut into slabs, each for blocks of one size, which is a power of two. So a block needs no
//! header, and the numbers of an RSA key, whose sizes are powers of two, fit exactly. Freed blocks
//! are kept for the next of their size; locked pages are never given back.

use std::{
    ptr::NonNull,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A multiple of the page size where pages are of 4 or 16 KiB. With larger ones nothing can be
/// locked in such steps, and the status says so.
const SLAB_BYTES: usize = 16 << 10;
/// The addresses set aside, which cost nothing until used: enough for some 50,000 RSA-2048 keys.
const ARENA_BYTES: usize = 256 << 20;
const SMALLEST_BLOCK: usize = 16;
const CLASSES: usize = (SLAB_BYTES / SMALLEST_BLOCK).ilog2() as usize + 1;

/// How much memory is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockedMemory {
    /// How many bytes are locked, in use or kept for reuse.
    pub locked_bytes: usize,
    /// Whether the operating system refused more, so that some secrets are in memory that can be
    /// swapped out. Raising `RLIMIT_MEMLOCK` (`LimitMEMLOCK=` in systemd) helps.
    pub limit_reached: bool,
}

/// Start of the range; 0 before it is reserved.
static BASE: AtomicUsize = AtomicUsize::new(0);

static ARENA: Mutex<Arena> = Mutex::new(Arena {
    base: None,
    slabs: 0,
    classes: [0; ARENA_BYTES / SLAB_BYTES],
    free: [None; CLASSES],
    limit_reached: false,
});

struct Arena {
    base: Option<NonNull<u8>>,
    /// How many slabs are locked.
    slabs: usize,
    /// The size class of each of them.
    classes: [u8; ARENA_BYTES / SLAB_BYTES],
    /// For each class the first free block, which begins with a pointer to the next.
    free: [Option<NonNull<FreeBlock>>; CLASSES],
    limit_reached: bool,
}

struct FreeBlock {
    next: Option<NonNull<FreeBlock>>,
}

// SAFETY: the pointers point into the arena's own range, which belongs to no thread and which only
// the holder of the lock follows them into.
unsafe impl Send for Arena {}

pub(super) fn status() -> LockedMemory {
    let arena = lock();
    LockedMemory { locked_bytes: arena.slabs * SLAB_BYTES, limit_reached: arena.limit_reached }
}

/// A block of at least so many bytes, aligned to 16; `None` if it is too large for a slab or no
/// more memory can be locked.
pub(super) fn allocate(bytes: usize) -> Option<NonNull<u8>> {
    if bytes > SLAB_BYTES {
        return None;
    }
    let block = bytes.next_power_of_two().max(SMALLEST_BLOCK);
    lock().allocate((block / SMALLEST_BLOCK).ilog2() as usize)
}

/// Whether an address is in the arena's range.
pub(super) fn contains(block: *const u8) -> bool {
    // Whoever has a block of the arena got it after `BASE` was stored, so relaxed is enough.
    let base = BASE.load(Ordering::Relaxed);
    base != 0 && block.addr().wrapping_sub(base) < ARENA_BYTES
}

/// Takes back a block of the arena, which the caller has wiped.
pub(super) fn release(block: *mut u8) {
    let mut arena = lock();
    let class = arena.class_of(block);
    if let Some(block) = NonNull::new(block) {
        arena.push(class, block);
    }
}

/// The size of a block of the arena.
pub(super) fn usable_size(block: *const u8) -> usize {
    block_bytes(lock().class_of(block))
}

fn lock() -> MutexGuard<'static, Arena> {
    ARENA.lock().unwrap_or_else(PoisonError::into_inner)
}

const fn block_bytes(class: usize) -> usize {
    SMALLEST_BLOCK << class
}

impl Arena {
    fn allocate(&mut self, class: usize) -> Option<NonNull<u8>> {
        if self.free[class].is_none() {
            self.add_slab(class)?;
        }
        let block = self.free[class]?;
        // SAFETY: a block on a free list begins with a valid `FreeBlock`, written by `push`.
        self.free[class] = unsafe { block.as_ref() }.next;
        Some(block.cast())
    }

    fn push(&mut self, class: usize, block: NonNull<u8>) {
        let block = block.cast::<FreeBlock>();
        // SAFETY: blocks are at least 16 bytes long and aligned to 16, and nobody uses this one.
        unsafe { block.write(FreeBlock { next: self.free[class] }) };
        self.free[class] = Some(block);
    }

    /// The class of the slab that an address of the arena is in.
    fn class_of(&self, block: *const u8) -> usize {
        let offset = block.addr().wrapping_sub(BASE.load(Ordering::Relaxed));
        self.classes.get(offset / SLAB_BYTES).copied().unwrap_or(0).into()
    }

    /// Locks one more slab and cuts it into blocks.
    fn add_slab(&mut self, class: usize) -> Option<()> {
        if self.limit_reached {
            return None;
        }
        let Some(slab) = self.lock_slab() else {
            self.limit_reached = true;
            return None;
        };
        self.classes[self.slabs] = class as u8;
        self.slabs += 1;
        for offset in (0..SLAB_BYTES).step_by(block_bytes(class)).rev() {
            // SAFETY: the offset is inside the slab.
            self.push(class, unsafe { slab.add(offset) });
        }
        Some(())
    }

    fn lock_slab(&mut self) -> Option<NonNull<u8>> {
        let base = match self.base {
            Some(base) => base,
            None => self.reserve()?,
        };
        let offset = self.slabs * SLAB_BYTES;
        if offset == ARENA_BYTES {
            return None;
        }
        // SAFETY: the offset is inside the reserved range.
        let slab = unsafe { base.add(offset) };
        let address = slab.as_ptr().cast();
        // SAFETY: the slab is a multiple of pages inside our own mapping, and not used yet.
        let usable =
            unsafe { libc::mprotect(address, SLAB_BYTES, libc::PROT_READ | libc::PROT_WRITE) } == 0;
        // SAFETY: as above.
        let locked = usable && unsafe { libc::mlock(address, SLAB_BYTES) } == 0;
        locked.then_some(slab)
    }

    /// Sets the range of addresses aside.
    fn reserve(&mut self) -> Option<NonNull<u8>> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new anonymous mapping wherever the system likes, which nobody else knows.
        let base =
            unsafe { libc::mmap(std::ptr::null_mut(), ARENA_BYTES, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return None;
        }
        // A system without one of these is served less well, but served.
        for advice in [libc::MADV_DONTDUMP, libc::MADV_WIPEONFORK] {
            // SAFETY: the range is our own mapping; neither advice changes what is in it here.
            unsafe { libc::madvise(base, ARENA_BYTES, advice) };
        }
        self.base = NonNull::new(base.cast());
        BASE.store(base.addr(), Ordering::Relaxed);
        self.base
    }
}
