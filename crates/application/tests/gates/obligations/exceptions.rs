//! Exceptions claimed under s.15(7): shown, and never judged.

use dutyledger_domain::ExceptedDuty;
use dutyledger_domain::obligations::Status;
use dutyledger_domain::streams::strategy::ExceptionEnded;

use super::{having, row};
use crate::given::*;

#[test]
fn r_fn8_1_a_claim_is_shown_for_whoever_makes_it() {
    row("R-fn8.1", &having(&strategy()))
        .stands(Status::DoesNotApply)
        .shown_by(&[]);
    let school = strategy().claimed_by("2023-04-01", SCHOOL, ExceptedDuty::CarryOutActions);
    let by_school = school.last();
    let both = school.claimed_by("2023-04-02", COUNCIL, ExceptedDuty::Collaborate);
    let setting = having(&both);
    row("R-fn8.1", &setting)
        .of(SCHOOL)
        .stands(Status::Applies)
        .because("not decided here")
        .shown_by(&[by_school]);
    row("R-fn8.1", &setting)
        .of(COUNCIL)
        .stands(Status::Applies)
        .shown_by(&[both.last()]);
}

#[test]
fn r_fn8_2_each_claim_should_consider_the_cumulative_effect() {
    row("R-fn8.2", &having(&strategy())).stands(Status::NotApplicable);
    let claim = |considered| exception(SCHOOL, ExceptedDuty::CarryOutActions, considered);
    let bare = strategy().and("2023-04-01", claim(false));
    row("R-fn8.2", &having(&bare))
        .of(SCHOOL)
        .stands(Status::Due)
        .because("no document is required")
        .shown_by(&[bare.last()]);
    // One about something else does not make up for it; the same, claimed again, does.
    let mut general = claim(true);
    general.action = None;
    let other = bare.clone().and("2023-04-02", general);
    row("R-fn8.2", &having(&other))
        .of(SCHOOL)
        .stands(Status::Due);
    let again = bare.clone().and("2023-04-02", claim(true));
    row("R-fn8.2", &having(&again))
        .of(SCHOOL)
        .stands(Status::Satisfied)
        .shown_by(&again.named(&["ExceptionClaimed"]));
    // One whose ground has ceased is no claim any more.
    let ended = ExceptionEnded {
        action: Some(action_id()),
        authority: SCHOOL.id(),
        duty: ExceptedDuty::CarryOutActions,
    };
    let mut anew = claim(true);
    anew.action = None;
    let past = bare.and("2023-05-01", ended).and("2023-06-01", anew);
    row("R-fn8.2", &having(&past))
        .of(SCHOOL)
        .stands(Status::Satisfied);
}

#[test]
fn a_15_7_sa_a_specified_authority_too_may_claim_one() {
    let school = strategy().claimed_by("2023-04-01", SCHOOL, ExceptedDuty::Collaborate);
    row("A-15.7-SA", &having(&school))
        .stands(Status::DoesNotApply)
        .shown_by(&[]);
    let council = strategy().claimed_by("2023-04-01", COUNCIL, ExceptedDuty::Collaborate);
    row("A-15.7-SA", &having(&council))
        .of(COUNCIL)
        .stands(Status::Applies)
        .shown_by(&[council.last()]);
}

#[test]
fn a_15_9_none_may_be_claimed_for_help_on_kinds_causes_or_preparation() {
    let other = strategy().claimed_by("2023-04-01", SCHOOL, ExceptedDuty::Collaborate);
    row("A-15.9", &having(&other))
        .stands(Status::DoesNotApply)
        .shown_by(&[]);
    let help = ExceptedDuty::CollaborateOnKindsCausesOrPreparation;
    let barred = other.and_so("2023-04-02", exception(SCHOOL, help, true), past_fact);
    row("A-15.9", &having(&barred))
        .stands(Status::Applies)
        .shown_by(&[barred.last()]);
}
