//! The dates by which to comply with directions.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use dutyledger_record::{EntryId, StreamId};

use super::{Dated, Ended, causes, counted, judged, lifted, provenance};
use crate::history::History;
use crate::obligations::By;
use crate::rules::{Provenance, Row, RulePack};
use crate::streams::deadline::{DeadlineKind, DeadlineSet, WhatIsDue};
use crate::streams::direction::DirectionEvent;
use crate::streams::{Direction, shown};

/// The row by which whoever is directed complies, or where a pack has none, that of the directions
/// which set the date.
fn complying(pack: &RulePack) -> Option<&Row> {
    let sets = |row: &&Row| provenance(row) == Provenance::Direction;
    judged(pack, By::Directed).or_else(|| pack.rows.iter().find(sets))
}

pub(super) fn of_direction(
    id: StreamId,
    history: &History<Direction>,
    pack: &RulePack,
) -> Vec<Dated> {
    let Some(row) = complying(pack) else {
        return Vec::new();
    };
    let state = history.state(NaiveDate::MAX);
    let mut set = causes(history, |entry| match &entry.payload {
        DirectionEvent::DirectionIssued(e) => Some((e.comply_by?, None)),
        DirectionEvent::DirectionVaried(e) => Some((e.comply_by?, None)),
        _ => None,
    });
    let (ends, passed_over) = ends_of_directions(history);
    for cause in set.values_mut().flatten() {
        let passed_over = passed_over.get(&cause.entry_id).copied();
        cause.withdrawn = cause.withdrawn.or(passed_over);
    }
    let dated = set.iter().filter_map(|(due, causes)| {
        let cause = counted(causes)?;
        Some(Dated {
            causes: vec![cause.entry_id],
            set: WhatIsDue::Own(DeadlineSet {
                about: id,
                authority: state.authority,
                counted_from: cause.entry_id,
                due_on: *due,
                kind: DeadlineKind::DirectionCompliance,
                partnership: state.partnership,
                provenance: provenance(row),
                rule: row.id.clone(),
                version: None,
            }),
            ended: cause.withdrawn.or_else(|| ends.get(due).copied()),
            known_until: None,
        })
    });
    dated.collect()
}

/// How each date by which to comply ended, of those that no longer hold: with what was accepted,
/// withdrawn, or directed in its place. One that is set again holds again. And the steps that others
/// told of and that change nothing beside those of whoever took them, each with the first of these.
fn ends_of_directions(
    history: &History<Direction>,
) -> (BTreeMap<NaiveDate, Ended>, BTreeMap<EntryId, Ended>) {
    let (mut ends, mut holds) = (BTreeMap::new(), None::<NaiveDate>);
    let (mut passed_over, mut own_step) = (BTreeMap::new(), None::<Ended>);
    let counted = history.counted(NaiveDate::MAX);
    for entry in counted.iter().filter(|entry| entry.payload.is_step()) {
        let at = shown(entry);
        let lifted = lifted(at);
        if at.own() {
            own_step = own_step.or(Some(lifted));
        } else if let Some(own) = own_step {
            passed_over.insert(entry.entry_id, own);
            continue;
        }
        let (next, ended) = match &entry.payload {
            DirectionEvent::DirectionIssued(e) => (e.comply_by, lifted),
            DirectionEvent::DirectionVaried(e) => (e.comply_by, lifted),
            DirectionEvent::DirectionWithdrawn(_) => (None, lifted),
            DirectionEvent::ComplianceAccepted(_) => {
                let (on, by) = (at.on, at.entry_id);
                (None, Ended::Met { on, by })
            }
            _ => continue,
        };
        ends.extend(holds.map(|due| (due, ended)));
        holds = next;
        if let Some(due) = next {
            ends.remove(&due);
        }
    }
    (ends, passed_over)
}
