//! The one writer of the rows.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use dutyledger_ledger::{LedgerReader, Stored};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::watch;

use crate::cache::{Cache, Loader};
use crate::error::ProjectionError;
use crate::kinds::by_kind;
use crate::lock::Lock;
use crate::page::{self, PageOf};
use crate::projections::Standing;
use crate::{checkpoint, derived, rules, streams};

/// The most entries one transaction applies.
pub const PAGE_ENTRIES_MAX: u32 = 1_000;

/// Applies the ledger's entries to the rows. There is one for a file.
#[derive(Debug)]
pub struct Projector {
    conn: SqliteConnection,
    ledger: LedgerReader,
    cache: Cache,
    position: u64,
    standing: watch::Sender<Standing>,
    page_entries: u32,
    /// Whether a page was begun and not ended.
    under_way: bool,
    _lock: Arc<Lock>,
}

impl Projector {
    pub(crate) fn new(
        conn: SqliteConnection,
        ledger: LedgerReader,
        position: u64,
        standing: watch::Sender<Standing>,
        lock: Arc<Lock>,
    ) -> Self {
        Self {
            conn,
            ledger,
            cache: Cache::default(),
            position,
            standing,
            page_entries: PAGE_ENTRIES_MAX,
            under_way: false,
            _lock: lock,
        }
    }

    /// Follows the ledger until `shutdown` completes. `tail` is the ledger's own.
    ///
    /// It may be stopped at any await: what is not committed is applied again.
    ///
    /// # Errors
    /// When an entry cannot be understood, or a database fails. Nothing is skipped: the rows stay
    /// where they are, and [`freshness`](crate::Projections::freshness) says why.
    pub async fn run(
        &mut self,
        mut tail: watch::Receiver<u64>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ProjectionError> {
        let mut shutdown = pin!(shutdown);
        loop {
            let head = *tail.borrow_and_update();
            while self.position < head {
                tokio::select! {
                    biased;
                    () = &mut shutdown => return Ok(()),
                    stepped = self.step() => stepped?,
                };
            }
            tokio::select! {
                biased;
                () = &mut shutdown => return Ok(()),
                moved = tail.changed() => {
                    if moved.is_err() {
                        return Err(self.stopped(ProjectionError::LedgerClosed));
                    }
                }
            }
        }
    }

    /// Applies everything up to the head of the ledger and answers the position reached.
    /// `progress` is told how far it is, and how far it goes.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn catch_up(
        &mut self,
        mut progress: impl FnMut(u64, u64) + Send,
    ) -> Result<u64, ProjectionError> {
        loop {
            let head = match self.ledger.last_position().await {
                Ok(head) => head,
                Err(error) => return Err(self.stopped(error.into())),
            };
            progress(self.position, head);
            if self.position >= head {
                return Ok(self.position);
            }
            while self.position < head {
                self.step().await?;
                progress(self.position, head.max(self.position));
            }
        }
    }

    /// Lets go of the file. Dropping the projector is as safe, but then the file is let go of a
    /// little later, and a rebuild in this process may find it in use.
    pub async fn close(self) {
        // What is committed stays committed however the connection ends.
        let _ = self.conn.close().await;
    }

    /// Where the rows are.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Applies one page in one transaction, and tells everybody.
    pub(crate) async fn step(&mut self) -> Result<(), ProjectionError> {
        match self.page().await {
            Ok(position) => {
                self.position = position;
                self.standing
                    .send_modify(|standing| standing.position = position);
                Ok(())
            }
            Err(error) => Err(self.stopped(error)),
        }
    }

    async fn page(&mut self) -> Result<u64, ProjectionError> {
        if std::mem::replace(&mut self.under_way, true) {
            // The page before was stopped half-way, and may be committed or not.
            let position = checkpoint::position(&mut self.conn).await?;
            if position != self.position {
                self.under_way = false;
                return Ok(position);
            }
        }
        // If this one is stopped half-way, the cache goes with it: it may be ahead of the rows.
        let mut cache = std::mem::take(&mut self.cache);
        let page = page::next(&self.ledger, self.position, self.page_entries).await?;
        let Some(last) = page.last() else {
            return Ok(self.position);
        };
        let mut tx = self.conn.begin_with("BEGIN IMMEDIATE").await?;
        let mut loader = Loader {
            ledger: &self.ledger,
            cache: &mut cache,
            up_to: last.position,
        };
        apply(&mut tx, &mut loader, &page).await?;
        checkpoint::advance(&mut tx, self.position, last).await?;
        tx.commit().await?;
        self.cache = cache;
        self.under_way = false;
        Ok(last.position)
    }

    fn stopped(&self, error: ProjectionError) -> ProjectionError {
        tracing::error!(position = self.position, %error, "the projections stopped");
        self.standing
            .send_modify(|standing| standing.stopped = Some(error.to_string()));
        error
    }

    #[cfg(test)]
    pub(crate) fn small(&mut self, page_entries: u32, cached: u64) {
        self.page_entries = page_entries;
        self.cache = Cache::holding(cached);
    }
}

async fn apply(
    conn: &mut SqliteConnection,
    loader: &mut Loader<'_>,
    page: &[Stored],
) -> Result<(), ProjectionError> {
    let PageOf {
        streams: touched,
        mut partnerships,
        ledger,
        timeline,
    } = PageOf::read(page)?;
    timeline.write(conn).await?;
    if let Some(ledger) = ledger {
        partnerships.extend(rules::write(conn, loader.ledger, ledger, loader.up_to).await?);
    }
    partnerships.extend(derived::dependents(conn, touched.keys()).await?);
    for (stream, of_page) in touched {
        by_kind!(
            stream.stream_type.as_str(),
            K => {
                let history = loader.load_with::<K>(stream.id, of_page.entries).await?;
                let position = of_page.position;
                streams::write(conn, stream.id, &history, position, &mut partnerships).await?;
                loader.cache.put(stream.id, history);
            },
            else {}
        );
    }
    for partnership in partnerships {
        derived::write(conn, loader, partnership).await?;
    }
    Ok(())
}
