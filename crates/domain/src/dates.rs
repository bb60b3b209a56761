//! The dates of deadlines that a ledger set for itself.
//!
//! A row may have its date from a source that could not be checked. Whoever keeps a ledger sets
//! another, with its source, once more is known; it holds from the day it was set for, and the pack's
//! own date holds before and wherever nothing was set. Dates that were withdrawn are kept too: what
//! was announced of them must be taken back.

use chrono::NaiveDate;

use dutyledger_record::{EntryId, Standing, Stream};

use crate::history::History;
use crate::obligations::Due;
use crate::rules::Row;
use crate::streams::ledger::{DeadlineDateSet, LedgerEvent};
use crate::streams::{EntryCorrected, LedgerStream};

/// The date of a row's deadline, as an entry set it.
#[derive(Clone, Debug, PartialEq)]
pub struct DateSet {
    /// What the entry says: which row is due when, and where that comes from.
    pub says: DeadlineDateSet,
    /// The entry that set it.
    pub by: EntryId,
    /// How that stands: when, by whom, and what shows it.
    pub standing: Standing,
    /// What withdrew it.
    pub withdrawn: Option<Withdrawn>,
}

/// The entry that withdrew a date.
#[derive(Clone, Debug, PartialEq)]
pub struct Withdrawn {
    /// The entry.
    pub by: EntryId,
    /// What it says.
    pub says: EntryCorrected,
    /// How it stands.
    pub standing: Standing,
}

impl DateSet {
    /// The day it was set for.
    #[must_use]
    pub const fn on(&self) -> NaiveDate {
        self.standing.occurred_on.date
    }

    /// The day it was withdrawn, and the entry that did so.
    #[must_use]
    pub fn withdrawal(&self) -> Option<(NaiveDate, EntryId)> {
        let by = self.withdrawn.as_ref()?;
        Some((by.standing.occurred_on.date, by.by))
    }
}

/// Every date a ledger ever set, in the order in which they take each other's place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dates {
    /// The ledger's own stream, once there is one.
    stream: Option<Stream>,
    all: Vec<DateSet>,
}

impl Dates {
    /// Those that the entries of the ledger's own stream set.
    #[must_use]
    pub fn of(ledger: &History<LedgerStream>) -> Self {
        let withdrawn = |entry: EntryId| {
            let by = ledger.withdrawal_of(entry)?;
            let LedgerEvent::EntryCorrected(says) = &by.payload else {
                return None;
            };
            Some(Withdrawn {
                by: by.entry_id,
                says: says.clone(),
                standing: by.standing.clone(),
            })
        };
        let set = ledger.entries().filter_map(|entry| match &entry.payload {
            LedgerEvent::DeadlineDateSet(says) => Some(DateSet {
                says: says.clone(),
                by: entry.entry_id,
                standing: entry.standing.clone(),
                withdrawn: withdrawn(entry.entry_id),
            }),
            _ => None,
        });
        let mut all: Vec<_> = set.collect();
        // It is stable: of one day, the order of the record.
        all.sort_by_key(DateSet::on);
        let stream = ledger.entries().next().map(|entry| entry.stream.clone());
        Self { stream, all }
    }

    /// The stream of the entries that set them, once there is one.
    #[must_use]
    pub const fn stream(&self) -> Option<&Stream> {
        self.stream.as_ref()
    }

    /// Whether none was ever set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How often one was set or withdrawn: it only ever grows.
    #[must_use]
    pub fn changes(&self) -> usize {
        let withdrawn = self.all.iter().filter(|set| set.withdrawn.is_some());
        self.all.len() + withdrawn.count()
    }

    /// The last day one was set for.
    #[must_use]
    pub fn last_day(&self) -> Option<NaiveDate> {
        self.all.iter().map(DateSet::on).max()
    }

    /// Every date ever set for a row that lets its date be set, those withdrawn included.
    pub fn ever<'a>(&'a self, row: &'a Row) -> impl DoubleEndedIterator<Item = &'a DateSet> {
        let may_be_set = row.date_may_be_set();
        let of_row = self.all.iter().filter(move |set| set.says.rule == row.id);
        of_row.filter(move |_| may_be_set)
    }

    /// The date set for a row, as true on a date.
    #[must_use]
    pub fn set<'a>(&'a self, row: &'a Row, on: NaiveDate) -> Option<&'a DateSet> {
        let mut standing = self
            .ever(row)
            .rev()
            .filter(|set| set.withdrawn.is_none() && set.on() <= on);
        standing.next()
    }

    /// When a row with one date for all is due, as true on a date: as it was set, or as the pack has
    /// it.
    #[must_use]
    pub fn due(&self, row: &Row, on: NaiveDate) -> Option<Due> {
        let own = row.deadline.as_ref()?;
        match self.set(row, on) {
            Some(set) => Some(Due {
                on: set.says.due_on,
                provenance: set.says.provenance,
                set_by: Some(set.by),
            }),
            None => Some(Due::from_pack(own.on?, own.provenance)),
        }
    }
}
