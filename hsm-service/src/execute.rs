//! From a request to its answer: the one match over operations.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::{
    messages::{Failure, Request, Response, request, response},
    operation_of,
};
use zeroize::Zeroize;

use crate::{
    Error, Result, Service,
    backend::{BUSY_RETRY_MS, Product, guarded},
    handlers::{backup, enrol, keys, making, session, using},
    metrics::{Series, Ticket},
    peer::Peer,
    policy,
};

/// What a request is answered with.
pub(crate) type Reply = response::Result;

impl Service {
    /// Carries out a request that came at the given time, and calls the completion with the
    /// answer: before this returns when the work is fast, later and on another thread when it is
    /// slow.
    pub(crate) fn execute(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        request: Request,
        received: Instant,
        done: impl FnOnce(Response) + Send + 'static,
    ) {
        let caller = &peer.caller;
        let id = request.id;
        let deadline = received
            + match request.timeout_ms {
                0 => self.request_time,
                limit => Duration::from_millis(limit.into()),
            };
        let Some(operation) = request.operation else {
            return done(respond(id, Err(unknown_operation())));
        };
        let ticket = Ticket::take(peer, Series::of(&operation), received);
        let done = move |result: Result<Reply>| {
            ticket.end(result.as_ref().err().map(|error| error.kind));
            done(respond(id, result));
        };
        let asked = operation_of(&operation);
        tracing::debug!(operation = asked.row().name, caller = %caller.identity);

        // Before anything of the request is looked at: what a caller may not ask for at all is
        // refused for that, whatever else may be wrong with it.
        if let Some(role) = asked.row().requires.role()
            && let Err(error) = policy::known(caller, role)
        {
            return done(Err(error));
        }

        use request::Operation as Asked;
        // Work with a private key goes to the backend; the rest is done here.
        let work = match operation {
            Asked::Hello(request) => return done(session::hello(self, caller, &request)),
            Asked::Status(_) => return done(guarded(|| session::status(self, caller))),
            Asked::Find(request) => return done(guarded(|| keys::find(self, caller, request))),
            Asked::List(request) => return done(guarded(|| keys::list(self, caller, &request))),
            Asked::Verify(request) => {
                return done(guarded(|| using::verify(self, caller, &request)));
            }
            Asked::Encrypt(request) => {
                return done(guarded(|| using::encrypt(self, caller, &request)));
            }
            Asked::Random(request) => return done(using::random(caller, request)),
            Asked::Rename(request) => return done(guarded(|| keys::rename(self, caller, request))),
            Asked::Delete(request) => {
                return done(guarded(|| keys::delete(self, caller, &request)));
            }
            Asked::SetChain(request) => {
                return done(guarded(|| keys::set_chain(self, caller, request)));
            }
            Asked::Share(request) => return done(guarded(|| keys::share(self, caller, &request))),
            Asked::Enrol(request) => return done(guarded(|| enrol::enrol(self, caller, &request))),
            Asked::MakeBackup(_) => return done(guarded(|| backup::make(self, caller))),
            Asked::ListBackups(_) => return done(guarded(|| backup::list(self, caller))),
            Asked::Sign(request) => using::sign(self, caller, request),
            Asked::Decrypt(request) => using::decrypt(self, caller, request),
            Asked::Derive(request) => using::derive(self, caller, request),
            Asked::Generate(request) => {
                return self.make(peer, making::generate(caller, request), deadline, done);
            }
            Asked::Import(request) => {
                return self.make(peer, making::import(caller, request), deadline, done);
            }
        };
        match work {
            Ok(work) => self.backend.submit(peer, work, deadline, move |product| {
                done(product.and_then(using::output));
            }),
            Err(error) => done(Err(error)),
        }
    }

    /// Has a key made and keeps it.
    fn make(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        plan: Result<making::Plan>,
        deadline: Instant,
        done: impl FnOnce(Result<Reply>) + Send + 'static,
    ) {
        match plan {
            Ok(making::Plan { work, draft }) => {
                let service = Arc::clone(self);
                self.backend.submit(peer, work, deadline, move |product| {
                    done(product.and_then(|product: Product| {
                        guarded(|| making::keep(&service, draft, product))
                    }));
                });
            }
            Err(error) => done(Err(error)),
        }
    }
}

/// The response to the request of this identifier.
pub(crate) fn respond(id: u64, result: Result<Reply>) -> Response {
    let reply = result.unwrap_or_else(|error| {
        if error.kind == ErrorKind::Internal {
            tracing::error!("{error}");
        }
        let retry_after_ms = if error.kind == ErrorKind::Busy { BUSY_RETRY_MS } else { 0 };
        Reply::Failure(Failure { retry_after_ms, ..error.into() })
    });
    Response { id, result: Some(reply) }
}

fn unknown_operation() -> Error {
    Error::new(ErrorKind::Unsupported, "this service does not know the operation asked for")
        .hint("the client is newer than the service: upgrade the service first")
}

/// Overwrites a response that may carry a secret, once it is encoded.
pub(crate) fn wipe(response: &mut Response) {
    if let Some(Reply::Output(bytes)) = &mut response.result {
        bytes.zeroize();
    }
}
