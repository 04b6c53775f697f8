//! How a key is shown.

use keyward_algorithms::Rights;
use keyward_protocol::{Error, Key, KeyEvent, KeyId, Restrictions, Succession};
use serde::Serialize;

use crate::{
    cli::{context::full_uri, files::chain, output::facts, time},
    store::Counted,
};

/// Everything about a key that its viewer may know, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(crate) struct KeyView {
    id: String,
    uri: String,
    owner: String,
    name: String,
    #[serde(rename = "type")]
    key_type: String,
    usage: Vec<&'static str>,
    /// What the viewer may do.
    rights: Vec<&'static str>,
    exportable: bool,
    origin: &'static str,
    created: String,
    restrictions: RestrictionsView,
    /// How many uses it has had and has left, where they are limited.
    uses: Option<CountView>,
    /// The same for encryptions with AES-GCM, from the first one on.
    gcm_encryptions: Option<CountView>,
    /// It may wrap keys that leave only with a trusted one.
    trusted: bool,
    /// The key whose place it is to take when its certificate comes.
    takes_place_of: Option<String>,
    deleted: Option<String>,
    undelete_until: Option<String>,
    certificates: Vec<CertificateView>,
    /// What other users may do; told only to those who may manage the key.
    grants: Vec<GrantView>,
    /// What became of it, oldest first; told only to those who may manage the key.
    history: Vec<EventView>,
    /// What may be wrong with what was just done to it.
    warnings: Vec<String>,
}

/// What the uses of a key are held to.
#[derive(Debug, Serialize)]
struct RestrictionsView {
    /// Empty where all that its type has are permitted.
    algorithms: Vec<String>,
    not_before: Option<String>,
    not_after: Option<String>,
    max_uses: Option<u64>,
    max_rate: Option<String>,
    needs_approval: bool,
    wrap_with_trusted_only: bool,
    /// Empty where they can have all that their type has.
    child_usage: Vec<&'static str>,
}

/// How much of a number of uses is gone.
#[derive(Debug, Serialize)]
struct CountView {
    most: u64,
    used: u64,
    left: u64,
}

#[derive(Debug, Serialize)]
struct EventView {
    event: &'static str,
    time: String,
    by: String,
    detail: String,
}

#[derive(Debug, Serialize)]
struct GrantView {
    user: String,
    rights: Vec<&'static str>,
}

/// What matters of a certificate.
#[derive(Debug, Serialize)]
pub(crate) struct CertificateView {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) not_before: String,
    pub(crate) not_after: String,
    pub(crate) expired: bool,
}

impl KeyView {
    /// The heads of the columns of [`KeyView::row`].
    pub(crate) const HEADS: [&'static str; 7] =
        ["NAME", "OWNER", "TYPE", "USAGE", "YOU MAY", "CREATED", "CERTIFICATE"];

    /// The heads of the columns of [`KeyView::deleted_row`].
    pub(crate) const DELETED_HEADS: [&'static str; 5] = ["NAME", "ID", "TYPE", "DELETED", "UNTIL"];

    /// The view of a key.
    pub(crate) fn new(key: &Key) -> Result<KeyView, Error> {
        Ok(KeyView {
            id: key.id.to_string(),
            uri: full_uri(key),
            owner: key.owner.clone(),
            name: key.name.clone(),
            key_type: key.key_type.to_string(),
            usage: words(key.usage),
            rights: words(key.rights),
            exportable: key.exportable,
            origin: key.origin.word(),
            created: time::moment(key.created),
            restrictions: RestrictionsView::new(&key.attributes.restrictions),
            uses: CountView::new(Counted::Uses, key),
            gcm_encryptions: CountView::new(Counted::Gcm, key),
            trusted: key.attributes.trusted,
            takes_place_of: key.attributes.succession.as_ref().and_then(predecessor),
            deleted: time::optional_moment(key.attributes.deleted),
            undelete_until: time::optional_moment(key.attributes.removal),
            certificates: key
                .chain
                .iter()
                .map(|der| CertificateView::new(der))
                .collect::<Result<_, _>>()?,
            grants: key
                .grants
                .iter()
                .map(|(user, rights)| GrantView { user: user.clone(), rights: words(*rights) })
                .collect(),
            history: key.attributes.history.iter().map(EventView::new).collect(),
            warnings: key.warnings.clone(),
        })
    }

    /// The key in one line of a table.
    pub(crate) fn row(&self) -> Vec<String> {
        let certificate = self.certificates.first();
        vec![
            self.name.clone(),
            self.owner.clone(),
            self.key_type.clone(),
            self.usage.join(","),
            self.rights.join(","),
            self.created.clone(),
            certificate.map_or("-".into(), |certificate| certificate.subject.clone()),
        ]
    }

    /// A deleted key in one line of a table.
    pub(crate) fn deleted_row(&self) -> Vec<String> {
        let moment = |moment: &Option<String>| moment.clone().unwrap_or_default();
        vec![
            self.name.clone(),
            self.id.clone(),
            self.key_type.clone(),
            moment(&self.deleted),
            moment(&self.undelete_until),
        ]
    }

    /// The key as a list of facts.
    pub(crate) fn text(&self) -> String {
        let origin = match self.origin {
            "generated" => "generated inside the service",
            "derived" => "derived inside the service: who has what it was derived from has it too",
            _ => "imported: it has existed outside the service",
        };
        let mut lines = vec![
            ("name", self.name.clone()),
            ("owner", self.owner.clone()),
            ("id", self.id.clone()),
            ("uri", self.uri.clone()),
            ("type", self.key_type.clone()),
            ("usage", self.usage.join(",")),
            ("you may", self.rights.join(",")),
            ("exportable", if self.exportable { "yes, wrapped" } else { "no" }.into()),
            ("origin", origin.into()),
            ("created", self.created.clone()),
        ];
        lines.extend(self.restrictions.lines());
        let counts = [("uses", &self.uses), ("aes-gcm", &self.gcm_encryptions)];
        let counts = counts.into_iter().filter_map(|(name, count)| Some((name, count.as_ref()?)));
        lines.extend(counts.map(|(name, count)| (name, count.line())));
        if self.trusted {
            lines.push(("trusted", "wraps keys that leave with trusted keys only".into()));
        }
        if let Some(old) = &self.takes_place_of {
            lines.push(("takes place", format!("of id={old} when its certificate is imported")));
        }
        lines.extend(self.certificates.iter().map(|one| ("certificate", one.line())));
        let grants = self.grants.iter();
        lines.extend(
            grants.map(|grant| ("shared", format!("{}: {}", grant.user, grant.rights.join(",")))),
        );
        lines.extend(self.history.iter().map(|event| ("history", event.line())));
        facts(&lines)
    }
}

impl RestrictionsView {
    fn new(held: &Restrictions) -> RestrictionsView {
        RestrictionsView {
            algorithms: held.algorithms.clone(),
            not_before: time::optional_moment(held.not_before),
            not_after: time::optional_moment(held.not_after),
            max_uses: Some(held.max_uses).filter(|most| *most != 0),
            max_rate: held.max_rate.map(|rate| rate.to_string()),
            needs_approval: held.needs_approval,
            wrap_with_trusted_only: held.wrap_with_trusted_only,
            child_usage: words(Rights::from_bits(held.child_uses)),
        }
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        if !self.algorithms.is_empty() {
            lines.push(("algorithms", self.algorithms.join(",")));
        }
        lines.extend(self.not_before.clone().map(|moment| ("not before", moment)));
        lines.extend(self.not_after.clone().map(|moment| ("not after", moment)));
        lines.extend(self.max_rate.clone().map(|rate| ("at most", rate)));
        if self.needs_approval {
            lines.push(("approval", "needed for each use".into()));
        }
        if self.wrap_with_trusted_only {
            lines.push(("leaves", "only encrypted with a trusted key".into()));
        }
        if !self.child_usage.is_empty() {
            lines.push(("what comes of it", format!("{} at most", self.child_usage.join(","))));
        }
        lines
    }
}

impl CountView {
    fn new(of: Counted, key: &Key) -> Option<CountView> {
        let used = of.count(&key.attributes);
        let most = of.most(&key.attributes).filter(|_| of == Counted::Uses || used > 0)?;
        Some(CountView { most, used, left: most.saturating_sub(used) })
    }

    fn line(&self) -> String {
        format!("{} of {}, {} left", self.used, self.most, self.left)
    }
}

impl EventView {
    fn new(event: &KeyEvent) -> EventView {
        EventView {
            event: event.kind().word(),
            time: time::moment(event.time),
            by: event.by.clone(),
            detail: event.detail.clone(),
        }
    }

    fn line(&self) -> String {
        let by = if self.by.is_empty() { String::new() } else { format!(" by {}", self.by) };
        let detail =
            if self.detail.is_empty() { String::new() } else { format!(": {}", self.detail) };
        format!("{} {}{by}{detail}", self.time, self.event)
    }
}

impl CertificateView {
    /// The view of a DER certificate.
    pub(crate) fn new(der: &[u8]) -> Result<CertificateView, Error> {
        let certificate = chain::parse(der)?;
        let (from, until) = chain::validity(&certificate);
        Ok(CertificateView {
            subject: chain::subject(&certificate),
            issuer: certificate.tbs_certificate().issuer().to_string(),
            not_before: time::moment(from),
            not_after: time::moment(until),
            expired: until < time::now(),
        })
    }

    /// Its last moment.
    pub(crate) fn until(&self) -> String {
        let expired = if self.expired { " (EXPIRED)" } else { "" };
        format!("{}{expired}", self.not_after)
    }

    /// The certificate in one line.
    pub(crate) fn line(&self) -> String {
        let state = if self.expired { "EXPIRED" } else { "valid until" };
        format!("{}, issued by {}, {state} {}", self.subject, self.issuer, self.not_after)
    }
}

fn predecessor(succession: &Succession) -> Option<String> {
    KeyId::try_from(&*succession.predecessor).ok().map(|id| id.to_string())
}

/// The words of a set of rights.
fn words(rights: Rights) -> Vec<&'static str> {
    rights.iter().map(|right| right.row().name).collect()
}
