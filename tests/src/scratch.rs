//! A folder for one test, through which other users may pass.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// A temporary folder that is gone when the test ends.
pub struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    /// Makes the folder. Workers of web servers run as other users and have to pass through it.
    pub fn new() -> Scratch {
        let folder = tempfile::Builder::new()
            .prefix("keyward-test-")
            .tempdir()
            .expect("a temporary folder can be made");
        let passable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), passable).expect("our own folder obeys us");
        Scratch { folder }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path within it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file and gives its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("a folder can be made");
        }
        fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Makes a folder and gives its path.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch::new()
    }
}
