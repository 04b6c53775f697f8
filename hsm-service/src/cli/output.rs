//! Printing results on standard output: for people, or with `--json` for programs.

use std::{
    fs::{self, Permissions},
    io::{self, IsTerminal, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use anstream::AutoStream;
use clap::Args;
use keyward_algorithms::ErrorKind;
use keyward_protocol::Error;
use serde::Serialize;
use serde_json::json;

use super::failure::{Outcome, file_error};

/// Where results go, and in which form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// One JSON value instead of text.
    pub(crate) json: bool,
}

impl Output {
    /// Prints a result: the value as JSON, or what `text` makes of it.
    pub(crate) fn result(&self, value: &impl Serialize, text: impl FnOnce() -> String) -> Outcome {
        if !self.json {
            // Colours go to terminals alone.
            return finish(AutoStream::auto(io::stdout()).write_all(text().as_bytes()));
        }
        let mut line = serde_json::to_string_pretty(value).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("the result is no JSON: {error}"))
        })?;
        line.push('\n');
        write_stdout(line.as_bytes())
    }

    /// Prints a document, a PEM file for instance, as it is, or as the one field of an object.
    pub(crate) fn document(&self, field: &str, text: &str) -> Outcome {
        self.result(&json!({ field: text }), || text.into())
    }

    /// The same into a file, where one is named.
    pub(crate) fn document_to(&self, to: &OutArgs, value: &impl Serialize, text: &str) -> Outcome {
        if let Some(path) = &to.out {
            put_file(path, text.as_bytes())?;
            if !self.json {
                return Ok(());
            }
        }
        self.result(value, || text.into())
    }

    /// Says on standard error what happened beside the result.
    pub(crate) fn note(&self, text: &str) {
        anstream::eprintln!("{text}");
    }

    /// Whether a person watches standard error, so that progress can be shown.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.json && io::stderr().is_terminal()
    }
}

/// Where a document goes.
#[derive(Args, Debug)]
pub(crate) struct OutArgs {
    /// File to put it into, in one step, so that a failure leaves the old one [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes bytes to standard output as they are.
pub(crate) fn write_stdout(bytes: &[u8]) -> Outcome {
    let mut stdout = io::stdout().lock();
    finish(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

/// A reader of standard output that has gone away (`| head`) is no failure.
fn finish(written: io::Result<()>) -> Outcome {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(file_error("write to", Path::new("standard output"), &error).into())
        }
        _ => Ok(()),
    }
}

/// Creates a file that does not exist yet, with these permissions from the start. On a full disk
/// nothing stays behind that would stand in the way of another try.
pub(crate) fn create_file(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), Error> {
    let opened = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = opened.and_then(|mut file| {
        file.write_all(bytes).and_then(|()| file.sync_all()).inspect_err(|_| {
            // What was half written is of no use to anybody.
            let _ = fs::remove_file(path);
        })
    });
    written.map_err(|error| file_error("create", path, &error))
}

/// Puts content into a file in one step, so that a reader, or who runs out of disk, has the old or the
/// new. A file that is there keeps its permissions and owner; what is no file, a pipe say, is written to.
pub(crate) fn put_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    put(path, bytes).map_err(|error| file_error("write", path, &error))
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A link goes on naming the same place.
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.into());
    let present = match fs::metadata(&place) {
        Ok(present) if !present.is_file() => return fs::write(&place, bytes),
        Ok(present) => Some(present),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut draft = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(of_no_draft)?;
    draft.write_all(bytes).map_err(of_no_draft)?;
    if let Some(present) = present {
        let own = draft.as_file().metadata()?;
        if (own.uid(), own.gid()) != (present.uid(), present.gid()) {
            fchown(draft.as_file(), Some(present.uid()), Some(present.gid()))?;
        }
        draft.as_file().set_permissions(present.permissions())?;
    }
    draft.as_file().sync_all()?;
    draft.persist(&place).map_err(|error| error.error).map(drop)
}

/// The error without the name of a draft, which says nothing to anybody.
fn of_no_draft(error: io::Error) -> io::Error {
    error.kind().into()
}

/// Lays out rows in columns, each as wide as its widest cell.
pub(crate) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..heads.len())
        .map(|column| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([heads[column].chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let head = line(heads.to_vec());
    rows.iter()
        .map(|row| line(row.iter().map(String::as_str).collect()))
        .fold(head, |all, one| all + &one)
}

/// Lays out facts one a line, their names in a column of their own.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 1;
    facts.iter().map(|(name, value)| format!("{:width$}  {value}\n", format!("{name}:"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows =
            vec![vec!["web".into(), "p-256".into()], vec!["a-longer-name".into(), "x".into()]];
        assert_eq!(
            table(&["NAME", "TYPE"], &rows),
            "NAME           TYPE\nweb            p-256\na-longer-name  x\n"
        );
        assert_eq!(
            facts(&[("id", "1".into()), ("owner", "root".into())]),
            "id:     1\nowner:  root\n"
        );
    }
}
