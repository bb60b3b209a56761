//! What was acknowledged, noted outside NATS.
//!
//! A server whose store was wiped, or restored from an old copy, looks like any other. So it is noted
//! how far which stream went; a stream that does not go as far has lost what it acknowledged.

use std::fs;
use std::io;
use std::path::Path;

use dutyledger_ledger::replace_file;
use dutyledger_record::LedgerId;
use serde::{Deserialize, Serialize};

/// How far a stream went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotedStream {
    /// Whose entries are in it.
    pub ledger: LedgerId,
    /// Which stream: the number in its name.
    pub generation: u32,
    /// The last sequence that was acknowledged and found right.
    pub sequence: u64,
}

impl NotedStream {
    /// Reads the note; nothing where there is none, or it is another ledger's.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something else.
    pub fn read(path: &Path, ledger: LedgerId) -> io::Result<Option<Self>> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let noted: Self = serde_json::from_slice(&text)?;
        Ok((noted.ledger == ledger).then_some(noted))
    }

    /// Writes the note: either whole or not at all.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        replace_file(path, &serde_json::to_vec(self)?)
    }
}
