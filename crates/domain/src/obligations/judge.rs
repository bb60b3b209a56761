//! How the rows of a pack stand for one partnership.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use dutyledger_record::{EntryId, StreamId};

use super::directed::Case;
use super::entries::{Entries, LookedAt};
use super::strategy::StrategyLooked;
use super::{By, Due, Evidence, Found, MadeUnder, Once, Status, Within};
use crate::first_strategy;
use crate::kebab::kebab_case;
use crate::rules::{LegalStatus, Mode, Provenance, Row, Until};
use crate::streams::strategy::Action;
use crate::streams::{NeedsAssessment, Partnership, PartnershipState};
use crate::values::in_words;
use crate::world::{Histories, World};

/// What the record says of a partnership on a date.
pub(super) struct Judge<'a> {
    id: StreamId,
    pub(super) state: &'a PartnershipState,
    pub(super) own: Entries<'a, Partnership>,
    pub(super) strategies: Vec<StrategyLooked<'a>>,
    assessments: Vec<Entries<'a, NeedsAssessment>>,
    pub(super) directions: Vec<Case<'a>>,
    pub(super) world: &'a World,
    histories: &'a Histories,
    pub(super) on: NaiveDate,
}

impl<'a> Judge<'a> {
    /// Nothing where the partnership had no entry by then.
    pub(super) fn new(
        partnership: StreamId,
        histories: &'a Histories,
        world: &'a World,
        on: NaiveDate,
    ) -> Option<Self> {
        let state = world.partnerships.get(&partnership)?;
        let history = histories.partnerships.get(&partnership)?;
        history
            .opening()
            .filter(|opening| opening.standing.occurred_on.date <= on)?;
        let live = |id: &StreamId| {
            let state = world.strategies.get(id)?;
            (state.partnership == Some(partnership) && state.superseded.is_none()).then_some(state)
        };
        let strategies: Vec<_> = histories
            .strategies
            .iter()
            .filter_map(|(id, history)| {
                let state = live(id)?;
                StrategyLooked::new(*id, state, history, histories, world, on)
            })
            .collect();
        let rested_on: BTreeSet<_> = strategies
            .iter()
            .flat_map(StrategyLooked::assessments)
            .collect();
        let assessments = histories.assessments.iter().filter(|(id, _)| {
            let known = world.assessments.get(id);
            rested_on.contains(id) || known.is_some_and(|a| a.partnership == Some(partnership))
        });
        let directions = histories.directions.iter().filter_map(|(id, history)| {
            let state = world.directions.get(id)?;
            (state.partnership == Some(partnership)).then(|| Case {
                id: *id,
                state,
                entries: Entries::of(history, on),
            })
        });
        Some(Self {
            id: partnership,
            state,
            own: Entries::of(history, on),
            assessments: assessments.map(|(_, h)| Entries::of(h, on)).collect(),
            directions: directions.collect(),
            strategies,
            world,
            histories,
            on,
        })
    }

    /// How a row stands; once, or once for each strategy, case or authority it is looked at for.
    pub(super) fn found(&self, row: &Row) -> Vec<Found> {
        if row.mode == Mode::Fact {
            return vec![Found::new(Status::Fact, "It states a fact.")];
        }
        let Some(evidence) = &row.evidence else {
            return vec![Found::new(
                Status::NotRecordedYet,
                "What this speaks of cannot be recorded here yet. That says nothing about whether \
                 it was done.",
            )];
        };
        let found = match evidence.by {
            By::Representative => self.representatives(row, evidence),
            By::Membership => self.memberships(evidence),
            By::TakesPart => self.taking_part(row, evidence),
            By::LeadAndRoute => vec![self.lead_and_route(evidence)],
            By::ExistingRoute => vec![self.existing_route(evidence)],
            By::RegisteredForEachArea => vec![self.registered(row, evidence)],
            By::EducationRepresentative => vec![self.education_representative(row, evidence)],
            By::BeyondDirection => self.beyond_direction(),
            By::WelshConsent => self.welsh_consent(evidence),
            By::Directed => self.directed(row, evidence),
            By::OwnActions => self.own_actions(row, evidence),
            By::OwnConsent => self.own_consent(row, evidence),
            By::Claimed => self.claims(row, evidence),
            By::CumulativeEffect => self.cumulative_effect(row, evidence),
            By::Entries => self.entries(row, evidence),
            By::Adoption
            | By::RevisedAnew
            | By::ConsultedOfKind
            | By::Adopted
            | By::Implemented
            | By::Published
            | By::AnnualReview
            | By::KeptUnderReview
            | By::Revised
            | By::Material
            | By::Wider => self.of_strategies(row, evidence),
        };
        let found = found
            .into_iter()
            .map(|one| self.limited(row, evidence, one));
        found.map(|one| in_part(row, one)).collect()
    }

    /// Each strategy for itself. Where none is made under what the row is about, it does not arise.
    fn of_strategies(&self, row: &Row, evidence: &Evidence) -> Vec<Found> {
        let under = |s: &&StrategyLooked<'_>| {
            let bases = s.state.bases;
            evidence
                .made_under
                .is_none_or(|under| under.is_among(bases))
        };
        let made_so: Vec<_> = self.strategies.iter().filter(under).collect();
        match (made_so.is_empty(), evidence.made_under) {
            // What s.8 asks is asked of every area, whatever else there is a strategy under.
            (true, Some(under)) if under != MadeUnder::Section8 && !self.strategies.is_empty() => {
                let status = evidence.nothing_shown(row, Status::NotApplicable);
                let why = format!("No strategy here is made under {}.", under.cited());
                vec![Found::new(status, why)]
            }
            (true, _) => vec![self.without_a_strategy(row, evidence)],
            _ => made_so
                .into_iter()
                .map(|strategy| strategy.found(row, evidence, self).about(strategy.id))
                .collect(),
        }
    }

    fn without_a_strategy(&self, row: &Row, evidence: &Evidence) -> Found {
        let why = if self.strategies.is_empty() {
            "No strategy is begun."
        } else {
            "No strategy under s.8 is begun in this partnership."
        };
        if let Some(waits) = self.waits(evidence) {
            return Found::new(evidence.nothing_shown(row, Status::NotYetDue), waits);
        }
        // Whether a community safety partnership has one of its own is not in this record.
        if evidence.by == By::Adopted && evidence.made_under == Some(MadeUnder::Section8) {
            return self
                .first_strategy(row, evidence, why)
                .next("Draft a strategy.");
        }
        Found::new(evidence.nothing_shown(row, Status::NotYetDue), why)
    }

    /// How it stands that the first strategy is not there yet, with the source of its date where an
    /// entry set it.
    pub(super) fn first_strategy(&self, row: &Row, evidence: &Evidence, why: &str) -> Found {
        let due = self.first_strategy_due(row, evidence);
        let set = self.histories.dates.set(row, self.on);
        let source = set
            .and_then(|set| set.standing.source.as_ref())
            .filter(|_| due.is_some());
        match source {
            Some(source) => {
                let (title, reference) = (source.title.as_str(), source.reference.as_str());
                let why = format!("{why} Its date is from: {title}, {reference}.");
                by_date(self.on, due, &why)
            }
            None => by_date(self.on, due, why),
        }
    }

    /// Whether the row's date runs on after a version is adopted: until a strategy is published for
    /// each area.
    pub(super) fn runs_until_publication(&self, row: &Row) -> bool {
        let until = row.deadline.as_ref().and_then(|own| own.until);
        let due = self.histories.dates.due(row, self.on);
        let Some(due) = due.filter(|_| until == Some(Until::PublishedForEachArea)) else {
            return false;
        };
        if first_strategy::formed_by(self.state, due.on).is_none() {
            return false;
        }
        let published = first_strategy::published(self.id, self.histories, self.on);
        let held = first_strategy::held(self.id, self.histories, due.on, self.on);
        !held.iter().all(|area| published.contains_key(area))
    }

    /// The partnership's areas that what s.8 asks is not adopted for; none where that is not asked.
    pub(super) fn areas_without(&self, evidence: &Evidence) -> BTreeSet<StreamId> {
        if evidence.made_under == Some(MadeUnder::Section8) {
            first_strategy::without_one(self.id, self.histories, self.world, self.on)
        } else {
            BTreeSet::new()
        }
    }

    /// The date a first strategy was due, for a partnership that was there by then and has not come so
    /// far.
    fn first_strategy_due(&self, row: &Row, evidence: &Evidence) -> Option<Due> {
        let due = self.histories.dates.due(row, self.on)?;
        if self.runs_until_publication(row) {
            return Some(due);
        }
        let mut own = self.world.strategies.values().filter(|strategy| {
            let under = |under: MadeUnder| under.is_among(strategy.bases);
            strategy.partnership == Some(self.id) && evidence.made_under.is_none_or(under)
        });
        if own.any(|strategy| strategy.in_force().is_some()) {
            return None;
        }
        // An area that came to the partnership after the date has none.
        let held = first_strategy::held(self.id, self.histories, due.on, self.on);
        if held.is_empty() && !self.state.areas.is_empty() {
            return None;
        }
        first_strategy::formed_by(self.state, due.on).map(|_| due)
    }

    /// How actions that are not done stand, by the dates the strategy gives them: by the first of
    /// them, and one without a date is owed from when it arose.
    pub(super) fn by_their_dates<'b>(
        &self,
        row: &Row,
        open: impl Iterator<Item = &'b Action>,
        why: &str,
    ) -> Found {
        let (mut first, mut undated) = (None::<NaiveDate>, false);
        for action in open {
            undated |= action.by.is_none();
            first = [first, action.by].into_iter().flatten().min();
        }
        let first = first.filter(|first| !undated || *first <= self.on);
        let provenance = row.deadline.as_ref().map(|deadline| deadline.provenance);
        let provenance = provenance.unwrap_or(Provenance::Local);
        by_date(
            self.on,
            first.map(|first| Due::from_pack(first, provenance)),
            why,
        )
    }

    /// Whether an entry of one of the events is there.
    fn entries(&self, row: &Row, evidence: &Evidence) -> Vec<Found> {
        // Who was invited in preparing a strategy is no use of a power that no strategy here rests on.
        if let (false, Some(under)) = (evidence.within == Within::Strategy, evidence.made_under)
            && !self
                .strategies
                .iter()
                .any(|one| under.is_among(one.state.bases))
        {
            let status = evidence.nothing_shown(row, Status::NotApplicable);
            let why = format!("No strategy here is made under {}.", under.cited());
            return vec![Found::new(status, why)];
        }
        let anything = LookedAt::default();
        let shown: Vec<EntryId> = match evidence.within {
            Within::Strategy => return self.of_strategies(row, evidence),
            Within::Partnership if row.is_duty() => {
                let mut shown = self.own.showing(evidence, anything);
                let left = self.left();
                shown.retain(|entry| !left.contains(entry));
                shown
            }
            Within::Partnership => self.own.showing(evidence, anything),
            Within::NeedsAssessment => {
                let each = self.assessments.iter();
                each.flat_map(|one| one.showing(evidence, anything))
                    .collect()
            }
            Within::Direction => {
                let each = self.directions.iter();
                each.flat_map(|case| case.entries.showing(evidence, anything))
                    .collect()
            }
        };
        vec![self.shown(row, evidence, shown, self.waits(evidence))]
    }

    /// The entries that recognised members who have left: they take part no more.
    fn left(&self) -> BTreeSet<EntryId> {
        let members = self.state.members.values();
        let left = members.filter(|member| member.until.is_some());
        left.map(|member| member.since.entry_id).collect()
    }

    /// How a row stands that entries show.
    pub(super) fn shown(
        &self,
        row: &Row,
        evidence: &Evidence,
        shown: Vec<EntryId>,
        waits: Option<&str>,
    ) -> Found {
        let present = evidence.something_shown(row);
        let absent = evidence.nothing_shown(row, Status::Due);
        let found = match (shown.is_empty(), absent, waits) {
            (false, ..) => Found::new(present, "The record shows it."),
            (true, Status::Due, Some(waits)) => Found::new(Status::NotYetDue, waits),
            (true, Status::Due, None) => Found::new(Status::Due, "The record does not show it.")
                .next(format!("When it is done, record it: {}.", asked(evidence))),
            (true, Status::NotApplicable, _) => {
                let trigger = row.trigger.as_deref().unwrap_or("It arises.");
                Found::new(
                    Status::NotApplicable,
                    format!("The record does not show what brings it about: \"{trigger}\""),
                )
            }
            (true, absent, _) => Found::new(absent, "The record does not show it."),
        };
        found.by(shown)
    }

    /// What a duty of the partnership still waits for.
    pub(super) fn waits(&self, evidence: &Evidence) -> Option<&'static str> {
        let assessed = || {
            let mut each = self.assessments.iter();
            each.any(|one| one.any("NeedsAssessmentCompleted"))
        };
        let adopted = || self.strategies.iter().any(|s| s.in_force.is_some());
        match evidence.once? {
            Once::Formed if self.state.formed.is_none() => {
                Some("The partnership is not formed yet.")
            }
            Once::Adopted if !adopted() => Some("No strategy is adopted yet."),
            Once::Assessed if !assessed() => Some("No needs assessment is complete yet."),
            Once::Formed | Once::Adopted | Once::Assessed => None,
        }
    }

    /// What the sources of a history do not reach is not known, a dissolved partnership does nothing
    /// any more, and nothing is overdue that was never in force.
    fn limited(&self, row: &Row, evidence: &Evidence, found: Found) -> Found {
        let owed = matches!(
            found.status,
            Status::Overdue | Status::Due | Status::NotYetDue
        );
        // What goes on in a partnership is met for as long as there is one.
        let goes_on = evidence.within == Within::Partnership && row.is_duty();
        // A case goes on whatever becomes of the partnership.
        let of_partnership = evidence.within != Within::Direction;
        if let Some(at) = self.state.dissolved.filter(|_| of_partnership)
            && (owed || (goes_on && found.status == Status::Satisfied))
        {
            return Found {
                status: Status::NotApplicable,
                why: format!(
                    "The partnership was dissolved on {}. The duty stays with the authorities, \
                     wherever they now work together.",
                    in_words(at.on)
                ),
                due: None,
                next: None,
                ..found
            };
        }
        if !owed {
            return found;
        }
        let told = self.state.coverage.as_ref();
        match told.filter(|told| self.on > told.covers_until) {
            // A date ahead is not made unknown by what the sources do not reach.
            Some(told) if found.status != Status::NotYetDue || found.due.is_none() => Found {
                status: Status::NotKnown,
                why: format!(
                    "The sources of this history reach {}. What happened since is not known.",
                    in_words(told.covers_until)
                ),
                next: None,
                ..found
            },
            _ if found.status == Status::Overdue && draft(row) => Found {
                status: Status::Due,
                why: format!(
                    "{} It is the draft that says so, which was never in force.",
                    found.why
                ),
                ..found
            },
            _ => found,
        }
    }
}

/// What is owed and not shown, by its date.
pub(super) fn by_date(on: NaiveDate, due: Option<Due>, why: &str) -> Found {
    let status = match due {
        Some(due) if on > due.on => Status::Overdue,
        Some(due) if on < due.on => Status::NotYetDue,
        _ => Status::Due,
    };
    Found::new(status, why).due(due)
}

/// Where the record answers a row only in part, that is said with how it stands, and where nothing
/// brings it about that the record can show, too.
fn in_part(row: &Row, found: Found) -> Found {
    let absent = row.evidence.as_ref().and_then(|evidence| evidence.absent);
    let arises = found.status != Status::NotApplicable || absent == Some(Status::NotApplicable);
    match &row.leaves_out {
        Some(left_out) if arises => Found {
            why: format!("{} This leaves out {left_out}.", found.why),
            ..found
        },
        _ => found,
    }
}

/// Whether nothing but the draft says it.
fn draft(row: &Row) -> bool {
    matches!(
        row.status,
        Some(LegalStatus::DraftOnly | LegalStatus::NeverInForce)
    )
}

/// The events asked for, in words.
fn asked(evidence: &Evidence) -> String {
    let words = |event: &String| kebab_case(event).replace('-', " ");
    let all: Vec<_> = evidence.events.iter().map(words).collect();
    all.join(", or ")
}
