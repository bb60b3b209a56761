//! Every date that was ever set for a partnership, or in a case that names none, and what is to be
//! announced of it.
//!
//! Dates are derived from the entries that set them, those withdrawn since included: what was
//! announced of a date that no longer holds must be taken back. What is derived is a function of the
//! record and of today alone, so whoever looks, and however often, announces the same.

mod actions;
mod areas;
mod directions;
mod strategy;

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use dutyledger_record::{EntryId, Envelope, NaturalKey, StreamId};

use crate::first_strategy;
use crate::history::{History, StreamKind};
use crate::obligations::By;
use crate::rules::{self, Provenance, Row, RulePack};
use crate::streams::deadline::{Announced, Announcement, DeadlineKind, DeadlineSet, WhatIsDue};
use crate::streams::strategy::StrategyState;
use crate::values::{Coverage, Shown};
use crate::world::Histories;
use actions::of_actions;
use areas::of_areas;
use directions::of_direction;
use strategy::of_strategy;

/// How long ahead a review, a first strategy or an action is announced.
const AHEAD: Days = Days::new(30);

/// How a date ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// What was due was done.
    Met {
        /// On this date.
        on: NaiveDate,
        /// The entry that shows it.
        by: EntryId,
    },
    /// It no longer holds.
    Lifted {
        /// From this date.
        on: NaiveDate,
        /// The entry that lifts it.
        by: EntryId,
    },
}

/// A date that was set.
#[derive(Clone, Debug, PartialEq)]
pub struct Dated {
    /// What is due, by when.
    pub set: WhatIsDue,
    /// The entries without which there would be no such date: it is late where it had passed before
    /// the last of them was recorded.
    pub causes: Vec<EntryId>,
    /// How it ended, if it has.
    pub ended: Option<Ended>,
    /// The last date on which the record can show that it passed, where a history's sources end.
    pub known_until: Option<NaiveDate>,
}

impl Dated {
    /// Whether the record reaches as far as the date.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.known_until
            .is_none_or(|until| self.set.due_on() <= until)
    }

    /// The stream it is announced in: one for each obligation and date.
    #[must_use]
    pub fn stream(&self) -> StreamId {
        let DeadlineSet {
            about,
            due_on,
            kind,
            version,
            ..
        } = match &self.set {
            WhatIsDue::Own(own) => own,
            WhatIsDue::Action(set) => {
                let parts = [
                    "deadline",
                    "action",
                    &set.strategy.to_string(),
                    &set.action.to_string(),
                    &set.due_on.to_string(),
                ];
                return NaturalKey(&parts).stream_id();
            }
            WhatIsDue::Area(set) => {
                let parts = [
                    "deadline",
                    set.rule.as_str(),
                    &set.partnership.to_string(),
                    &set.area.to_string(),
                    &set.due_on.to_string(),
                ];
                return NaturalKey(&parts).stream_id();
            }
        };
        let version = match kind {
            DeadlineKind::ConsultationCloses => version.map(|v| v.to_string()).unwrap_or_default(),
            DeadlineKind::AnnualReview | DeadlineKind::DirectionCompliance => String::new(),
        };
        let parts = [
            "deadline",
            kind.as_str(),
            &about.to_string(),
            &due_on.to_string(),
            &version,
        ];
        NaturalKey(&parts).stream_id()
    }

    /// What is to be announced today, in order, each with the date it happened. `recorded_on` is the
    /// date on which the last of its causes was recorded: of a date that had passed by then only the
    /// last is announced, marked late, and of one less than 30 days ahead it is said today. Of one
    /// that was announced as met or lifted and holds again, it is said today how it stands.
    #[must_use]
    pub fn to_announce(
        &self,
        recorded_on: NaiveDate,
        announced: Announced,
        today: NaiveDate,
    ) -> Vec<(Announcement, NaiveDate)> {
        if announced.ended && self.ended.is_some() {
            return Vec::new();
        }
        let due = self.set.due_on();
        let ended_on = self.ended.map(Ended::on);
        let mut come: Vec<_> = self.stages();
        come.retain(|(_, on)| {
            *on <= today
                && self.known_until.is_none_or(|until| *on <= until)
                // What was done on the day it was due was done in time.
                && ended_on.is_none_or(|ended| *on <= ended)
        });
        let last = come.len().saturating_sub(1);
        let mut all: Vec<_> = come
            .into_iter()
            .enumerate()
            .filter_map(|(place, (stage, on))| {
                // That a date passed shows the day after: by then it had passed already.
                let late = recorded_on > on.min(due);
                let tells = place == last;
                match stage {
                    _ if announced.ended => tells.then(|| (stage.announcement(late), today)),
                    // Told of less than 30 days before, that a date is ahead is said on the day of
                    // looking, as nobody could say it before; never of one that is over or has come.
                    Stage::Approached if late => (tells && self.ended.is_none() && today < due)
                        .then(|| (stage.announcement(late), today)),
                    _ => (!late || tells).then(|| (stage.announcement(late), on)),
                }
            })
            .collect();
        all.retain(|(announcement, _)| !announced.has(announcement));
        let spoken = announced != Announced::default() || !all.is_empty();
        if let Some(ended) = self.ended.filter(|_| spoken) {
            all.push((ended.announcement(), today));
        }
        all
    }

    fn stages(&self) -> Vec<(Stage, NaiveDate)> {
        let due = self.set.due_on();
        let ahead = due
            .checked_sub_days(AHEAD)
            .map(|on| (Stage::Approached, on));
        let passed = due.succ_opt().map(|on| (Stage::Passed, on));
        let kind = match &self.set {
            WhatIsDue::Own(own) => Some(own.kind),
            WhatIsDue::Area(_) | WhatIsDue::Action(_) => None,
        };
        match kind {
            // Nobody owes a response: that the day has come is all there is to say.
            Some(DeadlineKind::ConsultationCloses) => vec![(Stage::Reached, due)],
            Some(DeadlineKind::AnnualReview) | None => ahead
                .into_iter()
                .chain([(Stage::Reached, due)])
                .chain(passed)
                .collect(),
            Some(DeadlineKind::DirectionCompliance) => {
                [(Stage::Reached, due)].into_iter().chain(passed).collect()
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Stage {
    Approached,
    Reached,
    Passed,
}

impl Stage {
    const fn announcement(self, late: bool) -> Announcement {
        match self {
            Self::Approached => Announcement::Approached,
            Self::Reached => Announcement::Reached { late },
            Self::Passed => Announcement::Passed { late },
        }
    }
}

impl Ended {
    const fn on(self) -> NaiveDate {
        match self {
            Self::Met { on, .. } | Self::Lifted { on, .. } => on,
        }
    }

    const fn announcement(self) -> Announcement {
        match self {
            Self::Met { on, by } => Announcement::Met { by, on },
            Self::Lifted { by, .. } => Announcement::Lifted { by },
        }
    }
}

/// Every date that was ever set for a partnership, or in a case that names none. A date counted from
/// an assumed one is none.
#[must_use]
pub fn deadlines(whose: StreamId, histories: &Histories) -> Vec<Dated> {
    let state = histories
        .partnerships
        .get(&whose)
        .map(|history| history.state(NaiveDate::MAX));
    let dissolved = state.as_ref().and_then(|state| state.dissolved);
    let coverage = state.as_ref().and_then(|state| state.coverage.clone());
    let pack = rules::newest_of(&histories.rules);
    let mut all = Vec::new();
    for (id, history) in &histories.strategies {
        if history.state(NaiveDate::MAX).partnership == Some(whose) {
            all.extend(of_strategy(*id, whose, history, dissolved, pack));
            all.extend(of_actions(*id, whose, history, dissolved, histories));
        }
    }
    for (id, history) in &histories.directions {
        if history.state(NaiveDate::MAX).belongs_to(*id) == whose {
            all.extend(of_direction(*id, history, pack));
        }
    }
    if let Some(history) = histories.partnerships.get(&whose) {
        for row in first_strategy::rows(pack) {
            all.extend(of_areas(whose, history, row, histories));
        }
    }
    all.retain(|dated| was_in_force(&dated.set, pack));
    let known_until = coverage.map(|Coverage { covers_until, .. }| covers_until);
    for dated in &mut all {
        dated.known_until = known_until;
    }
    all
}

/// Whether the row by which something is due was in force on the day: what nobody owed by then is not
/// announced as due.
fn was_in_force(set: &WhatIsDue, pack: &RulePack) -> bool {
    let row = pack.row(set.rule().as_str());
    row.is_none_or(|row| pack.applies(row, set.due_on()))
}

/// What sets a date: the entry, when it happened, and what withdrew it or passed it over. From an
/// assumed day nothing is counted; it may end what another set all the same.
struct Cause {
    entry_id: EntryId,
    on: NaiveDate,
    assumed: bool,
    version: Option<u32>,
    withdrawn: Option<Ended>,
}

/// The entries of a stream that set a date, each with the date it sets, in the order of the fold.
fn causes<K: StreamKind>(
    history: &History<K>,
    sets: impl Fn(&Envelope<K::Event>) -> Option<(NaiveDate, Option<u32>)>,
) -> BTreeMap<NaiveDate, Vec<Cause>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for entry in history.entries() {
        let standing = &entry.standing;
        let Some((due, version)) = sets(entry) else {
            continue;
        };
        all.entry(due).or_default().push(Cause {
            entry_id: entry.entry_id,
            on: standing.occurred_on.date,
            assumed: standing.occurred_on.assumed,
            version,
            withdrawn: withdrawn(history, entry.entry_id),
        });
    }
    all
}

/// What withdrew an entry, where something did.
fn withdrawn<K: StreamKind>(history: &History<K>, entry: EntryId) -> Option<Ended> {
    history.withdrawal_of(entry).map(|by| lifted_by(by))
}

/// What becomes of the dates of a strategy with it: another took its place, or its partnership was
/// dissolved.
fn over(strategy: &StrategyState, dissolved: Option<Shown>) -> Option<Ended> {
    let superseded = strategy.superseded.as_ref().map(|by| by.at);
    let over = [superseded, dissolved].into_iter().flatten();
    over.min_by_key(|at| at.on).map(lifted)
}

const fn lifted(at: Shown) -> Ended {
    Ended::Lifted {
        on: at.on,
        by: at.entry_id,
    }
}

const fn lifted_by<P>(entry: &Envelope<P>) -> Ended {
    Ended::Lifted {
        on: entry.standing.occurred_on.date,
        by: entry.entry_id,
    }
}

/// Of those that set one date, the one it is counted from: one that stands, if any does.
fn counted<'c>(causes: impl IntoIterator<Item = &'c Cause>) -> Option<&'c Cause> {
    let known: Vec<_> = causes.into_iter().filter(|cause| !cause.assumed).collect();
    let standing = known.iter().find(|cause| cause.withdrawn.is_none());
    standing.or_else(|| known.first()).copied()
}

/// The first row of a pack that is judged in this way.
fn judged(pack: &RulePack, by: By) -> Option<&Row> {
    let mut rows = pack.rows.iter();
    rows.find(|row| row.evidence.as_ref().is_some_and(|shown| shown.by == by))
}

/// Where the date of a row comes from.
fn provenance(row: &Row) -> Provenance {
    let own = row.deadline.as_ref();
    own.map_or(Provenance::None, |own| own.provenance)
}
