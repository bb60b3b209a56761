//! A decision is marked, never undone: its rows are looked at again with what is now known.

use dutyledger_domain::streams::Strategy;
use dutyledger_domain::streams::strategy::{
    ClaimException, ExceptionClaimed, ObjectionRaised, StrategyEvent as E,
};
use dutyledger_domain::triggers::{EntryMark, marks};
use dutyledger_domain::{ExceptedDuty, ExceptionGround, unmet_now};
use dutyledger_record::Mark;

use crate::given::*;

const ADOPTED_ON: &str = "2024-02-15";

fn adopted() -> Past<Strategy> {
    strategy().adopted(ADOPTED_ON, 1)
}

fn marks_in(setting: &Setting, past: &Past<Strategy>) -> Vec<EntryMark> {
    marks(past.id, &setting.clone().with(past).histories)
}

fn rows(mark: &EntryMark) -> Vec<&str> {
    mark.unmet.iter().map(|row| row.rule.as_str()).collect()
}

#[test]
fn a_school_recorded_later_with_an_earlier_start_is_shown_as_missing_and_the_adoption_stands() {
    let past = adopted();
    assert_eq!(marks_in(&setting(), &past), []);

    let later = setting().with(&town().having(NEW_SCHOOL, ADOPTED_ON));
    let entry = past.entries.last().unwrap();
    let unmet = unmet_now::<Strategy>(&past.history(), entry, &later.histories);
    assert_eq!(
        unmet
            .iter()
            .map(|row| row.rule.as_str())
            .collect::<Vec<_>>(),
        ["R-10.6"]
    );

    let marked = marks_in(&later, &past);
    assert_eq!(marked.len(), 1);
    assert_eq!(rows(&marked[0]), ["R-10.6"]);
    let mark = &marked[0];
    assert_eq!(
        (mark.entry_id, mark.event_type.as_str()),
        (past.last(), "StrategyAdopted")
    );
    assert_eq!(
        (mark.past_fact, mark.mark, mark.on),
        (false, Mark::NotEvidenced, day(ADOPTED_ON))
    );
    assert!(
        past.state(TODAY).versions[&1].adopted.is_some(),
        "the adoption stands"
    );
}

#[test]
fn a_school_that_starts_after_the_adoption_is_not_missing_from_it() {
    let later = setting().with(&town().having(NEW_SCHOOL, "2024-02-16"));
    assert_eq!(marks_in(&later, &adopted()), []);
}

#[test]
fn a_consultation_told_late_takes_the_mark_away() {
    let later = setting().with(&town().having(NEW_SCHOOL, ADOPTED_ON));
    let told = |on| adopted().consulting(on, 1, NEW_SCHOOL);
    assert_eq!(marks_in(&later, &told("2024-02-14")), []);
    assert_eq!(
        marks_in(&later, &told("2024-02-16")).len(),
        1,
        "consulted only afterwards"
    );
}

#[test]
fn an_entry_withdrawn_bears_no_mark_and_what_it_rested_on_marks_it_when_withdrawn() {
    let bare = drafted(SECTION_8).adopted(ADOPTED_ON, 1);
    assert_eq!(
        rows(&marks_in(&setting(), &bare)[0]),
        ["R-10.2", "R-10.3", "R-10.6", "L-3"]
    );
    assert_eq!(marks_in(&setting(), &bare.corrected("2024-02-16")), []);

    let kind = |e: &E| matches!(e, E::ViolenceKindIdentified(_));
    let past = strategy();
    let identified = past
        .entries
        .iter()
        .find(|e| kind(&e.payload))
        .unwrap()
        .entry_id;
    let past = past.adopted(ADOPTED_ON, 1).and_so(
        "2024-02-16",
        dutyledger_domain::streams::EntryCorrected { reason: None },
        move |standing| standing.corrects = Some(identified),
    );
    assert_eq!(rows(&marks_in(&setting(), &past)[0]), ["R-10.2"]);
}

#[test]
fn what_only_should_be_so_marks_nothing() {
    let unadvised = strategy().without(|e| {
        matches!(
            e,
            E::EngagementHeld(_) | E::EqualityImpactAssessed(_) | E::AssessmentLinked(_)
        )
    });
    assert_eq!(marks_in(&setting(), &unadvised.adopted(ADOPTED_ON, 1)), []);
}

#[test]
fn only_the_source_of_a_past_fact_makes_its_mark_more_than_not_evidenced() {
    let without_kinds = || strategy().without(|e| matches!(e, E::ViolenceKindIdentified(_)));
    let told = |past: Past<Strategy>| {
        let mut marked = marks_in(&setting(), &past);
        assert_eq!(marked.len(), 1);
        let mark = marked.remove(0);
        assert_eq!((rows(&mark), mark.past_fact), (vec!["R-10.2"], true));
        mark.mark
    };
    let fact = |stands: &dyn Fn(&mut dutyledger_record::Standing)| {
        told(without_kinds().and_so(ADOPTED_ON, adoption(1), stands))
    };
    assert_eq!(fact(&past_fact), Mark::NotEvidenced);
    assert_eq!(fact(&admitted("R-10.2")), Mark::Admitted);
    assert_eq!(fact(&found("R-10.2")), Mark::Found);
}

#[test]
fn a_publication_and_a_claim_recorded_as_past_facts_are_marked_too() {
    let claim = ClaimException {
        authority: SCHOOL.id(),
        duty: ExceptedDuty::CollaborateOnKindsCausesOrPreparation,
        ground: ExceptionGround::Disproportionate,
        action: None,
        enactment: None,
        extent: None,
        cumulative_effect_considered: true,
    };
    let past = given(strategy(), setting())
        .when(SCHOOL.key(), claim)
        .past_fact(None)
        .done();
    assert!(matches!(
        past.entries.last().unwrap().payload,
        E::ExceptionClaimed(ExceptionClaimed { .. })
    ));
    assert_eq!(rows(&marks_in(&setting(), &past)[0]), ["A-15.9"]);

    let published = strategy().published(ADOPTED_ON, 1);
    assert_eq!(rows(&marks_in(&setting(), &published)[0]), ["L-1"]);
}

#[test]
fn what_happens_later_on_the_same_day_does_not_mark_what_was_in_order_when_it_was_done() {
    let objection = ObjectionRaised {
        authority: SCHOOL.id(),
        objection: id("objection").uuid(),
        part: text("section 4"),
        reason: None,
        version: 1,
    };
    assert_eq!(
        marks_in(&setting(), &adopted().and(ADOPTED_ON, objection)),
        []
    );
}
