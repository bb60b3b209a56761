//! A writer of a ledger.
//!
//! It waits for nothing but the queue: while one commit reaches the disk, the next batch gathers.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::append::{Append, AppendError, Receipt, Size};
use crate::clock::{Clock, instant_not_before};
use crate::memory::Memory;
use crate::plan::{Care, Plan, questions};
use crate::queue::{Answer, Inbox, Queued};
use crate::recent::Recent;
use crate::status::Status;
use crate::store::{Answers, Batch, Committed, FORGOTTEN_MAX, Head, Store, StoreError};

/// For how long a repeated request is recognised, unless its name is lasting.
const NAMES_KEPT: TimeDelta = TimeDelta::days(30);
/// How often old names are forgotten.
const FORGET_EVERY: TimeDelta = TimeDelta::hours(1);
/// Fewer appends than this are not yet a batch worth its commit, where more may be about to come.
const FEW: usize = 64;
/// How often a writer that has nothing to write looks whether its server is still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Takes batches from the queue, commits each once, and answers.
pub(crate) struct Writer<S> {
    pub(crate) store: S,
    pub(crate) head: Head,
    pub(crate) memory: Memory,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) inbox: Inbox,
    pub(crate) tail: Arc<watch::Sender<u64>>,
    /// Where the head is told to what notes it.
    pub(crate) known: watch::Sender<Head>,
    /// Where what was recorded is at hand for those who follow.
    pub(crate) recent: Recent,
    pub(crate) status: Status,
    pub(crate) batch_max: Size,
    pub(crate) forgot_at: Option<DateTime<Utc>>,
}

/// What became of each append of a batch.
type Results = Vec<Result<Receipt, AppendError>>;

/// Why the writer stopped, and what became of the batch in hand.
struct Failure {
    cause: StoreError,
    answer: AppendError,
}

impl Failure {
    /// Nothing was written.
    fn before(cause: StoreError) -> Self {
        Self {
            cause,
            answer: AppendError::Stopped,
        }
    }

    /// Nobody knows what was written.
    fn during(cause: StoreError) -> Self {
        Self {
            cause,
            answer: AppendError::OutcomeUnknown,
        }
    }
}

impl<S: Store> Writer<S> {
    /// Runs until the queue is closed and empty, or until the store fails.
    ///
    /// A failed commit is final: the kernel may have dropped the pages whose writing failed, so a
    /// second attempt could succeed without having written them.
    pub(crate) async fn run(mut self) {
        loop {
            let queued = match self.next_batch().await {
                Ok(Some(queued)) => queued,
                Ok(None) => break,
                Err(cause) => return self.stop(Failure::before(cause), Vec::new()).await,
            };
            let (appends, answers): (Vec<_>, Vec<_>) =
                queued.into_iter().map(Queued::into_parts).unzip();
            match self.record(&appends).await {
                Ok(results) => {
                    for (answer, result) in answers.into_iter().zip(results) {
                        answer.send(result);
                    }
                    if self.inbox.waiting() < FEW {
                        // Whoever was answered may have more to record: that is to come into the
                        // next batch, not the one after it.
                        tokio::task::yield_now().await;
                    }
                }
                Err(failure) => return self.stop(failure, answers).await,
            }
        }
        if let Err(cause) = self.store.close().await {
            // Everything is durable in the log; the next opening takes it from there.
            tracing::warn!(%cause, "the ledger was not tidied up");
        }
    }

    /// The next batch. While there is none, a server is asked whether it is still there, and still
    /// has this ledger: readers connect anew by themselves, so where nothing gets as far as the
    /// queue, the loss would never be met here and never be told.
    async fn next_batch(&mut self) -> Result<Option<Vec<Queued>>, StoreError> {
        loop {
            let next = self.inbox.next_batch(self.batch_max);
            if !S::SHARED {
                return Ok(next.await);
            }
            if let Ok(queued) = timeout(LOOK_EVERY, next).await {
                return Ok(queued);
            }
            let head = self.store.head().await?;
            self.follow(head.ok_or_else(replaced)?).await?;
        }
    }

    /// Takes no more, says why, and answers everybody: those of the batch in hand, and those that
    /// wait.
    async fn stop(self, failure: Failure, answers: Vec<Answer>) {
        tracing::error!(cause = %failure.cause, "the ledger stopped");
        self.status.stop(failure.cause.to_string());
        for answer in answers {
            answer.send(Err(failure.answer.clone()));
        }
        self.inbox.refuse_all().await;
    }

    /// Judges a batch and makes it durable.
    ///
    /// The first attempt rests on what the writer remembers. Where that does not hold any more,
    /// because another writer was there first or something is in the ledger already, the other
    /// writers are kept out and everything is asked: so the second attempt cannot lose a race, and
    /// no writer is starved by a quicker one.
    async fn record(&mut self, appends: &[Append]) -> Result<Results, Failure> {
        if let Some(results) = self.attempt(appends, Care::Trusting).await? {
            return Ok(results);
        }
        let head = self.store.hold().await.map_err(Failure::before)?;
        self.follow(head).await.map_err(Failure::before)?;
        match self.attempt(appends, Care::Asking).await? {
            Some(results) => Ok(results),
            // Every reason for it was asked for, and no other writer can have written meanwhile.
            None => Err(Failure::before(
                "the database refused a batch that nothing in it stands against: does another \
                 program write to it?"
                    .into(),
            )),
        }
    }

    /// Takes in where the head is now.
    async fn follow(&mut self, head: Head) -> Result<(), StoreError> {
        if head != self.head {
            if !self.goes_on_to(&head).await? {
                return Err(replaced());
            }
            self.moved(head);
        }
        Ok(())
    }

    /// Whether the ledger that this writer left goes on to where the head is now: a database that was
    /// put back may have been written to since, and have come as far on another way.
    async fn goes_on_to(&mut self, head: &Head) -> Result<bool, StoreError> {
        if head.ledger != self.head.ledger || head.batch <= self.head.batch {
            return Ok(false);
        }
        let root = self.store.root(self.head.position).await?;
        Ok(root == Some(self.head.frontier.root()))
    }

    /// Judges a batch and tries to make it durable; nothing when it has to be judged again.
    async fn attempt(
        &mut self,
        appends: &[Append],
        care: Care,
    ) -> Result<Option<Results>, Failure> {
        let asked = questions(appends, &self.memory, care);
        let answers = if asked.is_empty() {
            Answers::default()
        } else {
            self.store.ask(&asked).await.map_err(Failure::before)?
        };
        let versions = answers.versions.clone();
        let recorded_at = instant_not_before(self.clock.as_ref(), self.head.recorded_at);
        let memory = (care == Care::Trusting).then_some(&self.memory);
        let mut plan = Plan::begin(&self.head, recorded_at, memory, &asked, answers);
        let results: Results = appends.iter().map(|append| plan.add(append)).collect();
        // A named request that is refused may be the repetition of one that was not, and only the
        // store knows every name.
        let mut named = appends.iter().zip(&results);
        if care == Care::Trusting
            && named.any(|(append, result)| append.idempotency.is_some() && result.is_err())
        {
            return Ok(None);
        }
        let mut batch = plan.finish();
        // Only now: what is learned may push out what the batch was judged by.
        self.memory
            .learn(asked.streams.iter().copied().zip(versions));
        if batch.is_empty() {
            // What a memory says is proved by a commit that rested on it, and by nothing else.
            if S::SHARED && care == Care::Trusting {
                return Ok(None);
            }
            if care == Care::Asking {
                self.store.release().await.map_err(Failure::before)?;
            }
            return Ok(Some(results));
        }
        batch.forget_before = self.forget_before(recorded_at);
        match self.store.commit(&batch).await.map_err(Failure::during)? {
            Committed::Refused => Ok(None),
            Committed::Durable { forgotten } => {
                self.recorded(batch, forgotten);
                Ok(Some(results))
            }
        }
    }

    /// Takes in a batch that is durable.
    fn recorded(&mut self, batch: Batch, forgotten: u64) {
        // Where there may be more to forget, the next commit goes on with it.
        if batch.forget_before.is_some() && forgotten < FORGOTTEN_MAX {
            self.forgot_at = Some(batch.head.recorded_at);
        }
        tracing::debug!(
            position = batch.head.position,
            entries = batch.entries.len(),
            "recorded a batch"
        );
        self.memory.record(&batch);
        self.recent.add(batch.entries);
        self.head = batch.head;
        self.tell();
    }

    /// Takes in that others have moved the head.
    fn moved(&mut self, head: Head) {
        self.memory = Memory::default();
        self.head = head;
        self.tell();
    }

    /// Moves the tail, before the answers go out, so that a caller who was answered finds it moved.
    fn tell(&self) {
        self.known.send_replace(self.head.clone());
        advance(&self.tail, self.head.position);
    }

    fn forget_before(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self.forgot_at {
            Some(at) if now - at < FORGET_EVERY => None,
            // By the earlier of this clock and the last commit's: one clock that is ahead makes
            // nothing forgotten.
            _ => now
                .min(self.head.recorded_at)
                .checked_sub_signed(NAMES_KEPT),
        }
    }
}

/// That the database is no longer the one this writer left.
fn replaced() -> StoreError {
    "the database holds an older or another ledger than before: it was replaced".into()
}

/// Moves a tail on to a position. It never goes back.
pub(crate) fn advance(tail: &watch::Sender<u64>, position: u64) {
    tail.send_if_modified(|tail| {
        let moved = position > *tail;
        *tail = position.max(*tail);
        moved
    });
}

#[cfg(test)]
mod tests;
