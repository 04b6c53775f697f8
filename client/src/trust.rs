//! Whether the one behind a UNIX socket may be told a PIN.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::Error;

const ROOT: u32 = 0;
const STICKY: u32 = 0o1000;
const GROUP_MAY_WRITE: u32 = 0o020;
const OTHERS_MAY_WRITE: u32 = 0o002;

/// Checks that a stranger cannot have put its own socket there. The one that listens has to be root,
/// as with systemd's sockets, or this process's user, or whom the socket's folder belongs to, as with
/// a service that has a folder of its own; and in no folder on the way there may others put things.
pub(crate) fn check_service(socket: &Path, listener: u32) -> Result<(), Error> {
    let me = rustix::process::geteuid().as_raw();
    let refused = |why: String| {
        let message = format!("no PIN is sent to {}: {why}", socket.display());
        Error::new(ErrorKind::Unauthenticated, message)
            .hint("have the service listen in a folder of its own, such as /run/keyward")
    };
    let unread = |error: io::Error| refused(error.to_string());
    let folder = socket.parent().unwrap_or(Path::new("/"));
    let folder = fs::canonicalize(folder).map_err(unread)?;
    let owner = fs::metadata(&folder).map_err(unread)?.uid();
    if ![ROOT, me, owner].contains(&listener) {
        return Err(refused(format!(
            "the user {listener} listens there, and the folder belongs to {owner}"
        )));
    }
    match open_folder(&folder, me).map_err(unread)? {
        None => Ok(()),
        Some(open) => Err(refused(format!("others may write to {}", open.display()))),
    }
}

/// The first folder on the way to this one where another user could have put the next: all of them
/// may write there, or those of a group that is neither root's nor this process's own. In one with
/// the sticky bit nobody can replace what root or this user has made.
fn open_folder(folder: &Path, me: u32) -> io::Result<Option<PathBuf>> {
    let my_group = rustix::process::getegid().as_raw();
    let mut below: Option<u32> = None;
    for step in folder.ancestors() {
        let status = fs::metadata(step)?;
        let is_ours = below.is_some_and(|owner| [ROOT, me].contains(&owner));
        let is_protected = status.mode() & STICKY != 0 && is_ours;
        let is_open = status.mode() & OTHERS_MAY_WRITE != 0
            || (status.mode() & GROUP_MAY_WRITE != 0 && ![ROOT, my_group].contains(&status.gid()));
        if is_open && !is_protected {
            return Ok(Some(step.to_owned()));
        }
        below = Some(status.uid());
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::*;

    #[test]
    fn only_whom_the_folder_belongs_to_and_where_others_cannot_write_gets_a_pin() {
        let me = rustix::process::geteuid().as_raw();
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("hsm.sock");
        check_service(&socket, me).unwrap();
        check_service(&socket, ROOT).unwrap();
        let error = check_service(&socket, 4321).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthenticated);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(check_service(&socket, me).unwrap_err().message.contains("others may write"));
    }

    #[test]
    fn a_folder_that_another_group_may_write_to_is_open() {
        let me = rustix::process::geteuid().as_raw();
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("hsm.sock");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o770)).unwrap();
        check_service(&socket, me).unwrap();
        // Root alone gives a folder to a group that it is not in.
        if me == ROOT {
            chown(folder.path(), None, Some(4321)).unwrap();
            assert!(check_service(&socket, me).unwrap_err().message.contains("others may write"));
        }
    }
}
