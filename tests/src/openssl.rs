//! The machine's own `openssl`, or that of KEYWARD_TEST_OPENSSL, with our provider beside its
//! default one and without.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{CommandExt, Scratch, artifacts, commands::require, shipped, watch};

/// What `openssl req` wants to find besides the providers.
const REQUEST_SECTION: &str = "\n[req]\ndistinguished_name = req_dn\n[req_dn]\n";

fn program() -> PathBuf {
    match std::env::var_os("KEYWARD_TEST_OPENSSL") {
        Some(folder) => PathBuf::from(folder).join("bin/openssl"),
        None => require("openssl", "openssl"),
    }
}

/// An OpenSSL that finds the provider through a configuration file, as on an installed system.
pub struct OpenSsl {
    program: PathBuf,
    conf: PathBuf,
    modules: PathBuf,
    address: String,
    more: Vec<(&'static str, PathBuf)>,
}

impl OpenSsl {
    /// Sets up the shipped `openssl.cnf` for a service at an address.
    pub fn new(scratch: &Scratch, address: &str) -> OpenSsl {
        OpenSsl::with_settings(scratch, address, "")
    }

    /// The same with more lines in the provider's section.
    pub fn with_settings(scratch: &Scratch, address: &str, settings: &str) -> OpenSsl {
        // The provider's section is the last one.
        let conf = format!("{}\n{settings}", shipped("openssl.cnf", &[]));
        let name = format!("openssl-{}.cnf", settings.len());
        OpenSsl::with_configuration(scratch, address, &name, &conf)
    }

    /// The same with a configuration of one's own, in a file of this name.
    pub fn with_configuration(scratch: &Scratch, address: &str, name: &str, conf: &str) -> OpenSsl {
        let modules = scratch.folder("ossl-modules");
        let module = modules.join("keyward.so");
        if !module.exists() {
            symlink(&artifacts().provider, &module).expect("a link can be made");
        }
        let conf = scratch.write(name, format!("{conf}\n{REQUEST_SECTION}"));
        OpenSsl { program: program(), conf, modules, address: address.into(), more: Vec::new() }
    }

    /// The environment that a host application needs.
    pub fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        let mut environment = vec![
            ("OPENSSL_CONF", self.conf.clone()),
            ("OPENSSL_MODULES", self.modules.clone()),
            ("KEYWARD_ADDRESS", PathBuf::from(&self.address)),
        ];
        environment.extend(self.more.iter().cloned());
        environment
    }

    /// Puts more variables into that environment.
    pub(crate) fn add_environment(&mut self, variables: &[(&'static str, &str)]) {
        self.more.extend(variables.iter().map(|(name, value)| (*name, PathBuf::from(value))));
    }

    /// `openssl` with the provider, which is patient with a busy machine.
    pub fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = watch::host(&self.program);
        command.args(arguments).envs(self.environment());
        command.env("KEYWARD_CONNECT_TIMEOUT", "60s").env("KEYWARD_REQUEST_TIMEOUT", "60s");
        command
    }

    /// `openssl` as it comes, which knows nothing of us: the judge of what we made.
    pub fn plain(arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).env("OPENSSL_CONF", "/dev/null").env_remove("OPENSSL_MODULES");
        command
    }

    /// The version of the machine's `openssl`: its first two numbers.
    pub fn version() -> (u32, u32) {
        let said = OpenSsl::plain(&["version"]).run().text();
        let mut numbers = said.trim_start_matches("OpenSSL ").split('.').map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
            _ => panic!("openssl says its version in another way: {said}"),
        }
    }

    /// Says `?provider=keyward` in the default properties, which asks OpenSSL to take our
    /// algorithms wherever there are some.
    pub fn prefer_ours(&self) {
        let text = fs::read_to_string(&self.conf).expect("our own file can be read");
        let start = "[openssl_init]\n";
        assert!(text.contains(start), "openssl.cnf has no section openssl_init");
        let section = "[properties]\ndefault_properties = ?provider=keyward\n\n";
        let text = text.replace(start, &format!("{section}{start}alg_section = properties\n"));
        fs::write(&self.conf, text).expect("our own file can be written");
    }

    /// The folder with the module.
    pub fn modules(&self) -> &Path {
        &self.modules
    }
}
