//! The client: which connection a request takes, and when it is tried again.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread::sleep,
    time::{Duration, Instant},
};

use keyward_algorithms::{ErrorKind, OperationRow};
use keyward_protocol::{
    ApprovalId, Error, Result,
    messages::{Approval, ApprovalState, ListApprovals, Request, request, response},
    operation_of,
};

use crate::{
    Address, Pause, Pin, Settings,
    connection::Broken,
    endpoint::{Endpoint, is_answer},
    outage::Outage,
    pause::{Blocking, MOST_PAUSES, Wait},
};

/// A service, or a cluster of them, as a program sees it. Cheap to clone; making one does no I/O.
///
/// Any number of threads may use it at once. A connection is used by one thread at a time, goes
/// back to a pool afterwards, and is never used by another process or under other credentials than
/// those that opened it. An operation that is safe to repeat is tried again on another connection
/// or address until [`Settings::retry_for`] has passed.
#[derive(Clone)]
pub struct Client(Arc<Shared>, Consent);

/// What requests do about the approval of others, where the service wants it.
#[derive(Clone)]
enum Consent {
    /// They fail.
    None,
    /// They carry one that was asked for before.
    Given(ApprovalId),
    /// They wait for it, after somebody was told.
    Awaited(Arc<dyn Fn(&Error) + Send + Sync>),
}

struct Shared {
    settings: Settings,
    endpoints: Vec<Endpoint>,
    outage: Outage,
    turn: AtomicUsize,
    pause: Box<dyn Pause>,
    /// The PIN that a person gave, where the settings name none.
    pin: OnceLock<Pin>,
}

/// How a try failed.
struct Failed {
    error: Error,
    /// The request may have reached the service.
    sent: bool,
    /// A connection that had been idle broke: another may still be good.
    stale: bool,
    /// The error is the service's own word.
    answered: bool,
}

impl Client {
    /// How long an operation that rightly takes long may take at the least.
    const SLOW_TIMEOUT: Duration = Duration::from_secs(120);
    /// The first and the longest pause between two tries.
    const PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));
    /// The first and the longest pause between two questions whether others have approved.
    const APPROVAL_PAUSE: (Duration, Duration) =
        (Duration::from_millis(100), Duration::from_secs(2));

    /// A client with these settings.
    pub fn new(settings: Settings) -> Client {
        Client::pausing(settings, Box::new(Blocking))
    }

    /// A client whose requests let the host work while they wait.
    pub fn pausing(settings: Settings, pause: Box<dyn Pause>) -> Client {
        let addresses = settings.addresses.iter().cloned();
        let endpoints =
            addresses.map(|address| Endpoint::new(address, settings.requires_fips)).collect();
        let outage = Outage::new();
        let turn = AtomicUsize::new(0);
        let pin = OnceLock::new();
        let shared = Shared { settings, endpoints, outage, turn, pause, pin };
        Client(Arc::new(shared), Consent::None)
    }

    /// The same client, whose requests carry an approval: the service does once what it is for, and
    /// refuses to do anything else under quorum.
    #[must_use]
    pub fn with_approval(&self, approval: ApprovalId) -> Client {
        Client(Arc::clone(&self.0), Consent::Given(approval))
    }

    /// The same client, whose requests wait where others have to approve them: `told` gets the
    /// error that says so, then the service is asked again and again.
    #[must_use]
    pub fn awaiting_approval(&self, told: impl Fn(&Error) + Send + Sync + 'static) -> Client {
        Client(Arc::clone(&self.0), Consent::Awaited(Arc::new(told)))
    }

    /// The settings that it was made with.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Looks up the names of the service's hosts, once, for a process that may soon be unable to:
    /// one that changes its root. Says nothing of names that are not found; connecting does.
    pub fn look_up_hosts(&self) {
        self.0.endpoints.iter().for_each(Endpoint::look_up_host);
    }

    /// The addresses, as a person writes them.
    pub fn place(&self) -> String {
        self.0.place()
    }

    /// Asks the service to do something and waits for its answer, which is never a
    /// [`response::Result::Failure`]: that becomes the error.
    pub fn call(&self, operation: request::Operation) -> Result<response::Result> {
        let row = operation_of(&operation).row();
        let mut request = Request { operation: Some(operation), ..Default::default() };
        if let Consent::Given(approval) = self.1 {
            request.approval = ApprovalId::to_wire(Some(approval));
        }
        let traced = self.0.settings.trace.as_ref().map(|trace| (trace, Instant::now()));
        let mut outcome = self.try_until_done(&mut request, row);
        if let Consent::Awaited(told) = &self.1 {
            outcome = self.once_approved(outcome, &**told, &mut request, row);
        }
        if let Some((trace, started)) = traced {
            trace.request(row.name, started.elapsed(), &outcome);
        }
        request.wipe();
        outcome
    }

    /// Whether the service asks for a PIN and the settings name none: a person has to be asked.
    pub fn asks_for_pin(&self) -> Result<bool> {
        Ok(!self.0.has_pin() && self.hello()?.wants_pin)
    }

    /// Logs in with a PIN that a person gave. One that is right is kept for every later connection;
    /// the first counts.
    pub fn log_in(&self, pin: Pin) -> Result<()> {
        let shared = &*self.0;
        let started = Instant::now();
        loop {
            match shared.open_with(&pin) {
                Ok(()) => {
                    let _ = shared.pin.set(pin);
                    return Ok(());
                }
                Err(error) if error.kind == ErrorKind::Busy => {
                    if started.elapsed() >= shared.settings.retry_for {
                        return Err(error);
                    }
                    shared.wait(Self::PAUSE.1);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The outcome of a request that may have to wait until others approve it.
    fn once_approved(
        &self,
        outcome: Result<response::Result>,
        told: &dyn Fn(&Error),
        request: &mut Request,
        row: &OperationRow,
    ) -> Result<response::Result> {
        let error = match outcome {
            Err(error) => error,
            done => return done,
        };
        let Some(approval) = error.approval else { return Err(error) };
        told(&error);
        request.approval = ApprovalId::to_wire(Some(approval));
        self.await_decision(approval)?;
        self.try_until_done(request, row)
    }

    /// Waits until an approval is given, or can't be any more.
    fn await_decision(&self, approval: ApprovalId) -> Result<response::Result> {
        let (mut pause, longest) = Self::APPROVAL_PAUSE;
        let list = ListApprovals { approval: ApprovalId::to_wire(Some(approval)) };
        let list = request::Operation::ListApprovals(list);
        let row = operation_of(&list).row();
        let mut request = Request { operation: Some(list), ..Default::default() };
        loop {
            let answer = self.try_until_done(&mut request, row)?;
            let waiting = |approval: &Approval| approval.state() == ApprovalState::Waiting;
            match &answer {
                response::Result::Approvals(list) if list.approvals.iter().any(waiting) => {}
                _ => return Ok(answer),
            }
            self.0.wait(pause);
            pause = (pause * 2).min(longest);
        }
    }

    fn try_until_done(
        &self,
        request: &mut Request,
        row: &OperationRow,
    ) -> Result<response::Result> {
        // What an approval is for is done once, however often it is asked for.
        let repeatable = row.repeatable || request.approval != 0;
        let shared = &*self.0;
        let settings = &shared.settings;
        let started = Instant::now();
        let (mut pause, longest) = Self::PAUSE;
        if !shared.outage.admits(settings.retry_for) {
            return Err(shared.still_away());
        }
        loop {
            let tried = Instant::now();
            let failed = match shared.attempt(request, row, repeatable) {
                Ok(result) => return Ok(result),
                Err(failed) => failed,
            };
            if failed.sent && !repeatable {
                return Err(uncertain(failed.error, row));
            }
            if failed.stale {
                continue;
            }
            // Where the service says when, it is not asked in vain before that.
            let wait = failed.error.retry_after.unwrap_or_default();
            let in_time = started.elapsed() + wait < settings.retry_for;
            let goes_on = || shared.outage.goes_on(settings.retry_for, tried.elapsed());
            let again = match (failed.error.kind, failed.answered) {
                (ErrorKind::Unavailable, false) => goes_on(),
                // One that hangs is as good as gone, but each try takes long.
                (ErrorKind::Timeout, false) => goes_on() && in_time,
                (ErrorKind::Unavailable | ErrorKind::Busy | ErrorKind::Timeout, true) => in_time,
                _ => false,
            };
            if !again {
                return Err(failed.error);
            }
            shared.wait(failed.error.retry_after.filter(|wait| *wait > longest).unwrap_or(pause));
            pause = (pause * 2).min(longest);
        }
    }
}

impl Shared {
    /// Tries once: on an idle connection, else on a new one to the first address that is up.
    fn attempt(
        &self,
        request: &mut Request,
        row: &OperationRow,
        repeatable: bool,
    ) -> std::result::Result<response::Result, Failed> {
        let settings = &self.settings;
        let timeout = match row.slow {
            true => settings.request_timeout.max(Client::SLOW_TIMEOUT),
            false => settings.request_timeout,
        };
        // The thread's number spreads threads over the pool, so that each finds its own again.
        let thread = rustix::thread::gettid().as_raw_nonzero().get() as usize;
        let first = match self.endpoints.len() {
            1 => 0,
            _ => self.turn.fetch_add(1, Relaxed),
        };
        let mut last_failed = None;
        // Those that failed a moment ago come last.
        for down in [false, true] {
            for step in 0..self.endpoints.len() {
                let endpoint = &self.endpoints[(first + step) % self.endpoints.len()];
                if endpoint.is_down() != down {
                    continue;
                }
                // What must not be repeated goes over a fresh connection, since one that has been
                // idle may turn out to be dead only after the request is on its way. It takes the
                // place of the idle one, which is closed.
                let idle = endpoint.take_idle(thread).filter(|_| repeatable);
                let (connection, idle) = match idle {
                    Some(connection) => (connection, true),
                    None => match endpoint.connect(settings, self.pin.get(), &*self.pause) {
                        Ok(connection) => (connection, false),
                        Err(error) => {
                            let answered = is_answer(&error);
                            if answered {
                                self.outage.ends();
                            }
                            last_failed =
                                Some(Failed { error, sent: false, stale: false, answered });
                            continue;
                        }
                    },
                };
                let asked = Instant::now();
                let outcome = connection.round_trip(request, timeout, &*self.pause);
                match &outcome {
                    Ok(_) => {
                        endpoint.notes_answer();
                        self.outage.ends();
                    }
                    Err(Broken::TimedOut) => endpoint.notes_silence(asked.elapsed()),
                    Err(_) => {}
                }
                return match outcome {
                    // One that is made anew logs in, and over TLS shows the certificate of today.
                    Ok((result, _)) if is_unauthenticated(&result) => {
                        let over_tls = matches!(endpoint.address, Address::Tls { .. });
                        let stale = idle && (self.has_pin() || over_tls);
                        answer(result, endpoint).map_err(|failed| Failed { stale, ..failed })
                    }
                    Ok((result, connection)) => {
                        endpoint.put_idle(thread, connection);
                        answer(result, endpoint)
                    }
                    Err(broken) => Err(Failed {
                        stale: idle && matches!(broken, Broken::Lost(_)),
                        sent: !matches!(broken, Broken::Unsendable(_)),
                        error: broken.into_error(&endpoint.address, timeout),
                        answered: false,
                    }),
                };
            }
        }
        Err(last_failed.unwrap_or_else(|| {
            let error = self.still_away();
            Failed { error, sent: false, stale: false, answered: false }
        }))
    }

    fn has_pin(&self) -> bool {
        self.settings.pin.is_some() || self.pin.get().is_some()
    }

    /// Opens a connection with a PIN to the first address that is up.
    fn open_with(&self, pin: &Pin) -> Result<()> {
        let mut last_error = None;
        for endpoint in &self.endpoints {
            match endpoint.connect(&self.settings, Some(pin), &*self.pause) {
                Ok(connection) => {
                    // Those from before are not logged in.
                    while endpoint.take_idle(0).is_some() {}
                    endpoint.put_idle(0, connection);
                    return Ok(());
                }
                Err(error) if is_answer(&error) => return Err(error),
                Err(error) => last_error = Some(error),
            }
        }
        Err(last_error.unwrap_or_else(|| self.still_away()))
    }

    /// Lets some time pass.
    fn wait(&self, time: Duration) {
        let until = Instant::now() + time;
        if self.pause.can_pause() {
            for _ in 0..MOST_PAUSES {
                let wait = Wait { connection: None, until };
                if Instant::now() >= until || self.pause.pause(wait).is_err() {
                    break;
                }
            }
        }
        sleep(until.saturating_duration_since(Instant::now()));
    }

    fn place(&self) -> String {
        let addresses: Vec<String> =
            self.settings.addresses.iter().map(Address::to_string).collect();
        addresses.join(",")
    }

    fn still_away(&self) -> Error {
        Error::new(
            ErrorKind::Unavailable,
            format!("cannot reach the service at {}: it is still away", self.place()),
        )
        .hint(
            "start the service, or see in its log why it does not answer; requests go through \
             again soon after its return",
        )
    }
}

fn is_unauthenticated(result: &response::Result) -> bool {
    let code = ErrorKind::Unauthenticated.code();
    matches!(result, response::Result::Failure(failure) if failure.kind == code)
}

/// Turns a failure that the service reports into an error that says where.
fn answer(
    result: response::Result,
    endpoint: &Endpoint,
) -> std::result::Result<response::Result, Failed> {
    match result {
        response::Result::Failure(failure) => {
            let mut error = Error::from(failure);
            error.message = format!("{} ({})", error.message, endpoint.address);
            // The service has said that it did nothing, so even what must not be repeated may be.
            Err(Failed { error, sent: false, stale: false, answered: true })
        }
        result => Ok(result),
    }
}

fn uncertain(error: Error, row: &OperationRow) -> Error {
    let hint = format!("it is not known whether \"{}\" was done; look before you repeat", row.name);
    error.hint(hint)
}
