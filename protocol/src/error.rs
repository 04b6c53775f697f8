//! The one error type, from the service through the client to each of its users.

use std::{fmt, time::Duration};

use keyward_algorithms::ErrorKind;

use crate::ApprovalId;

/// What failed, on what, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The kind, for programs.
    pub kind: ErrorKind,
    /// What failed and on what: one sentence fragment without a full stop, for people.
    pub message: String,
    /// What to do next, where there is advice.
    pub hint: Option<String>,
    /// What others are asked to approve, for the kind [`ErrorKind::ApprovalRequired`].
    pub approval: Option<ApprovalId>,
    /// When to try again, where that is known.
    pub retry_after: Option<Duration>,
}

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of this kind, with a message and no hint yet.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), hint: None, approval: None, retry_after: None }
    }

    /// The same error with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// The same error with the approval that others are asked for.
    #[must_use]
    pub fn waits_for(mut self, approval: ApprovalId) -> Error {
        self.approval = Some(approval);
        self
    }

    /// The same error with the time after which another try is worth it.
    #[must_use]
    pub fn retry_after(mut self, time: Duration) -> Error {
        self.retry_after = Some(time);
        self
    }

    /// A request that makes no sense.
    pub fn invalid(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::InvalidArgument, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl From<crate::messages::Failure> for Error {
    fn from(failure: crate::messages::Failure) -> Error {
        Error {
            kind: ErrorKind::from_code(failure.kind).unwrap_or(ErrorKind::Internal),
            message: failure.message,
            hint: Some(failure.hint).filter(|hint| !hint.is_empty()),
            approval: ApprovalId::from_wire(failure.approval),
            retry_after: (failure.retry_after_ms != 0)
                .then(|| Duration::from_millis(failure.retry_after_ms.into())),
        }
    }
}

impl From<Error> for crate::messages::Failure {
    fn from(error: Error) -> crate::messages::Failure {
        crate::messages::Failure {
            kind: error.kind.code(),
            message: error.message,
            hint: error.hint.unwrap_or_default(),
            retry_after_ms: error.retry_after.map_or(0, |time| {
                // Never a moment too early, and never "whenever you think fit".
                let millis = time.as_micros().div_ceil(1000).max(1);
                millis.try_into().unwrap_or(u32::MAX)
            }),
            approval: ApprovalId::to_wire(error.approval),
        }
    }
}
