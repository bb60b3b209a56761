//! What happened in a partnership.

use dutyledger_record::{OccurredOn, Stream, StreamId, StreamType};
use sqlx::FromRow;

use super::{asked, optional_id, page};
use crate::database::{Sql, sql};
use crate::derived::DEPENDENTS;
use crate::error::QueryError;
use crate::projections::Projections;
use crate::rows::{Page, TimelineFrom, TimelineRow};
use crate::values::{instant, number, parsed, read_word, rows};

#[derive(FromRow)]
struct Columns {
    partnership_id: String,
    position: i64,
    stream_type: String,
    stream_id: String,
    version: i64,
    entry_id: String,
    event_type: String,
    occurred_on: String,
    occurred_on_assumed: bool,
    recorded_at: String,
    basis: String,
    reported: bool,
    principal_kind: String,
    principal_id: Option<String>,
    withdrawn_by: Option<String>,
}

fn row(c: Columns) -> Result<TimelineRow, QueryError> {
    Ok(TimelineRow {
        position: number(c.position)?,
        partnership: parsed(&c.partnership_id)?,
        stream: Stream::new(StreamType::read(&c.stream_type), parsed(&c.stream_id)?),
        version: number(c.version)?,
        entry_id: parsed(&c.entry_id)?,
        event_type: c.event_type,
        occurred_on: OccurredOn {
            assumed: c.occurred_on_assumed,
            date: parsed(&c.occurred_on)?,
        },
        recorded_at: instant(&c.recorded_at)?,
        basis: read_word(&c.basis)?,
        reported: c.reported,
        principal_kind: read_word(&c.principal_kind)?,
        principal_id: optional_id(c.principal_id.as_deref())?,
        withdrawn_by: c.withdrawn_by.as_deref().map(parsed).transpose()?,
    })
}

/// The streams and events that announce a partnership's deadlines and triggers, in the ledger's order.
pub(crate) fn announcements(partnership: StreamId) -> Sql {
    let announced = sql("SELECT stream_type, stream_id, event_type FROM timeline \
         WHERE partnership_id = $1 AND stream_type IN ('deadline', 'trigger') \
         ORDER BY position");
    announced.bind(partnership)
}

/// A stream and an event, as a row of announcements has them.
pub(crate) fn announcement(
    (stream_type, id, event): (String, String, String),
) -> Result<(Stream, String), QueryError> {
    let stream = Stream::new(StreamType::read(&stream_type), parsed(&id)?);
    Ok((stream, event))
}

impl Projections {
    /// The entries that concern a partnership. The next page goes on from the position answered, in
    /// the same direction.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn timeline(
        &self,
        partnership: StreamId,
        from: TimelineFrom,
        limit: u32,
    ) -> Result<Page<TimelineRow, u64>, QueryError> {
        let (query, position) = match from {
            TimelineFrom::After(position) => (
                sql(
                    "SELECT partnership_id, position, stream_type, stream_id, version, entry_id, \
                            event_type, occurred_on, occurred_on_assumed, recorded_at, basis, \
                            reported, principal_kind, principal_id, withdrawn_by \
                     FROM timeline WHERE partnership_id = $1 AND position > $2 \
                     ORDER BY position LIMIT $3",
                ),
                position,
            ),
            TimelineFrom::Before(position) => (
                sql(
                    "SELECT partnership_id, position, stream_type, stream_id, version, entry_id, \
                            event_type, occurred_on, occurred_on_assumed, recorded_at, basis, \
                            reported, principal_kind, principal_id, withdrawn_by \
                     FROM timeline WHERE partnership_id = $1 AND position < $2 \
                     ORDER BY position DESC LIMIT $3",
                ),
                position,
            ),
        };
        let query = query.bind(partnership).bind(position).bind(asked(limit));
        let found = self.rows.all::<Columns>(query).await?;
        page(found, limit, row, |row| row.position)
    }

    /// What has been announced of a partnership's deadlines and triggers: the streams and their
    /// events, in the order of the ledger.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn announced(
        &self,
        partnership: StreamId,
    ) -> Result<Vec<(Stream, String)>, QueryError> {
        let found = self.rows.all(announcements(partnership)).await?;
        found.into_iter().map(announcement).collect()
    }

    /// The partnerships whose reviews, triggers and deadlines hang on any of these streams, and the cases
    /// that name none.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn dependents(&self, streams: &[Stream]) -> Result<Vec<StreamId>, QueryError> {
        let streams = rows(streams.iter().map(|s| (s.stream_type.as_str(), s.id)));
        let streams = streams.map_err(|error| QueryError::Corrupt {
            found: "the streams asked about".to_owned(),
            reason: error.to_string(),
        })?;
        let found = self
            .rows
            .all::<(String,)>(sql(DEPENDENTS).bind(streams))
            .await?;
        found.iter().map(|(id,)| parsed(id)).collect()
    }
}
