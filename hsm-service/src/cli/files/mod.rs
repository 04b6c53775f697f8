//! What the command line reads from files: PEM blocks, private keys in every usual form,
//! certificate chains, passphrases.

pub(crate) mod chain;
pub mod key_file;
pub mod passphrase;
pub(crate) mod pem;

use std::{fs, io::Read, path::Path};

use keyward_algorithms::ErrorKind;
use keyward_protocol::Error;
use zeroize::Zeroizing;

use super::failure::file_error;

/// The largest key or certificate file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Reads a key or certificate file; `-` is standard input. The buffer is wiped when it is dropped
/// and never grows, since growing would leave a copy behind.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let failed = |error| file_error("read", path, &error);
    let source: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(std::io::stdin().lock()),
        _ => Box::new(fs::File::open(path).map_err(failed)?),
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE_BYTES as usize + 1));
    source.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let message = format!("{} is larger than {MAX_FILE_BYTES} bytes", path.display());
        return Err(Error::new(ErrorKind::LimitExceeded, message)
            .hint("give a file with one key or one certificate chain"));
    }
    Ok(bytes)
}
