//! The raw driver of SQLite.

use dutyledger_record::format_instant;
use rusqlite::{Connection, TransactionBehavior, params};

use super::{Transaction, integer};
use crate::Fallible;
use crate::load::Client;
use crate::rows::{EVENT_TYPE, Rows, SCOPE, STREAM_TYPE};

/// One connection that commits. A prepared statement for each row: there is no server to go to, so
/// that one with many rows in it would save no journey.
pub(crate) struct SqliteWriter {
    connection: Connection,
    rows: Rows,
    position: u64,
    rows_each: usize,
    /// Whether idempotency rows are written too.
    names: bool,
}

impl SqliteWriter {
    /// Founds a ledger in a file with tables, with every stream warm.
    pub(crate) fn found(connection: Connection, rows: Rows, rows_each: usize) -> Fallible<Self> {
        connection.execute(
            "INSERT INTO head (one, ledger_id, position, recorded_at) VALUES (1, ?1, 0, ?2)",
            params![
                uuid::Uuid::nil().to_string(),
                format_instant(super::instant())
            ],
        )?;
        let mut writer = Self::after(connection, rows, 0, rows_each, true);
        writer.commit(writer.rows.streams())?;
        Ok(writer)
    }

    /// Goes on after a position.
    pub(crate) const fn after(
        connection: Connection,
        rows: Rows,
        position: u64,
        rows_each: usize,
        names: bool,
    ) -> Self {
        Self {
            connection,
            rows,
            position,
            rows_each,
            names,
        }
    }

    /// The last position.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Commits the next rows.
    pub(crate) fn commit(&mut self, count: usize) -> Fallible<()> {
        let made = Transaction::of(&mut self.rows, self.position, count);
        let recorded_at = format_instant(made.recorded_at);
        let occurred_on = made.recorded_at.date_naive().to_string();
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut entry = tx.prepare_cached(
                "INSERT INTO entry (position, entry_id, stream_type, stream_id, version, \
                     event_type, schema_version, occurred_on, recorded_at, leaf_data, leaf_hash) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8, ?9, ?10)",
            )?;
            for row in &made.rows {
                entry.execute(params![
                    integer(row.position),
                    row.entry_id.to_string(),
                    STREAM_TYPE,
                    row.stream_id.to_string(),
                    integer(row.version),
                    EVENT_TYPE,
                    occurred_on,
                    recorded_at,
                    row.leaf_data,
                    row.leaf_hash,
                ])?;
            }
            let mut name = tx.prepare_cached(
                "INSERT INTO idempotency (scope, key, digest, first_position, last_position, \
                     created_at, lasting) VALUES (?1, ?2, ?3, ?4, ?4, ?5, 0)",
            )?;
            for row in made.rows.iter().filter(|_| self.names) {
                name.execute(params![
                    SCOPE,
                    row.key,
                    row.digest,
                    integer(row.position),
                    recorded_at
                ])?;
            }
            let moved = tx
                .prepare_cached(
                    "UPDATE head SET batch = batch + 1, position = ?1, recorded_at = ?2, \
                         frontier = ?3 WHERE position = ?4",
                )?
                .execute(params![
                    integer(made.position),
                    recorded_at,
                    made.frontier,
                    integer(self.position)
                ])?;
            if moved != 1 {
                return Err("another wrote to the file".into());
            }
            tx.prepare_cached("INSERT INTO root (position, root) VALUES (?1, ?2)")?
                .execute(params![integer(made.position), made.root])?;
        }
        tx.commit()?;
        self.position = made.position;
        Ok(())
    }
}

impl Client for SqliteWriter {
    async fn ask(&mut self) -> Fallible<()> {
        // On this thread: nothing else is to run while the limit does.
        self.commit(self.rows_each)
    }

    fn rows(&self) -> usize {
        self.rows_each
    }
}
