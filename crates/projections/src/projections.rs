//! The rows as their readers see them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dutyledger_ledger::{LedgerReader, ReadError};
use sqlx::sqlite::SqlitePool;
use tokio::sync::watch;

use crate::error::{OpenError, Stale};
use crate::lock::Lock;
use crate::projector::Projector;
use crate::{checkpoint, database, rebuild};

/// The rows. Clones are the same rows.
#[derive(Clone, Debug)]
pub struct Projections {
    pub(crate) pool: SqlitePool,
    ledger: LedgerReader,
    standing: watch::Receiver<Standing>,
    _lock: Arc<Lock>,
}

/// How far the projector is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) position: u64,
    pub(crate) stopped: Option<String>,
}

/// How fresh the rows are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// The position they are derived up to.
    pub position: u64,
    /// The last position of the ledger.
    pub ledger_head: u64,
    /// Why the projector stopped, if it did.
    pub stopped: Option<String>,
}

impl Projections {
    /// Opens the rows at `path`, making the file if it is new, and hands out the projector that
    /// moves them. A new file is empty until the projector has caught up; where the ledger is long,
    /// [`rebuild`](crate::rebuild()) fills it sooner.
    ///
    /// # Errors
    /// When they are in use, are not derived from this ledger as it is, or have another shape than
    /// this program's.
    pub async fn open(path: &Path, ledger: &LedgerReader) -> Result<(Self, Projector), OpenError> {
        let lock = Arc::new(Lock::take(path)?);
        rebuild::clear_left_over(path)?;
        let mut conn = database::writer(path).await?;
        let position = checkpoint::open(path, &mut conn, ledger).await?;
        let pool = database::readers(path).await?;
        let (sender, standing) = watch::channel(Standing {
            position,
            stopped: None,
        });
        let projector = Projector::new(conn, ledger.clone(), position, sender, Arc::clone(&lock));
        Ok((
            Self {
                pool,
                ledger: ledger.clone(),
                standing,
                _lock: lock,
            },
            projector,
        ))
    }

    /// The position the rows are derived up to. A question asked after this sees at least it.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.standing.borrow().position
    }

    /// How fresh the rows are.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn freshness(&self) -> Result<Freshness, ReadError> {
        // The rows first: so they are never shown ahead of the ledger.
        let Standing { position, stopped } = self.standing.borrow().clone();
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

    /// Waits for the reads under way and lets go of the file.
    pub async fn close(self) {
        self.pool.close().await;
    }
}
