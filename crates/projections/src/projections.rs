//! The rows as their readers see them.

use std::sync::Arc;
use std::time::Duration;

use dutyledger_ledger::{LedgerReader, LockFile, Place, ReadError};
use tokio::sync::{Notify, watch};

use crate::database::{Pool, postgres, sqlite};
use crate::error::{OpenError, Stale};
use crate::lock::lock;
use crate::projector::Projector;
use crate::turn::{Timing, Turn};
use crate::{checkpoint, rebuild};

/// The rows. Clones are the same rows.
#[derive(Clone, Debug)]
pub struct Projections {
    pub(crate) rows: Pool,
    ledger: LedgerReader,
    pub(crate) standing: watch::Receiver<Standing>,
    /// Told when somebody waits for the rows to get on.
    waiting: Arc<Notify>,
    _lock: Option<Arc<LockFile>>,
}

/// How far the projector is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) position: u64,
    pub(crate) stopped: Option<String>,
    /// Whether this process writes the rows.
    pub(crate) leads: bool,
}

/// How fresh the rows are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// The position they are derived up to.
    pub position: u64,
    /// The last position of the ledger.
    pub ledger_head: u64,
    /// Why the projector stopped, if it did; or why it does not get on for now.
    pub stopped: Option<String>,
}

impl Projections {
    /// Opens the rows at a place, and hands out the projector that moves them.
    ///
    /// A file is made if it is new, and has one opener at a time. New rows are empty until the
    /// projector has caught up; where the ledger is long, [`rebuild`](crate::rebuild()) fills them
    /// sooner. In PostgreSQL several processes may have the rows open: one of their projectors
    /// writes them, and the others follow it.
    ///
    /// # Errors
    /// When a file is in use, or the rows are not derived from this ledger as it is, or have another
    /// shape than this program's; in PostgreSQL, when [`migrate`](crate::migrate()) did not make
    /// them.
    pub async fn open(
        place: impl Into<Place>,
        ledger: &LedgerReader,
    ) -> Result<(Self, Projector), OpenError> {
        Self::open_timed(place.into(), ledger, Timing::default()).await
    }

    pub(crate) async fn open_timed(
        place: Place,
        ledger: &LedgerReader,
        timing: Timing,
    ) -> Result<(Self, Projector), OpenError> {
        let (writer, readers, turn, lock) = match &place {
            Place::Sqlite(path) => {
                let lock = Arc::new(lock(path)?);
                rebuild::clear_left_over(path)?;
                // The writer first: it makes the file.
                let writer = sqlite::writer(path).await?;
                let readers = sqlite::readers(path).await?;
                (writer, readers, Turn::Alone, Some(lock))
            }
            Place::Postgres(url) => {
                let writer = postgres::writer(url).await?;
                let readers = postgres::readers(url).await?;
                (writer, readers, Turn::shared(timing), None)
            }
        };
        let mut made = checkpoint::open(&place, &writer, ledger).await?;
        // Whoever shares them does this once it has the turn.
        if !turn.is_shared() {
            let emptied = turn.begin_anew(&writer).await;
            emptied.map_err(OpenError::database)?;
            made = checkpoint::check(&place, &writer, ledger).await?;
            made.as_here(&place)?;
        }
        let position = made.position();
        let (sender, standing) = watch::channel(Standing {
            position,
            stopped: None,
            leads: turn.held(),
        });
        let waiting = Arc::new(Notify::new());
        let projector = Projector {
            rows: writer,
            place,
            ledger: ledger.clone(),
            cache: crate::cache::Cache::default(),
            position,
            standing: sender,
            turn,
            paged_at: None,
            waiting: Arc::clone(&waiting),
            page_entries: crate::projector::PAGE_ENTRIES_MAX,
            under_way: false,
            _lock: lock.clone(),
        };
        let projections = Self {
            rows: readers,
            ledger: ledger.clone(),
            standing,
            waiting,
            _lock: lock,
        };
        Ok((projections, projector))
    }

    /// The position the rows are derived up to. A question asked after this sees at least it.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.standing.borrow().position
    }

    /// Whether this process writes the rows. Of several over the same rows one does at a time; what is
    /// to be done once for all of them is done by that one.
    #[must_use]
    pub fn leads(&self) -> bool {
        let standing = self.standing.borrow();
        standing.leads && standing.stopped.is_none()
    }

    /// How fresh the rows are.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn freshness(&self) -> Result<Freshness, ReadError> {
        // The rows first: so they are never shown ahead of the ledger.
        let Standing {
            position, stopped, ..
        } = self.standing.borrow().clone();
        let ledger_head = self.ledger.last_position().await?;
        Ok(Freshness {
            position,
            ledger_head,
            stopped,
        })
    }

    /// Waits until the rows reach a position, and answers the position they are at.
    ///
    /// # Errors
    /// When they do not reach it in time, or never will because the projector stopped.
    pub async fn wait_for(&self, position: u64, timeout: Duration) -> Result<u64, Stale> {
        let mut standing = self.standing.clone();
        let reached = |s: &Standing| s.position >= position || s.stopped.is_some();
        if !reached(&self.standing.borrow()) {
            self.waiting.notify_one();
        }
        // Whether it was reached, the time ran out or the projector is gone, what counts is where
        // the rows are now.
        let _ = tokio::time::timeout(timeout, standing.wait_for(reached)).await;
        let at = self.position();
        if at >= position {
            Ok(at)
        } else {
            Err(Stale {
                position: at,
                wanted: position,
            })
        }
    }

    /// Waits for the reads under way and lets go of the rows.
    pub async fn close(self) {
        self.rows.close().await;
    }
}
