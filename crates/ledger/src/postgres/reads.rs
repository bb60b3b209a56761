//! The readers' side of a ledger in PostgreSQL: every read is one statement on its own.
//!
//! Positions begin at 1. No read of entries gives one from below: nothing vouches for what somebody put
//! there, whichever index leads to it.

use chrono::{DateTime, Utc};
use dutyledger_record::{EntryId, Frontier, KeyId, LedgerId, Record, Stream, StreamId};
use sqlx::postgres::{PgExecutor, PgPool};
use uuid::Uuid;

use super::dates::{Day, Moment};
use super::{LEDGER, readers};
use crate::append::{Idempotency, IdempotentRow};
use crate::error::{OpenError, ReadError};
use crate::key::ApiKey;
use crate::place::PostgresUrl;
use crate::reader::{self, Extent, Row, Stored};
use crate::value::{corrupt, hash, integer, number, unreadable};

/// position, leaf_data, leaf_hash
type EntryColumns = (i64, String, Vec<u8>);

/// digest, first_position, last_position, created_at
pub(super) type NameColumns = (Vec<u8>, i64, i64, DateTime<Utc>);

/// key_id, hash, kind, principal_id, label, issued_at, expires_at, revoked_at
type KeyColumns = (
    Uuid,
    Vec<u8>,
    String,
    Option<Uuid>,
    String,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
);

/// position, leaf data, leaf hash, and the columns that repeat the leaf data
type RowColumns = (
    i64,
    String,
    Vec<u8>,
    Uuid,
    String,
    Uuid,
    i64,
    String,
    i64,
    Day,
    Moment,
);

fn row(columns: RowColumns) -> Result<Row, ReadError> {
    let (
        position,
        leaf_data,
        leaf_hash,
        entry_id,
        stream_type,
        stream_id,
        version,
        event_type,
        schema_version,
        occurred_on,
        recorded_at,
    ) = columns;
    let columns = Columns {
        entry_id,
        stream_type,
        stream_id,
        version,
        event_type,
        schema_version,
        occurred_on,
        recorded_at,
    };
    Ok(Row {
        stored: stored((position, leaf_data, leaf_hash))?,
        columns: reader::Columns::Postgres(columns),
    })
}

/// The columns beside an entry's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    entry_id: Uuid,
    stream_type: String,
    stream_id: Uuid,
    version: i64,
    event_type: String,
    schema_version: i64,
    occurred_on: Day,
    recorded_at: Moment,
}

impl Columns {
    /// Whether they say what the record says.
    pub(crate) fn repeat(&self, record: &Record) -> bool {
        let (entry, event) = (&record.entry, &record.event);
        self.entry_id == entry.entry_id.uuid()
            && self.stream_type == entry.stream.stream_type.as_str()
            && self.stream_id == entry.stream.id.uuid()
            && self.version == integer(entry.version)
            && self.event_type == event.event_type
            && self.schema_version == i64::from(event.schema_version)
            && self.occurred_on.is(entry.standing.occurred_on.date)
            && self.recorded_at.is(record.recorded_at)
    }
}

/// A ledger in a database, open for reading.
#[derive(Clone, Debug)]
pub(crate) struct PostgresReads {
    pool: PgPool,
}

impl PostgresReads {
    pub(crate) async fn open(url: &PostgresUrl, most: u32) -> Result<Self, OpenError> {
        Ok(Self {
            pool: readers(url, &LEDGER, most).await?,
        })
    }

    pub(crate) async fn head(&self) -> Result<Option<(LedgerId, u64)>, ReadError> {
        let row = sqlx::query_as::<_, (Uuid, i64)>(
            "SELECT ledger_id, position FROM ledger.head WHERE position > 0",
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(unreadable)?;
        row.map(|(ledger, position)| Ok((LedgerId::new(ledger), number(position)?)))
            .transpose()
    }

    pub(crate) async fn read_stream(
        &self,
        stream: &Stream,
        after: u64,
        up_to: u64,
    ) -> Result<Vec<Stored>, ReadError> {
        let rows = sqlx::query_as::<_, EntryColumns>(
            "SELECT position, leaf_data, leaf_hash FROM ledger.entry \
             WHERE stream_type = $1 AND stream_id = $2 AND version > $3 \
               AND position BETWEEN 1 AND $4 \
             ORDER BY version",
        )
        .bind(stream.stream_type.as_str())
        .bind(stream.id.uuid())
        .bind(integer(after))
        .bind(integer(up_to))
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable)?;
        rows.into_iter().map(stored).collect()
    }

    pub(crate) async fn read(&self, after: u64, limit: u32) -> Result<Vec<Stored>, ReadError> {
        let rows = sqlx::query_as::<_, EntryColumns>(
            "SELECT position, leaf_data, leaf_hash FROM ledger.entry \
             WHERE position > $1 ORDER BY position LIMIT $2",
        )
        .bind(integer(after))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable)?;
        rows.into_iter().map(stored).collect()
    }

    pub(crate) async fn erasures(
        &self,
        after: Option<(StreamId, u64)>,
        limit: u32,
    ) -> Result<Vec<Stored>, ReadError> {
        let (stream, version) = after.map_or((Uuid::nil(), 0), |(stream, version)| {
            (stream.uuid(), version)
        });
        let rows = sqlx::query_as::<_, EntryColumns>(
            "SELECT position, leaf_data, leaf_hash FROM ledger.entry \
             WHERE stream_type = 'erasure' AND (stream_id, version) > ($1, $2) AND position > 0 \
             ORDER BY stream_id, version LIMIT $3",
        )
        .bind(stream)
        .bind(integer(version))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable)?;
        rows.into_iter().map(stored).collect()
    }

    pub(crate) async fn entry(&self, id: EntryId) -> Result<Option<Stored>, ReadError> {
        let row = sqlx::query_as::<_, EntryColumns>(
            "SELECT position, leaf_data, leaf_hash FROM ledger.entry \
             WHERE entry_id = $1 AND position > 0",
        )
        .bind(id.uuid())
        .fetch_optional(&self.pool)
        .await
        .map_err(unreadable)?;
        row.map(stored).transpose()
    }

    pub(crate) async fn versions(&self, streams: &[Stream]) -> Result<Vec<u64>, ReadError> {
        versions(&self.pool, &streams.iter().collect::<Vec<_>>()).await
    }

    pub(crate) async fn extent(
        &self,
        streams: &[&Stream],
        up_to: u64,
    ) -> Result<Extent, ReadError> {
        let (types, ids) = named(streams.iter().copied());
        let (entries, bytes) = sqlx::query_as::<_, (i64, i64)>(
            "SELECT count(*), coalesce(sum(octet_length(leaf_data)), 0)::bigint \
             FROM unnest($1::text[], $2::uuid[]) AS wanted (type, id) \
             JOIN ledger.entry ON stream_type = wanted.type AND stream_id = wanted.id \
             WHERE position BETWEEN 1 AND $3",
        )
        .bind(types)
        .bind(ids)
        .bind(integer(up_to))
        .fetch_one(&self.pool)
        .await
        .map_err(unreadable)?;
        Ok(Extent {
            entries: number(entries)?,
            bytes: number(bytes)?,
        })
    }

    pub(crate) async fn root(&self, position: u64) -> Result<Option<[u8; 32]>, ReadError> {
        let row =
            sqlx::query_scalar::<_, Vec<u8>>("SELECT root FROM ledger.root WHERE position = $1")
                .bind(integer(position))
                .fetch_optional(&self.pool)
                .await
                .map_err(unreadable)?;
        row.as_deref().map(hash).transpose()
    }

    pub(crate) async fn roots(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, [u8; 32])>, ReadError> {
        let rows = sqlx::query_as::<_, (i64, Vec<u8>)>(
            "SELECT position, root FROM ledger.root WHERE position > $1 \
             ORDER BY position LIMIT $2",
        )
        .bind(integer(after))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable)?;
        rows.into_iter()
            .map(|(position, root)| Ok((number(position)?, hash(&root)?)))
            .collect()
    }

    pub(crate) async fn last_root(&self) -> Result<Option<(u64, [u8; 32])>, ReadError> {
        let row = sqlx::query_as::<_, (i64, Vec<u8>)>(
            "SELECT position, root FROM ledger.root WHERE position > 0 ORDER BY position DESC LIMIT 1",
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(unreadable)?;
        row.map(|(position, root)| Ok((number(position)?, hash(&root)?)))
            .transpose()
    }

    /// To how many entries the index of streams leads, of each of these up to a version: each stream is
    /// asked for by itself, since the rows of many may be found faster by going through all of them.
    pub(crate) async fn led_to(&self, streams: &[(Stream, u64)]) -> Result<Vec<u64>, ReadError> {
        let (types, ids) = named(streams.iter().map(|(stream, _)| stream));
        let versions: Vec<_> = streams.iter().map(|(_, last)| integer(*last)).collect();
        let rows = sqlx::query_scalar::<_, i64>(
            "SELECT (SELECT count(*) FROM ledger.entry \
                     WHERE stream_type = wanted.type AND stream_id = wanted.id \
                       AND version BETWEEN 1 AND wanted.last) \
             FROM unnest($1::text[], $2::uuid[], $3::bigint[]) \
                  WITH ORDINALITY AS wanted (type, id, last, place) \
             ORDER BY place",
        )
        .bind(types)
        .bind(ids)
        .bind(versions)
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable)?;
        rows.into_iter().map(number).collect()
    }

    /// At most `limit` positions of rows below the first there may be, of entries or of roots.
    pub(crate) async fn below_first(&self, limit: u32) -> Result<Vec<i64>, ReadError> {
        sqlx::query_scalar(
            "SELECT position FROM (SELECT position FROM ledger.entry WHERE position < 1 \
                                   UNION SELECT position FROM ledger.root WHERE position < 1) AS below \
             ORDER BY position LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable)
    }

    pub(crate) async fn frontier(&self) -> Result<(u64, Frontier), ReadError> {
        let (position, bytes) = sqlx::query_as::<_, (i64, Vec<u8>)>(
            "SELECT position, frontier FROM ledger.head WHERE position > 0",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(unreadable)?;
        let position = number(position)?;
        Ok((
            position,
            Frontier::from_bytes(position, &bytes).map_err(corrupt)?,
        ))
    }

    pub(crate) async fn rows(&self, after: u64, limit: u32) -> Result<Vec<Row>, ReadError> {
        let rows = sqlx::query_as::<_, RowColumns>(
            "SELECT position, leaf_data, leaf_hash, entry_id, stream_type, stream_id, version, \
                    event_type, schema_version::bigint, occurred_on, recorded_at \
             FROM ledger.entry WHERE position > $1 ORDER BY position LIMIT $2",
        )
        .bind(integer(after))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable)?;
        rows.into_iter().map(row).collect()
    }

    pub(crate) async fn names(
        &self,
        after: Option<&(String, String)>,
        limit: u32,
    ) -> Result<Vec<(Idempotency, IdempotentRow)>, ReadError> {
        // No scope is empty.
        let (scope, key) = after.map_or(("", ""), |(scope, key)| (scope, key));
        let rows = sqlx::query_as::<_, (String, String, bool, Vec<u8>, i64, i64, DateTime<Utc>)>(
            "SELECT scope, key, lasting, digest, first_position, last_position, created_at \
             FROM ledger.idempotency WHERE (scope, key) > ($1, $2) ORDER BY scope, key LIMIT $3",
        )
        .bind(scope)
        .bind(key)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable)?;
        rows.into_iter()
            .map(|(scope, key, lasting, digest, first, last, at)| {
                Ok(name(&(digest, first, last, at))?.named(scope, key, lasting))
            })
            .collect()
    }

    pub(crate) async fn idempotent(
        &self,
        scope: &str,
        key: &str,
    ) -> Result<Option<IdempotentRow>, ReadError> {
        let row = sqlx::query_as::<_, NameColumns>(
            "SELECT digest, first_position, last_position, created_at FROM ledger.idempotency \
             WHERE scope = $1 AND key = $2",
        )
        .bind(scope)
        .bind(key)
        .fetch_optional(&self.pool)
        .await
        .map_err(unreadable)?;
        row.as_ref().map(name).transpose()
    }

    pub(crate) async fn api_key_by_hash(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<ApiKey>, ReadError> {
        let row = sqlx::query_as::<_, KeyColumns>(
            "SELECT key_id, hash, kind, principal_id, label, issued_at, expires_at, revoked_at \
             FROM ledger.api_key WHERE hash = $1",
        )
        .bind(hash.as_slice())
        .fetch_optional(&self.pool)
        .await
        .map_err(unreadable)?;
        row.map(api_key).transpose()
    }

    pub(crate) async fn api_keys(
        &self,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, ReadError> {
        let rows = sqlx::query_as::<_, KeyColumns>(
            "SELECT key_id, hash, kind, principal_id, label, issued_at, expires_at, revoked_at \
             FROM ledger.api_key WHERE $1::uuid IS NULL OR key_id > $1 \
             ORDER BY key_id LIMIT $2",
        )
        .bind(after.map(KeyId::uuid))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable)?;
        rows.into_iter().map(api_key).collect()
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// The names of streams, for a statement that takes two lists of them.
fn named<'s>(streams: impl Iterator<Item = &'s Stream>) -> (Vec<&'s str>, Vec<Uuid>) {
    streams
        .map(|stream| (stream.stream_type.as_str(), stream.id.uuid()))
        .unzip()
}

/// The versions of streams, as a reader and a writer ask for them.
///
/// The last version is asked for as the first one backwards: a plan that was made while the table was
/// small would take `max` for a walk through all versions of the stream.
pub(super) async fn versions(
    executor: impl PgExecutor<'_>,
    streams: &[&Stream],
) -> Result<Vec<u64>, ReadError> {
    let (types, ids) = named(streams.iter().copied());
    let rows = sqlx::query_scalar::<_, i64>(
        "SELECT coalesce((SELECT version FROM ledger.entry \
                          WHERE stream_type = wanted.type AND stream_id = wanted.id \
                          ORDER BY version DESC LIMIT 1), 0) \
         FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS wanted (type, id, place) \
         ORDER BY place",
    )
    .bind(types)
    .bind(ids)
    .fetch_all(executor)
    .await
    .map_err(unreadable)?;
    rows.into_iter().map(number).collect()
}

fn stored((position, leaf_data, leaf_hash): EntryColumns) -> Result<Stored, ReadError> {
    Ok(Stored {
        position: number(position)?,
        leaf_data,
        leaf_hash: hash(&leaf_hash)?,
    })
}

pub(super) fn name((digest, first, last, at): &NameColumns) -> Result<IdempotentRow, ReadError> {
    Ok(IdempotentRow {
        digest: hash(digest)?,
        first_position: number(*first)?,
        last_position: number(*last)?,
        recorded_at: *at,
    })
}

fn api_key(columns: KeyColumns) -> Result<ApiKey, ReadError> {
    let (key_id, hash_bytes, kind, principal_id, label, issued_at, expires_at, revoked_at) =
        columns;
    Ok(ApiKey {
        key_id: KeyId::new(key_id),
        hash: hash(&hash_bytes)?,
        kind,
        principal_id: principal_id.map(StreamId::new),
        label,
        issued_at,
        expires_at,
        revoked_at,
    })
}
