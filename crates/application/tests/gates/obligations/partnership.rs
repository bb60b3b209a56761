//! The partnership itself: its area, its members, who leads it and through what it works.

use dutyledger_domain::obligations::Status;
use dutyledger_domain::streams::Partnership;
use dutyledger_domain::streams::partnership::{
    LeadNamed, MemberLeft, MemberSucceeded, PartnershipEvent as E, RouteChosen,
};
use dutyledger_domain::{Bases, Capacity, MemberStanding, Route};

use super::{row, used, working};
use crate::given::*;

fn led(partnership: Past<Partnership>) -> Past<Partnership> {
    let authority = POLICE.id();
    partnership.and("2023-02-01", LeadNamed { authority })
}

fn through(partnership: Past<Partnership>, route: Route) -> Past<Partnership> {
    let detail = None;
    partnership.and("2023-02-01", RouteChosen { detail, route })
}

#[test]
fn r_10_1_authorities_collaborate_from_the_day_the_partnership_is_formed() {
    let begun = proposed(&[town_id()], &SPECIFIED);
    row("R-10.1", &working(&begun))
        .stands(Status::Due)
        .shown_by(&[]);
    let formed = partnership();
    row("R-10.1", &working(&formed))
        .stands(Status::Satisfied)
        .shown_by(&formed.named(&["PartnershipFormed"]));
}

#[test]
fn r_11_1_an_existing_structure_should_be_used_where_it_would_do() {
    let begun = partnership();
    row("R-11.1", &working(&begun))
        .stands(Status::Satisfied)
        .shown_by(&begun.named(&["PartnershipProposed"]));
    let anew = through(partnership(), Route::NewStructure);
    row("R-11.1", &working(&anew))
        .stands(Status::Due)
        .because("Nothing requires an existing one")
        .shown_by(&anew.named(&["PartnershipProposed", "RouteChosen"]));
    let voluntary = through(partnership(), Route::Voluntary);
    row("R-11.1", &working(&voluntary)).stands(Status::Due);
}

#[test]
fn r_17_1_who_leads_and_through_what_should_be_decided() {
    let leaderless = partnership();
    row("R-17.1", &working(&leaderless))
        .stands(Status::Due)
        .because("Who leads")
        .shown_by(&leaderless.named(&["PartnershipFormed"]));
    let undecided = led(proposed(&[town_id()], &SPECIFIED));
    row("R-17.1", &working(&undecided))
        .stands(Status::Due)
        .because("structure")
        .shown_by(&undecided.named(&["LeadNamed"]));
    let decided = through(led(partnership()), Route::HealthAndWellbeingBoard);
    row("R-17.1", &working(&decided))
        .stands(Status::Satisfied)
        .shown_by(&decided.named(&["PartnershipFormed", "LeadNamed", "RouteChosen"]));
}

#[test]
fn r_19_3_a_school_that_asks_in_is_collaborated_with() {
    row("R-19.3", &setting())
        .stands(Status::NotApplicable)
        .because("asks to take part");
    let prison = partnership().joined_by("2023-03-01", PRISON, MemberStanding::Relevant);
    row("R-19.3", &working(&prison)).stands(Status::NotApplicable);
    let school = partnership().joined_by("2023-03-01", SCHOOL, MemberStanding::Relevant);
    row("R-19.3", &working(&school))
        .stands(Status::Satisfied)
        .shown_by(&[school.last()]);
}

/// Once it has left, it takes part no more.
#[track_caller]
fn left(id: &str, body: Body) {
    let joined = partnership().joined_by("2023-03-01", body, MemberStanding::Relevant);
    let left = joined.and(
        "2023-06-01",
        MemberLeft {
            authority: body.id(),
        },
    );
    row(id, &working(&left))
        .on("2023-05-31")
        .stands(Status::Satisfied);
    row(id, &working(&left))
        .on("2023-06-01")
        .stands(Status::NotApplicable)
        .shown_by(&[]);
    let again = left.joined_by("2023-07-01", body, MemberStanding::Relevant);
    row(id, &working(&again)).stands(Status::Satisfied);
}

#[test]
fn r_19_3_and_r_20_3_are_about_who_takes_part_now() {
    left("R-19.3", SCHOOL);
    left("R-20.3", PRISON);
}

#[test]
fn r_20_3_a_prison_or_secure_home_that_asks_in_is_collaborated_with() {
    let school = partnership().joined_by("2023-03-01", SCHOOL, MemberStanding::Relevant);
    row("R-20.3", &working(&school))
        .stands(Status::NotApplicable)
        .because("asks to take part");
    for body in [PRISON, SECURE_HOME] {
        let joined = partnership().joined_by("2023-03-01", body, MemberStanding::Relevant);
        row("R-20.3", &working(&joined))
            .stands(Status::Satisfied)
            .shown_by(&[joined.last()]);
    }
}

#[test]
fn r_26_1_the_partnership_is_for_at_least_one_area() {
    let none = partnership().without(|e| matches!(e, E::PartnershipAreaSet(_)));
    row("R-26.1", &working(&none))
        .stands(Status::Due)
        .shown_by(&[]);
    let set = partnership();
    row("R-26.1", &working(&set))
        .stands(Status::Satisfied)
        .shown_by(&set.named(&["PartnershipAreaSet"]));
}

#[test]
fn r_s2_2_authorities_choose_how_wide_their_partnership_reaches() {
    let none = partnership().without(|e| matches!(e, E::PartnershipAreaSet(_)));
    let set = partnership_of_both();
    let by = set.named(&["PartnershipAreaSet"]);
    used("R-S2.2", &working(&none), &working(&set), &by);
}

#[test]
fn r_109_1_the_youth_offending_team_takes_part_in_its_own_right() {
    row("R-109.1", &setting())
        .stands(Status::Due)
        .because("1 of the partnership's areas");
    let one = setting_having(YOUTH_OFFENDING_TEAM);
    row("R-109.1", &one).stands(Status::Satisfied).shown_by(&[]);
    let of_two = one.with(&partnership_of_both());
    row("R-109.1", &of_two)
        .stands(Status::Due)
        .because("1 of the partnership's areas");
}

#[test]
fn a_8_6_others_may_be_invited_under_section_8() {
    invites("A-8.6", SECTION_8, SECTION_9);
}

/// Others were invited while a strategy was made under these, and not under others.
fn invites(id: &str, under: Bases, not_under: Bases) {
    let school = partnership().joined_by("2023-03-01", SCHOOL, MemberStanding::Relevant);
    let invited = partnership().joined_by("2023-03-01", CHARITY, MemberStanding::Invited);
    let making =
        |bases, past: &Past<Partnership>| working(past).with(&strategy_under(bases, &SPECIFIED));
    let used_by = [invited.last()];
    used(
        id,
        &making(under, &school),
        &making(under, &invited),
        &used_by,
    );
    used(
        id,
        &making(not_under, &invited),
        &making(BOTH_SECTIONS, &invited),
        &used_by,
    );
    row(id, &working(&invited)).stands(Status::NotUsed);
}

#[test]
fn a_9_6_others_may_be_invited_under_section_9() {
    invites("A-9.6", SECTION_9, SECTION_8);
}

#[test]
fn r_s2_3_members_are_offices_and_never_persons() {
    let nobody = proposed(&[town_id()], &[]);
    row("R-S2.3", &working(&nobody))
        .stands(Status::DoesNotApply)
        .shown_by(&[]);
    let members = partnership();
    row("R-S2.3", &working(&members))
        .stands(Status::Applies)
        .shown_by(&members.named(&["MemberRecognised"]));
}

#[test]
fn a_11_6_each_specified_authority_is_recognised_as_the_member_it_is() {
    let without_fire = partnership_for(&[town_id()], &[POLICE, COUNCIL]);
    let unrecognised = working(&without_fire);
    row("A-11.6", &unrecognised)
        .of(FIRE)
        .stands(Status::Due)
        .shown_by(&[]);
    let of_police = |e: &E| matches!(e, E::MemberRecognised(e) if e.authority == POLICE.id());
    row("A-11.6", &unrecognised)
        .of(POLICE)
        .stands(Status::Satisfied)
        .shown_by(&without_fire.those(of_police));
    let joined = without_fire.joined_by("2023-03-01", FIRE, MemberStanding::Specified);
    row("A-11.6", &working(&joined))
        .of(FIRE)
        .stands(Status::Satisfied)
        .shown_by(&[joined.last()]);
    // What left is still a member by law.
    let authority = FIRE.id();
    let left = joined.and_so("2023-04-01", MemberLeft { authority }, past_fact);
    row("A-11.6", &working(&left)).of(FIRE).stands(Status::Due);
}

#[test]
fn a_11_6_a_successor_is_recognised_by_the_succession() {
    let succeeded = partnership().and(
        "2023-04-01",
        MemberSucceeded {
            authority: FIRE.id(),
            capacity: Capacity::FireAndRescueAuthority,
            successor: NEXT_COUNCIL.id(),
        },
    );
    let setting = working(&succeeded);
    let asked = row("A-11.6", &setting).of(NEXT_COUNCIL);
    asked
        .stands(Status::Satisfied)
        .shown_by(&[succeeded.last()]);
    assert!(
        asked
            .all()
            .iter()
            .all(|one| one.authority != Some(FIRE.id()))
    );
}
