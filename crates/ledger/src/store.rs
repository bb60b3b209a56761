//! The seam between the writer and a database.
//!
//! Whatever decides — which appends are recorded, at which positions, with which bytes — lives above
//! this trait, once. A database below it answers a few questions about sets and commits a batch.

use std::collections::HashSet;
use std::error::Error;

use chrono::{DateTime, Utc};
use dutyledger_record::{EntryId, Event, KeyId, LedgerId, Stream};

use crate::append::{Idempotency, IdempotentRow};
use crate::key::KeyChange;

/// What a database says when it fails. Nothing is decided by its kind: any failure stops the writer.
pub(crate) type StoreError = Box<dyn Error + Send + Sync>;

/// A database as its one writer sees it.
pub(crate) trait Store: Send + 'static {
    /// Which ledger this is and how far it goes; `None` before the first entry.
    async fn head(&mut self) -> Result<Option<Head>, StoreError>;

    /// The versions of these streams, in the same order; 0 for one without entries.
    async fn versions(&mut self, streams: &[&Stream]) -> Result<Vec<u64>, StoreError>;

    /// What is remembered under these idempotency keys, in the same order.
    async fn idempotent(
        &mut self,
        names: &[&Idempotency],
    ) -> Result<Vec<Option<IdempotentRow>>, StoreError>;

    /// Those of these entry ids that are recorded.
    async fn recorded(&mut self, ids: &[EntryId]) -> Result<HashSet<EntryId>, StoreError>;

    /// Those of these API keys that were issued.
    async fn issued(&mut self, ids: &[KeyId]) -> Result<HashSet<KeyId>, StoreError>;

    /// Those of these hashes that belong to an API key that was issued.
    async fn hashes(&mut self, hashes: &[[u8; 32]]) -> Result<HashSet<[u8; 32]>, StoreError>;

    /// Makes a batch durable, all of it or nothing. After an error nobody knows which.
    async fn commit(&mut self, batch: &Batch) -> Result<(), StoreError>;

    /// Leaves the database tidy.
    async fn close(self) -> Result<(), StoreError>;
}

/// Which ledger it is and how far it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) ledger: LedgerId,
    pub(crate) position: u64,
    pub(crate) recorded_at: DateTime<Utc>,
}

/// Everything one commit writes.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The position the ledger must be at; `None` for the commit that opens it.
    pub(crate) after: Option<u64>,
    /// The head once this is durable; its instant is that of everything in the batch.
    pub(crate) head: Head,
    pub(crate) entries: Vec<NewEntry>,
    pub(crate) names: Vec<NewName>,
    pub(crate) keys: Vec<KeyChange>,
    /// Idempotency rows older than this are forgotten, except lasting ones.
    pub(crate) forget_before: Option<DateTime<Utc>>,
}

impl Batch {
    /// Whether there is nothing to commit.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.names.is_empty() && self.keys.is_empty()
    }
}

/// An entry with its place.
#[derive(Debug)]
pub(crate) struct NewEntry {
    pub(crate) position: u64,
    pub(crate) entry_id: EntryId,
    pub(crate) stream: Stream,
    pub(crate) version: u64,
    pub(crate) event: Event,
    pub(crate) occurred_on: chrono::NaiveDate,
    pub(crate) leaf_data: String,
    pub(crate) leaf_hash: [u8; 32],
}

/// An idempotency key with what its repetition is answered.
#[derive(Debug)]
pub(crate) struct NewName {
    pub(crate) idempotency: Idempotency,
    pub(crate) first_position: u64,
    pub(crate) last_position: u64,
}
