//! The streams that a partnership's reviews, triggers and obligations are derived from, or the date and
//! the trigger of a case that names none.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use dutyledger_record::{Stream, StreamId};

use crate::history::{History, StreamKind};
use crate::streams::partnership::PartnershipEvent;
use crate::streams::{Area, Authority, NeedsAssessment};
use crate::values::Class;
use crate::world::Histories;

/// The streams it hangs on besides those that say they belong to it, as far as these histories tell:
/// the assessments its strategies rest on, every area it was ever for, and the authorities a trigger
/// could be about. Once those are read as well, there may be more.
#[must_use]
pub fn further(partnership: StreamId, all: &Histories) -> BTreeSet<Stream> {
    let assessments = assessments(all);
    let assessments = assessments
        .into_iter()
        .map(|id| Stream::new(NeedsAssessment::TYPE, id));
    let areas = areas(all, partnership);
    let areas = areas.into_iter().map(|id| Stream::new(Area::TYPE, id));
    let authorities = authorities(all, partnership);
    let authorities = authorities
        .into_iter()
        .map(|id| Stream::new(Authority::TYPE, id));
    assessments.chain(areas).chain(authorities).collect()
}

fn assessments(all: &Histories) -> BTreeSet<StreamId> {
    let strategies = all
        .strategies
        .values()
        .map(|history| history.state(NaiveDate::MAX));
    let mut found = BTreeSet::new();
    for strategy in strategies {
        let versions = strategy.versions.values();
        found.extend(versions.flat_map(|version| version.assessments.iter().copied()));
    }
    found
}

/// Every area an entry ever named: an old decision is looked at with the areas of its own date. And those
/// that cases are about.
fn areas(all: &Histories, partnership: StreamId) -> BTreeSet<StreamId> {
    let history = all.partnerships.get(&partnership);
    let named = history
        .into_iter()
        .flat_map(History::entries)
        .filter_map(|entry| match &entry.payload {
            PartnershipEvent::PartnershipAreaNamed(named) => Some(named.area),
            _ => None,
        });
    let cases = all.directions.values();
    named
        .chain(cases.filter_map(|case| case.state(NaiveDate::MAX).area))
        .collect()
}

/// The members, the specified authorities of the areas, the authorities actions touch, and those
/// a direction is about. The schools of a county are not read unless something is about them.
#[must_use]
pub fn authorities(all: &Histories, partnership: StreamId) -> BTreeSet<StreamId> {
    let mut found = BTreeSet::new();
    if let Some(history) = all.partnerships.get(&partnership) {
        found.extend(history.state(NaiveDate::MAX).members.keys());
    }
    for area in all.areas.values() {
        let area = area.state(NaiveDate::MAX);
        let recorded = area.authorities.iter();
        let specified = recorded.filter(|(_, a)| a.capacity.class() == Class::Specified);
        found.extend(specified.map(|(id, _)| *id));
    }
    for strategy in all.strategies.values() {
        let actions = &strategy.state(NaiveDate::MAX).actions;
        found.extend(
            actions
                .values()
                .flat_map(|action| action.authorities.keys()),
        );
    }
    found.extend(
        all.directions
            .values()
            .filter_map(|d| d.state(NaiveDate::MAX).authority),
    );
    found
}
