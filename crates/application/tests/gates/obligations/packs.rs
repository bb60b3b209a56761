//! What a pack as a whole says: facts, what is not recorded yet, when it is in force, and whose a
//! row is.

use dutyledger_domain::Duty;
use dutyledger_domain::obligations::{Obligation, Status, obligations, of_authority};
use dutyledger_domain::rules::{DRAFT, LegalStatus, Mode, enacted, newest};

use super::{having, row};
use crate::given::*;

fn adopted() -> Setting {
    having(&strategy().adopted("2023-03-01", 1))
}

/// Every row of the enacted pack.
fn all(setting: &Setting, on: &str) -> Vec<Obligation> {
    obligations(partnership_id(), &setting.histories, enacted().0, day(on))
}

fn drafts(setting: &Setting, on: &str) -> Vec<Obligation> {
    let draft = newest(DRAFT).unwrap().0;
    obligations(partnership_id(), &setting.histories, draft, day(on))
}

/// What one body has to do on a date.
fn of(body: Body, setting: &Setting, on: &str) -> Vec<Obligation> {
    let (whose, on_day) = ((body.id(), body.capacity), day(on));
    of_authority(
        all(setting, on),
        partnership_id(),
        whose,
        &setting.histories,
        on_day,
    )
}

fn ids(found: &[Obligation]) -> Vec<&str> {
    found.iter().map(|one| one.rule.as_str()).collect()
}

#[test]
fn a_fact_has_no_status() {
    for fact in ["R-16.1", "R-22.1", "A-13.3"] {
        let stands = row(fact, &adopted()).stands(Status::Fact).undated();
        assert_eq!(stands.shown_by(&[]).0.next, None);
    }
}

#[test]
fn a_power_is_used_or_not_and_a_duty_never() {
    let said = |mode| -> &[Status] {
        match mode {
            Mode::May => &[Status::Used, Status::NotUsed],
            Mode::Excluded => &[Status::Applies, Status::DoesNotApply],
            Mode::Fact => &[Status::Fact],
            Mode::Must | Mode::Should | Mode::Encouraged => &[
                Status::Overdue,
                Status::Due,
                Status::NotYetDue,
                Status::Excepted,
                Status::Satisfied,
            ],
        }
    };
    let directed = adopted().with(&directed(COUNCIL, Duty::Consult));
    let settings = [setting(), having(&strategy()), adopted(), directed];
    for setting in &settings {
        for one in all(setting, DECIDED_ON)
            .into_iter()
            .chain(drafts(setting, DECIDED_ON))
        {
            let whatever = matches!(
                one.status,
                Status::NotApplicable | Status::NotKnown | Status::NotRecordedYet
            );
            let fits = whatever || said(one.mode).contains(&one.status);
            assert!(fits, "{one:#?}");
        }
    }
}

#[test]
fn what_is_not_recorded_here_yet_says_so_and_is_never_owed() {
    for id in ["R-18.2", "R-58.3", "R-19.2", "R-35.1"] {
        for on in ["2023-01-31", "2024-02-01", TODAY] {
            let stands = row(id, &adopted()).on(on).stands(Status::NotRecordedYet);
            stands
                .undated()
                .because("says nothing about whether")
                .shown_by(&[]);
        }
    }
}

#[test]
fn nothing_of_the_enacted_pack_is_owed_before_it_is_in_force() {
    let ready = having(&strategy());
    for one in all(&ready, "2023-01-30") {
        // Section 13, which only says what violence is, came into force in April 2022.
        if FROM_APRIL_2022.contains(&one.rule.as_str()) {
            continue;
        }
        let nothing = matches!(one.status, Status::NotApplicable | Status::Fact);
        assert!(
            nothing && one.next.is_none() && one.due.is_none(),
            "{one:#?}"
        );
    }
    row("R-10.4", &ready)
        .on("2023-01-30")
        .stands(Status::NotApplicable);
    row("R-10.4", &ready)
        .on("2023-01-31")
        .stands(Status::NotYetDue);
}

/// The rows that rest on s.13 alone.
const FROM_APRIL_2022: [&str; 4] = ["A-13.3", "R-22.1", "R-22.2", "R-25.1"];

#[test]
fn a_13_3_violence_is_defined_from_28_april_2022() {
    let statuses = [
        Status::Fact,
        Status::Fact,
        Status::NotRecordedYet,
        Status::NotUsed,
    ];
    for (id, status) in FROM_APRIL_2022.into_iter().zip(statuses) {
        row(id, &setting())
            .on("2022-04-27")
            .stands(Status::NotApplicable);
        row(id, &setting()).on("2022-04-28").stands(status);
    }
    let early: Vec<_> = enacted()
        .0
        .rows
        .iter()
        .filter(|row| row.in_force_from.is_some())
        .map(|row| row.id.as_str().to_owned())
        .collect();
    assert_eq!(early, ["R-22.1", "R-22.2", "R-25.1", "A-13.3"]);
    // Nothing else of the Act rests on it alone.
    for row in enacted().0.rows.iter().filter(|row| {
        let section = row.section.as_deref();
        section.is_some_and(|section| section.starts_with("13(") && !section.contains(", "))
    }) {
        assert!(FROM_APRIL_2022.contains(&row.id.as_str()), "{}", row.id);
    }
}

#[test]
fn there_is_nothing_to_say_of_a_partnership_before_it_is_there() {
    assert_eq!(all(&setting(), "2022-01-31"), []);
    assert_ne!(all(&setting(), "2022-02-01"), []);
}

#[test]
fn the_draft_answers_on_any_date_and_was_never_in_force() {
    let prepared = having(&strategy());
    for on in ["2022-05-03", "2023-01-30", DECIDED_ON, TODAY] {
        let stands = row("R-10.4", &prepared)
            .in_the_draft()
            .on(on)
            .stands(Status::Due);
        assert_eq!(stands.undated().0.in_law, Some(LegalStatus::NeverInForce));
        for one in drafts(&adopted(), on) {
            assert_ne!(one.status, Status::Overdue, "{one:#?}");
            assert!(one.section.is_none() && one.rule.as_str().starts_with("R-"));
        }
    }
    let late = row("R-42.1", &adopted())
        .in_the_draft()
        .on("2024-03-02")
        .stands(Status::Due);
    late.because("never in force");
}

#[test]
fn the_draft_does_not_say_that_a_revised_version_is_consulted_on_again() {
    let revised = strategy()
        .adopted("2023-03-01", 1)
        .revision("2024-02-01", 2);
    row("R-10.6", &having(&revised)).stands(Status::Due);
    let setting = having(&revised);
    row("R-10.6", &setting)
        .in_the_draft()
        .stands(Status::Satisfied);
}

#[test]
fn what_only_the_draft_says_is_marked_in_the_enacted_pack() {
    let stands = row("R-78.1", &setting()).of(POLICE).stands(Status::Due);
    assert_eq!(stands.0.in_law, Some(LegalStatus::DraftOnly));
    let act = row("R-10.2", &setting()).stands(Status::NotYetDue);
    assert_eq!(act.0.in_law, Some(LegalStatus::InForce));
}

#[test]
fn of_an_authority_are_the_rows_about_its_office_and_of_each_ones_own_its_own() {
    let police = of(POLICE, &adopted(), DECIDED_ON);
    let of_police = ids(&police);
    for id in ["R-10.2", "R-78.1", "A-11.6", "R-17.1"] {
        assert_eq!(
            of_police.iter().filter(|found| **found == id).count(),
            1,
            "{id}"
        );
    }
    for id in ["R-19.4", "R-104.1", "R-129.1", "R-56.2"] {
        assert!(!of_police.contains(&id), "{id} is not about the police");
    }
}

#[test]
fn what_a_partnership_should_do_is_among_what_each_of_those_who_make_it_up_has_to_do() {
    let drafted = having(&drafted(SECTION_8));
    let ids_of = |body: Body| {
        let of_it = of(body, &drafted, DECIDED_ON);
        let due = of_it.iter().filter(|one| one.status == Status::Due);
        due.map(|one| one.rule.to_string()).collect::<Vec<_>>()
    };
    for id in ["R-14.1", "R-30a.1", "R-69.2", "R-73.1"] {
        for body in SPECIFIED {
            assert!(
                ids_of(body).iter().any(|found| found == id),
                "{id}: {body:?}"
            );
        }
        for body in [SCHOOL, POLICING_BODY] {
            assert!(
                !ids_of(body).iter().any(|found| found == id),
                "{id}: {body:?}"
            );
        }
    }
}

#[test]
fn a_row_that_the_record_answers_in_part_says_what_is_left_out() {
    for id in ["R-20.4", "R-89.1"] {
        let touching = strategy().touching("2022-05-04", SECURE_HOME);
        let adopted = having(&touching.adopted("2023-03-01", 1));
        row(id, &adopted)
            .of(SECURE_HOME)
            .stands(Status::Due)
            .because("cannot be recorded here yet");
    }
    row("R-81.1", &adopted())
        .stands(Status::Satisfied)
        .because("whether a prison collaborates when required");
    row("R-S2.1", &adopted())
        .stands(Status::Due)
        .because("R-10.5");
}

#[test]
fn what_has_ended_or_was_succeeded_owes_nothing_more_to_the_partnership() {
    let gone = having(&drafted(SECTION_8)).with(&town().losing(COUNCIL, "2023-12-31"));
    let before = of(COUNCIL, &gone, "2023-12-31");
    let owes = |id: &str, found: &[Obligation]| found.iter().any(|one| one.rule.as_str() == id);
    for id in ["R-14.1", "R-104.1"] {
        assert!(owes(id, &before), "{id}");
        assert!(!owes(id, &of(COUNCIL, &gone, "2024-01-01")), "{id}");
    }
}

#[test]
fn a_school_that_is_no_member_has_what_a_strategy_sets_for_it() {
    let adopted = adopted();
    let school = of(SCHOOL, &adopted, DECIDED_ON);
    let owes: Vec<_> = school
        .iter()
        .filter(|one| one.status == Status::Due)
        .collect();
    assert!(owes.iter().all(|one| one.authority == Some(SCHOOL.id())));
    let owes: Vec<_> = owes.iter().map(|one| one.rule.as_str()).collect();
    assert_eq!(owes, ["R-19.4", "R-113.1"]);
    assert!(
        !ids(&school).contains(&"R-10.6"),
        "consulting is for others"
    );
    let another = of(NEW_SCHOOL, &adopted, DECIDED_ON);
    assert!(!ids(&another).contains(&"R-19.4"), "no action touches it");
}

#[test]
fn what_a_strategy_under_s_9_alone_asks_is_asked_of_those_who_make_it() {
    let makers = [POLICE, COUNCIL];
    let of_them = strategy_under(SECTION_9, &makers).adopted("2023-03-01", 1);
    let setting = having(&of_them).with(&partnership_for(&[town_id()], &makers));
    let asked = |body| {
        let found = of(body, &setting, DECIDED_ON);
        ids(&found).contains(&"A-9.8a")
    };
    assert!(asked(POLICE) && asked(COUNCIL));
    assert!(!asked(FIRE), "it is consulted on it, and no more");
    // Under s.8 it is everybody's (s.11).
    let of_all = strategy().adopted("2023-03-01", 1);
    let setting = having(&of_all).with(&partnership_for(&[town_id()], &makers));
    assert!(ids(&of(FIRE, &setting, DECIDED_ON)).contains(&"A-8.7a"));
}
