//! Checks of nginx: whether the keys in its configuration are usable, and whether its workers, and
//! a binary that replaces it, get the environment.

use std::{
    collections::HashMap,
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use keyward_algorithms::Role;
use keyward_client::Client;
use keyward_protocol::{Error, Key, KeySelector, KeyUri, reference};

use super::Check;
use crate::cli::{context::full_uri, files::chain};

const NAME: &str = "nginx";

/// The deepest nesting of `include` that is followed.
const MAX_INCLUDES: u32 = 8;

/// One simple directive.
struct Directive {
    /// How many blocks it stands in.
    depth: u32,
    /// The number of the innermost one.
    block: u32,
    /// Its words, without the semicolon.
    text: String,
}

/// A key of Keyward that a server is configured with.
struct ServerKey {
    /// What the configuration says.
    setting: String,
    /// The file with the certificate that is shown with it.
    certificate: Option<PathBuf>,
    /// The key that it means.
    selector: Result<KeySelector, Error>,
}

/// Looks at a configuration; `client` is there when the service can be reached.
pub(super) fn checks(conf: Option<&Path>, client: Option<&Client>) -> Vec<Check> {
    let Some(conf) = conf.map(Path::to_owned).or_else(installed_configuration) else {
        return vec![Check::note(NAME, "it is not installed here")];
    };
    let place = conf.display();
    let directives = match directives(&conf) {
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
    checks.extend(workers_note(&directives));
    let may_see = |client: &Client| {
        client
            .status()
            .is_ok_and(|status| status.roles.iter().any(|role| role == Role::User.word()))
    };
    match client {
        Some(client) if may_see(client) => {
            checks.extend(keys.into_iter().map(|key| key.check(client)));
        }
        Some(_) => checks.push(Check::note(NAME, "your roles do not let you see its keys")),
        None => {}
    }
    checks
}

/// nginx loads its keys as root, and signs as another user, who must have them too.
fn workers_note(directives: &[Directive]) -> Option<Check> {
    let outside = directives.iter().filter(|directive| directive.depth == 0);
    let named = outside.filter_map(|directive| directive.text.strip_prefix("user ")).next()?;
    let user = named.split_whitespace().next()?;
    let is_root = rustix::process::geteuid().is_root();
    (is_root && user != "root").then(|| Check {
        advice: Some(format!("look as that user too: `runuser -u {user} -- keyward doctor`")),
        ..Check::note(NAME, format!("its workers sign as {user}"))
    })
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
    let certificates = values(directives, "ssl_certificate");
    let mut settings: Vec<(&str, Option<&str>)> = Vec::new();
    let mut places = HashMap::new();
    for (block, setting) in values(directives, "ssl_certificate_key") {
        // The first key of a block goes with its first certificate, the second with the second.
        let place: &mut usize = places.entry(block).or_default();
        let mut beside = certificates.iter().filter(|(other, _)| *other == block);
        settings.push((setting, beside.nth(*place).map(|(_, certificate)| *certificate)));
        *place += 1;
    }
    settings.sort_unstable();
    settings.dedup();
    let base = conf.parent().unwrap_or(Path::new("/"));
    let read = |(setting, beside): (&str, Option<&str>)| {
        ServerKey::read(base, setting, beside.map(|path| base.join(path)))
    };
    settings.into_iter().filter_map(read).collect()
}

/// The values of a directive, each with the number of its block.
fn values<'a>(directives: &'a [Directive], name: &str) -> Vec<(u32, &'a str)> {
    let value = |directive: &'a Directive| {
        let value = directive.text.strip_prefix(name)?.strip_prefix(char::is_whitespace)?;
        Some((directive.block, value.trim().trim_matches(['"', '\''])))
    };
    directives.iter().filter_map(value).collect()
}

impl ServerKey {
    /// `None` for a key that is not Keyward's.
    fn read(base: &Path, setting: &str, certificate: Option<PathBuf>) -> Option<ServerKey> {
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
        Some(ServerKey { setting: setting.into(), certificate, selector })
    }

    /// Whether the key is there, may be used, and is the one of its certificate.
    fn check(self, client: &Client) -> Check {
        const NAME: &str = "nginx key";
        match self.selector.and_then(|selector| client.find(&selector)) {
            Ok(key) if key.rights.contains(key.usage) => {
                let finding = format!("{} is {}", self.setting, full_uri(&key));
                match self.certificate.filter(|path| is_for_another(path, &key)) {
                    None => Check::ok(NAME, finding),
                    Some(path) => Check::problem(
                        NAME,
                        format!("{finding}, and {} is for another key", path.display()),
                        "nginx refuses to load the two. After a rotation write both anew:\n\
                         `keyward cert export NAME --out FILE`, `keyward key pem NAME --out FILE`",
                    ),
                }
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

/// Whether a certificate is for another key; one that does not read is nginx's to tell.
fn is_for_another(path: &Path, key: &Key) -> bool {
    let certificates = chain::read(path).unwrap_or_default();
    let own = certificates.first().and_then(|own| chain::parse(own).ok());
    own.is_some_and(|own| chain::public_key(&own) != key.spki)
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
fn directives(conf: &Path) -> io::Result<Vec<Directive>> {
    let base = conf.parent().unwrap_or(Path::new("/"));
    let mut parser = Parser { base, blocks: 0, found: Vec::new() };
    parser.read(&fs::read_to_string(conf)?, &[0], MAX_INCLUDES);
    Ok(parser.found)
}

/// Collects directives.
struct Parser<'a> {
    /// The main file's folder, which relative paths start from in every file.
    base: &'a Path,
    /// How many blocks there were.
    blocks: u32,
    found: Vec<Directive>,
}

impl Parser<'_> {
    /// Reads a file that stands in these blocks.
    fn read(&mut self, text: &str, outer: &[u32], includes: u32) {
        let uncommented: String = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default())
            .fold(String::new(), |all, line| all + line + "\n");
        let mut open = outer.to_vec();
        let mut current = String::new();
        for character in uncommented.chars() {
            match character {
                '{' => {
                    self.blocks += 1;
                    open.push(self.blocks);
                    current.clear();
                }
                '}' => {
                    // What is closed too often is nginx's to tell.
                    open.truncate((open.len() - 1).max(outer.len()));
                    current.clear();
                }
                ';' => {
                    let text = std::mem::take(&mut current).trim().to_owned();
                    self.take(text, &open, includes);
                }
                other => current.push(other),
            }
        }
    }

    fn take(&mut self, text: String, open: &[u32], includes: u32) {
        match text.strip_prefix("include ") {
            Some(pattern) if includes > 0 => {
                for file in matching(self.base, pattern.trim()) {
                    let text = fs::read_to_string(&file).unwrap_or_default();
                    self.read(&text, open, includes - 1);
                }
            }
            _ => {
                let block = open.last().copied().unwrap_or_default();
                self.found.push(Directive { depth: open.len() as u32 - 1, block, text });
            }
        }
    }
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
        let mut parser = Parser { base: Path::new("/"), blocks: 0, found: Vec::new() };
        parser.read(text, &[0], 0);
        let found = parser.found;
        assert!(passes(&found, "KEYWARD_ADDRESS"));
        assert!(!passes(&found, "OPENSSL_CONF"));
        let check = environment_check(Path::new("n"), &found, vec!["OPENSSL_CONF".into()]);
        assert_eq!(check.state, State::Problem);
        assert!(check.advice.unwrap().contains("env OPENSSL_CONF;"));
    }

    #[test]
    fn keys_are_found_in_included_files_beside_their_certificates() {
        let folder = tempfile::TempDir::new().unwrap();
        let conf = folder.path().join("nginx.conf");
        for name in ["sites", "snippets"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("nginx.conf", "http {\n include sites/*.conf;\n}\n");
        write(
            "sites/a.conf",
            "server { ssl_certificate ec.crt; ssl_certificate local.crt; ssl_certificate rsa.crt;\n\
             ssl_certificate_key store:keyward:ec; ssl_certificate_key local.pem;\n\
             include snippets/rsa.conf; } server { ssl_certificate_key store:keyward:other; }",
        );
        // Relative paths start from the main file's folder, wherever they stand.
        write("snippets/rsa.conf", "ssl_certificate_key \"store:keyward:rsa\";");
        let keys = server_keys(&conf, &directives(&conf).unwrap());
        let found: Vec<_> = keys
            .iter()
            .map(|key| {
                let name = match &key.selector {
                    Ok(KeySelector::Name(name)) => name.as_str(),
                    other => panic!("{other:?}"),
                };
                (name, key.certificate.as_deref().and_then(Path::file_name))
            })
            .collect();
        let file = |name: &'static str| Some(std::ffi::OsStr::new(name));
        assert_eq!(found, [("ec", file("ec.crt")), ("other", None), ("rsa", file("rsa.crt"))]);
    }
}
