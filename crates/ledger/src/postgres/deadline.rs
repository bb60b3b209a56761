//! A store that is not waited for without end.

use std::time::Duration;

use crate::error::ReadError;
use crate::store::{Answers, Batch, Committed, Head, Questions, Store, StoreError};

/// A store whose every answer must come within a time.
///
/// The server ends what takes too long, but nobody tells a writer whose connection carries nothing
/// any more: it would wait for ever, and its ledger would say that it serves. An answer that does not
/// come in time is a failure like any other: the writer stops, and of a batch that was being
/// committed the outcome is unknown.
#[derive(Debug)]
pub(crate) struct Deadline<S> {
    store: S,
    within: Duration,
}

impl<S: Store> Deadline<S> {
    pub(crate) const fn new(store: S, within: Duration) -> Self {
        Self { store, within }
    }
}

/// An answer, or the failure to give one in time.
pub(crate) async fn in_time<T, E: From<Late>>(
    within: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match tokio::time::timeout(within, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(Late(within).into()),
    }
}

/// That an answer did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("the database did not answer within {0:?}")]
pub(crate) struct Late(Duration);

impl From<Late> for ReadError {
    fn from(late: Late) -> Self {
        Self::Database(late.into())
    }
}

impl<S: Store> Store for Deadline<S> {
    const SHARED: bool = S::SHARED;

    async fn head(&mut self) -> Result<Option<Head>, StoreError> {
        in_time(self.within, self.store.head()).await
    }

    async fn hold(&mut self) -> Result<Head, StoreError> {
        in_time(self.within, self.store.hold()).await
    }

    async fn root(&mut self, position: u64) -> Result<Option<[u8; 32]>, StoreError> {
        in_time(self.within, self.store.root(position)).await
    }

    async fn release(&mut self) -> Result<(), StoreError> {
        in_time(self.within, self.store.release()).await
    }

    async fn ask(&mut self, questions: &Questions<'_>) -> Result<Answers, StoreError> {
        in_time(self.within, self.store.ask(questions)).await
    }

    async fn found(&mut self, batch: &Batch) -> Result<Committed, StoreError> {
        in_time(self.within, self.store.found(batch)).await
    }

    async fn commit(&mut self, batch: &Batch) -> Result<Committed, StoreError> {
        in_time(self.within, self.store.commit(batch)).await
    }

    async fn close(self) -> Result<(), StoreError> {
        in_time(self.within, self.store.close()).await
    }
}
