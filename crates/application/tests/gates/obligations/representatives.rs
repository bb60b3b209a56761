//! The posts that represent authorities.

use dutyledger_domain::MemberStanding;
use dutyledger_domain::obligations::Status;
use dutyledger_domain::streams::partnership::{
    MemberSucceeded, PartnershipEvent as E, RepresentativeEnded,
};

use super::{row, working};
use crate::given::*;

/// Each authority of a kind is represented by a post still held: how it stands before, while, and
/// when the post has ended. No other authority's post counts for it.
#[track_caller]
fn represented(id: &str, body: Body, without: Status, with: Status) {
    let setting = setting_having(body);
    let unrepresented = setting
        .clone()
        .with(&partnership().representing("2023-02-15", CHARITY));
    row(id, &unrepresented)
        .of(body)
        .stands(without)
        .shown_by(&[]);
    let named = partnership().representing("2023-02-15", body);
    let represented = setting.clone().with(&named);
    row(id, &represented)
        .of(body)
        .stands(with)
        .shown_by(&[named.last()]);
    let representative = representative(body);
    let ended = named.and("2023-09-01", RepresentativeEnded { representative });
    row(id, &setting.with(&ended))
        .of(body)
        .stands(without)
        .shown_by(&[]);
}

#[track_caller]
fn should_be_represented(id: &str, body: Body) {
    represented(id, body, Status::Due, Status::Satisfied);
}

/// A duty of an authority itself: it takes part in the partnership, and the partnership is formed.
/// The post that represents it shows nothing of that.
#[track_caller]
fn takes_part(id: &str, body: Body) {
    let having = setting_having(body);
    let without = partnership_for(&[town_id()], &[POLICE, COUNCIL]);
    let represented = without.clone().representing("2023-02-15", body);
    row(id, &having.clone().with(&represented))
        .of(body)
        .stands(Status::Due)
        .because("does not show that it takes part")
        .shown_by(&[]);
    let proposed = proposed(&[town_id()], &[body]);
    row(id, &having.clone().with(&proposed))
        .of(body)
        .stands(Status::Due)
        .because("not formed")
        .shown_by(&proposed.named(&["MemberRecognised"]));
    let joined = without.joined_by("2023-02-15", body, MemberStanding::Specified);
    row(id, &having.clone().with(&joined))
        .of(body)
        .stands(Status::Satisfied)
        .shown_by(&[joined.named(&["PartnershipFormed"])[0], joined.last()]);
    let ended = MemberSucceeded {
        authority: body.id(),
        capacity: body.capacity,
        successor: NEXT_COUNCIL.id(),
    };
    let succeeded = joined.and("2023-04-01", ended);
    row(id, &having.with(&succeeded))
        .of(NEXT_COUNCIL)
        .stands(Status::Satisfied)
        .shown_by(&[succeeded.named(&["PartnershipFormed"])[0], succeeded.last()]);
}

#[test]
fn r_19_6_a_strategic_education_representative_should_be_named() {
    let none = partnership().without(|e| matches!(e, E::RepresentativeNamed(_)));
    let of_another = none.representing("2023-02-15", SCHOOL);
    row("R-19.6", &working(&of_another))
        .stands(Status::Due)
        .shown_by(&[]);
    let named = partnership();
    row("R-19.6", &working(&named))
        .stands(Status::Satisfied)
        .shown_by(&named.named(&["RepresentativeNamed"]));
    let representative = item("education representative");
    let ended = named.and("2023-02-15", RepresentativeEnded { representative });
    row("R-19.6", &working(&ended))
        .on("2023-02-14")
        .stands(Status::Satisfied);
    row("R-19.6", &working(&ended))
        .on("2023-02-15")
        .stands(Status::Due);
}

#[test]
fn r_78_1_the_chief_officer_should_be_represented() {
    should_be_represented("R-78.1", POLICE);
}

#[test]
fn r_93_1_a_youth_offending_team_takes_part_in_the_duty_whoever_represents_it() {
    row("R-93.1", &setting())
        .stands(Status::NotApplicable)
        .because("No authority of this kind");
    takes_part("R-93.1", YOUTH_OFFENDING_TEAM);
}

#[test]
fn r_96_1_probation_should_be_represented() {
    row("R-96.1", &setting()).stands(Status::NotApplicable);
    should_be_represented("R-96.1", PROBATION);
}

#[test]
fn r_100_1_a_health_board_should_be_represented() {
    row("R-100.1", &setting()).stands(Status::NotApplicable);
    should_be_represented("R-100.1", INTEGRATED_CARE_BOARD);
    should_be_represented("R-100.1", LOCAL_HEALTH_BOARD);
}

#[test]
fn r_101_1_each_health_body_takes_part_in_the_duty_whoever_represents_it() {
    row("R-101.1", &setting()).stands(Status::NotApplicable);
    takes_part("R-101.1", INTEGRATED_CARE_BOARD);
    takes_part("R-101.1", LOCAL_HEALTH_BOARD);
}

#[test]
fn r_104_1_each_council_should_be_represented() {
    let both = setting().with(&partnership_of_both());
    row("R-104.1", &both).of(NEXT_COUNCIL).stands(Status::Due);
    let named = partnership_of_both().representing("2023-02-15", NEXT_COUNCIL);
    let one = setting().with(&named);
    row("R-104.1", &one)
        .of(NEXT_COUNCIL)
        .stands(Status::Satisfied)
        .shown_by(&[named.last()]);
    row("R-104.1", &one)
        .of(COUNCIL)
        .stands(Status::Satisfied)
        .shown_by(&[named.named(&["RepresentativeNamed"])[0]]);
}

#[test]
fn r_120_1_a_fire_and_rescue_authority_takes_part_itself_whoever_represents_it() {
    takes_part("R-120.1", FIRE);
}
