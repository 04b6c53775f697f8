//! Tells load balancers, Prometheus and people how the service is, over HTTP/1.1 without a login.
//!
//! A thread and a runtime of its own, so that it answers when everything else is at its limit.

mod answers;
mod request;

use std::{
    io,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use keyward_algorithms::ErrorKind;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UnixListener},
    sync::{Semaphore, oneshot},
    time::timeout,
};

use crate::{
    Error, Result, Service,
    config::{HealthAddress, ListenConfig},
    listen::socket::{UnixSocket, bind_tcp},
};
use answers::Answers;

/// The listener, running until it is dropped.
pub(crate) struct Health {
    address: String,
    /// Its file goes with it.
    _socket: Option<UnixSocket>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How long a client may take for its request, and for taking the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many clients are answered at a time; more wait to be accepted.
const MAX_CLIENTS: usize = 32;

enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Health {
    /// Listens at an address, unless it is `off`.
    pub(crate) fn start(service: &Arc<Service>, address: &HealthAddress) -> Result<Option<Health>> {
        let failed = |error: io::Error| {
            Error::new(ErrorKind::Internal, format!("cannot start the health listener: {error}"))
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let inside = runtime.enter();
        let (listener, socket, address) = match address {
            HealthAddress::Off => return Ok(None),
            HealthAddress::Unix(path) => {
                let socket = UnixSocket::bind(path, &ListenConfig::unix(path))?;
                let listener = socket.listener().try_clone().and_then(UnixListener::from_std);
                let address = format!("unix:{}", path.display());
                (Listener::Unix(listener.map_err(failed)?), Some(socket), address)
            }
            HealthAddress::Tcp(address) => {
                let socket = bind_tcp(*address)?;
                let address = format!("http://{}", socket.local_addr().unwrap_or(*address));
                let listener = TcpListener::from_std(socket).map_err(failed)?;
                (Listener::Tcp(listener), None, address)
            }
        };
        drop(inside);
        let answers = Arc::new(Answers::new(Arc::clone(service)));
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("health".into())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = attend(listener, answers) => {}
                        _ = stopped => {}
                    }
                });
            })
            .map_err(failed)?;
        Ok(Some(Health { address, _socket: socket, stop: Some(stop), thread: Some(thread) }))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn attend(listener: Listener, answers: Arc<Answers>) {
    let places = Arc::new(Semaphore::new(MAX_CLIENTS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let answers = Arc::clone(&answers);
        let accepted = match &listener {
            Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                tokio::spawn(async move {
                    serve(stream, &answers).await;
                    drop(place);
                })
            }),
            Listener::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                tokio::spawn(async move {
                    serve(stream, &answers).await;
                    drop(place);
                })
            }),
        };
        if accepted.is_err() {
            // No file descriptors, mostly.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Answers one request and closes the connection.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answers: &Answers) {
    let answer = match timeout(PATIENCE, request::read(&mut stream)).await {
        Ok(Ok(request)) => answers.to(&request),
        Ok(Err(refusal)) => refusal,
        Err(_) => return,
    };
    let sending = async {
        stream.write_all(&answer.encode()).await?;
        stream.shutdown().await
    };
    // A client that does not take its answer goes without.
    let _ = timeout(PATIENCE, sending).await;
}
