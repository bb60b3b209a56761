//! What the record shows that bears on a direction (s.18): open, for attention, or nothing.

use std::collections::BTreeSet;

use dutyledger_domain::dates::Dates;
use dutyledger_domain::rules::{Provenance, RuleId, enacted};
use dutyledger_domain::streams::authority::AuthorityAmended;
use dutyledger_domain::streams::direction::{
    ComplianceAccepted, ComplianceReported, DirectionEvent, DirectionIssued, DirectionVaried,
    DirectionWithdrawn, FindingRecorded, MandatoryOrderMade, MandatoryOrderSought,
    NonComplianceRecorded, SecretaryOfStateSatisfied, SeekMandatoryOrder, WelshConsentAnswered,
};
use dutyledger_domain::streams::ledger::DeadlineDateSet;
use dutyledger_domain::streams::partnership::{CoverageStated, PartnershipDissolved};
use dutyledger_domain::streams::strategy::{
    ActionAgreed, ActionDated, ActionDeclined, ActionProgressed, ActionProposed,
    CauseRecordedAsUnknown, ExceptionClaimed, ExceptionEnded, MaterialConsidered, MaterialRemoved,
    ReviewCompleted, RevisionStarted, StrategyEvent as E, StrategySuperseded,
};
use dutyledger_domain::streams::trigger::{TriggerSet, WhatIsShown};
use dutyledger_domain::streams::{Direction, LedgerStream, Partnership, Strategy};
use dutyledger_domain::triggers::{
    NOT_RECORDED_YET, Never, Trigger, TriggerState, bears_on, cleared_by, triggers,
};
use dutyledger_domain::{
    ActionStatus, Bases, Class, Duty, ExceptedDuty, ExceptionGround, Harm, HeldBy, ReviewDecision,
    ReviewScope,
};
use dutyledger_record::{EntryId, Standing};

use crate::given::*;

const ADOPTED_ON: &str = "2024-03-01";

/// What is shown, but for the first strategy that no test here but its own is about.
fn all_of(setting: &Setting, on: &str) -> Vec<Trigger> {
    let mut all = triggers(partnership_id(), &setting.histories, day(on));
    all.retain(|trigger| trigger.duty != Duty::PrepareAndImplement);
    all
}

fn shown_by(setting: &Setting, duty: Duty) -> Vec<Trigger> {
    let mut all = triggers(partnership_id(), &setting.histories, day(TODAY));
    all.retain(|trigger| trigger.duty == duty);
    all
}

/// What is shown of each of these for a duty: one trigger each, all in this state.
fn shows(setting: &Setting, duty: Duty, bodies: &[Body], state: TriggerState) -> Vec<Trigger> {
    let found = shown_by(setting, duty);
    let of: BTreeSet<_> = found.iter().map(|trigger| trigger.authority).collect();
    assert_eq!(
        of,
        bodies.iter().map(|body| body.id()).collect(),
        "{duty:?}: {found:#?}"
    );
    assert_eq!(found.len(), bodies.len());
    for trigger in &found {
        assert_eq!(
            (trigger.state, trigger.area),
            (state, town_id()),
            "{trigger:#?}"
        );
        assert!(!trigger.shows.is_empty() && !trigger.evidence.is_empty());
    }
    found
}

fn shows_nothing(setting: &Setting, duty: Duty) {
    assert_eq!(shown_by(setting, duty), [], "{duty:?}");
}

fn with(past: &Past<Strategy>) -> Setting {
    setting().with(past)
}

fn covering(partnership: Past<Partnership>, until: &str, fictional: bool) -> Past<Partnership> {
    partnership.and(
        "2024-03-02",
        CoverageStated {
            covers_until: day(until),
            fictional,
        },
    )
}

/// How an entry stands.
type Stands = Box<dyn Fn(&mut Standing)>;

/// An adoption of this strategy as a past fact.
fn fact(past: Past<Strategy>, stands: impl Fn(&mut Standing)) -> Past<Strategy> {
    past.and_so(ADOPTED_ON, adoption(1), stands)
}

/// A strategy under s.8 lacking what a row asks for, with the row and the duty it bears on.
fn lacking() -> Vec<(&'static str, Duty, Past<Strategy>)> {
    let barred = MaterialConsidered {
        harms: vec![Harm::Safety],
        material: item("part"),
        part: text("section 4"),
        version: 1,
    };
    let school = |e: &E| matches!(e, E::AuthorityConsulted(e) if e.authority == SCHOOL.id());
    vec![
        (
            "R-10.2",
            Duty::IdentifyKinds,
            strategy().without(|e| matches!(e, E::ViolenceKindIdentified(_))),
        ),
        (
            "R-10.3",
            Duty::IdentifyCauses,
            strategy().without(|e| matches!(e, E::ViolenceCauseIdentified(_))),
        ),
        ("R-10.6", Duty::Consult, strategy().without(school)),
        (
            "A-8.8",
            Duty::LeaveOutBarredMaterial,
            strategy().and("2024-02-01", barred),
        ),
    ]
}

#[test]
fn a_strategy_in_order_shows_nothing_but_what_is_still_to_come() {
    let setting = with(&strategy().adopted(ADOPTED_ON, 1).published(ADOPTED_ON, 1));
    for trigger in all_of(&setting, TODAY) {
        assert_eq!(
            (trigger.duty, trigger.since),
            (Duty::KeepUnderReview, day("2025-03-02"))
        );
    }
    assert_eq!(
        all_of(&with(&strategy()), TODAY),
        [],
        "a draft shows nothing"
    );
}

#[test]
fn a_past_fact_admitted_or_found_opens_a_trigger_and_one_not_evidenced_asks_for_attention() {
    for (row, duty, past) in lacking() {
        let cases: [(Stands, TriggerState); 3] = [
            (Box::new(admitted(row)), TriggerState::Open),
            (Box::new(found(row)), TriggerState::Open),
            (Box::new(past_fact), TriggerState::Attention),
        ];
        for (stands, state) in cases {
            let past = fact(past.clone(), stands);
            for trigger in shows(&with(&past), duty, &SPECIFIED, state) {
                assert_eq!(
                    (trigger.since, &trigger.evidence),
                    (day(ADOPTED_ON), &vec![past.last()])
                );
                assert_eq!(trigger.in_law.section, "18(1)");
                assert!(trigger.in_law.open);
            }
        }
        shows_nothing(&with(&past), duty);
    }
}

#[test]
fn a_revised_version_not_consulted_on_again_bears_on_the_duty_to_consult() {
    let past = strategy()
        .adopted("2023-03-01", 1)
        .and(
            "2024-01-01",
            RevisionStarted {
                from_version: 1,
                version: 2,
            },
        )
        .and_so(ADOPTED_ON, adoption(2), admitted("A-8.11"));
    shows(&with(&past), Duty::Consult, &SPECIFIED, TriggerState::Open);
}

/// The states in which a duty is shown on a day.
fn states(setting: &Setting, duty: Duty, on: &str) -> BTreeSet<TriggerState> {
    let all = all_of(setting, on).into_iter();
    let shown = all.filter(|trigger| trigger.duty == duty && trigger.since <= day(on));
    shown.map(|trigger| trigger.state).collect()
}

/// The entry by which the police's trigger, counted from an entry, is cleared.
fn cleared(setting: &Setting, duty: Duty, counted_from: EntryId) -> Option<EntryId> {
    let trigger = WhatIsShown::Partnership(TriggerSet {
        area: town_id(),
        authority: POLICE.id(),
        counted_from,
        duty,
        partnership: partnership_id(),
    });
    cleared_by(&trigger, &setting.histories, day(TODAY))
}

const OPEN: [TriggerState; 1] = [TriggerState::Open];

/// A version after it is prepared in full, without what might do harm, and adopted.
fn revised(past: Past<Strategy>, version: u32, adopted_on: &str) -> Past<Strategy> {
    let begun = past
        .revision("2024-04-01", version)
        .and("2024-04-02", a_kind(version))
        .and("2024-04-02", a_cause(version))
        .prepared("2024-04-03", version);
    let came_along = begun.state("2024-04-03").versions[&version]
        .material
        .clone();
    let mended = came_along.into_keys().fold(begun, |past, material| {
        past.and("2024-04-04", MaterialRemoved { material, version })
    });
    mended.adopted(adopted_on, version)
}

#[test]
fn what_an_adoption_did_not_meet_is_cleared_by_the_adoption_of_a_later_version_that_meets_it() {
    for (row, duty, past) in lacking() {
        let marked = fact(past, admitted(row));
        assert_eq!(states(&with(&marked), duty, TODAY), OPEN.into(), "{row}");
        // Revised and adopted without it, it is as it was.
        let unmended = marked.clone().revision("2024-04-01", 2).and_so(
            "2024-05-01",
            adoption(2),
            admitted("A-8.11"),
        );
        assert_eq!(states(&with(&unmended), duty, TODAY), OPEN.into(), "{row}");
        let mended = revised(marked.clone(), 2, "2024-05-01");
        let setting = with(&mended);
        assert_eq!(states(&setting, duty, "2024-04-30"), OPEN.into(), "{row}");
        assert_eq!(states(&setting, duty, "2024-05-01"), [].into(), "{row}");
        shows_nothing(&setting, duty);
        let met = cleared(&setting, duty, marked.last());
        assert_eq!(met, Some(mended.last()), "{row}");
        // It is shown again where that adoption is withdrawn.
        let withdrawn = mended.corrected("2024-05-02");
        let setting = with(&withdrawn);
        assert_eq!(states(&setting, duty, TODAY), OPEN.into(), "{row}");
        assert_eq!(cleared(&setting, duty, marked.last()), None, "{row}");
    }
}

#[test]
fn a_revised_version_not_consulted_on_is_cleared_by_the_next_that_was() {
    let marked = strategy()
        .adopted("2023-03-01", 1)
        .revision("2024-01-01", 2)
        .and_so(ADOPTED_ON, adoption(2), admitted("A-8.11"));
    let mended = revised(marked.clone(), 3, "2024-05-01");
    let setting = with(&mended);
    assert_eq!(states(&setting, Duty::Consult, "2024-04-30"), OPEN.into());
    shows_nothing(&setting, Duty::Consult);
    let met = cleared(&setting, Duty::Consult, marked.last());
    assert_eq!(met, Some(mended.last()));
    // Whoever is consulted afterwards was not consulted in preparing it.
    let afterwards = strategy()
        .without(|e| matches!(e, E::AuthorityConsulted(e) if e.authority == SCHOOL.id()))
        .and_so(ADOPTED_ON, adoption(1), admitted("R-10.6"))
        .consulting("2024-04-01", 1, SCHOOL);
    assert_eq!(
        states(&with(&afterwards), Duty::Consult, TODAY),
        OPEN.into()
    );
}

#[test]
fn what_an_adoption_did_not_meet_is_cleared_by_what_is_told_of_the_same_version_since() {
    let removed = MaterialRemoved {
        material: item("part"),
        version: 1,
    };
    let unknown = CauseRecordedAsUnknown {
        why: text("There is no data yet"),
        version: 1,
    };
    let told: [(Duty, E); 4] = [
        (Duty::IdentifyKinds, a_kind(1).into()),
        (Duty::IdentifyCauses, a_cause(1).into()),
        (Duty::IdentifyCauses, unknown.into()),
        (Duty::LeaveOutBarredMaterial, removed.into()),
    ];
    for (duty, told) in told {
        let (row, _, past) = lacking()
            .into_iter()
            .find(|(_, of, _)| *of == duty)
            .unwrap();
        let marked = fact(past, admitted(row));
        let told = marked.clone().and_so("2024-06-01", told, past_fact);
        let setting = with(&told);
        assert_eq!(states(&setting, duty, "2024-05-31"), OPEN.into(), "{row}");
        assert_eq!(states(&setting, duty, "2024-06-01"), [].into(), "{row}");
        let met = cleared(&setting, duty, marked.last());
        assert_eq!(met, Some(told.last()), "{row}");
    }
}

#[test]
fn barred_material_that_was_published_is_cleared_by_a_publication_without_it_and_by_no_adoption() {
    let barred = MaterialConsidered {
        harms: vec![Harm::Safety],
        material: item("part"),
        part: text("section 4"),
        version: 1,
    };
    let duty = Duty::LeaveOutBarredMaterial;
    let adopted = strategy()
        .adopted(ADOPTED_ON, 1)
        .and("2024-03-05", barred)
        .published("2024-03-10", 1);
    let mut marked = adopted;
    admitted("A-8.8")(&mut marked.entries.last_mut().unwrap().standing);
    assert_eq!(states(&with(&marked), duty, TODAY), OPEN.into());
    let revised = revised(marked.clone(), 2, "2024-05-01");
    assert_eq!(states(&with(&revised), duty, TODAY), OPEN.into());
    let published = revised.published("2024-05-10", 2);
    let setting = with(&published);
    assert_eq!(states(&setting, duty, "2024-05-09"), OPEN.into());
    shows_nothing(&setting, duty);
    let met = cleared(&setting, duty, marked.last());
    assert_eq!(met, Some(published.last()));
}

#[test]
fn what_a_strategy_did_not_meet_is_cleared_by_the_strategy_that_takes_its_place_and_meets_it() {
    let next = |without: fn(&E) -> bool| {
        let entries = strategy().entries.into_iter();
        let kept = entries.filter(|entry| !without(&entry.payload));
        let begun = kept.fold(Past::of(id("next")), |past, entry| {
            let on = entry.standing.occurred_on.date.to_string();
            past.and(&on, entry.payload)
        });
        begun.adopted("2024-05-01", 1)
    };
    let no_kinds = |e: &E| matches!(e, E::ViolenceKindIdentified(_));
    let marked = fact(strategy().without(no_kinds), admitted("R-10.2"));
    let duty = Duty::IdentifyKinds;
    // Beside it, another clears nothing: it takes no place.
    let beside = with(&marked).with(&next(|_| false));
    assert_eq!(states(&beside, duty, TODAY), OPEN.into());
    let replaced = marked
        .clone()
        .and("2024-05-02", StrategySuperseded { by: id("next") });
    let setting = with(&replaced).with(&next(|_| false));
    assert_eq!(states(&setting, duty, "2024-05-01"), OPEN.into());
    shows_nothing(&setting, duty);
    let met = cleared(&setting, duty, marked.last());
    assert_eq!(met, Some(next(|_| false).last()));
    let no_better = with(&replaced).with(&next(no_kinds));
    assert_eq!(states(&no_better, duty, TODAY), OPEN.into());
}

#[test]
fn a_source_admits_what_it_admits_and_nothing_that_became_known_later() {
    // The body's document admits that no kinds were identified. A school nobody knew of then is
    // recorded later: no source says that it was not consulted.
    let without_kinds = strategy().without(|e| matches!(e, E::ViolenceKindIdentified(_)));
    let setting = with(&fact(without_kinds, admitted("R-10.2")))
        .with(&town().having(NEW_SCHOOL, "2024-02-01"));
    shows(
        &setting,
        Duty::IdentifyKinds,
        &SPECIFIED,
        TriggerState::Open,
    );
    shows(&setting, Duty::Consult, &SPECIFIED, TriggerState::Attention);
}

#[test]
fn a_decision_marked_later_asks_for_attention() {
    let setting =
        with(&strategy().adopted(ADOPTED_ON, 1)).with(&town().having(NEW_SCHOOL, ADOPTED_ON));
    shows(&setting, Duty::Consult, &SPECIFIED, TriggerState::Attention);
}

#[test]
fn an_adoption_not_followed_by_publication_asks_for_attention() {
    let adopted = strategy().adopted(ADOPTED_ON, 1);
    for trigger in shows(
        &with(&adopted),
        Duty::Publish,
        &SPECIFIED,
        TriggerState::Attention,
    ) {
        assert_eq!(trigger.since, day("2024-03-02"));
    }
    shows_nothing(&with(&adopted.published("2024-06-01", 1)), Duty::Publish);
}

fn reviewed(on: &str, scope: ReviewScope, decision: ReviewDecision) -> Past<Strategy> {
    let review = ReviewCompleted {
        decision,
        review: item("review"),
        scope,
        version: 1,
    };
    strategy()
        .adopted(ADOPTED_ON, 1)
        .published(ADOPTED_ON, 1)
        .and(on, review)
}

#[test]
fn an_annual_review_asks_for_attention_from_the_day_after_it_was_due() {
    let since = |past: &Past<Strategy>| {
        let found = shows(
            &with(past),
            Duty::KeepUnderReview,
            &SPECIFIED,
            TriggerState::Attention,
        );
        found[0].since
    };
    assert_eq!(since(&strategy().adopted(ADOPTED_ON, 1)), day("2025-03-02"));
    let whole = reviewed("2025-01-10", ReviewScope::Whole, ReviewDecision::NoChange);
    assert_eq!(since(&whole), day("2026-01-11"));
    let part = reviewed("2025-01-10", ReviewScope::Part, ReviewDecision::NoChange);
    assert_eq!(since(&part), day("2025-03-02"));
}

#[test]
fn a_revision_decided_and_not_published_asks_for_attention() {
    let decided = reviewed("2025-01-10", ReviewScope::Whole, ReviewDecision::Revise);
    for trigger in shows(
        &with(&decided),
        Duty::Revise,
        &SPECIFIED,
        TriggerState::Attention,
    ) {
        assert_eq!(trigger.since, day("2025-01-11"));
    }
    let revised = decided
        .and(
            "2025-02-01",
            RevisionStarted {
                from_version: 1,
                version: 2,
            },
        )
        .adopted("2025-03-01", 2);
    shows(
        &with(&revised),
        Duty::Revise,
        &SPECIFIED,
        TriggerState::Attention,
    );
    shows_nothing(&with(&revised.published("2025-03-02", 2)), Duty::Revise);
    for decision in [ReviewDecision::NoChange, ReviewDecision::NewAction] {
        shows_nothing(
            &with(&reviewed("2025-01-10", ReviewScope::Whole, decision)),
            Duty::Revise,
        );
    }
}

#[test]
fn nothing_is_awaited_of_a_strategy_superseded_or_a_partnership_dissolved() {
    let awaited = [Duty::Publish, Duty::KeepUnderReview, Duty::Revise];
    let adopted = strategy().adopted(ADOPTED_ON, 1);
    let superseded = adopted
        .clone()
        .and("2024-04-01", StrategySuperseded { by: id("next") });
    let dissolved = partnership().and("2024-04-01", PartnershipDissolved { note: None });
    for setting in [with(&superseded), with(&adopted).with(&dissolved)] {
        awaited
            .iter()
            .for_each(|&duty| shows_nothing(&setting, duty));
    }
}

#[test]
fn actions_of_a_strategy_superseded_or_a_partnership_dissolved_show_nothing_any_more() {
    let dated = ActionDated {
        action: action_id(),
        by: day("2024-03-15"),
        version: 1,
    };
    let action_of_the_police = |past: Past<Strategy>| past.and("2022-05-04", dated.clone());
    let missed = action_of_the_police(strategy_under(SECTION_8, &SPECIFIED))
        .adopted(ADOPTED_ON, 1)
        .published(ADOPTED_ON, 1);
    for (past, duty) in [
        (missed, Duty::PrepareAndImplement),
        (stopped(SECTION_8, FIRE, own), Duty::PrepareAndImplement),
        (stopped(SECTION_8, SCHOOL, own), Duty::CarryOutActions),
        (declined(SECTION_8, own), Duty::CarryOutActions),
        (declined(SECTION_9, own), Duty::CarryOutActions),
    ] {
        let of_action = |setting: &Setting| {
            let mut all = shown_by(setting, duty);
            all.retain(|trigger| trigger.shows.contains("Mentors"));
            all
        };
        assert_eq!(of_action(&with(&past)).len(), 1, "{duty:?}");
        let superseded = past
            .clone()
            .and("2025-03-01", StrategySuperseded { by: id("next") });
        assert_eq!(of_action(&with(&superseded)), [], "{duty:?}");
        let dissolved = partnership().and("2025-03-01", PartnershipDissolved { note: None });
        assert_eq!(of_action(&with(&past).with(&dissolved)), [], "{duty:?}");
        // It showed until then.
        let before = triggers(
            partnership_id(),
            &with(&superseded).histories,
            day("2025-02-28"),
        );
        assert!(before.iter().any(|trigger| trigger.duty == duty));
    }
}

/// An adopted strategy in which the school has declined the action.
fn declined(bases: Bases, stands: impl Fn(&mut Standing)) -> Past<Strategy> {
    let declined = ActionDeclined {
        action: action_id(),
        authority: SCHOOL.id(),
        reason: None,
    };
    strategy_under(bases, &SPECIFIED)
        .adopted(ADOPTED_ON, 1)
        .published(ADOPTED_ON, 1)
        .and_so("2024-04-01", declined, stands)
}

fn own(_: &mut Standing) {}

#[test]
fn a_relevant_authoritys_own_refusal_of_an_action_opens_a_trigger_and_a_reported_one_does_not() {
    let refused = declined(SECTION_8, own);
    for trigger in shows(
        &with(&refused),
        Duty::CarryOutActions,
        &[SCHOOL],
        TriggerState::Open,
    ) {
        assert_eq!(
            (trigger.since, trigger.evidence),
            (day("2024-04-01"), vec![refused.last()])
        );
    }
    // Where the school has said nothing itself. What it said with its own key, no report undoes.
    let silent = |event: &dutyledger_domain::streams::strategy::StrategyEvent| matches!(event, dutyledger_domain::streams::strategy::StrategyEvent::ActionAgreed(e) if e.authority == SCHOOL.id());
    let told = declined(SECTION_8, reported).without(silent);
    shows(
        &with(&told),
        Duty::CarryOutActions,
        &[SCHOOL],
        TriggerState::Attention,
    );
}

#[test]
fn a_refused_action_shows_nothing_where_an_exception_is_claimed_or_the_authority_agreed_after_all()
{
    let action = action_id();
    let claimed = ExceptionClaimed {
        action: Some(action),
        authority: SCHOOL.id(),
        cumulative_effect_considered: true,
        duty: ExceptedDuty::CarryOutActions,
        enactment: None,
        extent: None,
        ground: ExceptionGround::UnreasonableCosts,
    };
    let agreed = ActionAgreed {
        action,
        authority: SCHOOL.id(),
    };
    let excepted = declined(SECTION_8, own).and("2024-04-02", claimed);
    shows_nothing(&with(&excepted), Duty::CarryOutActions);
    // Once its ground has ceased, the refusal shows from that day.
    let ended = ExceptionEnded {
        action: Some(action),
        authority: SCHOOL.id(),
        duty: ExceptedDuty::CarryOutActions,
    };
    let again = with(&excepted.and("2024-06-01", ended));
    shows(&again, Duty::CarryOutActions, &[SCHOOL], TriggerState::Open);
    for trigger in shown_by(&again, Duty::CarryOutActions) {
        assert_eq!(trigger.since, day("2024-06-01"));
    }
    let agreed_after_all = declined(SECTION_8, own).and("2024-04-02", agreed);
    shows_nothing(&with(&agreed_after_all), Duty::CarryOutActions);
    // Nor once the action is done.
    let done = declined(SECTION_8, own).progressed("2024-05-01", ActionStatus::Completed);
    shows_nothing(&with(&done), Duty::CarryOutActions);
}

#[test]
fn a_coordinators_report_of_agreement_does_not_close_what_the_authoritys_own_refusal_opened() {
    let agreed = ActionAgreed {
        action: action_id(),
        authority: SCHOOL.id(),
    };
    let past = declined(SECTION_8, own).and_so("2024-04-02", agreed, reported);
    shows(
        &with(&past),
        Duty::CarryOutActions,
        &[SCHOOL],
        TriggerState::Open,
    );
}

#[test]
fn what_was_refused_before_the_strategy_was_adopted_bears_on_the_duty_from_then_on() {
    let refused = |on: &str| {
        let declined = ActionDeclined {
            action: action_id(),
            authority: SCHOOL.id(),
            reason: None,
        };
        let past = strategy().and(on, declined).adopted(ADOPTED_ON, 1);
        past.published(ADOPTED_ON, 1)
    };
    // On the draft; and before there was any duty at all.
    for on in ["2024-01-10", "2023-01-20"] {
        let school = [SCHOOL];
        let duty = Duty::CarryOutActions;
        for trigger in shows(&with(&refused(on)), duty, &school, TriggerState::Open) {
            assert_eq!(trigger.since, day(ADOPTED_ON), "declined on {on}");
        }
    }
    // A revision that carries the action on changes nothing about it.
    let carried = refused("2024-01-10").revision("2024-06-01", 2);
    let carried = carried.adopted("2024-07-01", 2);
    let found = all_of(&with(&carried), TODAY).into_iter();
    let mut found = found.filter(|one| one.duty == Duty::CarryOutActions);
    assert_eq!(found.next().unwrap().since, day(ADOPTED_ON));
}

#[test]
fn nothing_is_shown_of_an_authority_from_before_it_was_there() {
    let came = |past: &Past<Strategy>| {
        let town = town().having(PROBATION, "2025-04-01");
        with(past).with(&PROBATION.registered()).with(&town)
    };
    let of_it = |past: &Past<Strategy>, duty: Duty| {
        let mut all = all_of(&came(past), TODAY);
        all.retain(|one| one.authority == PROBATION.id() && one.duty == duty);
        all.iter().map(|one| one.since).collect::<Vec<_>>()
    };
    // What was left out of a decision is nothing to who came after it.
    let unmet = strategy().without(|e| matches!(e, E::ViolenceKindIdentified(_)));
    let unmet = unmet.and_so(ADOPTED_ON, adoption(1), admitted("R-10.2"));
    assert!(!shown_by(&came(&unmet), Duty::IdentifyKinds).is_empty());
    assert_eq!(of_it(&unmet, Duty::IdentifyKinds), []);
    // What is still to be done is, from then on.
    let silent = strategy().adopted(ADOPTED_ON, 1);
    assert_eq!(of_it(&silent, Duty::Publish), [day("2025-04-01")]);
}

#[test]
fn an_action_of_a_draft_or_refused_by_a_specified_authority_or_met_with_silence_shows_nothing() {
    let draft = declined(SECTION_8, own).without(|e| matches!(e, E::StrategyAdopted(_)));
    shows_nothing(&with(&draft), Duty::CarryOutActions);
    let by_the_fire_service = ActionDeclined {
        action: action_id(),
        authority: FIRE.id(),
        reason: None,
    };
    let past = strategy()
        .adopted(ADOPTED_ON, 1)
        .and("2024-04-01", by_the_fire_service);
    shows_nothing(&with(&past), Duty::CarryOutActions);
    let silent = |e: &E| matches!(e, E::ActionAgreed(e) if e.authority == SCHOOL.id());
    shows_nothing(
        &with(&strategy().without(silent).adopted(ADOPTED_ON, 1)),
        Duty::CarryOutActions,
    );
}

#[test]
fn a_strategy_under_section_9_alone_shows_none_of_the_duties_of_section_8() {
    let past = declined(SECTION_9, own).without(|e| {
        matches!(
            e,
            E::ViolenceKindIdentified(_) | E::AuthorityConsulted(_) | E::StrategyPublished(_)
        )
    });
    let past = past.and(
        "2024-06-01",
        ReviewCompleted {
            decision: ReviewDecision::Revise,
            review: item("review"),
            scope: ReviewScope::Whole,
            version: 1,
        },
    );
    let duties: Vec<_> = all_of(&with(&past), TODAY).iter().map(|t| t.duty).collect();
    assert_eq!(duties, [Duty::CarryOutActions]);
}

#[test]
fn nothing_is_shown_of_a_real_body_from_absence_or_by_a_report() {
    let not_evidenced = lacking()
        .into_iter()
        .map(|(_, _, past)| fact(past, past_fact));
    let silent = [
        strategy().adopted(ADOPTED_ON, 1),
        declined(SECTION_8, reported),
    ];
    for past in not_evidenced.chain(silent) {
        let real = with(&past).with(&covering(partnership(), "2026-11-01", false));
        assert_eq!(all_of(&real, TODAY), []);
        let fictional = with(&past).with(&covering(partnership(), "2026-11-01", true));
        assert_ne!(all_of(&fictional, TODAY), []);
    }
    // What its own document admits, and its own refusal, are shown.
    for (row, duty, past) in lacking() {
        let real =
            with(&fact(past, admitted(row))).with(&covering(partnership(), "2026-11-01", false));
        shows(&real, duty, &SPECIFIED, TriggerState::Open);
    }
    let refused =
        with(&declined(SECTION_8, own)).with(&covering(partnership(), "2026-11-01", false));
    shows(
        &refused,
        Duty::CarryOutActions,
        &[SCHOOL],
        TriggerState::Open,
    );
}

#[test]
fn nothing_is_shown_from_absence_after_the_date_the_sources_reach_nor_from_an_assumed_date() {
    let past = strategy().adopted(ADOPTED_ON, 1).published(ADOPTED_ON, 1);
    let reaching = |until| with(&past).with(&covering(partnership(), until, true));
    shows_nothing(&reaching("2025-03-01"), Duty::KeepUnderReview);
    shows(
        &reaching("2025-03-02"),
        Duty::KeepUnderReview,
        &SPECIFIED,
        TriggerState::Attention,
    );
    let assumed = strategy().and_so(ADOPTED_ON, adoption(1), assumed);
    assert_eq!(all_of(&with(&assumed), TODAY), []);
}

#[test]
fn nothing_is_shown_from_before_the_duty_was_in_force() {
    let before = strategy().adopted("2022-07-01", 1);
    let refused = ActionDeclined {
        action: action_id(),
        authority: SCHOOL.id(),
        reason: None,
    };
    for past in [before.clone(), before.and("2022-08-01", refused)] {
        for trigger in all_of(&with(&past), TODAY) {
            assert!(trigger.since >= day("2023-01-31"), "{trigger:#?}");
        }
    }
}

#[test]
fn what_is_about_every_specified_authority_is_shown_only_where_it_is_recorded_for_the_area() {
    let both = setting()
        .with(&partnership_of_both())
        .with(&strategy_under(BOTH_SECTIONS, &SPECIFIED).adopted(ADOPTED_ON, 1));
    let found: BTreeSet<_> = shown_by(&both, Duty::Publish)
        .iter()
        .map(|t| (t.authority, t.area))
        .collect();
    let mut expected: BTreeSet<_> = SPECIFIED
        .iter()
        .map(|body| (body.id(), town_id()))
        .collect();
    expected.extend([
        (POLICE.id(), next_town_id()),
        (NEXT_COUNCIL.id(), next_town_id()),
    ]);
    assert_eq!(found, expected);
}

#[test]
fn no_first_strategy_by_a_date_no_source_could_be_checked_for_asks_for_attention() {
    let duty = Duty::PrepareAndImplement;
    for without in [setting(), with(&strategy())] {
        for trigger in shows(&without, duty, &SPECIFIED, TriggerState::Attention) {
            assert_eq!(trigger.since, day("2024-02-01"));
            assert_eq!(
                trigger.evidence,
                partnership().named(&["PartnershipFormed"])
            );
            assert!(
                trigger.shows.contains("could not be checked"),
                "{trigger:#?}"
            );
            assert_eq!(trigger.in_law.section, "18(1)");
        }
    }
    // Adopted is prepared: that it is not published is another duty. Late is not never.
    for on in ["2023-06-01", ADOPTED_ON] {
        shows_nothing(&with(&strategy().adopted(on, 1)), duty);
    }
    let under_9 = with(&strategy_under(SECTION_9, &SPECIFIED).adopted(ADOPTED_ON, 1));
    shows(&under_9, duty, &SPECIFIED, TriggerState::Attention);
    // Nothing of a partnership that was not there by then, is over, or is a real body's.
    let over = partnership().and("2024-04-01", PartnershipDissolved { note: None });
    let real = covering(partnership(), "2026-11-01", false);
    let early = covering(partnership(), "2024-01-31", true);
    let begun = proposed(&[town_id()], &SPECIFIED);
    for partnership in [over, real, early, begun] {
        shows_nothing(&setting().with(&partnership), duty);
    }
}

#[test]
fn a_date_for_the_first_strategy_that_the_regulations_fix_opens_a_trigger() {
    let duty = Duty::PrepareAndImplement;
    let dated = |provenance, due_on: &str| {
        let set = DeadlineDateSet {
            due_on: day(due_on),
            provenance,
            rule: RuleId::of("R-10.4"),
        };
        let ledger = Past::<LedgerStream>::of(id("ledger")).and("2023-06-01", set);
        let mut known = setting();
        known.histories.dates = Dates::of(&ledger.history());
        known
    };
    for (provenance, state) in [
        (Provenance::Regulations, TriggerState::Open),
        (Provenance::Act, TriggerState::Open),
        (Provenance::Unverified, TriggerState::Attention),
        (Provenance::Guidance, TriggerState::Attention),
    ] {
        let known = dated(provenance, "2024-03-31");
        for trigger in shows(&known, duty, &SPECIFIED, state) {
            assert_eq!(trigger.since, day("2024-04-01"));
        }
    }
}

#[test]
fn the_date_for_the_first_strategy_is_that_of_the_newest_pack_whichever_the_ledger_began_with() {
    let mut began_with_the_first = setting();
    began_with_the_first.histories.rules.revision = 1;
    let duty = Duty::PrepareAndImplement;
    shows(
        &began_with_the_first,
        duty,
        &SPECIFIED,
        TriggerState::Attention,
    );
}

/// A strategy in force whose action this body owns and gave up.
fn stopped(bases: Bases, owner: Body, stands: impl Fn(&mut Standing)) -> Past<Strategy> {
    let action = item("another action");
    let proposed = ActionProposed {
        action,
        description: text("Mentors"),
        owner: owner.id(),
        title: text("Mentors"),
        version: 1,
    };
    let given_up = ActionProgressed {
        action,
        note: None,
        owner: owner.id(),
        status: ActionStatus::Stopped,
    };
    strategy_under(bases, &SPECIFIED)
        .and("2022-05-04", proposed)
        .adopted(ADOPTED_ON, 1)
        .published(ADOPTED_ON, 1)
        .and_so("2024-04-01", given_up, stands)
}

#[test]
fn an_action_its_owner_gave_up_opens_a_trigger_and_one_others_tell_of_asks_for_attention() {
    for (owner, duty) in [
        (FIRE, Duty::PrepareAndImplement),
        (SCHOOL, Duty::CarryOutActions),
    ] {
        let own_word = stopped(SECTION_8, owner, own);
        for trigger in shows(&with(&own_word), duty, &[owner], TriggerState::Open) {
            assert_eq!(
                (trigger.since, trigger.evidence),
                (day("2024-04-01"), vec![own_word.last()])
            );
        }
        let told = with(&stopped(SECTION_8, owner, reported));
        shows(&told, duty, &[owner], TriggerState::Attention);
        // Taken up again, it is not given up.
        let again = ActionProgressed {
            action: item("another action"),
            note: None,
            owner: owner.id(),
            status: ActionStatus::Started,
        };
        shows_nothing(&with(&own_word.and("2024-05-01", again)), duty);
    }
    // Of a strategy under s.9 alone, only what a relevant authority carries out.
    let fire = with(&stopped(SECTION_9, FIRE, own));
    assert!(
        shown_by(&fire, Duty::PrepareAndImplement)
            .iter()
            .all(|t| t.state == TriggerState::Attention)
    );
    let school = with(&stopped(SECTION_9, SCHOOL, own));
    shows(
        &school,
        Duty::CarryOutActions,
        &[SCHOOL],
        TriggerState::Open,
    );
    // An exception from another duty is none from this one.
    let from_another = stopped(SECTION_8, SCHOOL, own).and(
        "2024-04-02",
        exception(SCHOOL, ExceptedDuty::Collaborate, true),
    );
    shows(
        &with(&from_another),
        Duty::CarryOutActions,
        &[SCHOOL],
        TriggerState::Open,
    );
    let excepted = stopped(SECTION_8, SCHOOL, own).and(
        "2024-04-02",
        ExceptionClaimed {
            action: None,
            ..exception(SCHOOL, ExceptedDuty::CarryOutActions, true)
        },
    );
    shows_nothing(&with(&excepted), Duty::CarryOutActions);
}

#[test]
fn an_action_past_the_date_the_strategy_gives_it_asks_for_attention_until_it_is_done() {
    let dated = |by: &str| {
        let dated = ActionDated {
            action: action_id(),
            by: day(by),
            version: 1,
        };
        let action = strategy_under(SECTION_8, &SPECIFIED).and("2022-05-04", dated);
        action.adopted(ADOPTED_ON, 1).published(ADOPTED_ON, 1)
    };
    let missed = dated("2024-04-01");
    let found = shown_by(&with(&missed), Duty::PrepareAndImplement);
    let of_action: Vec<_> = found
        .iter()
        .filter(|trigger| trigger.shows.contains("Mentors"))
        .collect();
    assert_eq!(of_action.len(), 1, "{found:#?}");
    assert_eq!(of_action[0].authority, POLICE.id());
    assert_eq!(of_action[0].state, TriggerState::Attention);
    assert_eq!(of_action[0].since, day("2024-04-02"));
    let done = missed.progressed("2024-04-10", ActionStatus::Completed);
    let found = shown_by(&with(&done), Duty::PrepareAndImplement);
    assert!(!found.iter().any(|t| t.shows.contains("Mentors")));
}

/// The rows of the enacted pack that are never a trigger for one reason.
fn never(reason: Never) -> BTreeSet<&'static str> {
    let rows = enacted().0.rows.iter();
    let of_it = rows.filter(|row| Never::of(row) == Some(reason));
    let found: BTreeSet<_> = of_it
        .map(|row| {
            assert_eq!(bears_on(row), None, "{}", row.id);
            row.id.as_str()
        })
        .collect();
    found
}

#[test]
fn section_9_is_never_a_trigger() {
    let expected = BTreeSet::from([
        "A-9.1", "A-9.3", "A-9.4a", "A-9.4b", "A-9.6", "A-9.8a", "A-9.8b", "A-9.9",
    ]);
    assert!(expected.is_subset(&never(Never::SectionNine)));
}

#[test]
fn section_16_is_never_a_trigger() {
    let expected = BTreeSet::from(["R-51.1", "A-16.2", "A-16.4a", "A-16.4b"]);
    assert!(expected.is_subset(&never(Never::Disclosure)));
}

#[test]
fn section_17_7_and_what_a_local_policing_body_does_is_never_a_trigger() {
    let found = never(Never::LocalPolicingBody);
    for id in ["A-17.7", "A-17.3", "R-58.4", "R-18.1", "R-56.1", "R-58.2"] {
        assert!(found.contains(id), "{id}");
    }
    // Nor is a case about one.
    for &duty in Duty::ALL {
        let case = Past::<Direction>::of(id("case"));
        let case = case.and("2024-04-01", finding(POLICING_BODY, duty));
        assert_eq!(all_of(&setting().with(&case), TODAY), [], "{duty:?}");
    }
}

#[test]
fn section_19_is_never_a_trigger() {
    let expected = BTreeSet::from(["A-19.1", "A-19.3", "R-1.1"]);
    assert!(expected.is_subset(&never(Never::Guidance)));
}

#[test]
fn equality_and_data_protection_are_never_a_trigger() {
    assert_eq!(never(Never::Equality), BTreeSet::from(["R-46.1", "R-46.2"]));
    assert_eq!(never(Never::DataProtection), BTreeSet::from(["R-54.1"]));
}

#[test]
fn the_crime_and_disorder_act_is_never_a_trigger() {
    let expected = BTreeSet::from(["R-127.1", "R-132.1", "R-133.1", "R-135.1", "A-CDA.17"]);
    assert!(expected.is_subset(&never(Never::CrimeAndDisorderAct)));
}

#[test]
fn the_conditions_of_a_grant_are_never_a_trigger() {
    let expected = BTreeSet::from(["R-62.1", "R-63.1", "R-65.1", "R-65.2"]);
    assert!(expected.is_subset(&never(Never::Grant)));
}

#[test]
fn what_should_or_may_be_is_never_a_trigger() {
    let found = never(Never::NoDuty);
    for id in ["R-14.1", "R-31.1", "R-42.1", "R-fn21.1", "A-8.6", "L-5"] {
        assert!(found.contains(id), "{id}");
    }
    let gated = ["R-14.1", "R-31.1", "R-42.1", "R-45.1", "R-46.1"];
    for (_, duty, past) in lacking() {
        for row in gated {
            let told = fact(past.clone(), crate::given::found(row));
            let shown = shown_by(&with(&told), duty);
            assert!(shown.iter().all(|t| t.state == TriggerState::Attention));
        }
    }
}

#[test]
fn the_duties_a_trigger_is_derived_of_and_those_only_a_case_shows_are_all_there_are() {
    let mut derived = BTreeSet::new();
    let mut add = |setting: &Setting| {
        let all = triggers(partnership_id(), &setting.histories, day(TODAY));
        derived.extend(all.into_iter().map(|trigger| trigger.duty.section()));
    };
    for (row, _, past) in lacking() {
        add(&with(&fact(past, admitted(row))));
    }
    add(&setting());
    add(&with(&strategy().adopted(ADOPTED_ON, 1)));
    add(&with(&reviewed(
        "2025-01-10",
        ReviewScope::Whole,
        ReviewDecision::Revise,
    )));
    add(&with(&declined(SECTION_8, own)));
    let text = include_str!("../../../domain/packs/triggers-not-recorded-yet.txt");
    let listed: BTreeSet<_> = text.lines().collect();
    assert!(listed.is_disjoint(&derived), "take these out of the list");
    let directed = |duty: &&Duty| {
        let classes = [Class::Specified, Class::Relevant];
        classes.iter().any(|class| duty.may_be_directed(*class))
    };
    let all: BTreeSet<_> = Duty::ALL
        .iter()
        .filter(directed)
        .map(|d| d.section())
        .collect();
    let known: BTreeSet<_> = listed.union(&derived).copied().collect();
    assert_eq!(known, all);
    let answered: BTreeSet<_> = NOT_RECORDED_YET.iter().map(|duty| duty.section()).collect();
    assert_eq!(answered, listed);
}

fn finding(body: Body, duty: Duty) -> FindingRecorded {
    FindingRecorded {
        area: town_id(),
        authority: body.id(),
        duty,
        partnership: Some(partnership_id()),
        summary: None,
    }
}

fn satisfied(body: Body, duty: Duty) -> SecretaryOfStateSatisfied {
    SecretaryOfStateSatisfied {
        area: town_id(),
        authority: body.id(),
        duty,
        partnership: Some(partnership_id()),
        reasons: None,
    }
}

fn case_of(past: &Past<Direction>) -> Trigger {
    let mut found = all_of(&setting().with(past), TODAY);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

#[test]
fn a_case_goes_from_finding_to_order_under_one_id() {
    let duty = Duty::CooperateWithLocalPolicingBody;
    let (requires, reference) = (text("Do it"), text("High Court, 1/2024"));
    let opened = Past::of(id("case")).and("2024-04-01", finding(COUNCIL, duty));
    let first = case_of(&opened);
    assert_eq!(
        (first.state, first.since),
        (TriggerState::Open, day("2024-04-01"))
    );

    let satisfied = opened.and("2024-04-02", satisfied(COUNCIL, duty));
    let directed = satisfied.clone().and(
        "2024-04-03",
        DirectionIssued {
            comply_by: None,
            requires,
        },
    );
    let told = directed
        .clone()
        .and("2024-04-04", ComplianceReported { account: None });
    let accepted = told.clone().and("2024-04-05", ComplianceAccepted {});
    let withdrawn = directed
        .clone()
        .and("2024-04-04", DirectionWithdrawn { note: None });
    let sought = directed
        .clone()
        .and("2024-04-06", NonComplianceRecorded { reasons: None })
        .and(
            "2024-04-07",
            MandatoryOrderSought {
                reference: reference.clone(),
            },
        );
    let made = sought
        .clone()
        .and("2024-04-08", MandatoryOrderMade { reference });

    for (past, state) in [
        (satisfied, TriggerState::Satisfied),
        (directed, TriggerState::Directed),
        (told, TriggerState::ComplianceReported),
        (accepted, TriggerState::Complied),
        (withdrawn, TriggerState::Withdrawn),
        (sought, TriggerState::OrderSought),
        (made, TriggerState::OrderMade),
    ] {
        let trigger = case_of(&past);
        assert_eq!(trigger.state, state);
        assert_eq!(
            (trigger.id, trigger.since),
            (first.id, first.since),
            "{state:?}"
        );
        assert_eq!(trigger.evidence[0], first.evidence[0]);
    }
}

/// A case about consulting in which a direction was given and ended so.
fn closed_case(name: &str, on: &str, ends: impl Into<DirectionEvent>) -> Past<Direction> {
    let (comply_by, requires) = (None, text("Consult the prison"));
    Past::of(id(name))
        .and("2023-09-01", satisfied(COUNCIL, Duty::Consult))
        .and(
            "2023-09-02",
            DirectionIssued {
                comply_by,
                requires,
            },
        )
        .and(on, ends)
}

#[test]
fn a_failure_after_a_case_was_closed_is_open_again_whatever_was_shown_before() {
    let school = |e: &E| matches!(e, E::AuthorityConsulted(e) if e.authority == SCHOOL.id());
    let first = strategy()
        .without(school)
        .and_so("2023-03-01", adoption(1), admitted("R-10.6"));
    let again = first.clone().revision("2024-06-01", 2).and_so(
        "2025-03-01",
        adoption(2),
        admitted("A-8.11"),
    );
    let of_council = |setting: &Setting| {
        let mut all = shown_by(setting, Duty::Consult);
        all.retain(|trigger| trigger.authority == COUNCIL.id());
        assert_eq!(all.len(), 1, "{all:#?}");
        (all[0].state, all[0].since)
    };
    let complied = closed_case("case", "2024-02-01", ComplianceAccepted {});
    let closed = (TriggerState::Complied, day("2023-09-01"));
    assert_eq!(of_council(&with(&first).with(&complied)), closed);
    assert_eq!(
        of_council(&with(&again).with(&complied)),
        (TriggerState::Open, day("2025-03-01"))
    );
}

#[test]
fn what_is_still_to_come_takes_no_place_before_its_day() {
    let duty = Duty::KeepUnderReview;
    let adopted = strategy().adopted(ADOPTED_ON, 1).published(ADOPTED_ON, 1);
    let requires = text("Review it");
    let comply_by = None;
    let closed = Past::<Direction>::of(id("case"))
        .and("2024-04-01", satisfied(COUNCIL, duty))
        .and(
            "2024-04-02",
            DirectionIssued {
                comply_by,
                requires,
            },
        )
        .and("2024-05-01", ComplianceAccepted {});
    let setting = with(&adopted).with(&closed);
    let of_council = |on: &str| {
        let mut all = all_of(&setting, on);
        all.retain(|one| one.authority == COUNCIL.id() && one.duty == duty);
        all.iter().map(|one| one.state).collect::<Vec<_>>()
    };
    // The year's review is due on 1 March 2025.
    assert_eq!(of_council("2025-03-01"), [TriggerState::Complied]);
    assert_eq!(of_council("2025-03-02"), [TriggerState::Attention]);
}

#[test]
fn of_two_cases_the_one_that_is_not_closed_stands_in_whatever_order_they_are_found() {
    let state = |one: &Past<Direction>, other: &Past<Direction>| {
        let all = all_of(&setting().with(one).with(other), TODAY);
        assert_eq!(all.len(), 1, "{all:#?}");
        all[0].state
    };
    let withdrawn = || DirectionWithdrawn { note: None };
    let mut seen = BTreeSet::new();
    for (one, other) in [("a case", "b case"), ("b case", "a case")] {
        seen.insert(id(one) < id(other));
        let complied = closed_case(one, "2024-02-01", ComplianceAccepted {});
        let open = Past::of(id(other)).and("2023-01-31", satisfied(COUNCIL, Duty::Consult));
        assert_eq!(state(&complied, &open), TriggerState::Satisfied);
        // Of two that are closed, the last.
        let later = closed_case(other, "2024-02-02", withdrawn());
        assert_eq!(state(&complied, &later), TriggerState::Withdrawn);
    }
    assert_eq!(seen.len(), 2, "both orders of their streams");
}

#[test]
fn a_case_that_was_closed_is_open_again_with_what_is_found_or_satisfied_anew() {
    let duty = Duty::Consult;
    let withdrawn: DirectionEvent = DirectionWithdrawn { note: None }.into();
    for ends in [withdrawn, ComplianceAccepted {}.into()] {
        let closed = closed_case("case", "2024-02-01", ends);
        let first = case_of(&closed);
        assert!(!first.is_open());
        let anew = |event: DirectionEvent, state| {
            let trigger = case_of(&closed.clone().and("2025-01-10", event));
            assert_eq!((trigger.state, trigger.since), (state, day("2025-01-10")));
            assert_eq!(trigger.id, first.id);
        };
        anew(satisfied(COUNCIL, duty).into(), TriggerState::Satisfied);
        anew(finding(COUNCIL, duty).into(), TriggerState::Open);
        // What was found before it was closed is over.
        let found_before = closed.clone().and("2023-10-01", finding(COUNCIL, duty));
        assert_eq!(case_of(&found_before).state, first.state);
        // What others tell of it shows nothing of a real body.
        let told = closed
            .clone()
            .and_so("2025-01-10", finding(COUNCIL, duty), past_fact);
        assert_eq!(case_of(&told).state, TriggerState::Attention);
        let real = setting()
            .with(&told)
            .with(&covering(partnership(), "2026-11-01", false));
        assert_eq!(all_of(&real, TODAY)[0].state, first.state);
    }
}

#[test]
fn a_variation_after_an_order_is_a_further_direction_without_one() {
    let reference = || text("High Court, 1/2024");
    let requires = text("Consult the school");
    let ordered = closed_case(
        "case",
        "2023-10-01",
        NonComplianceRecorded { reasons: None },
    )
    .and(
        "2023-10-02",
        MandatoryOrderSought {
            reference: reference(),
        },
    );
    for past in [
        ordered.clone(),
        ordered.and(
            "2023-10-03",
            MandatoryOrderMade {
                reference: reference(),
            },
        ),
    ] {
        let varied = past.and(
            "2024-01-01",
            DirectionVaried {
                comply_by: None,
                requires: requires.clone(),
            },
        );
        assert_eq!(case_of(&varied).state, TriggerState::Directed);
        let again = varied.and("2024-02-01", NonComplianceRecorded { reasons: None });
        given(again, setting())
            .when(
                SECRETARY_OF_STATE,
                SeekMandatoryOrder {
                    reference: reference(),
                },
            )
            .met();
    }
}

#[test]
fn an_id_does_not_change_when_more_is_said_of_the_same_case() {
    let duty = Duty::Consult;
    let opened = Past::of(id("case")).and("2024-04-01", satisfied(COUNCIL, duty));
    let more = opened.clone().and("2024-04-02", finding(COUNCIL, duty));
    assert_eq!(case_of(&more).id, case_of(&opened).id);
}

#[test]
fn an_id_is_the_same_whenever_it_is_asked_for_and_differs_by_authority_and_duty() {
    let setting = with(&strategy().adopted(ADOPTED_ON, 1));
    let ids = |on| {
        all_of(&setting, on)
            .iter()
            .map(|t| t.id)
            .collect::<BTreeSet<_>>()
    };
    let two_duties_of_three = SPECIFIED.len() * 2;
    assert_eq!(ids("2024-03-01").len(), two_duties_of_three);
    assert_eq!(ids("2024-03-01"), ids(TODAY));
}

#[test]
fn what_a_case_shows_takes_the_place_of_what_is_derived_for_the_same_authority_and_duty() {
    let (_, duty, past) = lacking().remove(2);
    let past = fact(past, admitted("R-10.6"));
    let case = Past::<Direction>::of(id("case")).and("2024-04-01", satisfied(COUNCIL, duty));
    let states: BTreeSet<_> = shown_by(&with(&past).with(&case), duty)
        .iter()
        .map(|t| (t.authority, t.state))
        .collect();
    let expected = [
        (POLICE.id(), TriggerState::Open),
        (COUNCIL.id(), TriggerState::Satisfied),
        (FIRE.id(), TriggerState::Open),
    ];
    assert_eq!(states, expected.into_iter().collect());
}

#[test]
fn whether_a_direction_is_open_in_law_is_said_with_its_section_and_what_comes_first() {
    let case = |body, duty| Past::of(id("case")).and("2024-04-01", satisfied(body, duty));
    let in_law = |setting: Setting, past: &Past<Direction>| {
        let mut found = all_of(&setting.with(past), TODAY);
        let in_law = found.remove(0).in_law;
        let note = match in_law.section.as_str() {
            "18(4)" => Some("The Welsh Ministers must consent first."),
            "18(5)" => Some(
                "The holder of this office is beyond direction; the Secretary of State uses \
                 existing means.",
            ),
            _ => None,
        };
        assert_eq!(
            in_law.note.as_deref(),
            note,
            "why not, or what route exists"
        );
        assert_eq!(in_law.open, note.is_none());
        (in_law.open, in_law.section)
    };
    let section = |open: bool, section: &str| (open, section.to_owned());
    let devolved = setting().with(&COUNCIL.registered().and(
        "2022-01-02",
        AuthorityAmended {
            body: text("council"),
            devolved_welsh_authority: Some(text("an order")),
            held_by: HeldBy::Ordinary,
        },
    ));
    let governor = setting().with(&PRISON.held_by(HeldBy::GovernorOfPrisonYoiOrStc));
    let director = setting().with(&PRISON.held_by(HeldBy::DirectorOfContractedOutInstitution));
    let consented =
        |given| case(COUNCIL, Duty::Consult).and("2024-04-02", WelshConsentAnswered { given });

    let consult = case(COUNCIL, Duty::Consult);
    let actions = case(PRISON, Duty::CarryOutActions);
    assert_eq!(in_law(setting(), &consult), section(true, "18(1)"));
    let never = setting().with(&case(COUNCIL, Duty::SectionNine));
    assert_eq!(all_of(&never, TODAY), [], "s.9 duties are never a trigger");
    let unlisted = setting().with(&case(PRISON, Duty::Consult));
    assert_eq!(all_of(&unlisted, TODAY), [], "nor is a duty of others");
    assert_eq!(in_law(governor, &actions), section(false, "18(5)"));
    assert_eq!(in_law(director, &actions), section(true, "18(1)"));
    assert_eq!(in_law(devolved.clone(), &consult), section(false, "18(4)"));
    assert_eq!(
        in_law(devolved.clone(), &consented(false)),
        section(false, "18(4)")
    );
    assert_eq!(
        in_law(devolved.clone(), &consented(true)),
        section(true, "18(1)")
    );
    // Their consent is to the direction that then stands, and to no other.
    let directed = |requires| DirectionIssued {
        comply_by: None,
        requires: text(requires),
    };
    let given = consented(true).and("2024-04-03", directed("Consult the prison"));
    assert_eq!(in_law(devolved.clone(), &given), section(true, "18(1)"));
    let another = given.and("2024-04-04", directed("Consult the school"));
    assert_eq!(in_law(devolved, &another), section(false, "18(4)"));
}

#[test]
fn s_15_4_what_was_excepted_for_a_time_is_shown_from_its_end() {
    let action = item("another action");
    let mut claimed = exception(SCHOOL, ExceptedDuty::CarryOutActions, true);
    claimed.action = None;
    let ended = ExceptionEnded {
        action: None,
        authority: SCHOOL.id(),
        duty: ExceptedDuty::CarryOutActions,
    };
    let by = day("2024-03-20");
    let dated = ActionDated {
        action,
        by,
        version: 1,
    };
    let own = |_: &mut Standing| ();
    for past in [
        stopped(SECTION_8, SCHOOL, own),
        // Not stopped, and not done by its date either.
        stopped(SECTION_8, SCHOOL, own)
            .without(|e| matches!(e, E::ActionProgressed(_)))
            .and("2022-05-05", dated),
    ] {
        let excepted = past.and("2024-03-05", claimed.clone());
        shows_nothing(&with(&excepted), Duty::CarryOutActions);
        let owed = excepted.and("2024-06-01", ended.clone());
        let found = shown_by(&with(&owed), Duty::CarryOutActions);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].since, day("2024-06-01"));
    }
}
