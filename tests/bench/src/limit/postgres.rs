//! The raw driver of PostgreSQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_postgres::{Client as Connection, Statement};
use uuid::Uuid;

use super::{Transaction, instant, integer};
use crate::Fallible;
use crate::load::Client;
use crate::rows::Rows;

/// A whole transaction: the head moves only from where this connection left it.
const COMMIT: &str = "
WITH entries AS (
    INSERT INTO ledger.entry (position, entry_id, stream_type, stream_id, version, event_type,
                              schema_version, occurred_on, recorded_at, leaf_data, leaf_hash)
    SELECT position, entry_id, 'authority', stream_id, version, 'AuthorityAmended', 1, $1, $2,
           leaf_data, leaf_hash
    FROM unnest($3::bigint[], $4::uuid[], $5::uuid[], $6::bigint[], $7::text[], $8::bytea[])
        AS new (position, entry_id, stream_id, version, leaf_data, leaf_hash)
), names AS (
    INSERT INTO ledger.idempotency (scope, key, digest, first_position, last_position, created_at,
                                    lasting)
    SELECT 'operator', key, digest, position, position, $2, false
    FROM unnest($9::text[], $10::bytea[], $11::bigint[]) AS new (key, digest, position)
), moved AS (
    UPDATE ledger.head SET batch = batch + 1, position = $12, recorded_at = $2, frontier = $13
    WHERE position = $14
    RETURNING position
)
INSERT INTO ledger.root (position, root) SELECT position, $15 FROM moved";

/// One connection that commits.
pub(crate) struct PostgresWriter {
    connection: Connection,
    commit: Statement,
    rows: Rows,
    position: u64,
    rows_each: usize,
    /// Whether idempotency rows are written too.
    names: bool,
}

impl PostgresWriter {
    /// Founds a ledger in a database with tables, with every stream warm.
    pub(crate) async fn found(
        connection: Connection,
        rows: Rows,
        rows_each: usize,
    ) -> Fallible<Self> {
        connection
            .execute(
                "INSERT INTO ledger.head (one, ledger_id, batch, position, recorded_at, frontier) \
                 VALUES (1, $1, 0, 0, $2, '')",
                &[&Uuid::nil(), &instant()],
            )
            .await?;
        let mut writer = Self::after(connection, rows, 0, rows_each, true).await?;
        writer.commit(writer.rows.streams()).await?;
        Ok(writer)
    }

    /// Goes on after a position.
    pub(crate) async fn after(
        connection: Connection,
        rows: Rows,
        position: u64,
        rows_each: usize,
        names: bool,
    ) -> Fallible<Self> {
        Ok(Self {
            commit: connection.prepare(COMMIT).await?,
            connection,
            rows,
            position,
            rows_each,
            names,
        })
    }

    /// The last position.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Commits the next rows.
    pub(crate) async fn commit(&mut self, count: usize) -> Fallible<()> {
        let made = Transaction::of(&mut self.rows, self.position, count);
        let rows = || made.rows.iter();
        let named = || rows().filter(|_| self.names);
        let written = self
            .connection
            .execute(
                &self.commit,
                &[
                    &made.recorded_at.date_naive(),
                    &made.recorded_at,
                    &rows().map(|row| integer(row.position)).collect::<Vec<_>>(),
                    &rows().map(|row| row.entry_id).collect::<Vec<_>>(),
                    &rows().map(|row| row.stream_id).collect::<Vec<_>>(),
                    &rows().map(|row| integer(row.version)).collect::<Vec<_>>(),
                    &rows().map(|row| row.leaf_data.as_str()).collect::<Vec<_>>(),
                    &rows()
                        .map(|row| row.leaf_hash.as_slice())
                        .collect::<Vec<_>>(),
                    &named().map(|row| row.key.as_str()).collect::<Vec<_>>(),
                    &named().map(|row| row.digest.as_slice()).collect::<Vec<_>>(),
                    &named().map(|row| integer(row.position)).collect::<Vec<_>>(),
                    &integer(made.position),
                    &made.frontier,
                    &integer(self.position),
                    &made.root.as_slice(),
                ],
            )
            .await?;
        if written != 1 {
            return Err("another wrote to the ledger".into());
        }
        self.position = made.position;
        Ok(())
    }
}

impl Client for PostgresWriter {
    async fn ask(&mut self) -> Fallible<()> {
        self.commit(self.rows_each).await
    }

    fn rows(&self) -> usize {
        self.rows_each
    }
}

/// One entry and its idempotency row, in a transaction of their own. There is no head and no root: many
/// connections that moved one head would wait for each other, so the limit is spared what ours does.
const PLAIN: &str = "
WITH entries AS (
    INSERT INTO ledger.entry (position, entry_id, stream_type, stream_id, version, event_type,
                              schema_version, occurred_on, recorded_at, leaf_data, leaf_hash)
    VALUES ($1, $2, 'authority', $3, $4, 'AuthorityAmended', 1, $5, $6, $7, $8)
)
INSERT INTO ledger.idempotency (scope, key, digest, first_position, last_position, created_at,
                                lasting)
VALUES ('operator', $9, $10, $1, $1, $6, false)";

/// One of many connections, each of which commits single rows for itself.
pub(crate) struct PlainClient {
    connection: Connection,
    insert: Statement,
    rows: Rows,
    positions: Arc<AtomicU64>,
}

impl PlainClient {
    /// On a connection of its own; the positions are shared.
    pub(crate) async fn new(
        connection: Connection,
        rows: Rows,
        positions: Arc<AtomicU64>,
    ) -> Fallible<Self> {
        Ok(Self {
            insert: connection.prepare(PLAIN).await?,
            connection,
            rows,
            positions,
        })
    }
}

impl Client for PlainClient {
    async fn ask(&mut self) -> Fallible<()> {
        let position = self.positions.fetch_add(1, Ordering::Relaxed) + 1;
        let recorded_at = instant();
        let row = self.rows.row(position, recorded_at);
        self.connection
            .execute(
                &self.insert,
                &[
                    &integer(row.position),
                    &row.entry_id,
                    &row.stream_id,
                    &integer(row.version),
                    &recorded_at.date_naive(),
                    &recorded_at,
                    &row.leaf_data,
                    &row.leaf_hash.as_slice(),
                    &row.key,
                    &row.digest.as_slice(),
                ],
            )
            .await?;
        Ok(())
    }
}
