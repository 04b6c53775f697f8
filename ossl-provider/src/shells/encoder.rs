//! `OSSL_OP_ENCODER` (provider-encoder(7)).

use std::ffi::{c_int, c_void};

use super::context::{free, new};
use crate::{
    encoder::{EncoderContext, Format},
    failure::unsupported,
    ffi::{
        bindings::{OSSL_CORE_BIO, OSSL_DISPATCH, OSSL_PARAM, OSSL_PASSPHRASE_CALLBACK},
        bio::Bio,
        dispatch::dispatch,
        guard::{Scope, guard, guard_quietly},
        handle,
    },
    key::Key,
    keymgmt::Selection,
};

macro_rules! format {
    ($name:ident, $format:ident) => {
        pub(super) static $name: &[OSSL_DISPATCH] = dispatch![
            OSSL_FUNC_ENCODER_NEWCTX: OSSL_FUNC_encoder_newctx_fn = new::<EncoderContext>,
            OSSL_FUNC_ENCODER_FREECTX: OSSL_FUNC_encoder_freectx_fn = free::<EncoderContext>,
            OSSL_FUNC_ENCODER_DOES_SELECTION: OSSL_FUNC_encoder_does_selection_fn =
                does_selection::<{ Format::$format as u32 }>,
            OSSL_FUNC_ENCODER_ENCODE: OSSL_FUNC_encoder_encode_fn =
                encode::<{ Format::$format as u32 }>,
        ];
    };
}

format!(SPKI_DER, SpkiDer);
format!(SPKI_PEM, SpkiPem);
format!(PKCS1_DER, Pkcs1Der);
format!(PKCS1_PEM, Pkcs1Pem);
format!(REFERENCE_PEM, ReferencePem);
format!(TEXT, Text);

unsafe extern "C" fn does_selection<const FORMAT: u32>(_: *mut c_void, selection: c_int) -> c_int {
    guard_quietly(0, || Some(c_int::from(Format::from_code(FORMAT)?.holds(Selection(selection)))))
}

/// Only keys of ours are written: those of other providers would come as `_abstract`, and their
/// providers have encoders of their own.
unsafe extern "C" fn encode<const FORMAT: u32>(
    ctx: *mut c_void,
    output: *mut OSSL_CORE_BIO,
    key: *const c_void,
    _abstract: *const OSSL_PARAM,
    selection: c_int,
    _passphrase: OSSL_PASSPHRASE_CALLBACK,
    _passphrase_argument: *mut c_void,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<EncoderContext>(ctx) };
    // SAFETY: the core passes a key of ours, or null.
    let key = unsafe { handle::shared::<Key>(key) };
    guard(context, 0, |context| {
        // SAFETY: the core passes a stream that lives until we return.
        let output = unsafe { Bio::new(context.core(), output) };
        let (Some(mut output), Some(key), Some(format)) = (output, key, Format::from_code(FORMAT))
        else {
            return Err(unsupported("writing keys of other providers"));
        };
        output.write(&context.encode(key, format, Selection(selection))?)?;
        Ok(1)
    })
}
