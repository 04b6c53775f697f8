//! One TLS connection: one task reads requests, another writes answers.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::{
    FrameReader,
    constants::MAX_IN_FLIGHT,
    decode_request, encode_response,
    messages::{Request, Response},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf},
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};
use tokio_rustls::server::TlsStream;
use zeroize::{Zeroize, Zeroizing};

use super::Shared;
use crate::{
    Error, Result, Service,
    config::LimitsConfig,
    execute::{respond, wipe},
    identity::Identity,
    lanes::Job,
    listen::census::Place,
    peer::{Peer, Source},
};

/// Serves until the peer closes, breaks the rules, or the service ends.
pub(super) async fn serve(
    shared: &Arc<Shared>,
    stream: TlsStream<TcpStream>,
    identity: Identity,
    from: Source,
    limits: &Arc<LimitsConfig>,
    place: Result<Place>,
) {
    let peer = shared.service.peer(identity, from);
    let (reader, writer) = tokio::io::split(stream);
    // Bounded by the limit on requests in flight.
    let (answers, outgoing) = unbounded_channel();
    let in_flight = Arc::new(AtomicUsize::new(0));
    let connection = Connection { peer, answers, in_flight: Arc::clone(&in_flight) };
    let peer = Arc::clone(&connection.peer);
    let writing = tokio::spawn(write(Arc::clone(limits), writer, outgoing, in_flight, peer));
    let result = match &place {
        Ok(_) => read(shared, reader, &connection, limits).await,
        Err(error) => Err(error.clone()),
    };
    if let Err(error) = result {
        tracing::debug!(caller = %connection.peer.caller().identity, "closing a connection: {error}");
        let _ = connection.answers.send(respond(0, Err(error)));
    }
    // The writer ends when the last answer that is outstanding has been sent.
    drop(connection);
    let _ = writing.await;
}

#[derive(Clone)]
struct Connection {
    peer: Arc<Peer>,
    answers: UnboundedSender<Response>,
    in_flight: Arc<AtomicUsize>,
}

async fn read(
    shared: &Arc<Shared>,
    mut reader: ReadHalf<TlsStream<TcpStream>>,
    connection: &Connection,
    limits: &LimitsConfig,
) -> Result<()> {
    let mut stop = shared.stop.clone();
    let mut changes = shared.service.live.subscribe();
    admit(shared, connection)?;
    let mut frames = FrameReader::new();
    let mut chunk = Zeroizing::new(vec![0; 4096]);
    let mut deadline = None;
    loop {
        let reading = async {
            match deadline {
                None => Ok(reader.read(&mut chunk).await),
                Some(deadline) => tokio::time::timeout_at(deadline, reader.read(&mut chunk)).await,
            }
        };
        let read = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
            Ok(()) = changes.changed() => {
                admit(shared, connection)?;
                continue;
            }
            read = reading => read,
        };
        let Ok(read) = read else {
            return Err(Error::new(ErrorKind::Timeout, "the frame did not arrive in time"));
        };
        let count = match read {
            // A peer that has ended its requests properly may still wait for answers.
            Ok(0) => return Ok(()),
            Err(_) => {
                connection.peer.leave();
                return Ok(());
            }
            Ok(count) => count,
        };
        feed(&mut frames, &chunk[..count]);
        chunk[..count].zeroize();
        take_frames(shared, &mut frames, connection)?;
        deadline = match frames.has_partial_frame() {
            false => None,
            true => deadline.or_else(|| Some(tokio::time::Instant::now() + limits.frame())),
        };
    }
}

/// Whether the client may still be here: its certificate may be revoked at any time.
fn admit(shared: &Shared, connection: &Connection) -> Result<()> {
    connection.peer.caller_now(&shared.service).refused.clone().map_or(Ok(()), Err)
}

fn feed(frames: &mut FrameReader, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let copied = frames.fill(|room| -> std::result::Result<usize, std::convert::Infallible> {
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            Ok(count)
        });
        let Ok(count) = copied;
        bytes = &bytes[count..];
    }
}

fn take_frames(
    shared: &Arc<Shared>,
    frames: &mut FrameReader,
    connection: &Connection,
) -> Result<()> {
    let received = Instant::now();
    while let Some(frame) = frames.next_frame()? {
        let (request, bytes) = (decode_request(frame)?, frame.len());
        if request.carries_secret() {
            frames.wipe();
        }
        if connection.in_flight.fetch_add(1, Ordering::Relaxed) >= MAX_IN_FLIGHT {
            let message = format!("more than {MAX_IN_FLIGHT} requests are in flight");
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        shared.lane.push(
            &connection.peer.caller().queue,
            Box::new(Execution {
                service: Arc::clone(&shared.service),
                connection: connection.clone(),
                request,
                bytes,
                received,
            }),
        );
    }
    Ok(())
}

/// A request on its way to a thread.
struct Execution {
    service: Arc<Service>,
    connection: Connection,
    request: Request,
    /// The size of its frame.
    bytes: usize,
    received: Instant,
}

impl Job for Execution {
    fn run(self: Box<Self>) {
        let Execution { service, connection, request, received, .. } = *self;
        let Connection { peer, answers, in_flight: _ } = connection;
        if peer.has_left() {
            return;
        }
        service.execute(&peer, request, received, move |response| {
            // Where the peer has gone, nobody wants the answer.
            let _ = answers.send(response);
        });
    }

    fn refuse(self: Box<Self>) {
        let busy = Error::new(ErrorKind::Busy, "too many requests are waiting");
        let _ = self.connection.answers.send(respond(self.request.id, Err(busy)));
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

async fn write(
    limits: Arc<LimitsConfig>,
    mut writer: WriteHalf<TlsStream<TcpStream>>,
    mut outgoing: UnboundedReceiver<Response>,
    in_flight: Arc<AtomicUsize>,
    peer: Arc<Peer>,
) {
    let mut responses = Vec::new();
    let mut bytes = Vec::new();
    // All that is ready goes out together.
    while outgoing.recv_many(&mut responses, 64).await > 0 {
        let count = responses.len();
        for mut response in responses.drain(..) {
            if let Err(error) = encode_response(&response, &mut bytes) {
                let _ = encode_response(&respond(response.id, Err(error)), &mut bytes);
            }
            wipe(&mut response);
        }
        let sent = timeout(limits.write(), send(&mut writer, &bytes)).await;
        bytes.as_mut_slice().zeroize();
        bytes.clear();
        in_flight.fetch_sub(count, Ordering::Relaxed);
        if !matches!(sent, Ok(Ok(()))) {
            peer.leave();
            break;
        }
    }
    let _ = timeout(limits.write(), writer.shutdown()).await;
}

async fn send(writer: &mut WriteHalf<TlsStream<TcpStream>>, bytes: &[u8]) -> io::Result<()> {
    writer.write_all(bytes).await?;
    writer.flush().await
}
