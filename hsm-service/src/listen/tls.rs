//! The front end for mutual TLS 1.3. Callers are who their client certificates say.
//!
//! The reactor's threads do the TLS; requests run on threads of their own, so that no key
//! operation holds up the reactor.

mod acceptor;
mod session;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    num::NonZero,
    sync::Arc,
    thread,
    time::Duration,
};

use keyward_algorithms::ErrorKind;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener as AsyncListener, TcpStream},
    runtime::Runtime,
    sync::watch,
    task::block_in_place,
    time::timeout,
};

use super::census::Census;
use crate::{
    Error, Result, Service,
    config::CertificatesConfig,
    issue::{end_of, identity_of},
    lanes::{Lane, LaneOptions},
    peer::Source,
};
use acceptor::Acceptor;

/// The front end, running.
pub(super) struct TlsFront {
    // Tasks end when this is dropped.
    _runtime: Runtime,
    stop: watch::Sender<bool>,
    shared: Arc<Shared>,
}

/// What each connection needs.
struct Shared {
    service: Arc<Service>,
    census: Arc<Census>,
    acceptor: Acceptor,
    /// Where requests run.
    lane: Lane,
    /// Where those of management do, which may wait for the disk or work for seconds, so that keys are
    /// used meanwhile.
    management: Lane,
    stop: watch::Receiver<bool>,
}

/// How many threads the reactor has at most.
const MAX_REACTOR_THREADS: usize = 4;

/// How many requests of one user may wait for a thread.
const LANE_CAPACITY: usize = 8192;

/// How many requests of management run at once. Most of their time they wait, and more than there may
/// be backups in waiting leave room for the rest.
const MANAGEMENT_THREADS: usize = 16;

/// How often it is looked whether the certificate is to be renewed: soon, should the clock jump.
const RENEWAL_CHECK: Duration = Duration::from_secs(60);

impl TlsFront {
    pub(super) fn start(
        service: &Arc<Service>,
        certificates: &CertificatesConfig,
        census: Arc<Census>,
        sockets: Vec<TcpListener>,
    ) -> Result<TlsFront> {
        let failed = |error: io::Error| {
            Error::new(ErrorKind::Internal, format!("cannot start the TLS front end: {error}"))
        };
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(cores.min(MAX_REACTOR_THREADS))
            .thread_name("tls")
            .enable_all()
            .build()
            .map_err(failed)?;
        let lane = |name, threads, niceness| {
            let capacity = LANE_CAPACITY;
            Lane::start(&LaneOptions { name, threads, niceness, capacity }).map_err(failed)
        };
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            service: Arc::clone(service),
            census,
            acceptor: Acceptor::new(service, certificates)?,
            lane: lane("tls-work", cores, 0)?,
            management: lane("tls-manage", MANAGEMENT_THREADS, 5)?,
            stop: stopped,
        });
        let inside = runtime.enter();
        for socket in sockets {
            let listener = AsyncListener::from_std(socket).map_err(failed)?;
            tokio::spawn(listen(Arc::clone(&shared), listener));
        }
        tokio::spawn(renew(Arc::clone(&shared)));
        drop(inside);
        Ok(TlsFront { _runtime: runtime, stop, shared })
    }

    /// Issues another certificate for new connections.
    pub(super) fn renew(&self, service: &Service, config: &CertificatesConfig) -> Result<()> {
        self.shared.acceptor.renew(service, config)
    }

    /// Takes no more connections and requests.
    pub(super) fn stop(&self) {
        let _ = self.stop.send(true);
    }
}

async fn renew(shared: Arc<Shared>) {
    let service = &shared.service;
    loop {
        tokio::time::sleep(RENEWAL_CHECK).await;
        let config = &service.live.settings().certificates;
        // It writes files: other connections go on meanwhile.
        match block_in_place(|| shared.acceptor.renew_if_due(service, config)) {
            Ok(true) => tracing::info!("the service's certificate was renewed"),
            Ok(false) => {}
            Err(error) => tracing::error!("cannot renew the service's certificate: {error}"),
        }
    }
}

async fn listen(shared: Arc<Shared>, listener: AsyncListener) {
    let mut stop = shared.stop.clone();
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    if let Err(error) = greet(&shared, stream, peer).await {
                        tracing::info!(%peer, "TLS connection refused: {error}");
                    }
                });
            }
            Err(error) => {
                // No file descriptors, mostly.
                tracing::warn!("cannot accept a TLS connection: {error}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// Completes the handshake, tells who it is, and serves.
async fn greet(shared: &Arc<Shared>, stream: TcpStream, from: SocketAddr) -> Result<()> {
    let refused = |error: io::Error| Error::new(ErrorKind::Unauthenticated, error.to_string());
    // Strangers count together until their certificate is verified.
    let limits = Arc::clone(&shared.service.live.settings().limits);
    let stranger = shared.census.admit("tls handshake".into(), &limits)?;
    stream.set_nodelay(true).map_err(refused)?;
    rustix::net::sockopt::set_socket_keepalive(&stream, true)
        .map_err(|error| refused(error.into()))?;
    let Some(acceptor) = shared.acceptor.now(&shared.service) else {
        return Err(Error::new(ErrorKind::Sealed, "the service is sealed and has no certificate"));
    };
    let handshake = timeout(limits.handshake(), acceptor.accept(stream).into_fallible());
    let shaken = handshake
        .await
        .map_err(|_| Error::new(ErrorKind::Timeout, "the handshake took too long"))?;
    let stream = match shaken {
        Ok(stream) => stream,
        Err((error, stream)) => {
            let _ = timeout(limits.handshake(), part_from(stream)).await;
            return Err(refused(error));
        }
    };
    let certificates = stream.get_ref().1.peer_certificates();
    let known = certificates
        .and_then(|chain| chain.first())
        .and_then(|own| Some((identity_of(own)?, u64::try_from(end_of(own)?).ok()?)));
    let Some((identity, valid_until)) = known else {
        return Err(Error::new(ErrorKind::Unauthenticated, "the certificate names no user"));
    };
    drop(stranger);
    let place = shared.census.admit(identity.to_string(), &limits);
    let peer = shared.service.peer(identity, Source::Machine(from), valid_until);
    session::serve(shared, stream, peer, &limits, place).await;
    Ok(())
}

/// Leaves a client to its reading of the alert that says why it is refused. It would lose that if the
/// socket were closed while there is something unread in it.
async fn part_from(mut stream: TcpStream) {
    let _ = stream.shutdown().await;
    let mut unread = [0; 1024];
    while stream.read(&mut unread).await.is_ok_and(|count| count > 0) {}
}
