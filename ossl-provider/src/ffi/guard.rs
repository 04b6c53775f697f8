//! The frame around every function that the core calls: no panic gets out, and what went wrong
//! lands in OpenSSL's error queue.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook},
    sync::{Arc, Once},
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

thread_local! {
    /// Where the last panic of this thread happened, until it is told.
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

/// Keeps panics from printing: standard error is the host's, or by now a connection of its own. What
/// is known of one is told with the error that it becomes. The hook is this module's alone, as the
/// whole of Rust's library is.
pub(crate) fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            // Of a thread that is about to end there may be nothing left to remember it by.
            _ = PLACE.try_with(|last| last.set(place));
        }));
    });
}

/// What a panic is to the application.
fn bug() -> Error {
    let place = PLACE.try_with(Cell::take).ok().flatten();
    let place = place.map(|place| format!(" at {place}")).unwrap_or_default();
    Error::new(ErrorKind::Internal, format!("a bug in the Keyward provider{place}"))
        .hint("please report it with what the application was doing")
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
            scope.core().raise(&bug());
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

    /// Set in the process that the next test starts: a hook is for the whole of one.
    const SILENCED: &str = "KEYWARD_TEST_SILENCED";

    #[test]
    fn a_panic_prints_nothing_and_is_told_with_its_place() {
        if std::env::var_os(SILENCED).is_some() {
            silence_panics();
            guard_quietly((), || panic!("a bug"));
            assert!(bug().message.contains("guard.rs:"));
            assert!(!bug().message.contains("guard.rs:"));
            return;
        }
        let test = "ffi::guard::tests::a_panic_prints_nothing_and_is_told_with_its_place";
        let mut program = std::process::Command::new(std::env::current_exe().unwrap());
        let output = program.args(["--exact", test, "--nocapture"]).env(SILENCED, "1").output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
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
