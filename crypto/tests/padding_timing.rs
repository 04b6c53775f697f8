//! Whether the time of a decryption tells good padding from bad: Bleichenbacher's question, asked
//! of the clock.
//!
//! Each round times a ciphertext with right padding and one with wrong, in random order, and keeps
//! no more than which of the two took longer. Where both take the same time that is a fair coin,
//! however noisy the machine, so the bound is one of probability and not of nanoseconds. A third
//! measurement, of a right ciphertext and a little work on top, shows what would have been seen.

mod common;

use std::{hint::black_box, time::Instant};

use common::*;
use keyward_algorithms::{Encryption, KeyType};
use keyward_crypto::{PrivateKey, TlsVersions};
use openssl::{pkey_ctx::PkeyCtx, rand::rand_bytes, rsa::Padding};

const MODULUS_BYTES: usize = 256;
/// Ciphertexts of each kind, so that no property of one of them counts.
const POOL: usize = 200;
const ROUNDS: usize = 6_000;
/// Standard deviations of a fair coin: beyond six once in five hundred million times.
const SUSPICIOUS: f64 = 6.0;
const TLS: TlsVersions = TlsVersions { client: 0x0303, negotiated: 0 };

/// What can be wrong with a block: each answer would help an attacker.
#[derive(Clone, Copy, Debug)]
enum Flaw {
    None,
    FirstByte,
    BlockType,
    ZeroInPadding,
    NoSeparator,
    /// Rightly padded, but for TLS a secret of another length or version.
    OtherMessage,
}

fn random(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    rand_bytes(&mut bytes).unwrap();
    bytes
}

/// A block with a message, padded rightly but for the flaw.
fn block(flaw: Flaw, message: &[u8]) -> Vec<u8> {
    let separator = MODULUS_BYTES - message.len() - 1;
    let mut block: Vec<u8> = random(MODULUS_BYTES).iter().map(|byte| byte | 1).collect();
    block[..2].copy_from_slice(&[0, 2]);
    block[separator] = 0;
    block[separator + 1..].copy_from_slice(message);
    match flaw {
        Flaw::None => {}
        // Smaller than the modulus, whose first bit is set.
        Flaw::FirstByte => block[0] = 1,
        Flaw::BlockType => block[1] = 1,
        Flaw::ZeroInPadding => block[5] = 0,
        Flaw::NoSeparator => block[2..].iter_mut().for_each(|byte| *byte |= 1),
        Flaw::OtherMessage => block[separator - 2] = 0,
    }
    block
}

struct Lab {
    key: PrivateKey,
    scheme: Encryption,
}

impl Lab {
    fn encrypt(&self, block: &[u8]) -> Vec<u8> {
        let public = openssl_public(&self.key);
        let mut context = PkeyCtx::new(&public).unwrap();
        context.encrypt_init().unwrap();
        context.set_rsa_padding(Padding::NONE).unwrap();
        let mut ciphertext = Vec::new();
        context.encrypt_to_vec(block, &mut ciphertext).unwrap();
        ciphertext
    }

    fn decrypt(&self, ciphertext: &[u8]) -> usize {
        black_box(self.key.decrypt(self.scheme, None, Some(TLS), ciphertext).unwrap()).len()
    }

    /// A wrong ciphertext, and a right one that decrypts to as many bytes: their number is the
    /// caller's to see.
    fn pair(&self, flaw: Flaw) -> [Vec<u8>; 2] {
        let secret = || [&[3, 3][..], &random(46)].concat();
        let wrong = self.encrypt(&block(flaw, &secret()));
        let right = match self.scheme {
            Encryption::RsaTls => secret(),
            _ => random(self.decrypt(&wrong)),
        };
        // A message of the whole block has no room for padding; the next wrong one is shorter.
        if right.len() > MODULUS_BYTES - 11 {
            return self.pair(flaw);
        }
        [self.encrypt(&block(Flaw::None, &right)), wrong]
    }

    fn time(&self, ciphertext: &[u8]) -> u128 {
        let begun = Instant::now();
        self.decrypt(black_box(ciphertext));
        begun.elapsed().as_nanos()
    }

    /// The same with some hundred nanoseconds of work on top.
    fn time_with_more_work(&self, ciphertext: &[u8]) -> u128 {
        let begun = Instant::now();
        self.decrypt(black_box(ciphertext));
        black_box(openssl::sha::sha256(black_box(&[0; 512])));
        begun.elapsed().as_nanos()
    }
}

/// How often the second was the slower one of the two, in standard deviations from one half.
#[derive(Default)]
struct Coin {
    slower: f64,
    thrown: f64,
}

impl Coin {
    fn throw(&mut self, first: u128, second: u128) {
        if first != second {
            self.thrown += 1.0;
            self.slower += f64::from(u8::from(second > first));
        }
    }

    fn deviation(&self) -> f64 {
        (2.0 * self.slower - self.thrown) / self.thrown.sqrt()
    }
}

fn compare(scheme: Encryption, flaw: Flaw) -> [f64; 2] {
    let lab = Lab { key: PrivateKey::generate(KeyType::Rsa(2048)).unwrap(), scheme };
    let pairs: Vec<_> = (0..POOL).map(|_| lab.pair(flaw)).collect();
    let [mut coin, mut control] = [Coin::default(), Coin::default()];
    let dice = random(ROUNDS * 3);
    for dice in dice.chunks_exact(3) {
        let [right, wrong] = &pairs[usize::from(dice[0]) % POOL];
        if dice[1] & 1 == 0 {
            let first = lab.time(right);
            coin.throw(first, lab.time(wrong));
        } else {
            let first = lab.time(wrong);
            coin.throw(lab.time(right), first);
        }
        if dice[2] & 1 == 0 {
            let first = lab.time(right);
            control.throw(first, lab.time_with_more_work(right));
        } else {
            let first = lab.time_with_more_work(right);
            control.throw(lab.time(right), first);
        }
    }
    [coin.deviation(), control.deviation()]
}

/// Compares with every flaw, and with none.
fn interrogate(scheme: Encryption) {
    let mut suspects = Vec::new();
    for flaw in [
        Flaw::None,
        Flaw::FirstByte,
        Flaw::BlockType,
        Flaw::ZeroInPadding,
        Flaw::NoSeparator,
        Flaw::OtherMessage,
    ] {
        let [deviation, control] = compare(scheme, flaw);
        println!("{scheme:?} {flaw:?}: {deviation:.1}, with more work {control:.1}");
        assert!(control > SUSPICIOUS, "this machine is too busy to tell anything");
        if deviation.abs() > SUSPICIOUS {
            suspects.push((flaw, deviation));
        }
    }
    assert!(suspects.is_empty(), "{scheme:?}: {suspects:?}");
}

#[test]
#[ignore = "statistics of an optimised build: for make soak"]
fn the_time_of_tls_key_exchange_does_not_tell_good_padding_from_bad() {
    interrogate(Encryption::RsaTls);
}

#[test]
#[ignore = "statistics of an optimised build: for make soak"]
fn the_time_of_a_decryption_does_not_tell_good_padding_from_bad() {
    interrogate(Encryption::RsaPkcs1);
}
