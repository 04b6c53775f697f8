//! `OSSL_OP_DECODER` (provider-decoder(7)).

use std::ffi::{c_int, c_void};

use keyward_algorithms::Family;
use keyward_protocol::Error;

use super::context::{free, new};
use crate::{
    decoder::{Decoded, DecoderContext},
    ffi::{
        bindings::{OSSL_CALLBACK, OSSL_CORE_BIO, OSSL_DISPATCH, OSSL_PASSPHRASE_CALLBACK},
        bio::Bio,
        builder::Callback,
        dispatch::dispatch,
        guard::{Scope, guard},
        handle,
    },
    keymgmt::Selection,
};

/// From a PEM file to the structure in it.
pub(super) static PEM: &[OSSL_DISPATCH] = dispatch![
    OSSL_FUNC_DECODER_NEWCTX: OSSL_FUNC_decoder_newctx_fn = new::<DecoderContext>,
    OSSL_FUNC_DECODER_FREECTX: OSSL_FUNC_decoder_freectx_fn = free::<DecoderContext>,
    OSSL_FUNC_DECODER_DECODE: OSSL_FUNC_decoder_decode_fn = decode::<PEM_BLOCK>,
];

/// From the structure to a key of one family.
macro_rules! from_der {
    ($name:ident, $family:ident) => {
        #[allow(non_upper_case_globals)] // Named as the family is, for the table of decoders.
        pub(super) static $name: &[OSSL_DISPATCH] = dispatch![
            OSSL_FUNC_DECODER_NEWCTX: OSSL_FUNC_decoder_newctx_fn = new::<DecoderContext>,
            OSSL_FUNC_DECODER_FREECTX: OSSL_FUNC_decoder_freectx_fn = free::<DecoderContext>,
            OSSL_FUNC_DECODER_DOES_SELECTION: OSSL_FUNC_decoder_does_selection_fn = does_selection,
            OSSL_FUNC_DECODER_DECODE: OSSL_FUNC_decoder_decode_fn =
                decode::<{ Family::$family.code() }>,
        ];
    };
}

from_der!(Rsa, Rsa);
from_der!(RsaPss, RsaPss);
from_der!(Ec, Ec);
from_der!(Ed25519, Ed25519);
from_der!(X25519, X25519);
from_der!(MlDsa44, MlDsa44);
from_der!(MlDsa65, MlDsa65);
from_der!(MlDsa87, MlDsa87);
from_der!(MlKem512, MlKem512);
from_der!(MlKem768, MlKem768);
from_der!(MlKem1024, MlKem1024);

/// Stands for the first step where a family stands for the second; families begin at 1.
const PEM_BLOCK: u32 = 0;

/// A reference is a private key to those who load it; no selection means whatever there is.
unsafe extern "C" fn does_selection(_: *mut c_void, selection: c_int) -> c_int {
    c_int::from(selection == 0 || Selection(selection).private())
}

unsafe extern "C" fn decode<const STEP: u32>(
    ctx: *mut c_void,
    input: *mut OSSL_CORE_BIO,
    _selection: c_int,
    callback: OSSL_CALLBACK,
    argument: *mut c_void,
    _passphrase: OSSL_PASSPHRASE_CALLBACK,
    _passphrase_argument: *mut c_void,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<DecoderContext>(ctx) };
    // SAFETY: the core passes a callback and the argument that it takes.
    let callback = unsafe { Callback::new(callback, argument) };
    guard(context, 0, |context| {
        // SAFETY: the core passes a stream that lives until we return.
        let input = unsafe { Bio::new(context.core(), input) }
            .ok_or_else(|| Error::invalid("there is nothing to read from"))?;
        let decoded = match Family::from_code(STEP) {
            None => context.decode_pem(input, callback)?,
            Some(family) => context.decode_der(input, family, callback)?,
        };
        Ok(match decoded {
            // Zero would end the core's search: others may know what this is.
            Decoded::NotOurs => 1,
            Decoded::HandedOver(taken) => c_int::from(taken),
        })
    })
}
