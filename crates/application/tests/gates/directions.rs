//! Findings, directions and orders (ss.14, 18): who, for which duty, and what must come first.

use dutyledger_domain::streams::area::AreaRegistered;
use dutyledger_domain::streams::authority::{AmendAuthority, AuthorityAmended};
use dutyledger_domain::streams::direction::{
    AnswerConsent, ComplianceAccepted, DirectionWithdrawn, FindingRecorded, IssueDirection,
    NonComplianceRecorded, RecordFinding, SeekMandatoryOrder, VaryDirection, WelshConsentAnswered,
};
use dutyledger_domain::streams::{Authority, Direction};
use dutyledger_domain::{AreaKind, Country, Duty, HeldBy, RefusalCode};
use dutyledger_record::Principal;

use crate::given::*;

fn directing(setting: Setting, past: Past<Direction>) -> When<Direction> {
    let command = IssueDirection {
        requires: text("Consult the prison"),
        comply_by: None,
    };
    given(past, setting).when(SECRETARY_OF_STATE, command)
}

fn varying(setting: Setting, past: Past<Direction>) -> When<Direction> {
    let command = VaryDirection {
        requires: text("Consult the school"),
        comply_by: None,
    };
    given(past, setting).when(SECRETARY_OF_STATE, command)
}

fn finding(by: Principal, body: Body) -> When<Direction> {
    let command = RecordFinding {
        authority: body.id(),
        duty: Duty::CollaborateOnRequest,
        area: town_id(),
        partnership: Some(partnership_id()),
        summary: None,
    };
    given(Past::of(id("case")), setting()).when(by, command)
}

fn found_that(body: Body, duty: Duty) -> Past<Direction> {
    let finding = FindingRecorded {
        area: town_id(),
        authority: body.id(),
        duty,
        partnership: Some(partnership_id()),
        summary: None,
    };
    Past::of(id("case")).and("2024-02-01", finding)
}

#[test]
fn a_14_3_a_local_policing_body_finds_nothing_about_a_relevant_authority() {
    for body in RELEVANT {
        finding(POLICING_BODY.key(), body).must("A-14.3", Some("14(2)-(3)"));
        finding(INSPECTORATE, body).met();
    }
    for body in SPECIFIED {
        finding(POLICING_BODY.key(), body).met();
        finding(INSPECTORATE, body).met();
    }
}

/// Who is told of a case hangs on its partnership.
#[test]
fn a_finding_in_a_case_of_one_partnership_names_no_other() {
    let naming = |partnership| RecordFinding {
        authority: COUNCIL.id(),
        duty: Duty::Consult,
        area: town_id(),
        partnership,
        summary: None,
    };
    let case = || given(found_that(COUNCIL, Duty::Consult), setting());
    for same in [None, Some(partnership_id())] {
        case().when(INSPECTORATE, naming(same)).met();
    }
    let other = case().when(INSPECTORATE, naming(Some(id("another"))));
    other.refused(RefusalCode::Invalid, &[]);
    // Nor does a case that is no partnership's become one's.
    let opened = FindingRecorded {
        area: town_id(),
        authority: COUNCIL.id(),
        duty: Duty::Consult,
        partnership: None,
        summary: None,
    };
    let past: Past<Direction> = Past::of(id("case")).and("2024-02-01", opened);
    let later = given(past, setting()).when(INSPECTORATE, naming(Some(partnership_id())));
    later.refused(RefusalCode::Invalid, &[]);
}

#[test]
fn r_129_1_a_direction_is_refused_until_the_secretary_of_state_is_satisfied() {
    directing(setting(), found_that(COUNCIL, Duty::Consult)).must("R-129.1", Some("18(1)-(2)"));
    directing(setting(), satisfied_that(COUNCIL, Duty::Consult)).met();
}

/// The duties s.18(1) lists, for each class; every other one is for neither.
const OF_BOTH: [Duty; 2] = [Duty::CollaborateOnRequest, Duty::SupplyInformation];
const OF_RELEVANT: [Duty; 2] = [
    Duty::CarryOutActions,
    Duty::CollaborateWithRelevantAuthority,
];
const OF_NEITHER: [Duty; 1] = [Duty::SectionNine];

#[test]
fn r_129_1_a_direction_is_refused_for_a_duty_not_listed_for_that_kind_of_authority() {
    for &duty in Duty::ALL {
        let both = OF_BOTH.contains(&duty);
        let relevant = both || OF_RELEVANT.contains(&duty);
        let specified = both || !(OF_RELEVANT.contains(&duty) || OF_NEITHER.contains(&duty));
        let listed = [
            (COUNCIL, specified),
            (SCHOOL, relevant),
            (POLICING_BODY, false),
        ];
        for (body, listed) in listed {
            println!("{duty:?} of {body:?}");
            let when = directing(setting(), satisfied_that(body, duty));
            if listed {
                when.met();
            } else {
                when.must("R-129.1", Some("18(1)-(2)"));
            }
        }
    }
}

#[test]
fn r_129_1_there_is_no_direction_for_a_duty_under_section_9() {
    for body in SPECIFIED.into_iter().chain(RELEVANT) {
        directing(setting(), satisfied_that(body, Duty::SectionNine))
            .must("R-129.1", Some("18(1)-(2)"));
    }
}

#[test]
fn r_129_2_a_direction_is_refused_to_a_holder_the_act_puts_beyond_it() {
    for (body, holder, duty) in [
        (
            COUNCIL,
            HeldBy::SecretaryOfStateAsProbationProvider,
            Duty::Consult,
        ),
        (
            PRISON,
            HeldBy::GovernorOfPrisonYoiOrStc,
            Duty::CarryOutActions,
        ),
        (
            SECURE_HOME,
            HeldBy::PrincipalOfDirectlyManagedSecureCollege,
            Duty::CarryOutActions,
        ),
    ] {
        let setting = setting().with(&body.held_by(holder));
        directing(setting, satisfied_that(body, duty)).must("R-129.2", Some("18(5)"));
    }
}

#[test]
fn r_129_2_the_director_of_a_contracted_out_prison_may_be_directed() {
    let director = PRISON.held_by(HeldBy::DirectorOfContractedOutInstitution);
    let past = satisfied_that(PRISON, Duty::CarryOutActions);
    directing(setting().with(&director), past).met();
}

#[test]
fn r_129_2_looks_at_who_holds_the_office_on_the_day() {
    let taken_over = PRISON.held_by(HeldBy::GovernorOfPrisonYoiOrStc).and(
        DECIDED_ON,
        AuthorityAmended {
            body: text("a contractor"),
            devolved_welsh_authority: None,
            held_by: HeldBy::DirectorOfContractedOutInstitution,
        },
    );
    let when = directing(
        setting().with(&taken_over),
        satisfied_that(PRISON, Duty::CarryOutActions),
    );
    when.clone().on("2024-02-29").must("R-129.2", Some("18(5)"));
    when.met();
}

/// The town, had it been in Wales.
fn in_wales() -> Setting {
    let mut town = town();
    town.entries[0].payload = AreaRegistered {
        country: Country::Wales,
        kind: AreaKind::WelshCounty,
        name: text("town"),
    }
    .into();
    setting().with(&town)
}

fn devolved(body: Body) -> Setting {
    let amended = AuthorityAmended {
        body: text(body.name),
        devolved_welsh_authority: Some(text("Government of Wales Act 2006, s.157A")),
        held_by: HeldBy::Ordinary,
    };
    in_wales().with(&body.registered().and("2022-01-02", amended))
}

#[test]
fn a_18_4_a_devolved_welsh_authority_is_not_directed_without_the_welsh_ministers_consent() {
    let answered = |given| {
        satisfied_that(COUNCIL, Duty::Consult).and("2024-02-15", WelshConsentAnswered { given })
    };
    directing(devolved(COUNCIL), satisfied_that(COUNCIL, Duty::Consult))
        .must("A-18.4", Some("18(4)"));
    directing(devolved(COUNCIL), answered(false)).must("A-18.4", Some("18(4)"));
    directing(devolved(COUNCIL), answered(true)).met();
    directing(devolved(COUNCIL), answered(true))
        .on("2024-02-14")
        .must("A-18.4", Some("18(4)"));
}

#[test]
fn a_18_4_being_in_wales_alone_does_not_ask_for_consent() {
    directing(in_wales(), satisfied_that(COUNCIL, Duty::Consult)).met();
}

#[test]
fn a_18_4_the_welsh_ministers_may_answer_and_answer_again() {
    let answer = |past, consent| {
        given(past, devolved(COUNCIL))
            .when(WELSH_MINISTERS, AnswerConsent { given: consent })
            .done()
    };
    let refused = answer(satisfied_that(COUNCIL, Duty::Consult), false);
    directing(devolved(COUNCIL), refused.clone()).refused(RefusalCode::RuleNotMet, &["A-18.4"]);
    directing(devolved(COUNCIL), answer(refused, true)).met();
}

#[test]
fn a_variation_is_a_further_direction_and_all_gates_apply_again() {
    varying(setting(), directed(COUNCIL, Duty::Consult)).met();
    // what was recorded of a direction elsewhere, without its satisfaction.
    let unsatisfied = directed(COUNCIL, Duty::Consult).without(|event| {
        use dutyledger_domain::streams::direction::DirectionEvent;
        matches!(event, DirectionEvent::SecretaryOfStateSatisfied(_))
    });
    let unsatisfied = found_that(COUNCIL, Duty::Consult)
        .and("2024-02-02", unsatisfied.entries[0].payload.clone());
    varying(setting(), unsatisfied).must("R-129.1", Some("18(1)-(2)"));
    let not_listed = directed(COUNCIL, Duty::CarryOutActions);
    varying(setting(), not_listed).must("R-129.1", Some("18(1)-(2)"));
    let governor = setting().with(&PRISON.held_by(HeldBy::GovernorOfPrisonYoiOrStc));
    varying(governor, directed(PRISON, Duty::CarryOutActions)).must("R-129.2", Some("18(5)"));
    varying(devolved(COUNCIL), directed(COUNCIL, Duty::Consult)).must("A-18.4", Some("18(4)"));
}

#[test]
fn r_129_1_after_a_direction_is_complied_with_another_follows_satisfaction_anew() {
    let complied = directed(COUNCIL, Duty::Consult).and("2024-02-20", ComplianceAccepted {});
    directing(setting(), complied.clone()).refused(RefusalCode::AlreadySo, &[]);
    let satisfied = satisfied_that(COUNCIL, Duty::Consult).entries[0]
        .payload
        .clone();
    directing(setting(), complied.and("2024-02-21", satisfied)).met();
}

#[test]
fn r_130_1_an_order_is_refused_without_a_standing_direction_not_complied_with() {
    let seeking = |past: Past<Direction>| {
        let command = SeekMandatoryOrder {
            reference: text("High Court, 1/2024"),
        };
        given(past, setting()).when(SECRETARY_OF_STATE, command)
    };
    let issued = directed(COUNCIL, Duty::Consult);
    let not_complied = issued
        .clone()
        .and("2024-02-20", NonComplianceRecorded { reasons: None });
    seeking(not_complied.clone()).met();

    for (why, past) in [
        ("no direction", satisfied_that(COUNCIL, Duty::Consult)),
        ("no non-compliance", issued),
        (
            "complied with",
            not_complied
                .clone()
                .and("2024-02-21", ComplianceAccepted {}),
        ),
        (
            "withdrawn",
            not_complied.and("2024-02-21", DirectionWithdrawn { note: None }),
        ),
    ] {
        println!("{why}");
        seeking(past).must("R-130.1", Some("18(3)"));
    }
}

#[test]
fn a_direction_before_the_duty_was_in_force_meets_no_rule() {
    let mut past = found_that(COUNCIL, Duty::SectionNine);
    past.entries[0].standing.occurred_on.date = day("2023-01-01");
    let when = directing(setting(), past);
    when.clone()
        .on("2023-01-30")
        .refused(RefusalCode::Invalid, &[]);
    let told = when.clone().on("2023-01-30").past_fact(None).accepted();
    let told = told[0].standing.past_fact.as_ref().unwrap();
    assert_eq!(told.unmet, Vec::<String>::new());
    when.on("2023-01-31")
        .refused(RefusalCode::RuleNotMet, &["R-129.1"]);
}

#[test]
fn a_18_4_and_r_129_2_a_new_name_takes_nobody_out_of_them() {
    let renamed = |past: Past<Authority>| {
        let command = AmendAuthority {
            body: text("Another name"),
            devolved_welsh_authority: None,
            held_by: None,
        };
        given(past, setting())
            .when(OPERATOR, command)
            .on("2022-02-01")
            .done()
    };
    let known = AuthorityAmended {
        body: text(COUNCIL.name),
        devolved_welsh_authority: Some(text("Government of Wales Act 2006, s.157A")),
        held_by: HeldBy::Ordinary,
    };
    let devolved = in_wales().with(&renamed(COUNCIL.registered().and("2022-01-02", known)));
    directing(devolved, satisfied_that(COUNCIL, Duty::Consult)).must("A-18.4", Some("18(4)"));
    let governor = setting().with(&renamed(PRISON.held_by(HeldBy::GovernorOfPrisonYoiOrStc)));
    directing(governor, satisfied_that(PRISON, Duty::CarryOutActions))
        .must("R-129.2", Some("18(5)"));
}
