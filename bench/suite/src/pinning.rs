//! Keeping work on one processor.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Runs something on one processor, in this thread and in what it starts.
pub(crate) fn on_cpu<T>(cpu: usize, work: impl FnOnce() -> T) -> T {
    let before = sched_getaffinity(None).expect("a thread may ask where it runs");
    let mut one = CpuSet::new();
    one.set(cpu);
    sched_setaffinity(None, &one).expect("a thread may choose where it runs");
    let result = work();
    sched_setaffinity(None, &before).expect("a thread may go back");
    result
}
