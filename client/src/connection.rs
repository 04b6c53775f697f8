//! One connection to a service: a stream that has said hello, one request at a time.

use std::{
    io,
    os::fd::BorrowedFd,
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;
use keyward_kernel_facts::processor;
use keyward_protocol::{
    Error, FrameReader, constants, decode_response, encode_request,
    messages::{Hello, Login, Request, Response, request, response},
};

use zeroize::Zeroize;

use crate::{
    Pause, Pin,
    owner::Owner,
    pause::{MOST_PAUSES, Wait},
    stream::Stream,
    tls,
};

/// A connection that is ready for a request.
pub(crate) struct Connection {
    stream: Stream,
    reader: FrameReader,
    /// The request as it goes out; kept for its memory.
    outgoing: Vec<u8>,
    last_id: u64,
    /// Whether the service says that it runs in a FIPS module.
    pub(crate) is_fips: bool,
    /// Whether the service wants a PIN first.
    pub(crate) wants_pin: bool,
}

/// Why a round trip gave no answer.
pub(crate) enum Broken {
    /// The other end is gone, or the stream makes no sense any more.
    Lost(String),
    /// No answer in time.
    TimedOut,
    /// The service does not take this client's certificate, and says why.
    Refused(&'static str),
    /// The request itself cannot be sent, on any connection.
    Unsendable(Error),
}

impl Connection {
    /// Says hello on a new stream.
    pub(crate) fn open(
        stream: Stream,
        timeout: Duration,
        pause: &dyn Pause,
    ) -> Result<Box<Connection>, Broken> {
        let (reader, outgoing) = (FrameReader::new(), Vec::new());
        let connection = Box::new(Connection {
            stream,
            reader,
            outgoing,
            last_id: 0,
            is_fips: false,
            wants_pin: false,
        });
        let mut request = Request { operation: Some(hello()), ..Default::default() };
        match connection.round_trip(&mut request, timeout, pause)? {
            (response::Result::Hello(reply), mut connection) => {
                connection.is_fips = reply.fips;
                connection.wants_pin = reply.wants_pin;
                Ok(connection)
            }
            (response::Result::Failure(failure), _) => Err(Broken::Unsendable(failure.into())),
            _ => Err(Broken::Lost("the service answered hello with something else".into())),
        }
    }

    /// Logs in on it, to a service that was verified.
    pub(crate) fn log_in(
        self: Box<Self>,
        user: Option<&str>,
        pin: &Pin,
        timeout: Duration,
        pause: &dyn Pause,
    ) -> Result<Box<Connection>, Broken> {
        let (user, pin) = (user.unwrap_or_default().to_owned(), pin.expose().to_vec());
        let login = request::Operation::Login(Login { user, pin });
        let mut request = Request { operation: Some(login), ..Default::default() };
        let outcome = self.round_trip(&mut request, timeout, pause);
        request.wipe();
        match outcome? {
            (response::Result::Done(_), mut connection) => {
                connection.wants_pin = false;
                Ok(connection)
            }
            (response::Result::Failure(failure), _) => Err(Broken::Unsendable(failure.into())),
            _ => Err(Broken::Lost("the service answered a login with something else".into())),
        }
    }

    /// The user that listens where it leads, on a UNIX socket.
    pub(crate) fn listener(&self) -> io::Result<u32> {
        self.stream.listener()
    }

    /// Whether it belongs to this process with these credentials, and to nothing else by now.
    pub(crate) fn is_usable_by(&self, owner: Owner) -> bool {
        self.stream.owner() == owner && self.stream.is_intact()
    }

    /// What becomes readable when an answer comes.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Sends a request and waits for its answer. After an error the connection is of no more use.
    pub(crate) fn round_trip(
        mut self: Box<Self>,
        request: &mut Request,
        timeout: Duration,
        pause: &dyn Pause,
    ) -> Result<(response::Result, Box<Connection>), Broken> {
        let deadline = Instant::now() + timeout;
        self.stream.set_deadline(deadline);
        self.last_id += 1;
        request.id = self.last_id;
        request.timeout_ms = timeout.as_millis() as u32;
        let pauses = pause.can_pause();
        request.processor = if pauses { 0 } else { self.processor_that_waits() };
        self.outgoing.clear();
        encode_request(request, &mut self.outgoing).map_err(Broken::Unsendable)?;
        let written = self.stream.write_all(&self.outgoing);
        if request.carries_secret() {
            self.outgoing.zeroize();
        }
        written.map_err(|error| lost(&error))?;
        if pauses {
            self = self.paused_until_answered(deadline, pause)?;
        }
        match self.receive(deadline)?.result {
            Some(result) => Ok((result, self)),
            None => {
                let why = "the service answered with a kind that this version does not know";
                Err(Broken::Lost(why.into()))
            }
        }
    }

    /// The processor that will be idle until the service on this machine answers, as requests tell it.
    fn processor_that_waits(&self) -> u32 {
        self.stream.is_local().then(processor).flatten().map_or(0, |number| number + 1)
    }

    /// Lets the host work until there is an answer. Where it can't, the read that follows blocks.
    fn paused_until_answered(
        mut self: Box<Self>,
        deadline: Instant,
        pause: &dyn Pause,
    ) -> Result<Box<Connection>, Broken> {
        for _ in 0..MOST_PAUSES {
            if self.stream.is_readable().map_err(|error| lost(&error))? {
                break;
            }
            if Instant::now() >= deadline {
                return Err(Broken::TimedOut);
            }
            let outcome = pause.pause(Wait { connection: Some(self), until: deadline });
            let paused = outcome.is_ok();
            let (Ok(wait) | Err(wait)) = outcome;
            self = wait.connection.ok_or_else(|| Broken::Lost("the host has dropped it".into()))?;
            if !paused {
                break;
            }
            // Much may have happened in the host meanwhile.
            if !self.is_usable_by(Owner::current()) {
                return Err(Broken::Lost("the host has closed the connection".into()));
            }
        }
        Ok(self)
    }

    fn receive(&mut self, deadline: Instant) -> Result<Response, Broken> {
        loop {
            match self.reader.next_frame() {
                Ok(Some(frame)) => {
                    let response =
                        decode_response(frame).map_err(|error| Broken::Lost(error.message))?;
                    if matches!(response.result, Some(response::Result::Output(_))) {
                        self.reader.wipe();
                    }
                    if response.id == self.last_id || response.id == 0 {
                        return Ok(response);
                    }
                    // An answer to nothing that was asked here.
                    return Err(Broken::Lost("the service answered another request".into()));
                }
                Ok(None) => {}
                Err(error) => return Err(Broken::Lost(error.message)),
            }
            if Instant::now() >= deadline {
                return Err(Broken::TimedOut);
            }
            match self.reader.fill(|into| self.stream.read(into)) {
                Ok(0) => return Err(Broken::Lost("the service closed the connection".into())),
                Ok(_) => {}
                Err(error) => return Err(lost(&error)),
            }
        }
    }
}

/// What a client says of itself first.
pub(crate) fn hello() -> request::Operation {
    request::Operation::Hello(Hello {
        min_version: constants::VERSION,
        max_version: constants::VERSION,
        client: concat!("keyward ", env!("CARGO_PKG_VERSION")).into(),
    })
}

fn lost(error: &io::Error) -> Broken {
    match (error.kind(), tls::refusal(error)) {
        (io::ErrorKind::TimedOut, _) => Broken::TimedOut,
        (_, Some(why)) => Broken::Refused(why),
        _ => Broken::Lost(error.to_string()),
    }
}

impl Broken {
    /// The error that a caller sees when there is no further try.
    pub(crate) fn into_error(self, address: &crate::Address, timeout: Duration) -> Error {
        match self {
            Broken::Lost(why) => {
                Error::new(ErrorKind::Unavailable, format!("lost the service at {address}: {why}"))
                    .hint("see the service's log; `keyward status` tells whether it is up again")
            }
            Broken::TimedOut => {
                let waited = timeout.as_millis();
                let text = format!("no answer from the service at {address} in {waited} ms");
                Error::new(ErrorKind::Timeout, text)
                    .hint("see whether the service is overloaded, or raise request_timeout")
            }
            Broken::Refused(why) => {
                let text = format!("the service at {address} does not take the certificate: {why}");
                Error::new(ErrorKind::Unauthenticated, text).hint(
                    "use the renewed certificate, if there is one; otherwise an administrator issues \
                     another: keyward client enrol",
                )
            }
            Broken::Unsendable(error) => error,
        }
    }
}
