//! Warm streams: the histories used last, so that a command costs what is new and not all there is.
//!
//! What is held may be behind the ledger, since others append too. That does no harm: an append
//! guards the version of every stream it rested on. Where that finds one moved, and before a command
//! is refused, those versions are asked for; a stream that has moved is marked here, and its tail is
//! read when it is next wanted.

use std::any::Any;
use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use dutyledger_domain::{Histories, History, Listed, StreamKind, by_kind};
use dutyledger_ledger::{LedgerReader, Stored};
use dutyledger_record::{Envelope, Stream, StreamId};

use crate::load::LoadError;

/// How many entries the histories held have together at the most; a stream counts as one more.
const ENTRIES_MAX: u64 = 200_000;
/// Into how many parts the cache is cut. A stream is held only if it fits into one of them.
const SHARDS: usize = 2;
/// How many streams the cache is laid out for.
const STREAMS_EXPECTED: usize = 20_000;

/// A history of whichever kind.
#[derive(Clone)]
struct Held {
    history: Arc<dyn Any + Send + Sync>,
    entries: u64,
    /// Whether the ledger is known to hold more of it.
    behind: bool,
}

#[derive(Clone)]
struct ByEntries;

impl Weighter<Stream, Held> for ByEntries {
    fn weight(&self, _: &Stream, held: &Held) -> u64 {
        held.entries + 1
    }
}

/// The histories used last. Bounded.
pub(crate) struct Warm(Cache<Stream, Held, ByEntries>);

impl Default for Warm {
    fn default() -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(STREAMS_EXPECTED)
            .weight_capacity(ENTRIES_MAX)
            .shards(SHARDS)
            .build()
            .unwrap_or_else(|_| unreachable!("both capacities are given"));
        Self(Cache::with_options(
            options,
            ByEntries,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        ))
    }
}

impl Warm {
    /// A stream's history: as it is held, or from the ledger.
    pub(crate) async fn history<K: StreamKind>(
        &self,
        ledger: &LedgerReader,
        id: StreamId,
    ) -> Result<History<K>, LoadError> {
        let stream = Stream::new(K::TYPE, id);
        let held = self.0.get(&stream);
        let behind = held.as_ref().is_none_or(|held| held.behind);
        let mut history = held
            .and_then(|held| held.history.downcast_ref::<History<K>>().cloned())
            .unwrap_or_default();
        if behind {
            let tail = ledger.read_stream_after(&stream, history.version()).await?;
            let records = tail.iter().map(Stored::record);
            history.extend(records.collect::<Result<Vec<_>, _>>()?)?;
            if history.version() > 0 {
                self.put(id, history.clone());
            }
        }
        Ok(history)
    }

    /// Adds streams to histories, those already there left alone. Tells whether any was added.
    pub(crate) async fn add(
        &self,
        ledger: &LedgerReader,
        histories: &mut Histories,
        streams: impl IntoIterator<Item = Stream>,
    ) -> Result<bool, LoadError> {
        let mut added = false;
        for stream in streams {
            if histories.holds(&stream) {
                continue;
            }
            by_kind!(
                stream.stream_type.as_str(),
                K => {
                    let history = self.history::<K>(ledger, stream.id).await?;
                    K::among(histories).insert(stream.id, history);
                },
                else {}
            );
            added = true;
        }
        Ok(added)
    }

    /// Holds a history as it now is, unless more of it is held already.
    pub(crate) fn put<K: StreamKind>(&self, id: StreamId, history: History<K>) {
        let stream = Stream::new(K::TYPE, id);
        let newer = |held: &Held| held.entries > history.version();
        if self.0.peek(&stream).as_ref().is_some_and(newer) {
            return;
        }
        let held = Held {
            entries: history.version(),
            history: Arc::new(history),
            behind: false,
        };
        self.0.insert(stream, held);
    }

    /// Holds a history with the entries that were recorded after it, and tells the version it then
    /// has.
    ///
    /// What is held shares the history, and a history that is shared is copied where it grows: so that
    /// is let go of first. Whoever wants the stream meanwhile reads it from the ledger.
    pub(crate) fn grow<K: StreamKind>(
        &self,
        id: StreamId,
        mut history: History<K>,
        entries: Vec<Envelope<K::Event>>,
    ) -> u64 {
        let stream = Stream::new(K::TYPE, id);
        let older = |held: &Held| held.entries <= history.version();
        drop(self.0.remove_if(&stream, older));
        for entry in entries {
            history.push(entry);
        }
        let version = history.version();
        self.put(id, history);
        version
    }

    /// Takes in that the ledger holds more of a stream.
    pub(crate) fn is_behind(&self, stream: &Stream) {
        if let Some(held) = self.0.get(stream) {
            let held = Held {
                behind: true,
                ..held
            };
            self.0.insert(stream.clone(), held);
        }
    }
}
