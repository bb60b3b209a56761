//! One opener at a time.

use std::io;
use std::path::{Path, PathBuf};

use dutyledger_ledger::LockFile;

use crate::error::OpenError;

/// Takes the lock of the rows in a file, held for as long as they are open.
pub(crate) fn lock(path: &Path) -> Result<LockFile, OpenError> {
    LockFile::take(&beside(path, ".lock")).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => OpenError::InUse {
            path: path.to_owned(),
        },
        _ => error.into(),
    })
}

/// The file beside another whose name is longer by a suffix.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
