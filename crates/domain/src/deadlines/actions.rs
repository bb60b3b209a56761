//! The dates of actions.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use dutyledger_record::{EntryId, StreamId};

use super::{Dated, Ended, causes, counted, judged, lifted, lifted_by, over, withdrawn};
use crate::history::History;
use crate::obligations::By;
use crate::rules::{self, Provenance, Row, RuleId};
use crate::streams::area::AreaEvent;
use crate::streams::deadline::{ActionDeadline, WhatIsDue};
use crate::streams::partnership::PartnershipEvent;
use crate::streams::strategy::StrategyEvent;
use crate::streams::{Area, Strategy};
use crate::values::{ActionStatus, Bases, Capacity, Class, ItemId, Shown};
use crate::world::Histories;

/// The dates of a strategy's actions, given by it or by whoever carries them out: from the adoption
/// of a version that has them, until they are done, excepted or revised.
pub(super) fn of_actions(
    id: StreamId,
    partnership: StreamId,
    history: &History<Strategy>,
    dissolved: Option<Shown>,
    histories: &Histories,
) -> Vec<Dated> {
    let state = history.state(NaiveDate::MAX);
    let over = over(&state, dissolved);
    let mut owners: BTreeMap<ItemId, (StreamId, EntryId)> = BTreeMap::new();
    let mut capacities: BTreeMap<(ItemId, StreamId), Capacity> = BTreeMap::new();
    // Each version has what it proposes, and what it was begun with.
    let mut actions: BTreeMap<u32, BTreeSet<ItemId>> = BTreeMap::new();
    for entry in history.entries() {
        match &entry.payload {
            StrategyEvent::ActionProposed(e) => {
                owners.insert(e.action, (e.owner, entry.entry_id));
                actions.entry(e.version).or_default().insert(e.action);
            }
            StrategyEvent::ActionAuthorityNamed(e) => {
                capacities.insert((e.action, e.authority), e.capacity);
            }
            StrategyEvent::ActionLeftOut(e) if withdrawn(history, entry.entry_id).is_none() => {
                actions.entry(e.version).or_default().remove(&e.action);
            }
            StrategyEvent::RevisionStarted(e) => {
                let carried = actions.get(&e.from_version).cloned().unwrap_or_default();
                actions.entry(e.version).or_default().extend(carried);
            }
            _ => {}
        }
    }
    let adoptions = causes(history, |entry| match &entry.payload {
        StrategyEvent::StrategyAdopted(e) => {
            Some((entry.standing.occurred_on.date, Some(e.version)))
        }
        _ => None,
    });
    let ends = ends_of_action_dates(history);
    let counted_entries = history.counted(NaiveDate::MAX);
    let standing = counted_entries.iter();
    let standing: BTreeSet<_> = standing
        .filter_map(|entry| date_of_action(&entry.payload))
        .collect();
    let mut gone_of = BTreeMap::new();
    let (mut all, mut told) = (Vec::new(), BTreeSet::new());
    let mut entries: Vec<_> = history.entries().collect();
    entries.reverse();
    for entry in entries {
        let Some(dated) = date_of_action(&entry.payload) else {
            continue;
        };
        let (of_action, due_on) = dated;
        let stands = withdrawn(history, entry.entry_id).is_none();
        // Given the same date twice, it is counted from the last that stands.
        if told.contains(&dated) || (!stands && standing.contains(&dated)) {
            continue;
        }
        told.insert(dated);
        let Some((owner, proposed)) = owners.get(&of_action).copied() else {
            continue;
        };
        let has = |version: Option<u32>| {
            let of_version = version.and_then(|version| actions.get(&version));
            of_version.is_some_and(|all| all.contains(&of_action))
        };
        let adopted = adoptions.values().flatten();
        let Some(adopted) = counted(adopted.filter(|adopted| has(adopted.version))) else {
            continue;
        };
        let moved = ends.get(&dated).copied();
        if moved.is_some_and(|moved| moved.on() < adopted.on) {
            // What was adopted had another date already.
            continue;
        }
        // The first version adopted after it that leaves the action out revises it.
        let after = adopted
            .version
            .map_or(u32::MAX, |number| number.saturating_add(1));
        let later = state.versions.range(after..);
        let later = later.filter(|(_, version)| !version.actions.contains(&of_action));
        let later = later.filter_map(|(_, version)| Some(version.adopted.as_ref()?.at));
        let revised = later.min_by_key(|at| at.on).map(lifted);
        let action = state.actions.get(&of_action);
        let met = action.filter(|action| action.is_completed()).map(|action| {
            let done = action.progress.iter().rev();
            let done = done.take_while(|step| step.status == ActionStatus::Completed);
            done.last().map(|step| Ended::Met {
                on: step.at.on,
                by: step.at.entry_id,
            })
        });
        let excepted = action.and_then(|action| {
            let claim = state.excepted_from(action, owner)?;
            Some(lifted(claim.at))
        });
        let gone = *gone_of
            .entry(owner)
            .or_insert_with(|| gone(owner, partnership, histories));
        let taken_back = [entry.entry_id, proposed].map(|one| withdrawn(history, one));
        let ended = taken_back
            .into_iter()
            .chain([
                adopted.withdrawn,
                met.flatten(),
                excepted,
                revised,
                over,
                moved,
                gone,
            ])
            .flatten()
            .min_by_key(|ended| ended.on());
        all.push(Dated {
            causes: vec![entry.entry_id, adopted.entry_id],
            set: WhatIsDue::Action(ActionDeadline {
                action: of_action,
                authority: owner,
                counted_from: adopted.entry_id,
                due_on,
                partnership,
                provenance: Provenance::Local,
                rule: carrying_out(capacities.get(&(of_action, owner)).copied(), state.bases),
                strategy: id,
            }),
            ended,
            known_until: None,
        });
    }
    all
}

/// When nobody is left to carry out an authority's actions: another took its place, or it ended for the
/// last of the areas it was recorded for.
fn gone(authority: StreamId, partnership: StreamId, histories: &Histories) -> Option<Ended> {
    let history = histories.partnerships.get(&partnership)?;
    let state = history.state(NaiveDate::MAX);
    let member = state.members.get(&authority);
    let succeeded = member.filter(|member| member.successor.is_some());
    let succeeded = succeeded.and_then(|_| {
        let counted = history.counted(NaiveDate::MAX);
        let mut latest = counted.iter().rev();
        latest.find_map(|entry| match &entry.payload {
            PartnershipEvent::MemberSucceeded(e) if e.authority == authority => {
                Some(lifted_by(entry))
            }
            _ => None,
        })
    });
    let areas = state.areas.iter().filter_map(|id| histories.areas.get(id));
    let recorded = areas.filter(|area| {
        let area = area.state(NaiveDate::MAX);
        area.authorities.contains_key(&authority)
    });
    let ends: Option<Vec<_>> = recorded.map(|area| end_for(authority, area)).collect();
    let ended = ends.and_then(|ends| ends.into_iter().max_by_key(|ended| ended.on()));
    let both = [succeeded, ended].into_iter().flatten();
    both.min_by_key(|ended| ended.on())
}

/// When an authority ended for an area, if it has.
fn end_for(authority: StreamId, area: &History<Area>) -> Option<Ended> {
    let on = area
        .state(NaiveDate::MAX)
        .authorities
        .get(&authority)?
        .until?;
    let counted = area.counted(NaiveDate::MAX);
    let by = counted.iter().rev().find(
        |entry| matches!(&entry.payload, AreaEvent::AuthorityEnded(e) if e.authority == authority),
    )?;
    let by = by.entry_id;
    Some(Ended::Lifted { on, by })
}

/// The action that an entry gives a date, and the date.
fn date_of_action(event: &StrategyEvent) -> Option<(ItemId, NaiveDate)> {
    match event {
        StrategyEvent::ActionDated(e) => Some((e.action, e.by)),
        StrategyEvent::ActionDateSet(e) => Some((e.action, e.by)),
        _ => None,
    }
}

/// How each date of an action ended of those that no longer hold: with the entry that gave it another.
/// One that is given again holds again.
fn ends_of_action_dates(history: &History<Strategy>) -> BTreeMap<(ItemId, NaiveDate), Ended> {
    let (mut ends, mut holds) = (BTreeMap::new(), BTreeMap::new());
    for entry in history.counted(NaiveDate::MAX) {
        let Some((action, by)) = date_of_action(&entry.payload) else {
            continue;
        };
        let before = holds.insert(action, by).filter(|before| *before != by);
        ends.extend(before.map(|before| ((action, before), lifted_by(entry))));
        ends.remove(&(action, by));
    }
    ends
}

/// The row that bears on whoever has an action, for what the strategy is made under: its duty to
/// carry it out or, where it has none, the power by which it does, or was invited to.
fn carrying_out(owner: Option<Capacity>, bases: Bases) -> RuleId {
    let (pack, _) = rules::enacted();
    let rows = || pack.rows.iter();
    let by = |row: &&Row, by| row.evidence.as_ref().is_some_and(|shown| shown.by == by);
    let of_it = |row: &&Row| owner.is_some_and(|owner| row.bearers.iter().any(|b| b.is(owner)));
    let mut own = rows().filter(|row| by(row, By::OwnActions));
    if let Some(row) = own.find(of_it) {
        return row.id.clone();
    }
    let only_section_9 = bases.section_9 && !bases.section_8;
    let power = match owner.map(Capacity::class) {
        Some(Class::LocalPolicingBody) => Some("14(1)"),
        Some(Class::Other) if only_section_9 => Some("9(6)"),
        Some(Class::Other) => Some("8(6)"),
        // Section 9(3) lets a strategy be carried out; section 8(3)(c) asks it.
        _ => only_section_9.then_some("9(3)"),
    };
    let row = match power {
        Some(section) => rows().find(|row| row.section.as_deref() == Some(section)),
        None => judged(pack, By::Implemented),
    };
    let row = row.unwrap_or_else(|| {
        unreachable!("the enacted pack has a row for each of them, as a test sees to")
    });
    row.id.clone()
}
