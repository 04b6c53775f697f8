//! What each operation does: plain functions of the service, the caller and the request. None of
//! them sees a socket.

pub(crate) mod approvals;
pub(crate) mod authority;
pub(crate) mod backup;
pub(crate) mod certificates;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod making;
pub(crate) mod people;
pub(crate) mod rotation;
pub(crate) mod seal;
pub(crate) mod session;
pub(crate) mod symmetric;
pub(crate) mod using;
pub(crate) mod wrapping;
