//! A ledger as the process that owns it sees it.

use std::io;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use chrono::{DateTime, Utc};
use dutyledger_record::{Draft, EntryError, Frontier, LedgerId, Record};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

use crate::append::{Append, AppendError, Receipt, Size};
use crate::clock::{Clock, truncated};
use crate::error::OpenError;
use crate::lock::{Owner, OwnerLock, true_path};
use crate::memory::Memory;
use crate::noted::{self, KeptHead, Note};
use crate::place::Place;
use crate::plan::place;
use crate::postgres::{ANSWER_MAX, Deadline, PostgresStore};
use crate::queue::{Bounds, Queue, queue};
use crate::reader::LedgerReader;
use crate::sqlite::SqliteStore;
use crate::status::{Health, Status};
use crate::store::{Batch, Committed, Head, Store};
use crate::writer::{Writer, advance};

/// Where a ledger is and how much it takes on at once.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the ledger is.
    pub place: Place,
    /// The file outside the database in which its head is noted, if it is; see
    /// [`NotedHead`](crate::NotedHead).
    pub noted: Option<PathBuf>,
    /// The newest head that was signed, if one was: the ledger must go on from it as well.
    pub signed: Option<KeptHead>,
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
    /// The ledger at a place, with bounds for a small server, its head not noted.
    #[must_use]
    pub fn at(place: impl Into<Place>) -> Self {
        Self {
            place: place.into(),
            noted: None,
            signed: None,
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

/// A ledger, open for appending. Clones are the same ledger.
///
/// A file is owned by one process for as long as it is open; a PostgreSQL database is appended to by
/// as many as like. It is read like any [`LedgerReader`].
#[derive(Clone, Debug)]
pub struct Ledger {
    queue: Queue,
    tail: watch::Receiver<u64>,
    reader: LedgerReader,
    status: Status,
    lock: Option<Arc<OwnerLock>>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
    /// What goes on beside the writer: following others' commits, noting the head.
    tasks: Arc<[AbortHandle]>,
    note: Option<Note>,
}

impl Ledger {
    /// Opens a ledger, or founds it if it is new: then `opening` is given the instant and makes the
    /// first entry.
    ///
    /// # Errors
    /// When another process owns the file, the place holds no ledger this program knows, the ledger
    /// does not go on from its noted head, or the first entry cannot be made.
    pub async fn open(
        options: Options,
        clock: Arc<dyn Clock>,
        opening: impl FnOnce(DateTime<Utc>) -> Result<Opening, EntryError> + Send,
    ) -> Result<Self, OpenError> {
        match &options.place {
            Place::Sqlite(path) => {
                // Before anything else, so that a link moved meanwhile cannot part the file from
                // its lock.
                let path = true_path(path)?;
                let lock = Arc::new(OwnerLock::take(&path).await?);
                let store = SqliteStore::open(&path).await?;
                Self::over(store, Some(lock), options, clock, opening).await
            }
            Place::Postgres(url) => {
                let store = Deadline::new(PostgresStore::open(url).await?, ANSWER_MAX);
                Self::over(store, None, options, clock, opening).await
            }
        }
    }

    async fn over<S: Store>(
        mut store: S,
        lock: Option<Arc<OwnerLock>>,
        options: Options,
        clock: Arc<dyn Clock>,
        opening: impl FnOnce(DateTime<Utc>) -> Result<Opening, EntryError> + Send,
    ) -> Result<Self, OpenError> {
        let noted = options.noted.clone().map(KeptHead::noted).transpose()?;
        let kept: Vec<_> = noted.flatten().into_iter().chain(options.signed).collect();
        let head = match store.head().await.map_err(OpenError::Database)? {
            Some(head) => {
                if let (Some(note), []) = (&options.noted, &*kept) {
                    let (note, position) = (note.display(), head.position);
                    tracing::warn!(
                        %note, position,
                        "no head of this ledger was noted: that it is no older copy cannot be told"
                    );
                }
                head
            }
            None => found(&mut store, clock.as_ref(), kept.first(), opening).await?,
        };
        let reader = LedgerReader::with_readers(&options.place, options.readers).await?;
        noted::check_whole(&head, &reader).await?;
        for kept in kept {
            kept.check(&reader).await?;
        }

        let status = Status::default();
        let bounds = Bounds {
            appends: options.queue_appends_max,
            bytes: options.queue_bytes_max,
            wait: options.queue_wait,
        };
        let (queue, inbox) = queue(bounds, status.clone());
        let tail = Arc::new(watch::Sender::new(head.position));
        let seen = tail.subscribe();
        let mut tasks = Vec::new();
        if S::SHARED {
            tasks.push(tokio::spawn(follow(reader.clone(), Arc::downgrade(&tail))));
        }
        let known = watch::Sender::new(head.clone());
        let note = options.noted.map(|path| Note::new(path, known.subscribe()));
        if let Some(note) = note.clone() {
            tasks.push(tokio::spawn(noted::keep(note)));
        }
        let writer = Writer {
            store,
            head,
            memory: Memory::default(),
            clock,
            inbox,
            tail,
            known,
            recent: reader.recent(),
            status: status.clone(),
            batch_max: Size {
                rows: options.batch_rows_max,
                bytes: options.batch_bytes_max,
            },
            forgot_at: None,
        };
        let writer = spawn(writer, status.clone(), lock.clone());
        Ok(Self {
            queue,
            tail: seen,
            reader,
            status,
            lock,
            writer: Arc::new(Mutex::new(Some(writer))),
            tasks: tasks.into_iter().map(|task| task.abort_handle()).collect(),
            note,
        })
    }

    /// Which process owns the ledger at a place, if it is a file and one does.
    #[must_use]
    pub fn owner(place: impl Into<Place>) -> Option<Owner> {
        place.into().file().and_then(Owner::of)
    }

    /// Tells whoever asks for the owner where it serves; a ledger without an owner tells nobody.
    ///
    /// # Errors
    /// When the address is not one line of text, or the lock file cannot be written.
    pub fn announce(&self, address: &str) -> io::Result<()> {
        match &self.lock {
            Some(lock) => lock.announce(address),
            None => Ok(()),
        }
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

    /// Why the head could not be noted the last time that was tried, if it could not.
    #[must_use]
    pub fn not_noted(&self) -> Option<String> {
        self.note.as_ref().and_then(Note::trouble)
    }

    /// Completes once the ledger takes no more appends; [`health`](Self::health) says why.
    pub async fn stopped(&self) {
        self.status.stopped().await;
    }

    /// Refuses new appends, finishes those that wait, tidies up, notes the head and lets go.
    /// Reads through other clones fail from then on. Gives why it could not go on, where it could
    /// not: before, or with what still waited.
    pub async fn close(self) -> Option<String> {
        self.status.close();
        for task in self.tasks.iter() {
            task.abort();
        }
        // The readers go first: the last connection to close a file tidies it up, and it must be
        // able to write.
        self.reader.clone().close().await;
        self.queue.close();
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer {
            // A writer that panicked has said so already, and there is no more to wait for.
            let _ = writer.await;
        }
        if let Some(note) = &self.note {
            // A last time. Where that fails it has said so.
            let _ = note.renew().await;
        }
        if let Some(lock) = &self.lock {
            lock.release();
        }
        self.status.failure()
    }
}

/// How often the commits of other processes are looked for.
const FOLLOW_EVERY: Duration = Duration::from_millis(50);

/// Moves the tail as other processes append, until the ledger is closed.
async fn follow(ledger: LedgerReader, tail: Weak<watch::Sender<u64>>) {
    let mut failing = false;
    loop {
        tokio::time::sleep(FOLLOW_EVERY).await;
        let found = ledger.last_position().await;
        let Some(tail) = tail.upgrade() else { return };
        match found {
            Ok(position) => {
                failing = false;
                advance(&tail, position);
            }
            Err(error) if !std::mem::replace(&mut failing, true) => {
                tracing::warn!(%error, "other processes' appends cannot be followed");
            }
            Err(_) => {}
        }
    }
}

impl Deref for Ledger {
    type Target = LedgerReader;

    fn deref(&self) -> &LedgerReader {
        &self.reader
    }
}

/// Writes the first entry of a new ledger. Where another process founds it at the same moment, its
/// ledger is the one.
async fn found<S: Store>(
    store: &mut S,
    clock: &dyn Clock,
    kept: Option<&KeptHead>,
    opening: impl FnOnce(DateTime<Utc>) -> Result<Opening, EntryError>,
) -> Result<Head, OpenError> {
    if let Some(kept) = kept {
        return Err(kept.behind(0).into());
    }
    let recorded_at = truncated(clock.now());
    let Opening { ledger, draft } = opening(recorded_at)?;
    let version = draft.version;
    let mut head = Head {
        ledger,
        batch: 1,
        position: 0,
        recorded_at,
        frontier: Frontier::empty(),
    };
    let entry = place(&draft, &mut head);
    let root = (head.position, head.frontier.root());
    if version != 1 || Record::parse(&entry.leaf_data)?.ledger_id != ledger {
        return Err(OpenError::NotAnOpening);
    }
    let batch = Batch {
        after: 0,
        onto: Frontier::empty(),
        head,
        entries: vec![entry],
        roots: vec![root],
        names: Vec::new(),
        keys: Vec::new(),
        forget_before: None,
    };
    match store.found(&batch).await.map_err(OpenError::Database)? {
        Committed::Durable { .. } => Ok(batch.head),
        Committed::Refused => store
            .head()
            .await
            .map_err(OpenError::Database)?
            .ok_or(OpenError::NotAnOpening),
    }
}

/// Starts the writer as a task of its own, which no request can cancel: it runs where its callers
/// do, so that handing it an append wakes no other thread.
fn spawn<S: Store>(
    writer: Writer<S>,
    status: Status,
    lock: Option<Arc<OwnerLock>>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let ended = StopWhenDone(status);
        writer.run().await;
        drop(ended);
        // The file stays ours until its last writer is done with it, even if every handle is gone.
        drop(lock);
    })
}

/// Marks the ledger as stopped when the writer ends, in whatever way, even by a panic.
struct StopWhenDone(Status);

impl Drop for StopWhenDone {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop("the writer ended");
        } else {
            self.0.close();
        }
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod paused;
#[cfg(test)]
mod silent;
