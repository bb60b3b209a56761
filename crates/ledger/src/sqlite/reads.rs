//! The readers' side of a ledger in SQLite: every read is one statement on its own.
//!
//! Positions begin at 1. No read of entries gives one from below: nothing vouches for what somebody put
//! there, whichever index leads to it.

use std::path::Path;

use dutyledger_record::{
    EntryId, Frontier, KeyId, LedgerId, Record, Stream, StreamId, format_instant, unhex,
};
use serde_json::value::RawValue;
use sqlx::sqlite::{SqliteExecutor, SqlitePool};

use super::LEDGER;
use super::rows::{KeyColumns, NameColumns, api_key, id, name};
use crate::append::{Idempotency, IdempotentRow};
use crate::error::{OpenError, ReadError};
use crate::key::ApiKey;
use crate::reader::{self, Extent, Row, Stored};
use crate::value::{corrupt, hash, integer, number, unreadable};

/// position, leaf_data, leaf_hash
type EntryColumns = (i64, String, Vec<u8>);

/// first position, number of entries, leaf data one a line, leaf hashes in hexadecimal
type PageColumns = (i64, i64, String, String);

/// position, bytes of leaf data, leaf hash in hexadecimal, and the columns that repeat the leaf data
type RowColumns<'a> = (i64, usize, &'a str, &'a RawValue);

/// The columns beside an entry's text, as one text: the array that SQLite makes of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns(String);

impl Columns {
    /// Whether they say what the record says, written as the format writes it.
    pub(crate) fn repeat(&self, record: &Record) -> bool {
        let (entry, event) = (&record.entry, &record.event);
        let said = (
            entry.entry_id,
            &entry.stream.stream_type,
            entry.stream.id,
            entry.version,
            &event.event_type,
            event.schema_version,
            entry.standing.occurred_on.date,
            format_instant(record.recorded_at),
        );
        serde_json::to_string(&said).is_ok_and(|said| said == self.0)
    }
}

/// A ledger file, open for reading.
#[derive(Clone, Debug)]
pub(crate) struct SqliteReads {
    pool: SqlitePool,
}

impl SqliteReads {
    pub(crate) async fn open(path: &Path, most: u32) -> Result<Self, OpenError> {
        Ok(Self {
            pool: LEDGER.readers(path, most).await?,
        })
    }

    pub(crate) async fn head(&self) -> Result<Option<(LedgerId, u64)>, ReadError> {
        let row = sqlx::query_as::<_, (String, i64)>(
            "SELECT ledger_id, position FROM head WHERE position > 0",
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(unreadable)?;
        row.map(|(ledger, position)| Ok((id(&ledger)?, number(position)?)))
            .transpose()
    }

    pub(crate) async fn read_stream(
        &self,
        stream: &Stream,
        after: u64,
        up_to: u64,
    ) -> Result<Vec<Stored>, ReadError> {
        let rows = sqlx::query_as::<_, EntryColumns>(
            "SELECT position, leaf_data, leaf_hash FROM entry \
             WHERE stream_type = ?1 AND stream_id = ?2 AND version > ?3 \
               AND position BETWEEN 1 AND ?4 \
             ORDER BY version",
        )
        .bind(stream.stream_type.as_str())
        .bind(stream.id.to_string())
        .bind(integer(after))
        .bind(integer(up_to))
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable)?;
        rows.into_iter().map(stored).collect()
    }

    /// A page comes as one row: a row costs more than an entry, since each crosses threads.
    /// Leaf data holds no line break, and positions have no gaps.
    pub(crate) async fn read(&self, after: u64, limit: u32) -> Result<Vec<Stored>, ReadError> {
        let (first, count, leaves, hashes) = sqlx::query_as::<_, PageColumns>(
            "SELECT coalesce(min(position), 0), count(*), \
                    coalesce(group_concat(leaf_data, char(10)), ''), \
                    coalesce(group_concat(hex(leaf_hash), ''), '') \
             FROM (SELECT position, leaf_data, leaf_hash FROM entry \
                   WHERE position > ?1 ORDER BY position LIMIT ?2)",
        )
        .bind(integer(after))
        .bind(limit)
        .fetch_one(&self.pool)
        .await
        .map_err(unreadable)?;
        page(number(first)?, number(count)?, &leaves, &hashes)
    }

    pub(crate) async fn erasures(
        &self,
        after: Option<(StreamId, u64)>,
        limit: u32,
    ) -> Result<Vec<Stored>, ReadError> {
        let (stream, version) = after.map_or((String::new(), 0), |(stream, version)| {
            (stream.to_string(), version)
        });
        let rows = sqlx::query_as::<_, EntryColumns>(
            "SELECT position, leaf_data, leaf_hash FROM entry \
             WHERE stream_type = 'erasure' AND (stream_id, version) > (?1, ?2) AND position > 0 \
             ORDER BY stream_id, version LIMIT ?3",
        )
        .bind(stream)
        .bind(integer(version))
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable)?;
        rows.into_iter().map(stored).collect()
    }

    pub(crate) async fn entry(&self, id: EntryId) -> Result<Option<Stored>, ReadError> {
        let row = sqlx::query_as::<_, EntryColumns>(
            "SELECT position, leaf_data, leaf_hash FROM entry WHERE entry_id = ?1 AND position > 0",
        )
        .bind(id.to_string())
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
        let (entries, bytes) = sqlx::query_as::<_, (i64, i64)>(
            "SELECT count(*), coalesce(sum(octet_length(leaf_data)), 0) \
             FROM json_each(?1) AS wanted CROSS JOIN entry \
             WHERE stream_type = wanted.value ->> 0 AND stream_id = wanted.value ->> 1 \
               AND position BETWEEN 1 AND ?2",
        )
        .bind(named(streams)?)
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
        let row = sqlx::query_scalar::<_, Vec<u8>>("SELECT root FROM root WHERE position = ?1")
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
            "SELECT position, root FROM root WHERE position > ?1 ORDER BY position LIMIT ?2",
        )
        .bind(integer(after))
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable)?;
        rows.into_iter()
            .map(|(position, root)| Ok((number(position)?, hash(&root)?)))
            .collect()
    }

    pub(crate) async fn last_root(&self) -> Result<Option<(u64, [u8; 32])>, ReadError> {
        let row = sqlx::query_as::<_, (i64, Vec<u8>)>(
            "SELECT position, root FROM root WHERE position > 0 ORDER BY position DESC LIMIT 1",
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(unreadable)?;
        row.map(|(position, root)| Ok((number(position)?, hash(&root)?)))
            .transpose()
    }

    /// What the database finds wrong with its own pages and indexes.
    pub(crate) async fn integrity(&self) -> Result<Vec<String>, ReadError> {
        let mut found = sqlx::query_scalar::<_, String>("PRAGMA integrity_check")
            .fetch_all(&self.pool)
            .await
            .map_err(unreadable)?;
        found.retain(|line| line != "ok");
        Ok(found)
    }

    /// At most `limit` positions of rows below the first there may be, of entries or of roots.
    pub(crate) async fn below_first(&self, limit: u32) -> Result<Vec<i64>, ReadError> {
        sqlx::query_scalar(
            "SELECT position FROM (SELECT position FROM entry WHERE position < 1 \
                                   UNION SELECT position FROM root WHERE position < 1) \
             ORDER BY position LIMIT ?1",
        )
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable)
    }

    pub(crate) async fn frontier(&self) -> Result<(u64, Frontier), ReadError> {
        let (position, bytes) = sqlx::query_as::<_, (i64, Vec<u8>)>(
            "SELECT position, frontier FROM head WHERE position > 0",
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

    /// A page comes as one row: the texts end to end, and the rest as JSON with how long each text
    /// is. What was tampered with may hold anything, line breaks too.
    pub(crate) async fn rows(&self, after: u64, limit: u32) -> Result<Vec<Row>, ReadError> {
        let (leaves, rows) = sqlx::query_as::<_, (String, String)>(
            "SELECT coalesce(group_concat(leaf_data, ''), ''), \
                    json_group_array(json_array( \
                        position, octet_length(leaf_data), hex(leaf_hash), json_array( \
                            entry_id, stream_type, stream_id, version, event_type, \
                            schema_version, occurred_on, recorded_at))) \
             FROM (SELECT * FROM entry WHERE position > ?1 ORDER BY position LIMIT ?2)",
        )
        .bind(integer(after))
        .bind(limit)
        .fetch_one(&self.pool)
        .await
        .map_err(unreadable)?;
        let rows: Vec<RowColumns<'_>> = serde_json::from_str(&rows).map_err(corrupt)?;
        let mut leaves = leaves.as_str();
        let rows = rows
            .into_iter()
            .map(|(position, bytes, leaf_hash, columns)| {
                let (leaf_data, rest) = leaves
                    .split_at_checked(bytes)
                    .ok_or_else(|| corrupt(format!("a page from {position}")))?;
                leaves = rest;
                Ok(Row {
                    stored: Stored {
                        position: number(position)?,
                        leaf_data: leaf_data.to_owned(),
                        // What has another length is no hash of the text either, which is for
                        // verifying to tell.
                        leaf_hash: unhex(leaf_hash.as_bytes()).unwrap_or_default(),
                    },
                    columns: reader::Columns::Sqlite(Columns(columns.get().to_owned())),
                })
            });
        rows.collect()
    }

    pub(crate) async fn names(
        &self,
        after: Option<&(String, String)>,
        limit: u32,
    ) -> Result<Vec<(Idempotency, IdempotentRow)>, ReadError> {
        // No scope is empty.
        let (scope, key) = after.map_or(("", ""), |(scope, key)| (scope, key));
        let rows = sqlx::query_as::<_, (String, String, bool, Vec<u8>, i64, i64, String)>(
            "SELECT scope, key, lasting, digest, first_position, last_position, created_at \
             FROM idempotency WHERE (scope, key) > (?1, ?2) ORDER BY scope, key LIMIT ?3",
        )
        .bind(scope)
        .bind(key)
        .bind(limit)
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
            "SELECT digest, first_position, last_position, created_at FROM idempotency \
             WHERE scope = ?1 AND key = ?2",
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
             FROM api_key WHERE hash = ?1",
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
             FROM api_key WHERE key_id > ?1 ORDER BY key_id LIMIT ?2",
        )
        // Every id comes after the empty text.
        .bind(after.map_or_else(String::new, |id| id.to_string()))
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable)?;
        rows.into_iter().map(api_key).collect()
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// The versions of streams, as a reader and the writer ask for them.
pub(super) async fn versions(
    executor: impl SqliteExecutor<'_>,
    streams: &[&Stream],
) -> Result<Vec<u64>, ReadError> {
    let rows = sqlx::query_scalar::<_, i64>(
        "SELECT coalesce(( \
             SELECT max(version) FROM entry \
             WHERE stream_type = wanted.value ->> 0 AND stream_id = wanted.value ->> 1 \
         ), 0) \
         FROM json_each(?1) AS wanted ORDER BY wanted.key",
    )
    .bind(named(streams)?)
    .fetch_all(executor)
    .await
    .map_err(unreadable)?;
    if rows.len() != streams.len() {
        return Err(corrupt(format!(
            "{} answers to {} questions",
            rows.len(),
            streams.len()
        )));
    }
    rows.into_iter().map(number).collect()
}

/// Streams as one JSON parameter.
fn named(streams: &[&Stream]) -> Result<String, ReadError> {
    let named: Vec<_> = streams.iter().map(|s| (&s.stream_type, s.id)).collect();
    serde_json::to_string(&named).map_err(|e| ReadError::Database(e.into()))
}

fn stored((position, leaf_data, leaf_hash): EntryColumns) -> Result<Stored, ReadError> {
    Ok(Stored {
        position: number(position)?,
        leaf_data,
        leaf_hash: hash(&leaf_hash)?,
    })
}

fn page(first: u64, count: u64, leaves: &str, hashes: &str) -> Result<Vec<Stored>, ReadError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let hashes = hashes
        .as_bytes()
        .chunks(64)
        .map(|digits| unhex(digits).ok_or_else(|| corrupt(String::from_utf8_lossy(digits))));
    let entries: Vec<Stored> = (first..)
        .zip(leaves.split('\n'))
        .zip(hashes)
        .map(|((position, leaf_data), leaf_hash)| {
            Ok(Stored {
                position,
                leaf_data: leaf_data.to_owned(),
                leaf_hash: leaf_hash?,
            })
        })
        .collect::<Result<_, ReadError>>()?;
    if entries.len() as u64 != count || leaves.split('\n').count() as u64 != count {
        return Err(corrupt(format!("a page of {count} entries from {first}")));
    }
    Ok(entries)
}
