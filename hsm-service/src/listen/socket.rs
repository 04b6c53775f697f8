//! Listening sockets.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::{
            fs::{DirBuilderExt, FileTypeExt, PermissionsExt},
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;

use crate::{Error, Result, config::ListenConfig, identity::local_group};

/// How long a service that answers at our path is given to end.
const HANDOVER_TIME: Duration = Duration::from_secs(1);

/// A listening UNIX socket, whose file goes when it is dropped, unless systemd made it.
pub(crate) struct UnixSocket {
    listener: UnixListener,
    path: Option<PathBuf>,
}

impl UnixSocket {
    /// Binds a socket with the permissions of its configuration. The file of a service that is
    /// gone is replaced, that of a service that answers is not.
    pub(crate) fn bind(path: &Path, config: &ListenConfig) -> Result<UnixSocket> {
        let failed = |what: &str, error: &dyn std::fmt::Display| cannot(what, path, error);
        make_folder_of(path)?;
        if fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
            // The service that was here may be ending at this moment.
            let deadline = Instant::now() + HANDOVER_TIME;
            while Instant::now() < deadline && UnixStream::connect(path).is_ok() {
                thread::sleep(Duration::from_millis(10));
            }
            if UnixStream::connect(path).is_ok() {
                return Err(failed("listen at", &"another service answers there")
                    .hint("stop that one first, or choose another path in [[listen]]"));
            }
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("replace", &error));
                }
                _ => {}
            }
        }
        let listener = UnixListener::bind(path).map_err(|error| {
            let refused = failed("listen at", &error);
            match error.kind() {
                io::ErrorKind::PermissionDenied => refused.hint(
                    "its folder has to belong to the service's user, as the unit keyward.service \
                     makes it",
                ),
                _ => refused,
            }
        })?;
        // The standard library's backlog of 128 is too short for a web server's start.
        rustix::net::listen(&listener, 4096).map_err(|error| failed("listen at", &error))?;
        listener.set_nonblocking(true).map_err(|error| failed("listen at", &error))?;
        let socket = UnixSocket { listener, path: Some(path.to_owned()) };
        if let Some(group) = &config.group {
            let gid = local_group(group).map_err(Error::invalid)?;
            std::os::unix::fs::chown(path, None, Some(gid))
                .map_err(|error| failed("set the group of", &error))?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(config.mode()?))
            .map_err(|error| failed("set the permissions of", &error))?;
        Ok(socket)
    }

    /// One that systemd listens on, with the permissions of its unit. It outlives the service.
    pub(crate) fn of_systemd(listener: UnixListener) -> UnixSocket {
        UnixSocket { listener, path: None }
    }

    /// The socket itself.
    pub(crate) fn listener(&self) -> &UnixListener {
        &self.listener
    }
}

impl AsFd for UnixSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

/// Makes the folder of a UNIX socket if it is not there. Callers of every user have to pass through.
pub(crate) fn make_folder_of(path: &Path) -> Result<()> {
    let Some(folder) = path.parent().filter(|folder| !folder.exists()) else { return Ok(()) };
    let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(folder);
    made.and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o755))).map_err(
        |error| {
            cannot("make the folder of", path, &error).hint(
                "make it and give it to the service's user, as the unit keyward.service does, or \
                 choose another path in [[listen]]",
            )
        },
    )
}

fn cannot(what: &str, path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Unavailable, format!("cannot {what} {}: {error}", path.display()))
}

/// Binds a TCP socket.
pub(crate) fn bind_tcp(address: SocketAddr) -> Result<TcpListener> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there: stop it, or choose another",
            io::ErrorKind::AddrNotAvailable => "this machine has no such address",
            io::ErrorKind::PermissionDenied => "the service may not take ports below 1024",
            _ => "see the configuration's [[listen]] and [health]",
        };
        Error::new(ErrorKind::Unavailable, format!("cannot listen at {address}: {error}"))
            .hint(hint)
    })
}
