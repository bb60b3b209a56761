//! Decides what a batch records: idempotency, expected versions, positions, bytes and hashes.
//!
//! What must be known is asked of the store once for the whole batch; after that every append is
//! judged in order against that knowledge and what the appends before it changed.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use dutyledger_record::{Draft, EntryId, KeyId, Stream, leaf_hash};

use crate::append::{Append, AppendError, Idempotency, IdempotentRow, Invalid, Receipt};
use crate::key::KeyChange;
use crate::store::{Batch, Head, NewEntry, NewName, Store, StoreError};

/// What the store and the appends judged so far say about everything a batch touches.
#[derive(Debug, Default)]
struct Known {
    versions: HashMap<Stream, u64>,
    names: HashMap<(String, String), IdempotentRow>,
    entries: HashSet<EntryId>,
    keys: HashSet<KeyId>,
    hashes: HashSet<[u8; 32]>,
}

impl Known {
    async fn load<S: Store>(
        store: &mut S,
        appends: impl Iterator<Item = &Append> + Clone,
    ) -> Result<Self, StoreError> {
        let mut known = Self::default();
        let parts = || appends.clone().flat_map(|append| &append.streams);
        let changes = || appends.clone().flat_map(|append| &append.keys);

        let streams: HashSet<&Stream> = parts().map(|part| &part.stream).collect();
        let streams: Vec<&Stream> = streams.into_iter().collect();
        if !streams.is_empty() {
            let versions = store.versions(&streams).await?;
            known.versions = streams.into_iter().cloned().zip(versions).collect();
        }

        let names: Vec<&Idempotency> = appends
            .clone()
            .filter_map(|append| append.idempotency.as_ref())
            .collect();
        if !names.is_empty() {
            let rows = store.idempotent(&names).await?;
            let found = names.into_iter().zip(rows);
            known.names = found
                .filter_map(|(name, row)| Some((full_name(name), row?)))
                .collect();
        }

        let entries: Vec<EntryId> = parts()
            .flat_map(|part| &part.drafts)
            .map(|draft| draft.entry_id)
            .collect();
        if !entries.is_empty() {
            known.entries = store.recorded(&entries).await?;
        }

        let (mut keys, mut hashes) = (Vec::new(), Vec::new());
        for change in changes() {
            match change {
                KeyChange::Issue(key) => {
                    keys.push(key.key_id);
                    hashes.push(key.hash);
                }
                KeyChange::Revoke { key_id, .. } => keys.push(*key_id),
            }
        }
        if !keys.is_empty() {
            known.keys = store.issued(&keys).await?;
        }
        if !hashes.is_empty() {
            known.hashes = store.hashes(&hashes).await?;
        }
        Ok(known)
    }

    /// The receipt of an earlier append of the same name, if there is one.
    fn earlier(&self, append: &Append) -> Result<Option<Receipt>, AppendError> {
        let Some(name) = &append.idempotency else {
            return Ok(None);
        };
        let Some(row) = self.names.get(&full_name(name)) else {
            return Ok(None);
        };
        if row.digest != name.digest {
            return Err(AppendError::IdempotencyMismatch);
        }
        Ok(Some(Receipt {
            first_position: row.first_position,
            last_position: row.last_position,
            recorded_at: row.recorded_at,
            replayed: true,
        }))
    }

    fn check_versions(&self, append: &Append) -> Result<(), AppendError> {
        for part in &append.streams {
            let actual = self.versions.get(&part.stream).copied().unwrap_or(0);
            if actual != part.expected_version {
                return Err(AppendError::Conflict {
                    stream: part.stream.clone(),
                    expected: part.expected_version,
                    actual,
                });
            }
        }
        Ok(())
    }

    fn check_entries(&self, append: &Append) -> Result<(), Invalid> {
        let mut drafts = append.streams.iter().flat_map(|part| &part.drafts);
        match drafts.find(|draft| self.entries.contains(&draft.entry_id)) {
            Some(draft) => Err(Invalid::EntryTwice(draft.entry_id)),
            None => Ok(()),
        }
    }

    fn check_keys(&self, append: &Append) -> Result<(), Invalid> {
        // What the append itself issues counts for its later changes.
        let (mut keys, mut hashes) = (HashSet::new(), HashSet::new());
        for change in &append.keys {
            match change {
                KeyChange::Issue(key) => {
                    let known = self.keys.contains(&key.key_id) || self.hashes.contains(&key.hash);
                    if known || !keys.insert(key.key_id) || !hashes.insert(key.hash) {
                        return Err(Invalid::KeyTwice(key.key_id));
                    }
                }
                KeyChange::Revoke { key_id, .. } => {
                    if !self.keys.contains(key_id) && !keys.contains(key_id) {
                        return Err(Invalid::KeyUnknown(*key_id));
                    }
                }
            }
        }
        Ok(())
    }
}

fn full_name(name: &Idempotency) -> (String, String) {
    (name.scope.clone(), name.key.clone())
}

/// A batch in the making.
#[derive(Debug)]
pub(crate) struct Plan {
    known: Known,
    batch: Batch,
}

impl Plan {
    /// Begins a batch after `head` that will hold some of `appends`, recorded at one instant.
    pub(crate) async fn begin<S: Store>(
        store: &mut S,
        head: Head,
        recorded_at: DateTime<Utc>,
        appends: impl Iterator<Item = &Append> + Clone,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            known: Known::load(store, appends).await?,
            batch: Batch {
                after: Some(head.position),
                head: Head {
                    recorded_at,
                    ..head
                },
                entries: Vec::new(),
                names: Vec::new(),
                keys: Vec::new(),
                forget_before: None,
            },
        })
    }

    /// Adds an append that was given to [`begin`](Self::begin), or refuses it and stays as it was.
    pub(crate) fn add(&mut self, append: Append) -> Result<Receipt, AppendError> {
        if let Some(receipt) = self.known.earlier(&append)? {
            return Ok(receipt);
        }
        self.known.check_versions(&append)?;
        self.known.check_entries(&append)?;
        self.known.check_keys(&append)?;

        // Nothing fails from here on.
        let before = self.batch.head.position;
        for part in append.streams {
            if let Some(last) = part.drafts.last() {
                self.known.versions.insert(part.stream, last.version);
            }
            for draft in part.drafts {
                self.known.entries.insert(draft.entry_id);
                let entry = place(draft, &mut self.batch.head);
                self.batch.entries.push(entry);
            }
        }
        let last_position = self.batch.head.position;
        let receipt = Receipt {
            first_position: last_position.min(before + 1),
            last_position,
            recorded_at: self.batch.head.recorded_at,
            replayed: false,
        };
        if let Some(idempotency) = append.idempotency {
            self.remember(idempotency, &receipt);
        }
        for change in append.keys {
            if let KeyChange::Issue(key) = &change {
                self.known.keys.insert(key.key_id);
                self.known.hashes.insert(key.hash);
            }
            self.batch.keys.push(change);
        }
        Ok(receipt)
    }

    fn remember(&mut self, idempotency: Idempotency, receipt: &Receipt) {
        let row = IdempotentRow {
            digest: idempotency.digest,
            first_position: receipt.first_position,
            last_position: receipt.last_position,
            recorded_at: receipt.recorded_at,
        };
        self.known.names.insert(full_name(&idempotency), row);
        self.batch.names.push(NewName {
            idempotency,
            first_position: receipt.first_position,
            last_position: receipt.last_position,
        });
    }

    /// The batch.
    pub(crate) fn finish(self) -> Batch {
        self.batch
    }
}

/// Gives a draft the position after the head, and moves the head there.
pub(crate) fn place(draft: Draft, head: &mut Head) -> NewEntry {
    head.position += 1;
    let leaf_data = draft.leaf_data(head.position, head.recorded_at);
    NewEntry {
        position: head.position,
        leaf_hash: leaf_hash(&leaf_data),
        leaf_data,
        entry_id: draft.entry_id,
        stream: draft.stream,
        version: draft.version,
        event: draft.event,
        occurred_on: draft.occurred_on,
    }
}
