//! Ownership across the border: what the core holds is made, lent and taken back here alone.
//!
//! Keys are shared (`Arc`), contexts have one owner (`Box`). The core promises (`provider(7)` and
//! the pages of the operations) to hand back each pointer to the functions of the same table that
//! made it, not to use it after the function that frees it, and to keep calls on one context
//! apart; calls on one key may run at the same time.

use std::{cell::Cell, ffi::c_void, ptr::NonNull, sync::Arc};

use zeroize::Zeroizing;

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

thread_local! {
    /// What [`lend`] lends on this thread.
    static LENT: Cell<*const c_void> = const { Cell::new(std::ptr::null()) };
}

/// Lends a value to the core by its address, for as long as `hand_over` runs.
pub(crate) fn lend<T, R>(value: &Arc<T>, hand_over: impl FnOnce(&[u8]) -> R) -> R {
    let address: *const c_void = Arc::as_ptr(value).cast();
    let before = LENT.replace(address);
    let result = hand_over(&address.addr().to_ne_bytes());
    LENT.set(before);
    result
}

/// A share of what [`lend`] lends at this moment, if that is what the address means: the
/// application can bring others.
///
/// # Safety
/// What is lent is of this type.
pub(crate) unsafe fn lent<T>(address: &[u8]) -> Option<Arc<T>> {
    let lent = LENT.get();
    let is_meant = address == lent.addr().to_ne_bytes();
    // SAFETY: `lend` holds a share until it takes the address back; the type is by the contract
    // above.
    is_meant.then(|| unsafe { another_share(lent) }).flatten()
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

/// The same, copied: for a buffer that may be the very one for the output.
///
/// # Safety
/// As for [`bytes`].
pub(crate) unsafe fn copied(pointer: *const u8, length: usize) -> Zeroizing<Vec<u8>> {
    // SAFETY: by the contract above.
    Zeroizing::new(unsafe { bytes(pointer, length) }.to_vec())
}

/// Where the core wants a result of variable length: a null buffer only asks for its size.
pub(crate) struct Output<'a> {
    /// A pointer and no slice: some callers say "plenty" with a size that no slice can have.
    buffer: Option<NonNull<u8>>,
    size: usize,
    length: Option<&'a mut usize>,
}

impl<'a> Output<'a> {
    /// An output of at most `size` bytes.
    ///
    /// # Safety
    /// `buffer` is null or leads to as many writable bytes as the result has, up to `size`,
    /// `length` is null or leads to a writable `size_t`, and nobody else uses either meanwhile.
    pub(crate) unsafe fn new(buffer: *mut u8, length: *mut usize, size: usize) -> Output<'a> {
        // SAFETY: by the contract above.
        let length = unsafe { length.as_mut() };
        Output { buffer: NonNull::new(buffer), size, length }
    }

    /// Whether only the size is asked for.
    pub(crate) fn asks_for_size(&self) -> bool {
        self.buffer.is_none()
    }

    /// How many bytes fit, where there is a buffer.
    pub(crate) fn capacity(&self) -> usize {
        self.buffer.map_or(0, |_| self.size)
    }

    /// Answers the question for the size.
    pub(crate) fn set_size(self, size: usize) {
        if let Some(length) = self.length {
            *length = size;
        }
    }

    /// Writes the result; false if it does not fit. An empty one fits where there is no buffer.
    #[must_use]
    pub(crate) fn write(self, result: &[u8]) -> bool {
        if result.is_empty() {
            self.set_size(0);
            return true;
        }
        let Some(buffer) = self.buffer.filter(|_| result.len() <= self.size) else {
            return false;
        };
        // SAFETY: by the contract of `new` there is room for the result, which is no part of it.
        unsafe { buffer.copy_from_nonoverlapping(NonNull::from(result).cast(), result.len()) };
        if let Some(length) = self.length {
            *length = result.len();
        }
        true
    }
}
