//! What is found of an authority, and directions (s.18).

use dutyledger_domain::obligations::{Status, obligations, obligations_in_case};
use dutyledger_domain::rules::{Provenance, enacted};
use dutyledger_domain::streams::authority::AuthorityAmended;
use dutyledger_domain::streams::direction::{
    ComplianceAccepted, ComplianceReported, DirectionEvent, DirectionIssued, DirectionVaried,
    DirectionWithdrawn, FindingRecorded, MandatoryOrderMade, MandatoryOrderSought,
    NonComplianceRecorded, WelshConsentAnswered,
};
use dutyledger_domain::streams::partnership::PartnershipDissolved;
use dutyledger_domain::streams::{Authority, Direction};
use dutyledger_domain::{Duty, HeldBy};
use dutyledger_record::Principal;

use super::{Stands, row, used};
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

/// A direction that sets a date to comply by.
fn directed_by(comply_by: Option<&str>) -> Past<Direction> {
    let issued = DirectionIssued {
        comply_by: comply_by.map(day),
        requires: text("Consult the prison"),
    };
    satisfied_that(COUNCIL, Duty::Consult).and("2024-02-02", issued)
}

const COMPLYING: [&str; 6] = [
    "DirectionIssued",
    "DirectionVaried",
    "DirectionWithdrawn",
    "ComplianceReported",
    "ComplianceAccepted",
    "NonComplianceRecorded",
];

/// How it stands for the council that the direction is complied with, shown by the case's own entries.
#[track_caller]
fn complying(past: &Past<Direction>, on: &str, status: Status) -> Stands {
    let case = case(past);
    let stands = row("A-18.2", &case).of(COUNCIL).on(on).stands(status);
    assert_eq!(stands.0.about, Some(id("case")));
    stands.shown_by(&past.named(&COMPLYING))
}

#[test]
fn a_18_2_whoever_is_directed_complies_by_the_date_the_direction_sets() {
    let satisfied = satisfied_that(COUNCIL, Duty::Consult);
    row("A-18.2", &case(&satisfied))
        .stands(Status::NotApplicable)
        .shown_by(&[]);
    let by = |stands: Stands, date| stands.due(date, Provenance::Direction);
    let directed = directed_by(Some("2024-06-01"));
    for (on, status) in [
        ("2024-05-31", Status::NotYetDue),
        ("2024-06-01", Status::Due),
        ("2024-06-02", Status::Overdue),
    ] {
        by(complying(&directed, on, status), "2024-06-01").because("given on 2 February 2024");
    }
    // Varied, it is due by another date; a direction that sets none is owed from when it is given.
    let requires = text("Consult the prison, and the school");
    let comply_by = Some(day("2024-07-01"));
    let varied = directed.and(
        "2024-05-01",
        DirectionVaried {
            comply_by,
            requires,
        },
    );
    by(
        complying(&varied, "2024-06-02", Status::NotYetDue),
        "2024-07-01",
    );
    complying(&directed_by(None), "2024-02-03", Status::Due).undated();
}

#[test]
fn a_18_2_a_report_alone_shows_neither_that_it_is_complied_with_nor_that_it_is_not() {
    let directed = directed_by(Some("2024-06-01"));
    let reported = directed.and("2024-05-02", ComplianceReported { account: None });
    complying(&reported, "2024-05-31", Status::NotYetDue).because("reported on 2 May 2024");
    complying(&reported, "2024-06-02", Status::Overdue).because("has not answered");
    let refused = reported
        .clone()
        .and("2024-05-10", NonComplianceRecorded { reasons: None });
    complying(&refused, "2024-05-31", Status::NotYetDue).because("is not complied with");
    let accepted = reported.and("2024-05-11", ComplianceAccepted {});
    complying(&accepted, "2024-06-02", Status::Satisfied)
        .undated()
        .because("accepted on 11 May 2024");
    // As true before it was accepted, it was owed.
    let case = case(&accepted);
    row("A-18.2", &case)
        .of(COUNCIL)
        .on("2024-05-10")
        .stands(Status::NotYetDue);
}

#[test]
fn a_18_2_a_direction_that_is_withdrawn_asks_for_nothing_and_another_asks_anew() {
    let withdrawn = directed_by(Some("2024-06-01"))
        .and("2024-05-01", DirectionWithdrawn { note: None })
        .and("2024-05-02", satisfied_anew());
    complying(&withdrawn, "2024-05-01", Status::NotApplicable)
        .undated()
        .because("withdrawn on 1 May 2024");
    row("A-18.2", &case(&withdrawn))
        .on("2024-06-02")
        .stands(Status::NotApplicable)
        .because("No authority is directed");
    let issued = DirectionIssued {
        comply_by: Some(day("2024-08-01")),
        requires: text("Consult the prison"),
    };
    let anew = withdrawn.and("2024-05-03", issued);
    complying(&anew, "2024-08-02", Status::Overdue).due("2024-08-01", Provenance::Direction);
}

fn satisfied_anew() -> DirectionEvent {
    let satisfied = satisfied_that(COUNCIL, Duty::Consult);
    satisfied.entries[0].payload.clone()
}

#[test]
fn a_18_2_a_direction_outlives_the_partnership_it_concerns() {
    let directed = case(&directed_by(Some("2024-06-01")));
    let over = directed.with(&partnership().and("2024-04-01", PartnershipDissolved { note: None }));
    row("A-18.2", &over)
        .of(COUNCIL)
        .on("2024-06-02")
        .stands(Status::Overdue);
}

#[test]
fn a_18_2_whoever_is_directed_in_a_case_that_names_no_partnership_owes_it_too() {
    let alone = |mut past: Past<Direction>| {
        for entry in &mut past.entries {
            if let DirectionEvent::SecretaryOfStateSatisfied(e) = &mut entry.payload {
                e.partnership = None;
            }
        }
        past
    };
    let asked = |past: Past<Direction>, on| {
        let histories = setting().with(&alone(past)).histories;
        assert_eq!(
            obligations(partnership_id(), &histories, enacted().0, day(on))
                .iter()
                .find(|one| one.rule.as_str() == "A-18.2")
                .map(|one| one.status),
            Some(Status::NotApplicable)
        );
        let found = obligations_in_case(id("case"), &histories, enacted().0, day(on));
        let found = found.into_iter().map(|one| {
            let due = one.due.map(|due| due.on.to_string());
            (one.rule.to_string(), one.authority, one.status, due)
        });
        found.collect::<Vec<_>>()
    };
    assert_eq!(
        asked(satisfied_that(COUNCIL, Duty::Consult), "2024-03-01"),
        []
    );
    let directed = directed_by(Some("2024-06-01"));
    let owed = |status, due: Option<&str>| {
        let council = Some(COUNCIL.id());
        [("A-18.2".to_owned(), council, status, due.map(str::to_owned))]
    };
    assert_eq!(
        asked(directed.clone(), "2024-06-02"),
        owed(Status::Overdue, Some("2024-06-01"))
    );
    let accepted = directed.and("2024-05-11", ComplianceAccepted {});
    assert_eq!(asked(accepted, "2024-06-02"), owed(Status::Satisfied, None));
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
    // It was to that direction: given, complied with and withdrawn it stays so; a variation is another.
    let directed = |past: &Past<Direction>| {
        past.clone().and(
            "2024-02-20",
            DirectionIssued {
                comply_by: None,
                requires: text("Consult the prison"),
            },
        )
    };
    let given = directed(&consented);
    let complied = given.clone().and("2024-05-01", ComplianceAccepted {});
    let withdrawn = given
        .clone()
        .and("2024-05-01", DirectionWithdrawn { note: None });
    for past in [&given, &complied, &withdrawn] {
        row("A-18.4", &of_devolved(past))
            .stands(Status::Satisfied)
            .shown_by(&[consented.last()]);
    }
    let varied = given.and(
        "2024-03-01",
        DirectionVaried {
            comply_by: None,
            requires: text("Consult the prison, and the school"),
        },
    );
    for past in [&varied, &directed(&refused)] {
        row("A-18.4", &of_devolved(past))
            .stands(Status::Due)
            .because("does not show that the Welsh Ministers consented");
    }
}
