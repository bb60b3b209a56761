//! Triggers and marks.

use chrono::NaiveDate;
use dutyledger_record::StreamId;
use uuid::Uuid;

use super::{asked, page};
use crate::database::sql;
use crate::error::QueryError;
use crate::projections::Projections;
use crate::rows::{MarkRow, Page, TriggerRow};
use crate::values::{parsed, read_json};

/// partnership_id, json
type Columns = (String, String);

fn row((whose, json): Columns) -> Result<TriggerRow, QueryError> {
    Ok(TriggerRow {
        whose: parsed(&whose)?,
        trigger: read_json(&json)?,
    })
}

impl Projections {
    /// The triggers shown on a date, of one partnership or of all, the oldest first. The date is
    /// today: the rows say nothing of what was shown on a day before.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn triggers(
        &self,
        partnership: Option<StreamId>,
        on: NaiveDate,
        after: Option<(NaiveDate, Uuid)>,
        limit: u32,
    ) -> Result<Page<TriggerRow, (NaiveDate, Uuid)>, QueryError> {
        let query = match partnership {
            Some(_) => sql("SELECT partnership_id, json FROM trigger_row \
                 WHERE partnership_id = $5 AND since <= $1 \
                     AND shown_from <= $1 AND $1 < shown_until \
                     AND (since, trigger_id) > ($2, $3) \
                 ORDER BY since, trigger_id LIMIT $4"),
            None => sql("SELECT partnership_id, json FROM trigger_row \
                 WHERE since <= $1 AND shown_from <= $1 AND $1 < shown_until \
                     AND (since, trigger_id) > ($2, $3) \
                 ORDER BY since, trigger_id LIMIT $4"),
        };
        let query = query
            .bind(on.to_string())
            .bind(after.map_or_else(String::new, |(since, _)| since.to_string()))
            .bind(after.map_or_else(String::new, |(_, id)| id.to_string()))
            .bind(asked(limit));
        let query = match partnership {
            Some(partnership) => query.bind(partnership),
            None => query,
        };
        let found = self.rows.all::<Columns>(query).await?;
        page(found, limit, row, |row| (row.trigger.since, row.trigger.id))
    }

    /// The decisions and past facts of a strategy whose rows are not met with what is now known, in
    /// the order they were recorded.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn marks(&self, strategy: StreamId) -> Result<Vec<MarkRow>, QueryError> {
        let found = self
            .rows
            .all::<(String,)>(
                sql("SELECT json FROM mark WHERE strategy_id = $1 ORDER BY place").bind(strategy),
            )
            .await?;
        found
            .iter()
            .map(|(json,)| {
                Ok(MarkRow {
                    strategy,
                    mark: read_json(json)?,
                })
            })
            .collect()
    }
}
