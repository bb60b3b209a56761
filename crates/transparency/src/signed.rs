//! The newest checkpoint that was signed, in a file outside the database.

use std::fs;
use std::io;
use std::path::Path;

use dutyledger_ledger::replace_file;
use dutyledger_proofs::{Checkpoint, Note};

/// A checkpoint with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The note it is signed in: what is handed out.
    pub note: Note,
}

impl Signed {
    /// Reads a checkpoint from a file; none where there is no file. Whose signature it has is not
    /// looked at.
    ///
    /// # Errors
    /// When the file cannot be read or holds no checkpoint.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let note = Note::parse(&bytes).map_err(io::Error::other)?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(io::Error::other)?;
        Ok(Some(Self { checkpoint, note }))
    }

    /// Writes it to a file, durably and whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        replace_file(path, self.note.to_string().as_bytes())
    }
}
