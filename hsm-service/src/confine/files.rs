//! Which files the process reaches, by Landlock: its folders to write, and to read the
//! configuration and what the C library wants for the names of users.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus,
};

use crate::{
    Config, Result, audit, backup,
    config::{HealthAddress, SyslogAddress, TpmAddress},
    listen::socket,
};

/// The newest rights that are taken away where the kernel knows them. What an older kernel does
/// not know stays.
const KNOWN: ABI = ABI::V5;

/// Read, and never written: names of users and groups and the C library's modules for them, the
/// number of cores, and the process's own figures.
const READ: [&str; 8] = [
    "/etc",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/proc/self",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
];

/// Makes the folders that lie outside the state's, which can't be made any more afterwards.
pub(super) fn make_folders(config: &Config) -> Result<()> {
    let outside = |folder: &Path| !folder.starts_with(&config.state);
    if outside(&config.audit_folder()) {
        audit::make_folder(&config.audit_folder())?;
    }
    if !config.backup.recipients.is_empty() && outside(&config.backup_folder()) {
        backup::make_folder(&config.backup_folder())?;
    }
    for socket in sockets(config) {
        socket::make_folder_of(&socket)?;
    }
    Ok(())
}

/// Restricts this thread and those that it starts. Returns what an operator should know when the
/// kernel does not.
pub(super) fn restrict(config: &Config, file: Option<&Path>) -> Option<String> {
    match rules(config, file).restrict() {
        Ok(RulesetStatus::FullyEnforced) => None,
        Ok(RulesetStatus::PartiallyEnforced) => {
            tracing::info!("this kernel restricts the reach to files only in part");
            None
        }
        Ok(_) => Some("this kernel has no Landlock, so the process may reach every file".into()),
        Err(error) => Some(format!("the reach to files could not be restricted: {error}")),
    }
}

fn rules(config: &Config, file: Option<&Path>) -> Rules {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let never = AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::MakeSym;
    let write = AccessFs::from_all(KNOWN) & !never;
    let mut rules = Rules::default();
    for folder in [config.state.clone(), config.audit_folder(), config.backup_folder()] {
        rules.allow(folder, write);
    }
    for socket in sockets(config) {
        rules.allow_folder_of(&socket, read | AccessFs::MakeSock | AccessFs::RemoveFile);
    }
    for path in READ {
        rules.allow(path.into(), read);
    }
    // SQLite begins its random numbers with it.
    rules.allow("/dev/urandom".into(), AccessFs::ReadFile.into());
    // The files themselves would not do: an editor puts a new file in the place of the old one.
    if let Some(file) = file {
        rules.allow_folder_of(file, read);
    }
    for sink in &config.audit.sink {
        for file in [&sink.ca, &sink.cert, &sink.key].into_iter().flatten() {
            rules.allow_folder_of(file, read);
        }
        if let Some(SyslogAddress::Tls { port, .. }) = sink.syslog {
            rules.ports.push(port);
            // Where a link leads to, systemd and others keep the list of name servers.
            if let Ok(link) = fs::read_link("/etc/resolv.conf") {
                rules.allow_folder_of(&Path::new("/etc").join(link), read);
            }
        }
    }
    rules.allow_folder_of(config.seal.key_file(), read);
    let pin = config.seal.pkcs11.as_ref();
    if let Some(file) = pin.and_then(|token| token.pin_file.as_ref()) {
        rules.allow_folder_of(file, read);
    }
    if let TpmAddress::Device(device) = &config.seal.tpm.device {
        rules.allow(device.clone(), AccessFs::ReadFile | AccessFs::WriteFile);
    }
    let credential = config.seal.systemd_credential.is_some()
        || pin.is_some_and(|token| token.pin_credential.is_some());
    if credential && let Some(folder) = env::var_os("CREDENTIALS_DIRECTORY") {
        rules.allow(folder.into(), read);
    }
    if config.development {
        // A temporary one is removed at the end.
        rules.allow_folder_of(&config.state, AccessFs::RemoveDir.into());
    }
    rules
}

/// The paths of all UNIX sockets.
fn sockets(config: &Config) -> Vec<PathBuf> {
    let mut sockets: Vec<_> =
        config.listen.iter().filter_map(|listen| listen.unix.clone()).collect();
    if let HealthAddress::Unix(path) = config.health_address() {
        sockets.push(path);
    }
    sockets
}

/// Folders, each with what is allowed below it.
#[derive(Default)]
struct Rules {
    allowed: Vec<(PathBuf, BitFlags<AccessFs>)>,
    /// Ports of other machines that may be connected to.
    ports: Vec<u16>,
}

impl Rules {
    fn allow(&mut self, folder: PathBuf, rights: BitFlags<AccessFs>) {
        self.allowed.push((folder, rights));
    }

    fn allow_folder_of(&mut self, path: &Path, rights: BitFlags<AccessFs>) {
        // A path without a folder is one in the current folder.
        let folder = path.parent().map(|folder| match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        });
        self.allow(folder.unwrap_or(path).to_owned(), rights);
    }

    /// Everything else is forbidden from here on, and so is connecting to other ports of machines.
    fn restrict(self) -> std::result::Result<RulesetStatus, RulesetError> {
        let ruleset = Ruleset::default()
            .handle_access(AccessFs::from_all(KNOWN))?
            .handle_access(AccessNet::ConnectTcp)?
            .create()?;
        // What is not there can't be reached either.
        let there = self.allowed.into_iter().filter_map(|(folder, rights)| {
            let folder = PathFd::new(folder).ok()?;
            Some(Ok::<_, RulesetError>(PathBeneath::new(folder, rights)))
        });
        let ports = self.ports.into_iter();
        let ports =
            ports.map(|port| Ok::<_, RulesetError>(NetPort::new(port, AccessNet::ConnectTcp)));
        Ok(ruleset.add_rules(there)?.add_rules(ports)?.restrict_self()?.ruleset)
    }
}
