//! `openssl s_server` and `s_client`, one of which has the module.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Stdio},
};

use super::{Host, run};

/// A TLS server; it ends with the value.
pub struct Server(Child, pub u16);

impl Server {
    /// Starts `s_server` and waits until it listens.
    pub fn start(mut command: std::process::Command) -> Server {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut process = command
            .args(["-accept", &format!("127.0.0.1:{port}"), "-www"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let listening = lines.any(|line| line.is_ok_and(|line| line.starts_with("ACCEPT")));
        // Somebody has to go on reading, or the server would block.
        std::thread::spawn(move || lines.for_each(drop));
        assert!(listening, "s_server did not start");
        Server(process, port)
    }

    /// `s_server` with the module, and a key of the service's.
    pub fn with_key(host: &Host, key: &str, name: &str, options: &str) -> Server {
        let mut command = host.command("openssl");
        command.args(["s_server", "-key", key, "-cert", &format!("{name}.crt")]);
        command.args(options.split(' ').filter(|option| !option.is_empty()));
        Server::start(command)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Connects as a stranger who trusts this certificate; what `s_client` said.
pub fn connect(host: &Host, server: &Server, name: &str, options: &str) -> String {
    let mut command = host.command("openssl");
    command.env("OPENSSL_CONF", "/dev/null").args(["s_client", "-verify_return_error"]);
    command.args(["-connect", &format!("127.0.0.1:{}", server.1)]);
    command.args(["-CAfile", &format!("{name}.crt")]);
    command.args(options.split(' ').filter(|option| !option.is_empty()));
    run(&mut command).1
}

/// Checks that a handshake was made and the certificate believed.
#[track_caller]
pub fn assert_verified(output: &str, context: &str) {
    assert!(
        output.contains("Verify return code: 0 (ok)") && !output.contains("Cipher is (NONE)"),
        "{context}\n{output}"
    );
}
