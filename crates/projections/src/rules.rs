//! The rule pack the ledger has adopted: marks, and the triggers made of them, are evaluated under
//! it. And the dates of deadlines it set, which are one for all.

use dutyledger_domain::dates::Dates;
use dutyledger_domain::streams::LedgerStream;
use dutyledger_domain::{History, StreamKind};
use dutyledger_ledger::LedgerReader;
use dutyledger_record::{RulePackRef, Stream, StreamId};

use crate::cache::{Cache, Loader, event};
use crate::database::{Tx, sql};
use crate::error::ProjectionError;
use crate::page::record;
use crate::streams::FOLDS_ALL;
use crate::values::{number, parsed};

/// What of the ledger's own stream rows are derived from.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    /// The rule pack in force, once the ledger's opening has been applied.
    pub(crate) rules: Option<RulePackRef>,
    /// The dates it set.
    pub(crate) dates: Dates,
}

async fn history(
    ledger: &LedgerReader,
    stream: StreamId,
    up_to: u64,
) -> Result<History<LedgerStream>, ProjectionError> {
    let stored = ledger
        .read_stream(&Stream::new(LedgerStream::TYPE, stream), Some(up_to))
        .await?;
    let records = stored.iter().map(record).collect::<Result<Vec<_>, _>>()?;
    event(stream, History::<LedgerStream>::read(records))
}

/// Folds the ledger's own stream, writes the rule pack it names, and keeps the dates it set. Answers
/// the partnerships it concerns: all of them if either changed.
pub(crate) async fn write(
    tx: &mut Tx,
    ledger: &LedgerReader,
    cache: &mut Cache,
    stream: StreamId,
    up_to: u64,
) -> Result<Vec<StreamId>, ProjectionError> {
    let history = history(ledger, stream, up_to).await?;
    let dates = Dates::of(&history);
    let same = match &cache.dates {
        Some(before) => *before == dates,
        // Not known: where there are none there never were, as nothing is taken out.
        None => dates.is_empty(),
    };
    cache.dates = Some(dates);
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
    if changed == 0 && same {
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

/// Both, as they stand at the position that is being written.
pub(crate) async fn read(tx: &mut Tx, loader: &mut Loader<'_>) -> Result<Own, ProjectionError> {
    let dates = match &loader.cache.dates {
        Some(dates) => dates.clone(),
        None => {
            let own = StreamId::new(loader.ledger.id().uuid());
            let dates = Dates::of(&history(loader.ledger, own, loader.up_to).await?);
            loader.cache.dates = Some(dates.clone());
            dates
        }
    };
    let found = tx
        .optional::<(String, i64)>(sql("SELECT pack, revision FROM rules"))
        .await?;
    let rules = match found {
        Some((pack, revision)) => Some(RulePackRef {
            pack,
            revision: number(revision)?,
        }),
        None => None,
    };
    Ok(Own { rules, dates })
}
