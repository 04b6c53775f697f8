//! Where secrets are: locked while the limit allows it, on the heap and said so when it does not.
//!
//! One test alone, because the arena and the limit are the process's.

use keyward_algorithms::{Curve, KeyType, Signature};
use keyward_crypto::{
    PrivateKey,
    locked_memory::{LockedBytes, status},
};

/// The line of `/proc/self/smaps` with this name for the mapping that holds an address.
fn mapping_field(address: usize, name: &str) -> String {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut inside = false;
    for line in smaps.lines() {
        let range = line.split(' ').next().unwrap().split_once('-');
        let number = |text: &str| usize::from_str_radix(text, 16);
        if let Some((Ok(start), Ok(end))) = range.map(|(start, end)| (number(start), number(end))) {
            inside = (start..end).contains(&address);
        } else if inside && line.starts_with(name) {
            return line.to_owned();
        }
    }
    panic!("no {name} for the mapping of {address:x}");
}

/// Whether the bytes stand anywhere in the memory of the process that is not locked.
fn is_in_unlocked_memory(secret: &[u8]) -> bool {
    use std::os::unix::fs::FileExt;
    let memory = std::fs::File::open("/proc/self/mem").unwrap();
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut range = (0, 0);
    for line in smaps.lines() {
        let first = line.split(' ').next().unwrap();
        let number = |text: &str| u64::from_str_radix(text, 16);
        if let Some((Ok(start), Ok(end))) =
            first.split_once('-').map(|(start, end)| (number(start), number(end)))
        {
            range = (start, end);
        }
        let Some(flags) = line.strip_prefix("VmFlags:") else { continue };
        let has = |flag| flags.split(' ').any(|word| word == flag);
        if !has("rd") || !has("wr") || has("lo") {
            continue;
        }
        let mut bytes = vec![0; (range.1 - range.0) as usize];
        if memory.read_exact_at(&mut bytes, range.0).is_ok()
            && bytes.windows(secret.len()).any(|window| window == secret)
        {
            return true;
        }
    }
    false
}

#[test]
fn keys_are_in_locked_memory_until_the_limit_is_reached() {
    let key = PrivateKey::generate(KeyType::Rsa(2048)).unwrap();
    let algorithm = Signature::from_name("rsa-pkcs1-sha256").unwrap();
    key.sign(algorithm, None, &[1; 32]).unwrap();
    let before = status();
    assert!(before.locked_bytes > 0 && !before.limit_reached, "{before:?}");

    let mut secret = LockedBytes::copy_of(b"a secret of the program's own");
    assert_eq!(&*secret, b"a secret of the program's own");
    let flags = mapping_field(secret.as_ptr().addr(), "VmFlags:");
    for flag in [" lo", " dd", " wf"] {
        assert!(flags.contains(flag), "{flag} in {flags}");
    }
    secret[0] = b'b';
    let block = secret.as_ptr().addr();
    drop(secret);
    assert_eq!(LockedBytes::zeroed(29).as_ptr().addr(), block, "a freed block is used again");

    // The first prime, as aws-lc holds it on this machine, is in no memory that is not locked.
    let prime = first_prime_in_memory_order(&key);
    assert!(!is_in_unlocked_memory(&prime));
    let strayed = prime.to_vec();
    assert!(is_in_unlocked_memory(&prime), "the search would find it");
    drop(strayed);

    // Keys that are dropped give their memory back.
    let ec = || PrivateKey::generate(KeyType::Ec(Curve::P256)).unwrap();
    drop(ec());
    let settled = status().locked_bytes;
    for _ in 0..2000 {
        drop(ec());
    }
    assert_eq!(status().locked_bytes, settled);

    // Past the limit keys still work, and the status says where they are.
    let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a valid structure; lowering the limit is always allowed.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) }, 0);
    drop_privileges();
    let keys: Vec<_> = (0..500).map(|_| ec()).collect();
    assert!(status().limit_reached, "{:?}", status());
    let algorithm = Signature::from_name("ecdsa-sha256").unwrap();
    for key in &keys {
        let signature = key.sign(algorithm, None, &[1; 32]).unwrap();
        assert!(key.public_key().unwrap().verify(algorithm, None, &[1; 32], &signature));
    }
}

/// The fifth INTEGER of the RSAPrivateKey in the key's PKCS#8 encoding, little-endian. No copy of
/// it in this order is made outside of locked memory.
fn first_prime_in_memory_order(key: &PrivateKey) -> LockedBytes {
    const HEADERS: usize = 30;
    let pkcs8 = key.to_pkcs8().unwrap();
    let mut rest = &pkcs8[HEADERS..];
    for _ in 0..4 {
        let (length, header) = match rest[1] {
            0x82 => (usize::from(rest[2]) << 8 | usize::from(rest[3]), 4),
            0x81 => (rest[2].into(), 3),
            length => (length.into(), 2),
        };
        rest = &rest[header + length..];
    }
    assert_eq!(rest[..3], [0x02, 0x81, 0x81], "a prime of 1024 bits");
    let mut prime = LockedBytes::zeroed(128);
    for (out, byte) in prime.iter_mut().zip(rest[4..][..128].iter().rev()) {
        *out = *byte;
    }
    prime
}

/// Root may lock without limit.
fn drop_privileges() {
    // SAFETY: takes a number; if the process is not root it fails, and need not succeed.
    unsafe { libc::setuid(65534) };
}
