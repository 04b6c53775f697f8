//! OpenSSL's async jobs (ASYNC_start_job(3)): where the host runs one, a request to the service
//! pauses it, and the thread goes on with other connections.
//!
//! These functions are not in the core's table, and the module imports nothing. They are looked up
//! in the very object that holds the core's functions: a process may have more than one libcrypto,
//! and a job of one must not be paused by another. Where the object does not export them, as in
//! programs that contain their OpenSSL, requests block as usual.
//!
//! A job's wait context, which in libssl is a connection's, gets one descriptor with its first
//! request and keeps it: hosts have it in their pollers and are told of no change after a job's
//! end, so a descriptor that we closed earlier would crash them. OpenSSL gives it back when the
//! wait context goes. If a job is paused then, nobody will ever resume it. OpenSSL itself leaks
//! such a job with its stack; we close the connection on which an answer is still to come.

use std::{
    ffi::{CStr, c_int, c_void},
    mem::{MaybeUninit, transmute_copy},
    os::fd::AsRawFd,
    ptr::{self, NonNull},
};

use keyward_client::{Pause, Wait, Watch};

use super::guard::release;

type Job = NonNull<c_void>;
type WaitContext = NonNull<c_void>;
type Cleanup = Option<unsafe extern "C" fn(WaitContext, *const c_void, c_int, *mut c_void)>;

/// The functions that pause a job.
pub(crate) struct Jobs {
    current: unsafe extern "C" fn() -> Option<Job>,
    pause: unsafe extern "C" fn() -> c_int,
    wait_context: unsafe extern "C" fn(Job) -> Option<WaitContext>,
    set_fd: unsafe extern "C" fn(WaitContext, *const c_void, c_int, *mut c_void, Cleanup) -> c_int,
    get_fd: unsafe extern "C" fn(WaitContext, *const c_void, *mut c_int, *mut *mut c_void) -> c_int,
    clear_fd: unsafe extern "C" fn(WaitContext, *const c_void) -> c_int,
    get_changes:
        unsafe extern "C" fn(WaitContext, *mut c_int, *mut usize, *mut c_int, *mut usize) -> c_int,
}

/// Our descriptor is known in a wait context by the address of this, which is nobody else's.
static KEY: u8 = 0;

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
            get_fd: function!(c"ASYNC_WAIT_CTX_get_fd"),
            clear_fd: function!(c"ASYNC_WAIT_CTX_clear_fd"),
            get_changes: function!(c"ASYNC_WAIT_CTX_get_changed_fds"),
        })
    }

    fn job(&self) -> Option<Job> {
        // SAFETY: the function takes nothing and answers null outside a job.
        unsafe { (self.current)() }
    }

    fn context(&self) -> Option<WaitContext> {
        let job = self.job()?;
        // SAFETY: the job is the current one, so it lives.
        unsafe { (self.wait_context)(job) }
    }

    /// The watch that a wait context of the current job has from an earlier request.
    fn watch_of(&self, context: WaitContext) -> Option<NonNull<Watch>> {
        let (mut fd, mut watch) = (0, ptr::null_mut());
        // SAFETY: the context is the current job's, and the places have room for the answers.
        let found = unsafe { (self.get_fd)(context, key(), &mut fd, &mut watch) } == 1;
        NonNull::new(watch.cast()).filter(|_| found)
    }

    /// Pauses with a watch that the host does not know yet. It gets to know it only if there is
    /// a pause: HAProxy would crash over one that it was not told of.
    fn pause_first(&self, context: WaitContext, wait: Wait) -> Result<Wait, Wait> {
        let Ok(mut watch) = Watch::new() else { return Err(wait) };
        watch.begin(wait)?;
        let fd = watch.as_fd().as_raw_fd();
        let watch = NonNull::from(Box::leak(Box::new(watch)));
        // SAFETY: the context is the current job's; the key is an address that stays; the callback
        // has the type that it has to have, and gets the watch once.
        let known =
            unsafe { (self.set_fd)(context, key(), fd, watch.as_ptr().cast(), Some(clean_up)) }
                == 1;
        if known && self.pause_job() && self.nothing_is_new_in(context) {
            return Ok(end(watch));
        }
        if known {
            // SAFETY: the context is the current job's.
            unsafe { (self.clear_fd)(context, key()) };
        }
        // SAFETY: it came from a box, and the context has it no more or never took it.
        let mut watch = unsafe { Box::from_raw(watch.as_ptr()) };
        Err(watch.end().expect("it has begun"))
    }

    /// Whether the host really ran since descriptors were added: OpenSSL forgets then that they
    /// are new. Pauses may be blocked (ASYNC_block_pause), and look like success.
    fn nothing_is_new_in(&self, context: WaitContext) -> bool {
        let (mut added, mut deleted) = (0, 0);
        // SAFETY: the context is the current job's; null asks for the numbers alone.
        let told = unsafe {
            (self.get_changes)(context, ptr::null_mut(), &mut added, ptr::null_mut(), &mut deleted)
        };
        told == 1 && added == 0
    }

    fn pause_job(&self) -> bool {
        // SAFETY: this thread runs the job. Nothing is locked.
        unsafe { (self.pause)() == 1 }
    }
}

impl Pause for Jobs {
    fn can_pause(&self) -> bool {
        self.job().is_some()
    }

    fn pause(&self, wait: Wait) -> Result<Wait, Wait> {
        let Some(context) = self.context() else { return Err(wait) };
        let Some(watch) = self.watch_of(context) else { return self.pause_first(context, wait) };
        // SAFETY: the watch is the wait context's, which lives while its job runs, and no other job
        // runs at the same time with the same context. The borrow ends with the statement.
        unsafe { (*watch.as_ptr()).begin(wait) }?;
        match self.pause_job() {
            true => Ok(end(watch)),
            false => Err(end(watch)),
        }
    }
}

/// Ends what a watch began before the pause.
fn end(watch: NonNull<Watch>) -> Wait {
    // SAFETY: the watch is its context's, which lives while its job runs; the borrow ends with the
    // statement. Where the context went meanwhile, the job is never resumed and nothing comes here.
    let wait = unsafe { (*watch.as_ptr()).end() };
    wait.expect("it has begun")
}

fn key() -> *const c_void {
    ptr::from_ref(&KEY).cast()
}

/// What OpenSSL calls when a wait context goes, perhaps after the provider: the module is linked so
/// that it stays in memory. A wait that is under way is dropped with the watch.
unsafe extern "C" fn clean_up(_: WaitContext, _: *const c_void, _: c_int, watch: *mut c_void) {
    // SAFETY: the watch came from a box, and the context gives it back once.
    release((!watch.is_null()).then(|| unsafe { Box::from_raw(watch.cast::<Watch>()) }));
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
