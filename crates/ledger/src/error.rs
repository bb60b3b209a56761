//! What can go wrong when a file is opened or read.

use std::io;
use std::path::PathBuf;

use dutyledger_record::EntryError;

use crate::file::beside;
use crate::lock::LockError;
use crate::noted::NoContinuation;
use crate::store::StoreError;

/// Why a ledger or a vault could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another opener in this one, owns the file.
    #[error(
        "the ledger is in use by {}{}",
        pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}")),
        address.as_ref().map_or_else(String::new, |address| format!(", which serves at {address}"))
    )]
    Owned {
        /// Its process id, unless it was only just starting or has the file open by another name.
        pid: Option<u32>,
        /// Where it serves, if it has announced it.
        address: Option<String>,
    },
    /// What is there is something else, or nothing.
    #[error("{place} is not a {what}")]
    Foreign {
        /// Where.
        place: String,
        /// What was looked for.
        what: &'static str,
    },
    /// The log beside the file is another file's, and SQLite would write into this one what it holds.
    #[error(
        "the log {} belongs to the file that was at {} before, not to the one that is there now: \
         remove {} and {}, or move them to where that file went, and start again",
        log.display(), path.display(), log.display(), beside(path, "-shm").display()
    )]
    ForeignLog {
        /// The file.
        path: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// The file was written by a newer program.
    #[error(
        "{} has schema {found}, and this program knows schemas up to {known}: use a newer program",
        path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The schema it has.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// The file was only to be read, but only opening it for writing brings its schema up to date.
    #[error(
        "{} has schema {found}, and only schema {known} can be read: open it for writing once",
        path.display()
    )]
    OlderSchema {
        /// The file.
        path: PathBuf,
        /// The schema it has; 0 for an empty file.
        found: i64,
        /// The schema this program reads.
        known: i64,
    },
    /// The database's schema is not the one this program knows.
    #[error(
        "schema {schema} of {place} is at version {found}, and this program needs version {known}: \
         {}",
        if found < known { "run `dutyledger migrate`" } else { "use a newer program" }
    )]
    OtherSchema {
        /// The database.
        place: String,
        /// Which of its schemas.
        schema: &'static str,
        /// The version it has; 0 where it is absent.
        found: i64,
        /// The version this program knows.
        known: i64,
    },
    /// The database cannot hold every text.
    #[error(
        "the database {place} is encoded as {found}, which does not hold every name: make it anew with \
         `createdb --template=template0 --encoding=UTF8`"
    )]
    Encoding {
        /// The database.
        place: String,
        /// Its encoding.
        found: String,
    },
    /// The server does not wait until what it commits is on the disk.
    #[error(
        "the server of {place} runs with fsync off, so what it says is recorded may be lost: set \
         `fsync = on` in its configuration and reload it"
    )]
    NotSynced {
        /// The database.
        place: String,
    },
    /// The ledger does not go on from the head that was noted outside the database.
    #[error(transparent)]
    NoContinuation(#[from] NoContinuation),
    /// The first entry could not be made.
    #[error("the first entry could not be made: {0}")]
    Opening(#[from] EntryError),
    /// The first entry is not one that can stand first in this ledger.
    #[error("the first entry must be version 1 of its stream and name the ledger it opens")]
    NotAnOpening,
    /// The file system refused.
    #[error("the file could not be opened: {0}")]
    Io(#[from] io::Error),
    /// The database refused.
    #[error("the database could not be opened: {0}")]
    Database(#[source] StoreError),
}

impl OpenError {
    pub(crate) fn database(cause: impl Into<StoreError>) -> Self {
        Self::Database(cause.into())
    }
}

impl From<LockError> for OpenError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Owned(None) => Self::Owned {
                pid: None,
                address: None,
            },
            LockError::Owned(Some(owner)) => Self::Owned {
                pid: Some(owner.pid),
                address: owner.address,
            },
            LockError::Io(error) => Self::Io(error),
        }
    }
}

/// Why a ledger could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database refused, or the ledger is closed.
    #[error("the ledger could not be read: {0}")]
    Database(#[source] StoreError),
    /// A row does not hold what every row holds.
    #[error("the ledger holds {0:?} where that has no meaning")]
    Corrupt(String),
}
