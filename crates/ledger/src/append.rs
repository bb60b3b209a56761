//! What callers ask the ledger to append, and what it answers.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use dutyledger_record::{Draft, EntryId, KeyId, Stream};

use crate::key::KeyChange;

/// The most entries, guards and key changes one append may hold together.
pub const APPEND_ROWS_MAX: usize = 5_000;
/// The most bytes of leaf data one append may hold.
pub const APPEND_BYTES_MAX: usize = 16 << 20;
/// The most bytes of an idempotency scope or key, of an API key's kind or label.
const NAME_BYTES_MAX: usize = 1_000;

/// Entries for one or more streams: all of them are recorded, next to each other, or none is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Append {
    /// The streams appended to and the streams only guarded, each at most once.
    pub streams: Vec<StreamAppend>,
    /// Under what name a repetition of this append is answered with the first one's receipt.
    pub idempotency: Option<Idempotency>,
    /// The API keys that change with it.
    pub keys: Vec<KeyChange>,
    /// The position that its first entry comes next to, where it says where the ledger ends: it is
    /// refused if the ledger has gone on.
    pub next_to: Option<u64>,
}

/// The part of an append that concerns one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamAppend {
    /// The stream.
    pub stream: Stream,
    /// The version it must have; 0 for one that has no entry.
    pub expected_version: u64,
    /// What comes after, at the versions that follow. None makes this a guard: the append is
    /// refused if the stream has moved, and the stream stays as it is.
    pub drafts: Vec<Draft>,
}

/// Names a request so that its repetition is not recorded twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Whose key it is: keys of different scopes never meet.
    pub scope: String,
    /// The caller's key.
    pub key: String,
    /// What was asked; see [`request_digest`](crate::request_digest).
    pub digest: [u8; 32],
    /// Whether it is never forgotten. Any other name is forgotten after 30 days.
    pub lasting: bool,
}

/// The ledger's memory of a named request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotentRow {
    /// What was asked.
    pub digest: [u8; 32],
    /// The position of its first entry, or the head if it had none.
    pub first_position: u64,
    /// The position of its last entry, or the head if it had none.
    pub last_position: u64,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
}

/// Says that an append is durable, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The position of its first entry; the head, for an append without entries.
    pub first_position: u64,
    /// The position of its last entry; the head, for an append without entries.
    pub last_position: u64,
    /// The instant it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Whether this repeats the receipt of an earlier append of the same name.
    pub replayed: bool,
}

impl IdempotentRow {
    /// The request that is remembered, under its whole name, and what is remembered of it.
    pub(crate) fn named(self, scope: String, key: String, lasting: bool) -> (Idempotency, Self) {
        let name = Idempotency {
            scope,
            key,
            digest: self.digest,
            lasting,
        };
        (name, self)
    }
}

impl From<IdempotentRow> for Receipt {
    /// The receipt of the request that is remembered.
    fn from(row: IdempotentRow) -> Self {
        Self {
            first_position: row.first_position,
            last_position: row.last_position,
            recorded_at: row.recorded_at,
            replayed: true,
        }
    }
}

/// Why an append was refused, or why nobody can say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// It could never be recorded as it is.
    #[error("the append is not valid: {0}")]
    Invalid(#[from] Invalid),
    /// A stream is not at the version it was expected at. Nothing was recorded.
    #[error(
        "stream {} {} is at version {actual}, not {expected}", stream.stream_type, stream.id
    )]
    Conflict {
        /// The stream.
        stream: Stream,
        /// The version the append expected.
        expected: u64,
        /// The version it has.
        actual: u64,
    },
    /// The ledger does not end where the append says. Nothing was recorded.
    #[error("the ledger ends at position {head}, not at {next_to}")]
    NotNext {
        /// Where it was to end.
        next_to: u64,
        /// Where it ends.
        head: u64,
    },
    /// Another request was recorded under the same idempotency key. Nothing was recorded now.
    #[error("another request was made under the same idempotency key")]
    IdempotencyMismatch,
    /// Writing failed in a way that leaves open whether the append is durable. Opening the ledger
    /// again tells.
    #[error("whether the append was recorded is not known until the ledger is opened again")]
    OutcomeUnknown,
    /// The queue had no room for it in time. Nothing was recorded.
    #[error("too many appends are waiting")]
    Busy,
    /// The ledger takes no more appends; see [`Ledger::health`](crate::Ledger::health). Nothing
    /// was recorded.
    #[error("the ledger takes no more appends")]
    Stopped,
}

/// Why an append could never be recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// More than [`APPEND_ROWS_MAX`] rows.
    #[error("it holds {found} entries, guards and key changes; the most is {APPEND_ROWS_MAX}")]
    TooManyRows {
        /// How many there are.
        found: usize,
    },
    /// More than [`APPEND_BYTES_MAX`] bytes.
    #[error("its entries have {found} bytes; the most is {APPEND_BYTES_MAX}")]
    TooManyBytes {
        /// How many there are.
        found: usize,
    },
    /// A stream is named more than once.
    #[error("stream {} {} is named more than once", .0.stream_type, .0.id)]
    StreamTwice(Stream),
    /// A draft was encoded for another stream than the one it is appended to.
    #[error("entry {0} was made for another stream")]
    WrongStream(EntryId),
    /// A draft was encoded for another version than the one it would get.
    #[error("entry {entry_id} was made for version {found}, and would get {expected}")]
    WrongVersion {
        /// The entry.
        entry_id: EntryId,
        /// The version it would get.
        expected: u64,
        /// The version it was made for.
        found: u64,
    },
    /// An entry of this id is recorded already, or stands twice in the append.
    #[error("there is another entry {0}")]
    EntryTwice(EntryId),
    /// An API key of this id or with this hash was issued already.
    #[error("API key {0}, or its secret, was issued before")]
    KeyTwice(KeyId),
    /// There is no API key of this id to revoke.
    #[error("there is no API key {0}")]
    KeyUnknown(KeyId),
    /// A name is empty, too long, or holds the character U+0000.
    #[error("the {0} is empty, too long or holds the character U+0000")]
    Name(&'static str),
}

impl Append {
    /// Checks everything that can be told without looking at the ledger, and tells the size.
    pub(crate) fn check(&self) -> Result<Size, Invalid> {
        let size = self.size();
        if size.rows > APPEND_ROWS_MAX {
            return Err(Invalid::TooManyRows { found: size.rows });
        }
        if size.bytes > APPEND_BYTES_MAX {
            return Err(Invalid::TooManyBytes { found: size.bytes });
        }
        let (mut streams, mut entries) = (HashSet::new(), HashSet::new());
        for part in &self.streams {
            check_name("stream type", part.stream.stream_type.as_str())?;
            if !streams.insert(&part.stream) {
                return Err(Invalid::StreamTwice(part.stream.clone()));
            }
            part.check(&mut entries)?;
        }
        if let Some(idempotency) = &self.idempotency {
            check_name("idempotency scope", &idempotency.scope)?;
            check_name("idempotency key", &idempotency.key)?;
        }
        for change in &self.keys {
            if let KeyChange::Issue(key) = change {
                check_name("API key's kind", &key.kind)?;
                check_name("API key's label", &key.label)?;
            }
        }
        Ok(size)
    }

    fn size(&self) -> Size {
        let drafts = || self.streams.iter().flat_map(|part| &part.drafts);
        let guards = self
            .streams
            .iter()
            .filter(|part| part.drafts.is_empty())
            .count();
        Size {
            rows: drafts().count() + guards + self.keys.len(),
            bytes: drafts().map(Draft::bytes_max).sum(),
        }
    }
}

impl StreamAppend {
    fn check<'a>(&'a self, entries: &mut HashSet<&'a EntryId>) -> Result<(), Invalid> {
        for (draft, before) in self.drafts.iter().zip(self.expected_version..) {
            if draft.stream != self.stream {
                return Err(Invalid::WrongStream(draft.entry_id));
            }
            // Compared this way round so that an absurd expected version cannot overflow.
            if draft.version.checked_sub(1) != Some(before) {
                return Err(Invalid::WrongVersion {
                    entry_id: draft.entry_id,
                    expected: before.saturating_add(1),
                    found: draft.version,
                });
            }
            if !entries.insert(&draft.entry_id) {
                return Err(Invalid::EntryTwice(draft.entry_id));
            }
        }
        Ok(())
    }
}

fn check_name(what: &'static str, name: &str) -> Result<(), Invalid> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains('\0') {
        return Err(Invalid::Name(what));
    }
    Ok(())
}

/// How much an append, or a batch of them, asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

impl Size {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            bytes: self.bytes + other.bytes,
        }
    }

    pub(crate) fn fits(self, most: Self) -> bool {
        self.rows <= most.rows && self.bytes <= most.bytes
    }
}
