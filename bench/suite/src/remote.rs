//! HAProxy and a service that is far away: with async jobs and without.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use keyward_load::{Load, Target, TargetBuilder, delay};
use keyward_tests::{Authority, HaProxy, OpenSsl, Scratch, ServiceBuilder};
use serde::Serialize;

use crate::rounds::{Pair, alternate};

/// What a round trip takes longer.
const DELAY: Duration = Duration::from_millis(5);
/// Clients at a time.
const CLIENTS: usize = 32;

/// One line of the table.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) key_type: String,
    pub(crate) delay_ms: u128,
    /// One thread of HAProxy with async jobs beside one without.
    #[serde(flatten)]
    pub(crate) pair: Pair,
}

/// Measures HAProxy with one thread.
pub(crate) fn measure(rounds: usize, duration: Duration) -> Vec<Row> {
    let scratch = Scratch::new();
    let service = ServiceBuilder::new(&scratch).allow("haproxy").start();
    let authority = Authority::new(&scratch);
    ["p-256", "rsa-2048"]
        .into_iter()
        .map(|key_type| {
            eprintln!("HAProxy and a service far away, {key_type} …");
            let identity = service.certified_key(key_type, key_type, &authority);
            let start = |global: &[&str]| {
                let folder = Scratch::new();
                let chroot = folder.folder("chroot");
                fs::set_permissions(&chroot, fs::Permissions::from_mode(0o755))
                    .expect("our own folder obeys us");
                let far = chroot.join("far.sock");
                delay(&far, service.socket().into(), DELAY).expect("a socket can be made");
                fs::set_permissions(&far, fs::Permissions::from_mode(0o777))
                    .expect("our own socket obeys us");
                let openssl = OpenSsl::new(&folder, "unix:/far.sock");
                let haproxy = HaProxy::start(&folder, &openssl, &identity, &chroot, global);
                let target = target(&haproxy, &authority);
                (target, haproxy, folder)
            };
            let [(pausing, _one, _here), (blocking, _other, _there)] =
                [start(&["nbthread 1", "ssl-mode-async"]), start(&["nbthread 1"])];
            let pair = alternate(rounds, || rate(&pausing, duration), || rate(&blocking, duration));
            Row { key_type: key_type.into(), delay_ms: DELAY.as_millis(), pair }
        })
        .collect()
}

fn rate(target: &Target, duration: Duration) -> f64 {
    let report = Load::run(target, CLIENTS, duration);
    assert_eq!(report.failures, 0, "{report:#?}");
    report.rate
}

/// A client that spends as little as it can, once it has seen that the server is what it says.
fn target(haproxy: &HaProxy, authority: &Authority) -> Target {
    let cheap = TargetBuilder::new(haproxy.address(), "localhost");
    let careful = TargetBuilder { trusted_pem: Some(authority.certificate_pem()), ..cheap.clone() };
    let careful = careful.build().expect("the settings are right");
    careful.visit().unwrap_or_else(|error| panic!("{error}\n{}", haproxy.log()));
    cheap.build().expect("the settings are right")
}
