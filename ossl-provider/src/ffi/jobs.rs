//! OpenSSL's async jobs (ASYNC_start_job(3)): where the host runs one, a request to the service
//! pauses it, and the thread goes on with other connections.
//!
//! These functions are not in the core's table, and the module imports nothing. They are looked up
//! in the very object that holds the core's functions: a process may have more than one libcrypto,
//! and a job of one must not be paused by another. Where the object does not export them, as in
//! programs that contain their OpenSSL, requests block as usual.

use std::{
    ffi::{CStr, c_int, c_void},
    mem::{MaybeUninit, transmute_copy},
    os::fd::{AsRawFd, BorrowedFd},
    ptr::{self, NonNull},
};

use keyward_client::Pause;

type Job = NonNull<c_void>;
type WaitContext = NonNull<c_void>;

/// The functions that pause a job.
pub(crate) struct Jobs {
    current: unsafe extern "C" fn() -> Option<Job>,
    pause: unsafe extern "C" fn() -> c_int,
    wait_context: unsafe extern "C" fn(Job) -> Option<WaitContext>,
    set_fd: unsafe extern "C" fn(WaitContext, *const c_void, c_int, *mut c_void, Cleanup) -> c_int,
    clear_fd: unsafe extern "C" fn(WaitContext, *const c_void) -> c_int,
}

type Cleanup = Option<unsafe extern "C" fn(WaitContext, *const c_void, c_int, *mut c_void)>;

/// What descriptors are known by in a wait context: the addresses of these, which are nobody
/// else's. A job waits for one request at a time.
static KEYS: [u8; 2] = [0, 1];

impl Jobs {
    /// The functions of the OpenSSL in which this address of a function lies.
    pub(super) fn beside(function: *const c_void) -> Option<Jobs> {
        let home = Object::around(function)?;
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the field has the type that openssl/async.h gives this function.
                unsafe { home.function($name) }?
            };
        }
        Some(Jobs {
            current: function!(c"ASYNC_get_current_job"),
            pause: function!(c"ASYNC_pause_job"),
            wait_context: function!(c"ASYNC_get_wait_ctx"),
            set_fd: function!(c"ASYNC_WAIT_CTX_set_wait_fd"),
            clear_fd: function!(c"ASYNC_WAIT_CTX_clear_fd"),
        })
    }

    fn job(&self) -> Option<Job> {
        // SAFETY: the function takes nothing and answers null outside a job.
        unsafe { (self.current)() }
    }
}

impl Pause for Jobs {
    fn can_pause(&self) -> bool {
        self.job().is_some()
    }

    fn pause(&self, until_readable: &[BorrowedFd<'_>]) -> bool {
        let Some(job) = self.job() else { return false };
        // SAFETY: the job is the current one, so it lives.
        let Some(context) = (unsafe { (self.wait_context)(job) }) else { return false };
        let keys = KEYS.iter().map(|key| ptr::from_ref(key).cast::<c_void>());
        let waits: Vec<_> = keys.zip(until_readable).collect();
        let mut ready = true;
        for (key, fd) in &waits {
            // SAFETY: the context is the current job's; the key is an address that stays; no
            // callback is given.
            let set =
                unsafe { (self.set_fd)(context, *key, fd.as_raw_fd(), ptr::null_mut(), None) };
            ready &= set == 1;
        }
        // SAFETY: this thread runs the job. Nothing is locked, and the frames that stay on the
        // job's stack until it goes on borrow from each other alone.
        let paused = ready && unsafe { (self.pause)() } == 1;
        for (key, _) in &waits {
            // SAFETY: as above; the wait context is the job's for as long as it runs.
            unsafe { (self.clear_fd)(context, *key) };
        }
        paused
    }
}

/// A program or library in memory.
struct Object {
    base: *mut c_void,
    handle: Handle,
}

impl Object {
    /// The one in which an address lies.
    fn around(address: *const c_void) -> Option<Object> {
        let (base, path) = place_of(address)?;
        // SAFETY: the path is a C string; NOLOAD only finds what is there.
        let by_path = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        let handle = match by_path.is_null() {
            // The program itself is not known by its path.
            // SAFETY: null stands for the program.
            true => unsafe { libc::dlopen(ptr::null(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) },
            false => by_path,
        };
        (!handle.is_null()).then_some(Object { base, handle: Handle(handle) })
    }

    /// A function that this object itself has: a handle also leads to what it depends on.
    ///
    /// # Safety
    /// `F` is the type of a pointer to the function of that name.
    unsafe fn function<F>(&self, name: &CStr) -> Option<F> {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        // SAFETY: the handle is open, and the name is a C string.
        let address = unsafe { libc::dlsym(self.handle.0, name.as_ptr()) };
        let (base, _) = place_of(address)?;
        // SAFETY: by the contract above, and the sizes were compared.
        (base == self.base).then(|| unsafe { transmute_copy::<*mut c_void, F>(&address) })
    }
}

/// Where the object begins in which an address lies, and its path.
fn place_of<'a>(address: *const c_void) -> Option<(*mut c_void, &'a CStr)> {
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: the place has room for what is written; any address may be asked about.
    let found = unsafe { libc::dladdr(address, info.as_mut_ptr()) };
    // SAFETY: zeros are a value too, and what was found was written.
    let info = unsafe { info.assume_init() };
    if found == 0 || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the path is a C string of the dynamic linker's, which keeps it while the object is
    // in memory: as long as the core that called us.
    Some((info.dli_fbase, unsafe { CStr::from_ptr(info.dli_fname) }))
}

struct Handle(*mut c_void);

impl Drop for Handle {
    /// The core outlives its providers, so its object stays.
    fn drop(&mut self) {
        // SAFETY: the handle came from dlopen and is given back once.
        unsafe { libc::dlclose(self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_without_openssl_has_no_jobs() {
        assert!(Jobs::beside(libc::getpid as *const c_void).is_none());
        assert!(Jobs::beside(ptr::null()).is_none());
    }

    #[test]
    fn functions_are_those_of_the_object_itself() {
        let program = Object::around(place_of as *const c_void).unwrap();
        type Getpid = unsafe extern "C" fn() -> c_int;
        // SAFETY: the type is that of getpid.
        let elsewhere = unsafe { program.function::<Getpid>(c"getpid") };
        assert!(elsewhere.is_none(), "the C library's function is not the program's");
        let library = Object::around(libc::getpid as *const c_void).unwrap();
        // SAFETY: as above.
        assert!(unsafe { library.function::<Getpid>(c"getpid") }.is_some());
    }
}
