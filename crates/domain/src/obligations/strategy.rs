//! How rows stand that are about a strategy.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use dutyledger_record::{EntryId, StreamId};

use super::entries::{Entries, LookedAt};
use super::judge::Judge;
use super::{By, Due, Evidence, Found, Once, Status};
use crate::history::History;
use crate::refusal::Unmet;
use crate::reviews::{self, ReviewStatus};
use crate::rules::{Mode, Provenance, Row};
use crate::scene::Scene;
use crate::streams::strategy::{Action, Material, Version, unmet_to_adopt};
use crate::streams::{Strategy, StrategyState};
use crate::values::{Capacity, ItemId, ReviewDecision, in_words};
use crate::world::{Histories, World};

/// A strategy, looked at on a date.
pub(super) struct StrategyLooked<'a> {
    pub(super) id: StreamId,
    pub(super) state: &'a StrategyState,
    pub(super) entries: Entries<'a, Strategy>,
    /// The newest version, whose preparation is looked at.
    newest: (u32, &'a Version),
    /// The newest adopted version.
    pub(super) in_force: Option<(u32, &'a Version)>,
    /// What the newest version lacks to be adopted.
    unmet: Vec<Unmet>,
    /// The relevant authorities to be consulted on it.
    to_consult: BTreeMap<StreamId, Capacity>,
}

impl<'a> StrategyLooked<'a> {
    pub(super) fn new(
        id: StreamId,
        state: &'a StrategyState,
        history: &'a History<Strategy>,
        histories: &Histories,
        world: &World,
        on: NaiveDate,
    ) -> Option<Self> {
        let newest = state.latest()?;
        // How a version was prepared is settled by the day it is adopted: a school that appears
        // later does not undo it.
        let adopted = newest.1.adopted.as_ref().map(|adopted| adopted.at.on);
        let then = adopted.map(|on| (on, history.state(on), histories.on(on)));
        let (on_that_day, prepared, known) = match &then {
            Some((on, prepared, known)) => (*on, prepared.as_ref(), known),
            None => (on, state, world),
        };
        let partnership = state.partnership.and_then(|id| known.partnerships.get(&id));
        Some(Self {
            id,
            state,
            entries: Entries::of(history, on),
            newest,
            in_force: state.in_force(),
            unmet: unmet_to_adopt(
                newest.0,
                prepared,
                &Scene::looked_at(id, on_that_day, known),
            ),
            to_consult: partnership
                .map(|partnership| partnership.to_be_consulted(known, on_that_day))
                .unwrap_or_default(),
        })
    }

    /// The needs assessments its versions rest on.
    pub(super) fn assessments(&self) -> impl Iterator<Item = StreamId> + '_ {
        let versions = self.state.versions.values();
        versions.flat_map(|version| version.assessments.iter().copied())
    }

    /// The actions of the version in force.
    pub(super) fn actions_in_force(&self) -> BTreeMap<ItemId, &'a Action> {
        self.actions_of(self.in_force.map(|(_, version)| version))
    }

    /// The actions of the newest version.
    pub(super) fn actions_proposed(&self) -> BTreeMap<ItemId, &'a Action> {
        self.actions_of(Some(self.newest.1))
    }

    fn actions_of(&self, version: Option<&'a Version>) -> BTreeMap<ItemId, &'a Action> {
        let ids = version.into_iter().flat_map(|version| &version.actions);
        ids.filter_map(|id| Some((*id, self.state.actions.get(id)?)))
            .collect()
    }

    /// The entries that show a row, whichever version they are about.
    pub(super) fn showing_any(&self, evidence: &Evidence) -> Vec<EntryId> {
        self.entries.showing(evidence, LookedAt::default())
    }

    fn showing(&self, evidence: &Evidence, version: u32) -> Vec<EntryId> {
        // What a version was begun with may have been left out of it.
        let actions = self.actions_of(self.state.versions.get(&version));
        let looked_at = LookedAt {
            version: Some(version),
            authority: None,
            actions: Some(&actions),
        };
        self.entries.showing(evidence, looked_at)
    }

    fn shows(&self, evidence: &Evidence) -> Vec<EntryId> {
        self.showing(evidence, self.newest.0)
    }

    pub(super) fn found(&self, row: &Row, evidence: &Evidence, judge: &Judge<'_>) -> Found {
        match evidence.by {
            By::Adoption => self.adoption(row, evidence),
            By::RevisedAnew => self.revised_anew(row, evidence),
            By::ConsultedOfKind => self.consulted_of_kind(row, evidence),
            By::Adopted => self.adopted(row, evidence, judge),
            By::Implemented => self.implemented(row, evidence, judge),
            By::Published => self.published(evidence),
            By::AnnualReview => self.annual_review(row, evidence, judge),
            By::KeptUnderReview => self.kept_under_review(row, evidence, judge),
            By::Revised => self.revised(evidence),
            By::Material => self.material(evidence),
            By::Wider => self.wider(row, evidence, judge),
            _ => {
                // What a strategy in force asks for is looked for on the version in force.
                let in_force = self
                    .in_force
                    .filter(|_| evidence.once == Some(Once::Adopted));
                let shown = match row.mode {
                    Mode::May => self.showing_any(evidence),
                    _ => self.showing(evidence, in_force.unwrap_or(self.newest).0),
                };
                judge.shown(row, evidence, shown, self.waits(evidence))
            }
        }
    }

    fn waits(&self, evidence: &Evidence) -> Option<&'static str> {
        (evidence.once == Some(Once::Adopted) && self.in_force.is_none())
            .then_some("No version is adopted yet.")
    }

    /// What the gate on adoption says of the newest version.
    fn adoption(&self, row: &Row, evidence: &Evidence) -> Found {
        let shown = self.shows(evidence);
        let stands = |unmet: &&Unmet| evidence.is_gate(row, &unmet.rule);
        let found = match self.unmet.iter().find(stands) {
            None => Found::new(
                evidence.something_shown(row),
                "Nothing of it is missing on the newest version.",
            ),
            Some(unmet) => Found::new(
                evidence.nothing_shown(row, Status::Due),
                unmet.detail.clone(),
            )
            .next(self.or_revise(&unmet.next)),
        };
        found.by(shown)
    }

    /// What to do about a version's preparation, while it is being prepared and after.
    fn or_revise(&self, next: &str) -> String {
        match self.newest.1.adopted {
            None => next.to_owned(),
            Some(_) => "The version is adopted. Record what was done before, if it was; if not, \
                        put it right in a revised version."
                .to_owned(),
        }
    }

    /// The same, of a version after the first (s.8(11), 9(11)).
    fn revised_anew(&self, row: &Row, evidence: &Evidence) -> Found {
        if self.newest.0 == 1 {
            return Found::new(Status::NotApplicable, "No revised version is begun.");
        }
        self.adoption(row, evidence)
    }

    fn consulted_of_kind(&self, row: &Row, evidence: &Evidence) -> Found {
        let all = self.to_consult.iter();
        let of_kind = all.filter(|(_, c)| evidence.is_of(row, **c));
        let (mut count, mut missing) = (0, 0);
        for (id, _) in of_kind {
            count += 1;
            missing += usize::from(!self.newest.1.consultation.consulted.contains_key(id));
        }
        let found = match (count, missing) {
            (0, _) => Found::new(
                Status::NotApplicable,
                "No authority of this kind is to be consulted.",
            ),
            (_, 0) => Found::new(
                Status::Satisfied,
                "Each authority of this kind was consulted on the newest version.",
            ),
            (count, missing) => Found::new(
                Status::Due,
                format!("{missing} of {count} authorities of this kind were not consulted yet."),
            )
            .next(self.or_revise("Consult each of them on the newest version.")),
        };
        found.by(self.shows(evidence))
    }

    fn adopted(&self, row: &Row, evidence: &Evidence, judge: &Judge<'_>) -> Found {
        let Some((number, _)) = self.in_force else {
            if let Some(waits) = judge.waits(evidence) {
                return Found::new(Status::NotYetDue, waits);
            }
            let mut others = judge.strategies.iter();
            let beside = others.any(|other| other.in_force.is_some());
            if beside && judge.areas_without(evidence).is_empty() {
                let why =
                    "It is being prepared; another strategy is adopted for each of the areas.";
                return Found::new(Status::NotYetDue, why);
            }
            return judge
                .first_strategy(
                    row,
                    evidence,
                    "A strategy is begun and no version is adopted.",
                )
                .next("Adopt a version.");
        };
        let shown = self.showing(evidence, number);
        let found = if judge.runs_until_publication(row) {
            let why =
                "A version is adopted, and no strategy is published yet for each of the areas.";
            judge
                .first_strategy(row, evidence, why)
                .next("Publish the version in force.")
        } else if let came_later @ 1.. = judge.areas_without(evidence).len() {
            let why = format!(
                "Version {number} is adopted, before {came_later} of the partnership's areas came to \
                 it: no strategy is adopted for those."
            );
            Found::new(Status::Due, why).next("Prepare and adopt a revised version for all areas.")
        } else {
            Found::new(Status::Satisfied, format!("Version {number} is adopted."))
        };
        found.by(shown)
    }

    fn implemented(&self, row: &Row, evidence: &Evidence, judge: &Judge<'_>) -> Found {
        if self.in_force.is_none() {
            return Found::new(Status::NotYetDue, "No version is adopted yet.");
        }
        let actions = self.actions_in_force();
        let looked_at = LookedAt {
            actions: Some(&actions),
            ..LookedAt::default()
        };
        let shown = self.entries.showing(evidence, looked_at);
        let all = actions.len();
        let open: Vec<_> = actions.values().filter(|a| !a.is_completed()).collect();
        let excepted = |action: &Action| self.state.excepted_from(action, action.owner).is_some();
        let owed: Vec<_> = open.iter().filter(|action| !excepted(action)).collect();
        let why = format!(
            "{} of {all} actions of the version in force are completed.",
            all - open.len()
        );
        let found = if all == 0 {
            Found::new(Status::Due, "The version in force specifies no action.")
                .next("Revise the strategy to say what is to be done.")
        } else if open.is_empty() {
            Found::new(Status::Satisfied, "Every action is completed.")
        } else if owed.is_empty() {
            Found::new(
                Status::Excepted,
                format!(
                    "{why} The owner of each of the others claims an exception. Whether it holds is \
                     not decided here."
                ),
            )
        } else {
            judge
                .by_their_dates(row, owed.into_iter().map(|action| **action), &why)
                .next("Record how far each action has come.")
        };
        found.by(shown)
    }

    fn published(&self, evidence: &Evidence) -> Found {
        let Some((number, version)) = self.in_force else {
            return Found::new(Status::NotYetDue, "No version is adopted yet.");
        };
        let found = match &version.published {
            Some(at) => Found::new(
                Status::Satisfied,
                format!("Version {number} was published on {}.", in_words(at.at.on)),
            ),
            None => Found::new(
                Status::Due,
                format!("Version {number} is adopted and not published. The Act sets no period."),
            )
            .next("Publish the version in force."),
        };
        found.by(self.showing(evidence, number))
    }

    fn review_status(&self, judge: &Judge<'_>) -> ReviewStatus {
        reviews::status(self.state, Some(judge.state), judge.on)
    }

    fn annual_review(&self, row: &Row, evidence: &Evidence, judge: &Judge<'_>) -> Found {
        let next = "Review the whole strategy and record what was decided.";
        let provenance = row.deadline.as_ref().map(|deadline| deadline.provenance);
        let provenance = provenance.unwrap_or(Provenance::None);
        let due = reviews::due(self.state).map(|due| Due::from_pack(due.on, provenance));
        let found = match self.review_status(judge) {
            ReviewStatus::NotApplicable => {
                Found::new(Status::NotYetDue, "No version is adopted yet.")
            }
            ReviewStatus::NotYetDue => Found::new(Status::NotYetDue, "The year is not over."),
            ReviewStatus::Due => {
                Found::new(Status::Due, "The review of the whole strategy is due.").next(next)
            }
            ReviewStatus::Overdue => Found::new(
                Status::Overdue,
                "A year has passed since the adoption or the last review of the whole strategy.",
            )
            .next(next),
            ReviewStatus::NotKnown => Found::new(
                Status::NotKnown,
                "The date it is counted from is assumed, or the sources do not reach that far.",
            ),
        };
        found.due(due).by(self.counted_from(evidence))
    }

    /// Section 8(7)(b) sets no period, so it is never overdue; the year is what the guidance says.
    fn kept_under_review(&self, row: &Row, evidence: &Evidence, judge: &Judge<'_>) -> Found {
        match self.review_status(judge) {
            ReviewStatus::NotYetDue | ReviewStatus::Due => Found::new(
                Status::Satisfied,
                "The strategy was adopted, or reviewed as a whole, within the year.",
            )
            .by(self.counted_from(evidence)),
            ReviewStatus::Overdue => Found::new(
                Status::Due,
                "The annual review, which is guidance, is overdue. The Act sets no period.",
            )
            .next("Review the strategy and record what was decided.")
            .by(self.counted_from(evidence)),
            ReviewStatus::NotApplicable | ReviewStatus::NotKnown => {
                self.annual_review(row, evidence, judge).due(None)
            }
        }
    }

    /// The entry the year is counted from, and the reviews.
    fn counted_from(&self, evidence: &Evidence) -> Vec<EntryId> {
        let mut shown = self.showing_any(evidence);
        if let Some(due) = reviews::due(self.state)
            && !shown.contains(&due.entry_id)
        {
            shown.insert(0, due.entry_id);
        }
        shown
    }

    fn revised(&self, evidence: &Evidence) -> Found {
        let decided = self.state.reviews.iter();
        let decided = decided.filter(|review| review.decision == ReviewDecision::Revise);
        let Some(last) = decided.max_by_key(|review| review.at.on) else {
            return Found::new(
                Status::NotApplicable,
                "No review has decided to revise the strategy.",
            );
        };
        let later = self.state.versions.range(last.version.saturating_add(1)..);
        let mut published = later.filter_map(|(_, version)| version.published.as_ref());
        let shown = self.showing_any(evidence);
        if published.any(|published| published.at.on >= last.at.on) {
            Found::new(Status::Satisfied, "A revised version is published.")
        } else {
            Found::new(
                Status::Due,
                format!(
                    "A review decided on {} to revise the strategy, and no revised version is \
                     published.",
                    in_words(last.at.on)
                ),
            )
            .next("Prepare, adopt and publish a revised version.")
        }
        .by(shown)
    }

    fn material(&self, evidence: &Evidence) -> Found {
        let parts = || self.newest.1.material.values();
        let shown = self.shows(evidence);
        if parts().any(Material::is_barred) {
            Found::new(
                Status::Applies,
                "The specified authorities consider that a part of the newest version might do \
                 harm, and it is still in it.",
            )
            .next("Take the part out and record that it was removed.")
        } else if parts().any(|part| !part.harms.is_empty()) {
            Found::new(Status::Applies, "What might do harm was taken out.")
        } else {
            Found::new(Status::DoesNotApply, "No part is considered to do harm.")
        }
        .by(shown)
    }

    fn wider(&self, row: &Row, evidence: &Evidence, judge: &Judge<'_>) -> Found {
        if judge.state.areas.len() < 2 {
            return Found::new(
                Status::NotApplicable,
                "The partnership is for one local government area.",
            );
        }
        self.adoption(row, evidence)
    }
}
