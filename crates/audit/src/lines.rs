//! The entries of a partnership's streams, whatever kind they are of, and those of the ledger's own that
//! set dates for every partnership.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use dutyledger_domain::{Histories, History, Payload, StreamKind, rules};
use dutyledger_record::{EntryId, Standing, Stream};
use serde_json::Value;

/// An entry.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) entry_id: EntryId,
    /// Which part of its record, where that is read as several today.
    pub(crate) part: usize,
    pub(crate) stream: Stream,
    pub(crate) event_type: String,
    pub(crate) payload: Value,
    pub(crate) standing: Standing,
    /// Whether it counts on the date, as known.
    pub(crate) counts: bool,
}

impl Line {
    /// The date it happened.
    pub(crate) const fn on(&self) -> NaiveDate {
        self.standing.occurred_on.date
    }
}

/// Every entry known, and whether it counts on a date.
pub(crate) fn lines(histories: &Histories, on: NaiveDate) -> Vec<Line> {
    let mut all = Vec::new();
    for history in histories.areas.values() {
        add(history, on, &mut all);
    }
    for history in histories.authorities.values() {
        add(history, on, &mut all);
    }
    for history in histories.partnerships.values() {
        add(history, on, &mut all);
    }
    for history in histories.assessments.values() {
        add(history, on, &mut all);
    }
    for history in histories.strategies.values() {
        add(history, on, &mut all);
    }
    for history in histories.directions.values() {
        add(history, on, &mut all);
    }
    add_dates(histories, on, &mut all);
    all
}

/// The dates that were set for rows of the pack, and what withdrew them. No stream of a partnership has
/// these entries, and yet they change when something of it is due.
fn add_dates(histories: &Histories, on: NaiveDate, all: &mut Vec<Line>) {
    let pack = rules::newest_of(&histories.rules);
    let Some(stream) = histories.dates.stream() else {
        return;
    };
    // What was read from the record can be written again.
    let line = |entry_id, event: &str, payload: Result<Value, _>, standing: &Standing| Line {
        entry_id,
        part: 0,
        stream: stream.clone(),
        event_type: event.to_owned(),
        payload: payload.unwrap_or_default(),
        standing: standing.clone(),
        counts: standing.occurred_on.date <= on,
    };
    for set in pack.rows.iter().flat_map(|row| histories.dates.ever(row)) {
        let said = serde_json::to_value(&set.says);
        let mut told = line(set.by, "DeadlineDateSet", said, &set.standing);
        if let Some(by) = &set.withdrawn {
            told.counts = false;
            let said = serde_json::to_value(&by.says);
            all.push(line(by.by, "EntryCorrected", said, &by.standing));
        }
        all.push(told);
    }
}

fn add<K: StreamKind>(history: &History<K>, on: NaiveDate, all: &mut Vec<Line>) {
    let counted: BTreeSet<_> = history.counted(on).iter().map(|e| e.entry_id).collect();
    let mut before = None;
    let mut part = 0;
    for entry in history.entries() {
        part = if before == Some(entry.entry_id) {
            part + 1
        } else {
            0
        };
        before = Some(entry.entry_id);
        all.push(Line {
            entry_id: entry.entry_id,
            part,
            stream: entry.stream.clone(),
            event_type: entry.payload.event().event_type,
            // What was read from the record can be written again.
            payload: entry.payload.to_payload().unwrap_or_default(),
            standing: entry.standing.clone(),
            counts: counted.contains(&entry.entry_id),
        });
    }
}
