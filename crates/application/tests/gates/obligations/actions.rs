//! The actions of a strategy: who agrees them, what they cost, and who carries them out.

use dutyledger_domain::obligations::Status;
use dutyledger_domain::rules::{Bearer, Provenance};
use dutyledger_domain::streams::Strategy;
use dutyledger_domain::streams::strategy::{
    ActionAgreed, ActionDated, ActionDeclined, ActionProposed, ExceptionClaimed, ExceptionEnded,
    StrategyEvent as E,
};
use dutyledger_domain::{ActionStatus, ExceptedDuty};
use dutyledger_record::Standing;

use super::{having, prepares, row, used};
use crate::given::*;

fn agreement_of(body: Body) -> impl Fn(&E) -> bool {
    move |event| matches!(event, E::ActionAgreed(e) if e.authority == body.id())
}

fn declining(past: Past<Strategy>, body: Body) -> Past<Strategy> {
    let declined = ActionDeclined {
        action: action_id(),
        authority: body.id(),
        reason: None,
    };
    past.and("2022-05-04", declined)
}

/// What s.15(4) asks of a body that an action touches: nothing of one that none touches, and of
/// this one from the adoption until the action is done, or while an exception from s.15(4) is
/// claimed by itself.
#[track_caller]
fn carries_out(id: &str, body: Body, another: Body) {
    let touching = strategy().touching("2022-05-04", body);
    row(id, &having(&touching))
        .stands(Status::NotApplicable)
        .because("in force");
    let adopted = touching.adopted("2023-03-01", 1);
    row(id, &having(&adopted))
        .of(body)
        .stands(Status::Due)
        .shown_by(&[]);

    let done = adopted
        .clone()
        .progressed("2023-04-01", ActionStatus::Completed);
    row(id, &having(&done))
        .of(body)
        .stands(Status::Satisfied)
        .shown_by(&[done.last()]);

    let claimed = |whose: Body, duty| adopted.clone().claimed_by("2023-04-01", whose, duty);
    let own = claimed(body, ExceptedDuty::CarryOutActions);
    row(id, &having(&own))
        .of(body)
        .stands(Status::Excepted)
        .because("s.15(7)(d)")
        .shown_by(&[own.last()]);
    let of_another = claimed(another, ExceptedDuty::CarryOutActions);
    row(id, &having(&of_another))
        .of(body)
        .stands(Status::Due)
        .shown_by(&[]);
    let from_another_duty = claimed(body, ExceptedDuty::Collaborate);
    row(id, &having(&from_another_duty))
        .of(body)
        .stands(Status::Due);
}

#[test]
fn r_19_4_a_school_carries_out_the_actions_set_for_it() {
    carries_out("R-19.4", SCHOOL, PRISON);
    row("R-19.4", &setting()).stands(Status::NotApplicable);
}

/// The town's strategy as adopted, its action touching a body, with a date where one is given.
fn dated(body: Body, by: Option<&str>) -> Past<Strategy> {
    let touching = strategy().touching("2022-05-04", body);
    let dated = match by {
        Some(by) => touching.and(
            "2022-05-04",
            ActionDated {
                action: action_id(),
                by: day(by),
                version: 1,
            },
        ),
        None => touching,
    };
    dated.adopted("2023-03-01", 1)
}

#[test]
fn r_19_4_an_action_is_due_on_the_date_the_strategy_gives_it() {
    let by = "2023-09-01";
    let owed = having(&dated(SCHOOL, Some(by)));
    for (on, status) in [
        ("2023-08-31", Status::NotYetDue),
        (by, Status::Due),
        ("2023-09-02", Status::Overdue),
    ] {
        for row in [row("R-19.4", &owed).of(SCHOOL), row("R-10.5", &owed)] {
            row.on(on).stands(status).due(by, Provenance::Local);
        }
    }
    let undated = having(&dated(SCHOOL, None));
    row("R-19.4", &undated)
        .of(SCHOOL)
        .on("2023-09-02")
        .stands(Status::Due)
        .undated();
    let done = dated(SCHOOL, Some(by)).progressed("2023-10-01", ActionStatus::Completed);
    row("R-19.4", &having(&done))
        .of(SCHOOL)
        .stands(Status::Satisfied)
        .undated();
}

#[test]
fn r_20_4_an_exception_whose_ground_has_ceased_excepts_nobody_any_more() {
    let claimed = dated(PRISON, Some("2023-09-01")).claimed_by(
        "2023-04-01",
        PRISON,
        ExceptedDuty::CarryOutActions,
    );
    let ended = |duty, stands: fn(&mut Standing)| {
        let ended = ExceptionEnded {
            action: Some(action_id()),
            authority: PRISON.id(),
            duty,
        };
        having(&claimed.clone().and_so("2023-10-01", ended, stands))
    };
    let setting = ended(ExceptedDuty::CarryOutActions, |_| ());
    let asked = |on| row("R-20.4", &setting).of(PRISON).on(on);
    asked("2023-09-30").stands(Status::Excepted).undated();
    asked("2023-10-01")
        .stands(Status::Overdue)
        .due("2023-09-01", Provenance::Local);
    row("R-fn8.1", &setting)
        .on("2023-09-30")
        .of(PRISON)
        .stands(Status::Applies);
    row("R-fn8.1", &setting)
        .on("2023-10-01")
        .stands(Status::DoesNotApply);
    // Neither what others tell nor the end of another exception ends this one.
    for other in [
        ended(ExceptedDuty::CarryOutActions, past_fact),
        ended(ExceptedDuty::Collaborate, |_| ()),
    ] {
        row("R-20.4", &other).of(PRISON).stands(Status::Excepted);
    }
}

#[test]
fn r_10_5_an_action_whose_owner_is_excepted_is_owed_by_nobody_while_that_lasts() {
    let by = "2023-09-01";
    let action = item("the prison's action");
    let proposed = ActionProposed {
        action,
        description: text("Mentors on the wings"),
        owner: PRISON.id(),
        title: text("Mentors on the wings"),
        version: 1,
    };
    let dated = ActionDated {
        action,
        by: day(by),
        version: 1,
    };
    let adopted = strategy()
        .and("2022-05-04", proposed)
        .and("2022-05-04", dated)
        .adopted("2023-03-01", 1)
        .progressed("2023-04-01", ActionStatus::Completed);
    let stands = |past: &Past<Strategy>, status| {
        row("R-10.5", &having(past)).on("2023-10-01").stands(status)
    };
    stands(&adopted, Status::Overdue).due(by, Provenance::Local);
    let claim = ExceptionClaimed {
        action: Some(action),
        ..exception(PRISON, ExceptedDuty::CarryOutActions, true)
    };
    let excepted = adopted.clone().and("2023-05-01", claim.clone());
    stands(&excepted, Status::Excepted)
        .undated()
        .because("1 of 2");
    // Told by others, it excepts nobody.
    let told = adopted.and_so("2023-05-01", claim, past_fact);
    stands(&told, Status::Overdue);
    // Another action that nobody is excepted from is owed all the same, by its own date.
    let started = excepted.progressed("2023-04-02", ActionStatus::Started);
    stands(&started, Status::Due).undated().because("0 of 2");
}

#[test]
fn r_19_4_an_exception_from_all_its_actions_excepts_it_from_each() {
    let adopted = strategy().adopted("2023-03-01", 1);
    let mut claim = exception(SCHOOL, ExceptedDuty::CarryOutActions, true);
    claim.action = None;
    let own = adopted.clone().and("2023-04-01", claim.clone());
    row("R-19.4", &having(&own))
        .of(SCHOOL)
        .stands(Status::Excepted);
    let told = adopted.and_so("2023-04-01", claim, past_fact);
    row("R-19.4", &having(&told)).of(SCHOOL).stands(Status::Due);
}

#[test]
fn r_20_4_a_prison_or_secure_home_carries_out_the_actions_set_for_it() {
    carries_out("R-20.4", PRISON, SCHOOL);
    carries_out("R-20.4", SECURE_HOME, SCHOOL);
}

#[test]
fn r_21_1_relevant_authorities_may_be_turned_to_for_carrying_out_actions() {
    let of = |body: Body| move |e: &E| matches!(e, E::ActionAuthorityNamed(e) if e.authority == body.id());
    let without = strategy().without(of(SCHOOL));
    let by = strategy().those(of(SCHOOL));
    used("R-21.1", &having(&without), &having(&strategy()), &by);
    for body in [PRISON, SECURE_HOME] {
        let touching = without.clone().touching("2022-05-04", body);
        used(
            "R-21.1",
            &having(&without),
            &having(&touching),
            &[touching.last()],
        );
    }
    let council = without.touching("2022-05-04", NEXT_COUNCIL);
    row("R-21.1", &having(&council)).stands(Status::NotUsed);
}

#[test]
fn r_89_1_a_secure_home_carries_out_the_actions_set_for_it_as_a_prison_does() {
    carries_out("R-89.1", SECURE_HOME, PRISON);
    let prison = strategy()
        .touching("2022-05-04", PRISON)
        .adopted("2023-03-01", 1);
    row("R-89.1", &having(&prison)).stands(Status::NotApplicable);
}

#[test]
fn r_86_1_a_governor_sees_that_the_prison_meets_what_is_set_for_it() {
    carries_out("R-86.1", PRISON, SCHOOL);
    whoever_represents_it("R-86.1", PRISON);
}

#[test]
fn r_90_1_the_head_of_a_secure_home_sees_that_it_meets_what_is_set_for_it() {
    carries_out("R-90.1", SECURE_HOME, PRISON);
    whoever_represents_it("R-90.1", SECURE_HOME);
}

/// A post that represents it is optional, and shows nothing of what it does.
#[track_caller]
fn whoever_represents_it(id: &str, body: Body) {
    let adopted = strategy()
        .touching("2022-05-04", body)
        .adopted("2023-03-01", 1);
    let represented = partnership().representing("2023-02-15", body);
    row(id, &having(&adopted).with(&represented))
        .of(body)
        .stands(Status::Due)
        .shown_by(&[]);
}

#[test]
fn r_82_1_a_prison_carries_out_the_actions_set_for_it_when_asked() {
    carries_out("R-82.1", PRISON, SCHOOL);
    let home = strategy()
        .touching("2022-05-04", SECURE_HOME)
        .adopted("2023-03-01", 1);
    row("R-82.1", &having(&home)).stands(Status::NotApplicable);
}

#[test]
fn r_113_1_a_school_carries_out_the_actions_set_for_it_when_asked() {
    carries_out("R-113.1", SCHOOL, PRISON);
}

#[test]
fn r_31_1_all_should_agree_an_action_before_the_strategy_is_adopted() {
    let by = ["ActionAgreed", "ActionDeclined"];
    let silent = strategy().without(agreement_of(SCHOOL));
    prepares("R-31.1", &silent, &strategy(), &by);
    prepares(
        "R-31.1",
        &declining(silent.clone(), SCHOOL),
        &strategy(),
        &by,
    );
    // Agreed after it was adopted is not agreed beforehand.
    let late = silent
        .adopted("2023-03-01", 1)
        .agreed_by("2023-04-01", SCHOOL);
    row("R-31.1", &having(&late)).stands(Status::Due);
}

#[test]
fn r_36_1_an_action_may_call_for_all_or_for_few() {
    let without = strategy().without(|e| matches!(e, E::ActionProposed(_)));
    let by = strategy().named(&["ActionProposed"]);
    used("R-36.1", &having(&without), &having(&strategy()), &by);
}

#[test]
fn r_44_2_what_an_action_costs_a_school_should_be_assessed() {
    let without = strategy().without(|e| matches!(e, E::ActionCostAssessed(_)));
    prepares("R-44.2", &without, &strategy(), &["ActionCostAssessed"]);
}

#[test]
fn r_81_2_the_partnership_should_ask_a_prison_to_agree_the_actions_that_touch_it() {
    row("R-81.2", &having(&strategy())).stands(Status::NotApplicable);
    let silent = strategy().touching("2022-05-04", PRISON);
    let stands = row("R-81.2", &having(&silent))
        .stands(Status::Due)
        .because("neither agreement nor refusal")
        .shown_by(&[]);
    assert_eq!(stands.0.bearers, [Bearer::Partnership]);
    for answered in [
        silent.clone().agreed_by("2022-05-05", PRISON),
        declining(silent, PRISON),
    ] {
        row("R-81.2", &having(&answered))
            .stands(Status::Satisfied)
            .shown_by(&[answered.last()]);
        // Each prison is to be asked.
        let another = answered.touching("2022-05-06", ANOTHER_PRISON);
        let setting = having(&another).with(&ANOTHER_PRISON.registered());
        let by = another.named(&["ActionAgreed", "ActionDeclined"]);
        row("R-81.2", &setting)
            .stands(Status::Due)
            .because("1 answers")
            .shown_by(&by[by.len() - 1..]);
    }
}

#[test]
fn r_112_1_a_school_owes_no_agreement_and_its_silence_is_none() {
    row("R-112.1", &setting()).stands(Status::NotApplicable);
    let silent = strategy().without(agreement_of(SCHOOL));
    row("R-112.1", &having(&silent))
        .of(SCHOOL)
        .stands(Status::NotYetDue)
        .shown_by(&[]);
    let told = silent.and_so(
        "2022-05-04",
        ActionAgreed {
            action: action_id(),
            authority: SCHOOL.id(),
        },
        reported,
    );
    row("R-112.1", &having(&told))
        .of(SCHOOL)
        .stands(Status::NotYetDue);
    let declined = declining(strategy().without(agreement_of(SCHOOL)), SCHOOL);
    // To decline is neither what must be done, nor shown to be a failure to: consent is asked for.
    row("R-112.1", &having(&declined))
        .of(SCHOOL)
        .stands(Status::NotYetDue)
        .because("declined 1")
        .shown_by(&[declined.last()]);
    row("R-112.1", &having(&strategy()))
        .of(SCHOOL)
        .stands(Status::Satisfied)
        .shown_by(&strategy().those(agreement_of(SCHOOL)));
}

#[test]
fn r_19_4_a_school_that_is_no_more_has_nothing_left_to_carry_out() {
    let owed = having(&dated(SCHOOL, Some("2023-09-01")));
    let closed = owed.with(&town().losing(SCHOOL, "2023-08-31"));
    row("R-19.4", &closed)
        .of(SCHOOL)
        .on("2023-08-31")
        .stands(Status::NotYetDue);
    row("R-19.4", &closed)
        .on("2023-09-02")
        .stands(Status::NotApplicable);
}
