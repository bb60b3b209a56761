//! Writing the rows of streams.

pub(crate) mod links;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use dutyledger_domain::streams::Direction;
use dutyledger_domain::{History, StreamKind};
use dutyledger_record::{Stream, StreamId};
use serde::Serialize;

use crate::cache::Cache;
use crate::database::{Tx, sql};
use crate::error::ProjectionError;
use crate::kinds::Kept;
use crate::values::{parsed, rows, word};

/// A date after every other. Nothing is dated after today, so the state on it is today's. (A date
/// that does not exist would not compile.)
pub(crate) const FOLDS_ALL: NaiveDate = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap();

/// How many rows one statement writes: a state may be long.
const ROWS_MAX: usize = 1_000;

/// A history and what its rows say of it so far.
pub(crate) struct Grown<K: StreamKind> {
    pub(crate) history: History<K>,
    /// The state its rows were written from; none where that is not at hand.
    pub(crate) before: Option<Arc<K::State>>,
}

/// The rows of several streams, written together: each database is asked once for all.
#[derive(Default)]
pub(crate) struct StreamRows {
    rows: Vec<Row>,
    /// What each belonged to, where that is known, and belongs to.
    belong: BTreeMap<Stream, (Known, Option<StreamId>)>,
}

/// What a stream belonged to, if it is known: a partnership, or a case that names none itself.
type Known = Option<Option<StreamId>>;

/// In the order in which the statement takes it apart.
#[derive(Serialize)]
struct Row(
    &'static str,
    StreamId,
    Option<StreamId>,
    Option<String>,
    u64,
    u64,
    Option<String>,
    String,
);

impl StreamRows {
    /// Adds a stream, and writes what its state says about other streams where that has changed.
    pub(crate) async fn add<K: Kept>(
        &mut self,
        tx: &mut Tx,
        id: StreamId,
        grown: &Grown<K>,
        position: u64,
    ) -> Result<(), ProjectionError> {
        let Grown { history, before } = grown;
        let state = history.state(FOLDS_ALL);
        let partnership = K::partnership(id, &state);
        let belonged = before.as_ref().map(|before| K::belongs_to(id, before));
        let belongs = K::belongs_to(id, &state);
        self.belong
            .insert(Stream::new(K::TYPE, id), (belonged, belongs));
        self.rows.push(Row(
            K::NAME,
            id,
            partnership,
            K::capacity(&state).as_ref().map(word).transpose()?,
            history.version(),
            position,
            K::name(&state).map(|name| name.as_str().to_owned()),
            serde_json::to_string(&*state)?,
        ));
        K::write_links(id, before.as_deref(), &state, tx).await
    }

    /// Writes them, and answers what the streams belonged to and belong to.
    pub(crate) async fn write(
        mut self,
        tx: &mut Tx,
        cache: &mut Cache,
    ) -> Result<BTreeSet<StreamId>, ProjectionError> {
        self.find_out(tx).await?;
        for chunk in self.rows.chunks(ROWS_MAX) {
            let upsert = sql(
                "INSERT INTO stream_row (stream_type, stream_id, partnership_id, capacity, \
                     version, position, name, state) \
                 SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, \
                        CAST(value ->> 4 AS bigint), CAST(value ->> 5 AS bigint), \
                        value ->> 6, value ->> 7 \
                 FROM json_each($1) WHERE true \
                 ON CONFLICT (stream_type, stream_id) DO UPDATE SET \
                     partnership_id = excluded.partnership_id, capacity = excluded.capacity, \
                     version = excluded.version, position = excluded.position, \
                     name = excluded.name, state = excluded.state",
            );
            tx.execute(upsert.bind(rows(chunk)?)).await?;
        }
        let mut concerned = BTreeSet::new();
        for (stream, (before, now)) in self.belong {
            let before = before.flatten();
            cache.belongs(&stream, before, now);
            concerned.extend(before);
            concerned.extend(now);
        }
        Ok(concerned)
    }

    /// Reads what the streams of the rows that are there belonged to, where that is not known.
    async fn find_out(&mut self, tx: &mut Tx) -> Result<(), ProjectionError> {
        let unknown = self.belong.iter().filter(|(_, (b, _))| b.is_none());
        let unknown: Vec<_> = unknown
            .map(|(stream, _)| (stream.stream_type.as_str(), stream.id))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let found = tx
            .all::<(String, String, Option<String>)>(
                sql("SELECT s.stream_type, s.stream_id, s.partnership_id \
                     FROM json_each($1) AS touched CROSS JOIN stream_row AS s \
                     WHERE s.stream_type = touched.value ->> 0 \
                         AND s.stream_id = touched.value ->> 1")
                .bind(rows(unknown)?),
            )
            .await?;
        let mut there = BTreeMap::new();
        for (stream_type, id, partnership) in found {
            let partnership = partnership.as_deref().map(parsed::<StreamId>).transpose()?;
            let id = parsed::<StreamId>(&id)?;
            let alone = (stream_type == Direction::NAME).then_some(id);
            there.insert((stream_type, id), partnership.or(alone));
        }
        for (stream, (before, _)) in &mut self.belong {
            let key = (stream.stream_type.as_str().to_owned(), stream.id);
            before.get_or_insert_with(|| there.get(&key).copied().flatten());
        }
        Ok(())
    }
}
