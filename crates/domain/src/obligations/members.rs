//! How rows stand that each authority meets for itself.

use std::collections::{BTreeMap, BTreeSet};

use dutyledger_record::{EntryId, StreamId};
use serde_json::Value;

use super::entries::LookedAt;
use super::judge::Judge;
use super::{Evidence, Found, Status};
use crate::rules::{Bearer, Row};
use crate::streams::StrategyState;
use crate::streams::partnership::Representative;
use crate::streams::strategy::{Action, Exception, Stance, Touched};
use crate::values::{Capacity, ItemId, Route};

const NONE_OF_THIS_KIND: &str =
    "No authority of this kind is recorded for the partnership's areas.";

impl Judge<'_> {
    /// The specified and relevant authorities of the areas, and other members, of a kind looked at.
    fn looked_at(&self, row: &Row, evidence: &Evidence) -> BTreeSet<StreamId> {
        let is = |capacity: Capacity| evidence.is_of(row, capacity);
        let mut all = self.state.specified_authorities(self.world, self.on);
        all.extend(self.state.to_be_consulted(self.world, self.on).into_keys());
        let members = self.state.members.keys();
        let takes_part = |id: &&StreamId| self.state.takes_part(**id, self.world, self.on);
        all.extend(members.filter(takes_part));
        all.retain(|id| self.state.capacity_of(*id, self.world).is_some_and(is));
        all
    }

    /// The entries that named posts still held.
    fn posts(&self, evidence: &Evidence, wanted: impl Fn(&Representative) -> bool) -> Vec<EntryId> {
        let posts = self.state.representatives.values();
        let held = posts.filter(|post| post.until.is_none() && wanted(post));
        let held: BTreeSet<_> = held.map(|post| post.since.entry_id).collect();
        self.own_among(evidence, &held)
    }

    /// Of the partnership's entries that show a row, those wanted.
    fn own_among(&self, evidence: &Evidence, wanted: &BTreeSet<EntryId>) -> Vec<EntryId> {
        let mut shown = self.own.showing(evidence, LookedAt::default());
        shown.retain(|entry| wanted.contains(entry));
        shown
    }

    fn represented(&self, row: &Row, evidence: &Evidence, shown: Vec<EntryId>) -> Found {
        let found = self.shown(row, evidence, shown, None);
        match found.status {
            Status::Due => found.next("Name the post that represents it."),
            _ => found,
        }
    }

    pub(super) fn representatives(&self, row: &Row, evidence: &Evidence) -> Vec<Found> {
        let each = self.looked_at(row, evidence).into_iter().map(|authority| {
            let shown = self.posts(evidence, |post| post.authority == authority);
            self.represented(row, evidence, shown).of(authority)
        });
        or_not_applicable(each.collect(), NONE_OF_THIS_KIND)
    }

    pub(super) fn education_representative(&self, row: &Row, evidence: &Evidence) -> Found {
        let shown = self.posts(evidence, |post| post.strategic_education);
        self.represented(row, evidence, shown)
    }

    pub(super) fn memberships(&self, evidence: &Evidence) -> Vec<Found> {
        let all = self.state.specified_authorities(self.world, self.on);
        let each = all.into_iter().map(|authority| {
            let member = self.state.members.get(&authority);
            match member.filter(|member| member.until.is_none()) {
                Some(member) => Found::new(
                    Status::Satisfied,
                    "It is a member by law, and recognised as one.",
                )
                .by(self.own_among(evidence, &BTreeSet::from([member.since.entry_id]))),
                None => Found::new(
                    Status::Due,
                    "It is a member by law whether it is recognised or not; the partnership has \
                     not recognised it.",
                )
                .next("Recognise it as a member."),
            }
            .of(authority)
        });
        or_not_applicable(each.collect(), NONE_OF_THIS_KIND)
    }

    /// Whether each of them takes part itself. Who represents it is its own affair.
    pub(super) fn taking_part(&self, row: &Row, evidence: &Evidence) -> Vec<Found> {
        let each = self.looked_at(row, evidence).into_iter().map(|authority| {
            let member = self.state.members.get(&authority);
            let member = member.filter(|member| member.until.is_none());
            let shows = member.map(|member| [Some(member.since), self.state.formed]);
            let shows = shows.into_iter().flatten().flatten();
            let shows = shows.map(|at| at.entry_id).collect();
            match (member, self.state.formed) {
                (Some(_), Some(_)) => Found::new(
                    Status::Satisfied,
                    "It takes part in the partnership in its own right.",
                ),
                (Some(_), None) => Found::new(Status::Due, "The partnership is not formed.")
                    .next("Decide together to form the partnership, and record it."),
                (None, _) => Found::new(
                    Status::Due,
                    "The record does not show that it takes part in the partnership.",
                )
                .next("Recognise it as a member."),
            }
            .by(self.own_among(evidence, &shows))
            .of(authority)
        });
        or_not_applicable(each.collect(), NONE_OF_THIS_KIND)
    }

    pub(super) fn lead_and_route(&self, evidence: &Evidence) -> Found {
        let shown = self.own.showing(evidence, LookedAt::default());
        // A proposal is one authority's; what is formed, or chosen since, is decided by all.
        let route_decided = self.state.formed.is_some() || self.own.any("RouteChosen");
        match (self.state.lead, route_decided) {
            (Some(_), true) => {
                Found::new(Status::Satisfied, "Who leads and through what is decided.")
            }
            (None, _) => Found::new(Status::Due, "Who leads is not decided.")
                .next("Decide together who leads, and record it."),
            (_, false) => Found::new(Status::Due, "The structure is not decided.")
                .next("Decide together on the structure, and record it."),
        }
        .by(shown)
    }

    pub(super) fn existing_route(&self, evidence: &Evidence) -> Found {
        let shown = self.own.showing(evidence, LookedAt::default());
        match self.state.route {
            Some(Route::NewStructure | Route::Voluntary) => Found::new(
                Status::Due,
                "The partnership works through a structure of its own. Nothing requires an \
                 existing one.",
            )
            .next("Consider whether an existing structure would do."),
            Some(_) => Found::new(
                Status::Satisfied,
                "The partnership works through an existing structure.",
            ),
            None => Found::new(Status::Due, "The structure is not decided.")
                .next("Decide together on the structure, and record it."),
        }
        .by(shown)
    }

    /// Whether each area has an office of a kind looked at.
    pub(super) fn registered(&self, row: &Row, evidence: &Evidence) -> Found {
        let is = |capacity: Capacity| evidence.is_of(row, capacity);
        let areas = self.state.areas.iter();
        let without = areas
            .filter(|id| {
                let area = self.world.areas.get(id);
                !area.is_some_and(|area| {
                    let mut recorded = area.authorities.values();
                    recorded.any(|a| is(a.capacity) && a.exists_on(self.on))
                })
            })
            .count();
        if without == 0 && !self.state.areas.is_empty() {
            Found::new(Status::Satisfied, "The office is recorded for every area.")
        } else {
            Found::new(
                Status::Due,
                format!("The office is not recorded for {without} of the partnership's areas."),
            )
            .next("Ask the operator to record it for the area.")
        }
    }

    pub(super) fn beyond_direction(&self) -> Vec<Found> {
        let all = self.world.authorities.iter().filter(|(id, authority)| {
            self.state.capacity_of(**id, self.world).is_some()
                && authority
                    .held_by
                    .is_some_and(crate::HeldBy::beyond_direction)
        });
        let found: Vec<_> = all
            .map(|(id, _)| {
                Found::new(
                    Status::Applies,
                    "The holder of this office is beyond direction; the Secretary of State uses \
                     existing means.",
                )
                .of(*id)
            })
            .collect();
        if found.is_empty() {
            return vec![Found::new(
                Status::DoesNotApply,
                "No holder of an office here is known to be beyond direction.",
            )];
        }
        found
    }

    pub(super) fn welsh_consent(&self, evidence: &Evidence) -> Vec<Found> {
        let devolved = |authority: Option<StreamId>| {
            let known = authority.and_then(|id| self.world.authorities.get(&id));
            known.is_some_and(|a| a.devolved_welsh_authority.is_some())
        };
        let cases = self.directions.iter();
        let found: Vec<_> = cases
            .filter(|case| devolved(case.state.authority))
            .map(|case| {
                let directed = case.state.directed.as_ref();
                let to_it = directed.and_then(|directed| directed.welsh_consent.as_ref());
                let answers = [case.state.welsh_consent.as_ref(), to_it];
                let consented = answers.into_iter().flatten().any(|answer| answer.given);
                let directed = directed.filter(|_| case.state.withdrawn.is_none());
                match (directed, &case.state.satisfied) {
                    _ if consented => {
                        Found::new(Status::Satisfied, "The Welsh Ministers consented.")
                    }
                    (Some(_), _) => Found::new(
                        Status::Due,
                        "The record does not show that the Welsh Ministers consented to the \
                         direction.",
                    )
                    .next("Record their consent, or withdraw the direction."),
                    (None, Some(_)) => Found::new(
                        Status::Due,
                        "The Welsh Ministers must consent before a direction is given.",
                    )
                    .next("Ask the Welsh Ministers."),
                    (None, None) => Found::new(
                        Status::NotYetDue,
                        "The Secretary of State is not satisfied of a failure.",
                    ),
                }
                .about(case.id)
                .by(case.entries.showing(evidence, LookedAt::default()))
            })
            .collect();
        if found.is_empty() {
            return vec![Found::new(
                Status::NotApplicable,
                "No case here is about a devolved Welsh authority.",
            )];
        }
        found
    }

    /// The authorities of the kinds looked at that an action touches, with the actions.
    fn touched<'b>(
        &self,
        row: &Row,
        evidence: &Evidence,
        actions: &BTreeMap<ItemId, &'b Action>,
    ) -> BTreeMap<StreamId, BTreeMap<ItemId, &'b Action>> {
        let is = |capacity: Capacity| evidence.is_of(row, capacity);
        let of_kind = |id: &StreamId, touched: Option<&Touched>| {
            let stated = touched.and_then(|t| t.capacity);
            let capacity = stated.or_else(|| self.state.capacity_of(*id, self.world));
            capacity.is_some_and(is)
        };
        let mut all: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (item, action) in actions {
            let mut ids: BTreeSet<_> = action.authorities.keys().copied().collect();
            ids.insert(action.owner);
            ids.retain(|id| of_kind(id, action.authorities.get(id)));
            // What has ended or was succeeded carries nothing out any more.
            ids.retain(|id| !self.state.is_gone(*id, self.world, self.on));
            for id in ids {
                all.entry(id).or_default().insert(*item, *action);
            }
        }
        all
    }

    /// What s.15(4) asks: each of them carries out the actions a strategy in force specifies for it.
    pub(super) fn own_actions(&self, row: &Row, evidence: &Evidence) -> Vec<Found> {
        let mut all = Vec::new();
        for strategy in &self.strategies {
            for (authority, actions) in self.touched(row, evidence, &strategy.actions_in_force()) {
                let open: Vec<_> = actions.values().filter(|a| !a.is_completed()).collect();
                let claims = |action: &Action| {
                    let claim = strategy.state.excepted_from(action, authority);
                    claim.map(|exception| exception.ground)
                };
                let grounds: Vec<_> = open.iter().filter_map(|action| claims(action)).collect();
                let owed: Vec<_> = open.iter().filter(|a| claims(a).is_none()).collect();
                let next = if owed.iter().any(|action| action.owner == authority) {
                    "Carry the actions out and record how far they have come."
                } else {
                    "Carry its part of them out; whose actions they are records how far they have \
                     come."
                };
                let found = match grounds.first() {
                    _ if open.is_empty() => Found::new(
                        Status::Satisfied,
                        "Every action specified for it is completed.",
                    ),
                    Some(ground) if grounds.len() == open.len() => Found::new(
                        Status::Excepted,
                        format!(
                            "It claims an exception under s.15(7)({}). Whether it holds is not \
                             decided here.",
                            ground.letter()
                        ),
                    ),
                    _ => {
                        let count = open.len() - grounds.len();
                        let why =
                            format!("{count} of the actions specified for it are not completed.");
                        self.by_their_dates(row, owed.iter().map(|action| ***action), &why)
                    }
                    .next(next),
                };
                let shown = strategy
                    .entries
                    .showing(evidence, about(authority, &actions));
                all.push(found.by(shown).of(authority).about(strategy.id));
            }
        }
        or_not_applicable(
            all,
            "No strategy in force specifies an action for such an authority.",
        )
    }

    /// Whether each of them agreed the actions that touch it; or, where asking is the partnership's,
    /// whether it was asked, which its own answer shows, whatever it says. Silence is neither agreement
    /// nor refusal, and nothing is owed before somebody asks.
    pub(super) fn own_consent(&self, row: &Row, evidence: &Evidence) -> Vec<Found> {
        let mut all = Vec::new();
        for strategy in &self.strategies {
            let touched = self.touched(row, evidence, &strategy.actions_proposed());
            let each = touched.iter().map(|(authority, actions)| {
                let shown = strategy
                    .entries
                    .showing(evidence, about(*authority, actions));
                (*authority, Answers::of(*authority, actions), shown)
            });
            if row.bearers == [Bearer::Partnership] {
                let (mut answers, mut shown) = (Answers::default(), Vec::new());
                for (_, one, by) in each {
                    answers.add(one);
                    shown.extend(by);
                }
                if !touched.is_empty() {
                    let mut in_order = strategy.showing_any(evidence);
                    in_order.retain(|entry| shown.contains(entry));
                    let found = answers.asked(row, evidence);
                    all.push(found.by(in_order).about(strategy.id));
                }
            } else {
                all.extend(each.map(|(authority, answers, shown)| {
                    let found = answers.agreed(row, evidence);
                    found.by(shown).of(authority).about(strategy.id)
                }));
            }
        }
        or_not_applicable(all, "No action touches such an authority.")
    }

    pub(super) fn claims(&self, row: &Row, evidence: &Evidence) -> Vec<Found> {
        let mut all = Vec::new();
        for strategy in &self.strategies {
            for authority in self.claimants(row, evidence, strategy.state) {
                let looked_at = LookedAt {
                    authority: Some(authority),
                    ..LookedAt::default()
                };
                let found = Found::new(
                    Status::Applies,
                    "It claims an exception. Whether it holds is not decided here.",
                );
                let shown = strategy.entries.showing(evidence, looked_at);
                all.push(found.by(shown).of(authority).about(strategy.id));
            }
        }
        if all.is_empty() {
            all.push(Found::new(
                Status::DoesNotApply,
                "Nobody claims an exception.",
            ));
        }
        all
    }

    /// Each of its claims counts as it was last made, for an action or for none in particular.
    pub(super) fn cumulative_effect(&self, row: &Row, evidence: &Evidence) -> Vec<Found> {
        let mut all = Vec::new();
        for strategy in &self.strategies {
            for authority in self.claimants(row, evidence, strategy.state) {
                let own = evidence.having("authority", authority.to_string());
                let considered = own.having("cumulative_effect_considered", true);
                // A claim whose ground has ceased is none any more.
                let stands = |claim: Option<&Exception>| claim.is_some_and(|c| c.ended.is_none());
                let claims = |action: &Action| {
                    let touched = action.authorities.get(&authority);
                    stands(touched.and_then(|touched| touched.exception.as_ref()))
                };
                let actions = strategy.state.actions.iter();
                let actions = actions.filter(|(_, action)| claims(action));
                let actions = actions.map(|(id, _)| Value::from(id.to_string()));
                let from_all = stands(strategy.state.exceptions.get(&authority));
                let mut actions = actions.chain(from_all.then_some(Value::Null));
                let last = |evidence: &Evidence, action: &Value| {
                    let of_action = evidence.having("action", action.clone());
                    strategy.showing_any(&of_action).pop()
                };
                let found = if actions.all(|a| last(&own, &a) == last(&considered, &a)) {
                    Found::new(
                        Status::Satisfied,
                        "Each claim considered the cumulative effect.",
                    )
                } else {
                    Found::new(
                        Status::Due,
                        "A claim does not say that the cumulative effect of all duties was \
                         considered; no document is required.",
                    )
                    .next("Consider the cumulative effect, and claim again.")
                };
                let shown = strategy.showing_any(&own);
                all.push(found.by(shown).of(authority).about(strategy.id));
            }
        }
        or_not_applicable(all, "Nobody claims an exception.")
    }

    /// Who of the kinds looked at claims an exception in a strategy.
    fn claimants(
        &self,
        row: &Row,
        evidence: &Evidence,
        strategy: &StrategyState,
    ) -> BTreeSet<StreamId> {
        let touched = strategy.actions.values();
        let touched = touched.flat_map(|action| &action.authorities);
        let claimed = touched.filter_map(|(id, t)| Some((id, t.exception.as_ref()?)));
        let standing = claimed
            .chain(&strategy.exceptions)
            .filter(|(_, exception)| exception.ended.is_none());
        let mut all: BTreeSet<_> = standing.map(|(id, _)| *id).collect();
        all.retain(|id| {
            let capacity = self.state.capacity_of(*id, self.world);
            capacity.is_none_or(|capacity| evidence.is_of(row, capacity))
        });
        all
    }
}

/// What authorities themselves answered about the actions that touch them.
#[derive(Clone, Copy, Default)]
struct Answers {
    agreed: usize,
    declined: usize,
    silent: usize,
}

impl Answers {
    fn of(authority: StreamId, actions: &BTreeMap<ItemId, &Action>) -> Self {
        let mut all = Self::default();
        for action in actions.values() {
            let touched = action.authorities.get(&authority);
            match touched.map(|touched| touched.stance) {
                Some(Stance::Agreed { at }) if at.own() => all.agreed += 1,
                Some(Stance::Declined { at }) if at.own() => all.declined += 1,
                _ => all.silent += 1,
            }
        }
        all
    }

    const fn add(&mut self, other: Self) {
        self.agreed += other.agreed;
        self.declined += other.declined;
        self.silent += other.silent;
    }

    /// Whether they were asked.
    fn asked(self, row: &Row, evidence: &Evidence) -> Found {
        let (agreed, declined) = (self.agreed, self.declined);
        if self.silent > 0 {
            let why = format!(
                "{} answers on the actions that touch them are not there. Silence is neither \
                 agreement nor refusal.",
                self.silent
            );
            return Found::new(evidence.nothing_shown(row, Status::Due), why)
                .next("Ask them; each answers with its own key.");
        }
        let why = format!("They were asked: {agreed} agreed, {declined} declined.");
        Found::new(evidence.something_shown(row), why)
    }

    /// Whether one agreed. That it declined shows neither that it did what it must, nor that it did not:
    /// consent is asked for, and owed to nobody.
    fn agreed(self, row: &Row, evidence: &Evidence) -> Found {
        let (agreed, declined) = (self.agreed, self.declined);
        if self.silent > 0 {
            let why = format!(
                "It has not answered {} of the actions that touch it. Silence is neither \
                 agreement nor refusal.",
                self.silent
            );
            return Found::new(evidence.nothing_shown(row, Status::Due), why)
                .next("Ask it; it answers with its own key.");
        }
        let why = format!(
            "It was asked: it agreed {agreed} of the actions that touch it and declined {declined}."
        );
        let status = match declined {
            0 => evidence.something_shown(row),
            _ => evidence.nothing_shown(row, Status::Due),
        };
        Found::new(status, why)
    }
}

/// An authority and the actions that touch it.
fn about<'a>(authority: StreamId, actions: &'a BTreeMap<ItemId, &'a Action>) -> LookedAt<'a> {
    LookedAt {
        authority: Some(authority),
        actions: Some(actions),
        ..LookedAt::default()
    }
}

pub(super) fn or_not_applicable(all: Vec<Found>, why: &str) -> Vec<Found> {
    if all.is_empty() {
        vec![Found::new(Status::NotApplicable, why)]
    } else {
        all
    }
}
