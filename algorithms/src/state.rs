//! How a service is: which operations can be called depends on it.

use std::fmt;

use crate::table;

/// The facts about one state.
#[derive(Debug)]
pub struct ServiceStateRow {
    /// The word for it in answers, metrics and documentation.
    pub word: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

table! {
    /// A state of a service.
    pub enum ServiceState: ServiceStateRow {
        /// Nothing opens the store: there is no data key.
        Uninitialised = 1 => { word: "uninitialised",
            meaning: "there is no data key, since it was destroyed: the keys are gone" },
        /// The data key is there and sealed.
        Sealed = 2 => { word: "sealed",
            meaning: "the keys are there and cannot be used until the service is unsealed" },
        /// Keys can be used.
        Operational = 3 => { word: "operational", meaning: "keys can be used" },
        /// The data key was opened, and what lies behind it does not read.
        Failed = 4 => { word: "failed",
            meaning: "the seal is open, and what lies behind it does not read" },
    }
}

impl ServiceState {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        self.row().word
    }
}

impl fmt::Display for ServiceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
