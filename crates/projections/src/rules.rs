//! The rule pack the ledger has adopted: marks, and the triggers made of them, are evaluated under
//! it.

use dutyledger_domain::streams::LedgerStream;
use dutyledger_domain::{History, StreamKind};
use dutyledger_ledger::LedgerReader;
use dutyledger_record::{RulePackRef, Stream, StreamId};
use sqlx::sqlite::SqliteConnection;

use crate::cache::event;
use crate::error::ProjectionError;
use crate::page::record;
use crate::streams::FOLDS_ALL;
use crate::values::{number, parsed};

/// Folds the ledger's own stream and writes the rule pack it names. Answers the partnerships it
/// concerns: all of them if it changed.
pub(crate) async fn write(
    conn: &mut SqliteConnection,
    ledger: &LedgerReader,
    stream: StreamId,
    up_to: u64,
) -> Result<Vec<StreamId>, ProjectionError> {
    let stored = ledger
        .read_stream(&Stream::new(LedgerStream::TYPE, stream), Some(up_to))
        .await?;
    let records = stored.iter().map(record).collect::<Result<Vec<_>, _>>()?;
    let history = event(stream, History::<LedgerStream>::read(records))?;
    let Some(rules) = history.state(FOLDS_ALL).rules else {
        return Ok(Vec::new());
    };
    let changed = sqlx::query(
        "INSERT INTO rules (one, pack, revision) VALUES (1, ?1, ?2) \
         ON CONFLICT (one) DO UPDATE SET pack = excluded.pack, revision = excluded.revision \
             WHERE (pack, revision) IS NOT (excluded.pack, excluded.revision)",
    )
    .bind(&rules.pack)
    .bind(rules.revision)
    .execute(&mut *conn)
    .await?;
    if changed.rows_affected() == 0 {
        return Ok(Vec::new());
    }
    let all = sqlx::query_scalar::<_, String>("SELECT DISTINCT partnership_id FROM depends")
        .fetch_all(conn)
        .await?;
    Ok(all.iter().map(|id| parsed(id)).collect::<Result<_, _>>()?)
}

/// The rule pack in force, once the ledger's opening has been applied.
pub(crate) async fn read(
    conn: &mut SqliteConnection,
) -> Result<Option<RulePackRef>, ProjectionError> {
    let found = sqlx::query_as::<_, (String, i64)>("SELECT pack, revision FROM rules")
        .fetch_optional(conn)
        .await?;
    let rules = found.map(|(pack, revision)| {
        let revision = number(revision)?;
        Ok(RulePackRef { pack, revision })
    });
    rules.transpose()
}
