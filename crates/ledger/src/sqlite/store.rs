//! The writer's side of a ledger in SQLite.
//!
//! A set travels as one JSON array and is taken apart by `json_each`, so that each question and each
//! kind of row is one static statement per batch, however large.

use std::collections::HashSet;
use std::path::Path;

use dutyledger_record::{EntryId, Frontier, KeyId, LedgerId, format_instant, hex};
use futures_util::TryStreamExt;
use serde::Serialize;
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteConnection;

use super::LEDGER;
use super::reads::versions;
use super::rows::{id, instant, name};
use crate::append::{Idempotency, IdempotentRow};
use crate::error::OpenError;
use crate::key::KeyChange;
use crate::store::{
    Answers, Batch, Committed, Head, NewEntry, NewName, Questions, Store, StoreError,
    forgotten_max, placed, set,
};
use crate::value::{hash, integer, number};

/// What one commit is: one text, so that a batch crosses to the database's thread once. The head
/// moves only from the batch before, and only if every row before it was written; otherwise it
/// would become null, which it must not be, and nothing is written.
///
/// The numbers of the parameters are names here (`$`, not `?`): the statements do not share them
/// otherwise.
///
/// 1 ledger, 2 batch before, 3 position, 4 instant, 5 frontier, 6 entries, 7 names, 8 roots
macro_rules! commit {
    ($($more:expr),*) => {
        concat!(
            "BEGIN IMMEDIATE; \
             INSERT INTO entry (position, entry_id, stream_type, stream_id, version, event_type, \
                                schema_version, occurred_on, recorded_at, leaf_data, leaf_hash) \
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, \
                    value ->> 6, value ->> 7, value ->> 8, value ->> 9, unhex(value ->> 10) \
             FROM json_each($6) ORDER BY key; \
             INSERT INTO idempotency (scope, key, digest, first_position, last_position, lasting, \
                                      created_at) \
             SELECT value ->> 0, value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4, \
                    value ->> 5, value ->> 6 \
             FROM json_each($7); \
             UPDATE head SET \
                 batch = CASE WHEN ledger_id = $1 AND batch = $2 \
                                   AND changes() = json_array_length($7) \
                                   AND (SELECT max(position) FROM entry) = $3 \
                              THEN batch + 1 END, \
                 position = $3, recorded_at = $4, frontier = $5; \
             INSERT INTO root (position, root) \
             SELECT value ->> 0, unhex(value ->> 1) FROM json_each($8) ORDER BY key; ",
            $($more,)*
            "COMMIT; PRAGMA wal_checkpoint(NOOP)"
        )
    };
}

/// The commit of most batches.
const COMMIT: &str = commit!();

/// The commit of a batch that changes API keys or forgets names.
///
/// 9 keys issued, 10 keys revoked, 11 the instant before which names are forgotten
const COMMIT_MORE: &str = commit!(
    "INSERT INTO api_key (key_id, hash, kind, principal_id, label, issued_at, expires_at, \
                          revoked_at) \
     SELECT value ->> 0, unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, \
            value ->> 6, value ->> 7 \
     FROM json_each($9); \
     UPDATE api_key SET revoked_at = coalesce(revoked_at, revocation.at) \
     FROM (SELECT value ->> 0 AS key_id, min(value ->> 1) AS at FROM json_each($10) \
           GROUP BY value ->> 0) AS revocation \
     WHERE api_key.key_id = revocation.key_id; \
     DELETE FROM idempotency \
     WHERE (scope, key) IN (SELECT scope, key FROM idempotency \
                            WHERE lasting = 0 AND created_at < $11 \
                            ORDER BY created_at LIMIT ",
    forgotten_max!(),
    "); \
     SELECT 0, changes(), 0; "
);

/// With how many pages in the log that are not in the file yet they are moved there before the next
/// commit.
const LOG_PAGES_MAX: i64 = 1_000;

/// What a checkpoint of the log says: whether another kept it from its end, how many pages are in the
/// log, and how many of them are in the file. What was forgotten is told in the same form.
type LogColumns = (i64, i64, i64);

/// A ledger file, as its one writer has it open.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    conn: SqliteConnection,
    /// How many pages of the log are not in the file yet.
    behind: i64,
}

impl SqliteStore {
    /// Opens the ledger in a file, making it or bringing it up to date.
    pub(crate) async fn open(path: &Path) -> Result<Self, OpenError> {
        let mut conn = LEDGER.writer(path).await?;
        // SQLite itself would move pages from the log with a commit and say nothing of a sync that
        // failed there.
        sqlx::query("PRAGMA wal_autocheckpoint = 0")
            .execute(&mut conn)
            .await
            .map_err(OpenError::database)?;
        // What a writer that was killed had written and not yet synced is taken from the log all
        // the same. It is made durable before anyone is told of it.
        super::settle(path, &mut conn).await?;
        plant(&mut conn).await.map_err(OpenError::Database)?;
        Ok(Self { conn, behind: 0 })
    }
}

impl Store for SqliteStore {
    const SHARED: bool = false;

    async fn head(&mut self) -> Result<Option<Head>, StoreError> {
        let row = sqlx::query_as::<_, (String, i64, i64, String, Vec<u8>)>(
            "SELECT ledger_id, batch, position, recorded_at, frontier FROM head WHERE position > 0",
        )
        .fetch_optional(&mut self.conn)
        .await?;
        let Some((ledger, batch, position, recorded_at, frontier)) = row else {
            return Ok(None);
        };
        let position = number(position)?;
        Ok(Some(Head {
            ledger: id::<LedgerId>(&ledger)?,
            batch: number(batch)?,
            position,
            recorded_at: instant(&recorded_at)?,
            frontier: Frontier::from_bytes(position, &frontier)?,
        }))
    }

    /// One process owns the file, so there is nobody to keep out.
    async fn hold(&mut self) -> Result<Head, StoreError> {
        Ok(self.head().await?.ok_or("the ledger has no head")?)
    }

    async fn root(&mut self, position: u64) -> Result<Option<[u8; 32]>, StoreError> {
        let root = sqlx::query_scalar::<_, Vec<u8>>("SELECT root FROM root WHERE position = ?1")
            .bind(integer(position))
            .fetch_optional(&mut self.conn)
            .await?;
        Ok(root.as_deref().map(hash).transpose()?)
    }

    async fn release(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn ask(&mut self, asked: &Questions<'_>) -> Result<Answers, StoreError> {
        Ok(Answers {
            versions: match asked.streams.as_slice() {
                [] => Vec::new(),
                streams => versions(&mut self.conn, streams).await?,
            },
            names: self.idempotent(&asked.names).await?,
            entries: self.recorded(&asked.entries).await?,
            keys: self.issued(&asked.keys).await?,
            hashes: self.hashes(&asked.hashes).await?,
        })
    }

    async fn found(&mut self, batch: &Batch) -> Result<Committed, StoreError> {
        let head = &batch.head;
        let planted = sqlx::query(
            "INSERT INTO head (one, ledger_id, batch, position, recorded_at) \
             VALUES (1, ?1, ?2, 0, ?3) \
             ON CONFLICT (one) DO UPDATE SET ledger_id = excluded.ledger_id WHERE position = 0",
        )
        .bind(head.ledger.to_string())
        .bind(integer(batch.after))
        .bind(format_instant(head.recorded_at));
        // A file left like this is no ledger yet: a head at position 0 is none.
        planted.execute(&mut self.conn).await?;
        self.commit(batch).await
    }

    async fn commit(&mut self, batch: &Batch) -> Result<Committed, StoreError> {
        if self.behind > LOG_PAGES_MAX {
            super::move_from_log(&mut self.conn).await?;
        }
        let more = batch.forget_before.is_some() || !batch.keys.is_empty();
        let head = &batch.head;
        let mut commit = sqlx::query_as::<_, LogColumns>(if more { COMMIT_MORE } else { COMMIT })
            .bind(head.ledger.to_string())
            .bind(integer(batch.after))
            .bind(integer(head.position))
            .bind(format_instant(head.recorded_at))
            .bind(head.frontier.to_bytes())
            .bind(json(batch.entries.iter().map(entry_row))?)
            .bind(json(batch.names.iter().map(name_row))?)
            .bind(json(batch.roots.iter().map(|(at, root)| (at, hex(root))))?);
        if more {
            let (issued, revoked) = key_rows(&batch.keys);
            commit = commit
                .bind(json(issued)?)
                .bind(json(revoked)?)
                // Nothing is older than the empty text.
                .bind(batch.forget_before.map(format_instant).unwrap_or_default());
        }
        // All of it, so that it comes to its end.
        match commit.fetch_all(&mut self.conn).await {
            Ok(mut rows) => {
                if let Some((_, pages, moved)) = rows.pop() {
                    self.behind = pages - moved;
                }
                let forgotten = rows.first().map_or(0, |(_, forgotten, _)| *forgotten);
                Ok(Committed::Durable {
                    forgotten: number(forgotten)?,
                })
            }
            Err(sqlx::Error::Database(error)) if is_constraint(error.as_ref()) => {
                sqlx::query("ROLLBACK").execute(&mut self.conn).await?;
                Ok(Committed::Refused)
            }
            // It waited for that program as long as it may, and did not begin.
            Err(sqlx::Error::Database(error)) if is_busy(error.as_ref()) => Ok(Committed::Refused),
            Err(error) => Err(error.into()),
        }
    }

    async fn close(self) -> Result<(), StoreError> {
        Ok(super::close(self.conn).await?)
    }
}

/// SQLite's code for a row that a constraint or a trigger refused. Its extended codes have it in
/// their lowest byte.
const CONSTRAINT: i32 = 19;

fn is_constraint(error: &dyn DatabaseError) -> bool {
    code(error).is_some_and(|code| code & 0xff == CONSTRAINT)
}

/// SQLite's code for a lock that another connection has. A transaction that has begun to write, as
/// every one here has with its first statement, does not meet it any more.
const BUSY: i32 = 5;

fn is_busy(error: &dyn DatabaseError) -> bool {
    code(error) == Some(BUSY)
}

fn code(error: &dyn DatabaseError) -> Option<i32> {
    error.code().and_then(|code| code.parse().ok())
}

/// Gives a ledger from before there was one its Merkle tree.
async fn plant(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    let bare = sqlx::query_scalar::<_, i64>(
        "SELECT position FROM head WHERE position > 0 AND frontier = x''",
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(position) = bare else { return Ok(()) };
    let mut frontier = Frontier::empty();
    let mut hashes = sqlx::query_scalar::<_, Vec<u8>>(
        "SELECT leaf_hash FROM entry WHERE position <= ?1 ORDER BY position",
    )
    .bind(position)
    .fetch(&mut *conn);
    while let Some(leaf) = hashes.try_next().await? {
        frontier.push(hash(&leaf)?);
    }
    drop(hashes);
    sqlx::query(
        "BEGIN IMMEDIATE; UPDATE head SET frontier = $2; \
         INSERT INTO root (position, root) VALUES ($1, $3); COMMIT",
    )
    .bind(position)
    .bind(frontier.to_bytes())
    .bind(frontier.root().to_vec())
    .execute(conn)
    .await?;
    Ok(())
}

impl SqliteStore {
    async fn idempotent(
        &mut self,
        names: &[&Idempotency],
    ) -> Result<Vec<Option<IdempotentRow>>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
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
        let rows = rows
            .into_iter()
            .map(|(index, digest, first, last, at)| Ok((index, name(&(digest, first, last, at))?)));
        placed(names.len(), rows)
    }

    async fn recorded(&mut self, ids: &[EntryId]) -> Result<HashSet<EntryId>, StoreError> {
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
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
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
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
        if hashes.is_empty() {
            return Ok(HashSet::new());
        }
        let rows = sqlx::query_scalar::<_, Vec<u8>>(
            "SELECT unhex(wanted.value) FROM json_each(?1) AS wanted \
             WHERE EXISTS (SELECT 1 FROM api_key WHERE hash = unhex(wanted.value))",
        )
        .bind(json(hashes.iter().map(|hash| hex(hash)))?)
        .fetch_all(&mut self.conn)
        .await?;
        set(rows.iter().map(|bytes| hash(bytes)))
    }
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
        format_instant(entry.recorded_at),
        &entry.leaf_data,
        hex(&entry.leaf_hash),
    )
}

fn name_row(new: &NewName) -> impl Serialize {
    let name = &new.idempotency;
    (
        &name.scope,
        &name.key,
        hex(&name.digest),
        new.first_position,
        new.last_position,
        name.lasting,
        format_instant(new.recorded_at),
    )
}

/// All that is issued first: a key may be issued and revoked within a batch, never the reverse.
fn key_rows(keys: &[KeyChange]) -> (Vec<impl Serialize>, Vec<impl Serialize>) {
    let (mut issued, mut revoked) = (Vec::new(), Vec::new());
    for change in keys {
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
    (issued, revoked)
}

fn json<T: Serialize>(rows: impl IntoIterator<Item = T>) -> Result<String, StoreError> {
    Ok(serde_json::to_string(
        &rows.into_iter().collect::<Vec<_>>(),
    )?)
}
