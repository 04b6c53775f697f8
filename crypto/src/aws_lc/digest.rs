//! aws-lc's names for the digests of the table.

use std::ffi::c_int;

use aws_lc_sys::EVP_MD;
use keyward_algorithms::Digest;

/// The NID that `RSA_sign` takes.
pub(super) fn nid(digest: Digest) -> c_int {
    match digest {
        Digest::Sha1 => aws_lc_sys::NID_sha1,
        Digest::Sha224 => aws_lc_sys::NID_sha224,
        Digest::Sha256 => aws_lc_sys::NID_sha256,
        Digest::Sha384 => aws_lc_sys::NID_sha384,
        Digest::Sha512 => aws_lc_sys::NID_sha512,
        Digest::Sha512_256 => aws_lc_sys::NID_sha512_256,
        Digest::Sha3_256 => aws_lc_sys::NID_sha3_256,
        Digest::Sha3_384 => aws_lc_sys::NID_sha3_384,
        Digest::Sha3_512 => aws_lc_sys::NID_sha3_512,
    }
}

/// The method table of a digest, which lives as long as the program.
pub(super) fn method(digest: Digest) -> *const EVP_MD {
    let getter: unsafe extern "C" fn() -> *const EVP_MD = match digest {
        Digest::Sha1 => aws_lc_sys::EVP_sha1,
        Digest::Sha224 => aws_lc_sys::EVP_sha224,
        Digest::Sha256 => aws_lc_sys::EVP_sha256,
        Digest::Sha384 => aws_lc_sys::EVP_sha384,
        Digest::Sha512 => aws_lc_sys::EVP_sha512,
        Digest::Sha512_256 => aws_lc_sys::EVP_sha512_256,
        Digest::Sha3_256 => aws_lc_sys::EVP_sha3_256,
        Digest::Sha3_384 => aws_lc_sys::EVP_sha3_384,
        Digest::Sha3_512 => aws_lc_sys::EVP_sha3_512,
    };
    // SAFETY: the `EVP_sha*` functions take no argument and return a pointer to a static table.
    unsafe { getter() }
}
