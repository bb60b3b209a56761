//! Reading streams from the ledger as histories.

use std::collections::BTreeSet;
use std::panic::resume_unwind;

use chrono::{DateTime, NaiveDate, Utc};
use futures_util::stream::{self, StreamExt};
use tokio::task::JoinError;

use dutyledger_domain::dates::Dates;
use dutyledger_domain::depends::further;
use dutyledger_domain::rules::enacted_ref;
use dutyledger_domain::streams::{LedgerStream, Partnership};
use dutyledger_domain::{Histories, History, HistoryError, StreamKind};
use dutyledger_ledger::{LedgerReader, ReadError, Stored};
use dutyledger_record::{EntryError, Record, RulePackRef, Stream, StreamId};

/// How many streams are read at once.
pub const AT_ONCE: usize = 4;

/// Why a stream could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The ledger could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An entry is no record of this format.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// An event is unknown to this program.
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// Reads the records of a stream, up to a position.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) async fn records(
    ledger: &LedgerReader,
    stream: &Stream,
    up_to: Option<u64>,
) -> Result<Vec<Record>, LoadError> {
    let stored = ledger.read_stream(stream, up_to).await?;
    Ok(stored
        .iter()
        .map(Stored::record)
        .collect::<Result<_, _>>()?)
}

/// Reads a stream's history, up to a position.
///
/// # Errors
/// When it cannot be read.
pub async fn history<K: StreamKind>(
    ledger: &LedgerReader,
    id: StreamId,
    up_to: Option<u64>,
) -> Result<History<K>, LoadError> {
    let stream = Stream::new(K::TYPE, id);
    Ok(History::read(records(ledger, &stream, up_to).await?)?)
}

/// Adds streams to histories, those already there left alone.
///
/// # Errors
/// When one cannot be read.
pub async fn add(
    ledger: &LedgerReader,
    histories: &mut Histories,
    streams: impl IntoIterator<Item = Stream>,
    up_to: Option<u64>,
) -> Result<bool, LoadError> {
    let mut added = false;
    for stream in streams {
        if !histories.holds(&stream) {
            let found = records(ledger, &stream, up_to).await?;
            histories.read(&stream, found)?;
            added = true;
        }
    }
    Ok(added)
}

/// Reads streams as histories, up to a position; those that had no entry by then are left out.
///
/// # Errors
/// When one cannot be read.
pub async fn histories(
    ledger: &LedgerReader,
    streams: impl IntoIterator<Item = Stream>,
    up_to: u64,
) -> Result<Histories, LoadError> {
    let (rules, dates) = own(ledger, Some(up_to)).await?;
    let mut all = Histories {
        rules,
        dates,
        ..Histories::default()
    };
    read_into(&mut all, ledger, streams, up_to).await?;
    Ok(all)
}

/// Adds streams to histories, as known at a position; those that had no entry by then are left out.
///
/// Each is read on a task of its own, and made a history there: while one is decoded, others are on
/// their way or decoded beside it.
async fn read_into(
    all: &mut Histories,
    ledger: &LedgerReader,
    streams: impl IntoIterator<Item = Stream>,
    up_to: u64,
) -> Result<(), LoadError> {
    let reads = streams.into_iter().map(|stream| {
        let ledger = ledger.clone();
        tokio::spawn(async move {
            let found = records(&ledger, &stream, Some(up_to)).await?;
            let mut own = Histories::default();
            if !found.is_empty() {
                own.read(&stream, found)?;
            }
            Ok::<_, LoadError>(own)
        })
    });
    let mut reads = stream::iter(reads).buffered(AT_ONCE);
    while let Some(read) = reads.next().await {
        all.take_in(read.unwrap_or_else(broken_off)?);
    }
    Ok(())
}

/// What becomes of a task that did not end by itself: a panic goes on here.
fn broken_off<T>(error: JoinError) -> Result<T, LoadError> {
    match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(ended) => Err(ReadError::Database(ended.into()).into()),
    }
}

/// Reads everything a partnership's reviews, triggers and obligations are derived from, as known at a
/// position: its own stream, those that belong to it, and what these hang on.
///
/// # Errors
/// When a stream cannot be read.
pub async fn of_partnership(
    ledger: &LedgerReader,
    partnership: StreamId,
    belonging: impl IntoIterator<Item = Stream>,
    up_to: u64,
) -> Result<Histories, LoadError> {
    let own = [Stream::new(Partnership::TYPE, partnership)];
    let mut wanted: BTreeSet<_> = belonging.into_iter().chain(own).collect();
    let mut seen = BTreeSet::new();
    let mut all = histories(ledger, [], up_to).await?;
    while !wanted.is_empty() {
        read_into(&mut all, ledger, wanted.iter().cloned(), up_to).await?;
        seen.append(&mut wanted);
        wanted = further(partnership, &all);
        wanted.retain(|stream| !seen.contains(stream));
    }
    Ok(all)
}

/// The last position recorded at or before an instant; 0 where there is none. Instants never go back
/// from one position to the next.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn position_at(ledger: &LedgerReader, instant: DateTime<Utc>) -> Result<u64, LoadError> {
    let (mut known, mut beyond) = (0, ledger.last_position().await? + 1);
    while known + 1 < beyond {
        let middle = known + (beyond - known) / 2;
        let found = ledger.read(middle - 1, 1).await?;
        let record = found.first().map(Stored::record).transpose()?;
        if record.is_some_and(|record| record.recorded_at <= instant) {
            known = middle;
        } else {
            beyond = middle;
        }
    }
    Ok(known)
}

/// The rule pack a ledger had adopted, as known at a position.
///
/// # Errors
/// When the ledger's own stream cannot be read.
pub async fn rules(ledger: &LedgerReader, up_to: Option<u64>) -> Result<RulePackRef, LoadError> {
    Ok(own(ledger, up_to).await?.0)
}

/// The dates of deadlines a ledger had set, as known at a position.
///
/// # Errors
/// When the ledger's own stream cannot be read.
pub async fn dates(ledger: &LedgerReader, up_to: Option<u64>) -> Result<Dates, LoadError> {
    Ok(own(ledger, up_to).await?.1)
}

/// What the ledger's own stream says that answers depend on: the rule pack it had adopted, and the
/// dates of deadlines it had set.
async fn own(ledger: &LedgerReader, up_to: Option<u64>) -> Result<(RulePackRef, Dates), LoadError> {
    let id = StreamId::new(ledger.id().uuid());
    let history = history::<LedgerStream>(ledger, id, up_to).await?;
    let rules = history.state(NaiveDate::MAX).rules.clone();
    Ok((rules.unwrap_or_else(enacted_ref), Dates::of(&history)))
}
