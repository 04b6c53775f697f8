//! Issuing client certificates.

use keyward_algorithms::Operation;
use keyward_protocol::{
    check_name,
    messages::{Enrol, Enrolment},
};

use crate::{
    Error, Result, Service,
    execute::Reply,
    identity::{Caller, Role},
    issue::MAX_CLIENT_DAYS,
    policy::{self, Target},
};

pub(crate) fn enrol(service: &Service, caller: &Caller, request: &Enrol) -> Result<Reply> {
    policy::authorise(caller, Operation::Enrol, Target::Service)?;
    check_name("user", &request.user)?;
    let roles = match request.roles.is_empty() {
        true => vec![Role::User],
        false => request.roles.iter().map(|word| role(word)).collect::<Result<_>>()?,
    };
    let days = match request.days {
        0 => service.live.settings().certificates.client_days,
        days if days <= MAX_CLIENT_DAYS => days,
        days => {
            let message = format!("{days} days are over the limit of {MAX_CLIENT_DAYS}");
            return Err(Error::invalid(message).hint("enrol again before the certificate ends"));
        }
    };
    let certificate = service.authority.issue_client(&request.csr, &request.user, &roles, days)?;
    tracing::info!(user = request.user, by = %caller.identity, days, ?roles, "client enrolled");
    Ok(Reply::Enrolment(Enrolment {
        chain: vec![certificate],
        ca: service.authority.certificate().to_vec(),
    }))
}

fn role(word: &str) -> Result<Role> {
    Role::from_word(word).ok_or_else(|| {
        Error::invalid(format!("there is no role \"{word}\""))
            .hint(format!("the roles are {}", Role::words()))
    })
}
