//! The service for trying things: no configuration, everything in one folder.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use keyward_algorithms::ErrorKind;
use tempfile::TempDir;

use crate::{
    Config, Error, Result,
    config::{AuditConfig, ListenConfig, PinPolicy, SealConfig, UserConfig},
    identity::{IdentityPattern, Role, local_user, local_user_name},
    init,
};

/// The size of the audit log's journal: there are many development services, and none is loaded for
/// long.
const JOURNAL_MIB: u64 = 4;

/// What `serve --dev` is told.
#[derive(Clone, Debug, Default)]
pub struct DevOptions {
    /// The folder; a temporary one, which goes at the end, if none is named.
    pub state: Option<PathBuf>,
    /// Other local users who may use the keys of the one who starts the service.
    pub allow_users: Vec<String>,
}

/// A development service that is ready to [`serve`](crate::serve()).
pub struct DevService {
    /// Its configuration.
    pub config: Config,
    /// The value for `KEYWARD_ADDRESS`.
    pub address: String,
    _temporary: Option<TempDir>,
}

/// Makes whatever a development service lacks. `serve` its configuration and keep the value until
/// then.
///
/// The user who starts it has every role; the others share its user with the role `user` alone,
/// so that they use the same keys.
pub fn prepare(options: &DevOptions) -> Result<DevService> {
    let failed = |error: std::io::Error| {
        let place = options.state.clone().unwrap_or_else(std::env::temp_dir);
        let message = format!("cannot make the service's folder {}: {error}", place.display());
        Error::new(ErrorKind::Internal, message).hint("name another one: --state DIR")
    };
    let (state, temporary) = match &options.state {
        Some(folder) => (std::path::absolute(folder).map_err(failed)?, None),
        None => {
            let folder = tempfile::Builder::new().prefix("keyward-").tempdir().map_err(failed)?;
            (folder.path().to_owned(), Some(folder))
        }
    };
    let data = state.join("data");
    let fresh = !data.join("keys.db").exists();
    if !state.exists() || temporary.is_some() {
        make_passable(&state).map_err(failed)?;
    }
    if fresh {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&data).map_err(failed)?;
    }
    let socket = state.join("hsm.sock");
    let master_key = data.join("master.key");
    let config = Config {
        state,
        seal: SealConfig::in_file(master_key),
        listen: vec![ListenConfig::unix(&socket)],
        user: users(&options.allow_users)?,
        audit: AuditConfig { journal_mib: JOURNAL_MIB, ..AuditConfig::default() },
        development: true,
        ..Config::default()
    };
    if fresh {
        init::create_state(&config)?;
    }
    Ok(DevService { config, address: format!("unix:{}", socket.display()), _temporary: temporary })
}

/// Others have to pass through to the socket; they cannot look into `data`.
fn make_passable(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

fn users(allowed: &[String]) -> Result<Vec<UserConfig>> {
    let me = rustix::process::geteuid().as_raw();
    let name = local_user_name(me);
    // A local name may have characters that a user of the service cannot have.
    let name = match keyward_protocol::check_name("user", &name) {
        Ok(()) => name,
        Err(_) => me.to_string(),
    };
    let mut users = vec![UserConfig {
        name: name.clone(),
        identities: vec![IdentityPattern::Uid(me)],
        roles: Role::ALL.to_vec(),
        sources: Vec::new(),
        max_keys: None,
        max_requests_per_second: None,
        pin: PinPolicy::IfSet,
    }];
    let others = allowed
        .iter()
        .map(|other| local_user(other).map(IdentityPattern::Uid).map_err(Error::invalid))
        .filter(|other| !matches!(other, Ok(IdentityPattern::Uid(uid)) if *uid == me))
        .collect::<Result<Vec<_>>>()?;
    if !others.is_empty() {
        users.push(UserConfig {
            name,
            identities: others,
            roles: vec![Role::User],
            sources: Vec::new(),
            max_keys: None,
            max_requests_per_second: None,
            pin: PinPolicy::IfSet,
        });
    }
    Ok(users)
}
