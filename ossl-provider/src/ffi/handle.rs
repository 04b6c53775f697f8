//! Ownership across the border: what the core holds is made, lent and taken back here alone.
//!
//! Keys are shared (`Arc`), contexts have one owner (`Box`). The core promises (`provider(7)` and
//! the pages of the operations) to hand back each pointer to the functions of the same table that
//! made it, not to use it after the function that frees it, and to keep calls on one context
//! apart; calls on one key may run at the same time.

use std::{ffi::c_void, sync::Arc};

/// Hands a context to the core.
pub(crate) fn give<T>(context: T) -> *mut c_void {
    Box::into_raw(Box::new(context)).cast()
}

/// Lends what a pointer that [`give`] made leads to.
///
/// # Safety
/// The pointer is null or came from [`give`] with the same type, has not been taken back, and no
/// other call uses it meanwhile.
pub(crate) unsafe fn borrow<'a, T>(pointer: *mut c_void) -> Option<&'a mut T> {
    // SAFETY: by the contract above the pointer leads to a live value that is ours alone.
    unsafe { pointer.cast::<T>().as_mut() }
}

/// Takes back what [`give`] handed out.
///
/// # Safety
/// As for [`borrow`]; the pointer is not used again.
pub(crate) unsafe fn take<T>(pointer: *mut c_void) -> Option<Box<T>> {
    // SAFETY: by the contract above the pointer came from Box::into_raw and is given up here.
    (!pointer.is_null()).then(|| unsafe { Box::from_raw(pointer.cast::<T>()) })
}

/// Hands one share of a value to the core.
pub(crate) fn share<T>(value: Arc<T>) -> *mut c_void {
    Arc::into_raw(value).cast_mut().cast()
}

/// Lends what a pointer that [`share`] made leads to.
///
/// # Safety
/// The pointer is null or came from [`share`] with the same type, and its share has not been taken
/// back.
pub(crate) unsafe fn shared<'a, T>(pointer: *const c_void) -> Option<&'a T> {
    // SAFETY: by the contract above the share that the pointer stands for keeps the value alive.
    unsafe { pointer.cast::<T>().as_ref() }
}

/// Another share of what a pointer that [`share`] made leads to.
///
/// # Safety
/// As for [`shared`].
pub(crate) unsafe fn another_share<T>(pointer: *const c_void) -> Option<Arc<T>> {
    let pointer: *const T = pointer.cast();
    if pointer.is_null() {
        return None;
    }
    // SAFETY: by the contract above the pointer came from Arc::into_raw and is still owned.
    unsafe { Arc::increment_strong_count(pointer) };
    // SAFETY: the count that from_raw takes over was added in the line before.
    Some(unsafe { Arc::from_raw(pointer) })
}

/// Takes one share back.
///
/// # Safety
/// As for [`shared`]; the pointer is not used again.
pub(crate) unsafe fn take_share<T>(pointer: *mut c_void) -> Option<Arc<T>> {
    let pointer: *const T = pointer.cast();
    // SAFETY: by the contract above the pointer came from Arc::into_raw and is given up here.
    (!pointer.is_null()).then(|| unsafe { Arc::from_raw(pointer) })
}

/// A buffer that the core hands in.
///
/// # Safety
/// The pointer is null or leads to that many readable bytes, which nobody changes meanwhile.
pub(crate) unsafe fn bytes<'a>(pointer: *const u8, length: usize) -> &'a [u8] {
    if pointer.is_null() {
        return &[];
    }
    // SAFETY: by the contract above.
    unsafe { std::slice::from_raw_parts(pointer, length) }
}

/// More than any signature, plaintext or secret has.
const LARGEST_RESULT_BYTES: usize = 1 << 20;

/// Where the core wants a result of variable length: a null buffer only asks for its size.
pub(crate) struct Output<'a> {
    buffer: Option<&'a mut [std::mem::MaybeUninit<u8>]>,
    length: Option<&'a mut usize>,
}

impl<'a> Output<'a> {
    /// An output of at most `size` bytes.
    ///
    /// # Safety
    /// `buffer` is null or leads to `size` writable bytes, `length` is null or leads to a writable
    /// `size_t`, and nobody else uses either meanwhile.
    pub(crate) unsafe fn new(buffer: *mut u8, length: *mut usize, size: usize) -> Output<'a> {
        // SAFETY: by the contract above.
        let length = unsafe { length.as_mut() };
        let buffer = (!buffer.is_null()).then(|| {
            // Some callers say "plenty" with a size that no slice can have.
            let size = size.min(LARGEST_RESULT_BYTES);
            // SAFETY: by the contract above; what the bytes are before does not matter.
            unsafe { std::slice::from_raw_parts_mut(buffer.cast(), size) }
        });
        Output { buffer, length }
    }

    /// Whether only the size is asked for.
    pub(crate) fn asks_for_size(&self) -> bool {
        self.buffer.is_none()
    }

    /// How many bytes fit, where there is a buffer.
    pub(crate) fn capacity(&self) -> usize {
        self.buffer.as_ref().map_or(0, |buffer| buffer.len())
    }

    /// Answers the question for the size.
    pub(crate) fn set_size(self, size: usize) {
        if let Some(length) = self.length {
            *length = size;
        }
    }

    /// Writes the result; false if it does not fit.
    #[must_use]
    pub(crate) fn write(self, result: &[u8]) -> bool {
        let Some(place) = self.buffer.and_then(|buffer| buffer.get_mut(..result.len())) else {
            return false;
        };
        for (slot, byte) in place.iter_mut().zip(result) {
            slot.write(*byte);
        }
        if let Some(length) = self.length {
            *length = result.len();
        }
        true
    }
}
