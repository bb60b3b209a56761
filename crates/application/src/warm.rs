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

/// How many bytes of text the histories held were read from, together at the most.
const BYTES_MAX: u64 = 256 << 20;
/// What an entry counts for at least, however short it is, and a stream besides: so that there are no
/// more than 200,000 of them.
const BYTES_MIN: u64 = BYTES_MAX / 200_000;
/// Into how many parts the cache is cut. A stream is held only if it fits into one of them.
const SHARDS: usize = 2;
/// How many streams the cache is laid out for.
const STREAMS_EXPECTED: usize = 20_000;

/// A history of whichever kind.
#[derive(Clone)]
struct Held {
    history: Arc<dyn Any + Send + Sync>,
    entries: u64,
    bytes: u64,
    /// Whether the ledger is known to hold more of it.
    behind: bool,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Stream, Held> for ByBytes {
    fn weight(&self, _: &Stream, held: &Held) -> u64 {
        held.bytes + BYTES_MIN
    }
}

/// What an entry counts for.
fn counted(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX).max(BYTES_MIN)
}

/// The histories used last. Bounded.
pub(crate) struct Warm(Cache<Stream, Held, ByBytes>);

impl Default for Warm {
    fn default() -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(STREAMS_EXPECTED)
            .weight_capacity(BYTES_MAX)
            .shards(SHARDS)
            .build()
            .unwrap_or_else(|_| unreachable!("both capacities are given"));
        Self(Cache::with_options(
            options,
            ByBytes,
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
        let bytes = held.as_ref().map_or(0, |held| held.bytes);
        let mut history = held
            .and_then(|held| held.history.downcast_ref::<History<K>>().cloned())
            .unwrap_or_default();
        if behind {
            let tail = ledger.read_stream_after(&stream, history.version()).await?;
            let records = tail.iter().map(Stored::record);
            history.extend(records.collect::<Result<Vec<_>, _>>()?)?;
            if history.version() > 0 {
                let more: u64 = tail.iter().map(|one| counted(one.leaf_data.len())).sum();
                self.put(id, history.clone(), bytes + more);
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
    fn put<K: StreamKind>(&self, id: StreamId, history: History<K>, bytes: u64) {
        let stream = Stream::new(K::TYPE, id);
        let newer = |held: &Held| held.entries > history.version();
        if self.0.peek(&stream).as_ref().is_some_and(newer) {
            return;
        }
        let held = Held {
            entries: history.version(),
            history: Arc::new(history),
            bytes,
            behind: false,
        };
        self.0.insert(stream, held);
    }

    /// Holds a history with the entries that were recorded after it, each of so many bytes, and tells
    /// the version it then has. One that is not held is not held now either: nobody knows how large it
    /// is.
    ///
    /// What is held shares the history, and a history that is shared is copied where it grows: so that
    /// is let go of first. Whoever wants the stream meanwhile reads it from the ledger.
    pub(crate) fn grow<K: StreamKind>(
        &self,
        id: StreamId,
        mut history: History<K>,
        entries: Vec<Envelope<K::Event>>,
        bytes: impl IntoIterator<Item = usize>,
    ) -> u64 {
        let stream = Stream::new(K::TYPE, id);
        let before = history.version();
        let older = |held: &Held| held.entries <= before;
        let held = self.0.remove_if(&stream, older);
        let held = held
            .filter(|(_, held)| held.entries == before)
            .map(|(_, held)| held.bytes)
            .or((before == 0).then_some(0));
        for entry in entries {
            history.push(entry);
        }
        let version = history.version();
        if let Some(held) = held {
            let more: u64 = bytes.into_iter().map(counted).sum();
            self.put(id, history, held + more);
        }
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

#[cfg(test)]
mod tests {
    use dutyledger_domain::streams::Area;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_histories_held_are_bounded_by_the_bytes_of_their_text() {
        let warm = Warm::default();
        for n in 0..1_000 {
            let id = StreamId::new(Uuid::from_u128(n));
            warm.grow(id, History::<Area>::default(), Vec::new(), [1 << 20]);
        }
        assert!(warm.0.weight() <= BYTES_MAX, "{}", warm.0.weight());
        assert!((100..=256).contains(&warm.0.len()), "{}", warm.0.len());
        // What is short counts too.
        for n in 1_000..121_000 {
            let id = StreamId::new(Uuid::from_u128(n));
            warm.grow(id, History::<Area>::default(), Vec::new(), [1]);
        }
        assert!(warm.0.len() <= 100_000, "{}", warm.0.len());
    }
}
