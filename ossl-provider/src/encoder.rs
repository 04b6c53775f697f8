//! Writing keys (provider-encoder(7)): public keys as others write them, and in place of a private
//! key, which nobody has here, the reference PEM.

use std::{fmt::Write, sync::Arc};

use keyward_algorithms::{Curve, Digest, Family, MlKem};
use keyward_crypto::PssRestriction;
use keyward_protocol::Result;
use pem_rfc7468::{LineEnding, encode_string};

use crate::{
    failure::unsupported,
    ffi::{core::Core, guard::Scope},
    key::Key,
    keymgmt::Selection,
    provider::Provider,
    public::{Material, Public},
};

/// An encoder at work.
pub(crate) struct EncoderContext {
    provider: Arc<Provider>,
}

impl Scope for EncoderContext {
    fn core(&self) -> &Core {
        self.provider.core()
    }
}

/// What an encoder writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Format {
    SpkiDer = 1,
    SpkiPem,
    Pkcs1Der,
    Pkcs1Pem,
    ReferencePem,
    Text,
}

impl Format {
    const ALL: [Format; 6] = [
        Format::SpkiDer,
        Format::SpkiPem,
        Format::Pkcs1Der,
        Format::Pkcs1Pem,
        Format::ReferencePem,
        Format::Text,
    ];

    pub(crate) fn from_code(code: u32) -> Option<Format> {
        Format::ALL.into_iter().find(|format| *format as u32 == code)
    }

    /// Whether the format has a place for what is selected; no selection means whatever there is.
    pub(crate) fn holds(self, selection: Selection) -> bool {
        match self {
            Format::Text => true,
            Format::ReferencePem => selection.0 == 0 || selection.private(),
            _ => selection.0 == 0 || (selection.public() && !selection.private()),
        }
    }
}

impl From<Arc<Provider>> for EncoderContext {
    fn from(provider: Arc<Provider>) -> EncoderContext {
        EncoderContext { provider }
    }
}

impl EncoderContext {
    pub(crate) fn encode(
        &self,
        key: &Key,
        format: Format,
        selection: Selection,
    ) -> Result<Vec<u8>> {
        let public = key.public()?;
        match format {
            Format::SpkiDer => Ok(public.spki.clone()),
            Format::SpkiPem => pem("PUBLIC KEY", &public.spki),
            Format::Pkcs1Der => public.inner(),
            Format::Pkcs1Pem => pem("RSA PUBLIC KEY", &public.inner()?),
            Format::ReferencePem => Ok(key.reference()?.to_pem()?.into_bytes()),
            Format::Text => {
                let layout = match self.provider.prints_as_4_0() {
                    true => Layout::Since4_0,
                    false => Layout::Before4_0,
                };
                Ok(text(key, public, selection, layout).into_bytes())
            }
        }
    }
}

fn pem(label: &str, der: &[u8]) -> Result<Vec<u8>> {
    encode_string(label, LineEnding::LF, der)
        .map(String::into_bytes)
        .map_err(|_| unsupported("a key of this size as PEM"))
}

/// How OpenSSL's own encoders print keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Before4_0,
    Since4_0,
}

/// The key as OpenSSL's own encoder prints a public key, after a line about the private half.
fn text(key: &Key, public: &Public, selection: Selection, layout: Layout) -> String {
    let mut text = String::new();
    if let Some(remote) = key.remote().ok().filter(|_| selection.private()) {
        _ = writeln!(text, "Private-Key: kept in Keyward as {} (id={})", remote.uri, remote.id);
    }
    let bits = public.key_type().bits();
    match &public.material {
        Material::Rsa { n, e } => {
            _ = writeln!(text, "Public-Key: ({bits} bit)");
            number(&mut text, layout, "Modulus", n);
            exponent(&mut text, layout, e);
            if public.family == Family::RsaPss {
                restrictions(&mut text, public.restriction());
            }
        }
        Material::Ec { curve, point } => {
            let security = public.key_type().security_bits();
            _ = match layout {
                Layout::Before4_0 => writeln!(text, "Public-Key: ({bits} bit)"),
                Layout::Since4_0 => {
                    writeln!(text, "Public-Key: ({bits} bit field, {security} bit security level)")
                }
            };
            octets(&mut text, layout, "pub", point);
            _ = writeln!(text, "ASN1 OID: {}", curve.row().openssl);
            if *curve != Curve::Secp256k1 {
                _ = writeln!(text, "NIST CURVE: {}", curve.row().name.to_ascii_uppercase());
            }
        }
        Material::Raw(bytes) => {
            let name = public.family.row().openssl.split(':').next().unwrap_or_default();
            _ = writeln!(text, "{name} Public-Key:");
            // What FIPS 203 calls an encapsulation key.
            let label = if MlKem::of(public.family).is_some() { "ek" } else { "pub" };
            octets(&mut text, layout, label, bytes);
        }
    }
    text
}

/// Before OpenSSL 4.0 a number gets a leading zero byte where its first bit is set, as in DER.
fn number(text: &mut String, layout: Layout, label: &str, value: &[u8]) {
    let is_high = value.first().is_some_and(|byte| byte & 0x80 != 0);
    let zero: &[u8] = if is_high && layout == Layout::Before4_0 { &[0] } else { &[] };
    octets(text, layout, label, &[zero, value].concat());
}

fn exponent(text: &mut String, layout: Layout, value: &[u8]) {
    let small: Option<u64> =
        (value.len() <= 8).then(|| value.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    match small {
        Some(exponent) => _ = writeln!(text, "Exponent: {exponent} (0x{exponent:x})"),
        None => number(text, layout, "Exponent", value),
    }
}

/// What an RSA-PSS key is bound to, the defaults of RFC 4055, 3.1 marked.
fn restrictions(text: &mut String, restriction: Option<PssRestriction>) {
    let Some(bound) = restriction else {
        _ = writeln!(text, "No PSS parameter restrictions");
        return;
    };
    let name = |digest: Digest| digest.row().openssl[0];
    let default = |is: bool| if is { " (default)" } else { "" };
    let sha1 = |digest: Digest| default(digest == Digest::Sha1);
    _ = writeln!(text, "PSS parameter restrictions:");
    _ = writeln!(text, "  Hash Algorithm: {}{}", name(bound.digest), sha1(bound.digest));
    _ = writeln!(text, "  Mask Algorithm: MGF1 with {}{}", name(bound.mgf1), sha1(bound.mgf1));
    let (salt, is_default) = (bound.min_salt_bytes, default(bound.min_salt_bytes == 20));
    _ = writeln!(text, "  Minimum Salt Length: {salt}{is_default}");
    _ = writeln!(text, "  Trailer Field: 0x1 (default)");
}

fn octets(text: &mut String, layout: Layout, label: &str, bytes: &[u8]) {
    _ = writeln!(text, "{label}:");
    let line_bytes = match layout {
        Layout::Before4_0 => 15,
        Layout::Since4_0 => 16,
    };
    let mut lines = bytes.chunks(line_bytes).peekable();
    while let Some(line) = lines.next() {
        let hex: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let colon = if lines.peek().is_some() { ":" } else { "" };
        _ = writeln!(text, "    {}{colon}", hex.join(":"));
    }
}
