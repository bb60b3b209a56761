//! The seam between the writer and a database.
//!
//! Whatever decides — which appends are recorded, at which positions, with which bytes — lives above
//! this trait, once. A database below it answers a few questions about sets and commits a batch.

use std::collections::HashSet;
use std::error::Error;
use std::hash::Hash;

use chrono::{DateTime, Utc};
use dutyledger_record::{EntryId, Event, Frontier, KeyId, LedgerId, Stream};

use crate::append::{Idempotency, IdempotentRow};
use crate::error::ReadError;
use crate::key::KeyChange;

/// What a database says when it fails. Nothing is decided by its kind: any failure stops the writer.
pub(crate) type StoreError = Box<dyn Error + Send + Sync>;

/// A database as one of its writers sees it.
///
/// Everything a store holds changes only together with its head, and the head's batch number with
/// every change. So what a writer knows of the store holds for as long as that number does, and a
/// commit that finds the number it expects needs no other check.
pub(crate) trait Store: Send + 'static {
    /// Whether other writers may move the head.
    const SHARED: bool;

    /// Where the ledger is; `None` before the first entry.
    fn head(&mut self) -> impl Future<Output = Result<Option<Head>, StoreError>> + Send;

    /// Keeps other writers out until the next commit or release, and tells where the ledger is.
    fn hold(&mut self) -> impl Future<Output = Result<Head, StoreError>> + Send;

    /// The root of the Merkle tree up to a position, where a commit ended there.
    fn root(
        &mut self,
        position: u64,
    ) -> impl Future<Output = Result<Option<[u8; 32]>, StoreError>> + Send;

    /// Lets other writers in again.
    fn release(&mut self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Answers questions, each set in its own order.
    fn ask(
        &mut self,
        questions: &Questions<'_>,
    ) -> impl Future<Output = Result<Answers, StoreError>> + Send;

    /// Writes the first batch. A ledger that another founded meanwhile is left as it is.
    fn found(
        &mut self,
        batch: &Batch,
    ) -> impl Future<Output = Result<Committed, StoreError>> + Send;

    /// Makes a batch durable, all of it or nothing. After an error nobody knows which.
    fn commit(
        &mut self,
        batch: &Batch,
    ) -> impl Future<Output = Result<Committed, StoreError>> + Send;

    /// Leaves the database tidy.
    fn close(self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// It is durable.
    Durable {
        /// How many idempotency rows were forgotten with it, up to [`FORGOTTEN_MAX`].
        forgotten: u64,
    },
    /// Nothing of it was written: the head was elsewhere, something in it was there already, or
    /// another program had the file to itself.
    Refused,
}

/// Which ledger it is and how far it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) ledger: LedgerId,
    /// How many commits there were.
    pub(crate) batch: u64,
    pub(crate) position: u64,
    pub(crate) recorded_at: DateTime<Utc>,
    /// The Merkle tree over all entries.
    pub(crate) frontier: Frontier,
}

/// What a writer asks about a batch before it judges it.
#[derive(Debug, Default)]
pub(crate) struct Questions<'a> {
    /// Which version have these streams? 0 for one without entries.
    pub(crate) streams: Vec<&'a Stream>,
    /// What is remembered under these idempotency keys?
    pub(crate) names: Vec<&'a Idempotency>,
    /// Which of these entries are recorded?
    pub(crate) entries: Vec<EntryId>,
    /// Which of these API keys were issued?
    pub(crate) keys: Vec<KeyId>,
    /// Which of these hashes belong to an API key that was issued?
    pub(crate) hashes: Vec<[u8; 32]>,
}

impl Questions<'_> {
    /// Whether there is nothing to ask.
    pub(crate) fn is_empty(&self) -> bool {
        self.streams.is_empty()
            && self.names.is_empty()
            && self.entries.is_empty()
            && self.keys.is_empty()
            && self.hashes.is_empty()
    }
}

/// The answers to [`Questions`].
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) versions: Vec<u64>,
    pub(crate) names: Vec<Option<IdempotentRow>>,
    pub(crate) entries: HashSet<EntryId>,
    pub(crate) keys: HashSet<KeyId>,
    pub(crate) hashes: HashSet<[u8; 32]>,
}

/// How many idempotency rows one commit forgets at the most: it must not take long, for others wait.
macro_rules! forgotten_max {
    () => {
        2000
    };
}
pub(crate) use forgotten_max;

/// The same, as a number.
pub(crate) const FORGOTTEN_MAX: u64 = forgotten_max!();

/// Everything one commit writes.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The number of the batch before it, which the head must have.
    pub(crate) after: u64,
    /// The Merkle tree it adds to, which the head must have too: another history may have come as far.
    pub(crate) onto: Frontier,
    /// The head once this is durable.
    pub(crate) head: Head,
    pub(crate) entries: Vec<NewEntry>,
    /// The roots of the Merkle tree it leaves, each with the position it is the root up to.
    pub(crate) roots: Vec<(u64, [u8; 32])>,
    pub(crate) names: Vec<NewName>,
    pub(crate) keys: Vec<KeyChange>,
    /// Of the idempotency rows older than this the oldest are forgotten, except lasting ones.
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
    pub(crate) recorded_at: DateTime<Utc>,
    pub(crate) leaf_data: String,
    pub(crate) leaf_hash: [u8; 32],
}

/// An idempotency key with what its repetition is answered.
#[derive(Debug)]
pub(crate) struct NewName {
    pub(crate) idempotency: Idempotency,
    pub(crate) first_position: u64,
    pub(crate) last_position: u64,
    pub(crate) recorded_at: DateTime<Utc>,
}

impl NewName {
    /// What is remembered of it.
    pub(crate) fn row(&self) -> IdempotentRow {
        IdempotentRow {
            digest: self.idempotency.digest,
            first_position: self.first_position,
            last_position: self.last_position,
            recorded_at: self.recorded_at,
        }
    }
}

/// The set that rows make.
pub(crate) fn set<T: Eq + Hash>(
    rows: impl Iterator<Item = Result<T, ReadError>>,
) -> Result<HashSet<T>, StoreError> {
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What was found for each of `count` questions, from rows that say which question they answer.
pub(crate) fn placed<T: Copy>(
    count: usize,
    rows: impl Iterator<Item = Result<(i64, T), ReadError>>,
) -> Result<Vec<Option<T>>, StoreError> {
    let mut found = vec![None; count];
    for row in rows {
        let (index, row) = row?;
        let place = usize::try_from(index)
            .ok()
            .and_then(|index| found.get_mut(index));
        *place.ok_or("an index outside the set")? = Some(row);
    }
    Ok(found)
}
