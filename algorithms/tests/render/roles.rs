//! Which role may call which operation, as documentation.

use keyward_algorithms::{Audit, Operation, Requires, Role, ServiceState};

use super::markdown::{code, table};

/// `docs/roles.md`.
pub(crate) fn roles() -> String {
    let mut out = String::from(
        "<!-- Generated from the crate keyward-algorithms by its test `generated`; do not edit. -->\n\
         # Roles\n\n\
         A user has any number of roles; none includes another. A local process gets its user and\n\
         roles from the `[[user]]` section that its identity matches, the holder of a client\n\
         certificate those that the certificate was issued with (`keyward client enrol NAME --role\n\
         LIST`), unless a `[[user]]` section names it. What a role does not allow is answered with\n\
         `permission-denied`, and a caller who is no user at all with `unauthenticated`.\n",
    );
    let rows = Role::ALL.iter().map(|role| vec![code(role), role.row().meaning.to_string()]);
    table(&mut out, "What each role is for", "", &["role", "for"], rows);
    let states =
        ServiceState::ALL.iter().map(|state| vec![code(state), state.row().meaning.to_string()]);
    table(
        &mut out,
        "States of a service",
        "\nWhat cannot be called in the present state is answered with `sealed`.\n",
        &["state", "meaning"],
        states,
    );
    let rows = Operation::ALL.iter().map(|operation| {
        let row = operation.row();
        let mut cells = vec![code(row.name)];
        cells.extend(Role::ALL.iter().map(|role| may(row.requires, *role)));
        cells.push(called_in(row.states));
        cells.push(audited(row.audit).to_string());
        cells.push(if row.quorum { "can be" } else { "–" }.to_string());
        cells
    });
    let mut columns = vec!["operation"];
    columns.extend(Role::ALL.iter().map(|role| role.word()));
    columns.extend(["state", "audit log", "quorum"]);
    table(
        &mut out,
        "Who may call what",
        "\n\"with `right`\" means that the caller needs that right on the key too: as its owner, or by\n\
         `keyward key share`. `hello`, `status` and `login` answer everybody who can connect; of a user\n\
         who has a PIN to log in with ([people.md](people.md)), nothing else is done before. `set-pin` is\n\
         the administrator's for others, and for oneself it takes the old PIN. What can be under\n\
         quorum waits for the approval of others where a `[[quorum]]` section says so\n\
         ([approvals.md](approvals.md)).\n",
        &columns,
        rows,
    );
    out
}

fn may(requires: Requires, role: Role) -> String {
    let allowed = match requires.role() {
        None => return "yes".into(),
        Some(needed) => needed == role,
    };
    match requires {
        _ if !allowed => "–".into(),
        Requires::Key(right) => format!("with {}", code(right.row().name)),
        Requires::KeyByAlgorithm => "with the algorithm's right".into(),
        _ => "yes".into(),
    }
}

fn called_in(states: &[ServiceState]) -> String {
    if states == ServiceState::ALL {
        return "any".into();
    }
    let words: Vec<&str> = states.iter().map(|state| state.word()).collect();
    words.join(", ")
}

fn audited(audit: Audit) -> &'static str {
    match audit {
        Audit::Nothing => "–",
        Audit::Use | Audit::Login => "before the reply",
        Audit::Act => "on disk before the reply",
    }
}
