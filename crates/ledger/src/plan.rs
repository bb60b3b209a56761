//! Decides what a batch records: idempotency, expected versions, positions, bytes and hashes.
//!
//! What must be known is gathered once for the whole batch, from the writer's memory and from the
//! store; after that every append is judged in order against that knowledge and what the appends
//! before it changed.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use dutyledger_record::{Draft, EntryId, KeyId, Stream, leaf_hash};

use crate::append::{Append, AppendError, Idempotency, IdempotentRow, Invalid, Receipt};
use crate::key::KeyChange;
use crate::memory::{Memory, full_name};
use crate::store::{Answers, Batch, Head, NewEntry, NewName, Questions};

/// How much of what must be known is asked of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// What the writer remembers is taken for true, and what the store itself refuses — a second
    /// first entry of a stream, a name or an entry that is there already — is not asked. A commit
    /// that is not refused has proved both.
    Trusting,
    /// Everything is asked.
    Asking,
}

/// What must be asked about a batch.
pub(crate) fn questions<'a>(appends: &'a [Append], memory: &Memory, care: Care) -> Questions<'a> {
    let parts = || appends.iter().flat_map(|append| &append.streams);
    let asking = care == Care::Asking;

    let opens = |expected: u64, drafts: &[Draft]| expected == 0 && !drafts.is_empty();
    let streams: HashSet<&Stream> = parts()
        .filter(|part| {
            let known = memory.version(&part.stream).is_some()
                || opens(part.expected_version, &part.drafts);
            asking || !known
        })
        .map(|part| &part.stream)
        .collect();

    let mut questions = Questions {
        streams: streams.into_iter().collect(),
        ..Questions::default()
    };
    if asking {
        let names = appends.iter().filter_map(|a| a.idempotency.as_ref());
        questions.names = names.collect();
        let drafts = parts().flat_map(|part| &part.drafts);
        questions.entries = drafts.map(|draft| draft.entry_id).collect();
    }
    for change in appends.iter().flat_map(|append| &append.keys) {
        match change {
            KeyChange::Issue(key) => {
                questions.keys.push(key.key_id);
                questions.hashes.push(key.hash);
            }
            KeyChange::Revoke { key_id, .. } => questions.keys.push(*key_id),
        }
    }
    questions
}

/// What the store, the writer's memory and the appends judged so far say about everything a batch
/// touches.
#[derive(Debug)]
struct Known<'a> {
    memory: Option<&'a Memory>,
    versions: HashMap<Stream, u64>,
    names: HashMap<(String, String), IdempotentRow>,
    entries: HashSet<EntryId>,
    keys: HashSet<KeyId>,
    hashes: HashSet<[u8; 32]>,
}

impl<'a> Known<'a> {
    fn new(memory: Option<&'a Memory>, asked: &Questions<'_>, answers: Answers) -> Self {
        let streams = asked.streams.iter().map(|stream| (*stream).clone());
        let names = asked.names.iter().zip(answers.names);
        Self {
            memory,
            versions: streams.zip(answers.versions).collect(),
            names: names
                .filter_map(|(name, row)| Some((full_name(name), row?)))
                .collect(),
            entries: answers.entries,
            keys: answers.keys,
            hashes: answers.hashes,
        }
    }

    /// The version of a stream; 0 for one without entries.
    fn version(&self, stream: &Stream) -> u64 {
        let asked = self.versions.get(stream).copied();
        let remembered = || self.memory.and_then(|memory| memory.version(stream));
        asked.or_else(remembered).unwrap_or(0)
    }

    /// The receipt of an earlier append of the same name, if there is one.
    fn earlier(&self, append: &Append) -> Result<Option<Receipt>, AppendError> {
        let Some(name) = &append.idempotency else {
            return Ok(None);
        };
        let full = full_name(name);
        let remembered = || self.memory.and_then(|memory| memory.named(&full));
        let Some(row) = self.names.get(&full).or_else(remembered) else {
            return Ok(None);
        };
        if row.digest != name.digest {
            return Err(AppendError::IdempotencyMismatch);
        }
        Ok(Some(Receipt::from(*row)))
    }

    fn check_versions(&self, append: &Append) -> Result<(), AppendError> {
        for part in &append.streams {
            let actual = self.version(&part.stream);
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

/// A batch in the making.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    known: Known<'a>,
    batch: Batch,
}

impl<'a> Plan<'a> {
    /// Begins a batch after `head`, recorded at one instant. What `memory` says of anything that
    /// was not asked is taken for true.
    pub(crate) fn begin(
        head: &Head,
        recorded_at: DateTime<Utc>,
        memory: Option<&'a Memory>,
        asked: &Questions<'_>,
        answers: Answers,
    ) -> Self {
        Self {
            known: Known::new(memory, asked, answers),
            batch: Batch {
                after: head.batch,
                onto: head.frontier.clone(),
                head: Head {
                    batch: head.batch + 1,
                    recorded_at,
                    ..head.clone()
                },
                entries: Vec::new(),
                roots: Vec::new(),
                names: Vec::new(),
                keys: Vec::new(),
                forget_before: None,
            },
        }
    }

    /// Adds an append that was asked about, or refuses it and stays as it was.
    pub(crate) fn add(&mut self, append: &Append) -> Result<Receipt, AppendError> {
        if let Some(receipt) = self.known.earlier(append)? {
            return Ok(receipt);
        }
        let head = self.batch.head.position;
        if let Some(next_to) = append.next_to.filter(|next_to| *next_to != head) {
            return Err(AppendError::NotNext { next_to, head });
        }
        self.known.check_versions(append)?;
        self.known.check_entries(append)?;
        self.known.check_keys(append)?;

        // Nothing fails from here on.
        let before = self.batch.head.position;
        for part in &append.streams {
            if let Some(last) = part.drafts.last() {
                let stream = part.stream.clone();
                self.known.versions.insert(stream, last.version);
            }
            for draft in &part.drafts {
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
        if let Some(idempotency) = &append.idempotency {
            self.remember(idempotency, &receipt);
        }
        for change in &append.keys {
            self.change(change);
        }
        Ok(receipt)
    }

    fn remember(&mut self, idempotency: &Idempotency, receipt: &Receipt) {
        let new = NewName {
            idempotency: idempotency.clone(),
            first_position: receipt.first_position,
            last_position: receipt.last_position,
            recorded_at: receipt.recorded_at,
        };
        let row = new.row();
        self.known.names.insert(full_name(idempotency), row);
        self.batch.names.push(new);
    }

    fn change(&mut self, change: &KeyChange) {
        if let KeyChange::Issue(key) = change {
            self.known.keys.insert(key.key_id);
            self.known.hashes.insert(key.hash);
        }
        self.batch.keys.push(change.clone());
    }

    /// The batch.
    pub(crate) fn finish(mut self) -> Batch {
        let head = &self.batch.head;
        if !self.batch.entries.is_empty() {
            self.batch.roots = vec![(head.position, head.frontier.root())];
        }
        self.batch
    }
}

/// Gives a draft the position after the head, and moves the head there.
pub(crate) fn place(draft: &Draft, head: &mut Head) -> NewEntry {
    head.position += 1;
    let leaf_data = draft.leaf_data(head.position, head.recorded_at);
    let leaf_hash = leaf_hash(&leaf_data);
    head.frontier.push(leaf_hash);
    NewEntry {
        position: head.position,
        leaf_hash,
        leaf_data,
        entry_id: draft.entry_id,
        stream: draft.stream.clone(),
        version: draft.version,
        event: draft.event.clone(),
        occurred_on: draft.occurred_on,
        recorded_at: head.recorded_at,
    }
}
