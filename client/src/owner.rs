//! Whose a connection is.

use rustix::process::{Gid, Pid, Uid, getegid, geteuid, getpid};

/// The process and the credentials that opened a connection.
///
/// The kernel tells the service a peer's credentials as they were at `connect`. So a connection
/// ends to be usable when the process forks, and also when it drops its rights without forking, as
/// HAProxy, unbound and stunnel do: what they inherit from root must not go on as root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pid: Pid,
    euid: Uid,
    egid: Gid,
}

impl Owner {
    /// This process with the credentials that it has now.
    pub(crate) fn current() -> Owner {
        Owner { pid: getpid(), euid: geteuid(), egid: getegid() }
    }
}
