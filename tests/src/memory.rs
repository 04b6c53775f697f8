//! Whether a server's memory stays as it is.

use std::{thread, time::Duration};

use keyward_load::{Load, Target, TlsVersion};

use crate::{Client, Host, Identity, Site, memory_of};

/// How long a busy machine may take for a thousand handshakes.
const PATIENCE: Duration = Duration::from_secs(120);
/// How much more memory a server may have after most thousands of handshakes: less than the 31 KiB that
/// one forgotten block in each takes, of the least size that glibc has, and more than the 20 by which
/// HAProxy with async jobs grows in some runs and not in others. What leaks in handshakes grows in every
/// thousand of them, and is never less than it was.
const STEADY_GROWTH_KIB: i64 = 28;
/// How much more it may have after all of them. It grows by leaps too, each of them once: when a
/// worker that has been idle takes its first connection, and when more of them than ever are open.
const GROWTH_KIB: i64 = 4096;
/// How much more memory than with a key in a file any other server may have after most thousands
/// of handshakes: 64 bytes for each. The least that could be forgotten in one is twice as long.
const STEADY_GROWTH_BESIDE_A_FILE_KIB: i64 = 64;
/// After how many thousands most servers have grown to their size.
const WARM_AFTER: usize = 3;

/// What keeps the allocators of glibc and, for Redis, jemalloc to one heap, whose free memory goes
/// back at once, and Node.js to a heap that it cleans often.
const ONE_HEAP: [(&str, &str); 5] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_TRIM_THRESHOLD_", "65536"),
    ("MALLOC_MMAP_THRESHOLD_", "131072"),
    ("MALLOC_CONF", "narenas:1,dirty_decay_ms:0,muzzy_decay_ms:0"),
    ("NODE_OPTIONS", "--max-semi-space-size=1 --max-old-space-size=40"),
];

/// Demands that processes have as much memory after 10,000 handshakes more as before, once they
/// have made so many thousands.
pub fn assert_memory_stays(target: &Target, processes: &[u32], warm_after: usize) {
    let sizes = sizes_through_handshakes(target, || processes.to_vec(), warm_after);
    let (steady, total) = growth(&sizes);
    assert!(
        steady <= STEADY_GROWTH_KIB && total <= GROWTH_KIB,
        "KiB after each thousand handshakes: {sizes:?}"
    );
}

impl Site {
    /// Demands that 10,000 handshakes leave the memory of a server's processes as it is. Where it
    /// does not stay, the same server with the same key in a file has to grow as fast.
    pub fn assert_memory_stays(
        &mut self,
        client: Client,
        start: impl Fn(&Site) -> Host,
        processes: impl Fn(&Host) -> Vec<u32>,
    ) {
        self.openssl.add_environment(&ONE_HEAP);
        let (ours, in_file) = self.key_in_both();
        let steady_growth = |identity: &Identity| {
            self.serve(identity);
            let host = start(self);
            let target = self.target(client, TlsVersion::V1_3);
            let sizes = sizes_through_handshakes(&target, || processes(&host), WARM_AFTER);
            host.running.assert_well();
            growth(&sizes).0
        };
        let with_ours = steady_growth(&ours);
        if with_ours > STEADY_GROWTH_BESIDE_A_FILE_KIB {
            let with_file = steady_growth(&in_file);
            assert!(
                with_ours <= with_file + STEADY_GROWTH_BESIDE_A_FILE_KIB,
                "{with_ours} KiB more after each thousand handshakes, {with_file} with a file"
            );
        }
    }
}

/// What processes have after each of ten thousands of handshakes, in KiB, and before the first of
/// them. They are those that are there once so many thousands have been made.
fn sizes_through_handshakes(
    target: &Target,
    processes: impl Fn() -> Vec<u32>,
    warm_after: usize,
) -> Vec<u64> {
    (0..warm_after).for_each(|_| shake_hands(target));
    let measured = processes();
    let look = || {
        let size = size_at_rest(&measured);
        assert!(size > 0, "there are no processes");
        size
    };
    let mut sizes = vec![look()];
    for _ in 0..10 {
        shake_hands(target);
        sizes.push(look());
    }
    eprintln!("KiB after each thousand: {sizes:?}");
    let last = processes();
    assert!(measured.iter().all(|pid| last.contains(pid)), "of {measured:?} are left {last:?}");
    sizes
}

/// A thousand handshakes, and all clients gone.
fn shake_hands(target: &Target) {
    let load = Load::start(target, 4);
    assert!(load.wait_for(1_000, PATIENCE), "the load stalls: {:#?}", load.stop());
    let report = load.stop();
    assert_eq!(report.failures, 0, "{report:#?}");
}

/// The least of several looks: a server takes a moment to notice that its clients have gone, Redis a
/// tenth of a second.
fn size_at_rest(processes: &[u32]) -> u64 {
    let looks = (0..12).map(|_| {
        thread::sleep(Duration::from_millis(20));
        memory_of(processes)
    });
    looks.min().unwrap_or_default()
}

/// By how much sizes grow from one to the next, and from the first to the last. The former is the
/// median, which one leap does not move, or how fast the least size grows, which going to and fro
/// does not move, whichever is less.
fn growth(sizes: &[u64]) -> (i64, i64) {
    let sizes: Vec<i64> = sizes.iter().map(|&size| size as i64).collect();
    let mut steps: Vec<i64> = sizes.windows(2).map(|looks| looks[1] - looks[0]).collect();
    steps.sort_unstable();
    let (lower, upper) = (steps[(steps.len() - 1) / 2], steps[steps.len() / 2]);
    let half = sizes.len() / 2;
    let least = |part: &[i64]| part.iter().copied().min().unwrap_or_default();
    let later = sizes.len() - half;
    let floor = (least(&sizes[later..]) - least(&sizes[..half])) / later as i64;
    (floor.min((lower + upper) / 2), sizes[sizes.len() - 1] - sizes[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leap_is_no_steady_growth_and_a_leak_is() {
        let leap = [1824, 1824, 1824, 1824, 2400, 2400, 2400, 2400, 2400, 2400, 2400];
        assert_eq!(growth(&leap), (0, 576));
        let to_and_fro = [1000, 1020, 1000, 1020, 1000, 1020, 1000, 1020, 1000, 1020, 1000];
        assert_eq!(growth(&to_and_fro), (0, 0));
        let uneven = [12748, 12696, 12736, 13204, 13284, 12732, 12764, 12752, 13208, 12768, 13248];
        assert_eq!(growth(&uneven), (9, 500));
        let leak: Vec<u64> = (0..11).map(|thousand| 1000 + 48 * thousand).collect();
        assert_eq!(growth(&leak), (48, 480));
    }
}
