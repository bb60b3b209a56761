//! The writer's side of a ledger in SQLite.
//!
//! A set travels as one JSON array and is taken apart by `json_each`, so that each question and each
//! kind of row is one static statement per batch, however large.

use std::collections::HashSet;
use std::hash::Hash;

use dutyledger_record::{EntryId, KeyId, LedgerId, Stream, format_instant};
use serde::Serialize;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnection, SqliteQueryResult};

use super::rows::{NameColumns, hex, id, instant, integer, name, number};
use crate::append::{Idempotency, IdempotentRow};
use crate::key::KeyChange;
use crate::store::{Batch, Head, NewEntry, Store, StoreError};

/// A ledger file, as its one writer has it open.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    conn: SqliteConnection,
}

impl SqliteStore {
    pub(crate) fn new(conn: SqliteConnection) -> Self {
        Self { conn }
    }
}

impl Store for SqliteStore {
    async fn head(&mut self) -> Result<Option<Head>, StoreError> {
        let row = sqlx::query_as::<_, (String, i64, String)>(
            "SELECT ledger_id, position, recorded_at FROM head",
        )
        .fetch_optional(&mut self.conn)
        .await?;
        let Some((ledger, position, recorded_at)) = row else {
            return Ok(None);
        };
        Ok(Some(Head {
            ledger: id::<LedgerId>(&ledger)?,
            position: number(position)?,
            recorded_at: instant(&recorded_at)?,
        }))
    }

    async fn versions(&mut self, streams: &[&Stream]) -> Result<Vec<u64>, StoreError> {
        let wanted = json(streams.iter().map(|s| (s.stream_type.as_str(), s.id)))?;
        let rows = sqlx::query_scalar::<_, i64>(
            "SELECT coalesce(( \
                 SELECT max(version) FROM entry \
                 WHERE stream_type = wanted.value ->> 0 AND stream_id = wanted.value ->> 1 \
             ), 0) \
             FROM json_each(?1) AS wanted ORDER BY wanted.key",
        )
        .bind(wanted)
        .fetch_all(&mut self.conn)
        .await?;
        counted(rows.len(), streams.len())?;
        Ok(rows.into_iter().map(number).collect::<Result<_, _>>()?)
    }

    async fn idempotent(
        &mut self,
        names: &[&Idempotency],
    ) -> Result<Vec<Option<IdempotentRow>>, StoreError> {
        let wanted = json(names.iter().map(|name| (&name.scope, &name.key)))?;
        let rows = sqlx::query_as::<_, (i64, Vec<u8>, i64, i64, String)>(
            "SELECT wanted.key, digest, first_position, last_position, created_at \
             FROM json_each(?1) AS wanted \
             CROSS JOIN idempotency \
                 ON scope = wanted.value ->> 0 AND idempotency.key = wanted.value ->> 1",
        )
        .bind(wanted)
        .fetch_all(&mut self.conn)
        .await?;
        let mut found = vec![None; names.len()];
        for (index, digest, first, last, at) in rows {
            let columns: NameColumns = (digest, first, last, at);
            let place = usize::try_from(index)
                .ok()
                .and_then(|index| found.get_mut(index));
            *place.ok_or("an index outside the set")? = Some(name(&columns)?);
        }
        Ok(found)
    }

    async fn recorded(&mut self, ids: &[EntryId]) -> Result<HashSet<EntryId>, StoreError> {
        let rows = sqlx::query_scalar::<_, String>(
            "SELECT wanted.value FROM json_each(?1) AS wanted \
             WHERE EXISTS (SELECT 1 FROM entry WHERE entry_id = wanted.value)",
        )
        .bind(json(ids)?)
        .fetch_all(&mut self.conn)
        .await?;
        set(rows.iter().map(|text| id(text)))
    }

    async fn issued(&mut self, ids: &[KeyId]) -> Result<HashSet<KeyId>, StoreError> {
        let rows = sqlx::query_scalar::<_, String>(
            "SELECT wanted.value FROM json_each(?1) AS wanted \
             WHERE EXISTS (SELECT 1 FROM api_key WHERE key_id = wanted.value)",
        )
        .bind(json(ids)?)
        .fetch_all(&mut self.conn)
        .await?;
        set(rows.iter().map(|text| id(text)))
    }

    async fn hashes(&mut self, hashes: &[[u8; 32]]) -> Result<HashSet<[u8; 32]>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>(
            "SELECT unhex(wanted.value) FROM json_each(?1) AS wanted \
             WHERE EXISTS (SELECT 1 FROM api_key WHERE hash = unhex(wanted.value))",
        )
        .bind(json(hashes.iter().map(hex))?)
        .fetch_all(&mut self.conn)
        .await?;
        set(rows.iter().map(|bytes| super::rows::hash(bytes)))
    }

    async fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut tx = self.conn.begin_with("BEGIN IMMEDIATE").await?;
        move_head(&mut tx, batch).await?;
        if !batch.entries.is_empty() {
            insert_entries(&mut tx, batch).await?;
        }
        if !batch.names.is_empty() {
            insert_names(&mut tx, batch).await?;
        }
        if !batch.keys.is_empty() {
            change_keys(&mut tx, batch).await?;
        }
        if let Some(before) = batch.forget_before {
            sqlx::query("DELETE FROM idempotency WHERE lasting = 0 AND created_at < ?1")
                .bind(format_instant(before))
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn close(self) -> Result<(), StoreError> {
        Ok(super::close(self.conn).await?)
    }
}

async fn move_head(conn: &mut SqliteConnection, batch: &Batch) -> Result<(), StoreError> {
    let head = &batch.head;
    let moved = match batch.after {
        None => sqlx::query(
            "INSERT INTO head (one, ledger_id, position, recorded_at) VALUES (1, ?1, ?2, ?3)",
        ),
        Some(_) => sqlx::query(
            "UPDATE head SET position = ?2, recorded_at = ?3 \
             WHERE ledger_id = ?1 AND position = ?4",
        ),
    };
    let moved = moved
        .bind(head.ledger.to_string())
        .bind(integer(head.position))
        .bind(format_instant(head.recorded_at));
    let moved = match batch.after {
        None => moved,
        Some(after) => moved.bind(integer(after)),
    };
    all_written(&moved.execute(conn).await?, 1)
}

async fn insert_entries(conn: &mut SqliteConnection, batch: &Batch) -> Result<(), StoreError> {
    let written = sqlx::query(
        "INSERT INTO entry (position, entry_id, stream_type, stream_id, version, event_type, \
                            schema_version, occurred_on, recorded_at, leaf_data, leaf_hash) \
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, \
                value ->> 6, value ->> 7, ?2, value ->> 8, unhex(value ->> 9) \
         FROM json_each(?1) ORDER BY key",
    )
    .bind(json(batch.entries.iter().map(entry_row))?)
    .bind(format_instant(batch.head.recorded_at))
    .execute(conn)
    .await?;
    all_written(&written, batch.entries.len())
}

fn entry_row(entry: &NewEntry) -> impl Serialize {
    (
        entry.position,
        entry.entry_id,
        &entry.stream.stream_type,
        entry.stream.id,
        entry.version,
        &entry.event.event_type,
        entry.event.schema_version,
        entry.occurred_on,
        &entry.leaf_data,
        hex(&entry.leaf_hash),
    )
}

async fn insert_names(conn: &mut SqliteConnection, batch: &Batch) -> Result<(), StoreError> {
    let rows = batch.names.iter().map(|new| {
        let name = &new.idempotency;
        (
            &name.scope,
            &name.key,
            hex(&name.digest),
            new.first_position,
            new.last_position,
            name.lasting,
        )
    });
    let written = sqlx::query(
        "INSERT INTO idempotency (scope, key, digest, first_position, last_position, lasting, \
                                  created_at) \
         SELECT value ->> 0, value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4, \
                value ->> 5, ?2 \
         FROM json_each(?1)",
    )
    .bind(json(rows)?)
    .bind(format_instant(batch.head.recorded_at))
    .execute(conn)
    .await?;
    all_written(&written, batch.names.len())
}

async fn change_keys(conn: &mut SqliteConnection, batch: &Batch) -> Result<(), StoreError> {
    // All that is issued first: a key may be issued and revoked within a batch, never the reverse.
    let (mut issued, mut revoked) = (Vec::new(), Vec::new());
    for change in &batch.keys {
        match change {
            KeyChange::Issue(key) => issued.push((
                key.key_id,
                hex(&key.hash),
                &key.kind,
                key.principal_id,
                &key.label,
                format_instant(key.issued_at),
                key.expires_at.map(format_instant),
                key.revoked_at.map(format_instant),
            )),
            KeyChange::Revoke { key_id, at } => revoked.push((key_id, format_instant(*at))),
        }
    }
    let written = sqlx::query(
        "INSERT INTO api_key (key_id, hash, kind, principal_id, label, issued_at, expires_at, \
                              revoked_at) \
         SELECT value ->> 0, unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, \
                value ->> 5, value ->> 6, value ->> 7 \
         FROM json_each(?1)",
    )
    .bind(json(&issued)?)
    .execute(&mut *conn)
    .await?;
    all_written(&written, issued.len())?;
    sqlx::query(
        "UPDATE api_key SET revoked_at = coalesce(revoked_at, revocation.at) \
         FROM (SELECT value ->> 0 AS key_id, min(value ->> 1) AS at FROM json_each(?1) \
               GROUP BY value ->> 0) AS revocation \
         WHERE api_key.key_id = revocation.key_id",
    )
    .bind(json(&revoked)?)
    .execute(conn)
    .await?;
    Ok(())
}

fn json<T: Serialize>(rows: impl IntoIterator<Item = T>) -> Result<String, StoreError> {
    Ok(serde_json::to_string(
        &rows.into_iter().collect::<Vec<_>>(),
    )?)
}

fn set<T: Eq + Hash, E: Into<StoreError>>(
    rows: impl Iterator<Item = Result<T, E>>,
) -> Result<HashSet<T>, StoreError> {
    rows.collect::<Result<_, _>>().map_err(Into::into)
}

fn all_written(result: &SqliteQueryResult, wanted: usize) -> Result<(), StoreError> {
    counted(usize::try_from(result.rows_affected())?, wanted)
}

/// A statement that writes or finds fewer rows than it was given must not pass for success.
fn counted(found: usize, wanted: usize) -> Result<(), StoreError> {
    if found != wanted {
        return Err(format!("the database handled {found} rows of {wanted}").into());
    }
    Ok(())
}
