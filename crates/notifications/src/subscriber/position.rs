//! What was handled, in a file of the subscriber's own.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use dutyledger_ledger::{LockFile, replace_file};
use serde::{Deserialize, Serialize};

use super::SubscribeError;

/// What was handled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Handled {
    /// The last position that was handled, or that it began after.
    pub(super) position: u64,
    /// Whether it is known where to begin.
    pub(super) begun: bool,
    /// The entry at that position, where it was handled.
    pub(super) entry: Option<Entry>,
    /// Which ledger it is from.
    pub(super) source: Option<String>,
    /// How far each filter was handled.
    pub(super) filters: BTreeMap<String, u64>,
}

/// What a position file held before each filter had a position of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Before {
    position: u64,
    begun: bool,
    #[serde(rename = "entry_id")]
    _entry_id: Option<String>,
    source: Option<String>,
    filters: Vec<String>,
}

impl From<Before> for Handled {
    fn from(before: Before) -> Self {
        let position = before.position;
        Self {
            position,
            begun: before.begun,
            // When it was recorded was not kept.
            entry: None,
            source: before.source,
            filters: before.filters.into_iter().map(|f| (f, position)).collect(),
        }
    }
}

/// An entry by which it is seen whether the ledger is still the one of then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) id: String,
    /// When it was recorded.
    pub(super) recorded_at: DateTime<Utc>,
}

/// The file, which is this process's alone.
pub(super) struct PositionFile {
    path: PathBuf,
    _lock: LockFile,
}

impl PositionFile {
    pub(super) fn open(path: &Path) -> Result<Self, SubscribeError> {
        let lock = path.with_extension("lock");
        let taken = LockFile::take(&lock).map_err(|cause| match cause.kind() {
            io::ErrorKind::WouldBlock => io::Error::other(
                "another subscriber has it: give each a position file and a name of its own",
            ),
            _ => cause,
        });
        Ok(Self {
            path: path.to_owned(),
            _lock: taken.map_err(|cause| wrong(&lock, cause))?,
        })
    }

    pub(super) fn read(&self) -> Result<Option<Handled>, SubscribeError> {
        let failed = |cause| wrong(&self.path, cause);
        match fs::read(&self.path) {
            Ok(text) => {
                let handled = serde_json::from_slice(&text);
                let handled = handled.or_else(|error| {
                    let before: Before = serde_json::from_slice(&text).map_err(|_| error)?;
                    Ok(before.into())
                });
                handled
                    .map(Some)
                    .map_err(|e: serde_json::Error| failed(e.into()))
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(failed(cause)),
        }
    }

    /// Replaces the file: either whole or not at all.
    pub(super) fn write(&self, handled: &Handled) -> Result<(), SubscribeError> {
        let failed = |cause| wrong(&self.path, cause);
        let text = serde_json::to_vec(handled).map_err(|e| failed(e.into()))?;
        replace_file(&self.path, &text).map_err(failed)
    }
}

fn wrong(file: &Path, cause: io::Error) -> SubscribeError {
    SubscribeError::File {
        file: file.display().to_string(),
        cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_from_before_filters_had_positions_of_their_own_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("position.json");
        let before = "{\"position\":41,\"begun\":true,\"entry_id\":\"x\",\"source\":\"urn:y\",\
                      \"filters\":[\"a.>\",\"b.>\"]}";
        fs::write(&path, before).unwrap();
        let file = PositionFile::open(&path).unwrap();
        let handled = file.read().unwrap().unwrap();
        assert_eq!((handled.position, handled.begun), (41, true));
        assert_eq!(handled.filters["a.>"], 41);
        assert_eq!(handled.filters["b.>"], 41);
        file.write(&handled).unwrap();
        assert_eq!(file.read().unwrap().unwrap(), handled);
        fs::write(&path, "{\"position\":41}").unwrap();
        assert!(file.read().is_err(), "nothing is made up");
    }
}
