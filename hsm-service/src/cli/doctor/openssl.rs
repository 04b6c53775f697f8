//! Checks of OpenSSL: which one, where it looks for modules, whether the provider is in it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::Check;

/// The name of the module's file.
const MODULE: &str = "keyward.so";

/// What goes into the configuration, as `docs` and the advice have it.
const CONFIGURATION: &str = "\
openssl_conf = openssl_init
[openssl_init]
providers = providers
[providers]
default = default_sect
keyward = keyward_sect
[default_sect]
activate = 1
[keyward_sect]
activate = 1";

/// Where an installation puts a configuration with all of that.
const INSTALLED: &str = "/etc/keyward/openssl.cnf";

/// What `openssl version -a` tells.
struct Installation {
    version: String,
    configuration_folder: Option<String>,
    modules_folder: Option<String>,
}

pub(super) fn checks(program: &Path) -> Vec<Check> {
    let installation = match Installation::ask(program) {
        Ok(installation) => installation,
        Err(why) => {
            let advice = "install OpenSSL 3, or name the program with --openssl FILE\n\
                          (Java needs none: its provider brings all it needs)";
            return vec![Check::problem("OpenSSL", why, advice)];
        }
    };
    let mut checks = vec![installation.version_check()];
    let configuration = installation.configuration();
    let loaded = providers(program, &[]);
    checks.push(configuration_check(&configuration, loaded.has("keyward")));
    checks.extend(order_check(&configuration));
    let module = installation.module();
    checks.push(installation.module_check(&module, loaded.has("keyward")));
    checks.push(loaded_check(program, &loaded, &module, &configuration));
    checks
}

impl Installation {
    fn ask(program: &Path) -> Result<Installation, String> {
        let output = Command::new(program)
            .args(["version", "-a"])
            .output()
            .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let quoted = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim_start_matches(':').trim().trim_matches('"').to_owned())
        };
        let version = text.lines().next().unwrap_or_default().to_owned();
        if version.is_empty() {
            return Err(format!(
                "{} does not say its version: {}",
                program.display(),
                last_line(&output)
            ));
        }
        Ok(Installation {
            version,
            configuration_folder: quoted("OPENSSLDIR"),
            modules_folder: quoted("MODULESDIR"),
        })
    }

    fn version_check(&self) -> Check {
        let major = self
            .version
            .split_whitespace()
            .nth(1)
            .and_then(|number| number.split('.').next())
            .and_then(|major| major.parse::<u32>().ok());
        match major {
            Some(3..) => Check::ok("OpenSSL", &self.version),
            _ => Check::problem(
                "OpenSSL",
                format!("{} knows no providers", self.version),
                "use OpenSSL 3.0 or later",
            ),
        }
    }

    /// The configuration file that OpenSSL reads.
    fn configuration(&self) -> PathBuf {
        match env::var_os("OPENSSL_CONF") {
            Some(path) if !path.is_empty() => path.into(),
            _ => Path::new(self.configuration_folder.as_deref().unwrap_or("/usr/lib/ssl"))
                .join("openssl.cnf"),
        }
    }

    /// Where OpenSSL looks for the module when the configuration does not say.
    fn module(&self) -> Option<PathBuf> {
        let folder = env::var_os("OPENSSL_MODULES")
            .map(PathBuf::from)
            .or(self.modules_folder.as_ref().map(PathBuf::from))?;
        Some(folder.join(MODULE))
    }

    fn module_check(&self, module: &Option<PathBuf>, loaded: bool) -> Check {
        match module {
            Some(path) if path.is_file() => Check::ok("module", path.display().to_string()),
            Some(path) if loaded => Check::note(
                "module",
                format!("not at {}; the configuration names another place", path.display()),
            ),
            Some(path) => Check::problem(
                "module",
                format!("there is no {}", path.display()),
                format!(
                    "copy {MODULE} there (`make install` does), or name its place in the\n\
                     configuration: module = /PATH/{MODULE}"
                ),
            ),
            None => Check::note("module", "this OpenSSL does not say where its modules are"),
        }
    }
}

fn configuration_check(path: &Path, loaded: bool) -> Check {
    let from = match env::var_os("OPENSSL_CONF") {
        Some(_) => "from OPENSSL_CONF",
        None => "the default; OPENSSL_CONF is not set",
    };
    match fs::read_to_string(path) {
        // The file may include the one that names it.
        Ok(text) if loaded || text.contains("keyward") => {
            Check::ok("configuration", format!("{} ({from})", path.display()))
        }
        Ok(_) => {
            let finding = format!("{} ({from}) does not mention keyward", path.display());
            let advice = match mentions_keyward(Path::new(INSTALLED)) {
                true => format!(
                    "export OPENSSL_CONF={INSTALLED}, here and in the server's environment:\n\
                     systemd.conf of nginx-conf does so for a unit"
                ),
                false => format!(
                    "put this into it, or into a file that OPENSSL_CONF names:\n{CONFIGURATION}"
                ),
            };
            Check::problem("configuration", finding, advice)
        }
        Err(error) => Check::problem(
            "configuration",
            format!("cannot read {} ({from}): {error}", path.display()),
            "check the path, and that this user may read the file",
        ),
    }
}

/// OpenSSL asks the providers in the order of the configuration.
fn order_check(path: &Path) -> Option<Check> {
    let text = fs::read_to_string(path).ok()?;
    lists_keyward_first(&text).then(|| {
        Check::problem(
            "order",
            format!("{} lists keyward before default", path.display()),
            "put the line of default first: else TLS and `openssl genpkey` ask keyward for new keys,\n\
             which makes none",
        )
    })
}

/// Whether a section names both providers, ours first.
fn lists_keyward_first(configuration: &str) -> bool {
    let (mut keyward, mut found) = (false, false);
    for line in configuration.lines().map(str::trim) {
        match line.split_once('=') {
            _ if line.starts_with('[') => keyward = false,
            Some((name, _)) if name.trim() == "keyward" => keyward = true,
            Some((name, _)) if name.trim() == "default" => found |= keyward,
            _ => {}
        }
    }
    found
}

/// What `openssl list -providers` tells.
struct Providers {
    active: Vec<String>,
    complaint: String,
}

impl Providers {
    fn has(&self, name: &str) -> bool {
        self.active.iter().any(|active| active == name)
    }
}

fn providers(program: &Path, arguments: &[&str]) -> Providers {
    match Command::new(program).args(["list", "-providers"]).args(arguments).output() {
        Ok(output) => Providers {
            active: active_providers(&String::from_utf8_lossy(&output.stdout)),
            complaint: complaint(&output),
        },
        Err(error) => Providers { active: Vec::new(), complaint: error.to_string() },
    }
}

/// The identifiers of the listing: lines indented by two, their facts by four.
fn active_providers(listing: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut current = "";
    for line in listing.lines() {
        match line.strip_prefix("  ") {
            Some(name) if !name.starts_with(' ') => current = name.trim(),
            Some(fact) if fact.trim() == "status: active" => names.push(current.to_owned()),
            _ => {}
        }
    }
    names
}

fn loaded_check(
    program: &Path,
    loaded: &Providers,
    module: &Option<PathBuf>,
    configuration: &Path,
) -> Check {
    const NAME: &str = "provider";
    const ABOVE: &str = "see the checks above, then look again";
    if loaded.has("keyward") && loaded.has("default") {
        return Check::ok(NAME, format!("active: {}", loaded.active.join(", ")));
    }
    if loaded.has("keyward") {
        return Check::problem(
            NAME,
            "keyward is active, but OpenSSL's own default provider is not",
            format!("activate both in {}:\n{CONFIGURATION}", configuration.display()),
        );
    }
    let finding = "OpenSSL does not load keyward";
    if !module.as_ref().is_some_and(|path| path.is_file()) {
        return Check::problem(NAME, finding, ABOVE);
    }
    let tried = providers(program, &["-provider", "default", "-provider", "keyward"]);
    if tried.has("keyward") {
        let advice = match mentions_keyward(configuration) {
            true => {
                format!("it takes all of this in {}:\n{CONFIGURATION}", configuration.display())
            }
            false => ABOVE.into(),
        };
        return Check::problem(NAME, format!("{finding}, though the module is good"), advice);
    }
    Check::problem(
        NAME,
        format!("{finding}: {}", tried.complaint),
        "check that the module is for this machine and readable by this user",
    )
}

fn mentions_keyward(configuration: &Path) -> bool {
    fs::read_to_string(configuration).is_ok_and(|text| text.contains("keyward"))
}

/// Why a provider was not loaded: the first error that OpenSSL reports is nearest to the cause.
/// Its lines read `thread:error:code:library:function:reason:file:line:data`.
fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let first = text.lines().find(|line| line.contains(":error:"));
    let told = first.and_then(|line| {
        let fields: Vec<&str> = line.splitn(9, ':').collect();
        Some(format!("{} {}", fields.get(5)?, fields.get(8)?).trim().to_owned())
    });
    told.unwrap_or_else(|| last_line(output))
}

fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_providers_is_read_from_their_section() {
        assert!(!lists_keyward_first(CONFIGURATION));
        let swapped = CONFIGURATION.replace(
            "default = default_sect\nkeyward = keyward_sect",
            "keyward = keyward_sect\n# then\ndefault=default_sect",
        );
        assert!(lists_keyward_first(&swapped));
        assert!(!lists_keyward_first("[a]\nkeyward = x\n[b]\ndefault = y\n"));
    }

    #[test]
    fn active_providers_are_read_from_openssls_listing() {
        let listing = "Providers:\n  default\n    name: Default\n    status: active\n  keyward\n    \
                       name: Keyward\n    status: active\n  legacy\n    name: x\n";
        assert_eq!(active_providers(listing), ["default", "keyward"]);
    }
}
