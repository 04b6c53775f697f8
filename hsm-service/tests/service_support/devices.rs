//! A PKCS#11 token and a TPM, in software.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// SoftHSM's module (`ops/prerequisites test` installs it).
pub const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// The user's PIN of the token.
pub const PIN: &str = "87654321";

/// A token of SoftHSM with the label `keyward`, in a folder.
pub struct SoftToken {
    folder: PathBuf,
}

impl SoftToken {
    pub fn new(folder: &Path) -> SoftToken {
        let token = SoftToken { folder: folder.to_owned() };
        fs::create_dir(token.tokens()).unwrap();
        let config = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            token.tokens().display()
        );
        fs::write(token.config(), config).unwrap();
        fs::write(token.pin_file(), format!("{PIN}\n")).unwrap();
        fs::set_permissions(token.pin_file(), fs::Permissions::from_mode(0o600)).unwrap();
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", "keyward", "--so-pin", "12345678"])
            .args(["--pin", PIN])
            .env("SOFTHSM2_CONF", token.config())
            .output()
            .expect("softhsm2-util is missing: ops/prerequisites test");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        token
    }

    fn tokens(&self) -> PathBuf {
        self.folder.join("tokens")
    }

    fn config(&self) -> PathBuf {
        self.folder.join("softhsm2.conf")
    }

    pub fn pin_file(&self) -> PathBuf {
        self.folder.join("token.pin")
    }

    /// What tells the module where the token is.
    pub fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        vec![("SOFTHSM2_CONF", self.config())]
    }

    /// Takes the token away, as if it were unplugged.
    pub fn unplug(&self) {
        fs::rename(self.tokens(), self.folder.join("drawer")).unwrap();
        fs::create_dir(self.tokens()).unwrap();
    }

    /// Brings it back.
    pub fn plug_in(&self) {
        fs::remove_dir(self.tokens()).unwrap();
        fs::rename(self.folder.join("drawer"), self.tokens()).unwrap();
    }
}

/// SoftHSM's module behind another that hangs for as long as a test wants.
pub struct HangingModule {
    folder: PathBuf,
}

impl HangingModule {
    pub fn new(folder: &Path) -> HangingModule {
        let module = HangingModule { folder: folder.to_owned() };
        let source = module.folder.join("hanging.c");
        let code = r#"
            #include <dlfcn.h>
            #include <fcntl.h>
            #include <stdio.h>
            #include <unistd.h>
            int C_GetFunctionList(void **list) {
                if (access(HANGS, F_OK) == 0) {
                    int reached = open(REACHED, O_CREAT | O_WRONLY, 0600);
                    dprintf(reached, "%d %d\n", getpid(), getppid());
                    close(reached);
                }
                while (access(HANGS, F_OK) == 0) usleep(10000);
                void *module = dlopen(MODULE, RTLD_NOW);
                int (*get)(void **) = (int (*)(void **))dlsym(module, __func__);
                return get(list);
            }"#;
        fs::write(&source, code).unwrap();
        let mut compiler = Command::new("cc");
        for (name, path) in [
            ("HANGS", module.hangs()),
            ("REACHED", module.reached()),
            ("MODULE", PathBuf::from(SOFTHSM)),
        ] {
            compiler.arg(format!("-D{name}={path:?}"));
        }
        compiler.args(["-shared", "-fPIC", "-o"]).args([&module.path(), &source]);
        assert!(compiler.status().unwrap().success());
        module
    }

    pub fn path(&self) -> PathBuf {
        self.folder.join("hanging.so")
    }

    fn hangs(&self) -> PathBuf {
        self.folder.join("hangs")
    }

    fn reached(&self) -> PathBuf {
        self.folder.join("reached")
    }

    /// It hangs from now on.
    pub fn hang(&self) {
        let _ = fs::remove_file(self.reached());
        fs::write(self.hangs(), "").unwrap();
    }

    /// Waits until somebody has asked it since; the processes that did, and that started that one.
    pub fn wait_until_asked(&self) -> Vec<u32> {
        super::wait_for("a request to the token", || {
            let said = fs::read_to_string(self.reached()).ok()?;
            let pids = said.strip_suffix('\n')?.split(' ');
            Some(pids.map(|pid| pid.parse().unwrap()).collect())
        })
    }

    /// It answers again, also what it was asked meanwhile.
    pub fn answer(&self) {
        fs::remove_file(self.hangs()).unwrap();
    }
}

/// A software TPM, which is switched off when dropped.
pub struct SoftTpm {
    process: Child,
    state: TempDir,
}

impl SoftTpm {
    pub fn new() -> SoftTpm {
        SoftTpm::with(TempDir::new().unwrap())
    }

    fn with(state: TempDir) -> SoftTpm {
        let process = Command::new("swtpm")
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear", "--tpmstate"])
            .arg(format!("dir={}", state.path().display()))
            .arg("--server")
            .arg(format!("type=unixio,path={}", socket(&state).display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("swtpm is missing: ops/prerequisites test");
        let tpm = SoftTpm { process, state };
        let end = Instant::now() + Duration::from_secs(60);
        while UnixStream::connect(tpm.socket()).is_err() {
            assert!(Instant::now() < end, "swtpm does not start");
            thread::sleep(Duration::from_millis(10));
        }
        tpm
    }

    pub fn socket(&self) -> PathBuf {
        socket(&self.state)
    }

    /// Where it is, as the configuration says it.
    pub fn address(&self) -> String {
        format!("swtpm:path={}", self.socket().display())
    }

    /// Switches it off and on, as a restart of the machine does.
    pub fn restart(mut self) -> SoftTpm {
        let _ = self.process.kill();
        self.process.wait().unwrap();
        let state = std::mem::replace(&mut self.state, TempDir::new().unwrap());
        let _ = fs::remove_file(socket(&state));
        SoftTpm::with(state)
    }

    /// Puts another value into a register, as another boot loader does.
    pub fn extend(&self, register: u32) {
        // TPM2_PCR_Extend with one SHA-256 digest.
        self.command(0x182, &[register], &[&[0, 0, 0, 1, 0, 0x0b][..], &[7; 32]].concat());
    }

    /// What a counter stands at.
    pub fn counter(&self, index: u32) -> u64 {
        // TPM2_NV_Read of eight bytes; before them come two sizes.
        let answer = self.command(0x14e, &[index, index], &[0, 8, 0, 0]);
        u64::from_be_bytes(answer[6..14].try_into().unwrap())
    }

    /// Adds one to a counter.
    pub fn count(&self, index: u32) {
        // TPM2_NV_Increment.
        self.command(0x134, &[index, index], &[]);
    }

    /// The answer to a command with an empty password, after its header.
    fn command(&self, code: u32, handles: &[u32], parameters: &[u8]) -> Vec<u8> {
        let handles: Vec<u8> = handles.iter().flat_map(|handle| handle.to_be_bytes()).collect();
        let password = [0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0];
        let body = [&code.to_be_bytes()[..], &handles, &password, parameters].concat();
        let size = u32::try_from(body.len() + 6).unwrap();
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.write_all(&[&[0x80, 0x02][..], &size.to_be_bytes(), &body].concat()).unwrap();
        let mut header = [0; 10];
        stream.read_exact(&mut header).unwrap();
        assert_eq!(header[6..], [0; 4], "{header:?}");
        let size = u32::from_be_bytes(header[2..6].try_into().unwrap()) as usize;
        let mut answer = vec![0; size - header.len()];
        stream.read_exact(&mut answer).unwrap();
        answer
    }
}

fn socket(state: &TempDir) -> PathBuf {
    state.path().join("tpm.sock")
}

impl Drop for SoftTpm {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
