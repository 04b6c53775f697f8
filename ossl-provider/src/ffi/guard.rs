//! The frame around every function that the core calls: no panic gets out, and what went wrong
//! lands in OpenSSL's error queue.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::{Error, Result};

use super::core::Core;

#[cfg(not(panic = "unwind"))]
compile_error!("with panic=abort a bug here would end the host process: build with panic=unwind");

/// Something that knows the core to report errors to.
pub(crate) trait Scope {
    fn core(&self) -> &Core;
}

impl<T: Scope + ?Sized> Scope for &T {
    fn core(&self) -> &Core {
        (**self).core()
    }
}

impl<T: Scope + ?Sized> Scope for &mut T {
    fn core(&self) -> &Core {
        (**self).core()
    }
}

impl<T: Scope + ?Sized> Scope for Arc<T> {
    fn core(&self) -> &Core {
        (**self).core()
    }
}

/// Runs the body on what a handle led to. The fallback is the answer where there is none, where
/// the body fails and where it panics.
pub(crate) fn guard<S: Scope, T>(
    scope: Option<S>,
    fallback: T,
    body: impl FnOnce(&mut S) -> Result<T>,
) -> T {
    let Some(mut scope) = scope else { return fallback };
    match catch_unwind(AssertUnwindSafe(|| body(&mut scope))) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => {
            scope.core().raise(&error);
            fallback
        }
        Err(payload) => {
            // Dropping the payload could panic again.
            std::mem::forget(payload);
            let bug = Error::new(ErrorKind::Internal, "a bug in the Keyward provider")
                .hint("please report it with what the application was doing");
            scope.core().raise(&bug);
            fallback
        }
    }
}

/// The same for functions without a place to report errors to, and for those that must not.
pub(crate) fn guard_quietly<T>(fallback: T, body: impl FnOnce() -> Option<T>) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Some(value)) => value,
        Ok(None) => fallback,
        Err(payload) => {
            std::mem::forget(payload);
            fallback
        }
    }
}

/// Drops what the core gives up.
pub(crate) fn release<T>(given_up: Option<T>) {
    guard_quietly((), || {
        drop(given_up);
        Some(())
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::core::fake;

    #[test]
    fn a_panic_becomes_the_fallback_and_an_error() {
        let core = fake::core();
        let answer = guard(Some(&core), 7, |_| -> Result<i32> { panic!("a bug") });
        assert_eq!((answer, fake::raised()), (7, vec![ErrorKind::Internal.code()]));
        assert_eq!(guard_quietly(7, || -> Option<i32> { panic!("a bug") }), 7);
        assert!(fake::raised().is_empty());
    }

    #[test]
    fn an_error_is_raised_with_its_kind() {
        let core = fake::core();
        let failed = Error::new(ErrorKind::NotFound, "a NUL \0 and a percent sign %s");
        assert_eq!(guard(Some(&core), 7, |_| Err(failed)), 7);
        assert_eq!(fake::raised(), [ErrorKind::NotFound.code()]);
        assert_eq!(guard(Some(&core), 7, |_| Ok(1)), 1);
        assert_eq!(guard(None::<&Core>, 7, |_| Ok(1)), 7);
        assert!(fake::raised().is_empty());
    }
}
