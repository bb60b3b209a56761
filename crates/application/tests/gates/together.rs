//! L-3: what the specified authorities decide together passes when the rule they chose is met by
//! positions each recorded with its own key.

use dutyledger_domain::streams::partnership::{
    ChooseRoute, DecisionRuleRecorded, DissolvePartnership, FormPartnership, MatterGiven, NameLead,
    PartnershipCommand, PartnershipPositionRecorded, RecordDecisionRule, RecordPartnershipPosition,
    SetAreas,
};
use dutyledger_domain::streams::strategy::{
    AdoptVersion, RecordStrategyPosition, StrategyEvent as E, StrategyPositionRecorded,
};
use dutyledger_domain::streams::{Partnership, Strategy};
use dutyledger_domain::{DecisionRule, Position, RefusalCode, Route};
use dutyledger_record::{Principal, Standing};

use crate::given::*;

const AGREE: Option<Position> = Some(Position::Agree);
const OBJECT: Option<Position> = Some(Position::Object);
const ABSTAIN: Option<Position> = Some(Position::Abstain);
const SILENT: Option<Position> = None;

fn deciding_by(rule: DecisionRule) -> Setting {
    setting().with(&partnership().and("2022-02-04", DecisionRuleRecorded { decide_by: rule }))
}

/// A strategy on which the police, the council and the fire service hold these positions.
fn with_positions(positions: [Option<Position>; 3]) -> Past<Strategy> {
    let nobody = strategy().without(|e| matches!(e, E::StrategyPositionRecorded(_)));
    SPECIFIED
        .iter()
        .zip(positions)
        .fold(nobody, |past, (body, position)| match position {
            Some(position) => past.position("2024-02-01", 1, *body, position),
            None => past,
        })
}

fn adopting(setting: Setting, past: Past<Strategy>) -> When<Strategy> {
    given(past, setting).when(POLICE.key(), AdoptVersion { version: 1 })
}

#[test]
fn l_3_adoption_is_refused_until_the_decision_rule_is_met() {
    use DecisionRule::{AtLeast, Majority, Unanimous};
    for (rule, positions, met) in [
        (Unanimous, [AGREE, AGREE, AGREE], true),
        (Unanimous, [AGREE, AGREE, SILENT], false),
        (Unanimous, [AGREE, AGREE, ABSTAIN], false),
        (Unanimous, [AGREE, AGREE, OBJECT], false),
        (Majority, [AGREE, AGREE, OBJECT], true),
        (Majority, [AGREE, AGREE, SILENT], true),
        (Majority, [AGREE, ABSTAIN, SILENT], false),
        (Majority, [AGREE, ABSTAIN, ABSTAIN], false),
        (AtLeast { count: 1 }, [AGREE, OBJECT, SILENT], true),
        (AtLeast { count: 2 }, [AGREE, AGREE, OBJECT], true),
        (AtLeast { count: 2 }, [AGREE, ABSTAIN, SILENT], false),
        (AtLeast { count: 1 }, [SILENT, SILENT, SILENT], false),
        (AtLeast { count: 1 }, [ABSTAIN, ABSTAIN, ABSTAIN], false),
    ] {
        println!("{rule:?} {positions:?}");
        let when = adopting(deciding_by(rule), with_positions(positions));
        if met {
            when.met();
        } else {
            when.must("L-3", None);
        }
    }
}

#[test]
fn l_3_is_unanimous_where_no_rule_is_recorded() {
    adopting(setting(), with_positions([AGREE, AGREE, SILENT])).must("L-3", None);
    adopting(setting(), with_positions([AGREE, AGREE, AGREE])).met();
}

#[test]
fn l_3_a_reported_position_or_one_recorded_as_a_past_fact_never_counts() {
    let agrees = StrategyPositionRecorded {
        authority: FIRE.id(),
        position: Position::Agree,
        reason: None,
        version: 1,
    };
    let stands: [fn(&mut Standing); 2] = [reported, past_fact];
    for stands in stands {
        let past =
            with_positions([AGREE, AGREE, SILENT]).and_so("2024-02-01", agrees.clone(), stands);
        adopting(setting(), past).must("L-3", None);
    }
}

#[test]
fn l_3_a_report_does_not_take_the_place_of_the_authoritys_own_position() {
    let objects = StrategyPositionRecorded {
        authority: FIRE.id(),
        position: Position::Object,
        reason: None,
        version: 1,
    };
    let past = with_positions([AGREE, AGREE, AGREE]).and_so("2024-02-02", objects, reported);
    adopting(setting(), past).met();
}

#[test]
fn l_3_the_last_position_an_authority_recorded_is_its_position() {
    let changed =
        |from, to| with_positions([AGREE, AGREE, Some(from)]).position("2024-02-02", 1, FIRE, to);
    adopting(setting(), changed(Position::Object, Position::Agree)).met();
    adopting(setting(), changed(Position::Agree, Position::Object)).must("L-3", None);
}

#[test]
fn l_3_a_position_on_one_version_is_none_on_the_next() {
    use dutyledger_domain::streams::strategy::RevisionStarted;
    let past = with_positions([AGREE, AGREE, AGREE])
        .adopted("2024-02-02", 1)
        .and(
            "2024-02-03",
            RevisionStarted {
                from_version: 1,
                version: 2,
            },
        )
        .prepared("2024-02-04", 2);
    given(past, setting())
        .when(POLICE.key(), AdoptVersion { version: 2 })
        .must("L-3", None);
}

#[test]
fn l_3_the_law_makes_a_specified_authority_count_whether_recognised_or_not() {
    let recognised = partnership_for(&[town_id()], &[POLICE, COUNCIL]);
    let setting = setting().with(&recognised);
    adopting(setting.clone(), with_positions([AGREE, AGREE, SILENT])).must("L-3", None);
    adopting(setting, with_positions([AGREE, AGREE, AGREE])).met();
}

#[test]
fn l_3_an_adoption_records_the_rule_and_how_each_authority_stood() {
    let setting = deciding_by(DecisionRule::AtLeast { count: 1 });
    let entries = adopting(setting, with_positions([AGREE, OBJECT, SILENT])).accepted();
    let E::StrategyAdopted(adopted) = &entries[0].payload else {
        panic!("{entries:?}")
    };
    assert_eq!(adopted.decide_by, DecisionRule::AtLeast { count: 1 });
    let tally = adopted.tally.as_ref().unwrap();
    let counts = (tally.agreed, tally.objected, tally.abstained, tally.silent);
    assert_eq!(counts, (1, 1, 0, 1));
}

#[test]
fn l_3_only_those_who_make_the_strategy_have_a_position_on_adopting_it() {
    let position = |body: Body| {
        let command = RecordStrategyPosition {
            version: 1,
            authority: body.id(),
            position: Position::Agree,
            reason: None,
        };
        given(strategy(), setting()).when(body.key(), command)
    };
    SPECIFIED.iter().for_each(|body| position(*body).met());
    for body in [SCHOOL, PRISON, SECURE_HOME, POLICING_BODY, NEXT_COUNCIL] {
        position(body).refused(RefusalCode::NotPermitted, &["L-2"]);
    }
}

/// The matters of a partnership decided together, each with the command it is about.
fn matters() -> Vec<(MatterGiven, PartnershipCommand)> {
    let route = Route::NewStructure;
    let decide_by = DecisionRule::Majority;
    let areas = vec![town_id()];
    vec![
        (MatterGiven::Formation, FormPartnership {}.into()),
        (
            MatterGiven::Lead {
                authority: FIRE.id(),
            },
            NameLead {
                authority: FIRE.id(),
            }
            .into(),
        ),
        (
            MatterGiven::Route { route },
            ChooseRoute {
                route,
                detail: None,
            }
            .into(),
        ),
        (
            MatterGiven::Areas {
                areas: areas.clone(),
            },
            SetAreas { areas }.into(),
        ),
        (
            MatterGiven::DecisionRule { decide_by },
            RecordDecisionRule { decide_by }.into(),
        ),
        (
            MatterGiven::Dissolution,
            DissolvePartnership { note: None }.into(),
        ),
    ]
}

fn before(matter: &MatterGiven) -> Past<Partnership> {
    match matter {
        MatterGiven::Formation => proposed(&[town_id()], &SPECIFIED),
        _ => partnership(),
    }
}

fn agreeing(past: Past<Partnership>, matter: &MatterGiven, bodies: &[Body]) -> Past<Partnership> {
    bodies.iter().fold(past, |past, body| {
        let agrees = PartnershipPositionRecorded {
            authority: body.id(),
            on_matter: matter.clone().into(),
            position: Position::Agree,
            reason: None,
        };
        past.and("2024-02-01", agrees)
    })
}

#[test]
fn l_3_a_partnerships_matters_are_refused_until_the_decision_rule_is_met() {
    for (matter, command) in matters() {
        println!("{matter:?}");
        let when = |past| given(past, setting()).when(POLICE.key(), command.clone());
        let two = agreeing(before(&matter), &matter, &[POLICE, COUNCIL]);
        when(before(&matter)).refused(RefusalCode::RuleNotMet, &["L-3"]);
        when(two.clone()).must("L-3", None);
        when(agreeing(two.clone(), &matter, &[FIRE])).met();

        let majority = DecisionRuleRecorded {
            decide_by: DecisionRule::Majority,
        };
        when(two.and("2022-02-04", majority)).met();
    }
}

#[test]
fn l_3_agreement_to_one_thing_is_none_to_another() {
    let lead = MatterGiven::Lead {
        authority: COUNCIL.id(),
    };
    let past = agreeing(partnership(), &lead, &SPECIFIED);
    let naming = |body: Body| {
        given(past.clone(), setting()).when(
            POLICE.key(),
            NameLead {
                authority: body.id(),
            },
        )
    };
    naming(COUNCIL).met();
    naming(FIRE).must("L-3", None);
}

#[test]
fn l_3_a_coordinator_may_report_what_was_decided_elsewhere_and_the_entry_says_so() {
    for (matter, command) in matters() {
        let reportable = !matches!(matter, MatterGiven::DecisionRule { .. });
        let report = given(before(&matter), setting())
            .when(coordinator(), command)
            .reported();
        if reportable {
            assert!(
                report.accepted().iter().all(|e| e.standing.reported),
                "{matter:?}"
            );
        } else {
            report.refused(RefusalCode::NotPermitted, &["L-2"]);
        }
    }
    adopting(setting(), strategy())
        .reported()
        .refused(RefusalCode::NotPermitted, &["L-2"]);
}

#[test]
fn l_3_the_areas_can_be_widened_by_the_specified_authorities_whose_decision_it_is() {
    // Whoever is asked, those of the town or those of both towns: when everyone who may record a
    // position has agreed, the areas are set.
    let areas = vec![town_id(), next_town_id()];
    let matter = MatterGiven::Areas {
        areas: areas.clone(),
    };
    let mut past = partnership();
    for body in SPECIFIED.into_iter().chain([NEXT_COUNCIL]) {
        let command = RecordPartnershipPosition {
            authority: body.id(),
            on_matter: matter.clone(),
            position: Position::Agree,
            reason: None,
        };
        let when = given(past.clone(), setting()).when(body.key(), command);
        if when.run().is_ok() {
            past = when.done();
        }
    }
    let police: Principal = POLICE.key();
    given(past, setting())
        .when(police, SetAreas { areas })
        .met();
}
