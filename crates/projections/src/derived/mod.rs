//! What follows from several streams of a partnership together: reviews, triggers and marks.
//!
//! A partnership's rows are one function of the streams it depends on. Those are written down
//! beside the rows, so that a change of any of them is known to concern it.

mod histories;
mod shown;

use dutyledger_domain::streams::{PartnershipState, StrategyState};
use dutyledger_domain::triggers::{EntryMark, marks};
use dutyledger_domain::{Coverage, Histories, History, reviews};
use dutyledger_record::{EntryId, RestsOn, Stream, StreamId};
use sqlx::sqlite::SqliteConnection;

use crate::cache::Loader;
use crate::error::ProjectionError;
use crate::streams::FOLDS_ALL;
use crate::values::{parsed, rows, word};
use shown::{Shown, shown};

/// The partnerships that depend on any of these streams.
pub(crate) async fn dependents(
    conn: &mut SqliteConnection,
    streams: impl Iterator<Item = &Stream>,
) -> Result<Vec<StreamId>, ProjectionError> {
    let streams = rows(streams.map(|s| (s.stream_type.as_str(), s.id)))?;
    let found = sqlx::query_scalar::<_, String>(
        "SELECT DISTINCT depends.partnership_id FROM json_each(?1) AS touched \
         CROSS JOIN depends ON depends.stream_type = touched.value ->> 0 \
             AND depends.stream_id = touched.value ->> 1",
    )
    .bind(streams)
    .fetch_all(conn)
    .await?;
    Ok(found
        .iter()
        .map(|id| parsed(id))
        .collect::<Result<_, _>>()?)
}

/// Writes a partnership's rows anew. Its streams' own rows are written already.
pub(crate) async fn write(
    conn: &mut SqliteConnection,
    loader: &mut Loader<'_>,
    partnership: StreamId,
) -> Result<(), ProjectionError> {
    let (histories, depends_on) = histories::of(conn, loader, partnership).await?;
    let rows = Derived::of(partnership, &histories);
    rows.write(conn, partnership).await?;
    depend(conn, partnership, &depends_on).await?;
    loader.cache.put_all(histories);
    Ok(())
}

struct Derived {
    reviews: Vec<(StreamId, reviews::ReviewDue)>,
    coverage: Option<Coverage>,
    triggers: Vec<Shown>,
    marks: Vec<(StreamId, Vec<EntryMark>)>,
}

impl Derived {
    fn of(partnership: StreamId, histories: &Histories) -> Self {
        let state: PartnershipState = histories
            .partnerships
            .get(&partnership)
            .map(|history| history.state(FOLDS_ALL))
            .unwrap_or_default();
        let due = |(id, history): (&StreamId, &History<_>)| {
            let strategy: StrategyState = history.state(FOLDS_ALL);
            let over = strategy.superseded.is_some() || state.dissolved.is_some();
            reviews::due(&strategy)
                .filter(|_| !over)
                .map(|due| (*id, due))
        };
        Self {
            reviews: histories.strategies.iter().filter_map(due).collect(),
            coverage: state.coverage,
            triggers: shown(partnership, histories),
            marks: histories
                .strategies
                .keys()
                .map(|id| (*id, marks(*id, histories)))
                .collect(),
        }
    }

    async fn write(
        &self,
        conn: &mut SqliteConnection,
        partnership: StreamId,
    ) -> Result<(), ProjectionError> {
        let of = partnership.to_string();
        self.write_reviews(conn, &of).await?;
        self.write_triggers(conn, &of).await?;
        self.write_marks(conn, &of).await
    }

    async fn write_reviews(
        &self,
        conn: &mut SqliteConnection,
        of: &str,
    ) -> Result<(), ProjectionError> {
        sqlx::query("DELETE FROM review WHERE partnership_id = ?1")
            .bind(of)
            .execute(&mut *conn)
            .await?;
        let due = self
            .reviews
            .iter()
            .map(|(id, due)| (id, due.on, due.counted_from, due.assumed, due.entry_id));
        sqlx::query(
            "INSERT INTO review (partnership_id, covers_until, fictional, strategy_id, due_on, \
                                 counted_from, assumed, entry_id) \
             SELECT ?1, ?2, ?3, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 \
             FROM json_each(?4)",
        )
        .bind(of)
        .bind(self.coverage.as_ref().map(|c| c.covers_until.to_string()))
        .bind(self.coverage.as_ref().is_some_and(|c| c.fictional))
        .bind(rows(due)?)
        .execute(conn)
        .await?;
        Ok(())
    }

    async fn write_triggers(
        &self,
        conn: &mut SqliteConnection,
        of: &str,
    ) -> Result<(), ProjectionError> {
        sqlx::query("DELETE FROM trigger_row WHERE partnership_id = ?1")
            .bind(of)
            .execute(&mut *conn)
            .await?;
        let mut found = Vec::with_capacity(self.triggers.len());
        for Shown {
            from,
            until,
            trigger,
        } in &self.triggers
        {
            found.push((
                (from, until),
                (
                    trigger.since,
                    trigger.id,
                    trigger.authority,
                    word(&trigger.duty)?,
                    trigger.area,
                ),
                serde_json::to_string(trigger)?,
            ));
        }
        sqlx::query(
            "INSERT INTO trigger_row (partnership_id, shown_from, shown_until, since, trigger_id, \
                                      authority_id, duty, area_id, json) \
             SELECT ?1, value ->> '$[0][0]', value ->> '$[0][1]', value ->> '$[1][0]', \
                    value ->> '$[1][1]', value ->> '$[1][2]', value ->> '$[1][3]', \
                    value ->> '$[1][4]', value ->> 2 \
             FROM json_each(?2)",
        )
        .bind(of)
        .bind(rows(found)?)
        .execute(conn)
        .await?;
        Ok(())
    }

    async fn write_marks(
        &self,
        conn: &mut SqliteConnection,
        of: &str,
    ) -> Result<(), ProjectionError> {
        sqlx::query("DELETE FROM mark WHERE partnership_id = ?1")
            .bind(of)
            .execute(&mut *conn)
            .await?;
        let mut found: Vec<(StreamId, EntryId, usize, String)> = Vec::new();
        for (strategy, marks) in &self.marks {
            for (place, mark) in marks.iter().enumerate() {
                found.push((
                    *strategy,
                    mark.entry_id,
                    place,
                    serde_json::to_string(mark)?,
                ));
            }
        }
        sqlx::query(
            "INSERT INTO mark (partnership_id, strategy_id, entry_id, place, json) \
             SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?2)",
        )
        .bind(of)
        .bind(rows(found)?)
        .execute(conn)
        .await?;
        Ok(())
    }
}

async fn depend(
    conn: &mut SqliteConnection,
    partnership: StreamId,
    depends_on: &[RestsOn],
) -> Result<(), ProjectionError> {
    let of = partnership.to_string();
    sqlx::query("DELETE FROM depends WHERE partnership_id = ?1")
        .bind(&of)
        .execute(&mut *conn)
        .await?;
    let on = depends_on.iter().map(|s| (s.stream_type.as_str(), s.id));
    sqlx::query(
        "INSERT INTO depends (partnership_id, stream_type, stream_id) \
         SELECT ?1, value ->> 0, value ->> 1 FROM json_each(?2)",
    )
    .bind(of)
    .bind(rows(on)?)
    .execute(conn)
    .await?;
    Ok(())
}
