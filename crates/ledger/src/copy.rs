//! Copying a ledger from one database to another, everything that is hashed unchanged.

use dutyledger_record::{Frontier, Stream};

use crate::append::Idempotency;
use crate::error::{OpenError, ReadError};
use crate::key::KeyChange;
use crate::lock::{OwnerLock, true_path};
use crate::place::Place;
use crate::postgres::{ANSWER_MAX, Deadline, PostgresStore};
use crate::reader::{LedgerReader, Stored};
use crate::sqlite::SqliteStore;
use crate::store::{Batch, Committed, Head, NewEntry, NewName, Store, StoreError};

/// How many entries one commit copies.
const PAGE: u32 = 2_000;

/// Why a ledger was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The place to copy to could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The ledger could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The place to copy to holds another ledger, or other entries.
    #[error("{0} holds a ledger that this one does not go on from: copy to a new place")]
    NotEmpty(String),
    /// An entry is not what its leaf hash says.
    #[error(
        "the entry at position {0} is not whole, so nothing from there on was copied: \
         `dutyledger ledger verify` tells more"
    )]
    Broken(u64),
    /// Another process writes there at the same time.
    #[error("{0} is being written to by another process: end it, and copy again")]
    Busy(String),
    /// Writing failed. What was copied before stays, and copying again goes on after it.
    #[error("the copy could not be written: {0}")]
    Write(#[source] StoreError),
}

/// Copies a ledger to a place that holds none, or that holds the beginning of the same ledger: then
/// it goes on there. Entries, roots, idempotency keys and API keys are copied; projections are made
/// anew, and the keys of sealed texts are not the ledger's. Answers the position copied to.
///
/// The root at the head is written last of all. Until then there is none, and what was copied so far is
/// not served: it may lack API keys and what repeated requests are answered with.
///
/// `progress` is told how many entries are done, and how many there are.
///
/// # Errors
/// When either side fails, or the place holds something else.
pub async fn copy(
    from: &LedgerReader,
    to: &Place,
    progress: impl FnMut(u64, u64) + Send,
) -> Result<u64, CopyError> {
    match to {
        Place::Sqlite(path) => {
            let path = true_path(path).map_err(OpenError::from)?;
            let lock = OwnerLock::take(&path).await.map_err(OpenError::from)?;
            let store = SqliteStore::open(&path).await?;
            let copied = copy_to(from, store, to, progress).await;
            lock.release();
            copied
        }
        Place::Postgres(url) => {
            let store = Deadline::new(PostgresStore::open(url).await?, ANSWER_MAX);
            copy_to(from, store, to, progress).await
        }
    }
}

/// How often a copy that found another writing begins again.
const AGAIN_MAX: usize = 3;

async fn copy_to<S: Store>(
    from: &LedgerReader,
    mut store: S,
    to: &Place,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<u64, CopyError> {
    let mut again = 0;
    loop {
        match copy_rest(from, &mut store, to, &mut progress).await {
            // The last commit of a copy that was killed may have come to pass only now.
            Err(CopyError::Busy(_)) if again < AGAIN_MAX => again += 1,
            Err(error) => return Err(error),
            Ok(position) => {
                store.close().await.map_err(CopyError::Write)?;
                return Ok(position);
            }
        }
    }
}

/// Copies what is not there yet.
async fn copy_rest<S: Store>(
    from: &LedgerReader,
    store: &mut S,
    to: &Place,
    progress: &mut (impl FnMut(u64, u64) + Send),
) -> Result<u64, CopyError> {
    let (head, _) = from.frontier().await?;
    let other = || CopyError::NotEmpty(to.to_string());
    let found = store.head().await.map_err(CopyError::Write)?;
    if found
        .as_ref()
        .is_some_and(|found| found.ledger != from.id())
    {
        return Err(other());
    }
    let mut copied = Copied {
        batch: found.as_ref().map_or(0, |found| found.batch),
        durable: found
            .as_ref()
            .map_or_else(Frontier::empty, |found| found.frontier.clone()),
        frontier: Frontier::empty(),
        there: found.is_some(),
    };
    let there = found.as_ref().map_or(0, |found| found.position);
    // Up to where the roots are there.
    let mut rooted = match store.root(there).await.map_err(CopyError::Write)? {
        Some(_) => there,
        None => there.saturating_sub(1),
    };
    let (mut position, mut instant) = (0, chrono::DateTime::UNIX_EPOCH);
    while position < head {
        let page = from.read(position, PAGE).await?;
        let mut entries = Vec::with_capacity(page.len());
        for stored in page {
            if stored.position != position + 1 {
                return Err(CopyError::Broken(position + 1));
            }
            position = stored.position;
            let entry = new_entry(stored).ok_or(CopyError::Broken(position))?;
            copied.frontier.push(entry.leaf_hash);
            instant = entry.recorded_at;
            if position == there {
                // What is there already must be the same.
                let same = found.as_ref().map(|found| &found.frontier);
                if same != Some(&copied.frontier) {
                    return Err(other());
                }
            }
            if position > there {
                entries.push(entry);
            }
            if position == head {
                break;
            }
        }
        if entries.is_empty() {
            if position == 0 || position >= head {
                break;
            }
            continue;
        }
        let roots = roots_within(from, rooted, position - 1).await?;
        rooted = position - 1;
        let batch = copied.batch(from, position, instant, entries, roots);
        copied.commit(store, batch, to).await?;
        progress(position, head);
    }
    if there > position {
        return Err(other());
    }
    copy_names(from, store, &mut copied, position, instant, to).await?;
    let last = roots_within(from, rooted, position).await?;
    if !last.is_empty() {
        let batch = copied.batch(from, position, instant, Vec::new(), last);
        copied.commit(store, batch, to).await?;
    }
    Ok(position)
}

/// The roots left after one position and up to another.
async fn roots_within(
    from: &LedgerReader,
    after: u64,
    to: u64,
) -> Result<Vec<(u64, [u8; 32])>, ReadError> {
    let most = u32::try_from(to - after).unwrap_or(u32::MAX);
    let mut roots = from.roots(after, most).await?;
    roots.retain(|(position, _)| *position <= to);
    Ok(roots)
}

/// How far a copy is.
struct Copied {
    batch: u64,
    /// The tree over what is written.
    durable: Frontier,
    /// The tree over what was read.
    frontier: Frontier,
    there: bool,
}

impl Copied {
    fn batch(
        &self,
        from: &LedgerReader,
        position: u64,
        recorded_at: chrono::DateTime<chrono::Utc>,
        entries: Vec<NewEntry>,
        roots: Vec<(u64, [u8; 32])>,
    ) -> Batch {
        Batch {
            after: self.batch,
            onto: self.durable.clone(),
            head: Head {
                ledger: from.id(),
                batch: self.batch + 1,
                position,
                recorded_at,
                frontier: self.frontier.clone(),
            },
            entries,
            roots,
            names: Vec::new(),
            keys: Vec::new(),
            forget_before: None,
        }
    }

    async fn commit<S: Store>(
        &mut self,
        store: &mut S,
        batch: Batch,
        to: &Place,
    ) -> Result<(), CopyError> {
        let committed = if self.there {
            store.commit(&batch).await
        } else {
            store.found(&batch).await
        };
        match committed.map_err(CopyError::Write)? {
            Committed::Durable { .. } => {
                self.batch += 1;
                self.durable = batch.head.frontier;
                self.there = true;
                Ok(())
            }
            Committed::Refused => Err(CopyError::Busy(to.to_string())),
        }
    }
}

/// An entry as it is written, if it is what its hash says.
fn new_entry(stored: Stored) -> Option<NewEntry> {
    let record = stored.record().ok()?;
    let whole = dutyledger_record::leaf_hash(&stored.leaf_data) == stored.leaf_hash;
    whole.then(|| NewEntry {
        position: stored.position,
        entry_id: record.entry.entry_id,
        stream: Stream::clone(&record.entry.stream),
        version: record.entry.version,
        event: record.event,
        occurred_on: record.entry.standing.occurred_on.date,
        recorded_at: record.recorded_at,
        leaf_data: stored.leaf_data,
        leaf_hash: stored.leaf_hash,
    })
}

/// Copies what stands beside the entries: idempotency keys, then API keys.
async fn copy_names<S: Store>(
    from: &LedgerReader,
    store: &mut S,
    copied: &mut Copied,
    position: u64,
    recorded_at: chrono::DateTime<chrono::Utc>,
    to: &Place,
) -> Result<(), CopyError> {
    let mut after: Option<(String, String)> = None;
    loop {
        let page = from.names(after.as_ref(), PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some((last.scope.clone(), last.key.clone()));
        let asked: Vec<&Idempotency> = page.iter().map(|(name, _)| name).collect();
        let questions = crate::store::Questions {
            names: asked,
            ..Default::default()
        };
        let there = store.ask(&questions).await.map_err(CopyError::Write)?.names;
        let names = page
            .into_iter()
            .zip(there)
            // What was recorded since the copy began comes with its entries, the next time.
            .filter(|((_, row), there)| there.is_none() && row.last_position <= position);
        let mut batch = copied.batch(from, position, recorded_at, Vec::new(), Vec::new());
        batch.names = names
            .map(|((idempotency, row), _)| NewName {
                idempotency,
                first_position: row.first_position,
                last_position: row.last_position,
                recorded_at: row.recorded_at,
            })
            .collect();
        if !batch.is_empty() {
            copied.commit(store, batch, to).await?;
        }
    }
    let mut after = None;
    loop {
        let page = from.api_keys(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.key_id);
        let questions = crate::store::Questions {
            keys: page.iter().map(|key| key.key_id).collect(),
            ..Default::default()
        };
        let there = store.ask(&questions).await.map_err(CopyError::Write)?.keys;
        let mut batch = copied.batch(from, position, recorded_at, Vec::new(), Vec::new());
        batch.keys = page
            .into_iter()
            .filter_map(|key| match key.revoked_at {
                // It may have been revoked since it was copied.
                Some(at) if there.contains(&key.key_id) => Some(KeyChange::Revoke {
                    key_id: key.key_id,
                    at,
                }),
                _ if there.contains(&key.key_id) => None,
                _ => Some(KeyChange::Issue(key)),
            })
            .collect();
        if !batch.is_empty() {
            copied.commit(store, batch, to).await?;
        }
    }
}
