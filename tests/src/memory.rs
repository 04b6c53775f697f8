//! Whether a server's memory stays as it is.

use std::time::Duration;

use keyward_load::{Load, Target};

use crate::memory_of;

/// How long a busy machine may take for a thousand handshakes.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a server may keep of each handshake: nothing. Its heap and its caches have grown to their
/// size by the time of the first look, but their last pages come and go. One look may meet such a
/// page, so the middle one of five looks counts, at the beginning and at the end.
const NOISE_KIB: u64 = 192;

/// Demands that processes have as much memory after 10,000 handshakes more as before, once they
/// have made so many thousands. A leak of 40 bytes in each would show.
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
    let middle = |looks: &[u64]| {
        let mut looks = looks.to_vec();
        looks.sort_unstable();
        looks[looks.len() / 2]
    };
    let (first, last) = (middle(&sizes[..5]), middle(&sizes[6..]));
    assert!(last <= first + NOISE_KIB, "KiB after each thousand handshakes: {sizes:?}");
}
