//! A ledger as the process that owns it sees it.

use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use chrono::{DateTime, Utc};
use dutyledger_record::{Draft, EntryError, LedgerId, Record};
use tokio::runtime;
use tokio::sync::watch;

use crate::append::{Append, AppendError, Receipt, Size};
use crate::clock::{Clock, truncated};
use crate::error::OpenError;
use crate::lock::{Owner, OwnerLock, true_path};
use crate::plan::place;
use crate::queue::{Bounds, Queue, queue};
use crate::reader::LedgerReader;
use crate::sqlite::{LEDGER, SqliteStore};
use crate::status::{Health, Status};
use crate::store::{Batch, Head, Store};
use crate::writer::Writer;

/// Where a ledger is and how much it takes on at once.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file. Its folder must exist; the file is made if it does not.
    pub path: PathBuf,
    /// How many appends may wait for the writer.
    pub queue_appends_max: usize,
    /// How many bytes of leaf data may wait for the writer. A larger append waits alone.
    pub queue_bytes_max: usize,
    /// How long an append waits for room in the queue before it is refused.
    pub queue_wait: Duration,
    /// How many rows one commit writes at the most. A larger append is committed alone.
    pub batch_rows_max: usize,
    /// How many bytes of leaf data one commit writes at the most. A larger append is committed
    /// alone.
    pub batch_bytes_max: usize,
    /// How many reads go on at once.
    pub readers: u32,
}

impl Options {
    /// The ledger at `path`, with bounds for a small server.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            queue_appends_max: 1_024,
            queue_bytes_max: 32 << 20,
            queue_wait: Duration::from_secs(2),
            batch_rows_max: 4_096,
            batch_bytes_max: 8 << 20,
            readers: 4,
        }
    }
}

/// The first entry of a new ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// What the ledger is called from now on.
    pub ledger: LedgerId,
    /// The entry at position 1: version 1 of its stream, made for that ledger.
    pub draft: Draft,
}

/// A ledger, owned by this process for as long as it is open. Clones are the same ledger.
///
/// It is read like any [`LedgerReader`].
#[derive(Clone, Debug)]
pub struct Ledger {
    queue: Queue,
    tail: watch::Receiver<u64>,
    reader: LedgerReader,
    status: Status,
    lock: Arc<OwnerLock>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Ledger {
    /// Opens a ledger, or founds it if the file is new: then `opening` is given the instant and
    /// makes the first entry.
    ///
    /// # Errors
    /// When another process owns it, the file is not a ledger this program knows, or the first entry
    /// cannot be made.
    pub async fn open(
        options: Options,
        clock: Arc<dyn Clock>,
        opening: impl FnOnce(DateTime<Utc>) -> Result<Opening, EntryError> + Send,
    ) -> Result<Self, OpenError> {
        // Before anything else, so that a link moved meanwhile cannot part the file from its lock.
        let path = true_path(&options.path)?;
        let lock = Arc::new(OwnerLock::take(&path).await?);
        let mut store = SqliteStore::new(LEDGER.writer(&path).await?);
        let head = match store.head().await.map_err(OpenError::Database)? {
            Some(head) => head,
            None => found(&mut store, clock.as_ref(), opening).await?,
        };
        let reader = LedgerReader::with_readers(&path, options.readers).await?;

        let status = Status::default();
        let bounds = Bounds {
            appends: options.queue_appends_max,
            bytes: options.queue_bytes_max,
            wait: options.queue_wait,
        };
        let (queue, inbox) = queue(bounds, status.clone());
        let (tail, seen) = watch::channel(head.position);
        let writer = Writer {
            store,
            head,
            clock,
            inbox,
            tail,
            status: status.clone(),
            batch_max: Size {
                rows: options.batch_rows_max,
                bytes: options.batch_bytes_max,
            },
            forgot_at: None,
        };
        let thread = spawn(writer, status.clone(), Arc::clone(&lock))?;
        Ok(Self {
            queue,
            tail: seen,
            reader,
            status,
            lock,
            writer: Arc::new(Mutex::new(Some(thread))),
        })
    }

    /// Which process has the ledger at `path` open, if one has.
    #[must_use]
    pub fn owner(path: &Path) -> Option<Owner> {
        Owner::of(path)
    }

    /// Tells whoever asks for the owner where it serves.
    ///
    /// # Errors
    /// When the address is not one line of text, or the lock file cannot be written.
    pub fn announce(&self, address: &str) -> io::Result<()> {
        self.lock.announce(address)
    }

    /// The last durable position.
    #[must_use]
    pub fn head(&self) -> u64 {
        *self.tail.borrow()
    }

    /// The last durable position as it moves. A receipt is never ahead of it.
    #[must_use]
    pub fn tail(&self) -> watch::Receiver<u64> {
        self.tail.clone()
    }

    /// Appends. Once this answers with a receipt, everything in it is durable.
    ///
    /// When the future is dropped the append either never happens or happens whole; an idempotency
    /// key tells which, by asking again.
    ///
    /// # Errors
    /// See [`AppendError`]. All but [`AppendError::OutcomeUnknown`] mean that nothing was recorded.
    pub async fn append(&self, append: Append) -> Result<Receipt, AppendError> {
        self.queue.append(append).await
    }

    /// Whether it takes appends.
    #[must_use]
    pub fn health(&self) -> Health {
        self.status.health()
    }

    /// Refuses new appends, finishes those that wait, tidies up the file and lets go of it.
    /// Reads through other clones fail from then on.
    pub async fn close(self) {
        self.status.stop("the ledger was closed");
        // The readers go first: the last connection to close tidies up, and it must be able to write.
        self.reader.clone().close().await;
        self.queue.close();
        let thread = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A writer that panicked has said so already, and there is no more to wait for.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        self.lock.release();
    }
}

impl Deref for Ledger {
    type Target = LedgerReader;

    fn deref(&self) -> &LedgerReader {
        &self.reader
    }
}

/// Writes the first entry of a new ledger.
async fn found<S: Store>(
    store: &mut S,
    clock: &dyn Clock,
    opening: impl FnOnce(DateTime<Utc>) -> Result<Opening, EntryError>,
) -> Result<Head, OpenError> {
    let recorded_at = truncated(clock.now());
    let Opening { ledger, draft } = opening(recorded_at)?;
    let version = draft.version;
    let mut head = Head {
        ledger,
        position: 0,
        recorded_at,
    };
    let entry = place(draft, &mut head);
    if version != 1 || Record::parse(&entry.leaf_data)?.ledger_id != ledger {
        return Err(OpenError::NotAnOpening);
    }
    let batch = Batch {
        after: None,
        head,
        entries: vec![entry],
        names: Vec::new(),
        keys: Vec::new(),
        forget_before: None,
    };
    store.commit(&batch).await.map_err(OpenError::Database)?;
    Ok(head)
}

/// Starts the writer on a thread of its own, where no request can cancel it and none waits behind
/// its hashing.
fn spawn<S: Store>(
    writer: Writer<S>,
    status: Status,
    lock: Arc<OwnerLock>,
) -> io::Result<JoinHandle<()>> {
    let runtime = runtime::Builder::new_current_thread().build()?;
    thread::Builder::new()
        .name("ledger-writer".to_owned())
        .spawn(move || {
            let ended = StopWhenDone(status);
            runtime.block_on(writer.run());
            drop(ended);
            // The file stays ours until its last writer is done with it, even if every handle is gone.
            drop(lock);
        })
}

/// Marks the ledger as stopped when the writer ends, in whatever way, even by a panic.
struct StopWhenDone(Status);

impl Drop for StopWhenDone {
    fn drop(&mut self) {
        self.0.stop("the writer ended");
    }
}
