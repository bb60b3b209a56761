//! The dates that are one for all, for each area of a partnership.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use dutyledger_record::{EntryId, StreamId};

use super::{Cause, Dated, Ended, causes, lifted, lifted_by, withdrawn};
use crate::first_strategy;
use crate::history::{History, StreamKind};
use crate::rules::{Provenance, Row};
use crate::streams::deadline::{AreaDeadline, WhatIsDue};
use crate::streams::partnership::PartnershipEvent;
use crate::streams::{Partnership, PartnershipState};
use crate::world::Histories;

/// A date that is one for all: how it ended, and what set it.
struct ForAll {
    provenance: Provenance,
    set_by: Option<EntryId>,
    ended: Option<Ended>,
}

/// Every date a row ever had, the pack's own and those the ledger set, each with what took its place.
fn for_all(row: &Row, histories: &Histories) -> BTreeMap<NaiveDate, ForAll> {
    let mut all: BTreeMap<NaiveDate, ForAll> = BTreeMap::new();
    let mut keep = |due: NaiveDate, one: ForAll| {
        // Set twice, it holds if it does either way.
        if all.get(&due).is_none_or(|other| other.ended.is_some()) {
            all.insert(due, one);
        }
    };
    let standing = || {
        let ever = histories.dates.ever(row);
        ever.filter(|set| set.withdrawn.is_none())
    };
    let lifted = |(on, by): (NaiveDate, EntryId)| Ended::Lifted { on, by };
    let own = row.deadline.as_ref();
    if let Some((due, provenance)) = own.and_then(|own| Some((own.on?, own.provenance))) {
        let replaced = standing().next().map(|set| lifted((set.on(), set.by)));
        keep(
            due,
            ForAll {
                provenance,
                set_by: None,
                ended: replaced,
            },
        );
    }
    for set in histories.dates.ever(row) {
        let mut later = standing().skip_while(|other| other.by != set.by).skip(1);
        let replaced = set
            .withdrawal()
            .or_else(|| later.next().map(|by| (by.on(), by.by)));
        keep(
            set.says.due_on,
            ForAll {
                provenance: set.says.provenance,
                set_by: Some(set.by),
                ended: replaced.map(lifted),
            },
        );
    }
    all
}

/// The dates of a row that is one for all, for each area the partnership was for on the day: they run
/// until a strategy is published for the area.
pub(super) fn of_areas(
    partnership: StreamId,
    history: &History<Partnership>,
    row: &Row,
    histories: &Histories,
) -> Vec<Dated> {
    let now = history.state(NaiveDate::MAX);
    let dissolved = now.dissolved.map(lifted);
    let holdings = holdings(history);
    let published = first_strategy::published(partnership, histories, NaiveDate::MAX);
    let mut all = Vec::new();
    for (due_on, one) in for_all(row, histories) {
        let Some(formation) = formation(&now, history, due_on) else {
            continue;
        };
        for (area, held) in &holdings {
            // One that came to the partnership after its date has none.
            let begun = || held.iter().filter(|held| held.since <= due_on);
            let on_the_day = begun().find(|held| held.until > due_on);
            let Some(held) = on_the_day.or_else(|| begun().max_by_key(|held| held.until)) else {
                continue;
            };
            let met = published.get(area).map(|at| Ended::Met {
                on: at.on,
                by: at.entry_id,
            });
            let ended = [one.ended, met, held.ended, dissolved, formation.withdrawn];
            let ended = ended.into_iter().flatten();
            let causes = [Some(formation.entry_id), Some(held.named), one.set_by];
            all.push(Dated {
                set: WhatIsDue::Area(AreaDeadline {
                    area: *area,
                    counted_from: one.set_by.unwrap_or(formation.entry_id),
                    due_on,
                    partnership,
                    provenance: one.provenance,
                    rule: row.id.clone(),
                }),
                causes: causes.into_iter().flatten().collect(),
                ended: ended.min_by_key(|ended| ended.on()),
                known_until: None,
            });
        }
    }
    all
}

/// A time for which a partnership had an area.
struct Holding {
    /// The entry that named it.
    named: EntryId,
    /// From this date.
    since: NaiveDate,
    /// Up to this one, and not including it.
    until: NaiveDate,
    /// What it ended with.
    ended: Option<Ended>,
}

/// When a partnership had which areas. After what holds, what was named in error: it had those until
/// that was withdrawn, or until others would have taken their place.
fn holdings(history: &History<Partnership>) -> BTreeMap<StreamId, Vec<Holding>> {
    use PartnershipEvent::{PartnershipAreaNamed, PartnershipAreaSet};
    let mut all: BTreeMap<StreamId, Vec<Holding>> = BTreeMap::new();
    let (mut state, mut sets) = (PartnershipState::default(), BTreeMap::new());
    for entry in history.counted(NaiveDate::MAX) {
        Partnership::evolve(&mut state, entry);
        let on = entry.standing.occurred_on.date;
        match &entry.payload {
            PartnershipAreaSet(_) => {
                sets.insert((on, entry.version), lifted_by(entry));
                for (area, holdings) in &mut all {
                    let last = holdings.last_mut();
                    let drops =
                        last.filter(|last| last.ended.is_none() && !state.areas.contains(area));
                    if let Some(last) = drops {
                        (last.until, last.ended) = (on, Some(lifted_by(entry)));
                    }
                }
            }
            PartnershipAreaNamed(e) if state.areas.contains(&e.area) => {
                let holdings = all.entry(e.area).or_default();
                match holdings.last_mut() {
                    Some(last) if last.ended.is_none() => {}
                    // Set anew with the others, it never went.
                    Some(last) if last.until == on => {
                        (last.until, last.ended) = (NaiveDate::MAX, None);
                    }
                    _ => holdings.push(Holding {
                        named: entry.entry_id,
                        since: on,
                        until: NaiveDate::MAX,
                        ended: None,
                    }),
                }
            }
            _ => {}
        }
    }
    for entry in history.entries() {
        let PartnershipAreaNamed(e) = &entry.payload else {
            continue;
        };
        if let Some(withdrawn) = withdrawn(history, entry.entry_id) {
            let since = entry.standing.occurred_on.date;
            let mut later = sets.range((since, entry.version)..);
            let replaced = later.next().map(|(_, replaced)| *replaced);
            let ended = replaced.into_iter().chain([withdrawn]);
            all.entry(e.area).or_default().push(Holding {
                named: entry.entry_id,
                since,
                until: replaced.map_or(NaiveDate::MAX, Ended::on),
                ended: ended.min_by_key(|ended| ended.on()),
            });
        }
    }
    all
}

/// The entry that formed a partnership by the day something was due. Where the formation was
/// withdrawn its dates are gone, and what was said of them is taken back.
fn formation(
    now: &PartnershipState,
    history: &History<Partnership>,
    due_on: NaiveDate,
) -> Option<Cause> {
    if let Some(formed) = first_strategy::formed_by(now, due_on) {
        return Some(Cause {
            entry_id: formed.entry_id,
            on: formed.on,
            assumed: formed.assumed,
            version: None,
            withdrawn: None,
        });
    }
    let formed = causes(history, |entry| {
        let on = entry.standing.occurred_on.date;
        let forms = matches!(entry.payload, PartnershipEvent::PartnershipFormed(_));
        forms.then_some((on, None))
    });
    let by_then = formed.into_iter().take_while(|(on, _)| *on <= due_on);
    by_then
        .flat_map(|(_, causes)| causes)
        .find(|cause| !cause.assumed && cause.withdrawn.is_some())
}
