//! One opener at a time.

use std::io;
use std::path::Path;

use dutyledger_ledger::{LockFile, beside};

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
