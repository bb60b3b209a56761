//! The histories read last, so that a busy stream is not read again for each of its entries.

use std::collections::{BTreeMap, HashMap};

use dutyledger_domain::dates::Dates;
use dutyledger_domain::{Histories, History};
use dutyledger_ledger::LedgerReader;
use dutyledger_record::{Record, Stream, StreamId};

use crate::derived::Known;
use crate::error::ProjectionError;
use crate::kinds::Kept;
use crate::streams::{FOLDS_ALL, Grown};

/// How many entries the cached histories have together at the most; a stream counts as one more.
const ENTRIES_MAX: u64 = 100_000;
/// How many partnerships' rows are known at the most. There are a few hundred in England and Wales.
const PARTNERSHIPS_MAX: usize = 10_000;

/// Histories as they stand at one position of the ledger. The least recently used go first.
#[derive(Debug)]
pub(crate) struct Cache {
    held: Histories,
    uses: HashMap<Stream, Use>,
    order: BTreeMap<u64, Stream>,
    clock: u64,
    entries: u64,
    most: u64,
    /// The dates of deadlines that the ledger set, once they were read.
    pub(crate) dates: Option<Dates>,
    /// What is known of partnerships' rows.
    partnerships: HashMap<StreamId, Known>,
}

#[derive(Clone, Copy, Debug)]
struct Use {
    at: u64,
    entries: u64,
}

impl Default for Cache {
    fn default() -> Self {
        Self::holding(ENTRIES_MAX)
    }
}

impl Cache {
    pub(crate) fn holding(most: u64) -> Self {
        Self {
            held: Histories::default(),
            uses: HashMap::new(),
            order: BTreeMap::new(),
            clock: 0,
            entries: 0,
            most,
            dates: None,
            partnerships: HashMap::new(),
        }
    }

    /// All of it, and leaves an empty one as large.
    pub(crate) fn take_all(&mut self) -> Self {
        let empty = Self::holding(self.most);
        std::mem::replace(self, empty)
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        drop(self.take_all());
    }

    /// What is known of a partnership's rows. It has to be remembered again.
    pub(crate) fn recall(&mut self, partnership: StreamId) -> Option<Known> {
        self.partnerships.remove(&partnership)
    }

    pub(crate) fn remember(&mut self, partnership: StreamId, known: Known) {
        if self.partnerships.len() >= PARTNERSHIPS_MAX {
            self.partnerships.clear();
        }
        self.partnerships.insert(partnership, known);
    }

    /// Knows that the row of a stream, which said it belongs to one partnership, says another now.
    pub(crate) fn belongs(
        &mut self,
        stream: &Stream,
        before: Option<StreamId>,
        now: Option<StreamId>,
    ) {
        let known = &mut self.partnerships;
        if let Some(left) = before.and_then(|id| known.get_mut(&id)) {
            left.belonging.remove(stream);
        }
        if let Some(joined) = now.and_then(|id| known.get_mut(&id)) {
            joined.belonging.insert(stream.clone());
        }
    }

    fn take<K: Kept>(&mut self, id: StreamId) -> Option<History<K>> {
        let used = self.uses.remove(&Stream::new(K::TYPE, id))?;
        self.order.remove(&used.at);
        self.entries -= used.entries;
        K::among(&mut self.held).remove(&id)
    }

    /// Keeps a history, unless it is larger than the cache.
    pub(crate) fn put<K: Kept>(&mut self, id: StreamId, history: History<K>) {
        self.take::<K>(id);
        self.clock += 1;
        let (stream, used) = (
            Stream::new(K::TYPE, id),
            Use {
                at: self.clock,
                entries: history.version() + 1,
            },
        );
        self.order.insert(used.at, stream.clone());
        self.uses.insert(stream, used);
        self.entries += used.entries;
        K::among(&mut self.held).insert(id, history);
        while self.entries > self.most
            && let Some((_, oldest)) = self.order.first_key_value()
        {
            let oldest = oldest.clone();
            self.forget(&oldest);
        }
    }

    fn forget(&mut self, stream: &Stream) {
        dutyledger_domain::by_kind!(
            stream.stream_type.as_str(),
            K => { self.take::<K>(stream.id); },
            else {}
        );
    }

    /// Keeps several.
    pub(crate) fn put_all(&mut self, histories: Histories) {
        fn each<K: Kept>(cache: &mut Cache, of: BTreeMap<StreamId, History<K>>) {
            for (id, history) in of {
                cache.put(id, history);
            }
        }
        let Histories {
            areas,
            authorities,
            partnerships,
            assessments,
            strategies,
            directions,
            rules: _,
            dates: _,
        } = histories;
        each(self, areas);
        each(self, authorities);
        each(self, partnerships);
        each(self, assessments);
        each(self, strategies);
        each(self, directions);
    }
}

/// Histories as they stand at a position, from the cache or from the ledger.
#[derive(Debug)]
pub(crate) struct Loader<'a> {
    pub(crate) ledger: &'a LedgerReader,
    pub(crate) cache: &'a mut Cache,
    /// The position.
    pub(crate) up_to: u64,
}

impl Loader<'_> {
    /// A history that the entries being applied have been added to already, or do not touch.
    pub(crate) async fn load<K: Kept>(
        &mut self,
        id: StreamId,
    ) -> Result<History<K>, ProjectionError> {
        match self.cache.take::<K>(id) {
            Some(history) => Ok(history),
            None => self.read(id).await,
        }
    }

    /// A history with the entries being applied, which come last in it.
    pub(crate) async fn load_with<K: Kept>(
        &mut self,
        id: StreamId,
        entries: Vec<Record>,
    ) -> Result<Grown<K>, ProjectionError> {
        let version = entries
            .first()
            .map_or(0, |first| first.entry.version.saturating_sub(1));
        let mut history = match self.cache.take::<K>(id) {
            Some(history) if history.version() == version => history,
            _ if version == 0 => History::default(),
            _ => {
                let history = self.read(id).await?;
                let before = None;
                return Ok(Grown { history, before });
            }
        };
        let before = Some(history.state(FOLDS_ALL));
        for record in entries {
            if record.entry.version != history.version() + 1 {
                return Err(ProjectionError::Gap {
                    stream_id: id,
                    expected: history.version() + 1,
                    found: record.entry.version,
                });
            }
            event(id, history.extend([record]))?;
        }
        Ok(Grown { history, before })
    }

    async fn read<K: Kept>(&self, id: StreamId) -> Result<History<K>, ProjectionError> {
        let stored = self
            .ledger
            .read_stream(&Stream::new(K::TYPE, id), Some(self.up_to))
            .await?;
        let records = stored
            .iter()
            .map(crate::page::record)
            .collect::<Result<Vec<_>, _>>()?;
        event(id, History::read(records))
    }
}

pub(crate) fn event<T>(
    stream_id: StreamId,
    read: Result<T, dutyledger_domain::HistoryError>,
) -> Result<T, ProjectionError> {
    read.map_err(|cause| ProjectionError::Event { stream_id, cause })
}
