//! From a request to its answer: the one match over operations.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use keyward_algorithms::{ErrorKind, Requires};
use keyward_protocol::{
    messages::{Failure, Request, Response, request, response},
    operation_of,
};
use zeroize::Zeroize;

use crate::{
    Error, Result, Service,
    approvals::Gate,
    audit::Trail,
    backend::{BUSY_RETRY, Product, Terms, guarded},
    handlers::{
        approvals, authority, backup, certificates, keys, login, making, people, rotation, seal,
        session, symmetric, using, wrapping,
    },
    identity::Caller,
    metrics::{Series, Ticket},
    peer::Peer,
    policy,
};

/// What a request is answered with.
pub(crate) type Reply = response::Result;

impl Service {
    /// Carries out a request that came at the given time, and calls the completion with the
    /// answer: before this returns when the work is fast or the caller waits, or later and on another
    /// thread when it is slow.
    pub(crate) fn execute(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        request: Request,
        received: Instant,
        done: impl FnOnce(Response) + Send + 'static,
    ) {
        let (id, approval) = (request.id, request.approval);
        let deadline = received
            + match request.timeout_ms {
                0 => self.live.settings().limits.request(),
                limit => Duration::from_millis(limit.into()),
            };
        let terms = Terms { deadline, caller_waits: request.processor != 0 };
        let Some(mut operation) = request.operation else {
            return done(respond(id, Err(unknown_operation())));
        };
        let ticket = Ticket::take(peer, Series::of(&operation), received);
        let done = move |result: Result<Reply>| {
            ticket.end(result.as_ref().err().map(|error| error.kind));
            done(respond(id, result));
        };
        let asked = operation_of(&operation);
        // Before it is looked who calls: only an open store tells who has to log in and whose
        // certificate is revoked, and a service is operational after everybody is looked at anew.
        let open = self.sealing.admit(asked);
        let caller = &peer.caller_now(self);
        tracing::debug!(operation = asked.row().name, caller = %caller.identity);
        // What is over a user's quota is counted, and leaves nothing in the audit log to fill it with.
        if let Some(quota) = &caller.quota
            && asked.row().requires != Requires::Connection
            && let Err(error) = quota.admit()
        {
            self.metrics.over_quota.fetch_add(1, Ordering::Relaxed);
            operation.wipe();
            return done(Err(error));
        }
        let mut trail = Trail::begin(peer, caller, id, &operation);
        // Before anything of the request is looked at: what a caller may not ask for at all is
        // refused for that, whatever else may be wrong with it.
        let admitted = match caller.refusal() {
            Some(error) => Err(error),
            None => policy::admit(caller, asked),
        };
        // What is refused because the service is sealed is not recorded: it would fill the journal,
        // which a sealed service cannot empty.
        if admitted.is_ok()
            && let Err(error) = open
        {
            operation.wipe();
            return done(Err(error));
        }
        if let Err(error) = admitted.and_then(|()| trail.admit()) {
            operation.wipe();
            return done(trail.finish(Err(error)));
        }
        let claim = match guarded(|| self.gate(caller, &operation, approval, &mut trail)) {
            Ok(Gate::Open(claim)) => claim,
            // It is in the log already.
            Ok(Gate::Answered(reply)) => {
                operation.wipe();
                return done(Ok(*reply));
            }
            Err(error) => {
                operation.wipe();
                return done(trail.finish(Err(error)));
            }
        };
        let done = move |result| match claim {
            Some(claim) => done(claim.settle(result)),
            None => done(result),
        };

        use request::Operation as Asked;
        // Work with a private key goes to the backend.
        let task = match operation {
            Asked::Sign(request) => using::sign(self, caller, request, &mut trail),
            Asked::Decrypt(request) => using::decrypt(self, caller, request, &mut trail),
            Asked::Derive(request) => using::derive(self, caller, request, &mut trail),
            Asked::Encipher(request) => symmetric::encipher(self, caller, request, &mut trail),
            Asked::Decipher(request) => symmetric::decipher(self, caller, request, &mut trail),
            Asked::Mac(request) => symmetric::mac(self, caller, request, &mut trail),
            Asked::VerifyMac(request) => symmetric::verify_mac(self, caller, request, &mut trail),
            Asked::Wrap(request) => wrapping::wrap(self, caller, request, &mut trail),
            Asked::Unwrap(request) => {
                let plan = wrapping::unwrap(self, caller, *request, &mut trail);
                return self.make(peer, plan, terms, trail, done);
            }
            Asked::DeriveKey(request) => {
                let plan = wrapping::derive_key(self, caller, *request, &mut trail);
                return self.make(peer, plan, terms, trail, done);
            }
            Asked::Decapsulate(request) => using::decapsulate(self, caller, request, &mut trail),
            Asked::Rotate(request) => {
                let plan = rotation::rotate(self, caller, *request, &mut trail);
                return self.make(peer, plan, terms, trail, done);
            }
            Asked::Generate(request) => {
                return self.make(peer, making::generate(caller, request), terms, trail, done);
            }
            Asked::Import(request) => {
                return self.make(peer, making::import(caller, *request), terms, trail, done);
            }
            Asked::Login(request) => {
                let found = login::log_in(self, peer, caller, request);
                return login::finish(self, peer, found, deadline, trail, done);
            }
            Asked::SetPin(request) => {
                let found = login::set_pin(self, caller, request);
                return login::finish(self, peer, found, deadline, trail, done);
            }
            other => {
                let result = guarded(|| self.answer(caller, other, approval, &mut trail));
                return done(trail.finish(result));
            }
        };
        match task {
            Ok(task) => self.backend.submit(peer, task, terms, move |product| {
                done(trail.finish(product.and_then(using::output)));
            }),
            Err(error) => done(trail.finish(Err(error))),
        }
    }

    /// Carries out what needs no backend.
    fn answer(
        &self,
        caller: &Caller,
        operation: request::Operation,
        approval: u64,
        trail: &mut Trail,
    ) -> Result<Reply> {
        use request::Operation as Asked;
        match operation {
            Asked::Hello(request) => session::hello(self, caller, &request),
            Asked::Status(_) => session::status(self, caller),
            Asked::SelfTest(_) => session::self_test(caller),
            Asked::Find(request) => keys::find(self, caller, request),
            Asked::List(request) => keys::list(self, caller, &request),
            Asked::Verify(request) => using::verify(self, caller, &request, trail),
            Asked::Encrypt(mut request) => {
                let reply = using::encrypt(self, caller, &request, trail);
                request.input.zeroize();
                reply
            }
            Asked::Random(request) => using::random(caller, request),
            Asked::Rename(request) => keys::rename(self, caller, request, trail),
            Asked::Attest(request) => keys::attest(self, caller, &request, trail),
            Asked::Undelete(request) => keys::undelete(self, caller, &request, trail),
            Asked::Restrict(request) => keys::restrict(self, caller, &request, trail),
            Asked::Trust(request) => keys::trust(self, caller, &request, trail),
            Asked::Delete(request) => keys::delete(self, caller, &request, trail),
            Asked::SetChain(request) => keys::set_chain(self, caller, request, trail),
            Asked::Share(request) => keys::share(self, caller, &request, trail),
            Asked::PutCertificate(request) => certificates::put(self, caller, request),
            Asked::DeleteCertificate(request) => certificates::delete(self, caller, &request),
            Asked::ListCertificates(request) => certificates::list(self, caller, &request),
            Asked::Enrol(request) => people::enrol(self, caller, &request),
            Asked::ListClients(request) => people::list(self, caller, &request),
            Asked::RevokeClient(request) => people::revoke(self, caller, &request, trail),
            Asked::RenewClient(request) => people::renew(self, caller, &request),
            Asked::ListUsers(request) => people::users(self, caller, &request),
            Asked::ShowAuthority(request) => authority::show(self, caller, &request),
            Asked::RotateAuthority(request) => authority::rotate(self, caller, &request),
            Asked::ClearPin(request) => login::clear_pin(self, caller, &request),
            Asked::UnlockUser(request) => login::unlock(self, caller, &request),
            Asked::UseKey(request) => approvals::use_key(self, caller, &request, approval),
            Asked::ListApprovals(request) => approvals::list(self, caller, &request),
            Asked::Approve(request) => {
                approvals::decide(self, caller, request.approval, true, trail)
            }
            Asked::Deny(request) => approvals::decide(self, caller, request.approval, false, trail),
            Asked::CancelApproval(request) => {
                approvals::cancel(self, caller, request.approval, trail)
            }
            Asked::MakeBackup(_) => backup::make(self, caller),
            Asked::ListBackups(_) => backup::list(self, caller),
            Asked::ReadAudit(request) => self.audit.page(&request).map(Reply::AuditPage),
            Asked::AuditHead(_) => Ok(Reply::AuditHead(self.audit.head())),
            Asked::ShowSeal(_) => seal::show(self, caller),
            Asked::LockSeal(_) => seal::lock(self, caller),
            Asked::Zeroize(request) => seal::zeroize(self, caller, &request, trail),
            Asked::Unseal(mut request) => {
                let reply = seal::unseal(self, caller, &request, trail);
                request.secret.zeroize();
                reply
            }
            Asked::ChangeSeal(mut request) => {
                let reply = seal::change(self, caller, &request, trail);
                request.wipe();
                reply
            }
            Asked::Sign(_)
            | Asked::Decrypt(_)
            | Asked::Derive(_)
            | Asked::Encipher(_)
            | Asked::Decipher(_)
            | Asked::Mac(_)
            | Asked::VerifyMac(_)
            | Asked::Wrap(_)
            | Asked::Unwrap(_)
            | Asked::DeriveKey(_)
            | Asked::Decapsulate(_)
            | Asked::Generate(_)
            | Asked::Rotate(_)
            | Asked::Import(_)
            | Asked::Login(_)
            | Asked::SetPin(_) => Err(Error::new(ErrorKind::Internal, "this is work for a lane")),
        }
    }

    /// Has a key made and keeps it.
    fn make(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        plan: Result<making::Plan>,
        terms: Terms,
        trail: Trail,
        done: impl FnOnce(Result<Reply>) + Send + 'static,
    ) {
        match plan {
            Ok(making::Plan { task, draft }) => {
                let service = Arc::clone(self);
                self.backend.submit(peer, task, terms, move |product| {
                    let kept = product.and_then(|product: Product| {
                        if let Product::Key(key) = &product
                            && service.live.approved_only()
                        {
                            policy::approved_function(key.key_type(), "")?;
                        }
                        guarded(|| making::keep(&service, draft, product))
                    });
                    done(trail.finish(kept));
                });
            }
            Err(error) => done(trail.finish(Err(error))),
        }
    }
}

/// The response to the request of this identifier.
pub(crate) fn respond(id: u64, result: Result<Reply>) -> Response {
    let reply = result.unwrap_or_else(|error| {
        if error.kind == ErrorKind::Internal {
            tracing::error!("{error}");
        }
        let waits = error.kind == ErrorKind::Busy && error.retry_after.is_none();
        let error = if waits { error.retry_after(BUSY_RETRY) } else { error };
        Reply::Failure(Failure::from(error))
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
