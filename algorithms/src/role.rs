//! What people are: which operations a user may ask for at all.

use std::fmt;

use crate::table;

/// The facts about one role.
#[derive(Debug)]
pub struct RoleRow {
    /// The word for it in configuration, certificates and on the command line.
    pub word: &'static str,
    /// What it is for.
    pub meaning: &'static str,
}

table! {
    /// A role of a user. Rights on single keys come on top of the role `user`; no role includes
    /// another, and one user may have several.
    pub enum Role: RoleRow {
        /// Own and use keys.
        User = 1 => { word: "user", meaning: "own keys, use them, and share them" },
        /// Look after people and policy.
        Admin = 2 => { word: "admin",
            meaning: "let clients in and shut them out, look after users; no use of keys" },
        /// Read the audit log.
        Auditor = 3 => { word: "auditor", meaning: "read and verify the audit log" },
        /// Keep the service running.
        Operator = 4 => { word: "operator",
            meaning: "health, metrics, and backups, which it can make but not read" },
    }
}

impl Role {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        self.row().word
    }

    /// Finds a role by its word.
    pub fn from_word(word: &str) -> Option<Role> {
        Role::ALL.iter().copied().find(|role| role.word() == word)
    }

    /// The words of all roles: `user, admin, …`.
    pub fn words() -> String {
        let words: Vec<&str> = Role::ALL.iter().map(|role| role.word()).collect();
        words.join(", ")
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
