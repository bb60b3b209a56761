//! The writers' side of a ledger in PostgreSQL.
//!
//! A set travels as one array for each column and is taken apart by `unnest`, so that each question
//! is one static statement, however large, and a whole commit is one.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use dutyledger_record::{EntryId, Frontier, KeyId, LedgerId};
use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};
use uuid::Uuid;

use super::reads::{name, versions};
use super::{LEDGER, writer};
use crate::append::{Idempotency, IdempotentRow};
use crate::error::OpenError;
use crate::key::{ApiKey, KeyChange};
use crate::place::PostgresUrl;
use crate::store::{
    Answers, Batch, Committed, Head, Questions, Store, StoreError, forgotten_max, placed, set,
};
use crate::value::{hash, integer, number};

/// What one commit is. The head moves only from the batch its writer expects; if it is elsewhere,
/// `moved` is empty, and with it everything else. A writer that finds the row locked waits for the
/// other's commit and then finds it moved.
///
/// 1 ledger, 2 batch before, 3 position, 4 instant, 5 frontier, 6 to 16 entries, 17 to 23 names,
/// 24 and 25 roots, 26 frontier before
macro_rules! commit {
    ($forgotten:literal $(, $more:expr)*) => {
        concat!(
            "WITH moved AS ( \
                 UPDATE ledger.head SET batch = batch + 1, position = $3, recorded_at = $4, \
                                        frontier = $5 \
                 WHERE ledger_id = $1 AND batch = $2 AND frontier = $26 RETURNING 1 \
             ), entries AS ( \
                 INSERT INTO ledger.entry (position, entry_id, stream_type, stream_id, version, \
                                           event_type, schema_version, occurred_on, recorded_at, \
                                           leaf_data, leaf_hash) \
                 SELECT e.position, e.entry_id, e.stream_type, e.stream_id, e.version, \
                        e.event_type, e.schema_version, e.occurred_on, e.recorded_at, e.leaf_data, \
                        e.leaf_hash \
                 FROM moved, \
                      unnest($6::bigint[], $7::uuid[], $8::text[], $9::uuid[], $10::bigint[], \
                             $11::text[], $12::int[], $13::date[], $14::timestamptz[], \
                             $15::text[], $16::bytea[]) \
                      AS e (position, entry_id, stream_type, stream_id, version, event_type, \
                            schema_version, occurred_on, recorded_at, leaf_data, leaf_hash) \
             ), names AS ( \
                 INSERT INTO ledger.idempotency (scope, key, digest, first_position, \
                                                 last_position, lasting, created_at) \
                 SELECT n.scope, n.key, n.digest, n.first_position, n.last_position, n.lasting, \
                        n.created_at \
                 FROM moved, \
                      unnest($17::text[], $18::text[], $19::bytea[], $20::bigint[], \
                             $21::bigint[], $22::boolean[], $23::timestamptz[]) \
                      AS n (scope, key, digest, first_position, last_position, lasting, \
                            created_at) \
             ), roots AS ( \
                 INSERT INTO ledger.root (position, root) \
                 SELECT r.* FROM moved, unnest($24::bigint[], $25::bytea[]) AS r \
             ) ",
            $($more,)*
            "SELECT (SELECT count(*) FROM moved), ", $forgotten
        )
    };
}

/// The commit of most batches.
const COMMIT: &str = commit!("0::bigint");

/// The commit of a batch that changes API keys or forgets names.
///
/// 27 to 34 keys issued, 35 and 36 keys revoked, 37 the instant before which names are forgotten
const COMMIT_MORE: &str = commit!(
    "(SELECT count(*) FROM forgotten)",
    ", issued AS ( \
         INSERT INTO ledger.api_key (key_id, hash, kind, principal_id, label, issued_at, \
                                     expires_at, revoked_at) \
         SELECT k.* FROM moved, \
                unnest($27::uuid[], $28::bytea[], $29::text[], $30::uuid[], $31::text[], \
                       $32::timestamptz[], $33::timestamptz[], $34::timestamptz[]) AS k \
     ), revoked AS ( \
         UPDATE ledger.api_key SET revoked_at = coalesce(revoked_at, revocation.at) \
         FROM moved, (SELECT key_id, min(at) AS at \
                      FROM unnest($35::uuid[], $36::timestamptz[]) AS r (key_id, at) \
                      GROUP BY key_id) AS revocation \
         WHERE api_key.key_id = revocation.key_id \
     ), forgotten AS ( \
         DELETE FROM ledger.idempotency USING moved \
         WHERE idempotency.ctid = ANY (ARRAY(SELECT ctid FROM ledger.idempotency \
                                             WHERE NOT lasting AND created_at < $37 \
                                             ORDER BY created_at LIMIT ",
    forgotten_max!(),
    ")) RETURNING 1 \
     ) "
);

/// A ledger in a database, as one of its writers has it open.
#[derive(Debug)]
pub(crate) struct PostgresStore {
    conn: PgConnection,
    /// Whether a transaction is open that keeps other writers out.
    holding: bool,
}

impl PostgresStore {
    pub(crate) async fn open(url: &PostgresUrl) -> Result<Self, OpenError> {
        Ok(Self {
            conn: writer(url, &LEDGER).await?,
            holding: false,
        })
    }
}

/// ledger_id, batch, position, recorded_at, frontier
type HeadColumns = (Uuid, i64, i64, DateTime<Utc>, Vec<u8>);

fn head((ledger, batch, position, recorded_at, frontier): HeadColumns) -> Result<Head, StoreError> {
    let position = number(position)?;
    Ok(Head {
        ledger: LedgerId::new(ledger),
        batch: number(batch)?,
        position,
        recorded_at,
        frontier: Frontier::from_bytes(position, &frontier)?,
    })
}

impl Store for PostgresStore {
    const SHARED: bool = true;

    async fn head(&mut self) -> Result<Option<Head>, StoreError> {
        let row = sqlx::query_as::<_, HeadColumns>(
            "SELECT ledger_id, batch, position, recorded_at, frontier FROM ledger.head \
             WHERE position > 0",
        )
        .fetch_optional(&mut self.conn)
        .await?;
        row.map(head).transpose()
    }

    /// Locks the head row. The server ends the transaction of a writer that stops here, after
    /// [`STOPPED_WRITER_MAX`](super::STOPPED_WRITER_MAX).
    async fn hold(&mut self) -> Result<Head, StoreError> {
        self.conn.execute("BEGIN").await?;
        self.holding = true;
        let row = sqlx::query_as::<_, HeadColumns>(
            "SELECT ledger_id, batch, position, recorded_at, frontier FROM ledger.head FOR UPDATE",
        )
        .fetch_one(&mut self.conn)
        .await?;
        head(row)
    }

    async fn root(&mut self, position: u64) -> Result<Option<[u8; 32]>, StoreError> {
        let root =
            sqlx::query_scalar::<_, Vec<u8>>("SELECT root FROM ledger.root WHERE position = $1")
                .bind(integer(position))
                .fetch_optional(&mut self.conn)
                .await?;
        Ok(root.as_deref().map(hash).transpose()?)
    }

    async fn release(&mut self) -> Result<(), StoreError> {
        if std::mem::take(&mut self.holding) {
            self.conn.execute("ROLLBACK").await?;
        }
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
        // One transaction, so that of two founders the second waits and finds a whole ledger.
        self.conn.execute("BEGIN").await?;
        self.holding = true;
        sqlx::query(
            "INSERT INTO ledger.head (one, ledger_id, batch, position, recorded_at, frontier) \
             VALUES (1, $1, $2, 0, $3, '') \
             ON CONFLICT (one) DO NOTHING",
        )
        .bind(batch.head.ledger.uuid())
        .bind(integer(batch.after))
        .bind(batch.head.recorded_at)
        .execute(&mut self.conn)
        .await?;
        self.commit(batch).await
    }

    async fn commit(&mut self, batch: &Batch) -> Result<Committed, StoreError> {
        let more = batch.forget_before.is_some() || !batch.keys.is_empty();
        let entries = Entries::of(batch);
        let names = Names::of(batch);
        let roots: (Vec<i64>, Vec<&[u8]>) = batch
            .roots
            .iter()
            .map(|(position, root)| (integer(*position), root.as_slice()))
            .unzip();
        let mut commit = sqlx::query_as::<_, (i64, i64)>(if more { COMMIT_MORE } else { COMMIT })
            .bind(batch.head.ledger.uuid())
            .bind(integer(batch.after))
            .bind(integer(batch.head.position))
            .bind(batch.head.recorded_at)
            .bind(batch.head.frontier.to_bytes())
            .bind(entries.positions)
            .bind(entries.ids)
            .bind(entries.stream_types)
            .bind(entries.stream_ids)
            .bind(entries.versions)
            .bind(entries.event_types)
            .bind(entries.schema_versions)
            .bind(entries.dates)
            .bind(entries.instants)
            .bind(entries.leaves)
            .bind(entries.hashes)
            .bind(names.scopes)
            .bind(names.keys)
            .bind(names.digests)
            .bind(names.first)
            .bind(names.last)
            .bind(names.lasting)
            .bind(names.instants)
            .bind(roots.0)
            .bind(roots.1)
            .bind(batch.onto.to_bytes());
        if more {
            let keys = Keys::of(&batch.keys);
            commit = commit
                .bind(keys.ids)
                .bind(keys.hashes)
                .bind(keys.kinds)
                .bind(keys.principals)
                .bind(keys.labels)
                .bind(keys.issued_at)
                .bind(keys.expires_at)
                .bind(keys.revoked_at)
                .bind(keys.revoked)
                .bind(keys.revocations)
                // Nothing is older than the epoch.
                .bind(batch.forget_before.unwrap_or(DateTime::UNIX_EPOCH));
        }
        let (moved, forgotten) = match commit.fetch_one(&mut self.conn).await {
            Ok(counted) => counted,
            Err(sqlx::Error::Database(error)) if is_duplicate(error.as_ref()) => (0, 0),
            Err(error) => return Err(error.into()),
        };
        if moved == 0 {
            self.release().await?;
            return Ok(Committed::Refused);
        }
        if std::mem::take(&mut self.holding) {
            self.conn.execute("COMMIT").await?;
        }
        Ok(Committed::Durable {
            forgotten: number(forgotten)?,
        })
    }

    async fn close(self) -> Result<(), StoreError> {
        Ok(self.conn.close().await?)
    }
}

/// SQLSTATE unique_violation.
fn is_duplicate(error: &dyn DatabaseError) -> bool {
    error.code().as_deref() == Some("23505")
}

impl PostgresStore {
    async fn idempotent(
        &mut self,
        names: &[&Idempotency],
    ) -> Result<Vec<Option<IdempotentRow>>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let scopes: Vec<&str> = names.iter().map(|n| n.scope.as_str()).collect();
        let keys: Vec<&str> = names.iter().map(|n| n.key.as_str()).collect();
        let rows = sqlx::query_as::<_, (i64, Vec<u8>, i64, i64, DateTime<Utc>)>(
            "SELECT place - 1, digest, first_position, last_position, created_at \
             FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (scope, key, place) \
             JOIN ledger.idempotency USING (scope, key)",
        )
        .bind(scopes)
        .bind(keys)
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
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let rows = sqlx::query_scalar::<_, Uuid>(
            "SELECT entry_id FROM ledger.entry WHERE entry_id = ANY($1::uuid[])",
        )
        .bind(ids)
        .fetch_all(&mut self.conn)
        .await?;
        Ok(rows.into_iter().map(EntryId::new).collect())
    }

    async fn issued(&mut self, ids: &[KeyId]) -> Result<HashSet<KeyId>, StoreError> {
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let rows = sqlx::query_scalar::<_, Uuid>(
            "SELECT key_id FROM ledger.api_key WHERE key_id = ANY($1::uuid[])",
        )
        .bind(ids)
        .fetch_all(&mut self.conn)
        .await?;
        Ok(rows.into_iter().map(KeyId::new).collect())
    }

    async fn hashes(&mut self, hashes: &[[u8; 32]]) -> Result<HashSet<[u8; 32]>, StoreError> {
        if hashes.is_empty() {
            return Ok(HashSet::new());
        }
        let wanted: Vec<&[u8]> = hashes.iter().map(<[u8; 32]>::as_slice).collect();
        let rows = sqlx::query_scalar::<_, Vec<u8>>(
            "SELECT hash FROM ledger.api_key WHERE hash = ANY($1::bytea[])",
        )
        .bind(wanted)
        .fetch_all(&mut self.conn)
        .await?;
        set(rows.iter().map(|bytes| hash(bytes)))
    }
}

/// The columns of a batch's entries.
struct Entries<'a> {
    positions: Vec<i64>,
    ids: Vec<Uuid>,
    stream_types: Vec<&'a str>,
    stream_ids: Vec<Uuid>,
    versions: Vec<i64>,
    event_types: Vec<&'a str>,
    schema_versions: Vec<i32>,
    dates: Vec<NaiveDate>,
    instants: Vec<DateTime<Utc>>,
    leaves: Vec<&'a str>,
    hashes: Vec<&'a [u8]>,
}

impl<'a> Entries<'a> {
    fn of(batch: &'a Batch) -> Self {
        let all = || batch.entries.iter();
        Self {
            positions: all().map(|e| integer(e.position)).collect(),
            ids: all().map(|e| e.entry_id.uuid()).collect(),
            stream_types: all().map(|e| e.stream.stream_type.as_str()).collect(),
            stream_ids: all().map(|e| e.stream.id.uuid()).collect(),
            versions: all().map(|e| integer(e.version)).collect(),
            event_types: all().map(|e| e.event.event_type.as_str()).collect(),
            schema_versions: all()
                .map(|e| i32::try_from(e.event.schema_version).unwrap_or(i32::MAX))
                .collect(),
            dates: all().map(|e| e.occurred_on).collect(),
            instants: all().map(|e| e.recorded_at).collect(),
            leaves: all().map(|e| e.leaf_data.as_str()).collect(),
            hashes: all().map(|e| e.leaf_hash.as_slice()).collect(),
        }
    }
}

/// The columns of a batch's names.
struct Names<'a> {
    scopes: Vec<&'a str>,
    keys: Vec<&'a str>,
    digests: Vec<&'a [u8]>,
    first: Vec<i64>,
    last: Vec<i64>,
    lasting: Vec<bool>,
    instants: Vec<DateTime<Utc>>,
}

impl<'a> Names<'a> {
    fn of(batch: &'a Batch) -> Self {
        let all = || batch.names.iter();
        Self {
            scopes: all().map(|n| n.idempotency.scope.as_str()).collect(),
            keys: all().map(|n| n.idempotency.key.as_str()).collect(),
            digests: all().map(|n| n.idempotency.digest.as_slice()).collect(),
            first: all().map(|n| integer(n.first_position)).collect(),
            last: all().map(|n| integer(n.last_position)).collect(),
            lasting: all().map(|n| n.idempotency.lasting).collect(),
            instants: all().map(|n| n.recorded_at).collect(),
        }
    }
}

/// The columns of a batch's changes to API keys.
struct Keys<'a> {
    ids: Vec<Uuid>,
    hashes: Vec<&'a [u8]>,
    kinds: Vec<&'a str>,
    principals: Vec<Option<Uuid>>,
    labels: Vec<&'a str>,
    issued_at: Vec<DateTime<Utc>>,
    expires_at: Vec<Option<DateTime<Utc>>>,
    revoked_at: Vec<Option<DateTime<Utc>>>,
    revoked: Vec<Uuid>,
    revocations: Vec<DateTime<Utc>>,
}

impl<'a> Keys<'a> {
    fn of(changes: &'a [KeyChange]) -> Self {
        let issued: Vec<&ApiKey> = changes
            .iter()
            .filter_map(|change| match change {
                KeyChange::Issue(key) => Some(key),
                KeyChange::Revoke { .. } => None,
            })
            .collect();
        let revoked: Vec<(KeyId, DateTime<Utc>)> = changes
            .iter()
            .filter_map(|change| match change {
                KeyChange::Revoke { key_id, at } => Some((*key_id, *at)),
                KeyChange::Issue(_) => None,
            })
            .collect();
        // The parts of one statement do not see each other's rows: a key that is issued and revoked
        // within a batch is issued as revoked.
        let at_once = |key: &ApiKey| {
            let own = revoked.iter().filter(|(id, _)| *id == key.key_id);
            key.revoked_at.or(own.map(|(_, at)| *at).min())
        };
        let all = || issued.iter();
        Self {
            ids: all().map(|k| k.key_id.uuid()).collect(),
            hashes: all().map(|k| k.hash.as_slice()).collect(),
            kinds: all().map(|k| k.kind.as_str()).collect(),
            principals: all().map(|k| k.principal_id.map(|id| id.uuid())).collect(),
            labels: all().map(|k| k.label.as_str()).collect(),
            issued_at: all().map(|k| k.issued_at).collect(),
            expires_at: all().map(|k| k.expires_at).collect(),
            revoked_at: all().map(|k| at_once(k)).collect(),
            revoked: revoked.iter().map(|(id, _)| id.uuid()).collect(),
            revocations: revoked.iter().map(|(_, at)| *at).collect(),
        }
    }
}
