//! The one writer of a ledger.
//!
//! It waits for nothing but the queue: while one commit reaches the disk, the next batch gathers.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use crate::append::{Append, AppendError, Receipt, Size};
use crate::clock::{Clock, instant_not_before};
use crate::plan::Plan;
use crate::queue::{Inbox, Queued};
use crate::status::Status;
use crate::store::{Batch, Head, Store, StoreError};

/// For how long a repeated request is recognised, unless its name is lasting.
const NAMES_KEPT: TimeDelta = TimeDelta::days(30);
/// How often old names are forgotten.
const FORGET_EVERY: TimeDelta = TimeDelta::hours(1);

/// Takes batches from the queue, commits each once, and answers.
pub(crate) struct Writer<S> {
    pub(crate) store: S,
    pub(crate) head: Head,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) inbox: Inbox,
    pub(crate) tail: watch::Sender<u64>,
    pub(crate) status: Status,
    pub(crate) batch_max: Size,
    pub(crate) forgot_at: Option<DateTime<Utc>>,
}

/// Why the writer stopped, and what became of the batch in hand.
struct Failure {
    cause: StoreError,
    answer: AppendError,
}

impl<S: Store> Writer<S> {
    /// Runs until the queue is closed and empty, or until the store fails.
    ///
    /// A failed commit is final: the kernel may have dropped the pages whose writing failed, so a
    /// second attempt could succeed without having written them.
    pub(crate) async fn run(mut self) {
        while let Some(queued) = self.inbox.next_batch(self.batch_max).await {
            let (appends, answers): (Vec<_>, Vec<_>) =
                queued.into_iter().map(Queued::into_parts).unzip();
            match self.record(appends).await {
                Ok(results) => {
                    for (answer, result) in answers.into_iter().zip(results) {
                        answer.send(result);
                    }
                }
                Err(failure) => {
                    tracing::error!(cause = %failure.cause, "the ledger stopped");
                    self.status.stop(failure.cause.to_string());
                    for answer in answers {
                        answer.send(Err(failure.answer.clone()));
                    }
                    self.inbox.refuse_all().await;
                    return;
                }
            }
        }
        if let Err(cause) = self.store.close().await {
            // Everything is durable in the log; the next opening takes it from there.
            tracing::warn!(%cause, "the ledger was not tidied up");
        }
    }

    /// Judges a batch and makes it durable.
    async fn record(
        &mut self,
        appends: Vec<Append>,
    ) -> Result<Vec<Result<Receipt, AppendError>>, Failure> {
        let recorded_at = instant_not_before(self.clock.as_ref(), self.head.recorded_at);
        let mut plan = Plan::begin(&mut self.store, self.head, recorded_at, appends.iter())
            .await
            .map_err(|cause| Failure {
                cause,
                answer: AppendError::Stopped,
            })?;
        let results = appends.into_iter().map(|append| plan.add(append)).collect();
        let mut batch = plan.finish();
        if !batch.is_empty() {
            batch.forget_before = self.forget_before(recorded_at);
            self.commit(&batch).await?;
        }
        self.head = batch.head;
        // Before the answers go out, so that a caller who was answered finds the tail moved.
        self.tail
            .send_if_modified(|tail| std::mem::replace(tail, batch.head.position) != *tail);
        Ok(results)
    }

    async fn commit(&mut self, batch: &Batch) -> Result<(), Failure> {
        let outcome = self.store.commit(batch).await;
        outcome.map_err(|cause| Failure {
            cause,
            answer: AppendError::OutcomeUnknown,
        })?;
        if batch.forget_before.is_some() {
            self.forgot_at = Some(batch.head.recorded_at);
        }
        tracing::debug!(
            position = batch.head.position,
            entries = batch.entries.len(),
            "recorded a batch"
        );
        Ok(())
    }

    fn forget_before(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self.forgot_at {
            Some(at) if now - at < FORGET_EVERY => None,
            _ => now.checked_sub_signed(NAMES_KEPT),
        }
    }
}

#[cfg(test)]
mod tests;
