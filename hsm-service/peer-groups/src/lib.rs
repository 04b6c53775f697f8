//! The supplementary groups of a UNIX socket's peer, as the kernel recorded them when it
//! connected. No safe crate offers `SO_PEERGROUPS`, so this one holds the service's only system
//! call of its own.

use std::{
    io,
    os::fd::{AsFd, AsRawFd},
};

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
    fn the_peer_has_the_groups_of_this_process() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap();
        let expected: Vec<u32> =
            line.split_whitespace().map(|group| group.parse().unwrap()).collect();
        assert_eq!(peer_groups(&ours).unwrap(), expected);
    }
}
