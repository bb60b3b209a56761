//! The dates of deadlines that a ledger set for itself.
//!
//! A row may have its date from a source that could not be checked. Whoever keeps a ledger sets
//! another, with its source, once more is known; it holds from the day it was set for, and the pack's
//! own date holds before and wherever nothing was set. Dates that were withdrawn are kept too: what
//! was announced of them must be taken back.

use chrono::NaiveDate;

use dutyledger_record::{EntryId, Source};

use crate::history::History;
use crate::obligations::Due;
use crate::rules::{Provenance, Row, RuleId};
use crate::streams::LedgerStream;
use crate::streams::ledger::LedgerEvent;

/// The date of a row's deadline, as an entry set it.
#[derive(Clone, Debug, PartialEq)]
pub struct DateSet {
    /// The row.
    pub rule: RuleId,
    /// The date.
    pub due_on: NaiveDate,
    /// Where it comes from.
    pub provenance: Provenance,
    /// What shows it.
    pub source: Option<Source>,
    /// The day it was set for.
    pub on: NaiveDate,
    /// The entry that set it.
    pub by: EntryId,
    /// The day it was withdrawn, and the entry that did so.
    pub withdrawn: Option<(NaiveDate, EntryId)>,
}

/// Every date a ledger ever set, in the order in which they take each other's place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dates(Vec<DateSet>);

impl Dates {
    /// Those that the entries of the ledger's own stream set.
    #[must_use]
    pub fn of(ledger: &History<LedgerStream>) -> Self {
        let withdrawn = |entry: EntryId| {
            let by = ledger.withdrawal_of(entry)?;
            Some((by.standing.occurred_on.date, by.entry_id))
        };
        let set = ledger.entries().filter_map(|entry| match &entry.payload {
            LedgerEvent::DeadlineDateSet(set) => Some(DateSet {
                rule: set.rule.clone(),
                due_on: set.due_on,
                provenance: set.provenance,
                source: entry.standing.source.clone(),
                on: entry.standing.occurred_on.date,
                by: entry.entry_id,
                withdrawn: withdrawn(entry.entry_id),
            }),
            _ => None,
        });
        let mut all: Vec<_> = set.collect();
        // It is stable: of one day, the order of the record.
        all.sort_by_key(|set| set.on);
        Self(all)
    }

    /// Whether none was ever set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How often one was set or withdrawn: it only ever grows.
    #[must_use]
    pub fn changes(&self) -> usize {
        let withdrawn = self.0.iter().filter(|set| set.withdrawn.is_some());
        self.0.len() + withdrawn.count()
    }

    /// The last day one was set for.
    #[must_use]
    pub fn last_day(&self) -> Option<NaiveDate> {
        self.0.iter().map(|set| set.on).max()
    }

    /// Every date ever set for a row that lets its date be set, those withdrawn included.
    pub fn ever<'a>(&'a self, row: &'a Row) -> impl DoubleEndedIterator<Item = &'a DateSet> {
        let may_be_set = row.date_may_be_set();
        let of_row = self.0.iter().filter(move |set| set.rule == row.id);
        of_row.filter(move |_| may_be_set)
    }

    /// The date set for a row, as true on a date.
    #[must_use]
    pub fn set<'a>(&'a self, row: &'a Row, on: NaiveDate) -> Option<&'a DateSet> {
        let mut standing = self
            .ever(row)
            .rev()
            .filter(|set| set.withdrawn.is_none() && set.on <= on);
        standing.next()
    }

    /// When a row with one date for all is due, as true on a date: as it was set, or as the pack has
    /// it.
    #[must_use]
    pub fn due(&self, row: &Row, on: NaiveDate) -> Option<Due> {
        let own = row.deadline.as_ref()?;
        match self.set(row, on) {
            Some(set) => Some(Due {
                on: set.due_on,
                provenance: set.provenance,
                set_by: Some(set.by),
            }),
            None => Some(Due::from_pack(own.on?, own.provenance)),
        }
    }
}
