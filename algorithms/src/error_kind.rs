//! The kinds of error: the same words in the service, the command line, OpenSSL and Java.

use std::fmt;

use crate::table;

/// The facts about one kind of error.
#[derive(Debug)]
pub struct ErrorKindRow {
    /// The word for it, as the command line prints it with `--json`.
    pub word: &'static str,
    /// What it means, for documentation and as OpenSSL's reason string.
    pub meaning: &'static str,
    /// Whether the same request may succeed on another try within the retry time.
    pub passing: bool,
    /// The exception that the Java provider throws where the JCA method allows it.
    pub java: &'static str,
}

table! {
    /// What went wrong, in a word. The wire code is OpenSSL's reason code too.
    pub enum ErrorKind: ErrorKindRow {
        /// No such thing, or none that the caller may see.
        NotFound = 1 => { word: "not-found", meaning: "not found", passing: false,
            java: "java.security.InvalidKeyException" },
        /// The name is taken.
        AlreadyExists = 2 => { word: "already-exists", meaning: "already exists", passing: false,
            java: "java.security.KeyStoreException" },
        /// The caller is known, sees the key and lacks the right.
        PermissionDenied = 3 => { word: "permission-denied", meaning: "permission denied",
            passing: false, java: "java.security.InvalidKeyException" },
        /// The service does not know who the caller is.
        Unauthenticated = 4 => { word: "unauthenticated", meaning: "caller is not known",
            passing: false, java: "java.security.InvalidKeyException" },
        /// Too many wrong PINs.
        Locked = 5 => { word: "locked", meaning: "locked", passing: false,
            java: "java.security.InvalidKeyException" },
        /// The service has not been unsealed.
        Sealed = 6 => { word: "sealed", meaning: "service is sealed", passing: false,
            java: "java.security.ProviderException" },
        /// The request makes no sense.
        InvalidArgument = 7 => { word: "invalid-argument", meaning: "invalid argument",
            passing: false, java: "java.security.InvalidAlgorithmParameterException" },
        /// This service, version or key cannot do it.
        Unsupported = 8 => { word: "unsupported", meaning: "not supported", passing: false,
            java: "java.security.InvalidKeyException" },
        /// A size, rate or number is over its bound.
        LimitExceeded = 9 => { word: "limit-exceeded", meaning: "limit exceeded", passing: false,
            java: "java.security.ProviderException" },
        /// Others have to approve first.
        ApprovalRequired = 10 => { word: "approval-required", meaning: "approval required",
            passing: false, java: "java.security.ProviderException" },
        /// Overloaded.
        Busy = 11 => { word: "busy", meaning: "service is busy", passing: true,
            java: "java.security.ProviderException" },
        /// The service cannot be reached.
        Unavailable = 12 => { word: "unavailable", meaning: "service is unavailable",
            passing: true, java: "java.security.ProviderException" },
        /// No answer in time.
        Timeout = 13 => { word: "timeout", meaning: "timed out", passing: false,
            java: "java.security.ProviderException" },
        /// A fault in Keyward itself.
        Internal = 14 => { word: "internal", meaning: "internal error", passing: false,
            java: "java.security.ProviderException" },
    }
}

impl ErrorKind {
    /// The word for it: `not-found`.
    pub const fn word(self) -> &'static str {
        self.row().word
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
