//! The rule pack the ledger has adopted: marks, and the triggers made of them, are evaluated under
//! it.

use dutyledger_domain::streams::LedgerStream;
use dutyledger_domain::{History, StreamKind};
use dutyledger_ledger::LedgerReader;
use dutyledger_record::{RulePackRef, Stream, StreamId};

use crate::cache::event;
use crate::database::{Tx, sql};
use crate::error::ProjectionError;
use crate::page::record;
use crate::streams::FOLDS_ALL;
use crate::values::{number, parsed};

/// Folds the ledger's own stream and writes the rule pack it names. Answers the partnerships it
/// concerns: all of them if it changed.
pub(crate) async fn write(
    tx: &mut Tx,
    ledger: &LedgerReader,
    stream: StreamId,
    up_to: u64,
) -> Result<Vec<StreamId>, ProjectionError> {
    let stored = ledger
        .read_stream(&Stream::new(LedgerStream::TYPE, stream), Some(up_to))
        .await?;
    let records = stored.iter().map(record).collect::<Result<Vec<_>, _>>()?;
    let history = event(stream, History::<LedgerStream>::read(records))?;
    let state = history.state(FOLDS_ALL);
    let Some(rules) = &state.rules else {
        return Ok(Vec::new());
    };
    let changed = tx
        .execute(
            sql(
                "INSERT INTO rules (one, pack, revision) VALUES (1, $1, $2) \
                 ON CONFLICT (one) DO UPDATE SET \
                     pack = excluded.pack, revision = excluded.revision \
                     WHERE rules.pack <> excluded.pack OR rules.revision <> excluded.revision",
            )
            .bind(rules.pack.as_str())
            .bind(rules.revision),
        )
        .await?;
    if changed == 0 {
        return Ok(Vec::new());
    }
    let all = tx
        .all::<(String,)>(sql("SELECT DISTINCT partnership_id FROM depends"))
        .await?;
    Ok(all
        .iter()
        .map(|(id,)| parsed(id))
        .collect::<Result<_, _>>()?)
}

/// The rule pack in force, once the ledger's opening has been applied.
pub(crate) async fn read(tx: &mut Tx) -> Result<Option<RulePackRef>, ProjectionError> {
    let found = tx
        .optional::<(String, i64)>(sql("SELECT pack, revision FROM rules"))
        .await?;
    let rules = found.map(|(pack, revision)| {
        let revision = number(revision)?;
        Ok(RulePackRef { pack, revision })
    });
    rules.transpose()
}
