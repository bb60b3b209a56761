//! What meets, later, what an adoption or a publication did not meet on its day: a version after it
//! that does, or what is told of the same version since.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use dutyledger_record::{EntryId, Envelope, StreamId};

use super::{EntryMark, bears_on, marks_of};
use crate::history::History;
use crate::rules;
use crate::streams::Strategy;
use crate::streams::strategy::{Material, StrategyEvent, Version};
use crate::values::Duty;
use crate::world::Histories;

/// Whether a row that an entry does not meet bears on a duty.
fn is_marked(mark: &EntryMark, duty: Duty) -> bool {
    let mut rows = mark.unmet.iter();
    rows.any(|unmet| rules::row(unmet.rule.as_str()).and_then(bears_on) == Some(duty))
}

/// The duties for which an entry's rows that are not met are shown.
pub(super) const fn is_gated(duty: Duty) -> bool {
    matches!(
        duty,
        Duty::IdentifyKinds | Duty::IdentifyCauses | Duty::Consult | Duty::LeaveOutBarredMaterial
    )
}

/// The first entry, as true on a date, since which a duty is met that an adoption or a publication of
/// a strategy left unmet; nothing while it is not.
pub(super) fn met_since(
    duty: Duty,
    strategy: StreamId,
    marked: EntryId,
    histories: &Histories,
    on: NaiveDate,
) -> Option<EntryId> {
    let history = histories.strategies.get(&strategy)?;
    let marked = history.entries().find(|one| one.entry_id == marked)?;
    let (place, version) = decided(&marked.payload)?;
    let since = marked.standing.occurred_on.date;
    let told = told_since(duty, history, version, since, on);
    let later = in_later_version(duty, (strategy, place, version), since, histories, on);
    let first = told.into_iter().chain(later).min();
    first.map(|(_, entry)| entry)
}

/// When something happened, and by which entry.
type At = (NaiveDate, EntryId);

fn at<P>(entry: &Envelope<P>) -> At {
    (entry.standing.occurred_on.date, entry.entry_id)
}

/// What is decided of a version.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decided {
    Adopted,
    Published,
}

/// What an entry decides, and of which version.
fn decided(event: &StrategyEvent) -> Option<(Decided, u32)> {
    match event {
        StrategyEvent::StrategyAdopted(e) => Some((Decided::Adopted, e.version)),
        StrategyEvent::StrategyPublished(e) => Some((Decided::Published, e.version)),
        _ => None,
    }
}

/// What was told of the version itself as of a later day: its kinds or its causes, or that the part
/// which might do harm was taken out. Whoever was not consulted in preparing it is not consulted on it
/// afterwards: that is for the next version (s.8(4), (11)).
fn told_since(
    duty: Duty,
    history: &History<Strategy>,
    number: u32,
    since: NaiveDate,
    on: NaiveDate,
) -> Option<At> {
    let state = history.state(on);
    let version = state.versions.get(&number)?;
    if !holds(duty, version) {
        return None;
    }
    let tells = |event: &StrategyEvent| match (duty, event) {
        (Duty::IdentifyKinds, StrategyEvent::ViolenceKindIdentified(e)) => e.version == number,
        (Duty::IdentifyCauses, StrategyEvent::ViolenceCauseIdentified(e)) => e.version == number,
        (Duty::IdentifyCauses, StrategyEvent::CauseRecordedAsUnknown(e)) => e.version == number,
        (Duty::LeaveOutBarredMaterial, StrategyEvent::MaterialConsidered(e)) => e.version == number,
        (Duty::LeaveOutBarredMaterial, StrategyEvent::MaterialRemoved(e)) => e.version == number,
        _ => false,
    };
    let counted = history.counted(on);
    let told = counted.iter().filter(|one| tells(&one.payload));
    let mut told = told.map(|one| at(one)).filter(|(day, _)| *day > since);
    match duty {
        // Every part has to be out.
        Duty::LeaveOutBarredMaterial => told.next_back(),
        _ => told.next(),
    }
}

/// Whether a version is as a duty asks, as far as that can be told of it later.
fn holds(duty: Duty, version: &Version) -> bool {
    match duty {
        Duty::IdentifyKinds => !version.kinds.is_empty(),
        Duty::IdentifyCauses => !version.causes.is_empty() || version.causes_unknown.is_some(),
        Duty::LeaveOutBarredMaterial => {
            let mut parts = version.material.values();
            !parts.any(Material::is_barred)
        }
        _ => false,
    }
}

/// A later version, of the strategy or of the one of its partnership that took its place, of which the
/// same was decided and nothing that bears on the duty was left unmet.
fn in_later_version(
    duty: Duty,
    (strategy, what, number): (StreamId, Decided, u32),
    since: NaiveDate,
    histories: &Histories,
    on: NaiveDate,
) -> Option<At> {
    let partnership = histories.strategies.get(&strategy)?.state(on).partnership;
    let (mut seen, mut next) = (BTreeSet::new(), Some(strategy));
    let mut found = None::<At>;
    while let Some(id) = next.filter(|id| seen.insert(*id)) {
        let Some(history) = histories.strategies.get(&id) else {
            break;
        };
        let state = history.state(on);
        if state.partnership != partnership {
            break;
        }
        let is_later = |version: u32| id != strategy || version > number;
        let counted = history.counted(on);
        let later = counted.iter().filter(|one| {
            let (day, _) = at(one);
            let of_version = decided(&one.payload).filter(|(decided, _)| *decided == what);
            day >= since && of_version.is_some_and(|(_, version)| is_later(version))
        });
        let mut later = later.peekable();
        if state.bases.section_8 && later.peek().is_some() {
            let marks = marks_of::<Strategy>(history, histories);
            let unmet = |entry: EntryId| {
                let mut of_entry = marks.iter().filter(|mark| mark.entry_id == entry);
                of_entry.any(|mark| is_marked(mark, duty))
            };
            let met = later.map(|one| at(one)).find(|(_, entry)| !unmet(*entry));
            found = found.into_iter().chain(met).min();
        }
        next = state.superseded.as_ref().map(|by| by.by);
    }
    found
}
