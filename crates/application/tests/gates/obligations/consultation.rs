//! Who is consulted and engaged in preparing a strategy.

use dutyledger_domain::EngagedGroup;
use dutyledger_domain::obligations::Status;
use dutyledger_domain::streams::Strategy;
use dutyledger_domain::streams::strategy::{
    ConsultationClosed, EngagementHeld, StrategyEvent as E,
};

use super::{having, prepares, row, used};
use crate::given::*;

fn consulting(event: &E, body: Body) -> bool {
    matches!(event, E::AuthorityConsulted(e) if e.authority == body.id())
}

fn without(body: Body) -> Past<Strategy> {
    strategy().without(|event| consulting(event, body))
}

fn engaging(group: EngagedGroup) -> impl Fn(&E) -> bool {
    move |event| matches!(event, E::EngagementHeld(e) if e.group == group)
}

/// The second version, begun after the first was adopted.
fn revised() -> Past<Strategy> {
    strategy()
        .adopted("2024-01-01", 1)
        .revision("2024-02-01", 2)
}

#[test]
fn r_10_6_each_relevant_authority_is_consulted_in_preparing_a_strategy() {
    let by = ["ConsultationOpened", "AuthorityConsulted"];
    prepares("R-10.6", &without(SCHOOL), &strategy(), &by);
    let closed = strategy().and("2022-07-01", ConsultationClosed { version: 1 });
    let by = [&by[..], &["ConsultationClosed"]].concat();
    row("R-10.6", &having(&closed))
        .stands(Status::Satisfied)
        .shown_by(&closed.named(&by));
    let under_9 = having(&strategy_under(SECTION_9, &SPECIFIED));
    row("R-10.6", &under_9)
        .stands(Status::NotYetDue)
        .because("s.8");
}

#[test]
fn r_10_6_a_school_that_appears_after_the_adoption_does_not_undo_it() {
    let adopted = having(&strategy().adopted("2023-03-01", 1));
    let later = adopted
        .clone()
        .with(&town().having(NEW_SCHOOL, "2023-09-01"));
    row("R-10.6", &later).stands(Status::Satisfied);
    let before = adopted.with(&town().having(NEW_SCHOOL, "2023-02-01"));
    let stands = row("R-10.6", &before).stands(Status::Due);
    assert!(stands.0.next.unwrap().contains("revised version"));
}

#[test]
fn r_10_6_a_revised_version_is_consulted_on_again() {
    row("R-10.6", &having(&revised()))
        .stands(Status::Due)
        .shown_by(&[]);
    let again = revised().prepared("2024-02-02", 2);
    let opened = |e: &E| matches!(e, E::ConsultationOpened(e) if e.version == 2);
    let second = |e: &E| opened(e) || matches!(e, E::AuthorityConsulted(e) if e.version == 2);
    row("R-10.6", &having(&again))
        .stands(Status::Satisfied)
        .shown_by(&again.those(second));
}

#[test]
fn r_30b_4_no_school_prison_or_secure_setting_is_left_out() {
    for body in RELEVANT {
        prepares(
            "R-30b.4",
            &without(body),
            &strategy(),
            &["AuthorityConsulted"],
        );
    }
    let under_9 = strategy_under(SECTION_9, &SPECIFIED);
    let police = under_9.clone().consulting("2023-02-01", 1, POLICE);
    row("R-30b.4", &having(&police))
        .stands(Status::Satisfied)
        .shown_by(&under_9.named(&["AuthorityConsulted"]));
    let missing = under_9.without(|event| consulting(event, SCHOOL));
    row("R-30b.4", &having(&missing)).stands(Status::Due);
    row("R-30b.4", &having(&revised()))
        .stands(Status::Due)
        .shown_by(&[]);
}

#[test]
fn r_81_1_each_prison_is_consulted() {
    let of_prison = |event: &E| consulting(event, PRISON);
    row("R-81.1", &setting()).stands(Status::NotYetDue);
    row("R-81.1", &having(&without(PRISON)))
        .stands(Status::Due)
        .because("1 of 1")
        .shown_by(&[]);
    row("R-81.1", &having(&without(SCHOOL)))
        .stands(Status::Satisfied)
        .shown_by(&without(SCHOOL).those(of_prison));
    let no_prison = having(&strategy()).with(&town().losing(PRISON, "2023-06-01"));
    row("R-81.1", &no_prison).stands(Status::NotApplicable);
}

#[test]
fn a_8_11_a_revised_version_is_prepared_all_anew() {
    row("A-8.11", &having(&strategy()))
        .stands(Status::NotApplicable)
        .because("No revised version");
    row("A-8.11", &having(&revised()))
        .stands(Status::Due)
        .shown_by(&revised().named(&["RevisionStarted"]));
    let again = revised().prepared("2024-02-02", 2);
    let second = |e: &E| matches!(e, E::AuthorityConsulted(e) if e.version == 2);
    row("A-8.11", &having(&again))
        .stands(Status::Satisfied)
        .shown_by(&again.those(|e| matches!(e, E::RevisionStarted(_)) || second(e)));
}

/// A strategy under s.9 that the fire service did not join.
fn without_fire() -> (Setting, Past<Strategy>) {
    let makers = [POLICE, COUNCIL];
    let setting = setting().with(&partnership_for(&[town_id()], &makers));
    (setting, strategy_under(SECTION_9, &makers))
}

#[test]
fn a_9_4a_under_section_9_every_other_specified_authority_is_consulted() {
    row("A-9.4a", &having(&strategy()))
        .stands(Status::NotApplicable)
        .because("s.9");
    let (setting, past) = without_fire();
    row("A-9.4a", &setting.clone().with(&past))
        .stands(Status::Due)
        .shown_by(&[]);
    let consulted = past.consulting("2023-02-01", 1, FIRE);
    row("A-9.4a", &setting.clone().with(&consulted))
        .stands(Status::Satisfied)
        .shown_by(&[consulted.last()]);
    // Whoever of them is consulted shows it; a relevant authority does not.
    for body in [
        POLICE,
        COUNCIL,
        PROBATION,
        YOUTH_OFFENDING_TEAM,
        INTEGRATED_CARE_BOARD,
        LOCAL_HEALTH_BOARD,
        NEW_SCHOOL,
    ] {
        let another = consulted.clone().consulting("2023-02-02", 1, body);
        let shown: &[_] = if body == NEW_SCHOOL {
            &[consulted.last()]
        } else {
            &[consulted.last(), another.last()]
        };
        row("A-9.4a", &setting.clone().with(&another))
            .stands(Status::Satisfied)
            .shown_by(shown);
    }
    let the_police_alone = partnership_for(&[town_id()], &[POLICE]);
    row("A-9.4a", &setting.with(&the_police_alone).with(&consulted))
        .stands(Status::Due)
        .because("1 other specified authority")
        .shown_by(&[consulted.last()]);
}

#[test]
fn a_9_4b_under_section_9_each_relevant_authority_is_consulted() {
    row("A-9.4b", &having(&strategy()))
        .stands(Status::NotApplicable)
        .because("s.9");
    let (setting, past) = without_fire();
    let missing = past.clone().without(|event| consulting(event, PRISON));
    row("A-9.4b", &setting.clone().with(&missing))
        .stands(Status::Due)
        .shown_by(&missing.named(&["AuthorityConsulted"]));
    let shown = past.named(&["AuthorityConsulted"]);
    let both = strategy_under(BOTH_SECTIONS, &SPECIFIED);
    let missing = both.clone().without(|event| consulting(event, PRISON));
    row("A-9.4b", &having(&missing)).stands(Status::Due);
    let revised = both.adopted("2024-01-01", 1).revision("2024-02-01", 2);
    row("A-9.4b", &having(&revised))
        .stands(Status::Due)
        .shown_by(&[]);
    let with_fire = past.consulting("2023-02-01", 1, FIRE);
    row("A-9.4b", &setting.with(&with_fire))
        .stands(Status::Satisfied)
        .shown_by(&shown);
}

#[test]
fn r_45_1_the_voluntary_sector_and_young_people_are_heard() {
    for group in [EngagedGroup::VoluntarySector, EngagedGroup::YoungPeople] {
        let without = strategy().without(engaging(group));
        prepares("R-45.1", &without, &strategy(), &["EngagementHeld"]);
    }
}

#[test]
fn r_69_2_good_relations_with_voluntary_groups_show_where_they_are_engaged() {
    let sector = engaging(EngagedGroup::VoluntarySector);
    let without = strategy().without(&sector);
    row("R-69.2", &having(&without))
        .stands(Status::Due)
        .shown_by(&[]);
    row("R-69.2", &having(&strategy()))
        .stands(Status::Satisfied)
        .shown_by(&strategy().those(&sector));
}

#[test]
fn r_68_1_voluntary_groups_may_be_drawn_in() {
    let sector = engaging(EngagedGroup::VoluntarySector);
    let without = strategy().without(&sector);
    let by = strategy().those(&sector);
    used("R-68.1", &having(&without), &having(&strategy()), &by);
    // On whichever version.
    let again = revised().and(
        "2024-02-02",
        EngagementHeld {
            group: EngagedGroup::VoluntarySector,
            version: 2,
        },
    );
    let both = again.those(&sector);
    assert_eq!(both.len(), 2);
    row("R-68.1", &having(&again))
        .stands(Status::Used)
        .shown_by(&both);
}

#[test]
fn r_73_1_young_people_are_heard_on_the_version_being_prepared() {
    let young = engaging(EngagedGroup::YoungPeople);
    row("R-73.1", &setting()).stands(Status::NotYetDue);
    row("R-73.1", &having(&strategy().without(&young)))
        .stands(Status::Due)
        .shown_by(&[]);
    row("R-73.1", &having(&strategy()))
        .stands(Status::Satisfied)
        .shown_by(&strategy().those(&young));
    row("R-73.1", &having(&revised())).stands(Status::Due);
}
