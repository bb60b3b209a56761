//! Which streams belong to a partnership.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use dutyledger_application::{LoadError, load};
use dutyledger_domain::streams::{Deadline, Direction, NeedsAssessment, Strategy, TriggerStream};
use dutyledger_domain::{Histories, Listed, StreamKind, by_kind};
use dutyledger_ledger::LedgerReader;
use dutyledger_record::{Envelope, Stream, StreamId};
use serde_json::Value;

/// How many entries are read at once.
const PAGE: u32 = 2_000;
/// The kinds of stream that belong to a partnership.
const KINDS: [&str; 3] = [Direction::NAME, NeedsAssessment::NAME, Strategy::NAME];

/// The streams that belong to a partnership: those known up to a position, and what entries after it
/// open. `known` comes from the projections, where there are any; with none, the whole ledger is read
/// once, of which `progress` is told.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn belonging(
    ledger: &LedgerReader,
    partnership: StreamId,
    known: (BTreeSet<Stream>, u64),
    progress: impl FnMut(u64, u64),
) -> Result<BTreeSet<Stream>, LoadError> {
    let (mut found, after) = known;
    let mut opened = BTreeSet::new();
    let head = ledger.last_position().await?;
    each_naming(ledger, partnership, (after, head), progress, |entry| {
        if entry.version == 1 && KINDS.contains(&entry.stream.stream_type.as_str()) {
            opened.insert(entry.stream);
        }
    })
    .await?;
    // An entry may name several partnerships; its stream belongs to one.
    for stream in opened {
        // One after the other, so that no more than one is held: together they may be any size.
        let mut history = load::histories(ledger, [stream.clone()], head).await?;
        let belongs = by_kind!(
            stream.stream_type.as_str(),
            K => belongs::<K>(&mut history, stream.id, partnership),
            else false
        );
        if belongs {
            found.insert(stream);
        }
    }
    Ok(found)
}

/// The streams in which a partnership's deadlines and triggers are announced: those known up to a
/// position, and what entries after it open.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) async fn announced(
    ledger: &LedgerReader,
    partnership: StreamId,
    known: (BTreeSet<Stream>, u64),
    up_to: u64,
    progress: impl FnMut(u64, u64),
) -> Result<BTreeSet<Stream>, LoadError> {
    let (mut found, after) = known;
    let kinds = [Deadline::TYPE, TriggerStream::TYPE];
    each_naming(ledger, partnership, (after, up_to), progress, |entry| {
        if kinds.contains(&entry.stream.stream_type) {
            found.insert(entry.stream);
        }
    })
    .await?;
    Ok(found)
}

/// Gives every entry after a position that concerns a partnership, page by page.
async fn each_naming(
    ledger: &LedgerReader,
    partnership: StreamId,
    (mut after, head): (u64, u64),
    mut progress: impl FnMut(u64, u64),
    mut give: impl FnMut(Envelope<Value>),
) -> Result<(), LoadError> {
    let id = partnership.to_string();
    while after < head {
        let page = ledger.read(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.position;
        for stored in page.iter().filter(|stored| stored.leaf_data.contains(&id)) {
            let entry = stored.record()?.entry;
            if entry.standing.partnerships.contains(&partnership) {
                give(entry);
            }
        }
        progress(after, head);
    }
    Ok(())
}

fn belongs<K: Listed>(all: &mut Histories, id: StreamId, partnership: StreamId) -> bool {
    let history = K::among(all).remove(&id);
    history.is_some_and(|h| K::partnership(id, &h.state(NaiveDate::MAX)) == Some(partnership))
}
