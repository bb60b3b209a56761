//! When a review is due, and what a late one asks for.

use dutyledger_domain::reviews::{ReviewStatus, due, status};
use dutyledger_domain::streams::partnership::{CoverageStated, PartnershipDissolved};
use dutyledger_domain::streams::strategy::{
    CompleteReview, EqualityImpactMonitored, ReviewCompleted, StrategySuperseded,
};
use dutyledger_domain::streams::{Partnership, Strategy};
use dutyledger_domain::{RefusalCode, ReviewDecision, ReviewScope};

use crate::given::*;

fn review(scope: ReviewScope) -> ReviewCompleted {
    ReviewCompleted {
        decision: ReviewDecision::NoChange,
        review: item("review"),
        scope,
        version: 1,
    }
}

fn due_on(past: &Past<Strategy>) -> Option<String> {
    due(&past.state(TODAY)).map(|due| due.on.to_string())
}

fn standing(past: &Past<Strategy>, partnership: &Past<Partnership>, on: &str) -> ReviewStatus {
    status(&past.state(on), Some(&partnership.state(on)), day(on))
}

#[test]
fn a_review_is_due_twelve_months_after_adoption_or_the_last_whole_review() {
    let adopted = strategy().adopted("2024-03-01", 1);
    assert_eq!(due_on(&strategy()), None);
    assert_eq!(due_on(&adopted).as_deref(), Some("2025-03-01"));
    let whole = adopted
        .clone()
        .and("2025-01-10", review(ReviewScope::Whole));
    assert_eq!(due_on(&whole).as_deref(), Some("2026-01-10"));
    let part = adopted.and("2025-01-10", review(ReviewScope::Part));
    assert_eq!(
        due_on(&part).as_deref(),
        Some("2025-03-01"),
        "a part review moves nothing"
    );
    let counted = due(&whole.state(TODAY)).unwrap();
    assert_eq!(
        (counted.counted_from, counted.entry_id),
        (day("2025-01-10"), whole.last())
    );
}

#[test]
fn twelve_months_after_29_february_is_28_february() {
    assert_eq!(
        due_on(&strategy().adopted("2024-02-29", 1)).as_deref(),
        Some("2025-02-28")
    );
    assert_eq!(
        due_on(&strategy().adopted("2023-02-28", 1)).as_deref(),
        Some("2024-02-28")
    );
}

#[test]
fn a_revised_version_adopted_counts_from_its_own_adoption() {
    let past = strategy().adopted("2024-03-01", 1).adopted("2024-09-01", 2);
    assert_eq!(due_on(&past).as_deref(), Some("2025-09-01"));
}

#[test]
fn a_review_is_overdue_from_the_day_after_it_was_due() {
    let past = strategy().adopted("2024-03-01", 1);
    for (on, expected) in [
        ("2024-02-29", ReviewStatus::NotApplicable),
        ("2024-03-01", ReviewStatus::NotYetDue),
        ("2025-02-28", ReviewStatus::NotYetDue),
        ("2025-03-01", ReviewStatus::Due),
        ("2025-03-02", ReviewStatus::Overdue),
    ] {
        assert_eq!(standing(&past, &partnership(), on), expected, "on {on}");
    }
}

#[test]
fn whether_a_review_is_overdue_is_not_known_of_an_assumed_date_or_beyond_the_sources() {
    let past = strategy().adopted("2024-03-01", 1);
    let assumed = strategy().and_so("2024-03-01", adoption(1), assumed);
    assert_eq!(
        standing(&assumed, &partnership(), "2025-03-02"),
        ReviewStatus::NotKnown
    );
    for fictional in [false, true] {
        let covers_until = day("2025-03-02");
        let covered = partnership().and(
            "2024-03-02",
            CoverageStated {
                covers_until,
                fictional,
            },
        );
        assert_eq!(
            standing(&past, &covered, "2025-03-02"),
            ReviewStatus::Overdue
        );
        assert_eq!(
            standing(&past, &covered, "2025-03-03"),
            ReviewStatus::NotKnown
        );
    }
}

#[test]
fn a_strategy_superseded_or_of_a_dissolved_partnership_has_no_review_due() {
    let past = strategy().adopted("2024-03-01", 1);
    let superseded = past
        .clone()
        .and("2024-09-01", StrategySuperseded { by: id("next") });
    assert_eq!(
        standing(&superseded, &partnership(), TODAY),
        ReviewStatus::NotApplicable
    );
    let dissolved = partnership().and("2024-09-01", PartnershipDissolved { note: None });
    assert_eq!(
        standing(&past, &dissolved, TODAY),
        ReviewStatus::NotApplicable
    );
}

fn reviewing(past: Past<Strategy>) -> When<Strategy> {
    let command = CompleteReview {
        version: 1,
        scope: ReviewScope::Whole,
        decision: ReviewDecision::NoChange,
    };
    given(past, setting()).when(POLICE.key(), command)
}

fn monitored() -> Past<Strategy> {
    strategy()
        .adopted("2024-03-01", 1)
        .and("2024-06-01", EqualityImpactMonitored { version: 1 })
}

#[test]
fn r_42_1_a_late_review_asks_for_a_reason() {
    reviewing(monitored()).on("2025-03-01").met();
    reviewing(monitored()).on("2025-03-02").should("R-42.1");
}

#[test]
fn r_46_2_a_review_without_equality_monitoring_asks_for_a_reason() {
    reviewing(strategy().adopted("2024-03-01", 1))
        .on("2025-03-01")
        .should("R-46.2");
}

#[test]
fn only_the_version_in_force_on_the_day_is_reviewed() {
    let replaced = monitored()
        .revision("2024-06-02", 2)
        .adopted("2024-07-01", 2);
    let review = |on: &str| reviewing(replaced.clone()).on(on);
    review("2024-06-30").met();
    let refusal = review("2024-07-01").refused(RefusalCode::WrongState, &[]);
    assert!(
        refusal.detail.contains("Version 2 is in force"),
        "{refusal:?}"
    );
}
