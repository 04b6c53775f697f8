//! Which system calls the process can still make, by a seccomp filter: not those that start
//! programs, reach into other processes, or change the machine.
//!
//! It names what is forbidden, so that a newer C library may use calls that are not known here. The
//! unit file for systemd names what is allowed, which holds beside it.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// Never made by the service.
const FORBIDDEN: &[libc::c_long] = &[
    // Programs.
    libc::SYS_execve,
    libc::SYS_execveat,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kcmp,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    // Other rights.
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_capset,
    libc::SYS_personality,
    // Other views of the machine, and files without their paths.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mknodat,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    // The machine.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    // Large parts of the kernel that are of no use here.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
];

/// Calls that only some machines have.
#[cfg(target_arch = "x86_64")]
const FORBIDDEN_HERE: &[libc::c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_mknod,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_kexec_file_load,
];
#[cfg(not(target_arch = "x86_64"))]
const FORBIDDEN_HERE: &[libc::c_long] = &[];

/// Restricts this thread and those that it starts. Returns what an operator should know when that
/// does not work.
pub(super) fn restrict() -> Option<String> {
    let installed = forbidden().and_then(|program| install(&program)).and_then(|()| {
        let program = unknown()?;
        install(&program)
    });
    installed.err().map(|error| format!("the system calls could not be restricted: {error}"))
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Answers what is forbidden as the kernel does where rights are missing.
fn forbidden() -> Outcome<BpfProgram> {
    let mut rules: BTreeMap<libc::c_long, Vec<SeccompRule>> =
        FORBIDDEN.iter().chain(FORBIDDEN_HERE).map(|call| (*call, Vec::new())).collect();
    let thread = libc::CLONE_THREAD as u64;
    let process = condition(0, SeccompCmpOp::MaskedEq(thread), 0)?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![process])?]);
    let families = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];
    let others = families.map(|family| condition(0, SeccompCmpOp::Ne, family as u64));
    let others = others.into_iter().collect::<Outcome<Vec<_>>>()?;
    rules.insert(libc::SYS_socket, vec![SeccompRule::new(others)?]);
    program(rules, libc::EPERM)
}

/// The newer call that makes threads hides from a filter what it makes: without it, the C library
/// takes the older one.
fn unknown() -> Outcome<BpfProgram> {
    program(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS)
}

fn condition(argument: u8, is: SeccompCmpOp, value: u64) -> Outcome<SeccompCondition> {
    Ok(SeccompCondition::new(argument, SeccompCmpArgLen::Dword, is, value)?)
}

fn program(rules: BTreeMap<libc::c_long, Vec<SeccompRule>>, errno: i32) -> Outcome<BpfProgram> {
    let refuse = SeccompAction::Errno(errno.unsigned_abs());
    let machine = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, machine)?;
    Ok(filter.try_into()?)
}

fn install(program: &BpfProgram) -> Outcome<()> {
    Ok(seccompiler::apply_filter(program)?)
}
