//! Where the service is and how long to wait for it.

use std::{collections::BTreeMap, env, fs, io, path::PathBuf, sync::Arc, time::Duration};

use keyward_protocol::Error;
use serde::Deserialize;

use crate::{Address, Pin, Trace, tls};

/// Every setting. The name in upper case after `KEYWARD_` is its environment variable.
const NAMES: [&str; 10] = [
    "address",
    "ca",
    "cert",
    "key",
    "user",
    "pin_file",
    "connect_timeout",
    "request_timeout",
    "retry_for",
    "trace",
];

/// The file that is read when `KEYWARD_CONFIG` names no other.
const DEFAULT_FILE: &str = "/etc/keyward/client.toml";

/// The names of all settings, for those who look for them elsewhere.
pub fn setting_names() -> &'static [&'static str] {
    &NAMES
}

/// Whether a name is a setting of the client.
pub fn is_setting(name: &str) -> bool {
    NAMES.contains(&name)
}

/// A client's settings, checked, with the files that they name read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The addresses of the service, or of the nodes of one cluster.
    pub addresses: Vec<Address>,
    /// Where the service asks for a PIN: the user.
    pub user: Option<String>,
    /// Where the service asks for a PIN: the file that holds it.
    pub pin_file: Option<PathBuf>,
    /// The file with the certificates of the authorities that `tls://` connections trust.
    pub ca: Option<PathBuf>,
    /// What was in that file. A file that cannot be read is no error before a PIN is asked for.
    pub pin: Option<Result<Arc<Pin>, Error>>,
    /// The file with the client certificate of `tls://` connections.
    pub cert: Option<PathBuf>,
    /// The file with that certificate's key.
    pub key: Option<PathBuf>,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// How long one answer may take.
    pub request_timeout: Duration,
    /// For how long an operation that is safe to repeat is tried again.
    pub retry_for: Duration,
    /// The file that tells what is asked of the service, for those who look for an error.
    pub trace: Option<Trace>,
    /// Whether a service that does not run in a FIPS module is refused. No setting of the
    /// client's own: who embeds it decides.
    pub requires_fips: bool,
    /// What `tls://` connections are made with.
    pub(crate) tls: Option<Arc<tls::Files>>,
}

impl Settings {
    /// Reads `/etc/keyward/client.toml` (or the file in `KEYWARD_CONFIG`), then the environment,
    /// then what the caller passes; later wins. The environment of a process that was started with
    /// rights its user does not have is ignored.
    pub fn load(overrides: &[(&str, &str)]) -> Result<Settings, Error> {
        let trusted = !is_privileged();
        let variable = |name: &str| trusted.then(|| env::var(name).ok()).flatten();
        let mut values = BTreeMap::new();

        let chosen = variable("KEYWARD_CONFIG");
        let file = chosen.as_deref().unwrap_or(DEFAULT_FILE);
        match fs::read_to_string(file) {
            Ok(text) => values.extend(parse_file(file, &text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound && chosen.is_none() => {}
            Err(error) => {
                return Err(Error::invalid(format!("cannot read the settings in {file}: {error}")));
            }
        }
        for name in NAMES {
            if let Some(value) = variable(&format!("KEYWARD_{}", name.to_ascii_uppercase())) {
                values.insert(name.to_owned(), value);
            }
        }
        for (name, value) in overrides {
            check_name(name, "the caller's settings")?;
            values.insert((*name).to_owned(), (*value).to_owned());
        }
        Settings::from_values(&values)
    }

    fn from_values(values: &BTreeMap<String, String>) -> Result<Settings, Error> {
        let value = |name: &str| values.get(name).map(String::as_str).filter(|v| !v.is_empty());
        let duration = |name: &str, default: Duration| {
            value(name).map_or(Ok(default), |text| parse_duration(name, text))
        };
        let tls = match (value("ca"), value("cert"), value("key")) {
            (None, None, None) => None,
            (Some(ca), Some(cert), Some(key)) => {
                Some(Arc::new(tls::Files::read(ca.as_ref(), cert.as_ref(), key.as_ref())?))
            }
            _ => {
                return Err(Error::invalid("the settings ca, cert and key go together")
                    .hint("`keyward client enrol` issues all three files"));
            }
        };
        let addresses = Address::parse_list(value("address").unwrap_or(Address::DEFAULT))?;
        Ok(Settings {
            addresses,
            user: value("user").map(Into::into),
            pin_file: value("pin_file").map(Into::into),
            ca: value("ca").map(Into::into),
            pin: value("pin_file").map(|path| Pin::read(path.as_ref()).map(Arc::new)),
            cert: value("cert").map(Into::into),
            key: value("key").map(Into::into),
            connect_timeout: duration("connect_timeout", Duration::from_secs(1))?,
            request_timeout: duration("request_timeout", Duration::from_secs(2))?,
            retry_for: duration("retry_for", Duration::from_secs(5))?,
            trace: value("trace").map(Trace::new).transpose()?,
            requires_fips: false,
            tls,
        })
    }
}

/// Whether the process runs with rights that its user does not have, so that the user's environment
/// must not steer it: since it was started, or since it has taken them by its own doing.
fn is_privileged() -> bool {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    keyward_kernel_facts::is_secure_execution() || getuid() != geteuid() || getgid() != getegid()
}

/// A value as TOML has it: text, or a number of seconds.
#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Whole(u64),
    Fraction(f64),
}

fn parse_file(file: &str, text: &str) -> Result<BTreeMap<String, String>, Error> {
    let parsed: BTreeMap<String, Value> = toml::from_str(text).map_err(|error| {
        Error::invalid(format!("{file} is no file of settings: {}", error.to_string().trim_end()))
    })?;
    parsed
        .into_iter()
        .map(|(name, value)| {
            check_name(&name, file)?;
            let value = match value {
                Value::Text(text) => text,
                Value::Whole(seconds) => seconds.to_string(),
                Value::Fraction(seconds) => seconds.to_string(),
            };
            Ok((name, value))
        })
        .collect()
}

fn check_name(name: &str, place: &str) -> Result<(), Error> {
    if is_setting(name) {
        return Ok(());
    }
    let error = Error::invalid(format!("unknown setting \"{name}\" in {place}"));
    let nearest = NAMES
        .iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    Err(match nearest {
        Some((_, known)) => error.hint(format!("did you mean \"{known}\"?")),
        None => error.hint(format!("the settings are {}", NAMES.join(", "))),
    })
}

/// Reads `500ms`, `2s`, or a number of seconds; at most an hour.
fn parse_duration(name: &str, text: &str) -> Result<Duration, Error> {
    let wrong = || {
        Error::invalid(format!("the setting \"{name}\" is {text:?}, which is no time to wait"))
            .hint("write 500ms, 2s, or a number of seconds")
    };
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let seconds = number.trim().parse::<f64>().map_err(|_| wrong())? * unit;
    if !(0.0..=3600.0).contains(&seconds) {
        return Err(wrong());
    }
    // A socket takes a limit of zero for none at all.
    let least = if name == "retry_for" { Duration::ZERO } else { Duration::from_millis(1) };
    Ok(Duration::from_secs_f64(seconds).max(least))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_a_typing_error_is_named() {
        let file = "address = \"unix:/tmp/a\"\nretry_for = 3\nrequest_timeout = \"250ms\"\n";
        let settings = Settings::from_values(&parse_file("f", file).unwrap()).unwrap();
        assert_eq!(settings.addresses, [Address::Unix("/tmp/a".into())]);
        assert_eq!(settings.retry_for, Duration::from_secs(3));
        assert_eq!(settings.request_timeout, Duration::from_millis(250));
        assert_eq!(settings.connect_timeout, Duration::from_secs(1));

        let error = parse_file("client.toml", "adress = \"unix:/tmp/a\"").unwrap_err();
        assert_eq!(error.message, "unknown setting \"adress\" in client.toml");
        assert_eq!(error.hint.as_deref(), Some("did you mean \"address\"?"));
    }

    #[test]
    fn nginx_hands_every_setting_on_to_its_next_binary() {
        let shipped = include_str!("../../nginx-conf/nginx.conf");
        for name in NAMES.iter().chain(&["config"]) {
            let line = format!("\nenv KEYWARD_{};\n", name.to_ascii_uppercase());
            assert!(shipped.contains(&line), "{name}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["soon", "-1", "1h", "NaN", "1e9"] {
            assert!(parse_duration("retry_for", text).is_err(), "{text}");
        }
    }
}
