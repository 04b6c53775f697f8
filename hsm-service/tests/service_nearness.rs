//! Where the service works for callers on its own machine.

mod service_support;

use std::{fs, path::Path};

use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use service_support::{ME, State, generate, sign, wait_for};

/// The processors that each thread of this name may run on, as the kernel lists them.
fn places(process: Pid, name: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero())).unwrap();
    threads.filter_map(|thread| place(&thread.ok()?.path(), name)).collect()
}

fn place(thread: &Path, name: &str) -> Option<String> {
    // Threads come and go.
    let status = fs::read_to_string(thread.join("status")).ok()?;
    let field = |field: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(field))
            .map(|value| value.trim().to_owned())
    };
    (field("Name:")? == name).then(|| field("Cpus_allowed_list:"))?
}

#[test]
fn on_a_busy_machine_a_connection_is_served_on_the_processor_that_its_caller_waits_on() {
    let everywhere = sched_getaffinity(None).unwrap();
    let processors: Vec<usize> =
        (0..CpuSet::MAX_CPU).filter(|number| everywhere.is_set(*number)).collect();
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let key = generate(&client, "near", "p-256");
    let free = places(service.pid(), "front");
    assert_eq!(free.len(), 1);
    let is_free = || places(service.pid(), "connection").iter().all(|place| *place == free[0]);
    let settle = || (0..4).for_each(|_| drop(sign(&client, &key).unwrap()));

    // As many callers as processors: with fewer there is an idle one for each.
    let others: Vec<_> = processors.iter().map(|_| service.client()).collect();
    for processor in processors.iter().take(2) {
        let mut here = CpuSet::new();
        here.set(*processor);
        sched_setaffinity(None, &here).unwrap();
        wait_for("a thread on the caller's processor", || {
            others.iter().for_each(|other| drop(other.status().unwrap()));
            settle();
            places(service.pid(), "connection").contains(&processor.to_string()).then_some(())
        });
    }

    // What is no use of a key may start threads, which are not to stay there.
    client.status().unwrap();
    assert!(is_free());

    if processors.len() > 1 {
        // Alone, once the others have fallen silent.
        wait_for("a thread that may run everywhere", || {
            settle();
            is_free().then_some(())
        });
    }
    sched_setaffinity(None, &everywhere).unwrap();
}
