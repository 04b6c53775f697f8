//! The front end for UNIX sockets, whose callers the kernel names.
//!
//! One thread accepts connections and waits for those that are silent. A connection that has
//! something to say gets a thread, which serves it with blocking calls: two system calls per
//! request, nothing else between the socket and the work. When the connection has been silent for
//! a while the thread leaves it, so that idle connections cost a file descriptor and little more.

use std::{
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::encode_response;
use rustix::{
    io::Errno,
    net::{SendFlags, SocketFlags, accept_with, send},
};

use super::{
    census::Census,
    connection::{Connection, Left},
    crew::Crew,
    parking::{Awaited, FIRST_CONNECTION, Parking},
    socket::UnixSocket,
};
use crate::{
    Error, Result, Service,
    execute::respond,
    identity::{FOR_EVER, Identity},
    peer::Source,
};

/// The front end, running.
pub(super) struct UnixFront {
    parking: Arc<Parking>,
    thread: thread::JoinHandle<()>,
}

impl UnixFront {
    pub(super) fn start(
        service: &Arc<Service>,
        census: Arc<Census>,
        sockets: Vec<UnixSocket>,
    ) -> Result<UnixFront> {
        let failed = |error: io::Error| {
            Error::new(ErrorKind::Internal, format!("cannot start the front end: {error}"))
        };
        let parking = Arc::new(Parking::new().map_err(|error| failed(error.into()))?);
        for (index, socket) in sockets.iter().enumerate() {
            use std::os::fd::AsFd;
            parking.watch(index, socket.as_fd()).map_err(|error| failed(error.into()))?;
        }
        let door = Door {
            service: Arc::clone(service),
            census,
            sockets,
            parking: Arc::clone(&parking),
            crew: Crew::default(),
            next_number: FIRST_CONNECTION,
            last_refusal: None,
        };
        let thread =
            thread::Builder::new().name("front".into()).spawn(|| door.attend()).map_err(failed)?;
        Ok(UnixFront { parking, thread })
    }

    /// Takes no more connections and requests.
    pub(super) fn stop(self) {
        self.parking.close();
        // Its sockets are gone when it has ended.
        let _ = self.thread.join();
    }
}

/// What the accepting thread has.
struct Door {
    service: Arc<Service>,
    census: Arc<Census>,
    sockets: Vec<UnixSocket>,
    parking: Arc<Parking>,
    crew: Crew,
    next_number: u64,
    /// When a refusal was last logged.
    last_refusal: Option<Instant>,
}

/// How often refused connections are logged, whatever their number.
const REFUSAL_LOG_TIME: Duration = Duration::from_secs(1);

impl Door {
    fn attend(mut self) {
        let parking = Arc::clone(&self.parking);
        let mut stop = false;
        while !stop {
            let waited = parking.wait(|awaited| match awaited {
                Awaited::Incoming(index) => self.accept(index),
                Awaited::Active(connection) => self.serve(connection),
                Awaited::Stop => stop = true,
            });
            if let Err(error) = waited {
                tracing::error!("cannot wait for connections: {error}");
                return;
            }
        }
    }

    fn accept(&mut self, index: usize) {
        loop {
            match accept_with(&self.sockets[index], SocketFlags::CLOEXEC) {
                Ok(socket) => self.admit(socket),
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(error) => {
                    // No file descriptors, mostly. Others get on while this waits.
                    tracing::warn!("cannot accept a connection: {error}");
                    thread::sleep(Duration::from_millis(20));
                    return;
                }
            }
        }
    }

    fn admit(&mut self, socket: std::os::fd::OwnedFd) {
        let (identity, pid) = match peer_identity(&socket) {
            Ok(known) => known,
            Err(error) => return tracing::warn!("cannot tell who connects: {error}"),
        };
        let limits = Arc::clone(&self.service.live.settings().limits);
        let place = match self.census.admit(identity.to_string(), &limits) {
            Ok(place) => place,
            Err(error) => {
                if self.last_refusal.is_none_or(|last| last.elapsed() >= REFUSAL_LOG_TIME) {
                    self.last_refusal = Some(Instant::now());
                    tracing::warn!(%identity, "connections are refused: {error}");
                }
                let mut refusal = Vec::new();
                if encode_response(&respond(0, Err(error)), &mut refusal).is_ok() {
                    let _ = send(&socket, &refusal, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
                }
                return;
            }
        };
        let peer = self.service.peer(identity, Source::Process(pid), FOR_EVER);
        let number = self.next_number;
        self.next_number += 1;
        match Connection::new(number, socket, peer, &limits, &self.crew, place) {
            Ok(connection) => self.parking.park(Arc::new(connection)),
            Err(error) => tracing::warn!("cannot set up a connection: {error}"),
        }
    }

    fn serve(&self, connection: Arc<Connection>) {
        let service = Arc::clone(&self.service);
        let parking = Arc::clone(&self.parking);
        self.crew.run(Box::new(move || match connection.serve(&service) {
            Left::Park => parking.park(connection),
            Left::Close => parking.forget(&connection),
        }));
    }
}

fn peer_identity(socket: &std::os::fd::OwnedFd) -> io::Result<(Identity, u32)> {
    let peer = keyward_kernel_facts::peer_credentials(socket)?;
    let mut gids = keyward_kernel_facts::peer_groups(socket)?;
    gids.push(peer.gid);
    Ok((Identity::Process { uid: peer.uid, gids }, peer.pid))
}
