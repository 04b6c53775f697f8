//! The service's certificate authority: shown, and replaced step by step.

use keyward_algorithms::{ErrorKind, Operation};
use keyward_protocol::messages::{
    AuthorityState, RotateAuthority, RotationStep as Step, ShowAuthority,
};

use super::{page, people::PAGE};
use crate::{
    Error, Result, Service,
    execute::Reply,
    identity::{Caller, Identity},
    policy::{self, Target},
};

/// The authority, and what its replacement waits for.
pub(crate) fn show(service: &Service, caller: &Caller, request: &ShowAuthority) -> Result<Reply> {
    policy::authorise(caller, Operation::ShowAuthority, Target::Service)?;
    let present = service.authority.present()?;
    let old_clients = match &present.next {
        Some(next) => service.clients.not_renewed_by(next.key_id(), &request.after, PAGE + 1),
        None => Vec::new(),
    };
    let (old_clients, more) = page(old_clients, PAGE);
    let last = old_clients.last().filter(|_| more);
    Ok(Reply::Authority(Box::new(AuthorityState {
        service_id: service.authority.service_id().into(),
        ca: present.current.certificate().to_vec(),
        next_ca: present.next.as_ref().map(|one| one.certificate().to_vec()).unwrap_or_default(),
        reached: present.reached().into(),
        next: last.map(|last| last.serial.clone()).unwrap_or_default(),
        old_clients,
    })))
}

/// Takes the next step of a replacement. The last one shuts out every certificate of the old
/// authority, also on connections that are open; it can be repeated where the list does not say so yet.
pub(crate) fn rotate(
    service: &Service,
    caller: &Caller,
    request: &RotateAuthority,
) -> Result<Reply> {
    policy::authorise(caller, Operation::RotateAuthority, Target::Service)?;
    let present = service.authority.present()?;
    let (step, issuing) = (request.step(), present.issuing().key_id());
    let finishes = step == Step::Finish;
    if finishes
        && let Identity::Certificate { authority, .. } = &caller.identity
        && authority != issuing
    {
        let message = "your own certificate is from the authority that would be dropped";
        return Err(Error::new(ErrorKind::InvalidArgument, message)
            .hint("renew it first: keyward client renew"));
    }
    let is_done = present.reached() == Step::Unknown && service.clients.has_others_than_of(issuing);
    if !(finishes && is_done) {
        service.authority.step(step)?;
        service.live.changed();
        tracing::info!(step = step.as_str_name(), by = %caller.identity, "authority");
    }
    if finishes {
        // They are refused anyway; this is for those who look at the list.
        let marked = service.clients.revoke_all_not_of(issuing).map_err(|error| {
            let message = format!(
                "the old authority is dropped, but its certificates are not marked: {error}"
            );
            Error::new(ErrorKind::Internal, message)
                .hint("see the disk with the service's state, then: keyward authority finish")
        })?;
        if let Err(error) = marked.while_sealed {
            tracing::warn!("{error}");
        }
    }
    show(service, caller, &ShowAuthority::default())
}
