//! What the raw drivers commit: the rows that our append writes, and nothing decided.

mod postgres;
mod sqlite;

pub(crate) use postgres::{PlainClient, PostgresWriter};
pub(crate) use sqlite::SqliteWriter;

use chrono::{DateTime, Timelike, Utc};
use dutyledger_ledger::{Clock, SystemClock};

use crate::rows::{Row, Rows};

/// The instant of a transaction, as finely as the record has it.
fn instant() -> DateTime<Utc> {
    let now = SystemClock.now();
    now.with_nanosecond(now.nanosecond() / 1_000 * 1_000)
        .unwrap_or(now)
}

/// What one transaction writes.
struct Transaction {
    rows: Vec<Row>,
    recorded_at: DateTime<Utc>,
    position: u64,
    frontier: Vec<u8>,
    root: [u8; 32],
}

impl Transaction {
    /// The next `count` rows after a position.
    fn of(rows: &mut Rows, after: u64, count: usize) -> Self {
        let recorded_at = instant();
        let made: Vec<Row> = (after + 1..)
            .take(count)
            .map(|at| rows.row(at, recorded_at))
            .collect();
        let position = after + made.len() as u64;
        let (frontier, root) = rows.tree(position);
        Self {
            rows: made,
            recorded_at,
            position,
            frontier,
            root,
        }
    }
}

/// A number as the databases hold it.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
