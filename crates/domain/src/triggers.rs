//! Direction triggers: what the record shows that bears on a direction (s.18).
//!
//! Derived, one per authority, duty and area, with its evidence. A trigger decides nothing: being
//! satisfied of a failure is the Secretary of State's own decision. Missing evidence is never a
//! breach, and of a real body nothing adverse is shown that no source says.

mod cleared;
mod met;
mod never;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use dutyledger_record::{Basis, EntryId, Mark, NaturalKey, StreamId};

use crate::decide::unmet_now;
use crate::first_strategy;
use crate::history::{History, Payload, StreamKind};
use crate::refusal::Unmet;
use crate::reviews;
use crate::rules::{self, Provenance, commencement};
use crate::streams::direction::{DirectionState, Finding};
use crate::streams::strategy::{Action, Stance, StrategyState, Version};
use crate::streams::{AreaState, Direction, PartnershipState, Strategy};
use crate::values::{ActionStatus, Class, Duty, HeldBy, ReviewDecision, Shown, in_words};
use crate::world::{Histories, World};

pub use cleared::cleared_by;
use met::met_since;
pub use never::Never;

/// The duties of s.18(1) whose failure no stream can show yet but a case that somebody opens: they
/// are answered as not recorded here.
pub const NOT_RECORDED_YET: &[Duty] = &[
    Duty::CollaborateAndPlan,
    Duty::CooperateWithLocalPolicingBody,
    Duty::CollaborateOnRequest,
    Duty::CollaborateWithRelevantAuthority,
    Duty::SupplyInformation,
];

/// How far a trigger has come.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TriggerState {
    /// A notice, not a trigger: not evidenced, silent, or a missed date that is guidance or local.
    Attention,
    /// An entry shows the failure.
    Open,
    /// The Secretary of State is satisfied.
    Satisfied,
    /// A direction stands.
    Directed,
    /// The authority reported that it complied.
    ComplianceReported,
    /// The Secretary of State accepted that it complied.
    Complied,
    /// An order was applied for.
    OrderSought,
    /// An order was made.
    OrderMade,
    /// The direction was withdrawn.
    Withdrawn,
}

/// Whether a direction is open in law.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InLaw {
    /// Whether the Secretary of State may direct this authority for this duty.
    pub open: bool,
    /// Why not, or what must happen first, and what route exists instead.
    pub note: Option<String>,
    /// The section it rests on.
    pub section: String,
}

/// What the record shows that bears on a direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trigger {
    /// Stable: made from authority, duty, area and the entry it is counted from.
    pub id: Uuid,
    /// The authority.
    pub authority: StreamId,
    /// The duty.
    pub duty: Duty,
    /// The area.
    pub area: StreamId,
    /// The partnership; none where a case that names none shows it.
    pub partnership: Option<StreamId>,
    /// How far it has come.
    pub state: TriggerState,
    /// The first date it is shown.
    pub since: NaiveDate,
    /// What the record shows, in plain English.
    pub shows: String,
    /// The entries it rests on, the one it is counted from first.
    pub evidence: Vec<EntryId>,
    /// Whether a direction is open in law.
    pub in_law: InLaw,
}

/// Whose trigger it is, for which duty and which area: there is one for each.
pub type TriggerKey = (StreamId, Duty, StreamId);

impl Trigger {
    /// Whose it is, for which duty and which area.
    #[must_use]
    pub const fn key(&self) -> TriggerKey {
        (self.authority, self.duty, self.area)
    }

    /// Whether it is open: a notice is none yet, and a case that is closed is none any more.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        !matches!(
            self.state,
            TriggerState::Attention | TriggerState::Complied | TriggerState::Withdrawn
        )
    }
}

/// An entry whose rows are not met, evaluated again with what is now known. A decision is marked,
/// never undone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EntryMark {
    /// The entry.
    pub entry_id: EntryId,
    /// The version of its stream it made.
    pub version: u64,
    /// The event.
    pub event_type: String,
    /// Whether it was recorded as a past fact.
    pub past_fact: bool,
    /// How a breach is known. Only `admitted` and `found` may be called one.
    pub mark: Mark,
    /// The rows not met.
    pub unmet: Vec<Unmet>,
    /// The rows that were not met on the record as it stood, to which alone the mark belongs.
    pub unmet_when_recorded: Vec<String>,
    /// The date it happened.
    pub on: NaiveDate,
    /// Whether that date is assumed.
    pub assumed: bool,
}

/// The entries of a stream whose rows are not met, on their own dates and with what is now known.
#[must_use]
pub fn marks_of<K: StreamKind>(history: &History<K>, rests_on: &Histories) -> Vec<EntryMark> {
    let withdrawn = history.withdrawn();
    history
        .entries()
        .filter(|e| K::gated(&e.payload) && !withdrawn.contains(&e.entry_id))
        .filter_map(|entry| {
            let unmet = unmet_now::<K>(history, entry, rests_on);
            let standing = &entry.standing;
            (!unmet.is_empty()).then(|| EntryMark {
                entry_id: entry.entry_id,
                version: entry.version,
                event_type: entry.payload.event().event_type,
                past_fact: standing.basis == Basis::PastFact,
                mark: standing
                    .past_fact
                    .as_ref()
                    .map_or(Mark::NotEvidenced, |p| p.mark),
                unmet,
                unmet_when_recorded: standing
                    .past_fact
                    .as_ref()
                    .map(|p| p.unmet.clone())
                    .unwrap_or_default(),
                on: standing.occurred_on.date,
                assumed: standing.occurred_on.assumed,
            })
        })
        .collect()
}

/// The adoptions, publications and claims of a strategy whose rows are not met.
#[must_use]
pub fn marks(strategy: StreamId, histories: &Histories) -> Vec<EntryMark> {
    let history = histories.strategies.get(&strategy);
    history
        .map(|history| marks_of::<Strategy>(history, histories))
        .unwrap_or_default()
}

/// The duty a row bears on, where s.18(1) lists it and it is not among what is never a trigger.
#[must_use]
pub fn bears_on(row: &rules::Row) -> Option<Duty> {
    if Never::of(row).is_some() {
        return None;
    }
    match row.id.as_str() {
        "R-10.2" => Some(Duty::IdentifyKinds),
        "R-10.3" => Some(Duty::IdentifyCauses),
        "R-10.6" | "A-8.11" => Some(Duty::Consult),
        "A-8.8" => Some(Duty::LeaveOutBarredMaterial),
        _ => None,
    }
}

/// All triggers the record shows for a partnership, or for a case that names none. Those whose
/// `since` lies after the date asked about are included, so that rows need no rewriting as days pass;
/// a question keeps the others.
#[must_use]
pub fn triggers(whose: StreamId, histories: &Histories, on: NaiveDate) -> Vec<Trigger> {
    triggers_until(whose, histories, on).0
}

/// The same, and the later days on which, by what is known now, another takes the place of one of them.
#[must_use]
pub fn triggers_until(
    whose: StreamId,
    histories: &Histories,
    on: NaiveDate,
) -> (Vec<Trigger>, BTreeSet<NaiveDate>) {
    let world = histories.on(on);
    if !world.partnerships.contains_key(&whose) && !world.directions.contains_key(&whose) {
        return Default::default();
    }
    let mut found = Found {
        partnership: world.partnerships.get_key_value(&whose),
        world: &world,
        on,
        shown: BTreeMap::new(),
        cases: BTreeMap::new(),
    };
    if let Some((id, state)) = found.partnership {
        found.see_first_strategy(*id, state, histories);
        for (strategy, then) in &world.strategies {
            if then.partnership == Some(*id) {
                found.see_strategy(*strategy, then, histories);
            }
        }
    }
    for (case, direction) in &world.directions {
        if direction.belongs_to(*case) == whose {
            found.see_direction(direction);
        }
    }
    found.weighed()
}

struct Found<'a> {
    /// The partnership; none where it is looked for what a case shows that names none.
    partnership: Option<(&'a StreamId, &'a Arc<PartnershipState>)>,
    world: &'a World,
    on: NaiveDate,
    /// All that the record shows by itself.
    shown: BTreeMap<TriggerKey, Vec<Trigger>>,
    /// What the cases show that somebody opened.
    cases: BTreeMap<TriggerKey, Vec<Case>>,
}

/// What a case shows.
struct Case {
    trigger: Trigger,
    /// When it was closed, if nothing was found since.
    closed: Option<NaiveDate>,
}

/// Something the record shows about every specified authority of the partnership.
struct Shows {
    duty: Duty,
    state: TriggerState,
    since: NaiveDate,
    assumed: bool,
    entry: EntryId,
    what: String,
}

impl<'a> Found<'a> {
    fn id(&self) -> Option<StreamId> {
        self.partnership.map(|(id, _)| *id)
    }

    fn state(&self) -> Option<&'a PartnershipState> {
        self.partnership.map(|(_, state)| state.as_ref())
    }

    fn see_strategy(&mut self, id: StreamId, strategy: &StrategyState, histories: &Histories) {
        // Section 9 strategies reach s.18 only through 14(6), 15(3), 15(4) and 17(4).
        if strategy.bases.section_8 {
            self.see_marks(id, histories);
        }
        // Nothing more is awaited of a strategy that another replaced, or of a partnership that is over.
        let over = self.state().is_some_and(|state| state.dissolved.is_some());
        if strategy.superseded.is_some() || over {
            return;
        }
        if strategy.bases.section_8 {
            self.see_dates(strategy);
        }
        self.see_refused_actions(strategy);
        self.see_stopped_actions(strategy);
        self.see_missed_actions(strategy);
    }

    /// No strategy by the date of the first: attention while that date is from a source that could
    /// not be checked, and open where the Act or the Regulations fix it. What is adopted and not
    /// published is another duty.
    fn see_first_strategy(
        &mut self,
        partnership: StreamId,
        state: &PartnershipState,
        histories: &Histories,
    ) {
        if state.dissolved.is_some() {
            return;
        }
        for row in first_strategy::rows(rules::newest_of(&histories.rules)) {
            let Some(due) = histories.dates.due(row, self.on) else {
                continue;
            };
            let Some(formed) = first_strategy::formed_by(state, due.on) else {
                continue;
            };
            let Some(since) = due.on.succ_opt().filter(|since| self.speaks_of(*since)) else {
                continue;
            };
            let fixed = matches!(due.provenance, Provenance::Act | Provenance::Regulations);
            let shows = Shows {
                duty: Duty::PrepareAndImplement,
                state: if fixed {
                    TriggerState::Open
                } else {
                    TriggerState::Attention
                },
                since,
                assumed: false,
                entry: due.set_by.unwrap_or(formed.entry_id),
                what: format!(
                    "This partnership has adopted no strategy under s.8 for the area; the first was due on \
                     {}{}.",
                    in_words(due.on),
                    match due.provenance {
                        Provenance::Unverified => ", by a source that could not be checked",
                        _ => "",
                    }
                ),
            };
            let adopted = first_strategy::adopted(partnership, histories, self.on);
            let held = first_strategy::held(partnership, histories, due.on, self.on);
            for (authority, area) in self.specified_authorities() {
                if held.contains(&area) && !adopted.contains_key(&area) {
                    self.add(authority, area, &shows);
                }
            }
        }
    }

    /// The duty under which the owner of an action carries it out: a specified authority implements the
    /// strategy, a relevant one carries out its action, unless it claimed an exception.
    fn duty_to_carry_out(&self, strategy: &StrategyState, action: &Action) -> Option<Duty> {
        match class_of(self.world, action.owner)? {
            Class::Specified if strategy.bases.section_8 => Some(Duty::PrepareAndImplement),
            Class::Relevant if strategy.excepted_from(action, action.owner).is_none() => {
                Some(Duty::CarryOutActions)
            }
            _ => None,
        }
    }

    /// An action of the strategy in force that its owner gave up: its own word opens a trigger, and
    /// one that others tell of asks for attention.
    fn see_stopped_actions(&mut self, strategy: &StrategyState) {
        for action in open_actions(strategy) {
            let last = action.progress.last();
            let Some(stopped) = last.filter(|last| last.status == ActionStatus::Stopped) else {
                continue;
            };
            let Some(duty) = self.duty_to_carry_out(strategy, action) else {
                continue;
            };
            let since = since_owed(strategy, action, action.owner, stopped.at.on);
            let (since, assumed) = since_adopted(strategy, action, since, stopped.at);
            let shows = Shows {
                duty,
                state: if stopped.at.own() {
                    TriggerState::Open
                } else {
                    TriggerState::Attention
                },
                since,
                assumed,
                entry: stopped.at.entry_id,
                what: format!(
                    "The authority stopped the action \"{}\", which the strategy in force \
                     specifies.",
                    action.title
                ),
            };
            for area in self.areas_of(action.owner) {
                self.add(action.owner, area, &shows);
            }
        }
    }

    /// What an adoption or a publication did not meet, until something meets it.
    fn see_marks(&mut self, strategy: StreamId, histories: &Histories) {
        for mark in marks(strategy, histories) {
            for row in &mark.unmet {
                // A source speaks of what was known when it was told, not of what came to light
                // later.
                let told = mark
                    .unmet_when_recorded
                    .iter()
                    .any(|id| id == row.rule.as_str());
                let state = match mark.mark {
                    Mark::Admitted | Mark::Found if told => TriggerState::Open,
                    Mark::Admitted | Mark::Found | Mark::NotEvidenced => TriggerState::Attention,
                };
                let Some(duty) = rules::row(row.rule.as_str()).and_then(bears_on) else {
                    continue;
                };
                if met_since(duty, strategy, mark.entry_id, histories, self.on).is_some() {
                    continue;
                }
                let shows = Shows {
                    duty,
                    state,
                    since: mark.on,
                    assumed: mark.assumed,
                    entry: mark.entry_id,
                    what: row.detail.clone(),
                };
                // It was decided on that day, which is nothing to who came later.
                for (authority, area) in self.specified_authorities() {
                    if self.came(authority, area).is_none_or(|on| on <= mark.on) {
                        self.add(authority, area, &shows);
                    }
                }
            }
        }
    }

    fn see_dates(&mut self, strategy: &StrategyState) {
        if let Some(due) = reviews::due(strategy)
            && let Some(since) = due.on.succ_opt()
        {
            self.about_every_specified_authority(&Shows {
                duty: Duty::KeepUnderReview,
                state: TriggerState::Attention,
                since,
                assumed: due.assumed,
                entry: due.entry_id,
                what: format!(
                    "The annual review (guidance) was due on {}.",
                    in_words(due.on)
                ),
            });
        }
        if let Some((number, version)) = strategy.in_force()
            && let Some(adoption) = &version.adopted
            && version.published.is_none()
            && let Some(since) = adoption.at.on.succ_opt()
        {
            self.about_every_specified_authority(&Shows {
                duty: Duty::Publish,
                state: TriggerState::Attention,
                since,
                assumed: adoption.at.assumed,
                entry: adoption.at.entry_id,
                what: format!(
                    "Version {number} was adopted on {} and no publication is recorded. The Act \
                     sets no period.",
                    in_words(adoption.at.on)
                ),
            });
        }
        let decided = strategy
            .reviews
            .iter()
            .filter(|r| r.decision == ReviewDecision::Revise);
        if let Some(review) = decided.max_by_key(|r| r.at.on) {
            let revised = strategy
                .versions
                .range(review.version.saturating_add(1)..)
                .filter_map(|(_, version)| version.published.as_ref())
                .any(|published| published.at.on >= review.at.on);
            if !revised && let Some(since) = review.at.on.succ_opt() {
                self.about_every_specified_authority(&Shows {
                    duty: Duty::Revise,
                    state: TriggerState::Attention,
                    since,
                    assumed: review.at.assumed,
                    entry: review.at.entry_id,
                    what: format!(
                        "A review decided on {} to revise the strategy and no revised version is \
                         published. The Act sets no period.",
                        in_words(review.at.on)
                    ),
                });
            }
        }
    }

    /// An action in an adopted strategy that a relevant authority will not carry out: its own
    /// refusal opens a trigger, a reported one asks for attention, and so does one with an exception
    /// that others tell of. An exception it claimed itself leaves nothing to show.
    fn see_refused_actions(&mut self, strategy: &StrategyState) {
        for action in open_actions(strategy) {
            for (authority, touched) in &action.authorities {
                let relevant = touched
                    .capacity
                    .is_some_and(|c| c.class() == Class::Relevant);
                let Stance::Declined { at } = touched.stance else {
                    continue;
                };
                if !relevant || strategy.excepted_from(action, *authority).is_some() {
                    continue;
                }
                let told = strategy
                    .exceptions_from(action, *authority)
                    .any(|e| e.ended.is_none());
                let open = at.own() && !told;
                let since = since_owed(strategy, action, *authority, at.on);
                let (since, assumed) = since_adopted(strategy, action, since, at);
                let shows = Shows {
                    duty: Duty::CarryOutActions,
                    state: if open {
                        TriggerState::Open
                    } else {
                        TriggerState::Attention
                    },
                    since,
                    assumed,
                    entry: at.entry_id,
                    what: format!(
                        "The authority declined the action \"{}\" and claims no exception.",
                        action.title
                    ),
                };
                for area in self.areas_of(*authority) {
                    self.add(*authority, area, &shows);
                }
            }
        }
    }

    /// An action of the strategy in force that is not done, from the day after its own date: a notice,
    /// for the date is the strategy's own.
    fn see_missed_actions(&mut self, strategy: &StrategyState) {
        let Some((_, version)) = strategy.in_force() else {
            return;
        };
        let Some(adopted) = version.adopted.as_ref() else {
            return;
        };
        for action in open_actions(strategy) {
            let Some(since) = action.by.and_then(|by| by.succ_opt()) else {
                continue;
            };
            let Some(duty) = self.duty_to_carry_out(strategy, action) else {
                continue;
            };
            let shows = Shows {
                duty,
                state: TriggerState::Attention,
                since: since_owed(strategy, action, action.owner, since).max(adopted.at.on),
                assumed: adopted.at.assumed,
                entry: adopted.at.entry_id,
                what: format!(
                    "The record does not show that the action \"{}\" is done, which the strategy \
                     in force dates.",
                    action.title
                ),
            };
            for area in self.areas_of(action.owner) {
                self.add(action.owner, area, &shows);
            }
        }
    }

    fn see_direction(&mut self, direction: &DirectionState) {
        let (Some(opened), Some(authority), Some(duty), Some(area)) = (
            direction.opened,
            direction.authority,
            direction.duty,
            direction.area,
        ) else {
            return;
        };
        // Never a trigger: a duty s.18(1) does not list for this kind of body.
        if !class_of(self.world, authority).is_some_and(|class| duty.may_be_directed(class)) {
            return;
        }
        let steps = [
            direction.satisfied,
            direction.directed.as_ref().map(|d| d.at),
            direction.compliance_reported,
            direction.not_complied,
            direction.order_sought,
            direction.order_made,
            direction.complied,
            direction.withdrawn,
        ];
        let steps = steps.into_iter().flatten();
        // Counted from the first thing that is shown: nothing from an assumed date, and nothing of a
        // time before the duty. What was found before the case was closed is over.
        let over = direction.earlier_closed.map(|at| at.on);
        let shown =
            |at: &Shown| !at.assumed && in_force(at.on) && over.is_none_or(|over| at.on > over);
        let of_findings = |shown: &dyn Fn(&Shown) -> bool| {
            let findings = direction.findings.iter().filter(|f| shown(&f.at));
            findings.cloned().collect::<Vec<_>>()
        };
        let mut findings = of_findings(&shown);
        let mut steps: Vec<_> = steps.into_iter().filter(|at| shown(at)).collect();
        let mut closed = direction.closed().map(|at| at.on);
        if let Some(on) = closed {
            let since = of_findings(&|at| shown(at) && at.on > on);
            if since
                .iter()
                .any(|f| f.established() || self.speaks_of(f.at.on))
            {
                (findings, closed) = (since, None);
                steps.clear();
            }
        }
        let evidence = findings.iter().map(|f| f.at).chain(steps.iter().copied());
        let evidence: Vec<_> = evidence.collect();
        let Some(since) = evidence.iter().map(|at| at.on).min() else {
            return;
        };
        let established = findings.iter().any(Finding::established);
        let (state, shows) = match (!steps.is_empty(), established) {
            (true, _) => direction_state(direction),
            (false, true) => (TriggerState::Open, "A failure was found.".to_owned()),
            (false, false) if self.speaks_of(since) => (
                TriggerState::Attention,
                "A finding is told of; no source establishes it.".to_owned(),
            ),
            (false, false) => return,
        };
        let consent = direction.has_welsh_consent();
        let trigger = Trigger {
            id: trigger_id(authority, duty, area, opened.entry_id),
            authority,
            duty,
            area,
            partnership: self.id(),
            state,
            since,
            shows,
            evidence: evidence.into_iter().map(|at| at.entry_id).collect(),
            in_law: in_law(self.world, authority, duty, consent),
        };
        let cases = self.cases.entry((authority, duty, area)).or_default();
        cases.push(Case { trigger, closed });
    }

    /// One of each, whatever order it was all found in, and the later days on which it is another.
    fn weighed(mut self) -> (Vec<Trigger>, BTreeSet<NaiveDate>) {
        let keys: BTreeSet<_> = self
            .shown
            .keys()
            .chain(self.cases.keys())
            .copied()
            .collect();
        let (mut all, mut days) = (Vec::new(), BTreeSet::new());
        for key in keys {
            let cases = self.cases.remove(&key).unwrap_or_default();
            let mut shown = self.shown.remove(&key).unwrap_or_default();
            // Once a case is closed, only what came to light after it is a matter of its own.
            if let Some(closed) = cases.iter().filter_map(|case| case.closed).max() {
                shown.retain(|trigger| trigger.since > closed);
            }
            let (now, later): (Vec<_>, Vec<_>) =
                shown.into_iter().partition(|one| one.since <= self.on);
            let now = furthest(cases, now);
            // What is still to come takes no place before its day.
            days.extend(later.iter().map(|one| one.since).filter(|_| now.is_some()));
            let next = || {
                let first = later.iter().map(|one| one.since).min()?;
                let others = later.iter().map(|one| one.since);
                days.extend(others.filter(|since| *since > first));
                furthest(
                    Vec::new(),
                    later.iter().filter(|one| one.since == first).cloned(),
                )
            };
            all.extend(now.or_else(next));
        }
        (all, days)
    }

    /// Whether a notice may be shown from a date on: of a real body nothing is derived from absence
    /// after the date its sources reach, and nothing adverse is shown that no source says.
    fn speaks_of(&self, since: NaiveDate) -> bool {
        let told = self.state().and_then(|state| state.coverage.as_ref());
        told.is_none_or(|c| c.fictional && since <= c.covers_until)
    }

    fn about_every_specified_authority(&mut self, shows: &Shows) {
        for (authority, area) in self.specified_authorities() {
            self.add(authority, area, shows);
        }
    }

    /// The specified authorities, each with each area it is there for.
    fn specified_authorities(&self) -> Vec<(StreamId, StreamId)> {
        let state = self.state();
        let all = state.map(|state| state.specified_authorities(self.world, self.on));
        let all = all.into_iter().flatten();
        all.flat_map(|id| self.areas_of(id).into_iter().map(move |area| (id, area)))
            .collect()
    }

    /// The day on which an authority came to an area, where it is known and did not take another's
    /// place.
    fn came(&self, authority: StreamId, area: StreamId) -> Option<NaiveDate> {
        let member = self.state().and_then(|state| state.members.get(&authority));
        if member.is_some_and(|member| member.by_succession) {
            return None;
        }
        let recorded = self.world.areas.get(&area)?.authorities.get(&authority)?;
        (!recorded.from_assumed).then_some(recorded.from)
    }

    fn areas_of(&self, authority: StreamId) -> Vec<StreamId> {
        let recorded = |area: &AreaState| {
            area.authorities
                .get(&authority)
                .is_some_and(|a| a.exists_on(self.on))
        };
        let areas = self.state().into_iter().flat_map(|state| &state.areas);
        let areas = areas.copied();
        areas
            .filter(|id| self.world.areas.get(id).is_some_and(|a| recorded(a)))
            .collect()
    }

    fn add(&mut self, authority: StreamId, area: StreamId, shows: &Shows) {
        // Nothing is shown of a body from before it was there.
        let came = self.came(authority, area);
        let since = came.map_or(shows.since, |came| came.max(shows.since));
        let silent = shows.state == TriggerState::Attention && !self.speaks_of(since);
        if shows.assumed || silent || !in_force(since) {
            return;
        }
        let (key, partnership) = ((authority, shows.duty, area), self.id());
        self.shown.entry(key).or_default().push(Trigger {
            id: trigger_id(authority, shows.duty, area, shows.entry),
            authority,
            duty: shows.duty,
            area,
            partnership,
            state: shows.state,
            since,
            shows: shows.what.clone(),
            evidence: vec![shows.entry],
            in_law: in_law(self.world, authority, shows.duty, false),
        });
    }
}

/// What has come furthest, a case before what is shown without one; of two alike, the one that is shown
/// earlier. A case that is closed stands where there is nothing else, the last of them.
fn furthest(cases: Vec<Case>, shown: impl IntoIterator<Item = Trigger>) -> Option<Trigger> {
    let (open, closed): (Vec<_>, Vec<_>) =
        cases.into_iter().partition(|case| case.closed.is_none());
    let open = open.into_iter().map(|case| (case.trigger, true));
    let all = open.chain(shown.into_iter().map(|one| (one, false)));
    let furthest = all.max_by_key(|(one, case)| (one.state, *case, Reverse((one.since, one.id))));
    furthest.map(|(one, _)| one).or_else(|| {
        let last = closed
            .into_iter()
            .max_by_key(|case| (case.closed, case.trigger.id));
        last.map(|case| case.trigger)
    })
}

/// The actions of the version in force that are not done.
fn open_actions(strategy: &StrategyState) -> impl Iterator<Item = &Action> {
    let in_force = strategy.in_force().into_iter();
    let actions = in_force.flat_map(|(_, version)| strategy.actions_of(version));
    actions.filter(|action| !action.is_completed())
}

/// Since when an authority owes an action that it owed from a date: while the ground of an exception
/// lasted there was nothing to show.
fn since_owed(
    strategy: &StrategyState,
    action: &Action,
    authority: StreamId,
    from: NaiveDate,
) -> NaiveDate {
    let exceptions = strategy.exceptions_from(action, authority);
    let ended = exceptions.filter_map(|exception| exception.ended);
    ended.map(|at| at.on).max().unwrap_or(from).max(from)
}

/// Since when an authority's word about an action bears on a duty: not before the strategy that
/// specifies it was first adopted; and whether that day is assumed.
fn since_adopted(
    strategy: &StrategyState,
    action: &Action,
    since: NaiveDate,
    said: Shown,
) -> (NaiveDate, bool) {
    let specifies = |version: &&Version| {
        let mut actions = strategy.actions_of(version);
        actions.any(|one| std::ptr::eq(one, action))
    };
    let versions = strategy.versions.values().filter(specifies);
    let adopted = versions.filter_map(|version| Some(version.adopted.as_ref()?.at));
    let first = adopted.min_by_key(|at| at.on);
    match first.filter(|first| first.on > since) {
        Some(first) => (first.on, first.assumed || said.assumed),
        None => (since, said.assumed),
    }
}

/// Whether the duty was in force on a date: nothing is shown of a time before.
fn in_force(on: NaiveDate) -> bool {
    on >= commencement()
}

fn direction_state(direction: &DirectionState) -> (TriggerState, String) {
    let on = |at: &Shown| in_words(at.on);
    if let Some(at) = &direction.complied {
        (
            TriggerState::Complied,
            format!("Compliance was accepted on {}.", on(at)),
        )
    } else if let Some(at) = &direction.withdrawn {
        (
            TriggerState::Withdrawn,
            format!("The direction was withdrawn on {}.", on(at)),
        )
    } else if let Some(at) = &direction.order_made {
        (
            TriggerState::OrderMade,
            format!("A mandatory order was made on {}.", on(at)),
        )
    } else if let Some(at) = &direction.order_sought {
        (
            TriggerState::OrderSought,
            format!("A mandatory order was applied for on {}.", on(at)),
        )
    } else if let Some(at) = &direction.compliance_reported {
        (
            TriggerState::ComplianceReported,
            format!("Compliance was reported on {}.", on(at)),
        )
    } else if let Some(directed) = &direction.directed {
        (
            TriggerState::Directed,
            format!("A direction was given on {}.", on(&directed.at)),
        )
    } else if let Some(at) = &direction.satisfied {
        (
            TriggerState::Satisfied,
            format!(
                "The Secretary of State was satisfied of a failure on {}.",
                on(at)
            ),
        )
    } else {
        (TriggerState::Open, "A failure was found.".to_owned())
    }
}

/// The ids that the trigger of a case may have had: one for each entry that could be its first, as long as
/// those before it are withdrawn.
#[must_use]
pub fn ids_of_case(case: &History<Direction>) -> BTreeSet<StreamId> {
    let ids = case.entries().filter_map(|entry| {
        let (authority, duty, area) = entry.payload.case()?;
        Some(trigger_id(authority, duty, area, entry.entry_id))
    });
    ids.map(StreamId::new).collect()
}

fn trigger_id(authority: StreamId, duty: Duty, area: StreamId, entry: EntryId) -> Uuid {
    let (authority, area, entry) = (authority.to_string(), area.to_string(), entry.to_string());
    NaturalKey(&["trigger", &authority, duty.section(), &area, &entry])
        .stream_id()
        .uuid()
}

/// The class of an authority, as the register or an area has it.
fn class_of(world: &World, authority: StreamId) -> Option<Class> {
    let known = world.authorities.get(&authority).and_then(|a| a.capacity);
    let mut areas = world.areas.values();
    let in_area = || areas.find_map(|a| a.authorities.get(&authority).map(|r| r.capacity));
    known.or_else(in_area).map(crate::Capacity::class)
}

/// Whether the Secretary of State may direct an authority for a duty (s.18(1), (4), (5)).
fn in_law(world: &World, authority: StreamId, duty: Duty, welsh_consent: bool) -> InLaw {
    let closed = |section: &str, note: &str| InLaw {
        open: false,
        note: Some(note.to_owned()),
        section: section.to_owned(),
    };
    if class_of(world, authority).is_some_and(|class| !duty.may_be_directed(class)) {
        return closed(
            "18(1)",
            "s.18(1) does not list this duty for this kind of authority; the department's other \
             means remain.",
        );
    }
    let known = world.authorities.get(&authority);
    if known
        .and_then(|a| a.held_by)
        .is_some_and(HeldBy::beyond_direction)
    {
        return closed(
            "18(5)",
            "The holder of this office is beyond direction; the Secretary of State uses existing \
             means.",
        );
    }
    let devolved = known.is_some_and(|a| a.devolved_welsh_authority.is_some());
    if devolved && !welsh_consent {
        return closed("18(4)", "The Welsh Ministers must consent first.");
    }
    InLaw {
        open: true,
        note: None,
        section: "18(1)".to_owned(),
    }
}
