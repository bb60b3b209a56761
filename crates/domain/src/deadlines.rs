//! Every date that was ever set for a partnership, or in a case that names none, and what is to be
//! announced of it.
//!
//! Dates are derived from the entries that set them, those withdrawn since included: what was
//! announced of a date that no longer holds must be taken back. What is derived is a function of the
//! record and of today alone, so whoever looks, and however often, announces the same.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, Months, NaiveDate};

use dutyledger_record::{EntryId, Envelope, NaturalKey, StreamId};

use crate::first_strategy;
use crate::history::{History, StreamKind};
use crate::obligations::By;
use crate::rules::{self, Provenance, Row, RuleId, RulePack};
use crate::streams::deadline::{
    ActionDeadline, Announced, Announcement, AreaDeadline, DeadlineKind, DeadlineSet, WhatIsDue,
};
use crate::streams::direction::DirectionEvent;
use crate::streams::partnership::PartnershipEvent;
use crate::streams::strategy::{Consultation, StrategyEvent, StrategyState};
use crate::streams::{Direction, Partnership, PartnershipState, Strategy, shown};
use crate::values::{ActionStatus, Bases, Capacity, Class, Coverage, ItemId, ReviewScope, Shown};
use crate::world::Histories;

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
            all.extend(of_actions(*id, whose, history, dissolved));
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
fn of_areas(
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

/// The row by which whoever is directed complies, or where a pack has none, that of the directions
/// which set the date.
fn complying(pack: &RulePack) -> Option<&Row> {
    let sets = |row: &&Row| provenance(row) == Provenance::Direction;
    judged(pack, By::Directed).or_else(|| pack.rows.iter().find(sets))
}

fn of_strategy(
    id: StreamId,
    partnership: StreamId,
    history: &History<Strategy>,
    dissolved: Option<Shown>,
    pack: &RulePack,
) -> Vec<Dated> {
    let state = history.state(NaiveDate::MAX);
    let over = over(&state, dissolved);
    let dated =
        |kind, due_on, cause: &Cause, provenance, rule: &RuleId, ended: Option<Ended>| Dated {
            causes: vec![cause.entry_id],
            set: WhatIsDue::Own(DeadlineSet {
                about: id,
                authority: None,
                counted_from: cause.entry_id,
                due_on,
                kind,
                partnership: Some(partnership),
                provenance,
                rule: rule.clone(),
                version: cause.version,
            }),
            ended: cause.withdrawn.or(ended),
            known_until: None,
        };
    let year = causes(history, |entry| {
        let version = match &entry.payload {
            StrategyEvent::StrategyAdopted(e) => e.version,
            StrategyEvent::ReviewCompleted(e) if e.scope == ReviewScope::Whole => e.version,
            _ => return None,
        };
        let on = entry.standing.occurred_on.date;
        Some((on.checked_add_months(Months::new(12))?, Some(version)))
    });
    let mut all = Vec::new();
    let annual = judged(pack, By::AnnualReview);
    for (due, causes) in &year {
        let (Some(cause), Some(row)) = (counted(causes), annual) else {
            continue;
        };
        // The next adoption or whole review is what the year ends with.
        let later = year.range(due.succ_opt().unwrap_or(*due)..);
        let mut later = later.flat_map(|(_, causes)| causes);
        let next = later.find(|next| next.withdrawn.is_none() && next.on > cause.on);
        let met = next.map(|next| Ended::Met {
            on: next.on,
            by: next.entry_id,
        });
        all.push(dated(
            DeadlineKind::AnnualReview,
            *due,
            cause,
            provenance(row),
            &row.id,
            met.or(over),
        ));
    }
    // Of versions that were withdrawn too.
    let consulted_on: BTreeSet<u32> = history
        .entries()
        .filter_map(|entry| match &entry.payload {
            StrategyEvent::ConsultationOpened(opened) => Some(opened.version),
            _ => None,
        })
        .collect();
    // Our own row, which each pack has alike.
    let waits = RuleId::of("L-6");
    for number in &consulted_on {
        let opened = causes(history, |entry| match &entry.payload {
            StrategyEvent::ConsultationOpened(e) if e.version == *number => {
                Some((e.responses_by, Some(e.version)))
            }
            _ => None,
        });
        let version = state.versions.get(number);
        let consultation = version.map(|of| &of.consultation);
        let closed = consultation.and_then(|of| of.closed);
        // With the last reply that was waited for, or with what is adopted, nobody waits any longer.
        let replied = consultation.and_then(all_replied);
        let adopted = version.and_then(|of| of.adopted.as_ref());
        let adopted = adopted.map(|adopted| adopted.at);
        let over_before = [closed, replied, adopted].into_iter().flatten();
        let met = over_before.min_by_key(|at| at.on).map(|at| Ended::Met {
            on: at.on,
            by: at.entry_id,
        });
        for (due, causes) in &opened {
            let Some(cause) = counted(causes) else {
                continue;
            };
            // Opened again with another date: the last is the one that holds.
            let moved = consultation
                .filter(|of| of.responses_by != Some(*due))
                .and_then(|of| of.opened)
                .map(lifted);
            all.push(dated(
                DeadlineKind::ConsultationCloses,
                *due,
                cause,
                Provenance::Local,
                &waits,
                moved.or(met).or(over),
            ));
        }
    }
    all
}

/// The last reply, where every authority consulted has replied.
fn all_replied(consultation: &Consultation) -> Option<Shown> {
    let consulted = consultation.consulted.keys();
    let replies: Option<Vec<_>> = consulted
        .map(|authority| consultation.responses.get(authority).copied())
        .collect();
    replies?.into_iter().max_by_key(|at| at.on)
}

/// The dates of a strategy's actions, given by it or by whoever carries them out: from the adoption
/// of a version that has them, until they are done, excepted or revised.
fn of_actions(
    id: StreamId,
    partnership: StreamId,
    history: &History<Strategy>,
    dissolved: Option<Shown>,
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
        let gone = [entry.entry_id, proposed].map(|one| withdrawn(history, one));
        let ended = gone
            .into_iter()
            .chain([
                adopted.withdrawn,
                met.flatten(),
                excepted,
                revised,
                over,
                moved,
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

fn of_direction(id: StreamId, history: &History<Direction>, pack: &RulePack) -> Vec<Dated> {
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
