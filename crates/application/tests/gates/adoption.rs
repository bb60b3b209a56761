//! Adopting and publishing a version: ss.8 and 9, our own rows, and what the guidance asks.

use dutyledger_domain::streams::partnership::RelevantAuthorityListed;
use dutyledger_domain::streams::strategy::{
    AdoptVersion, AmendStrategy, CauseRecordedAsUnknown, ConsultationClosed, ConsultationOpened,
    DetermineObjection, MaterialConsidered, MaterialRemoved, ObjectionDetermined, ObjectionRaised,
    PublishVersion, RecordResponse, RemoveMaterial, RevisionStarted, StartRevision,
    StrategyEvent as E, StrategySuperseded, SupersedeStrategy,
};
use dutyledger_domain::streams::{List, ListClosed, Partnership, Strategy};
use dutyledger_domain::{Bases, EngagedGroup, Harm, PublicationForm, RefusalCode};

use crate::given::*;

fn adopting(past: Past<Strategy>) -> When<Strategy> {
    adopting_in(setting(), past)
}

fn adopting_in(setting: Setting, past: Past<Strategy>) -> When<Strategy> {
    given(past, setting).when(POLICE.key(), AdoptVersion { version: 1 })
}

fn publishing(past: Past<Strategy>) -> When<Strategy> {
    let command = PublishVersion {
        version: 1,
        form: PublicationForm::StandAlone,
        locator: text("https://example.org/strategy"),
    };
    given(past, setting()).when(POLICE.key(), command)
}

fn consulted(body: Body) -> impl Fn(&E) -> bool {
    move |event| matches!(event, E::AuthorityConsulted(e) if e.authority == body.id())
}

/// A partnership for the town and the next; the school of the next is consulted as well.
fn in_both_towns() -> Setting {
    setting().with(&partnership_of_both())
}

/// A strategy under s.9 alone, made by these members of the partnership of one town.
fn by_members(makers: &[Body]) -> (Setting, Past<Strategy>) {
    let partnership = partnership_for(&[town_id()], makers);
    (
        setting().with(&partnership),
        strategy_under(SECTION_9, makers),
    )
}

fn makers_of_both() -> Vec<Body> {
    SPECIFIED.into_iter().chain([NEXT_COUNCIL]).collect()
}

fn considered(harms: &[Harm]) -> MaterialConsidered {
    MaterialConsidered {
        harms: harms.to_vec(),
        material: item("part"),
        part: text("section 4, paragraph 2"),
        version: 1,
    }
}

const HARMS: [Harm; 3] = [
    Harm::Safety,
    Harm::CrimePreventionOrProsecution,
    Harm::InstitutionSecurity,
];

#[test]
fn a_version_with_everything_in_place_is_adopted_and_published() {
    adopting(strategy()).met();
    publishing(strategy().adopted("2024-02-01", 1)).met();
    let (setting, past) = by_members(&[POLICE, COUNCIL]);
    adopting_in(setting, past.consulting("2022-05-02", 1, FIRE)).met();
}

#[test]
fn r_10_2_adoption_is_refused_without_a_kind_of_serious_violence() {
    let past = strategy().without(|e| matches!(e, E::ViolenceKindIdentified(_)));
    adopting(past).must("R-10.2", Some("8(3)(a)"));
}

#[test]
fn r_10_3_adoption_is_refused_without_causes_or_why_they_are_unknown() {
    let past = strategy().without(|e| matches!(e, E::ViolenceCauseIdentified(_)));
    adopting(past.clone()).must("R-10.3", Some("8(3)(b)"));

    let why = CauseRecordedAsUnknown {
        version: 1,
        why: text("Too little data"),
    };
    // What was agreed was agreed on a version that said nothing of it.
    let changed = past.and("2024-02-01", why);
    adopting(changed.clone()).refused(RefusalCode::RuleNotMet, &["L-3"]);
    adopting(changed.agreed_on("2024-02-02", 1, &SPECIFIED)).met();
}

#[test]
fn r_10_6_adoption_is_refused_until_each_relevant_authority_is_consulted() {
    for body in RELEVANT {
        let past = strategy().without(consulted(body));
        adopting(past.clone()).must("R-10.6", Some("8(4)"));
        adopting(past.consulting("2024-02-01", 1, body)).met();
    }
}

#[test]
fn r_10_6_consulted_is_enough_and_a_reply_is_not_awaited() {
    assert!(
        !strategy()
            .entries
            .iter()
            .any(|e| matches!(e.payload, E::ConsultationResponseRecorded(_)))
    );
    adopting(strategy()).met();
}

#[test]
fn r_10_6_is_about_the_authorities_then_existing_for_the_area() {
    let with = |from| setting().with(&town().having(NEW_SCHOOL, from));
    adopting_in(with("2024-03-02"), strategy()).met();
    adopting_in(with(DECIDED_ON), strategy()).must("R-10.6", Some("8(4)"));

    let without_school = strategy().without(consulted(SCHOOL));
    let closing = |on| setting().with(&town().losing(SCHOOL, on));
    adopting_in(closing("2024-02-29"), without_school.clone()).met();
    adopting_in(closing(DECIDED_ON), without_school).must("R-10.6", Some("8(4)"));
}

/// A list of those to consult is drawn up, with one body on it.
fn listing(past: Past<Partnership>, body: Body, on: &str) -> Past<Partnership> {
    let list = item("list");
    let listed = RelevantAuthorityListed {
        authority: body.id(),
        capacity: body.capacity,
        list,
    };
    let list_closed = ListClosed {
        item: Some(list),
        ..closed(List::RelevantAuthoritiesToConsult, &[body.id()], on)
    };
    past.and(on, listed).and(on, list_closed)
}

#[test]
fn r_10_6_does_not_ask_for_a_school_on_the_list_that_has_closed_since() {
    let listing = listing(partnership(), NEW_SCHOOL, "2024-01-01");
    let closed_since = setting().with(&listing).with(
        &town()
            .having(NEW_SCHOOL, "2022-01-01")
            .losing(NEW_SCHOOL, "2024-02-01"),
    );
    adopting_in(closed_since, strategy()).met();
}

#[test]
fn r_10_6_counts_a_consultation_only_on_or_before_the_day_of_adoption() {
    let past = strategy()
        .without(consulted(SCHOOL))
        .consulting("2024-03-02", 1, SCHOOL);
    adopting(past.clone()).refused(RefusalCode::RuleNotMet, &["R-10.6"]);
    adopting(past).on("2024-03-02").met();
}

#[test]
fn r_10_6_a_response_answers_a_consultation() {
    let response = RecordResponse {
        version: 1,
        authority: SCHOOL.id(),
        response: None,
    };
    given(strategy(), setting())
        .when(SCHOOL.key(), response.clone())
        .met();
    given(strategy().without(consulted(SCHOOL)), setting())
        .when(SCHOOL.key(), response)
        .refused(RefusalCode::NotFound, &["R-10.6"]);
}

#[test]
fn a_8_11_a_revised_version_is_consulted_on_again() {
    let adopting = |past| given(past, setting()).when(POLICE.key(), AdoptVersion { version: 2 });
    let (from_version, version) = (1, 2);
    for bases in [SECTION_8, BOTH_SECTIONS, SECTION_9] {
        let revised = strategy_under(bases, &SPECIFIED)
            .adopted("2023-03-01", 1)
            .and(
                "2024-01-01",
                RevisionStarted {
                    from_version,
                    version,
                },
            )
            .agreed(version, &SPECIFIED)
            .prepared("2024-01-02", version);
        adopting(revised.clone()).met();
        for body in RELEVANT {
            let past = revised.clone().without(move |event| {
                matches!(event, E::AuthorityConsulted(e)
                    if e.version == version && e.authority == body.id())
            });
            adopting(past).must("A-8.11", Some("8(11), 9(11)"));
        }
    }
}

#[test]
fn a_8_11_a_revision_keeps_the_content_and_nothing_that_was_done_about_it() {
    let past = given(strategy().adopted("2023-03-01", 1), setting())
        .when(POLICE.key(), StartRevision {})
        .done();
    let versions = past.state(DECIDED_ON).versions;
    let (before, after) = (&versions[&1], &versions[&2]);
    assert_eq!(
        (&after.kinds, &after.causes),
        (&before.kinds, &before.causes)
    );
    assert_eq!(
        (&after.actions, &after.assessments),
        (&before.actions, &before.assessments)
    );
    assert!(after.consultation.consulted.is_empty() && after.positions.is_empty());
    assert!(after.engaged.is_empty() && !after.equality_assessed);
}

#[test]
fn a_8_9_a_strategy_for_two_areas_is_refused_unless_it_is_also_under_section_9() {
    let under =
        |bases| strategy_under(bases, &makers_of_both()).consulting("2022-05-02", 1, NEXT_SCHOOL);
    adopting_in(in_both_towns(), under(SECTION_8)).must("A-8.9", Some("8(9)"));
    adopting_in(in_both_towns(), under(BOTH_SECTIONS)).met();
    adopting_in(in_both_towns(), under(SECTION_9)).met();
}

#[test]
fn a_9_1_a_strategy_under_section_9_is_refused_with_fewer_than_two_specified_authorities() {
    let others = |past: Past<Strategy>| {
        past.consulting("2022-05-02", 1, COUNCIL)
            .consulting("2022-05-02", 1, FIRE)
    };
    let (setting, past) = by_members(&[POLICE]);
    adopting_in(setting, others(past)).must("A-9.1", Some("9(1)"));
    let (setting, past) = by_members(&[POLICE, COUNCIL]);
    adopting_in(setting, past.consulting("2022-05-02", 1, FIRE)).met();
}

#[test]
fn a_9_3_a_strategy_under_section_9_without_kinds_or_causes_asks_for_a_reason() {
    let under_9 = || strategy_under(SECTION_9, &SPECIFIED);
    adopting(under_9().without(|e| matches!(e, E::ViolenceKindIdentified(_)))).should("A-9.3");
    adopting(under_9().without(|e| matches!(e, E::ViolenceCauseIdentified(_)))).should("A-9.3");
    adopting(under_9()).met();
}

#[test]
fn a_9_4a_a_strategy_under_section_9_is_refused_until_every_other_specified_authority_is_consulted()
{
    let (setting, past) = by_members(&[POLICE, COUNCIL]);
    adopting_in(setting.clone(), past.clone()).must("A-9.4a", Some("9(4)(a)"));
    adopting_in(setting, past.consulting("2022-05-02", 1, FIRE)).met();
}

#[test]
fn a_9_4b_a_strategy_under_section_9_is_refused_until_each_relevant_authority_is_consulted() {
    for body in RELEVANT {
        let past = strategy_under(SECTION_9, &SPECIFIED).without(consulted(body));
        adopting(past).must("A-9.4b", Some("9(4)(b)-(d)"));
    }
}

#[test]
fn a_8_8_adoption_and_publication_are_refused_with_material_that_might_do_harm() {
    for harm in HARMS {
        let barred = strategy().and("2024-02-01", considered(&[harm]));
        adopting(barred.clone()).must("A-8.8", Some("8(8)"));
        publishing(barred.adopted("2024-02-02", 1)).must("A-8.8", Some("8(8)"));
    }
}

#[test]
fn a_9_9_adoption_and_publication_are_refused_with_material_that_might_do_harm() {
    for harm in HARMS {
        let barred = strategy_under(SECTION_9, &SPECIFIED).and("2024-02-01", considered(&[harm]));
        adopting(barred.clone()).must("A-9.9", Some("9(9)"));
        publishing(barred.adopted("2024-02-02", 1)).must("A-9.9", Some("9(9)"));
    }
}

#[test]
fn a_8_8_is_met_when_the_part_is_cleared_or_taken_out() {
    let taken_out = strategy().and("2024-02-01", considered(&HARMS)).and(
        "2024-02-02",
        MaterialRemoved {
            material: item("part"),
            version: 1,
        },
    );
    for past in [strategy().and("2024-02-01", considered(&[])), taken_out] {
        adopting(past.clone()).met();
        publishing(past.adopted("2024-02-03", 1)).met();
    }
}

#[test]
fn a_8_8_bars_what_the_authorities_determine_might_do_harm_on_an_objection() {
    let determined = |harms: &[Harm]| {
        given(strategy().and("2024-02-01", objection()), setting())
            .when(
                POLICE.key(),
                DetermineObjection {
                    version: 1,
                    objection: item("objection"),
                    harms: harms.to_vec(),
                },
            )
            .on("2024-02-02")
            .done()
    };
    adopting(determined(&[Harm::Safety])).must("A-8.8", Some("8(8)"));
    adopting(determined(&[])).met();
}

fn objection() -> ObjectionRaised {
    ObjectionRaised {
        authority: PRISON.id(),
        objection: item("objection"),
        part: text("section 4, paragraph 2"),
        reason: None,
        version: 1,
    }
}

#[test]
fn l_1_publication_is_refused_for_a_version_that_is_not_adopted() {
    publishing(strategy()).must("L-1", None);
    publishing(strategy().adopted("2024-03-02", 1)).must("L-1", None);
    publishing(strategy().adopted(DECIDED_ON, 1)).met();
}

#[test]
fn l_4_nothing_happens_after_today_not_even_as_a_past_fact() {
    let tomorrow = adopting(strategy()).today("2024-03-01").on("2024-03-02");
    let refusal = tomorrow.refused(RefusalCode::DateAfterToday, &["L-4"]);
    assert_eq!(refusal.pointer.as_deref(), Some("/occurred_on"));
    tomorrow
        .past_fact(None)
        .refused(RefusalCode::DateAfterToday, &["L-4"]);
    adopting(strategy())
        .today("2024-03-02")
        .on("2024-03-02")
        .met();
}

#[test]
fn l_5_an_open_objection_holds_adoption_until_it_is_determined() {
    let held = strategy().and("2024-02-01", objection());
    adopting(held.clone()).must("L-5", None);
    let determined = ObjectionDetermined {
        harms: Vec::new(),
        objection: item("objection"),
        version: 1,
    };
    adopting(held.and("2024-02-02", determined)).met();
}

#[test]
fn l_6_adoption_before_the_date_responses_were_asked_for_asks_for_a_reason() {
    let asked_for_by = |date| {
        let opened = ConsultationOpened {
            responses_by: day(date),
            version: 1,
        };
        strategy().and("2024-02-01", opened)
    };
    adopting(asked_for_by("2024-03-02")).should("L-6");
    adopting(asked_for_by(DECIDED_ON)).met();
    adopting(asked_for_by("2024-03-02").and("2024-02-02", ConsultationClosed { version: 1 })).met();
}

#[test]
fn r_14_1_adoption_without_a_completed_needs_assessment_asks_for_a_reason() {
    adopting(strategy().without(|e| matches!(e, E::AssessmentLinked(_)))).should("R-14.1");
    adopting_in(setting().with(&assessment_begun()), strategy()).should("R-14.1");
}

#[test]
fn r_gl_1_an_area_of_more_than_one_police_force_asks_for_a_reason() {
    let past =
        strategy_under(BOTH_SECTIONS, &makers_of_both()).consulting("2022-05-02", 1, NEXT_SCHOOL);
    adopting_in(in_both_towns(), past.clone()).met();
    adopting_in(in_both_towns().with(&next_town_of_another_force()), past).should("R-gl.1");
}

#[test]
fn r_31_1_an_action_not_agreed_by_every_authority_asks_for_a_reason() {
    for body in [POLICE, COUNCIL, FIRE, SCHOOL] {
        let agreed =
            move |event: &E| matches!(event, E::ActionAgreed(e) if e.authority == body.id());
        adopting(strategy().without(agreed)).should("R-31.1");
    }
}

#[test]
fn r_31_1_a_reported_agreement_does_not_count_as_the_authoritys_own() {
    let silent = |event: &E| matches!(event, E::ActionAgreed(e) if e.authority == SCHOOL.id());
    let agreed = dutyledger_domain::streams::strategy::ActionAgreed {
        action: action_id(),
        authority: SCHOOL.id(),
    };
    let past = strategy()
        .without(silent)
        .and_so("2024-02-01", agreed, reported);
    adopting(past).should("R-31.1");
}

#[test]
fn r_44_2_an_action_on_a_school_without_a_cost_assessment_asks_for_a_reason() {
    let past = strategy().without(|e| matches!(e, E::ActionCostAssessed(_)));
    adopting(past.clone()).should("R-44.2");
    let school = |e: &E| match e {
        E::ActionAuthorityNamed(e) => e.authority == SCHOOL.id(),
        E::ActionAgreed(e) => e.authority == SCHOOL.id(),
        _ => false,
    };
    adopting(past.without(school)).met();
}

#[test]
fn r_45_1_adoption_without_the_voluntary_sector_or_young_people_asks_for_a_reason() {
    for group in [EngagedGroup::VoluntarySector, EngagedGroup::YoungPeople] {
        let engaged = move |e: &E| matches!(e, E::EngagementHeld(e) if e.group == group);
        adopting(strategy().without(engaged)).should("R-45.1");
    }
}

#[test]
fn r_46_1_adoption_without_due_regard_recorded_asks_for_a_reason() {
    let past = strategy().without(|e| matches!(e, E::EqualityImpactAssessed(_)));
    adopting(past).should("R-46.1");
}

#[test]
fn r_19_6_adoption_without_an_education_representative_asks_for_a_reason() {
    use dutyledger_domain::streams::partnership::PartnershipEvent;
    let named = |e: &PartnershipEvent| matches!(e, PartnershipEvent::RepresentativeNamed(_));
    let partnership: Past<Partnership> = partnership().without(named);
    adopting_in(setting().with(&partnership), strategy()).should("R-19.6");
}

#[test]
fn everything_missing_is_told_at_once_and_each_warning_wants_its_own_reason() {
    adopting(drafted(SECTION_8)).refused(
        RefusalCode::RuleNotMet,
        &["R-10.2", "R-10.3", "R-10.6", "L-3"],
    );
    let unadvised =
        strategy().without(|e| matches!(e, E::EngagementHeld(_) | E::EqualityImpactAssessed(_)));
    let when = adopting(unadvised);
    when.refused(RefusalCode::ReasonRequired, &["R-45.1", "R-46.1"]);
    when.clone()
        .because("R-45.1")
        .refused(RefusalCode::ReasonRequired, &["R-46.1"]);
    let entries = when
        .because("R-46.1")
        .because("R-45.1")
        .because("R-31.1")
        .accepted();
    let warned: Vec<_> = entries[0]
        .standing
        .warnings
        .iter()
        .map(|w| w.rule.as_str())
        .collect();
    assert_eq!(
        warned,
        ["R-45.1", "R-46.1"],
        "a reason nobody asked for is not recorded"
    );
}

#[test]
fn a_rule_does_nothing_before_the_pack_was_in_force() {
    // Our own rows always hold; those of the Act and the guidance from 31 January 2023.
    let bare = drafted(SECTION_8).agreed(1, &SPECIFIED);
    adopting(bare.clone())
        .on("2023-01-30")
        .refused(RefusalCode::Invalid, &[]);
    let told = adopting(bare.clone()).on("2023-01-30").past_fact(None);
    let told = told.accepted().remove(0).standing.past_fact.unwrap();
    assert_eq!(told.unmet, Vec::<String>::new());
    adopting(bare)
        .on("2023-01-31")
        .refused(RefusalCode::RuleNotMet, &["R-10.2", "R-10.3", "R-10.6"]);
    let facts = adopting(drafted(SECTION_8))
        .on("2023-01-30")
        .past_fact(None)
        .accepted();
    assert_eq!(facts[0].standing.past_fact.as_ref().unwrap().unmet, ["L-3"]);
}

#[test]
fn r_10_6_does_not_ask_for_a_school_on_the_list_of_an_area_that_is_not_the_partnerships_any_more() {
    let of_both = listing(partnership_of_both(), NEXT_SCHOOL, "2022-03-01");
    let both = strategy_under(BOTH_SECTIONS, &makers_of_both());
    let before = setting().with(&of_both);
    adopting_in(before, both).refused(RefusalCode::RuleNotMet, &["R-10.6"]);
    let of_one = setting().with(&resetting(of_both, "2022-04-01", &[town_id()]));
    adopting_in(of_one, strategy()).met();
}

fn amending(past: Past<Strategy>, bases: Bases) -> When<Strategy> {
    let command = AmendStrategy {
        bases: Some(bases),
        title: text("Another title"),
    };
    given(past, setting()).when(COUNCIL.key(), command)
}

#[test]
fn what_a_strategy_is_made_under_is_agreed_with_it_and_settled_by_its_adoption() {
    let changed = amending(strategy(), BOTH_SECTIONS).on("2024-01-15").done();
    adopting(changed).refused(RefusalCode::RuleNotMet, &["L-3"]);
    let renamed = amending(strategy(), SECTION_8).on("2024-01-15").done();
    adopting(renamed).met();
    let adopted = strategy().adopted("2024-02-01", 1);
    let before = amending(adopted.clone(), SECTION_9).on("2024-01-15");
    let refusal = before.refused(RefusalCode::AlreadySo, &[]);
    assert!(refusal.detail.contains("made under"), "{refusal:?}");
    amending(adopted.clone(), SECTION_8).on("2024-01-15").met();
    // What is remembered since has a source.
    amending(adopted, SECTION_9)
        .on("2024-01-15")
        .past_fact(None)
        .accepted();
}

#[test]
fn a_8_8_a_part_that_might_do_harm_comes_along_into_a_revised_version() {
    let published = strategy()
        .adopted("2024-01-01", 1)
        .published("2024-01-02", 1);
    let barred = published.and("2024-01-03", considered(&[Harm::Safety]));
    let revised = barred.revision("2024-01-04", 2).prepared("2024-01-05", 2);
    let ready = revised.agreed_on("2024-01-06", 2, &SPECIFIED);
    let adopting = |past| given(past, setting()).when(POLICE.key(), AdoptVersion { version: 2 });
    adopting(ready.clone()).must("A-8.8", Some("8(8)"));
    let removed = MaterialRemoved {
        material: item("part"),
        version: 2,
    };
    adopting(ready.and("2024-01-07", removed)).met();
}

#[test]
fn a_8_8_what_was_in_a_version_when_it_was_published_is_settled() {
    let published = strategy().adopted("2024-01-01", 1);
    let published = published
        .and("2024-01-02", considered(&[Harm::Safety]))
        .published("2024-01-10", 1);
    let removing = |on: &str| {
        let command = RemoveMaterial {
            version: 1,
            material: item("part"),
        };
        given(published.clone(), setting())
            .when(COUNCIL.key(), command)
            .on(on)
    };
    let before = removing("2024-01-08");
    before.refused(RefusalCode::AlreadySo, &[]);
    before.past_fact(None).accepted();
    removing("2024-01-11").met();
}

#[test]
fn a_strategy_is_superseded_by_one_that_is_not_itself() {
    let in_force = |name: &str| {
        let mut past = strategy().adopted("2024-01-01", 1);
        past.id = id(name);
        past
    };
    let (one, other) = (in_force("one"), in_force("other"));
    let superseding = |setting: Setting| {
        let by = SupersedeStrategy { by: other.id };
        given(one.clone(), setting).when(POLICE.key(), by)
    };
    superseding(setting().with(&other)).met();
    let replaced = other
        .clone()
        .and("2024-02-01", StrategySuperseded { by: one.id });
    superseding(setting().with(&replaced)).refused(RefusalCode::NotFound, &[]);
}
