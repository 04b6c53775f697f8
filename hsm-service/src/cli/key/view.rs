//! How a key is shown.

use keyward_algorithms::Rights;
use keyward_protocol::{Error, Key};
use serde::Serialize;

use crate::cli::{context::full_uri, files::chain, output::facts, time};

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
    certificates: Vec<CertificateView>,
    /// What other users may do; told only to those who may manage the key.
    grants: Vec<GrantView>,
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
        lines.extend(self.certificates.iter().map(|one| ("certificate", one.line())));
        let grants = self.grants.iter();
        lines.extend(
            grants.map(|grant| ("shared", format!("{}: {}", grant.user, grant.rights.join(",")))),
        );
        facts(&lines)
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

    /// The certificate in one line.
    pub(crate) fn line(&self) -> String {
        let state = if self.expired { "EXPIRED" } else { "valid until" };
        format!("{}, issued by {}, {state} {}", self.subject, self.issuer, self.not_after)
    }
}

/// The words of a set of rights.
fn words(rights: Rights) -> Vec<&'static str> {
    rights.iter().map(|right| right.row().name).collect()
}
