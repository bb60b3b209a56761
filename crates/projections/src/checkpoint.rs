//! Which entries the rows are derived from.

use std::path::Path;

use dutyledger_ledger::{LedgerReader, Stored};
use dutyledger_record::LedgerId;
use sqlx::sqlite::SqliteConnection;

use crate::error::{OpenError, ProjectionError};
use crate::values::{integer, number};

/// Reads the checkpoint, or sets it at the start of the ledger in a new file, and checks that the
/// rows are derived from this ledger as it is.
pub(crate) async fn open(
    path: &Path,
    conn: &mut SqliteConnection,
    ledger: &LedgerReader,
) -> Result<u64, OpenError> {
    sqlx::query(
        "INSERT INTO checkpoint (one, ledger_id, position) VALUES (1, ?1, 0) \
         ON CONFLICT (one) DO NOTHING",
    )
    .bind(ledger.id().to_string())
    .execute(&mut *conn)
    .await
    .map_err(OpenError::database)?;
    let (found, position, leaf_hash) = sqlx::query_as::<_, (String, i64, Option<Vec<u8>>)>(
        "SELECT ledger_id, position, leaf_hash FROM checkpoint",
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(OpenError::database)?;
    let corrupt = || OpenError::Corrupt {
        path: path.to_owned(),
    };
    let found: LedgerId = found.parse().map_err(|_| corrupt())?;
    let position = u64::try_from(position).map_err(|_| corrupt())?;
    if found != ledger.id() {
        return Err(OpenError::OtherLedger {
            path: path.to_owned(),
            found,
            ledger: ledger.id(),
        });
    }
    let head = ledger.last_position().await?;
    if position > head {
        return Err(OpenError::AheadOfLedger {
            path: path.to_owned(),
            position,
            head,
        });
    }
    if let Some(before) = position.checked_sub(1) {
        let entries = ledger.read(before, 1).await?;
        let same = |entry: &Stored| leaf_hash.as_deref() == Some(entry.leaf_hash.as_slice());
        if !entries.first().is_some_and(same) {
            return Err(OpenError::OtherHistory {
                path: path.to_owned(),
                position,
            });
        }
    }
    Ok(position)
}

/// Where the checkpoint is.
pub(crate) async fn position(conn: &mut SqliteConnection) -> Result<u64, ProjectionError> {
    let position = sqlx::query_scalar::<_, i64>("SELECT position FROM checkpoint")
        .fetch_one(conn)
        .await?;
    Ok(number(position)?)
}

/// Moves the checkpoint to an entry, in the transaction that writes its rows.
pub(crate) async fn advance(
    conn: &mut SqliteConnection,
    from: u64,
    to: &Stored,
) -> Result<(), ProjectionError> {
    let moved =
        sqlx::query("UPDATE checkpoint SET position = ?2, leaf_hash = ?3 WHERE position = ?1")
            .bind(integer(from))
            .bind(integer(to.position))
            .bind(to.leaf_hash.as_slice())
            .execute(conn)
            .await?;
    if moved.rows_affected() == 1 {
        Ok(())
    } else {
        Err(ProjectionError::Moved)
    }
}
