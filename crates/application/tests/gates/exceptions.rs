//! Claiming an exception: against which duties, by whom, and what should be weighed (s.15(7)–(9)).

use dutyledger_domain::streams::Strategy;
use dutyledger_domain::streams::strategy::{ClaimException, EndException};
use dutyledger_domain::{ExceptedDuty as From, ExceptionGround, RefusalCode};

use crate::given::*;

fn claiming(body: Body, duty: From) -> When<Strategy> {
    claiming_after(body, duty, true)
}

fn claiming_after(body: Body, duty: From, cumulative_effect_considered: bool) -> When<Strategy> {
    let command = ClaimException {
        authority: body.id(),
        duty,
        ground: ExceptionGround::UnreasonableCosts,
        action: (duty == From::CarryOutActions).then(action_id),
        enactment: None,
        extent: None,
        cumulative_effect_considered,
    };
    given(strategy(), setting()).when(body.key(), command)
}

#[test]
fn an_exception_that_may_be_claimed_is_recorded_and_not_judged() {
    for duty in [
        From::Collaborate,
        From::CarryOutActions,
        From::CollaborateWithRelevantAuthority,
    ] {
        claiming(SCHOOL, duty).met();
    }
    claiming(COUNCIL, From::Collaborate).met();
    claiming(COUNCIL, From::CollaborateOnKindsCausesOrPreparation).met();
}

#[test]
fn r_fn8_1_an_exception_is_refused_against_any_other_duty() {
    for body in [SCHOOL, COUNCIL] {
        claiming(body, From::Other).must("R-fn8.1", Some("15(7)"));
    }
}

#[test]
fn r_fn8_1_an_exception_is_refused_to_whoever_is_neither_a_relevant_nor_a_specified_authority() {
    for body in [POLICING_BODY, CHARITY] {
        claiming(body, From::Collaborate).must("R-fn8.1", Some("15(7)"));
    }
}

#[test]
fn r_fn8_2_an_exception_without_the_cumulative_effect_considered_asks_for_a_reason() {
    claiming_after(SCHOOL, From::Collaborate, false).should("R-fn8.2");
}

#[test]
fn a_15_9_a_relevant_authority_has_no_exception_for_help_on_kinds_causes_or_preparation() {
    for body in RELEVANT {
        claiming(body, From::CollaborateOnKindsCausesOrPreparation).must("A-15.9", Some("15(9)"));
    }
}

#[test]
fn a_15_7_sa_a_specified_authority_is_excepted_from_15_3_alone() {
    for duty in [
        From::CarryOutActions,
        From::CollaborateWithRelevantAuthority,
    ] {
        claiming(COUNCIL, duty).must("A-15.7-SA", Some("15(7)"));
    }
}

#[test]
fn an_exception_is_claimed_by_the_duty_holder_and_never_reported() {
    claiming(SCHOOL, From::Collaborate)
        .reported()
        .refused(RefusalCode::NotPermitted, &["L-2"]);
}

#[test]
fn r_fn8_1_an_exception_that_is_claimed_ends_once() {
    let end = |duty| EndException {
        authority: SCHOOL.id(),
        duty,
        action: Some(action_id()),
    };
    let duty = From::CarryOutActions;
    let claimed = || strategy().claimed_by("2023-04-01", SCHOOL, duty);
    let ended = given(claimed(), setting())
        .when(SCHOOL.key(), end(duty))
        .done();
    given(ended, setting())
        .when(SCHOOL.key(), end(duty))
        .refused(RefusalCode::WrongState, &[]);
    given(claimed(), setting())
        .when(SCHOOL.key(), end(From::Collaborate))
        .refused(RefusalCode::WrongState, &[]);
    given(strategy(), setting())
        .when(SCHOOL.key(), end(duty))
        .refused(RefusalCode::WrongState, &[]);
}
