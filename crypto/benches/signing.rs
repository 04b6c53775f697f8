//! Signatures per second through this crate beside aws-lc called directly with the same key, in
//! alternation, and how one key scales over threads: `cargo bench -p keyward-crypto`.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use keyward_algorithms::{Curve, KeyType, Signature};
use keyward_crypto::PrivateKey;

const ROUNDS: usize = 9;
const SLICE: Duration = Duration::from_millis(250);

/// The same signature by aws-lc alone.
type Direct = fn(&raw::Key, &[u8]);

fn main() {
    let cases: [(KeyType, &str, Direct); 7] = [
        (KeyType::Rsa(2048), "rsa-pkcs1-sha256", raw::Key::rsa_sign),
        (KeyType::Rsa(2048), "rsa-pss-sha256", raw::Key::rsa_sign_pss),
        (KeyType::Rsa(3072), "rsa-pss-sha256", raw::Key::rsa_sign_pss),
        (KeyType::Rsa(4096), "rsa-pss-sha256", raw::Key::rsa_sign_pss),
        (KeyType::Ec(Curve::P256), "ecdsa-sha256", raw::Key::ecdsa_sign),
        (KeyType::Ec(Curve::P384), "ecdsa-sha384", raw::Key::ecdsa_sign),
        (KeyType::Ed25519, "ed25519", raw::Key::ed25519_sign),
    ];
    println!(
        "{:<28} {:>10} {:>10} {:>7} {:>12} {:>9}",
        "", "here/s", "aws-lc/s", "ratio", "2 threads/s", "parse/s"
    );
    for (key_type, name, direct) in cases {
        let key = PrivateKey::generate(key_type).expect("key generation");
        let pkcs8 = key.to_pkcs8().expect("export");
        let raw_key = raw::Key::parse(&pkcs8);
        let algorithm = Signature::from_name(name).expect("an algorithm of the table");
        let input = vec![0x5a; algorithm.digest.map_or(64, |digest| digest.size())];
        let ours = || {
            black_box(key.sign(algorithm, None, black_box(&input)).expect("signature"));
        };
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            here.push(rate(ours));
            there.push(rate(|| direct(&raw_key, black_box(&input))));
        }
        let (here, there) = (median(here), median(there));
        let both: f64 = std::thread::scope(|scope| {
            let other = scope.spawn(|| rate(ours));
            rate(ours) + other.join().expect("thread")
        });
        let parse = rate(|| drop(black_box(PrivateKey::from_pkcs8(&pkcs8))));
        let label = format!("{key_type} {name}");
        println!(
            "{label:<28} {here:>10.0} {there:>10.0} {:>7.3} {both:>12.0} {parse:>9.0}",
            here / there
        );
    }
}

/// Calls per second of this thread's processor time, so that others on the machine count less.
fn rate(mut call: impl FnMut()) -> f64 {
    let (start, begun) = (Instant::now(), processor_seconds());
    let mut calls = 0;
    while start.elapsed() < SLICE {
        for _ in 0..16 {
            call();
        }
        calls += 16;
    }
    f64::from(calls) / (processor_seconds() - begun)
}

fn processor_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a valid structure.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// aws-lc without anything around it.
mod raw {
    use std::{hint::black_box, mem::MaybeUninit, ptr};

    use aws_lc_sys as sys;

    pub(crate) struct Key {
        pkey: *mut sys::EVP_PKEY,
        ed25519: [u8; 64],
    }

    impl Key {
        pub(crate) fn parse(pkcs8: &[u8]) -> Key {
            let mut reader = MaybeUninit::uninit();
            // SAFETY: `CBS_init` fills the structure; the bytes outlive it.
            unsafe { sys::CBS_init(reader.as_mut_ptr(), pkcs8.as_ptr(), pkcs8.len()) };
            // SAFETY: the reader is initialised.
            let pkey = unsafe { sys::EVP_parse_private_key(reader.as_mut_ptr()) };
            assert!(!pkey.is_null());
            let (mut public, mut ed25519) = ([0; 32], [0; 64]);
            // SAFETY: the buffers have the sizes that curve25519.h asks for.
            unsafe { sys::ED25519_keypair(public.as_mut_ptr(), ed25519.as_mut_ptr()) };
            Key { pkey, ed25519 }
        }

        pub(crate) fn rsa_sign(&self, digest: &[u8]) {
            let mut signature = [0; 1024];
            let mut length = 0;
            // SAFETY: the key is a valid RSA key.
            let rsa = unsafe { sys::EVP_PKEY_get0_RSA(self.pkey) };
            // SAFETY: the buffer has room for the largest key.
            let status = unsafe {
                sys::RSA_sign(
                    sys::NID_sha256,
                    digest.as_ptr(),
                    digest.len(),
                    signature.as_mut_ptr(),
                    &mut length,
                    rsa,
                )
            };
            assert_eq!(black_box(status), 1);
        }

        pub(crate) fn rsa_sign_pss(&self, digest: &[u8]) {
            let mut signature = [0; 1024];
            let mut length = 0;
            // SAFETY: the key is a valid RSA key.
            let rsa = unsafe { sys::EVP_PKEY_get0_RSA(self.pkey) };
            // SAFETY: no argument; a static table.
            let sha256 = unsafe { sys::EVP_sha256() };
            // SAFETY: the room is given; the digest is readable.
            let status = unsafe {
                sys::RSA_sign_pss_mgf1(
                    rsa,
                    &mut length,
                    signature.as_mut_ptr(),
                    signature.len(),
                    digest.as_ptr(),
                    digest.len(),
                    sha256,
                    ptr::null(),
                    32,
                )
            };
            assert_eq!(black_box(status), 1);
        }

        pub(crate) fn ecdsa_sign(&self, digest: &[u8]) {
            let mut signature = [0; 160];
            let mut length = 0;
            // SAFETY: the key is a valid EC key.
            let ec = unsafe { sys::EVP_PKEY_get0_EC_KEY(self.pkey) };
            // SAFETY: the buffer has room for the largest curve.
            let status = unsafe {
                sys::ECDSA_sign(
                    0,
                    digest.as_ptr(),
                    digest.len(),
                    signature.as_mut_ptr(),
                    &mut length,
                    ec,
                )
            };
            assert_eq!(black_box(status), 1);
        }

        pub(crate) fn ed25519_sign(&self, message: &[u8]) {
            let mut signature = [0; 64];
            // SAFETY: the buffers have the sizes that curve25519.h asks for.
            let status = unsafe {
                sys::ED25519_sign(
                    signature.as_mut_ptr(),
                    message.as_ptr(),
                    message.len(),
                    self.ed25519.as_ptr(),
                )
            };
            assert_eq!(black_box(status), 1);
        }
    }
}
