//! Which streams belong to a partnership.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use dutyledger_application::{LoadError, load};
use dutyledger_domain::streams::{Deadline, Direction, NeedsAssessment, Strategy, TriggerStream};
use dutyledger_domain::{Histories, Listed, StreamKind, by_kind};
use dutyledger_ledger::LedgerReader;
use dutyledger_record::{Stream, StreamId};

/// How many entries are read at once.
const PAGE: u32 = 2_000;
/// The kinds of stream that belong to a partnership.
const BELONGING: [&str; 3] = [Direction::NAME, NeedsAssessment::NAME, Strategy::NAME];
/// The kinds in which its deadlines and triggers are announced.
const ANNOUNCING: [&str; 2] = [Deadline::NAME, TriggerStream::NAME];

/// The streams of a partnership, as far as they are known: from the projections, where there are any.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Those that belong to it.
    pub belonging: BTreeSet<Stream>,
    /// Those in which its deadlines and triggers are announced.
    pub announced: BTreeSet<Stream>,
    /// The position up to which they are known.
    pub position: u64,
}

/// The streams that belong to a partnership: those known up to a position, and what entries after it
/// open. With none known, the whole ledger is read once, of which `progress` is told.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn belonging(
    ledger: &LedgerReader,
    partnership: StreamId,
    (belonging, position): (BTreeSet<Stream>, u64),
    progress: impl FnMut(u64, u64),
) -> Result<BTreeSet<Stream>, LoadError> {
    let known = Known {
        belonging,
        position,
        ..Known::default()
    };
    Ok(all_known(ledger, partnership, known, progress)
        .await?
        .belonging)
}

/// The same, with the streams in which its deadlines and triggers are announced, up to the head.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) async fn all_known(
    ledger: &LedgerReader,
    partnership: StreamId,
    mut known: Known,
    mut progress: impl FnMut(u64, u64),
) -> Result<Known, LoadError> {
    let (mut opened, head) = (BTreeSet::new(), ledger.last_position().await?);
    let id = partnership.to_string();
    while known.position < head {
        let page = ledger.read(known.position, PAGE).await?;
        let Some(last) = page.last() else { break };
        known.position = last.position;
        for stored in page.iter().filter(|stored| stored.leaf_data.contains(&id)) {
            let entry = stored.record()?.entry;
            let kind = entry.stream.stream_type.as_str();
            if !entry.standing.partnerships.contains(&partnership) {
                continue;
            }
            if ANNOUNCING.contains(&kind) {
                known.announced.insert(entry.stream);
            } else if entry.version == 1 && BELONGING.contains(&kind) {
                opened.insert(entry.stream);
            }
        }
        progress(known.position, head);
    }
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
            known.belonging.insert(stream);
        }
    }
    Ok(known)
}

fn belongs<K: Listed>(all: &mut Histories, id: StreamId, partnership: StreamId) -> bool {
    let history = K::among(all).remove(&id);
    history.is_some_and(|h| K::partnership(id, &h.state(NaiveDate::MAX)) == Some(partnership))
}
