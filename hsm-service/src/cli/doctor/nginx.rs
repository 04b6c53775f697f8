//! Checks of nginx: whether the keys in its configuration are usable, and whether its workers, and
//! a binary that replaces it, get the environment.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use keyward_client::Client;
use keyward_protocol::{Error, KeySelector, KeyUri, reference};

use super::Check;
use crate::cli::context::full_uri;

const NAME: &str = "nginx";

/// The deepest nesting of `include` that is followed.
const MAX_INCLUDES: u32 = 8;

/// One simple directive.
struct Directive {
    /// How many blocks it stands in.
    depth: u32,
    /// Its words, without the semicolon.
    text: String,
}

/// A key of Keyward that a server is configured with.
struct ServerKey {
    /// What the configuration says.
    setting: String,
    /// The key that it means.
    selector: Result<KeySelector, Error>,
}

/// Looks at a configuration; `client` is there when the service can be reached.
pub(super) fn checks(conf: Option<&Path>, client: Option<&Client>) -> Vec<Check> {
    let Some(conf) = conf.map(Path::to_owned).or_else(installed_configuration) else {
        return vec![Check::note(NAME, "it is not installed here")];
    };
    let place = conf.display();
    let directives = match directives(&conf, MAX_INCLUDES) {
        Ok(directives) => directives,
        Err(error) => {
            let finding = format!("cannot read {place}: {error}");
            return vec![Check::problem(NAME, finding, "check the path and its permissions")];
        }
    };
    let keys = server_keys(&conf, &directives);
    if keys.is_empty() {
        return vec![Check::note(NAME, format!("{place} has no server with a key of Keyward"))];
    }
    let set: Vec<String> = env::vars()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("KEYWARD_") || name.starts_with("OPENSSL_"))
        .collect();
    let mut checks = vec![environment_check(&conf, &directives, set)];
    if let Some(client) = client {
        checks.extend(keys.into_iter().map(|key| key.check(client)));
    }
    checks
}

/// nginx takes all variables out of the environment but those that `env` names.
fn environment_check(conf: &Path, directives: &[Directive], mut set: Vec<String>) -> Check {
    set.retain(|name| !passes(directives, name));
    set.sort();
    let place = conf.display();
    if set.is_empty() {
        return Check::ok(NAME, format!("{place} passes the variables that are set here"));
    }
    let lines: Vec<String> = set.iter().map(|name| format!("env {name};")).collect();
    Check::problem(
        NAME,
        format!("{place} does not pass {}, so a binary upgrade (USR2) loses it", set.join(", ")),
        format!("put this at its top, outside of any block:\n{}", lines.join("\n")),
    )
}

/// Whether a directive `env NAME` or `env NAME=value` is there.
fn passes(directives: &[Directive], name: &str) -> bool {
    directives.iter().filter(|directive| directive.depth == 0).any(|directive| {
        let mut words = directive.text.split_whitespace();
        words.next() == Some("env")
            && words.next().is_some_and(|word| word.split('=').next() == Some(name))
    })
}

/// The keys of Keyward that servers have: reference files, and URIs in nginx 1.29 and later.
fn server_keys(conf: &Path, directives: &[Directive]) -> Vec<ServerKey> {
    let mut settings: Vec<&str> = directives
        .iter()
        .filter_map(|directive| directive.text.strip_prefix("ssl_certificate_key"))
        .map(|value| value.trim().trim_matches(['"', '\'']))
        .collect();
    settings.sort_unstable();
    settings.dedup();
    let base = conf.parent().unwrap_or(Path::new("/"));
    settings.into_iter().filter_map(|setting| ServerKey::read(base, setting)).collect()
}

impl ServerKey {
    /// `None` for a key that is not Keyward's.
    fn read(base: &Path, setting: &str) -> Option<ServerKey> {
        let scheme = format!("{}:", KeyUri::SCHEME);
        let selector = if let Some(uri) =
            setting.strip_prefix("store:").filter(|uri| uri.starts_with(&scheme))
        {
            uri.parse::<KeyUri>().and_then(|uri| {
                uri.selector.ok_or_else(|| Error::invalid(format!("{setting} names no key")))
            })
        } else {
            let text = fs::read_to_string(base.join(setting)).ok()?;
            if !text.contains(reference::PEM_LABEL) {
                return None;
            }
            reference::Reference::from_pem(&text).map(|reference| KeySelector::Id(reference.id))
        };
        Some(ServerKey { setting: setting.into(), selector })
    }

    /// Whether the key is there and may be used.
    fn check(self, client: &Client) -> Check {
        const NAME: &str = "nginx key";
        match self.selector.and_then(|selector| client.find(&selector)) {
            Ok(key) if key.rights.contains(key.usage) => {
                Check::ok(NAME, format!("{} is {}", self.setting, full_uri(&key)))
            }
            Ok(key) => Check::problem(
                NAME,
                format!(
                    "{} is {}, which can {}, but you may only {}",
                    self.setting,
                    full_uri(&key),
                    key.usage,
                    key.rights
                ),
                "if nginx's workers run as this user, its owner shares it: `keyward key share`",
            ),
            Err(error) => {
                let message = format!("{}: {}", self.setting, error.message);
                Check::error(NAME, Error { message, ..error })
            }
        }
    }
}

/// The configuration file that was compiled into nginx.
fn installed_configuration() -> Option<PathBuf> {
    let programs = ["nginx", "/usr/sbin/nginx", "/usr/local/nginx/sbin/nginx"];
    let output =
        programs.iter().find_map(|program| Command::new(program).arg("-V").output().ok())?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let path = text.split_whitespace().find_map(|word| word.strip_prefix("--conf-path="))?;
    Some(path.into())
}

/// The simple directives of a file and of those that it includes. What an included file has wrong
/// is nginx's to tell.
fn directives(path: &Path, includes: u32) -> io::Result<Vec<Directive>> {
    let text = fs::read_to_string(path)?;
    let base = path.parent().unwrap_or(Path::new("/"));
    let mut found = Vec::new();
    for directive in parse(&text) {
        match directive.text.strip_prefix("include ") {
            Some(pattern) if includes > 0 => {
                for file in matching(base, pattern.trim()) {
                    let included = directives(&file, includes - 1).unwrap_or_default();
                    let depth = directive.depth;
                    found.extend(
                        included
                            .into_iter()
                            .map(|inner| Directive { depth: depth + inner.depth, ..inner }),
                    );
                }
            }
            _ => found.push(directive),
        }
    }
    Ok(found)
}

fn parse(text: &str) -> Vec<Directive> {
    let uncommented: String = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .fold(String::new(), |all, line| all + line + "\n");
    let mut directives = Vec::new();
    let mut current = String::new();
    let mut depth = 0_u32;
    for character in uncommented.chars() {
        match character {
            '{' | '}' => {
                depth = if character == '{' { depth + 1 } else { depth.saturating_sub(1) };
                current.clear();
            }
            ';' => {
                let text = std::mem::take(&mut current).trim().to_owned();
                directives.push(Directive { depth, text });
            }
            other => current.push(other),
        }
    }
    directives
}

/// The files that an `include` means; a star may stand in the last part of the path.
fn matching(base: &Path, pattern: &str) -> Vec<PathBuf> {
    let path = base.join(pattern.trim_matches(['"', '\'']));
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str()))
    else {
        return Vec::new();
    };
    let Some((start, end)) = name.split_once('*') else { return vec![path] };
    let fits = |name: &str| {
        name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(fits))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::State;

    #[test]
    fn only_env_lines_outside_of_blocks_count() {
        let text = "user www-data; # env OPENSSL_CONF;\nenv KEYWARD_ADDRESS=unix:/run/x;\n\
                    events { worker_connections 9; }\nhttp { server { env OPENSSL_CONF; } }\n";
        let found = parse(text);
        assert!(passes(&found, "KEYWARD_ADDRESS"));
        assert!(!passes(&found, "OPENSSL_CONF"));
        let check = environment_check(Path::new("n"), &found, vec!["OPENSSL_CONF".into()]);
        assert_eq!(check.state, State::Problem);
        assert!(check.advice.unwrap().contains("env OPENSSL_CONF;"));
    }

    #[test]
    fn keys_are_found_in_included_files() {
        let folder = tempfile::TempDir::new().unwrap();
        let conf = folder.path().join("nginx.conf");
        fs::write(&conf, "http {\n include sites/*.conf;\n}\n").unwrap();
        fs::create_dir(folder.path().join("sites")).unwrap();
        fs::write(
            folder.path().join("sites/a.conf"),
            "server { ssl_certificate_key store:keyward:web; ssl_certificate_key local.pem; }",
        )
        .unwrap();
        let keys = server_keys(&conf, &directives(&conf, MAX_INCLUDES).unwrap());
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].selector, Ok(KeySelector::Name("web".into())));
    }
}
