//! Keeping a strategy under review, which the Act asks; every year, which guidance asks.

use dutyledger_domain::obligations::Status;
use dutyledger_domain::rules::Provenance;
use dutyledger_domain::streams::Strategy;
use dutyledger_domain::streams::strategy::EqualityImpactMonitored;
use dutyledger_domain::{ReviewDecision, ReviewScope};

use super::{having, row, used};
use crate::given::*;

fn adopted() -> Past<Strategy> {
    strategy().adopted("2023-03-01", 1)
}

fn reviewed(scope: ReviewScope, decision: ReviewDecision) -> Past<Strategy> {
    adopted().reviewed("2023-09-01", scope, decision)
}

fn reviewed_whole() -> Past<Strategy> {
    reviewed(ReviewScope::Whole, ReviewDecision::NoChange)
}

/// The year counts from the adoption, and from the last review of the whole: before, on and after
/// the day, with the date and whence it is known.
#[track_caller]
fn reviews_every_year(id: &str, provenance: Provenance, after: Status) {
    row(id, &having(&strategy()))
        .stands(Status::NotYetDue)
        .undated();
    let adopted = adopted();
    let stands = |past: &Past<Strategy>, on: &str, status, due: &str| {
        let stands = row(id, &having(past)).on(on).stands(status);
        stands.due(due, provenance)
    };
    stands(&adopted, "2024-02-29", Status::NotYetDue, "2024-03-01");
    stands(&adopted, "2024-03-01", Status::Due, "2024-03-01");
    stands(&adopted, "2024-03-02", after, "2024-03-01").shown_by(&[adopted.last()]);
    let whole = reviewed_whole();
    let by = whole.named(&["ReviewCompleted"]);
    stands(&whole, "2024-03-02", Status::NotYetDue, "2024-09-01").shown_by(&by);
    let part = reviewed(ReviewScope::Part, ReviewDecision::NoChange);
    let by = part.named(&["StrategyAdopted", "ReviewCompleted"]);
    stands(&part, "2024-03-02", after, "2024-03-01").shown_by(&by);
}

#[test]
fn r_42_1_a_strategy_should_be_reviewed_every_year() {
    reviews_every_year("R-42.1", Provenance::Guidance, Status::Overdue);
    let assumed = strategy().and_so("2023-03-01", adoption(1), assumed);
    row("R-42.1", &having(&assumed))
        .on("2024-03-02")
        .stands(Status::NotKnown);
}

#[test]
fn r_42_2_what_only_the_draft_says_of_the_yearly_review_is_never_overdue() {
    reviews_every_year("R-42.2", Provenance::DraftGuidance, Status::Due);
}

/// The Act sets no period: what is reviewed within the year is under review, and what is not is
/// owed, never overdue.
#[track_caller]
fn keeps_under_review(id: &str) {
    row(id, &having(&strategy())).stands(Status::NotYetDue);
    let adopted = adopted();
    let stands = |past: &Past<Strategy>, on: &str, status| {
        row(id, &having(past)).on(on).stands(status).undated()
    };
    stands(&adopted, "2024-03-01", Status::Satisfied).shown_by(&[adopted.last()]);
    stands(&adopted, "2024-03-02", Status::Due)
        .because("no period")
        .shown_by(&[adopted.last()]);
    let whole = reviewed_whole();
    stands(&whole, "2024-03-02", Status::Satisfied).shown_by(&[whole.last()]);
    let part = reviewed(ReviewScope::Part, ReviewDecision::NoChange);
    let by = part.named(&["StrategyAdopted", "ReviewCompleted"]);
    stands(&part, "2024-03-02", Status::Due).shown_by(&by);
    let under_9 = strategy_under(SECTION_9, &SPECIFIED).adopted("2023-03-01", 1);
    stands(&under_9, "2024-03-02", Status::NotYetDue).because("s.8");
}

#[test]
fn r_14_3_a_strategy_is_kept_under_review() {
    keeps_under_review("R-14.3");
}

#[test]
fn a_8_7b_a_strategy_under_section_8_is_kept_under_review() {
    keeps_under_review("A-8.7b");
}

#[test]
fn a_8_7c_what_a_review_decides_to_revise_is_revised_and_published() {
    let nothing = reviewed_whole();
    let under_9 = strategy_under(SECTION_9, &SPECIFIED)
        .adopted("2023-03-01", 1)
        .reviewed("2023-09-01", ReviewScope::Whole, ReviewDecision::Revise);
    row("A-8.7c", &having(&under_9))
        .stands(Status::NotYetDue)
        .because("s.8");
    row("A-8.7c", &having(&nothing))
        .stands(Status::NotApplicable)
        .because("No review has decided");
    let decided = reviewed(ReviewScope::Part, ReviewDecision::Revise);
    row("A-8.7c", &having(&decided))
        .stands(Status::Due)
        .undated()
        .because("1 September 2023")
        .shown_by(&[decided.last()]);
    let begun = decided.revision("2023-10-01", 2).adopted("2023-12-01", 2);
    let by = ["ReviewCompleted", "RevisionStarted", "StrategyPublished"];
    row("A-8.7c", &having(&begun))
        .stands(Status::Due)
        .shown_by(&begun.named(&by));
    let published = begun.published("2023-12-02", 2);
    row("A-8.7c", &having(&published))
        .stands(Status::Satisfied)
        .shown_by(&published.named(&by));
}

#[test]
fn a_9_8b_a_strategy_under_section_9_may_be_reviewed_and_revised() {
    let under_9 = strategy_under(SECTION_9, &SPECIFIED).adopted("2023-03-01", 1);
    let decision = ReviewDecision::Revise;
    let revised = under_9
        .clone()
        .reviewed("2023-09-01", ReviewScope::Whole, decision)
        .revision("2023-10-01", 2);
    let by = revised.named(&["ReviewCompleted", "RevisionStarted"]);
    used("A-9.8b", &having(&under_9), &having(&revised), &by);
    row("A-9.8b", &having(&reviewed_whole()))
        .stands(Status::NotUsed)
        .because("s.9");
}

#[test]
fn r_30c_2_a_review_may_show_that_the_strategy_needs_renewing() {
    let decided = reviewed(ReviewScope::Whole, ReviewDecision::Revise);
    let renewed = decided.clone().revision("2023-10-01", 2);
    used(
        "R-30c.2",
        &having(&decided),
        &having(&renewed),
        &[renewed.last()],
    );
}

#[test]
fn r_42_3_a_part_may_be_reviewed_more_often() {
    let part = reviewed(ReviewScope::Part, ReviewDecision::NoChange);
    let whole = having(&reviewed_whole());
    used("R-42.3", &whole, &having(&part), &[part.last()]);
}

#[test]
fn r_46_2_the_effect_on_equality_should_be_monitored() {
    row("R-46.2", &having(&strategy()))
        .stands(Status::NotYetDue)
        .because("No version is adopted");
    row("R-46.2", &having(&adopted()))
        .stands(Status::Due)
        .shown_by(&[]);
    let monitored = adopted().and("2023-06-01", EqualityImpactMonitored { version: 1 });
    row("R-46.2", &having(&monitored))
        .stands(Status::Satisfied)
        .shown_by(&[monitored.last()]);
    // It is the version in force that is monitored, while the next is prepared.
    let by = [monitored.last()];
    let revised = monitored.revision("2023-10-01", 2);
    row("R-46.2", &having(&revised))
        .stands(Status::Satisfied)
        .shown_by(&by);
    row("R-46.2", &having(&revised.adopted("2023-12-01", 2))).stands(Status::Due);
}
