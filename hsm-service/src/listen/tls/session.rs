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
    constants::{MAX_FRAME_BYTES, MAX_IN_FLIGHT, PREFIX_BYTES},
    decode_request, encode_response,
    messages::{Request, Response},
    operation_of,
};
use prost::Message;
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
    lanes::Job,
    listen::{census::Place, connection::check_size, outbox::empty},
    peer::Peer,
};

/// Serves until the peer closes, breaks the rules, may not be here any more, or the service ends.
pub(super) async fn serve(
    shared: &Arc<Shared>,
    stream: TlsStream<TcpStream>,
    peer: Arc<Peer>,
    limits: &Arc<LimitsConfig>,
    place: Result<Place>,
) {
    let (reader, writer) = tokio::io::split(stream);
    // Bounded by the limits on requests in flight and on what is not sent.
    let (answers, outgoing) = unbounded_channel();
    let load = Arc::<Load>::default();
    let connection = Connection { peer, answers, load: Arc::clone(&load) };
    let peer = Arc::clone(&connection.peer);
    let mut writing = tokio::spawn(write(Arc::clone(limits), writer, outgoing, load, peer));
    let result = match &place {
        Ok(_) => tokio::select! {
            read = read(shared, reader, &connection, limits) => read,
            // A peer that does not take its answers in time is cut off.
            _ = &mut writing => return,
        },
        Err(error) => Err(error.clone()),
    };
    if let Err(error) = result {
        tracing::debug!(caller = %connection.peer.caller().identity, "closing a connection: {error}");
        connection.answer(respond(0, Err(error)));
    }
    // The writer ends when the last answer that is outstanding has been sent.
    drop(connection);
    let _ = writing.await;
}

#[derive(Clone)]
struct Connection {
    peer: Arc<Peer>,
    answers: UnboundedSender<Response>,
    load: Arc<Load>,
}

/// What a connection has the service hold.
#[derive(Default)]
struct Load {
    /// Requests that are not answered.
    in_flight: AtomicUsize,
    /// Bytes of answers that are not sent.
    unsent: AtomicUsize,
}

/// From how many bytes of answers on that a peer has not taken nothing more is done for it.
const MAX_UNSENT_BYTES: usize = MAX_FRAME_BYTES;

impl Connection {
    fn answer(&self, response: Response) {
        self.load.unsent.fetch_add(response.encoded_len(), Ordering::Relaxed);
        // Where the peer has gone, nobody wants the answer.
        let _ = self.answers.send(response);
    }
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
    let mut arrived = 0;
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
        let taken = take_frames(shared, &mut frames, connection)?;
        // What came is answered with the reason, and recorded.
        admit(shared, connection)?;
        if taken > 0 {
            (deadline, arrived) = (None, 0);
        }
        if frames.has_partial_frame() {
            arrived += count;
            check_size(&connection.peer, arrived)?;
            deadline = deadline.or_else(|| Some(tokio::time::Instant::now() + limits.frame()));
        } else {
            // A large frame's memory is not kept.
            frames.wipe();
        }
    }
}

/// Whether the client may still be here: its certificate may be revoked at any time, and it ends.
fn admit(shared: &Shared, connection: &Connection) -> Result<()> {
    connection.peer.caller_now(&shared.service).refusal().map_or(Ok(()), Err)
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

/// Passes on the requests that have arrived; how many.
fn take_frames(
    shared: &Arc<Shared>,
    frames: &mut FrameReader,
    connection: &Connection,
) -> Result<usize> {
    let received = Instant::now();
    let mut taken = 0;
    while let Some(frame) = frames.next_frame()? {
        let (request, bytes) = (decode_request(frame)?, frame.len());
        if request.carries_secret() {
            frames.wipe();
        }
        if connection.load.in_flight.fetch_add(1, Ordering::Relaxed) >= MAX_IN_FLIGHT {
            let message = format!("more than {MAX_IN_FLIGHT} requests are in flight");
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        taken += 1;
        let asked = request.operation.as_ref().map(operation_of);
        let lane = match asked.is_some_and(|operation| operation.row().is_management()) {
            true => &shared.management,
            false => &shared.lane,
        };
        lane.push(
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
    Ok(taken)
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
        let Execution { service, connection, mut request, received, .. } = *self;
        // Callers on other machines share these threads, so none is worked for as if it were alone.
        request.processor = 0;
        if connection.peer.has_left() {
            return;
        }
        if connection.load.unsent.load(Ordering::Relaxed) >= MAX_UNSENT_BYTES {
            return refuse(&connection, request, "the answers before were not taken yet");
        }
        let peer = Arc::clone(&connection.peer);
        service.execute(&peer, request, received, move |response| connection.answer(response));
    }

    fn refuse(self: Box<Self>) {
        refuse(&self.connection, self.request, "too many requests are waiting");
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

fn refuse(connection: &Connection, mut request: Request, why: &str) {
    request.wipe();
    connection.answer(respond(request.id, Err(Error::new(ErrorKind::Busy, why))));
}

async fn write(
    limits: Arc<LimitsConfig>,
    mut writer: WriteHalf<TlsStream<TcpStream>>,
    mut outgoing: UnboundedReceiver<Response>,
    load: Arc<Load>,
    peer: Arc<Peer>,
) {
    let mut responses = Vec::new();
    let mut bytes = Vec::new();
    // All that is ready goes out together.
    while outgoing.recv_many(&mut responses, 64).await > 0 {
        let count = responses.len();
        let size: usize = responses.iter().map(Response::encoded_len).sum();
        // So that it does not grow, which would leave copies behind.
        bytes.reserve(size + count * PREFIX_BYTES);
        for mut response in responses.drain(..) {
            if let Err(error) = encode_response(&response, &mut bytes) {
                let _ = encode_response(&respond(response.id, Err(error)), &mut bytes);
            }
            wipe(&mut response);
        }
        let sent = timeout(limits.write(), send(&mut writer, &bytes)).await;
        empty(&mut bytes);
        load.in_flight.fetch_sub(count, Ordering::Relaxed);
        load.unsent.fetch_sub(size, Ordering::Relaxed);
        if !matches!(sent, Ok(Ok(()))) {
            return peer.leave();
        }
    }
    let _ = timeout(limits.write(), writer.shutdown()).await;
}

async fn send(writer: &mut WriteHalf<TlsStream<TcpStream>>, bytes: &[u8]) -> io::Result<()> {
    writer.write_all(bytes).await?;
    writer.flush().await
}
