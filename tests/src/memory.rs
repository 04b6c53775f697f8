//! Whether a server's memory stays as it is.

use std::time::Duration;

use keyward_load::{Load, Target};

use crate::memory_of;

/// How long a busy machine may take for a thousand handshakes.
const PATIENCE: Duration = Duration::from_secs(120);
/// How much more memory a server may have after most thousands of handshakes: 16 bytes for each.
/// What leaks in handshakes grows in every thousand of them, and is never less than it was.
const STEADY_GROWTH_KIB: i64 = 16;
/// How much more it may have after all of them. It grows by leaps too, each of them once: when a
/// worker that has been idle takes its first connection, and when more of them than ever are open.
const GROWTH_KIB: i64 = 4096;

/// Demands that processes have as much memory after 10,000 handshakes more as before, once they
/// have made so many thousands.
pub fn assert_memory_stays(target: &Target, processes: &[u32], warm_after: usize) {
    assert!(memory_of(processes) > 0, "there are no processes");
    let load = Load::start(target, 4);
    let mut sizes = Vec::new();
    for thousand in 1..=warm_after + 10 {
        assert!(load.wait_for(1_000, PATIENCE), "the load stalls: {:#?}", load.stop());
        if thousand >= warm_after {
            sizes.push(memory_of(processes));
        }
    }
    let report = load.stop();
    assert_eq!(report.failures, 0, "{report:#?}");
    eprintln!("KiB after each thousand: {sizes:?}");
    assert!(sizes.iter().all(|&size| size > 0), "the processes are gone");
    let (steady, total) = growth(&sizes);
    assert!(
        steady <= STEADY_GROWTH_KIB && total <= GROWTH_KIB,
        "KiB after each thousand handshakes: {sizes:?}"
    );
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
