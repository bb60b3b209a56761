//! Forming a partnership, and who is a member of it (ss.8, 11, 15(3)).

use dutyledger_domain::streams::Partnership;
use dutyledger_domain::streams::partnership::{
    FormPartnership, LeavePartnership, MemberRecognised, PartnershipEvent as E,
    PartnershipPositionRecorded, RecogniseMember,
};
use dutyledger_domain::streams::strategy::{AdoptVersion, StrategyEvent};
use dutyledger_domain::{Matter, MemberStanding, Position, RefusalCode};
use dutyledger_record::Principal;

use crate::given::*;

fn recognising(by: Principal, body: Body) -> When<Partnership> {
    let command = RecogniseMember {
        authority: body.id(),
    };
    given(partnership_for(&[town_id()], &[POLICE]), setting()).when(by, command)
}

fn recognised_as(when: &When<Partnership>) -> MemberStanding {
    match when.accepted().remove(0).payload {
        E::MemberRecognised(MemberRecognised { standing, .. }) => standing,
        other => panic!("{other:?}"),
    }
}

fn leaving(past: Past<Partnership>, body: Body) -> When<Partnership> {
    given(past, setting()).when(
        body.key(),
        LeavePartnership {
            authority: body.id(),
        },
    )
}

#[test]
fn r_26_1_a_partnership_without_an_area_is_not_formed() {
    let agrees = |body: Body| PartnershipPositionRecorded {
        authority: body.id(),
        on_matter: Matter::Formation,
        position: Position::Agree,
        reason: None,
    };
    let forming = |past: Past<Partnership>| {
        let past = past.and("2024-02-01", agrees(POLICE));
        given(past, setting()).when(POLICE.key(), FormPartnership {})
    };
    // Without an area nobody is a specified authority of it either.
    let refusal =
        forming(proposed(&[], &[POLICE])).refused(RefusalCode::RuleNotMet, &["L-3", "R-26.1"]);
    assert_eq!(refusal.rules[1].section.as_deref(), Some("8(1), 11"));

    let of_the_town = proposed(&[town_id()], &[POLICE])
        .and("2024-02-01", agrees(COUNCIL))
        .and("2024-02-01", agrees(FIRE));
    forming(of_the_town).met();
}

#[test]
fn a_11_6_a_specified_authority_of_the_area_does_not_leave() {
    for body in SPECIFIED {
        leaving(partnership(), body).must("A-11.6", Some("11"));
    }
}

#[test]
fn a_11_6_a_member_that_is_not_one_by_law_may_leave() {
    for (body, standing) in [
        (SCHOOL, MemberStanding::Relevant),
        (CHARITY, MemberStanding::Invited),
    ] {
        let recognised = MemberRecognised {
            authority: body.id(),
            capacity: body.capacity,
            standing,
        };
        leaving(partnership().and("2024-02-01", recognised), body).met();
    }
}

#[test]
fn a_11_6_a_specified_authority_of_another_area_is_not_recognised() {
    recognising(POLICE.key(), NEXT_COUNCIL).must("A-11.6", Some("11"));
    recognising(NEXT_COUNCIL.key(), NEXT_COUNCIL).must("A-11.6", Some("11"));
    assert_eq!(
        recognised_as(&recognising(POLICE.key(), COUNCIL)),
        MemberStanding::Specified
    );
}

#[test]
fn a_11_6_a_specified_authority_is_one_from_the_day_it_is_recorded_for_the_area() {
    let joining = setting().with(&town().having(NEXT_COUNCIL, DECIDED_ON));
    let when = given(partnership(), joining).when(
        POLICE.key(),
        RecogniseMember {
            authority: NEXT_COUNCIL.id(),
        },
    );
    when.clone().on("2024-02-29").must("A-11.6", Some("11"));
    when.met();
}

#[test]
fn r_19_3_a_relevant_authority_of_the_area_that_asks_is_recognised() {
    for body in RELEVANT {
        for by in [POLICE.key(), body.key()] {
            assert_eq!(
                recognised_as(&recognising(by, body)),
                MemberStanding::Relevant
            );
        }
    }
}

#[test]
fn r_19_3_a_relevant_authority_takes_part_in_its_own_area() {
    let asking = || recognising(NEXT_SCHOOL.key(), NEXT_SCHOOL);
    asking().must("R-19.3", Some("15(3)"));
    // The partnership invites whom it likes; that it asked in by right elsewhere is a fact, marked.
    assert_eq!(
        recognised_as(&recognising(POLICE.key(), NEXT_SCHOOL)),
        MemberStanding::Invited
    );
    let told = asking().past_fact(None);
    assert_eq!(recognised_as(&told), MemberStanding::Relevant);
}

#[test]
fn another_body_is_invited_and_does_not_ask_itself_in() {
    for body in [CHARITY, POLICING_BODY] {
        assert_eq!(
            recognised_as(&recognising(POLICE.key(), body)),
            MemberStanding::Invited
        );
        recognising(body.key(), body).refused(RefusalCode::NotPermitted, &["L-2"]);
    }
}

#[test]
fn a_11_6_an_authority_that_is_gone_does_not_hold_up_the_others_for_ever() {
    // No successor, no longer recorded for the area: whether it leaves or simply stops counting,
    // the others can decide without it.
    let setting = setting().with(&town().losing(FIRE, "2024-01-31"));
    let leaving = given(partnership(), setting.clone()).when(
        FIRE.key(),
        LeavePartnership {
            authority: FIRE.id(),
        },
    );
    let setting = match leaving.run() {
        Ok(_) => setting.with(&leaving.done()),
        Err(_) => setting,
    };
    let of_the_others = strategy().without(
        |e| matches!(e, StrategyEvent::StrategyPositionRecorded(e) if e.authority == FIRE.id()),
    );
    given(of_the_others, setting)
        .when(POLICE.key(), AdoptVersion { version: 1 })
        .met();
}

#[test]
fn a_11_6_a_departure_told_of_a_member_by_law_takes_no_voice_from_it() {
    let told = leaving(partnership(), FIRE)
        .on("2024-01-31")
        .past_fact(None)
        .done();
    let of_the_others = strategy().without(
        |e| matches!(e, StrategyEvent::StrategyPositionRecorded(e) if e.authority == FIRE.id()),
    );
    given(of_the_others, setting().with(&told))
        .when(POLICE.key(), AdoptVersion { version: 1 })
        .must("L-3", None);
}
