//! A strategy: what it must and may hold, its adoption, its carrying out and its publication.

use dutyledger_domain::obligations::Status;
use dutyledger_domain::rules::Provenance;
use dutyledger_domain::streams::Strategy;
use dutyledger_domain::streams::area::AreaSucceeded;
use dutyledger_domain::streams::strategy::{
    CauseRecordedAsUnknown, MaterialConsidered, MaterialRemoved, ObjectionDetermined,
    ObjectionRaised, StrategyAmended, StrategyEvent as E, StrategyPublished, StrategySuperseded,
    ViolenceKindIdentified,
};
use dutyledger_domain::{ActionStatus, Bases, Harm, PublicationForm, ViolenceCategory};

use super::{having, prepares, row, used};
use crate::given::*;

fn adopted_under(bases: Bases) -> Past<Strategy> {
    strategy_under(bases, &SPECIFIED).adopted("2023-03-01", 1)
}

fn amended(bases: Bases) -> StrategyAmended {
    let title = text("The strategy");
    StrategyAmended { bases, title }
}

fn without_causes() -> Past<Strategy> {
    strategy().without(|e| matches!(e, E::ViolenceCauseIdentified(_)))
}

fn without_kinds(bases: Bases) -> Past<Strategy> {
    strategy_under(bases, &SPECIFIED).without(|e| matches!(e, E::ViolenceKindIdentified(_)))
}

#[test]
fn r_10_2_kinds_are_identified_before_a_strategy() {
    let by = ["ViolenceKindIdentified"];
    prepares("R-10.2", &without_kinds(SECTION_8), &strategy(), &by);
    let under_9 = having(&without_kinds(SECTION_9));
    row("R-10.2", &under_9)
        .stands(Status::NotYetDue)
        .because("s.8");
}

#[test]
fn r_10_2_a_revised_version_has_the_kinds_of_the_version_before() {
    let adopted = strategy().adopted("2023-03-01", 1);
    let revised = adopted.revision("2024-02-01", 2);
    row("R-10.2", &having(&revised))
        .stands(Status::Satisfied)
        .shown_by(&strategy().named(&["ViolenceKindIdentified"]));
}

#[test]
fn r_10_3_causes_are_identified_or_it_is_said_why_they_are_not_known() {
    let by = ["ViolenceCauseIdentified", "CauseRecordedAsUnknown"];
    prepares("R-10.3", &without_causes(), &strategy(), &by);
    let under_9 = having(&strategy_under(SECTION_9, &SPECIFIED));
    row("R-10.3", &under_9)
        .stands(Status::NotYetDue)
        .because("s.8");
    let why = text("The police hold no such data");
    let unknown = without_causes().and("2022-05-02", CauseRecordedAsUnknown { version: 1, why });
    prepares("R-10.3", &without_causes(), &unknown, &by);
    assert_eq!(unknown.named(&by), [unknown.last()]);
}

#[test]
fn r_10_4_a_first_strategy_is_due_by_a_date_no_source_could_be_checked_for() {
    let due = |setting: &Setting, on: &str, status| {
        let stands = row("R-10.4", setting).on(on).stands(status);
        stands
            .due("2024-01-31", Provenance::Unverified)
            .shown_by(&[]);
    };
    for setting in [setting(), having(&strategy())] {
        due(&setting, "2024-01-30", Status::NotYetDue);
        due(&setting, "2024-01-31", Status::Due);
        due(&setting, "2024-02-01", Status::Overdue);
    }
    let adopted = adopted_under(SECTION_8);
    row("R-10.4", &having(&adopted))
        .stands(Status::Overdue)
        .due("2024-01-31", Provenance::Unverified)
        .shown_by(&[adopted.last()]);
    let published = adopted.clone().published("2023-03-02", 1);
    row("R-10.4", &having(&published))
        .stands(Status::Satisfied)
        .undated()
        .shown_by(&[adopted.last()]);
    // What s.8 asks is asked whatever there is under another section.
    for bases in [SECTION_9, CRIME_AND_DISORDER_ACT] {
        let another = having(&adopted_under(bases));
        due(&another, "2024-01-30", Status::NotYetDue);
        due(&another, "2024-02-01", Status::Overdue);
    }
}

#[test]
fn r_10_4_what_follows_a_first_strategy_is_never_overdue() {
    let by = id("the next strategy");
    let published = adopted_under(SECTION_8).published("2023-03-02", 1);
    let replaced = published.and("2024-02-01", StrategySuperseded { by });
    row("R-10.4", &having(&replaced))
        .stands(Status::Due)
        .undated();
    let begun = |id| {
        let mut next = strategy();
        next.id = id;
        next
    };
    let next = having(&replaced).with(&begun(by));
    row("R-10.4", &next).stands(Status::Due).undated();
    // However many are begun: none of them is in force.
    let both = next.with(&begun(id("yet another")));
    let owed = row("R-10.4", &both).all().into_iter();
    let owed: Vec<_> = owed.map(|one| one.status).collect();
    assert_eq!(owed, [Status::Due, Status::Due]);
}

#[test]
fn r_10_5_a_strategy_is_carried_out() {
    row("R-10.5", &having(&strategy())).stands(Status::NotYetDue);
    let under_9 = having(&adopted_under(SECTION_9));
    row("R-10.5", &under_9)
        .stands(Status::NotYetDue)
        .because("s.8");
    let adopted = adopted_under(SECTION_8);
    row("R-10.5", &having(&adopted))
        .stands(Status::Due)
        .because("0 of 1")
        .shown_by(&[]);
    let started = adopted.progressed("2023-04-01", ActionStatus::Started);
    row("R-10.5", &having(&started))
        .stands(Status::Due)
        .shown_by(&started.named(&["ActionProgressed"]));
    let done = started.progressed("2023-05-01", ActionStatus::Completed);
    row("R-10.5", &having(&done))
        .stands(Status::Satisfied)
        .shown_by(&done.named(&["ActionProgressed"]));
}

#[test]
fn r_25_1_other_kinds_may_be_added() {
    // What the Serious Violence Strategy is about is no addition to it.
    const CORE: [ViolenceCategory; 6] = [
        ViolenceCategory::Homicide,
        ViolenceCategory::ViolenceAgainstThePerson,
        ViolenceCategory::KnifeCrime,
        ViolenceCategory::GunCrime,
        ViolenceCategory::CountyLines,
        ViolenceCategory::PublicSpaceYouthViolence,
    ];
    for category in ViolenceCategory::ALL {
        let identified = strategy().and(
            "2022-05-04",
            ViolenceKindIdentified {
                assessment: None,
                category: *category,
                description: None,
                kind: item("another kind"),
                version: 1,
            },
        );
        if CORE.contains(category) {
            row("R-25.1", &having(&identified)).stands(Status::NotUsed);
        } else {
            used(
                "R-25.1",
                &having(&strategy()),
                &having(&identified),
                &[identified.last()],
            );
        }
    }
}

#[test]
fn r_29_1_authorities_may_work_together_across_boundaries() {
    let amended = strategy().and("2023-02-01", amended(BOTH_SECTIONS));
    let by = amended.named(&["StrategyDrafted", "StrategyAmended"]);
    used("R-29.1", &having(&strategy()), &having(&amended), &by);
    row("R-29.1", &setting()).stands(Status::NotUsed);
}

#[test]
fn r_30b_1_a_strategy_is_developed_together() {
    row("R-30b.1", &setting())
        .stands(Status::Due)
        .undated()
        .because("answers the drivers");
    // It follows the needs assessment.
    let begun = setting().with(&assessment_begun());
    for setting in [begun.clone(), begun.with(&strategy())] {
        row("R-30b.1", &setting)
            .stands(Status::NotYetDue)
            .because("needs assessment");
    }
    row("R-30b.1", &having(&strategy()))
        .stands(Status::Due)
        .shown_by(&[]);
    let adopted = adopted_under(SECTION_8);
    row("R-30b.1", &having(&adopted))
        .stands(Status::Satisfied)
        .shown_by(&[adopted.last()]);
}

#[test]
fn r_46_1_due_regard_to_equality_should_be_recorded() {
    let without = strategy().without(|e| matches!(e, E::EqualityImpactAssessed(_)));
    prepares("R-46.1", &without, &strategy(), &["EqualityImpactAssessed"]);
}

/// A strategy adopted is published: owed from the adoption, with no date of its own.
#[track_caller]
fn publishes(id: &str, bases: Bases) {
    let prepared = strategy_under(bases, &SPECIFIED);
    row(id, &having(&prepared)).stands(Status::NotYetDue);
    let adopted = prepared.adopted("2023-03-01", 1);
    row(id, &having(&adopted))
        .stands(Status::Due)
        .undated()
        .shown_by(&[]);
    let published = adopted.published("2023-03-02", 1);
    row(id, &having(&published))
        .stands(Status::Satisfied)
        .shown_by(&[published.last()]);
    let revised = published.revision("2024-01-01", 2).adopted("2024-02-01", 2);
    row(id, &having(&revised)).stands(Status::Due).shown_by(&[]);
}

#[test]
fn r_s2_1_a_strategy_is_published_whatever_it_is_made_under() {
    publishes("R-S2.1", SECTION_8);
    publishes("R-S2.1", SECTION_9);
}

#[test]
fn a_8_7a_a_strategy_under_section_8_is_published() {
    publishes("A-8.7a", SECTION_8);
    let under_9 = having(&adopted_under(SECTION_9));
    row("A-8.7a", &under_9)
        .stands(Status::NotYetDue)
        .because("s.8");
}

#[test]
fn a_9_8a_a_strategy_under_section_9_is_published() {
    publishes("A-9.8a", SECTION_9);
    let under_8 = having(&adopted_under(SECTION_8));
    row("A-9.8a", &under_8)
        .stands(Status::NotApplicable)
        .because("s.9");
}

fn published_as(form: PublicationForm) -> Past<Strategy> {
    let locator = text("https://example.org/plan");
    let version = 1;
    adopted_under(SECTION_8).and(
        "2023-03-02",
        StrategyPublished {
            form,
            locator,
            version,
        },
    )
}

#[test]
fn r_47_1_a_strategy_may_stand_alone_or_be_part_of_another_product() {
    let adopted = having(&adopted_under(SECTION_8));
    for form in [PublicationForm::StandAlone, PublicationForm::Embedded] {
        let published = published_as(form);
        used("R-47.1", &adopted, &having(&published), &[published.last()]);
    }
}

#[test]
fn r_137_1_a_strategy_may_be_part_of_a_wider_plan() {
    let alone = having(&published_as(PublicationForm::StandAlone));
    let part = published_as(PublicationForm::Embedded);
    used("R-137.1", &alone, &having(&part), &[part.last()]);
}

#[test]
fn r_135_1_the_crime_and_disorder_act_has_a_duty_of_its_own() {
    row("R-135.1", &setting()).stands(Status::NotYetDue);
    row("R-135.1", &having(&adopted_under(SECTION_8)))
        .stands(Status::NotApplicable)
        .because("Crime and Disorder Act");
    let prepared = strategy_under(CRIME_AND_DISORDER_ACT, &SPECIFIED);
    row("R-135.1", &having(&prepared))
        .stands(Status::Due)
        .undated();
    let adopted = prepared.adopted("2023-03-01", 1);
    row("R-135.1", &having(&adopted))
        .stands(Status::Satisfied)
        .shown_by(&[adopted.last()]);
}

#[test]
fn r_136_1_one_strategy_may_serve_both_acts() {
    let both = Bases {
        section_8: true,
        ..CRIME_AND_DISORDER_ACT
    };
    let serving = strategy_under(both, &SPECIFIED);
    let by = serving.named(&["StrategyDrafted"]);
    used("R-136.1", &having(&strategy()), &having(&serving), &by);
    let amended = strategy().and("2023-02-01", amended(both));
    let by = amended.named(&["StrategyDrafted", "StrategyAmended"]);
    used("R-136.1", &having(&strategy()), &having(&amended), &by);
}

#[test]
fn r_gl_1_the_area_should_lie_in_one_police_force_area() {
    row("R-gl.1", &setting()).stands(Status::NotYetDue);
    let both = having(&strategy_under(BOTH_SECTIONS, &SPECIFIED)).with(&partnership_of_both());
    row("R-gl.1", &both).stands(Status::Satisfied);
    let wider = both.with(&next_town_of_another_force());
    row("R-gl.1", &wider)
        .stands(Status::Due)
        .because("2 police force areas")
        .shown_by(&[]);
}

#[test]
fn a_8_9_a_strategy_wider_than_one_area_is_also_under_section_9() {
    row("A-8.9", &having(&strategy()))
        .stands(Status::NotApplicable)
        .because("one");
    let wider = |bases| having(&strategy_under(bases, &SPECIFIED)).with(&partnership_of_both());
    let by = strategy().named(&["StrategyDrafted"]);
    row("A-8.9", &wider(SECTION_8))
        .stands(Status::Due)
        .shown_by(&by);
    row("A-8.9", &wider(BOTH_SECTIONS))
        .stands(Status::Satisfied)
        .shown_by(&by);
    let amended = strategy().and("2023-02-01", amended(BOTH_SECTIONS));
    row("A-8.9", &having(&amended).with(&partnership_of_both()))
        .stands(Status::Satisfied)
        .shown_by(&amended.named(&["StrategyDrafted", "StrategyAmended"]));
    row("A-8.9", &wider(SECTION_9))
        .stands(Status::NotYetDue)
        .because("s.8");
}

#[test]
fn a_9_1_two_or_more_specified_authorities_make_a_strategy_under_section_9() {
    row("A-9.1", &having(&strategy()))
        .stands(Status::NotApplicable)
        .because("s.9");
    let under_9 = having(&strategy_under(SECTION_9, &SPECIFIED));
    row("A-9.1", &under_9).stands(Status::Satisfied);
    let alone = under_9.with(&partnership_for(&[town_id()], &[POLICE]));
    row("A-9.1", &alone)
        .stands(Status::Due)
        .because("two or more");
}

#[test]
fn a_9_3_under_section_9_kinds_and_causes_may_be_identified() {
    let without = having(&without_kinds(SECTION_9));
    let by = ["ViolenceKindIdentified", "ViolenceCauseIdentified"];
    let with = strategy_under(SECTION_9, &SPECIFIED);
    row("A-9.3", &having(&strategy()))
        .stands(Status::NotUsed)
        .because("s.9");
    row("A-9.3", &without)
        .stands(Status::NotUsed)
        .shown_by(&without_kinds(SECTION_9).named(&by));
    row("A-9.3", &having(&with))
        .stands(Status::Used)
        .shown_by(&with.named(&by));
    let why = text("The police hold no such data");
    let unknown = with.and("2023-02-01", CauseRecordedAsUnknown { version: 1, why });
    let by = [&by[..], &["CauseRecordedAsUnknown"]].concat();
    row("A-9.3", &having(&unknown))
        .stands(Status::Used)
        .shown_by(&unknown.named(&by));
    // Under both sections they must be, and are looked for all the same.
    let both = strategy_under(BOTH_SECTIONS, &SPECIFIED);
    row("A-9.3", &having(&both)).stands(Status::Used);
    let without_causes = both.without(|e| matches!(e, E::ViolenceCauseIdentified(_)));
    row("A-9.3", &having(&without_causes)).stands(Status::NotUsed);
    row("A-9.3", &having(&without_kinds(BOTH_SECTIONS))).stands(Status::NotUsed);
}

fn objection() -> ObjectionRaised {
    ObjectionRaised {
        authority: POLICE.id(),
        objection: item("objection"),
        part: text("section 5"),
        reason: None,
        version: 1,
    }
}

/// Material that might do harm is left out: nothing, considered and harmless, barred, taken out.
#[track_caller]
fn leaves_out(id: &str, bases: Bases) {
    let considered = |harms: &[Harm]| {
        let considered = MaterialConsidered {
            harms: harms.to_vec(),
            material: item("part"),
            part: text("section 4"),
            version: 1,
        };
        strategy_under(bases, &SPECIFIED).and("2023-02-01", considered)
    };
    row(id, &setting()).stands(Status::DoesNotApply);
    row(id, &having(&strategy_under(bases, &SPECIFIED)))
        .stands(Status::DoesNotApply)
        .shown_by(&[]);
    let harmless = considered(&[]);
    row(id, &having(&harmless))
        .stands(Status::DoesNotApply)
        .shown_by(&[harmless.last()]);
    let barred = considered(&[Harm::Safety]);
    let stands = row(id, &having(&barred)).stands(Status::Applies);
    assert!(stands.shown_by(&[barred.last()]).0.next.is_some());
    let material = item("part");
    let removed = barred.and(
        "2023-02-02",
        MaterialRemoved {
            material,
            version: 1,
        },
    );
    let by = removed.named(&["MaterialConsidered", "MaterialRemoved"]);
    let stands = row(id, &having(&removed)).stands(Status::Applies);
    assert_eq!(stands.because("taken out").shown_by(&by).0.next, None);
    let determined = ObjectionDetermined {
        harms: vec![Harm::Safety],
        objection: item("objection"),
        version: 1,
    };
    let objected = strategy_under(bases, &SPECIFIED)
        .and("2023-02-01", objection())
        .and("2023-02-02", determined);
    row(id, &having(&objected))
        .stands(Status::Applies)
        .shown_by(&[objected.last()]);
}

#[test]
fn a_8_8_a_strategy_under_section_8_leaves_out_what_might_do_harm() {
    leaves_out("A-8.8", SECTION_8);
    let under_9 = having(&strategy_under(SECTION_9, &SPECIFIED));
    row("A-8.8", &under_9)
        .stands(Status::DoesNotApply)
        .because("s.8");
}

#[test]
fn a_9_9_a_strategy_under_section_9_leaves_out_what_might_do_harm() {
    leaves_out("A-9.9", SECTION_9);
    row("A-9.9", &having(&strategy()))
        .stands(Status::DoesNotApply)
        .because("s.9");
}

#[test]
fn r_10_4_is_met_for_the_area_that_took_the_place_of_one_it_was_met_for() {
    let published = adopted_under(SECTION_8).published("2023-03-02", 1);
    let moved = resetting(partnership(), "2024-06-01", &[next_town_id()]);
    let setting = having(&published).with(&moved);
    row("R-10.4", &setting)
        .on(TODAY)
        .stands(Status::Due)
        .undated()
        .because("no strategy is adopted for those");
    let successor = next_town_id();
    let succeeded = town().and("2024-06-01", AreaSucceeded { successor });
    row("R-10.4", &setting.with(&succeeded))
        .on(TODAY)
        .stands(Status::Satisfied);
}

#[test]
fn r_10_4_no_date_is_about_an_area_that_came_after_it() {
    let moved = resetting(partnership(), "2024-06-01", &[next_town_id()]);
    let setting = having(&strategy()).with(&moved);
    let asked = |on| row("R-10.4", &setting).on(on);
    asked("2024-05-31").stands(Status::Overdue);
    asked("2024-06-01").stands(Status::Due).undated();
}

#[test]
fn r_10_4_is_not_owed_again_by_a_strategy_begun_beside_one_in_force() {
    let published = adopted_under(SECTION_8).published("2023-03-02", 1);
    let mut beside = strategy();
    beside.id = id("the next strategy");
    let both = having(&published).with(&beside);
    let stands = row("R-10.4", &both).all();
    let mut all: Vec<_> = stands.iter().map(|one| (one.about, one.status)).collect();
    all.sort_unstable_by_key(|(_, status)| *status);
    assert_eq!(
        all,
        [
            (Some(beside.id), Status::NotYetDue),
            (Some(strategy_id()), Status::Satisfied),
        ]
    );
}
