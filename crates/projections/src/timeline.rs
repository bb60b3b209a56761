//! The timeline: one row per entry and partnership it concerns.

use std::collections::BTreeMap;

use dutyledger_record::{EntryId, Record, Stream, format_instant};
use serde::Serialize;
use sqlx::sqlite::SqliteConnection;

use crate::error::ProjectionError;
use crate::values::{rows, word};

/// The rows a page of entries makes.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    rows: Vec<Line>,
    /// What was withdrawn, in which stream, and by which entry: the first that says so.
    withdrawn: BTreeMap<EntryId, (Stream, EntryId)>,
}

#[derive(Debug, Serialize)]
struct Line {
    partnership_id: String,
    position: u64,
    stream_type: String,
    stream_id: String,
    version: u64,
    entry_id: String,
    event_type: String,
    occurred_on: String,
    occurred_on_assumed: bool,
    recorded_at: String,
    basis: String,
    reported: bool,
    principal_kind: String,
    principal_id: Option<String>,
}

impl Timeline {
    pub(crate) fn add(&mut self, record: &Record) -> Result<(), ProjectionError> {
        let entry = &record.entry;
        let standing = &entry.standing;
        if let Some(corrected) = standing.corrects {
            let by = (entry.stream.clone(), entry.entry_id);
            self.withdrawn.entry(corrected).or_insert(by);
        }
        for partnership in &standing.partnerships {
            self.rows.push(Line {
                partnership_id: partnership.to_string(),
                position: record.position,
                stream_type: entry.stream.stream_type.to_string(),
                stream_id: entry.stream.id.to_string(),
                version: entry.version,
                entry_id: entry.entry_id.to_string(),
                event_type: record.event.event_type.clone(),
                occurred_on: standing.occurred_on.date.to_string(),
                occurred_on_assumed: standing.occurred_on.assumed,
                recorded_at: format_instant(record.recorded_at),
                basis: word(&standing.basis)?,
                reported: standing.reported,
                principal_kind: word(&standing.principal.kind)?,
                principal_id: standing.principal.id.map(|id| id.to_string()),
            });
        }
        Ok(())
    }

    pub(crate) async fn write(&self, conn: &mut SqliteConnection) -> Result<(), ProjectionError> {
        if !self.rows.is_empty() {
            // An entry that named a partnership twice would still have one row for it.
            sqlx::query(
                "INSERT INTO timeline (partnership_id, position, stream_type, stream_id, version, \
                     entry_id, event_type, occurred_on, occurred_on_assumed, recorded_at, basis, \
                     reported, principal_kind, principal_id) \
                 SELECT value ->> 'partnership_id', value ->> 'position', \
                        value ->> 'stream_type', value ->> 'stream_id', value ->> 'version', \
                        value ->> 'entry_id', value ->> 'event_type', value ->> 'occurred_on', \
                        value ->> 'occurred_on_assumed', value ->> 'recorded_at', \
                        value ->> 'basis', value ->> 'reported', value ->> 'principal_kind', \
                        value ->> 'principal_id' \
                 FROM json_each(?1) WHERE true \
                 ON CONFLICT (partnership_id, position) DO NOTHING",
            )
            .bind(rows(&self.rows)?)
            .execute(&mut *conn)
            .await?;
        }
        if !self.withdrawn.is_empty() {
            let withdrawn = self
                .withdrawn
                .iter()
                .map(|(entry, (stream, by))| (entry, stream.stream_type.as_str(), stream.id, by));
            sqlx::query(
                "UPDATE timeline SET withdrawn_by = withdrawal.entry \
                 FROM (SELECT value ->> 0 AS of, value ->> 1 AS stream_type, \
                              value ->> 2 AS stream_id, value ->> 3 AS entry \
                       FROM json_each(?1)) AS withdrawal \
                 WHERE timeline.entry_id = withdrawal.of \
                   AND timeline.stream_type = withdrawal.stream_type \
                   AND timeline.stream_id = withdrawal.stream_id \
                   AND timeline.withdrawn_by IS NULL",
            )
            .bind(rows(withdrawn)?)
            .execute(conn)
            .await?;
        }
        Ok(())
    }
}
