//! By when the first strategy for an area is due, and what the record shows of it.
//!
//! One date for every partnership, from a source that could not be checked unless the ledger set
//! another: it runs until publication for each area. A partnership formed later, or formed on a day
//! that is only assumed, is not held to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;

use dutyledger_record::{Envelope, StreamId};

use crate::rules::{Row, RulePack, Until};
use crate::streams::PartnershipState;
use crate::streams::partnership::PartnershipEvent;
use crate::streams::strategy::Version;
use crate::values::Shown;
use crate::world::{Histories, World};

/// The rows whose one date runs until publication for each area.
pub fn rows(pack: &RulePack) -> impl Iterator<Item = &Row> {
    pack.rows.iter().filter(|row| {
        let until = row.deadline.as_ref().and_then(|own| own.until);
        until == Some(Until::PublishedForEachArea)
    })
}

/// When a partnership was formed, where that is known and was by the day something was due.
#[must_use]
pub fn formed_by(state: &PartnershipState, due_on: NaiveDate) -> Option<Shown> {
    let formed = state.formed.filter(|at| !at.assumed)?;
    (formed.on <= due_on).then_some(formed)
}

/// The areas a date is about, as true on a date: those the partnership has, and had when it came.
#[must_use]
pub fn held(
    partnership: StreamId,
    all: &Histories,
    due_on: NaiveDate,
    on: NaiveDate,
) -> BTreeSet<StreamId> {
    let Some(history) = all.partnerships.get(&partnership) else {
        return BTreeSet::new();
    };
    let mut areas = history.state(on).areas.clone();
    if due_on < on {
        let then = history.state(due_on);
        areas.retain(|area| then.areas.contains(area));
    }
    areas
}

/// The areas a strategy under s.8 was published for, as true on a date, each with the first time.
#[must_use]
pub fn published(
    partnership: StreamId,
    all: &Histories,
    on: NaiveDate,
) -> BTreeMap<StreamId, Shown> {
    first(partnership, all, on, |version| {
        version.published.as_ref().map(|published| published.at)
    })
}

/// The areas one was adopted for.
#[must_use]
pub fn adopted(partnership: StreamId, all: &Histories, on: NaiveDate) -> BTreeMap<StreamId, Shown> {
    first(partnership, all, on, |version| {
        version.adopted.as_ref().map(|adopted| adopted.at)
    })
}

/// The areas a partnership has on a date for which no strategy under s.8 was adopted. What was adopted
/// for an area is adopted for the one that took its place.
#[must_use]
pub fn without_one(
    partnership: StreamId,
    all: &Histories,
    world: &World,
    on: NaiveDate,
) -> BTreeSet<StreamId> {
    let mut covered: BTreeSet<_> = adopted(partnership, all, on).into_keys().collect();
    let mut came = covered.clone();
    while !came.is_empty() {
        let next = came.iter().filter_map(|id| world.areas.get(id)?.successor);
        came = next.filter(|id| !covered.contains(id)).collect();
        covered.extend(&came);
    }
    let state = world.partnerships.get(&partnership);
    let areas = state.into_iter().flat_map(|state| &state.areas);
    areas.filter(|id| !covered.contains(id)).copied().collect()
}

fn first(
    partnership: StreamId,
    all: &Histories,
    on: NaiveDate,
    step: impl Fn(&Version) -> Option<Shown>,
) -> BTreeMap<StreamId, Shown> {
    let mut found = BTreeMap::new();
    let Some(history) = all.partnerships.get(&partnership) else {
        return found;
    };
    let mut steps = Vec::new();
    for strategy in all.strategies.values() {
        let state = strategy.state(on);
        if state.partnership == Some(partnership) && state.bases.section_8 {
            steps.extend(state.versions.values().filter_map(&step));
        }
    }
    steps.sort_by_key(|at| at.on);
    // A strategy is for the areas its partnership has on the day. Most only ever had the same: then
    // no earlier state has to be folded.
    let set = |entry: &&Arc<Envelope<PartnershipEvent>>| {
        matches!(entry.payload, PartnershipEvent::PartnershipAreaSet(_))
    };
    let always = history.entries().filter(set).count() < 2;
    for at in steps {
        let day = if always { NaiveDate::MAX } else { at.on };
        for area in &history.state(day).areas {
            found.entry(*area).or_insert(at);
        }
    }
    found
}
