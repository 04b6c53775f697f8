//! The table as documentation.

use std::fmt::Display;

use keyward_algorithms::{
    Agreement, Audit, Curve, Derivation, Digest, Encryption, ErrorKind, Family, KeyType,
    ML_DSA_JCA, ML_DSA_MU_JCA, ML_KEM_JCA, Mac, MlKem, Operation, Requires, Right, Scheme,
    SecretKind, Signature, SymmetricCipher, Wrapping, algorithms_of, is_approved,
};

/// `docs/algorithms.md`.
pub(crate) fn algorithms() -> String {
    let mut out = String::from(
        "<!-- Generated from the crate keyward-algorithms by its test `generated`; do not edit. -->\n\
         # Algorithms, key types, rights and errors\n\n\
         Every name here comes from the one table in `algorithms/`. Numbers are the codes on the\n\
         wire (`docs/protocol.md`); they never change.\n",
    );
    key_types(&mut out);
    signatures(&mut out);
    encryptions(&mut out);
    agreements(&mut out);
    secret_keys(&mut out);
    approved(&mut out);
    java_services(&mut out);
    digests(&mut out);
    rights(&mut out);
    error_kinds(&mut out);
    operations(&mut out);
    out
}

/// What is not approved: the shorter list.
fn approved(out: &mut String) {
    let types = KeyType::all().filter(|one| !one.is_approved()).map(code).collect::<Vec<_>>();
    let mut algorithms = Vec::new();
    for key_type in KeyType::all().filter(|one| one.is_approved()) {
        for name in algorithms_of(key_type) {
            let name = code(name);
            if !is_approved(key_type, name.trim_matches('`')) && !algorithms.contains(&name) {
                algorithms.push(name);
            }
        }
    }
    out.push_str(&format!(
        "\n## FIPS 140-3\n\nWith `approved_only` under `[algorithms]` in the service's configuration, which is the \
         default of a service\nthat is built on a FIPS module, these are refused: keys of the types {}; \
         the algorithms\n{}. What a public half checks is not restricted.\n",
        types.join(", "),
        algorithms.join(", ")
    ));
}

fn key_types(out: &mut String) {
    let rows = Family::ALL.iter().map(|family| {
        let row = family.row();
        vec![
            code(row.name),
            code(row.jca),
            code(row.openssl.split(':').next().unwrap()),
            code(row.oid),
            row.uses.to_string(),
            row.default_uses.to_string(),
        ]
    });
    table(
        out,
        "Families of keys",
        "",
        &["family", "Java", "OpenSSL", "OID", "uses it may be born with", "uses by default"],
        rows,
    );
    let types = KeyType::all().map(code).collect::<Vec<_>>().join(", ");
    out.push_str(&format!("\nKey types: {types}.\n"));
    let rows = Curve::ALL.iter().map(|curve| {
        let row = curve.row();
        vec![
            code(row.name),
            code(row.jca),
            code(row.openssl),
            code(row.oid),
            row.bits.to_string(),
            row.security_bits.to_string(),
        ]
    });
    table(out, "Curves", "", &["curve", "Java", "OpenSSL", "OID", "bits", "security bits"], rows);
}

fn signatures(out: &mut String) {
    let rows = Scheme::ALL.iter().map(|scheme| {
        let row = scheme.row();
        let families = Family::ALL.iter().filter(|family| family.row().schemes.contains(scheme));
        vec![
            scheme.code().to_string(),
            code(row.name),
            if row.takes_message { "message" } else { "digest" }.to_string(),
            code(row.right.row().name),
            families.map(|family| code(family.row().name)).collect::<Vec<_>>().join(", "),
        ]
    });
    table(
        out,
        "Signature schemes",
        "",
        &["code", "scheme", "signs the", "needs the right", "keys"],
        rows,
    );
    let rows = Signature::all().iter().map(|row| {
        vec![
            code(row.name),
            row.jca.iter().map(code).collect::<Vec<_>>().join(", "),
            row.oid.map(code).unwrap_or_default(),
            row.tls.iter().map(|point| format!("{point:#06x}")).collect::<Vec<_>>().join(", "),
        ]
    });
    table(
        out,
        "Signature algorithms",
        "Java also has `RSASSA-PSS`, which takes its digest and salt as parameters, `ML-DSA` for keys\n\
         of any parameter set, `ML-DSA-EXTERNAL-MU` for them and a digest that the caller made, and each ECDSA name with `inP1363Format` behind it.\n",
        &["algorithm", "Java", "OID", "TLS"],
        rows,
    );
}

fn encryptions(out: &mut String) {
    let rows = Encryption::ALL.iter().map(|encryption| {
        let row = encryption.row();
        vec![
            encryption.code().to_string(),
            code(row.name),
            row.jca_padding.map(|padding| code(format!("RSA/ECB/{padding}"))).unwrap_or_default(),
            if row.openssl_pad_mode.is_empty() {
                String::new()
            } else {
                code(row.openssl_pad_mode)
            },
            code(row.right.row().name),
        ]
    });
    table(
        out,
        "RSA encryption",
        "",
        &["code", "scheme", "Java", "OpenSSL `rsa_padding_mode`", "needs the right"],
        rows,
    );
}

fn agreements(out: &mut String) {
    let rows = Agreement::ALL.iter().map(|agreement| {
        let row = agreement.row();
        vec![
            agreement.code().to_string(),
            code(row.name),
            row.jca.iter().map(code).collect::<Vec<_>>().join(", "),
            code(row.openssl),
            code(row.family.row().name),
        ]
    });
    table(out, "Key agreement", "", &["code", "agreement", "Java", "OpenSSL", "keys"], rows);
}

fn secret_keys(out: &mut String) {
    let rows = SecretKind::ALL.iter().map(|kind| {
        let row = kind.row();
        let sizes = row.bits.iter().map(|range| match (range.start(), range.end()) {
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} to {most}"),
        });
        vec![
            code(row.name),
            code(row.jca),
            sizes.collect::<Vec<_>>().join(", "),
            row.default_bits.to_string(),
            row.uses.to_string(),
            row.default_uses.to_string(),
        ]
    });
    table(
        out,
        "Secret keys",
        "A type is the kind with a size, `aes-256`; without one it has the usual size.\n",
        &["kind", "Java", "bits", "usual", "uses it may be born with", "uses by default"],
        rows,
    );
    let rows = SymmetricCipher::ALL.iter().map(|cipher| {
        let row = cipher.row();
        vec![
            cipher.code().to_string(),
            code(row.name),
            code(row.jca),
            code(format!("AES-256-{}", row.openssl)),
            match (row.iv_bytes, row.own_iv) {
                (0, _) => "none".into(),
                (size, true) => format!("{size} bytes, drawn by the service"),
                (size, false) => format!("{size} bytes, drawn or given"),
            },
            if row.off_by_default { "no" } else { "yes" }.to_string(),
        ]
    });
    table(
        out,
        "Encryption with AES keys",
        "What is off is allowed by `ecb = true` under `[algorithms]` in the service's configuration.\n",
        &["code", "cipher", "Java", "OpenSSL", "initialisation vector", "on by default"],
        rows,
    );
    let rows = Mac::ALL.iter().map(|mac| {
        let row = mac.row();
        vec![
            mac.code().to_string(),
            code(row.name),
            code(row.jca),
            code(row.kind.row().name),
            row.size.to_string(),
        ]
    });
    table(
        out,
        "Message authentication codes",
        "",
        &["code", "algorithm", "Java", "keys", "bytes"],
        rows,
    );
    let rows = Wrapping::ALL.iter().map(|wrapping| {
        let row = wrapping.row();
        vec![
            wrapping.code().to_string(),
            code(row.name),
            row.jca.iter().map(code).collect::<Vec<_>>().join(", "),
            if row.by_rsa { "RSA" } else { "AES" }.to_string(),
        ]
    });
    table(
        out,
        "Wrapping keys with keys",
        "Uses that undo each other cannot be on one key: `wrap` or `unwrap` with `decrypt`, `unwrap`\n\
         with `encrypt`, `raw` with any, and on a secret key `sign` with `derive`.\n",
        &["code", "wrapping", "Java", "with a key of"],
        rows,
    );
    let rows = Derivation::ALL.iter().map(|derivation| {
        let row = derivation.row();
        let java = row.jca_agreements.iter().copied().chain(row.jca_kdf);
        vec![
            derivation.code().to_string(),
            code(row.name),
            if row.salted { "yes" } else { "no" }.to_string(),
            if row.agreement_only { "a key agreement" } else { "a secret key or a key agreement" }
                .to_string(),
            java.map(code).collect::<Vec<_>>().join(", "),
        ]
    });
    table(
        out,
        "Key derivation",
        "In Java's names `*` stands for the digest, `SHA256`.\n",
        &["code", "function", "salt", "from", "Java"],
        rows,
    );
}

/// Java's name for the parameters of RSAES-OAEP.
const OAEP_PARAMETERS: &str = "OAEP";

/// What `Provider.getServices()` of the Java provider lists; its tests compare.
fn java_services(out: &mut String) {
    let provider = || vec!["Keyward".to_owned()];
    let named = |family: &Family| family.row().jca.to_owned();
    let families = || Family::ALL.iter().map(named);
    // Java's own factories read the keys of ML-KEM, which are not imported.
    let imported = Family::ALL.iter().filter(|family| MlKem::of(**family).is_none()).map(named);
    let kinds = || SecretKind::ALL.iter().map(|kind| kind.row().jca.to_owned());
    let macs = || Mac::ALL.iter().map(|mac| mac.row());
    let hmacs = macs().filter(|mac| mac.kind == SecretKind::Hmac).map(|mac| mac.jca.to_owned());
    let agreements = Agreement::ALL.iter().map(|agreement| agreement.row().jca[0].to_owned());
    let derivations = || Derivation::ALL.iter();
    let first = |(_, names): (Digest, Vec<String>)| names[0].clone();
    let deriving = derivations().flat_map(|one| one.java_agreements()).map(first);
    let kdfs = derivations().flat_map(|one| one.java_kdfs()).map(first);
    let kems = Family::ALL.iter().filter(|family| MlKem::of(**family).is_some());
    let rows = [
        ("KeyStore", provider()),
        ("Signature", java_signatures()),
        ("Cipher", java_ciphers()),
        ("Mac", macs().map(|mac| mac.jca.to_owned()).collect()),
        ("KeyAgreement", agreements.chain(deriving).collect()),
        (
            "KeyPairGenerator",
            families().chain([ML_DSA_JCA, ML_KEM_JCA].map(str::to_owned)).collect(),
        ),
        ("KeyFactory", imported.chain([ML_DSA_JCA.to_owned()]).collect()),
        ("KeyGenerator", kinds().chain(hmacs).collect()),
        ("SecretKeyFactory", kinds().collect()),
        (
            "KEM",
            kems.map(|family| family.row().jca.to_owned()).chain([ML_KEM_JCA.to_owned()]).collect(),
        ),
        ("KDF", kdfs.collect()),
        ("AlgorithmParameters", vec![OAEP_PARAMETERS.to_owned()]),
        ("SecureRandom", provider()),
    ]
    .into_iter()
    .map(|(service, names): (&str, Vec<String>)| {
        vec![code(service), names.iter().map(code).collect::<Vec<_>>().join(", ")]
    });
    table(
        out,
        "Services of the Java provider",
        "\nAliases are left out; each OID above is one. Key factories for ML-DSA are there from\n\
         JDK 24 on, and in late updates of 21, which know such keys; `KEM` is there from JDK 21 on and `KDF` from\n\
         JDK 25 on, which have these classes.\n",
        &["service", "algorithms"],
        rows,
    );
}

/// RSA stands for all its paddings; every other transformation is a service of its own.
fn java_ciphers() -> Vec<String> {
    let mut names = vec![Family::Rsa.row().jca.to_owned()];
    names.extend(SymmetricCipher::ALL.iter().map(|cipher| cipher.row().jca.to_owned()));
    for wrapping in Wrapping::ALL {
        let row = wrapping.row();
        let transformation = row.jca[0];
        let name = match row.by_rsa {
            true => transformation.split('/').next().unwrap_or_default(),
            false => transformation,
        };
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

fn java_signatures() -> Vec<String> {
    let mut names = Vec::new();
    for row in Signature::all() {
        let Some(name) = row.jca.first() else { continue };
        names.push((*name).to_owned());
        if row.scheme == Scheme::Ecdsa {
            names.push(format!("{name}inP1363Format"));
        }
    }
    names.extend([Family::RsaPss.row().jca, ML_DSA_JCA, ML_DSA_MU_JCA].map(str::to_owned));
    names
}

fn digests(out: &mut String) {
    let rows = Digest::ALL.iter().map(|digest| {
        let row = digest.row();
        vec![
            digest.code().to_string(),
            code(row.name),
            code(row.jca),
            code(row.openssl[0]),
            code(row.oid),
            row.size.to_string(),
        ]
    });
    table(out, "Digests", "", &["code", "digest", "Java", "OpenSSL", "OID", "bytes"], rows);
}

fn rights(out: &mut String) {
    let rows = Right::ALL.iter().map(|right| {
        let row = right.row();
        vec![
            right.code().to_string(),
            code(row.name),
            row.meaning.to_string(),
            if row.is_use { "yes" } else { "no" }.to_string(),
        ]
    });
    table(
        out,
        "Rights",
        "A use is both an attribute that a key is born with and a right of a caller; an operation\n\
         needs it from both.\n",
        &["code", "right", "allows to", "is a use"],
        rows,
    );
}

fn error_kinds(out: &mut String) {
    let rows = ErrorKind::ALL.iter().map(|kind| {
        let row = kind.row();
        vec![
            kind.code().to_string(),
            code(row.word),
            row.meaning.to_string(),
            if row.passing { "yes" } else { "no" }.to_string(),
            code(row.java),
        ]
    });
    table(
        out,
        "Kinds of error",
        "The same words everywhere. The Java exception is thrown where the method declares it, and\n\
         `SignatureException` or `ProviderException` elsewhere, with a `KeywardException` as cause.\n",
        &["code", "kind", "meaning", "may pass by itself", "Java"],
        rows,
    );
}

fn operations(out: &mut String) {
    let rows = Operation::ALL.iter().map(|operation| {
        let row = operation.row();
        let requires = match row.requires {
            Requires::Connection => "a connection".to_string(),
            Requires::User => "a user".to_string(),
            Requires::Role(role) => format!("the role {}", code(role)),
            Requires::Key(right) => format!("{} on the key", code(right.row().name)),
            Requires::KeyByAlgorithm => "the right that the algorithm names".to_string(),
        };
        vec![
            operation.code().to_string(),
            code(row.name),
            requires,
            match row.audit {
                Audit::Nothing => "no",
                Audit::Use => "use",
                Audit::Login => "login",
                Audit::Act => "act",
            }
            .to_string(),
            if row.repeatable { "yes" } else { "no" }.to_string(),
        ]
    });
    table(
        out,
        "Operations",
        "",
        &["code", "operation", "needs", "audited", "safe to repeat"],
        rows,
    );
}

pub(super) fn table(
    out: &mut String,
    title: &str,
    note: &str,
    columns: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    out.push_str(&format!("\n## {title}\n{note}\n"));
    out.push_str(&line(&columns.iter().map(|column| column.to_string()).collect::<Vec<_>>()));
    out.push_str(&format!("|{}\n", "---|".repeat(columns.len())));
    rows.for_each(|row| out.push_str(&line(&row)));
}

pub(super) fn code(name: impl Display) -> String {
    format!("`{name}`")
}
