//! The application's way to ask a person for a secret (OSSL_PASSPHRASE_CALLBACK of core.h).

use std::ffi::{CStr, c_void};

use zeroize::Zeroizing;

use super::{bindings::OSSL_PASSPHRASE_CALLBACK, builder::ParamList, names};

/// The longest secret that is asked for, in bytes.
const MAX_BYTES: usize = 1024;

/// A callback that asks.
#[derive(Clone, Copy)]
pub(crate) struct Passphrase {
    function: OSSL_PASSPHRASE_CALLBACK,
    argument: *mut c_void,
}

impl Passphrase {
    /// # Safety
    /// The function may be called with the argument for as long as the value is used.
    pub(crate) unsafe fn new(
        function: OSSL_PASSPHRASE_CALLBACK,
        argument: *mut c_void,
    ) -> Passphrase {
        Passphrase { function, argument }
    }

    /// Asks, saying for what; `None` where nobody can be asked or nobody answers. No lock may be
    /// held meanwhile: applications fork in here.
    pub(crate) fn ask(self, what: &CStr) -> Option<Zeroizing<Vec<u8>>> {
        let function = self.function?;
        let mut answer = Zeroizing::new(vec![0_u8; MAX_BYTES]);
        let mut length = 0;
        let mut list = ParamList::new();
        list.text(names::PASSPHRASE_INFO, what);
        let given = list.with(|params| {
            let room = answer.as_mut_ptr().cast();
            // SAFETY: `new` was promised that the function may be called so; it writes at most
            // `MAX_BYTES` bytes and their number, and the list is ended and outlives the call.
            unsafe { function(room, MAX_BYTES, &raw mut length, params, self.argument) == 1 }
        });
        answer.truncate(length);
        (given && !answer.is_empty()).then_some(answer)
    }
}
