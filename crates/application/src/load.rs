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
use dutyledger_ledger::{Extent, LedgerReader, ReadError, Stored};
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
    /// There is more than whoever asked takes.
    #[error("there is more than {} entries or {} bytes of it", .0.entries, .0.bytes)]
    TooLarge(Extent),
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
    gathered(ledger, partnership, belonging, up_to, None).await
}

/// The same, of so much at the most: nothing is read of what would be more.
///
/// # Errors
/// When a stream cannot be read, or it is more.
pub async fn of_partnership_within(
    ledger: &LedgerReader,
    partnership: StreamId,
    belonging: impl IntoIterator<Item = Stream>,
    up_to: u64,
    most: Extent,
) -> Result<Histories, LoadError> {
    gathered(ledger, partnership, belonging, up_to, Some(most)).await
}

async fn gathered(
    ledger: &LedgerReader,
    partnership: StreamId,
    belonging: impl IntoIterator<Item = Stream>,
    up_to: u64,
    most: Option<Extent>,
) -> Result<Histories, LoadError> {
    let own = [Stream::new(Partnership::TYPE, partnership)];
    let mut wanted: BTreeSet<_> = belonging.into_iter().chain(own).collect();
    let mut seen = BTreeSet::new();
    let mut all = histories(ledger, [], up_to).await?;
    let mut extent = Extent::default();
    while !wanted.is_empty() {
        if let Some(most) = most {
            let more = ledger.extent(&wanted, up_to).await?;
            extent.entries += more.entries;
            extent.bytes += more.bytes;
            if extent.entries > most.entries || extent.bytes > most.bytes {
                return Err(LoadError::TooLarge(most));
            }
        }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dutyledger_domain::streams::ledger::LedgerMode;
    use dutyledger_ledger::{Append, StreamAppend, SystemClock};
    use dutyledger_record::{Draft, EntryId, Event};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{Bus, Edge, Home, SystemEntropy};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_partnership_that_is_too_large_is_refused_before_any_of_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::beside(folder.path().join("ledger.db"));
        let edge = Edge {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        let (bus, _) = Bus::open(&home, LedgerMode::Sandbox, edge).await.unwrap();
        let ledger = bus.ledger();
        let opening = ledger.read(0, 1).await.unwrap();
        // Whoever reads this entry does not understand it.
        let id = Uuid::from_u128(0x0193_1c2e_5a00_7000_8000_0000_0000_0001);
        let partnership = StreamId::new(id);
        let stream = Stream::new(Partnership::TYPE, partnership);
        let mut entry = opening[0].record().unwrap().entry;
        entry.entry_id = EntryId::new(id);
        entry.stream = stream.clone();
        entry.payload = json!({});
        let event = Event {
            schema_version: 1,
            event_type: "NeverHeardOf".to_owned(),
        };
        let part = StreamAppend {
            stream: stream.clone(),
            expected_version: 0,
            drafts: vec![Draft::new(ledger.id(), event, &entry).unwrap()],
        };
        let append = Append {
            streams: vec![part],
            ..Append::default()
        };
        let at = ledger.append(append).await.unwrap().last_position;

        let within = async |most| of_partnership_within(ledger, partnership, [], at, most).await;
        let whole = ledger.extent([&stream], at).await.unwrap();
        assert_eq!(whole.entries, 1);
        let read = within(whole).await.unwrap_err();
        assert!(matches!(read, LoadError::History(_)), "{read}");
        let fewer = Extent {
            entries: 0,
            ..whole
        };
        let shorter = Extent {
            bytes: whole.bytes - 1,
            ..whole
        };
        for most in [fewer, shorter] {
            let refused = within(most).await.unwrap_err();
            assert!(matches!(refused, LoadError::TooLarge(_)), "{refused}");
        }
    }
}
