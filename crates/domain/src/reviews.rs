//! When the annual review of a strategy is due.
//!
//! The Act sets no period: "annual" is guidance, and where the year starts is local. It is counted
//! from the adoption or from the last review of the whole strategy.

use chrono::{Months, NaiveDate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_record::EntryId;

use crate::streams::{PartnershipState, StrategyState};
use crate::values::ReviewScope;

/// A review's date and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReviewDue {
    /// The date it is due; it is overdue from the next day.
    pub on: NaiveDate,
    /// The date it is counted from.
    pub counted_from: NaiveDate,
    /// Whether that date is assumed.
    pub assumed: bool,
    /// The entry it is counted from.
    pub entry_id: EntryId,
}

/// How a strategy's review stands on a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewStatus {
    /// The strategy has nothing to review yet, or no longer.
    NotApplicable,
    /// Not due yet.
    NotYetDue,
    /// Due today.
    Due,
    /// Overdue.
    Overdue,
    /// Not known: the sources do not reach that far, or the date it is counted from is assumed.
    NotKnown,
}

/// When the next whole review is due: twelve months from the adoption or the last whole review,
/// whichever is later; 29 February gives 28 February.
#[must_use]
pub fn due(strategy: &StrategyState) -> Option<ReviewDue> {
    let adoptions = strategy
        .versions
        .values()
        .filter_map(|v| v.adopted.as_ref())
        .map(|a| a.at);
    let whole = strategy
        .reviews
        .iter()
        .filter(|r| r.scope == ReviewScope::Whole)
        .map(|r| r.at);
    let last = adoptions.chain(whole).max_by_key(|at| at.on)?;
    Some(ReviewDue {
        on: last.on.checked_add_months(Months::new(12))?,
        counted_from: last.on,
        assumed: last.assumed,
        entry_id: last.entry_id,
    })
}

/// How the review stands on a date.
#[must_use]
pub fn status(
    strategy: &StrategyState,
    partnership: Option<&PartnershipState>,
    on: NaiveDate,
) -> ReviewStatus {
    let over = strategy.superseded.is_some() || partnership.is_some_and(|p| p.dissolved.is_some());
    let Some(due) = due(strategy).filter(|_| !over) else {
        return ReviewStatus::NotApplicable;
    };
    let covered = partnership.and_then(|p| p.coverage.as_ref());
    if due.assumed || covered.is_some_and(|c| on > c.covers_until) {
        return ReviewStatus::NotKnown;
    }
    match on.cmp(&due.on) {
        std::cmp::Ordering::Less => ReviewStatus::NotYetDue,
        std::cmp::Ordering::Equal => ReviewStatus::Due,
        std::cmp::Ordering::Greater => ReviewStatus::Overdue,
    }
}
