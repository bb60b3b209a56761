//! The one writer of the rows.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use dutyledger_domain::by_kind;
use dutyledger_ledger::{LedgerReader, LockFile, Place};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::cache::{Cache, Loader};
use crate::database::{Pool, Tx};
use crate::error::ProjectionError;
use crate::page::{self, PageOf};
use crate::projections::Standing;
use crate::streams::StreamRows;
use crate::turn::Turn;
use crate::{checkpoint, derived, rules};

/// The most entries one transaction applies. A page writes each stream it touches once, so the
/// further the rows are behind, the less an entry costs.
pub const PAGE_ENTRIES_MAX: u32 = 5_000;
/// How long a projector that shares its rows waits after a database failed, before it tries again.
const RETRY: Duration = Duration::from_secs(1);

/// How long entries gather between one page and the next, unless somebody in this process waits for
/// them.
const GATHER: Duration = Duration::from_millis(500);

/// Applies the ledger's entries to the rows. There is one for a file. Of those for rows in
/// PostgreSQL one writes at a time, and the others follow: they tell how far the rows are, and take
/// over when it is gone.
#[derive(Debug)]
pub struct Projector {
    pub(crate) rows: Pool,
    pub(crate) place: Place,
    pub(crate) ledger: LedgerReader,
    pub(crate) cache: Cache,
    pub(crate) position: u64,
    pub(crate) standing: watch::Sender<Standing>,
    pub(crate) turn: Turn,
    /// When the last page was done.
    pub(crate) paged_at: Option<Instant>,
    /// Told when somebody waits for the rows to get on.
    pub(crate) waiting: Arc<Notify>,
    pub(crate) page_entries: u32,
    /// Whether a page was begun and not ended.
    pub(crate) under_way: bool,
    pub(crate) _lock: Option<Arc<LockFile>>,
}

impl Projector {
    /// Follows the ledger until `shutdown` completes. `tail` is the ledger's own.
    ///
    /// It may be stopped at any await: what is not committed is applied again.
    ///
    /// # Errors
    /// When an entry cannot be understood, or a database fails. Nothing is skipped: the rows stay
    /// where they are, and [`freshness`](crate::Projections::freshness) says why. Where the rows are
    /// shared, a database that fails is tried again, for as long as it takes.
    pub async fn run(
        &mut self,
        mut tail: watch::Receiver<u64>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ProjectionError> {
        let mut shutdown = pin!(shutdown);
        let ended = tokio::select! {
            biased;
            () = &mut shutdown => Ok(()),
            ended = self.work(&mut tail) => ended.map(|never| match never {}),
        };
        self.turn.give_up(&self.rows).await;
        ended
    }

    async fn work(
        &mut self,
        tail: &mut watch::Receiver<u64>,
    ) -> Result<Infallible, ProjectionError> {
        loop {
            let worked = if self.turn.held() {
                self.lead(tail).await
            } else {
                self.follow().await
            };
            match worked {
                Ok(()) => {}
                Err(error) if self.turn.is_shared() && error.may_pass() => {
                    self.trouble(&error);
                    tokio::time::sleep(RETRY).await;
                }
                Err(error) => return Err(self.stopped(error)),
            }
        }
    }

    /// Applies what there is, and waits for more, or until the turn has to be renewed.
    async fn lead(&mut self, tail: &mut watch::Receiver<u64>) -> Result<(), ProjectionError> {
        if self.position < *tail.borrow_and_update() {
            self.pace().await;
        }
        let head = *tail.borrow_and_update();
        while self.turn.held() && self.position < head {
            self.step().await?;
            self.paged_at = Some(Instant::now());
        }
        if !self.turn.held() {
            return Ok(());
        }
        tokio::select! {
            moved = tail.changed() => moved.map_err(|_| ProjectionError::LedgerClosed),
            () = self.turn.due() => self.turn.renew(&self.rows).await,
        }
    }

    /// Lets entries gather where page follows page: a stream that is written to often is then
    /// written once for many entries. What comes after a pause is applied at once, and so is
    /// everything while somebody in this process waits for it: of whoever waits in another that
    /// shares the rows, nothing is known here.
    async fn pace(&self) {
        let Some(last) = self.paged_at else { return };
        let gathered = tokio::time::sleep_until(last + GATHER);
        tokio::select! {
            () = gathered => {}
            () = self.waiting.notified() => {}
        }
    }

    /// Tells how far the rows are, and takes the turn if it is to be had.
    async fn follow(&mut self) -> Result<(), ProjectionError> {
        let Some(seen) = self.turn.look(&self.rows).await? else {
            checkpoint::open(&self.place, &self.rows, &self.ledger).await?;
            return Ok(());
        };
        self.seen(seen.position, seen.left_alone());
        if seen.to_be_had() {
            self.turn.take(&self.rows).await?;
        }
        if self.turn.held() {
            self.turn.begin_anew(&self.rows).await?;
            // What was held is of rows that another may have moved since.
            self.cache.clear();
            let made = checkpoint::check(&self.place, &self.rows, &self.ledger).await?;
            let position = made.position();
            tracing::info!(position, "writing the projections");
            self.reached(position);
        } else {
            self.turn.pause().await;
        }
        Ok(())
    }

    /// Applies everything up to the head of the ledger, or waits until another projector has, and
    /// answers the position reached. `progress` is told how far it is, and how far it goes.
    ///
    /// # Errors
    /// As [`run`](Self::run), but a database that fails is not tried again.
    pub async fn catch_up(
        &mut self,
        progress: impl FnMut(u64, u64) + Send,
    ) -> Result<u64, ProjectionError> {
        let caught_up = self.reach_head(progress).await;
        caught_up.map_err(|error| self.stopped(error))
    }

    async fn reach_head(
        &mut self,
        mut progress: impl FnMut(u64, u64) + Send,
    ) -> Result<u64, ProjectionError> {
        loop {
            let head = self.ledger.last_position().await?;
            progress(self.position, head);
            if self.position >= head {
                return Ok(self.position);
            }
            while self.position < head {
                if self.turn.held() {
                    self.step().await?;
                    progress(self.position, head.max(self.position));
                } else {
                    self.follow().await?;
                }
            }
        }
    }

    /// Lets go of the rows. Dropping the projector is as safe, but then a file is let go of a little
    /// later, and a rebuild in this process may find it in use; and another projector of shared rows
    /// takes over only when this one's turn has run out.
    pub async fn close(mut self) {
        self.turn.give_up(&self.rows).await;
        // What is committed stays committed however the connection ends.
        self.rows.close().await;
    }

    /// Where the rows are.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Applies one page in one transaction, and tells everybody.
    pub(crate) async fn step(&mut self) -> Result<(), ProjectionError> {
        let position = self.page().await?;
        self.reached(position);
        Ok(())
    }

    async fn page(&mut self) -> Result<u64, ProjectionError> {
        let half_way = std::mem::replace(&mut self.under_way, true);
        // If this one is stopped half-way, the cache goes with it: it may be ahead of the rows.
        let mut cache = self.cache.take_all();
        let page = page::next(&self.ledger, self.position, self.page_entries).await?;
        let Some(last) = page.last() else {
            return Ok(self.position);
        };
        let of_page = PageOf::read(&page)?;
        let mut tx = self.rows.begin().await?;
        let at = self.turn.begin(&mut tx).await?;
        match at {
            Some(at) if at == self.position => {}
            // The page before was stopped half-way, and was committed.
            Some(at) if half_way => {
                self.under_way = false;
                return Ok(at);
            }
            _ if self.turn.is_shared() => {
                tracing::warn!(position = self.position, "another wrote the projections");
                drop(tx);
                // Where the turn is still this one's, the rows were made anew, or put back by a
                // crash of the server: it is taken again from where they are.
                self.turn.give_up(&self.rows).await;
                return Ok(self.position);
            }
            _ => return Err(ProjectionError::Moved),
        }
        let mut loader = Loader {
            ledger: &self.ledger,
            cache: &mut cache,
            up_to: last.position,
        };
        apply(&mut tx, &mut loader, of_page).await?;
        if !self.turn.advance(&mut tx, self.position, last).await? {
            return Err(ProjectionError::Moved);
        }
        tx.commit().await?;
        self.cache = cache;
        self.under_way = false;
        Ok(last.position)
    }

    /// Tells everybody where the rows are, and that they get on.
    fn reached(&mut self, position: u64) {
        self.seen(position, None);
    }

    /// The same, where it may be that nobody writes them.
    fn seen(&mut self, position: u64, stopped: Option<String>) {
        self.position = position;
        let now = Standing {
            position,
            stopped,
            leads: self.turn.held(),
        };
        self.standing.send_if_modified(|standing| {
            let changed = *standing != now;
            *standing = now;
            changed
        });
    }

    /// Tells everybody that the rows do not get on for now, and begins anew as one that follows.
    fn trouble(&mut self, error: &ProjectionError) {
        tracing::warn!(position = self.position, %error, "the projections do not get on");
        self.turn.lose();
        self.standing.send_modify(|standing| {
            standing.stopped = Some(error.to_string());
            standing.leads = false;
        });
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

async fn apply(tx: &mut Tx, loader: &mut Loader<'_>, page: PageOf) -> Result<(), ProjectionError> {
    let PageOf {
        streams: touched,
        mut partnerships,
        ledger,
        timeline,
    } = page;
    timeline.write(tx).await?;
    if let Some(ledger) = ledger {
        let concerned = rules::write(tx, loader.ledger, loader.cache, ledger, loader.up_to);
        partnerships.extend(concerned.await?);
    }
    if !touched.is_empty() {
        partnerships.extend(derived::dependents(tx, touched.keys()).await?);
    }
    let mut rows = StreamRows::default();
    for (stream, of_page) in touched {
        by_kind!(
            stream.stream_type.as_str(),
            K => {
                let grown = loader.load_with::<K>(stream.id, of_page.entries).await?;
                rows.add(tx, stream.id, &grown, of_page.position).await?;
                loader.cache.put(stream.id, grown.history);
            },
            else {}
        );
    }
    partnerships.extend(rows.write(tx, loader.cache).await?);
    if !partnerships.is_empty() {
        let own = rules::read(tx, loader).await?;
        for partnership in partnerships {
            derived::write(tx, loader, &own, partnership).await?;
        }
    }
    Ok(())
}
