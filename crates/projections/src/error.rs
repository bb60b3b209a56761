//! What can go wrong.

use std::io;
use std::path::PathBuf;

use dutyledger_domain::HistoryError;
use dutyledger_ledger::ReadError;
use dutyledger_record::{EntryError, LedgerId};

/// What to do about rows that cannot be gone on with.
pub(crate) const REBUILD: &str = "run `dutyledger projections rebuild`";

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
    /// They have another shape than this program gives them.
    #[error(
        "the projections {} have schema {found}, and this program uses schema {known}: {REBUILD}",
        path.display()
    )]
    OtherSchema {
        /// The file.
        path: PathBuf,
        /// The schema it has.
        found: i64,
        /// The schema of this program.
        known: i64,
    },
    /// They were derived from another ledger.
    #[error(
        "the projections {} are those of ledger {found}, not of ledger {ledger}: {REBUILD}",
        path.display()
    )]
    OtherLedger {
        /// The file.
        path: PathBuf,
        /// The ledger they were derived from.
        found: LedgerId,
        /// The ledger they were opened with.
        ledger: LedgerId,
    },
    /// They are ahead of the ledger: it was put back to an earlier state.
    #[error(
        "the projections {} are at position {position}, and the ledger ends at {head}: {REBUILD}",
        path.display()
    )]
    AheadOfLedger {
        /// The file.
        path: PathBuf,
        /// Where they are.
        position: u64,
        /// Where the ledger ends.
        head: u64,
    },
    /// The ledger holds another entry at their position: it was put back to an earlier state and
    /// went on differently.
    #[error(
        "the ledger holds another entry at position {position} than the one the projections {} \
         were derived from: {REBUILD}",
        path.display()
    )]
    OtherHistory {
        /// The file.
        path: PathBuf,
        /// Where they are.
        position: u64,
    },
    /// Something stands in them that cannot be read.
    #[error("the projections {} hold something that has no meaning: {REBUILD}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
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
