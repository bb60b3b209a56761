//! What is found of an authority, and directions (s.18).

use dutyledger_domain::obligations::Status;
use dutyledger_domain::streams::authority::AuthorityAmended;
use dutyledger_domain::streams::direction::{
    DirectionVaried, FindingRecorded, MandatoryOrderMade, MandatoryOrderSought,
    WelshConsentAnswered,
};
use dutyledger_domain::streams::{Authority, Direction};
use dutyledger_domain::{Duty, HeldBy};
use dutyledger_record::Principal;

use super::{row, used};
use crate::given::*;

/// What somebody found of the council.
fn finding(by: Principal) -> Past<Direction> {
    let found = FindingRecorded {
        area: town_id(),
        authority: COUNCIL.id(),
        duty: Duty::Consult,
        partnership: Some(partnership_id()),
        summary: None,
    };
    Past::of(id("case")).and_so("2024-02-01", found, |standing| standing.principal = by)
}

fn case(past: &Past<Direction>) -> Setting {
    setting().with(past)
}

#[test]
fn r_56_2_a_local_policing_body_may_monitor() {
    let inspected = case(&finding(INSPECTORATE));
    let monitored = finding(POLICING_BODY.key());
    used("R-56.2", &inspected, &case(&monitored), &[monitored.last()]);
}

#[test]
fn r_128_1_inspectorates_may_look_at_it() {
    let monitored = case(&finding(POLICING_BODY.key()));
    let inspected = finding(INSPECTORATE);
    used(
        "R-128.1",
        &monitored,
        &case(&inspected),
        &[inspected.last()],
    );
}

#[test]
fn a_14_3_what_is_found_may_be_reported() {
    for by in [POLICING_BODY.key(), INSPECTORATE] {
        let found = finding(by);
        used("A-14.3", &setting(), &case(&found), &[found.last()]);
    }
}

#[test]
fn r_129_1_the_secretary_of_state_may_direct() {
    let satisfied = case(&satisfied_that(COUNCIL, Duty::Consult));
    let requires = text("Do it by summer");
    let comply_by = None;
    let directed = directed(COUNCIL, Duty::Consult);
    used("R-129.1", &satisfied, &case(&directed), &[directed.last()]);
    let varied = directed.and(
        "2024-02-03",
        DirectionVaried {
            comply_by,
            requires,
        },
    );
    let by = varied.named(&["DirectionIssued", "DirectionVaried"]);
    row("R-129.1", &case(&varied))
        .stands(Status::Used)
        .shown_by(&by);
}

#[test]
fn r_130_1_an_order_may_enforce_a_direction() {
    let reference = || text("a claim");
    let directed = directed(COUNCIL, Duty::Consult);
    let before = case(&directed);
    let sought = directed.and(
        "2024-02-10",
        MandatoryOrderSought {
            reference: reference(),
        },
    );
    used("R-130.1", &before, &case(&sought), &[sought.last()]);
    let made = sought.and(
        "2024-02-20",
        MandatoryOrderMade {
            reference: reference(),
        },
    );
    let by = made.named(&["MandatoryOrderSought", "MandatoryOrderMade"]);
    used("R-130.1", &before, &case(&made), &by);
}

/// Whom no direction can be given to, by who holds the office.
#[track_caller]
fn beyond_direction(id: &str) {
    row(id, &setting()).stands(Status::DoesNotApply);
    for held_by in HeldBy::ALL {
        let held = setting().with(&PRISON.held_by(*held_by));
        if held_by.beyond_direction() {
            row(id, &held)
                .of(PRISON)
                .stands(Status::Applies)
                .because("existing means");
        } else {
            row(id, &held).stands(Status::DoesNotApply);
        }
    }
}

#[test]
fn r_129_2_no_direction_is_given_to_a_governor() {
    beyond_direction("R-129.2");
    let elsewhere = NEXT_SCHOOL.held_by(HeldBy::GovernorOfPrisonYoiOrStc);
    row("R-129.2", &setting().with(&elsewhere)).stands(Status::DoesNotApply);
}

#[test]
fn a_18_5_some_bodies_are_beyond_direction() {
    beyond_direction("A-18.5");
}

fn devolved() -> Past<Authority> {
    COUNCIL.registered().and(
        "2022-01-02",
        AuthorityAmended {
            body: text("council"),
            devolved_welsh_authority: Some(text("an order")),
            held_by: HeldBy::Ordinary,
        },
    )
}

#[test]
fn a_18_4_the_welsh_ministers_consent_before_a_devolved_authority_is_directed() {
    let satisfied = satisfied_that(COUNCIL, Duty::Consult);
    row("A-18.4", &case(&satisfied))
        .stands(Status::NotApplicable)
        .because("devolved Welsh authority");
    let of_devolved = |past: &Past<Direction>| case(past).with(&devolved());
    let found = of_devolved(&finding(INSPECTORATE));
    row("A-18.4", &found)
        .stands(Status::NotYetDue)
        .shown_by(&[]);
    row("A-18.4", &of_devolved(&satisfied))
        .stands(Status::Due)
        .shown_by(&[]);
    let answered = |given| {
        satisfied
            .clone()
            .and("2024-02-10", WelshConsentAnswered { given })
    };
    let refused = answered(false);
    row("A-18.4", &of_devolved(&refused))
        .stands(Status::Due)
        .shown_by(&[refused.last()]);
    let consented = answered(true);
    row("A-18.4", &of_devolved(&consented))
        .stands(Status::Satisfied)
        .shown_by(&[consented.last()]);
}
