//! Who is at the other end of a UNIX socket, as the kernel recorded it when it connected or began to
//! listen. No safe crate offers `SO_PEERGROUPS`, and `rustix`'s `SO_PEERCRED` takes no peer whose
//! process has no number here, as those of other containers have none.

use std::{
    io,
    os::fd::{AsFd, AsRawFd},
};

/// A process at the other end of a UNIX socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Its number; 0 if it is in a PID namespace that this process does not see into.
    pub pid: u32,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

/// Who is at the other end.
pub fn peer_credentials(socket: impl AsFd) -> io::Result<Credentials> {
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let size = size_of_val(&peer);
    let mut bytes = libc::socklen_t::try_from(size).map_err(io::Error::other)?;
    // SAFETY: getsockopt(2): "optlen is a value-result argument, initially containing the size of
    // the buffer pointed to by optval"; both pointers are to live, writable locals, and the length
    // is the structure's, which is plain numbers. The descriptor is borrowed for the call.
    let status = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut bytes,
        )
    };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    if bytes as usize != size {
        return Err(io::Error::other("the kernel says less of the peer than it should"));
    }
    Ok(Credentials { pid: peer.pid.unsigned_abs(), uid: peer.uid, gid: peer.gid })
}

/// The supplementary group identifiers of the process that connected this UNIX socket.
pub fn peer_groups(socket: impl AsFd) -> io::Result<Vec<u32>> {
    let mut groups: Vec<libc::gid_t> = vec![0; 32];
    loop {
        let mut bytes = libc::socklen_t::try_from(std::mem::size_of_val(groups.as_slice()))
            .map_err(io::Error::other)?;
        // SAFETY: getsockopt(2): "optlen is a value-result argument, initially containing the
        // size of the buffer pointed to by optval"; both pointers are to live, writable locals,
        // and the length is the buffer's. The descriptor is borrowed for the call.
        let status = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut bytes,
            )
        };
        let count = bytes as usize / size_of::<libc::gid_t>();
        if status == 0 {
            groups.truncate(count);
            return Ok(groups);
        }
        let error = io::Error::last_os_error();
        // With too small a buffer the kernel says how much it needs.
        if error.raw_os_error() == Some(libc::ERANGE) && count > groups.len() {
            groups.resize(count, 0);
        } else {
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_peer_is_this_process_with_its_user() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let peer = peer_credentials(&ours).unwrap();
        assert_eq!(peer.pid, std::process::id());
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let effective = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<u32>().unwrap()
        };
        assert_eq!((peer.uid, peer.gid), (effective("Uid:"), effective("Gid:")));
        drop(theirs);
        assert_eq!(peer_credentials(&ours).unwrap(), peer);
        assert!(peer_credentials(std::fs::File::open("/dev/null").unwrap()).is_err());
    }

    #[test]
    fn the_peer_has_the_groups_of_this_process() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap();
        let expected: Vec<u32> =
            line.split_whitespace().map(|group| group.parse().unwrap()).collect();
        assert_eq!(peer_groups(&ours).unwrap(), expected);
    }
}
