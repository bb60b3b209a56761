//! What can go wrong.

use std::io;
use std::path::PathBuf;

use dutyledger_domain::HistoryError;
use dutyledger_ledger::{Place, ReadError};
use dutyledger_record::{EntryError, LedgerId};

/// What to do about rows that cannot be gone on with.
pub(crate) const REBUILD: &str = "run `dutyledger projections rebuild`";
/// What to do about rows in PostgreSQL whose tables are not this program's.
const MIGRATE: &str = "run `dutyledger migrate`";

/// What to do about rows of another shape.
fn reshape(place: &Place) -> &'static str {
    match place {
        Place::Sqlite(_) => REBUILD,
        Place::Postgres(_) => MIGRATE,
    }
}

/// Why the projections could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is some other SQLite database.
    #[error("{} is not a file of projections", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another process, or another opener in this one, has them open.
    #[error("the projections {} are in use by another process", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// PostgreSQL has no tables for them, or none that this role may use.
    #[error("{place} has no projections that this role may use: {MIGRATE}")]
    Unmigrated {
        /// The database.
        place: Place,
    },
    /// They have another shape than this program gives them.
    #[error(
        "the projections {place} have schema {found}, and this program uses schema {known}: {}",
        reshape(place)
    )]
    OtherSchema {
        /// The rows.
        place: Place,
        /// The schema it has.
        found: i64,
        /// The schema of this program.
        known: i64,
    },
    /// They were derived from another ledger.
    #[error(
        "the projections {place} are those of ledger {found}, not of ledger {ledger}: {REBUILD}"
    )]
    OtherLedger {
        /// The rows.
        place: Place,
        /// The ledger they were derived from.
        found: LedgerId,
        /// The ledger they were opened with.
        ledger: LedgerId,
    },
    /// They are ahead of the ledger: it was put back to an earlier state.
    #[error(
        "the projections {place} are at position {position}, and the ledger ends at {head}: {REBUILD}"
    )]
    AheadOfLedger {
        /// The rows.
        place: Place,
        /// Where they are.
        position: u64,
        /// Where the ledger ends.
        head: u64,
    },
    /// The ledger holds another entry at their position: it was put back to an earlier state and
    /// went on differently.
    #[error(
        "the ledger holds another entry at position {position} than the one the projections \
         {place} were derived from: {REBUILD}"
    )]
    OtherHistory {
        /// The rows.
        place: Place,
        /// Where they are.
        position: u64,
    },
    /// Another program derived them, and otherwise than this one would.
    #[error(
        "the projections {place} were made by derivation {found}, and this program's is {known}: {}",
        if found > known { "use a newer program, or " } else { "" }.to_owned() + REBUILD
    )]
    OtherDerivation {
        /// The rows.
        place: Place,
        /// The derivation they were made by.
        found: i64,
        /// The derivation of this program.
        known: i64,
    },
    /// Something stands in them that cannot be read.
    #[error("the projections {place} hold something that has no meaning: {REBUILD}")]
    Corrupt {
        /// The rows.
        place: Place,
    },
    /// The file system refused.
    #[error("the projections could not be opened: {0}")]
    Io(#[from] io::Error),
    /// The database refused.
    #[error("the projections could not be opened: {0}")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] ReadError),
}

impl OpenError {
    pub(crate) fn database(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Database(cause.into())
    }
}

/// Why PostgreSQL was not prepared for the rows.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A newer program prepared it.
    #[error(
        "the projections have schema {found}, and this program knows schemas up to {known}: use a \
         newer program"
    )]
    Newer {
        /// The schema they have.
        found: i64,
        /// The schema of this program.
        known: i64,
    },
    /// The database refused.
    #[error("the projections could not be migrated: {0}")]
    Database(#[from] sqlx::Error),
    /// The migrations could not be run.
    #[error("the projections could not be migrated: {0}")]
    Migrations(#[from] sqlx::migrate::MigrateError),
}

/// Why the projector stopped. It never skips an entry.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// A kind of stream this program does not know.
    #[error(
        "entry {position}: stream type {stream_type} is unknown to this program: use a newer \
         program"
    )]
    UnknownStream {
        /// The entry's position.
        position: u64,
        /// The stream's type.
        stream_type: String,
    },
    /// An event this program does not know, or a payload that does not fit it.
    #[error("stream {stream_id}: {cause}: use a newer program")]
    Event {
        /// The stream.
        stream_id: dutyledger_record::StreamId,
        /// What is unknown.
        cause: HistoryError,
    },
    /// An entry that is not of the record format this program knows.
    #[error("entry {position}: {cause}")]
    Record {
        /// The entry's position.
        position: u64,
        /// What is wrong.
        cause: EntryError,
    },
    /// An entry does not follow the one before it.
    #[error("stream {stream_id} has version {found} in the ledger where {expected} must follow")]
    Gap {
        /// The stream.
        stream_id: dutyledger_record::StreamId,
        /// The version that must follow.
        expected: u64,
        /// The version found.
        found: u64,
    },
    /// The ledger goes further than its entries do.
    #[error("the ledger has no entry at position {position} but goes further")]
    Missing {
        /// The position.
        position: u64,
    },
    /// The checkpoint is not where this projector left it.
    #[error("something else moved the projections; only one projector may write them: {REBUILD}")]
    Moved,
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] ReadError),
    /// The ledger is closed.
    #[error("the ledger is closed")]
    LedgerClosed,
    /// A row could not be written as JSON.
    #[error("a row could not be written: {0}")]
    Json(#[from] serde_json::Error),
    /// The database refused.
    #[error("the projections could not be written: {0}")]
    Database(#[from] sqlx::Error),
    /// The file could not be opened or swapped.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file system refused.
    #[error("the projections could not be swapped: {0}")]
    Io(#[from] io::Error),
    /// Something stands in the rows that cannot be read back.
    #[error(transparent)]
    Rows(#[from] QueryError),
}

impl ProjectionError {
    /// Whether it is a database's, which may do better later.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Database(_)
                | Self::Ledger(_)
                | Self::Open(OpenError::Database(_) | OpenError::Ledger(_))
        )
    }
}

/// Why a question about the rows has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The database refused.
    #[error("the projections could not be read: {0}")]
    Database(#[from] sqlx::Error),
    /// A row holds something that cannot be read back.
    #[error("the projections hold {found:?} where that has no meaning ({reason}): {REBUILD}")]
    Corrupt {
        /// What it holds.
        found: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The rows did not reach a position in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the projections are at position {position}; {wanted} was waited for")]
pub struct Stale {
    /// Where they are.
    pub position: u64,
    /// The position waited for.
    pub wanted: u64,
}
