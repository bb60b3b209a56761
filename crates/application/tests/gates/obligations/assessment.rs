//! Needs assessments, and what a strategy has from them.

use dutyledger_domain::obligations::Status;
use dutyledger_domain::streams::needs_assessment::{AssessmentFindingRecorded, DataGapRecorded};
use dutyledger_domain::streams::strategy::StrategyEvent as E;

use super::{having, prepares, row, used};
use crate::given::*;

#[test]
fn r_14_1_a_strategy_should_rest_on_a_completed_needs_assessment() {
    let without = strategy().without(|e| matches!(e, E::AssessmentLinked(_)));
    prepares("R-14.1", &without, &strategy(), &["AssessmentLinked"]);
    let unfinished = having(&strategy()).with(&assessment_begun());
    row("R-14.1", &unfinished)
        .stands(Status::Due)
        .shown_by(&strategy().named(&["AssessmentLinked"]));
}

#[test]
fn r_30a_1_the_assessment_should_find_what_drives_violence() {
    let begun = proposed(&[town_id()], &SPECIFIED);
    row("R-30a.1", &setting().with(&begun))
        .stands(Status::NotYetDue)
        .because("not formed");
    row("R-30a.1", &setting()).stands(Status::Due).shown_by(&[]);
    let finding = text("Most of it happens after school");
    let found = assessment().and("2022-04-02", AssessmentFindingRecorded { finding });
    row("R-30a.1", &setting().with(&found))
        .stands(Status::Satisfied)
        .shown_by(&[found.last()]);
}

#[test]
fn r_39_1_an_assessment_may_record_where_data_is_missing() {
    let gap = text("Injuries that nobody reported");
    let told = assessment().and("2022-04-02", DataGapRecorded { gap });
    used("R-39.1", &setting(), &setting().with(&told), &[told.last()]);
}

#[test]
fn r_41_1_a_strategy_should_come_after_the_assessment() {
    let without = strategy().without(|e| matches!(e, E::AssessmentLinked(_)));
    let by = ["AssessmentLinked", "ActionProposed"];
    prepares("R-41.1", &without, &strategy(), &by);
}

#[test]
fn r_126_2_the_draft_says_in_one_place_that_the_assessment_is_a_duty() {
    row("R-126.2", &setting()).stands(Status::Fact);
    let begun = setting().with(&assessment_begun());
    let asked = row("R-126.2", &begun).in_the_draft();
    asked.stands(Status::Due).shown_by(&[]);
    row("R-126.2", &setting())
        .in_the_draft()
        .stands(Status::Satisfied)
        .shown_by(&[assessment().last()]);
}
