//! The calls that a program makes, each one request.

mod approvals;
mod certificates;
mod keys;
mod making;
mod people;
mod seal;
mod using;

use keyward_algorithms::ErrorKind;
use keyward_protocol::{
    Error, Key, Result,
    messages::{self, request::Operation, response},
};

use crate::{Client, connection::hello};

pub use making::{KeyTemplate, WrapWith};

impl Client {
    /// Who the service takes the caller for, and what it can do.
    pub fn hello(&self) -> Result<messages::HelloReply> {
        match self.call(hello())? {
            response::Result::Hello(reply) => Ok(*reply),
            _ => Err(unexpected()),
        }
    }

    /// The health of the service.
    pub fn status(&self) -> Result<messages::StatusReply> {
        match self.call(Operation::Status(messages::GetStatus {}))? {
            response::Result::Status(reply) => Ok(*reply),
            _ => Err(unexpected()),
        }
    }

    /// Has the service run the known-answer tests of its cryptographic library.
    pub fn self_test(&self) -> Result<()> {
        self.done(Operation::SelfTest(messages::SelfTest {}))
    }

    fn done(&self, operation: Operation) -> Result<()> {
        match self.call(operation)? {
            response::Result::Done(_) => Ok(()),
            _ => Err(unexpected()),
        }
    }

    fn key(&self, operation: Operation) -> Result<Key> {
        match self.call(operation)? {
            response::Result::Key(info) => Key::try_from(*info),
            _ => Err(unexpected()),
        }
    }

    fn output(&self, operation: Operation) -> Result<Vec<u8>> {
        match self.call(operation)? {
            response::Result::Output(output) => Ok(output),
            _ => Err(unexpected()),
        }
    }
}

fn unexpected() -> Error {
    Error::new(ErrorKind::Internal, "the service answered with something else than was asked for")
        .hint("check that client and service are of matching versions")
}
