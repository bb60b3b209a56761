//! The timeline: one row per entry and partnership it concerns.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use dutyledger_record::{EntryId, Record, Stream, StreamId, format_instant};
use serde::Serialize;

use crate::database::{Tx, sql};
use crate::error::ProjectionError;
use crate::values::{rows, word};

/// The rows a page of entries makes.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    rows: Vec<Line>,
    /// What was withdrawn, in which stream, and by which entry: the first that says so.
    withdrawn: BTreeMap<EntryId, (Stream, EntryId)>,
}

/// In the order in which the statement takes it apart: partnership, position; stream and version;
/// entry, event; date, whether it is assumed; instant, basis; whether it is reported; principal.
#[derive(Debug, Serialize)]
struct Line(
    StreamId,
    u64,
    String,
    StreamId,
    u64,
    EntryId,
    String,
    NaiveDate,
    bool,
    String,
    String,
    bool,
    String,
    Option<StreamId>,
);

impl Timeline {
    pub(crate) fn add(&mut self, record: &Record) -> Result<(), ProjectionError> {
        let entry = &record.entry;
        let standing = &entry.standing;
        if let Some(corrected) = standing.corrects {
            let by = (entry.stream.clone(), entry.entry_id);
            self.withdrawn.entry(corrected).or_insert(by);
        }
        for partnership in &standing.partnerships {
            self.rows.push(Line(
                *partnership,
                record.position,
                entry.stream.stream_type.to_string(),
                entry.stream.id,
                entry.version,
                entry.entry_id,
                record.event.event_type.clone(),
                standing.occurred_on.date,
                standing.occurred_on.assumed,
                format_instant(record.recorded_at),
                word(&standing.basis)?,
                standing.reported,
                word(&standing.principal.kind)?,
                standing.principal.id,
            ));
        }
        Ok(())
    }

    pub(crate) async fn write(&self, tx: &mut Tx) -> Result<(), ProjectionError> {
        if !self.rows.is_empty() {
            // An entry that named a partnership twice would still have one row for it.
            let insert = sql(
                "INSERT INTO timeline (partnership_id, position, stream_type, stream_id, version, \
                     entry_id, event_type, occurred_on, occurred_on_assumed, recorded_at, basis, \
                     reported, principal_kind, principal_id) \
                 SELECT value ->> 0, CAST(value ->> 1 AS bigint), value ->> 2, value ->> 3, \
                        CAST(value ->> 4 AS bigint), value ->> 5, value ->> 6, value ->> 7, \
                        CAST(value ->> 8 AS boolean), value ->> 9, value ->> 10, \
                        CAST(value ->> 11 AS boolean), value ->> 12, value ->> 13 \
                 FROM json_each($1) WHERE true \
                 ON CONFLICT (partnership_id, position) DO NOTHING",
            );
            tx.execute(insert.bind(rows(&self.rows)?)).await?;
        }
        if !self.withdrawn.is_empty() {
            let withdrawn = self
                .withdrawn
                .iter()
                .map(|(entry, (stream, by))| (entry, stream.stream_type.as_str(), stream.id, by));
            let update = sql("UPDATE timeline SET withdrawn_by = withdrawal.entry \
                 FROM (SELECT value ->> 0 AS withdrawn, value ->> 1 AS stream_type, \
                              value ->> 2 AS stream_id, value ->> 3 AS entry \
                       FROM json_each($1)) AS withdrawal \
                 WHERE timeline.entry_id = withdrawal.withdrawn \
                   AND timeline.stream_type = withdrawal.stream_type \
                   AND timeline.stream_id = withdrawal.stream_id \
                   AND timeline.withdrawn_by IS NULL");
            tx.execute(update.bind(rows(withdrawn)?)).await?;
        }
        Ok(())
    }
}
