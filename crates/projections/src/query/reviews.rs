//! Reviews.

use chrono::NaiveDate;
use dutyledger_record::StreamId;

use super::{after_id, asked, page};
use crate::database::sql;
use crate::error::QueryError;
use crate::projections::Projections;
use crate::rows::{Page, ReviewRow};
use crate::values::parsed;

/// strategy_id, partnership_id, due_on, counted_from, assumed, entry_id, covers_until, fictional
type Columns = (
    String,
    String,
    String,
    String,
    bool,
    String,
    Option<String>,
    bool,
);

fn row(columns: Columns) -> Result<ReviewRow, QueryError> {
    let (strategy, partnership, due_on, counted_from, assumed, entry_id, covers_until, fictional) =
        columns;
    Ok(ReviewRow {
        strategy: parsed(&strategy)?,
        partnership: parsed(&partnership)?,
        due_on: parsed(&due_on)?,
        counted_from: parsed(&counted_from)?,
        assumed,
        entry_id: parsed(&entry_id)?,
        covers_until: covers_until.as_deref().map(parsed).transpose()?,
        fictional,
    })
}

impl Projections {
    /// The reviews due before a date, the longest due first. [`ReviewRow::status`] tells those
    /// overdue from those of which it is not known.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn reviews_due_before(
        &self,
        date: NaiveDate,
        after: Option<(NaiveDate, StreamId)>,
        limit: u32,
    ) -> Result<Page<ReviewRow, (NaiveDate, StreamId)>, QueryError> {
        let found = self
            .rows
            .all::<Columns>(
                sql(
                    "SELECT strategy_id, partnership_id, due_on, counted_from, assumed, entry_id, \
                    covers_until, fictional \
             FROM review WHERE due_on < $1 AND (due_on, strategy_id) > ($2, $3) \
             ORDER BY due_on, strategy_id LIMIT $4",
                )
                .bind(date.to_string())
                .bind(after.map_or_else(String::new, |(due, _)| due.to_string()))
                .bind(after_id(after.map(|(_, strategy)| strategy)))
                .bind(asked(limit)),
            )
            .await?;
        page(found, limit, row, |row| (row.due_on, row.strategy))
    }

    /// The reviews of a partnership's strategies.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn reviews_of(&self, partnership: StreamId) -> Result<Vec<ReviewRow>, QueryError> {
        let found = self
            .rows
            .all::<Columns>(
                sql(
                    "SELECT strategy_id, partnership_id, due_on, counted_from, assumed, entry_id, \
                    covers_until, fictional \
             FROM review WHERE partnership_id = $1 ORDER BY strategy_id",
                )
                .bind(partnership),
            )
            .await?;
        found.into_iter().map(row).collect()
    }

    /// The review of one strategy; none if it has nothing to review yet, or no longer.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn review(&self, strategy: StreamId) -> Result<Option<ReviewRow>, QueryError> {
        let found = self
            .rows
            .optional::<Columns>(
                sql(
                    "SELECT strategy_id, partnership_id, due_on, counted_from, assumed, entry_id, \
                    covers_until, fictional \
             FROM review WHERE strategy_id = $1",
                )
                .bind(strategy),
            )
            .await?;
        found.map(row).transpose()
    }
}
