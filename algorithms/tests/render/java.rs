//! The table as Java source.

use std::fmt::Write;

use keyward_algorithms::{
    Agreement, Curve, Derivation, Digest, Encryption, ErrorKind, Family, ML_DSA_JCA, ML_DSA_MU_JCA,
    ML_KEM_JCA, Mac, MlKem, Right, Scheme, SecretKind, Signature, SymmetricCipher, Wrapping,
};

const HEADER: &str = "\
// Generated from the crate keyward-algorithms by its test `generated`; do not edit.
package dev.keyward.jce;
";

/// `AlgorithmTable.java`: what the provider's service list and its native calls are made from.
pub(crate) fn algorithm_table() -> String {
    let mut out = String::from(HEADER);
    out.push_str(
        "
import java.util.List;

/** The one table of Keyward, as the Java provider needs it. */
final class AlgorithmTable {
    /** Version of the provider; the native library must have the same. */
    static final String VERSION = \"",
    );
    out.push_str(env!("CARGO_PKG_VERSION"));
    out.push_str("\";\n");
    out.push_str(
        "\n    /** ML-DSA with any parameter set. */\n    static final String ML_DSA = \"",
    );
    out.push_str(ML_DSA_JCA);
    out.push_str("\";\n");
    out.push_str(
        "\n    /** ML-DSA over a digest that the caller made. */\n    static final String ML_DSA_MU = \"",
    );
    out.push_str(ML_DSA_MU_JCA);
    out.push_str("\";\n");
    out.push_str(
        "\n    /** ML-KEM with any parameter set. */\n    static final String ML_KEM = \"",
    );
    out.push_str(ML_KEM_JCA);
    out.push_str("\";\n");
    digests(&mut out);
    schemes(&mut out);
    curves(&mut out);
    families(&mut out);
    encryptions(&mut out);
    agreements(&mut out);
    kems(&mut out);
    secret_keys(&mut out);
    signatures(&mut out);
    out.push_str(
        "
    private AlgorithmTable() {}
}
",
    );
    out
}

/// `ErrorKind.java`: the kinds of error and the exceptions that stand for them.
pub(crate) fn error_kind() -> String {
    let mut out = String::from(HEADER);
    out.push_str(
        "
/**
 * What went wrong, in a word: the same words as in the service and on the command line.
 *
 * <pre>{@code
 * try {
 *     keys.setCertificateEntry(\"web\", certificate);
 * } catch (KeyStoreException failure) {
 *     ErrorKind kind = ((KeywardException) failure.getCause()).kind();
 *     System.out.println(kind == ErrorKind.ALREADY_EXISTS ? \"the name is taken\" : kind.word());
 * }
 * }</pre>
 */
public enum ErrorKind {
",
    );
    let rows = ErrorKind::ALL.iter().map(|kind| {
        let row = kind.row();
        format!(
            "    /** {}. */\n    {}({}, \"{}\", {}.class)",
            sentence(row.meaning),
            constant(row.word),
            kind.code(),
            row.word,
            row.java
        )
    });
    out.push_str(&rows.collect::<Vec<_>>().join(",\n"));
    out.push_str(
        ";

    private final int code;
    private final String word;
    private final Class<? extends Exception> exception;

    ErrorKind(int code, String word, Class<? extends Exception> exception) {
        this.code = code;
        this.word = word;
        this.exception = exception;
    }

    /** The word for it: {@code not-found}. */
    public String word() {
        return word;
    }

    /** The exception that stands for it where a JCA method declares that one. */
    Class<? extends Exception> exception() {
        return exception;
    }

    /** The kind of this code; a code that is not known here is an internal error. */
    static ErrorKind ofCode(int code) {
        for (ErrorKind kind : values()) {
            if (kind.code == code) {
                return kind;
            }
        }
        return INTERNAL;
    }
}
",
    );
    out
}

/// `KeyRight.java`: rights and uses.
pub(crate) fn key_right() -> String {
    let mut out = String::from(HEADER);
    out.push_str(
        "
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/**
 * What a caller may do with a key, and what a key may be used for.
 *
 * <pre>{@code
 * KeyPairGenerator generator = KeyPairGenerator.getInstance(\"EC\", \"Keyward\");
 * generator.initialize(KeyAttributes.named(\"agrees\").withUses(KeyRight.DERIVE));
 * PrivateKey key = generator.generateKeyPair().getPrivate();
 * }</pre>
 */
public enum KeyRight {
",
    );
    let rows = Right::ALL.iter().map(|right| {
        let row = right.row();
        format!(
            "    /** {}. */\n    {}({}, \"{}\", {})",
            sentence(row.meaning),
            constant(row.name),
            right.code(),
            row.name,
            row.is_use
        )
    });
    out.push_str(&rows.collect::<Vec<_>>().join(",\n"));
    out.push_str(
        ";

    private final int bit;
    private final String word;
    private final boolean use;

    KeyRight(int code, String word, boolean use) {
        this.bit = 1 << (code - 1);
        this.word = word;
        this.use = use;
    }

    /** The word for it in the service's configuration and on the command line. */
    public String word() {
        return word;
    }

    /** Whether it is a use of the key, fixed at the key's birth, and not only a caller's right. */
    public boolean isUse() {
        return use;
    }

    /** The rights whose bits are set. */
    static Set<KeyRight> ofBits(int bits) {
        EnumSet<KeyRight> rights = EnumSet.noneOf(KeyRight.class);
        for (KeyRight right : values()) {
            if ((bits & right.bit) != 0) {
                rights.add(right);
            }
        }
        return Collections.unmodifiableSet(rights);
    }

    /** The number that stands for a set of rights. */
    static int bits(Set<KeyRight> rights) {
        int bits = 0;
        for (KeyRight right : rights) {
            bits |= right.bit;
        }
        return bits;
    }
}
",
    );
    out
}

fn digests(out: &mut String) {
    let rows = Digest::ALL.iter().map(|digest| {
        let row = digest.row();
        format!(
            "        {}({}, \"{}\", \"{}\", {})",
            constant(row.name),
            digest.code(),
            row.jca,
            row.jca_prefix,
            row.size
        )
    });
    enumeration(
        out,
        "Digest",
        "A message digest.",
        rows,
        &["int code", "String jca", "String jcaPrefix", "int size"],
    );
}

fn schemes(out: &mut String) {
    let rows = Scheme::ALL.iter().map(|scheme| {
        let row = scheme.row();
        format!(
            "        {}({}, KeyRight.{}, {})",
            constant(row.name),
            scheme.code(),
            constant(row.right.row().name),
            row.takes_message
        )
    });
    enumeration(
        out,
        "Scheme",
        "How a signature is made from a digest, or from the message.",
        rows,
        &["int code", "KeyRight right", "boolean takesMessage"],
    );
}

fn curves(out: &mut String) {
    let rows = Curve::ALL.iter().map(|curve| {
        let row = curve.row();
        format!(
            "        {}(\"{}\", \"{}\", \"{}\", \"{}\", {}, {})",
            constant(row.name),
            row.name,
            row.jca,
            row.openssl,
            row.oid,
            row.bits,
            curve.field_bytes()
        )
    });
    let fields = [
        "String keyward",
        "String jca",
        "String openssl",
        "String oid",
        "int bits",
        "int fieldBytes",
    ];
    enumeration(out, "Curve", "An elliptic curve.", rows, &fields);
}

fn families(out: &mut String) {
    let rows = Family::ALL.iter().map(|family| {
        let row = family.row();
        let schemes =
            row.schemes.iter().map(|scheme| format!("Scheme.{}", constant(scheme.row().name)));
        format!(
            "        {}(\"{}\", \"{}\", \"{}\",\n            List.of({}))",
            constant(row.name),
            row.name,
            row.jca,
            row.oid,
            schemes.collect::<Vec<_>>().join(", ")
        )
    });
    enumeration(
        out,
        "Family",
        "A family of keys that share operations.",
        rows,
        &["String keyward", "String jca", "String oid", "List<Scheme> schemes"],
    );
}

fn encryptions(out: &mut String) {
    let rows = Encryption::ALL.iter().map(|encryption| {
        let row = encryption.row();
        format!(
            "        {}({}, \"{}\", KeyRight.{})",
            constant(row.name),
            encryption.code(),
            row.jca_padding.unwrap_or(""),
            constant(row.right.row().name)
        )
    });
    enumeration(
        out,
        "Encryption",
        "An RSA encryption padding; the name is empty where the JCA has none.",
        rows,
        &["int code", "String jcaPadding", "KeyRight right"],
    );
}

fn agreements(out: &mut String) {
    let rows = Agreement::ALL.iter().map(|agreement| {
        let row = agreement.row();
        format!(
            "        {}(List.of({}), Family.{})",
            constant(row.name),
            strings(row.jca),
            constant(row.family.row().name)
        )
    });
    enumeration(
        out,
        "Agreement",
        "A key agreement; its names, the canonical one first.",
        rows,
        &["List<String> jca", "Family family"],
    );
}

fn kems(out: &mut String) {
    let rows = MlKem::ALL.iter().map(|set| {
        let family = constant(set.row().family.row().name);
        format!("        {family}(Family.{family}, {})", set.row().ciphertext_bytes)
    });
    let fields = ["Family family", "int ciphertextBytes"];
    enumeration(out, "MlKem", "A parameter set of ML-KEM.", rows, &fields);
}

fn secret_keys(out: &mut String) {
    let rows = SecretKind::ALL.iter().map(|kind| {
        let row = kind.row();
        format!(
            "        {}(\"{}\", \"{}\", {})",
            constant(row.name),
            row.name,
            row.jca,
            row.default_bits
        )
    });
    let fields = ["String keyward", "String jca", "int defaultBits"];
    enumeration(out, "SecretKind", "A kind of secret keys.", rows, &fields);
    let rows = SymmetricCipher::ALL.iter().map(|cipher| {
        let row = cipher.row();
        format!(
            "        {}({}, \"{}\", {}, {}, {}, {}, {})",
            constant(row.name),
            cipher.code(),
            row.jca,
            row.iv_bytes,
            row.own_iv,
            row.padded,
            row.whole_blocks,
            row.authenticated
        )
    });
    let fields = [
        "int code",
        "String jca",
        "int ivBytes",
        "boolean ownIv",
        "boolean padded",
        "boolean wholeBlocks",
        "boolean authenticated",
    ];
    let doc = "A way to encrypt with an AES key, by its transformation.";
    enumeration(out, "SymmetricCipher", doc, rows, &fields);
    let rows = Mac::ALL.iter().map(|mac| {
        let row = mac.row();
        format!(
            "        {}({}, \"{}\", SecretKind.{}, {})",
            constant(row.name),
            mac.code(),
            row.jca,
            constant(row.kind.row().name),
            row.size
        )
    });
    let fields = ["int code", "String jca", "SecretKind kind", "int size"];
    enumeration(out, "Mac", "A message authentication code.", rows, &fields);
    let rows = Wrapping::ALL.iter().map(|wrapping| {
        let row = wrapping.row();
        format!(
            "        {}({}, List.of({}), {})",
            constant(row.name),
            wrapping.code(),
            strings(row.jca),
            row.by_rsa
        )
    });
    let fields = ["int code", "List<String> jca", "boolean byRsa"];
    let doc = "A way to encrypt a key with another; its transformations, the canonical one first.";
    enumeration(out, "Wrapping", doc, rows, &fields);
    let rows = Derivation::ALL.iter().map(|derivation| {
        let row = derivation.row();
        let (name, code) = (constant(row.name), derivation.code());
        format!("        {name}({code}, \"{}\", {}, {})", row.name, row.salted, row.agreement_only)
    });
    let fields = ["int code", "String keyward", "boolean salted", "boolean agreementOnly"];
    enumeration(out, "Derivation", "A key derivation function.", rows, &fields);
    derivations(out);
}

/// Where a name fixes the function and its digest.
fn derivations(out: &mut String) {
    out.push_str(
        "
    /** A key derivation with its digest; its names, the canonical one first. */
    record NamedDerivation(Derivation function, Digest digest, List<String> jca) {}
",
    );
    let all = || Derivation::ALL.iter().copied();
    named_derivations(
        out,
        "DERIVING_AGREEMENTS",
        "Key agreements whose secret goes into a key derivation.",
        all().flat_map(|one| one.java_agreements().into_iter().map(move |named| (one, named))),
    );
    named_derivations(
        out,
        "KDFS",
        "Key derivations that the JCA's class KDF has names for.",
        all().flat_map(|one| one.java_kdfs().into_iter().map(move |named| (one, named))),
    );
}

fn named_derivations(
    out: &mut String,
    list: &str,
    doc: &str,
    rows: impl Iterator<Item = (Derivation, (Digest, Vec<String>))>,
) {
    let rows = rows.map(|(function, (digest, names))| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        format!(
            "            new NamedDerivation(Derivation.{}, Digest.{},\n                List.of({}))",
            constant(function.row().name),
            constant(digest.row().name),
            strings(&names)
        )
    });
    let rows = rows.collect::<Vec<_>>().join(",\n");
    let head =
        format!("    /** {doc} */\n    static final List<NamedDerivation> {list} = List.of(");
    write!(out, "\n{head}\n{rows});\n").unwrap();
}

fn signatures(out: &mut String) {
    out.push_str(
        "
    /** A signature algorithm; its names, the canonical one first; no digest, no OID: null. */
    record SignatureAlgorithm(Scheme scheme, Digest digest, List<String> jca, String oid) {}

    /** Every signature algorithm that the JCA has a name for. */
    static final List<SignatureAlgorithm> SIGNATURES = List.of(
",
    );
    let rows = Signature::all().iter().filter(|row| !row.jca.is_empty()).map(|row| {
        let digest = row.digest.map(|digest| format!("Digest.{}", constant(digest.row().name)));
        let oid = row.oid.map(|oid| format!("\"{oid}\""));
        format!(
            "            new SignatureAlgorithm(Scheme.{}, {},\n                List.of({}), {})",
            constant(row.scheme.row().name),
            digest.as_deref().unwrap_or("null"),
            strings(row.jca),
            oid.as_deref().unwrap_or("null")
        )
    });
    out.push_str(&rows.collect::<Vec<_>>().join(",\n"));
    out.push_str(");\n");
}

/// One nested enum whose fields are those of its rows.
fn enumeration(
    out: &mut String,
    name: &str,
    doc: &str,
    rows: impl Iterator<Item = String>,
    fields: &[&str],
) {
    write!(out, "\n    /** {doc} */\n    enum {name} {{\n").unwrap();
    out.push_str(&rows.collect::<Vec<_>>().join(",\n"));
    out.push_str(";\n\n");
    for field in fields {
        writeln!(out, "        final {field};").unwrap();
    }
    write!(out, "\n        {name}({}) {{\n", fields.join(",\n            ")).unwrap();
    for field in fields {
        let (_, field) = field.rsplit_once(' ').unwrap();
        writeln!(out, "            this.{field} = {field};").unwrap();
    }
    out.push_str("        }\n    }\n");
}

fn strings(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// `rsa-pkcs1` as a Java constant: `RSA_PKCS1`.
fn constant(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

fn sentence(meaning: &str) -> String {
    let (first, rest) = meaning.split_at(1);
    first.to_ascii_uppercase() + rest
}
