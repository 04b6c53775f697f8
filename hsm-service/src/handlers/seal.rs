//! Opening, closing and changing the seal, for administrators.

use keyward_algorithms::Operation;
use keyward_protocol::messages::{ChangeSeal, SealReply, Unseal, Zeroize};

use crate::{
    Result, Service,
    audit::Trail,
    execute::Reply,
    identity::Caller,
    policy::{self, Target},
};

pub(crate) fn unseal(
    service: &Service,
    caller: &Caller,
    request: &Unseal,
    trail: &mut Trail,
) -> Result<Reply> {
    policy::authorise(caller, Operation::Unseal, Target::Service)?;
    service.unseal(request, trail).map(answer)
}

pub(crate) fn show(service: &Service, caller: &Caller) -> Result<Reply> {
    policy::authorise(caller, Operation::ShowSeal, Target::Service)?;
    service.show_seal().map(answer)
}

pub(crate) fn change(
    service: &Service,
    caller: &Caller,
    request: &ChangeSeal,
    trail: &mut Trail,
) -> Result<Reply> {
    policy::authorise(caller, Operation::ChangeSeal, Target::Service)?;
    service.change_seal(request, trail).map(answer)
}

pub(crate) fn lock(service: &Service, caller: &Caller) -> Result<Reply> {
    policy::authorise(caller, Operation::LockSeal, Target::Service)?;
    service.lock_seal().map(answer)
}

pub(crate) fn zeroize(
    service: &Service,
    caller: &Caller,
    request: &Zeroize,
    trail: &mut Trail,
) -> Result<Reply> {
    policy::authorise(caller, Operation::Zeroize, Target::Service)?;
    service.zeroize(caller, request, trail).map(answer)
}

fn answer(seal: SealReply) -> Reply {
    Reply::Seal(Box::new(seal))
}
