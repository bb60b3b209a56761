//! Writing the row of a stream.

pub(crate) mod links;

use std::collections::BTreeSet;

use chrono::NaiveDate;
use dutyledger_domain::History;
use dutyledger_record::StreamId;
use sqlx::sqlite::SqliteConnection;

use crate::error::ProjectionError;
use crate::kinds::Kept;
use crate::values::{integer, parsed, word};

/// A date after every other. Nothing is dated after today, so the state on it is today's. (A date
/// that does not exist would not compile.)
pub(crate) const FOLDS_ALL: NaiveDate = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap();

/// Folds a history and writes its row. Adds the partnerships the stream belonged to and belongs to.
pub(crate) async fn write<K: Kept>(
    conn: &mut SqliteConnection,
    id: StreamId,
    history: &History<K>,
    position: u64,
    partnerships: &mut BTreeSet<StreamId>,
) -> Result<(), ProjectionError> {
    let state = history.state(FOLDS_ALL);
    let partnership = K::partnership(id, &state);
    let before = sqlx::query_scalar::<_, Option<String>>(
        "SELECT partnership_id FROM stream_row WHERE stream_type = ?1 AND stream_id = ?2",
    )
    .bind(K::NAME)
    .bind(id.to_string())
    .fetch_optional(&mut *conn)
    .await?
    .flatten();
    partnerships.extend(before.as_deref().map(parsed::<StreamId>).transpose()?);
    partnerships.extend(partnership);
    sqlx::query(
        "INSERT INTO stream_row (stream_type, stream_id, partnership_id, capacity, version, \
                                 position, name, state) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
         ON CONFLICT (stream_type, stream_id) DO UPDATE SET \
             partnership_id = excluded.partnership_id, capacity = excluded.capacity, \
             version = excluded.version, position = excluded.position, name = excluded.name, \
             state = excluded.state",
    )
    .bind(K::NAME)
    .bind(id.to_string())
    .bind(partnership.map(|id| id.to_string()))
    .bind(K::capacity(&state).as_ref().map(word).transpose()?)
    .bind(integer(history.version()))
    .bind(integer(position))
    .bind(K::name(&state).map(|name| name.as_str()))
    .bind(serde_json::to_string(&state)?)
    .execute(&mut *conn)
    .await?;
    K::write_links(id, &state, conn).await
}
