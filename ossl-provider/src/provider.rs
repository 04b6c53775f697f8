//! One instance of the provider: what the core loads once per library context.

use std::{ffi::CString, fmt, sync::Arc};

use keyward_algorithms::{Family, MlDsa, MlKem};
use keyward_client::{Client, Settings};
use keyward_protocol::{Error, Result};

use crate::{
    failure::unsupported,
    ffi::{core::Core, guard::Scope},
};

/// Everything that an instance owns. Keys and contexts hold shares of it, so the order in which
/// the core lets go of them does not matter.
pub(crate) struct Provider {
    core: Core,
    /// A wrong setting is reported by the first call that needs the service: OpenSSL keeps quiet
    /// about a provider that its configuration names and that does not load.
    client: std::result::Result<Client, Error>,
    /// Whether the scheme `pkcs11:` is answered too.
    pub(crate) pkcs11_uri: bool,
    /// Whether reference PEM files are read.
    pub(crate) reference_pem: bool,
    /// Whether our algorithms are offered to those who ask for `fips=yes`.
    pub(crate) fips: bool,
    /// The version of the OpenSSL that loaded us.
    openssl: (u32, u32, u32),
}

impl Scope for Provider {
    fn core(&self) -> &Core {
        &self.core
    }
}

impl Provider {
    /// Reads the settings; opens no connection.
    pub(crate) fn new(mut core: Core) -> Arc<Provider> {
        let (pkcs11_uri, wrong_uri) = switch(&core, "pkcs11_uri", false);
        let (reference_pem, wrong_pem) = switch(&core, "reference_pem", true);
        let requires_fips = setting(&core, "fips").is_some_and(|word| is_required(&word));
        let (fips, wrong_fips) = match requires_fips {
            true => (true, None),
            false => switch(&core, "fips", false),
        };
        let client = match wrong_uri.or(wrong_pem).or(wrong_fips) {
            Some(error) => Err(error),
            None => client(&core, requires_fips),
        };
        let openssl = version(&core);
        if let Ok(client) = &client {
            core.trace = client.settings().trace.clone();
        }
        if let (Ok(client), Some(trace)) = (&client, &core.trace) {
            let (module, host) = (env!("CARGO_PKG_VERSION"), core.setting(c"openssl-version"));
            let (host, place) = (host.unwrap_or_default(), client.place());
            trace.note(format_args!("module {module} in OpenSSL {host}, service at {place}"));
        }
        Arc::new(Provider { core, client, pkcs11_uri, reference_pem, fips, openssl })
    }

    /// Whether the core fetches signature algorithms by a name with a digest in it.
    pub(crate) fn knows_fixed_signatures(&self) -> bool {
        self.openssl >= (3, 4, 0)
    }

    /// Whether the core knows ML-DSA and ML-KEM: their object identifiers, ML-DSA's place in TLS.
    pub(crate) fn knows_post_quantum(&self) -> bool {
        self.openssl >= (3, 5, 0)
    }

    /// Whether the core looks for the key management of a stored key at the store's own provider.
    /// Before, it asks the first that knows the type, and never comes to us.
    pub(crate) fn loads_references(&self) -> bool {
        self.openssl >= (3, 0, 7)
    }

    /// Whether the core has a word for PSS salts as long as the digest, or as the key has room for.
    pub(crate) fn knows_auto_digest_max(&self) -> bool {
        self.openssl >= (3, 1, 0)
    }

    /// Whether the core knows secret keys that it can't see (`EVP_SKEY`).
    pub(crate) fn knows_secret_keys(&self) -> bool {
        self.openssl >= (3, 5, 0)
    }

    /// Whether the core takes such keys from a store.
    pub(crate) fn stores_secret_keys(&self) -> bool {
        self.openssl >= (4, 0, 0)
    }

    /// Whether the core's own encoders print keys in the layout of OpenSSL 4.0.
    pub(crate) fn prints_as_4_0(&self) -> bool {
        self.openssl >= (4, 0, 0)
    }

    /// Checks that there is key management for keys of a family here; the error says why not.
    pub(crate) fn check_offers(&self, family: Family) -> Result<()> {
        let is_post_quantum = MlDsa::of(family).is_some() || MlKem::of(family).is_some();
        if !is_post_quantum || self.knows_post_quantum() {
            return Ok(());
        }
        let (name, (major, minor, _)) = (family.row().name, self.openssl);
        let message = format!("keys of type {name} with OpenSSL {major}.{minor}");
        Err(unsupported(message).hint(
            "OpenSSL knows them from 3.5 on; `keyward sign` and `keyward decapsulate` use them anywhere",
        ))
    }

    /// Appends a line to the trace, where the settings name one.
    pub(crate) fn note(&self, text: fmt::Arguments<'_>) {
        if let Some(trace) = &self.core.trace {
            trace.note(text);
        }
    }

    /// The service.
    pub(crate) fn client(&self) -> Result<&Client> {
        self.client.as_ref().map_err(Error::clone)
    }
}

/// Whether `fips` does not only mark our algorithms but also binds the service.
fn is_required(word: &str) -> bool {
    word.eq_ignore_ascii_case("required")
}

fn client(core: &Core, requires_fips: bool) -> Result<Client> {
    let values: Vec<(&str, String)> = keyward_client::setting_names()
        .iter()
        .filter_map(|name| Some((*name, setting(core, name)?)))
        .collect();
    let overrides: Vec<(&str, &str)> =
        values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut settings = Settings::load(&overrides)?;
    settings.requires_fips = requires_fips;
    Ok(match core.jobs() {
        Some(jobs) => Client::pausing(settings, Box::new(jobs)),
        None => Client::new(settings),
    })
}

fn setting(core: &Core, name: &str) -> Option<String> {
    core.setting(&CString::new(name).ok()?)
}

/// The version of the OpenSSL that loaded us, without what may follow its three numbers.
fn version(core: &Core) -> (u32, u32, u32) {
    let text = core.setting(c"openssl-version").unwrap_or_default();
    let numbers = text.split('-').next().unwrap_or_default();
    let mut numbers = numbers.split('.').map_while(|part| part.parse().ok());
    (numbers.next().unwrap_or(3), numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// A setting that is on or off, and what is wrong with it.
fn switch(core: &Core, name: &str, default: bool) -> (bool, Option<Error>) {
    let Some(value) = setting(core, name) else { return (default, None) };
    match value.to_ascii_lowercase().as_str() {
        "yes" | "on" | "true" | "1" => (true, None),
        "no" | "off" | "false" | "0" => (false, None),
        _ => {
            let message = format!("the setting \"{name}\" is \"{value}\"");
            (default, Some(Error::invalid(message).hint("write yes or no")))
        }
    }
}
