//! What a page of entries touches.

use std::collections::{BTreeMap, BTreeSet};

use dutyledger_domain::streams::{Access, Deadline, Erasure, LedgerStream, TriggerStream};
use dutyledger_domain::{History, StreamKind};
use dutyledger_ledger::{LedgerReader, Stored};
use dutyledger_record::{Record, Stream, StreamId};

use crate::cache::event;
use crate::error::ProjectionError;
use crate::kinds::is_kept;
use crate::timeline::Timeline;

/// A page of entries, sorted by what has to be written because of them.
#[derive(Debug, Default)]
pub(crate) struct PageOf {
    /// The entries of each stream touched, and the position of the last.
    pub(crate) streams: BTreeMap<Stream, Touched>,
    /// The partnerships the entries name.
    pub(crate) partnerships: BTreeSet<StreamId>,
    /// The ledger's own stream, where it is touched.
    pub(crate) ledger: Option<StreamId>,
    /// The rows of the timeline.
    pub(crate) timeline: Timeline,
}

#[derive(Debug, Default)]
pub(crate) struct Touched {
    pub(crate) entries: Vec<Record>,
    pub(crate) position: u64,
}

impl PageOf {
    pub(crate) fn read(stored: &[Stored]) -> Result<Self, ProjectionError> {
        let mut page = Self::default();
        for stored in stored {
            page.add(record(stored)?)?;
        }
        Ok(page)
    }

    fn add(&mut self, record: Record) -> Result<(), ProjectionError> {
        let stream = record.entry.stream.clone();
        self.timeline.add(&record)?;
        // Streams without rows: an event in them that is not understood stops everything like any
        // other.
        match stream.stream_type.as_str() {
            LedgerStream::NAME => {
                self.ledger = Some(stream.id);
                return understood::<LedgerStream>(record);
            }
            // What is announced changes nothing of what it speaks of.
            Deadline::NAME => return understood::<Deadline>(record),
            TriggerStream::NAME => return understood::<TriggerStream>(record),
            // No row depends on a sealed text, nor on who read it.
            Erasure::NAME => return understood::<Erasure>(record),
            Access::NAME => return understood::<Access>(record),
            _ => {}
        }
        self.partnerships
            .extend(&record.entry.standing.partnerships);
        if !is_kept(stream.stream_type.as_str()) {
            return Err(ProjectionError::UnknownStream {
                position: record.position,
                stream_type: stream.stream_type.as_str().to_owned(),
            });
        }
        let touched = self.streams.entry(stream).or_default();
        touched.position = record.position;
        touched.entries.push(record);
        Ok(())
    }
}

fn understood<K: StreamKind>(record: Record) -> Result<(), ProjectionError> {
    let id = record.entry.stream.id;
    event(id, History::<K>::read([record])).map(drop)
}

pub(crate) fn record(stored: &Stored) -> Result<Record, ProjectionError> {
    stored.record().map_err(|cause| ProjectionError::Record {
        position: stored.position,
        cause,
    })
}

/// The entries after a position, where the ledger goes further.
pub(crate) async fn next(
    ledger: &LedgerReader,
    after: u64,
    limit: u32,
) -> Result<Vec<Stored>, ProjectionError> {
    let page = ledger.read_on(after, limit).await?;
    if page.first().is_none_or(|first| first.position != after + 1) {
        return Err(ProjectionError::Missing {
            position: after + 1,
        });
    }
    Ok(page)
}
