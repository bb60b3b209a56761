//! What a writer remembers of the store, so that a batch on streams it knows asks nothing.

use dutyledger_record::Stream;
use quick_cache::unsync::Cache;

use crate::append::{Idempotency, IdempotentRow};
use crate::store::Batch;

/// How many streams' versions are remembered.
const STREAMS_MAX: usize = 100_000;
/// How many idempotency keys are remembered.
const NAMES_MAX: usize = 50_000;

/// Versions and names as they stand at one batch number of the head. Bounded: what was not used for
/// long is forgotten, and asked again.
pub(crate) struct Memory {
    versions: Cache<Stream, u64>,
    names: Cache<(String, String), IdempotentRow>,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory")
            .field("versions", &self.versions.len())
            .field("names", &self.names.len())
            .finish()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            versions: Cache::new(STREAMS_MAX),
            names: Cache::new(NAMES_MAX),
        }
    }
}

impl Memory {
    pub(crate) fn version(&self, stream: &Stream) -> Option<u64> {
        self.versions.get(stream).copied()
    }

    pub(crate) fn named(&self, name: &(String, String)) -> Option<&IdempotentRow> {
        self.names.get(name)
    }

    /// Takes in versions that were asked.
    pub(crate) fn learn<'a>(&mut self, versions: impl Iterator<Item = (&'a Stream, u64)>) {
        for (stream, version) in versions {
            self.versions.insert(stream.clone(), version);
        }
    }

    /// Takes in a batch that is durable.
    pub(crate) fn record(&mut self, batch: &Batch) {
        for entry in &batch.entries {
            self.versions.insert(entry.stream.clone(), entry.version);
        }
        for new in &batch.names {
            self.names.insert(full_name(&new.idempotency), new.row());
        }
        if batch.forget_before.is_some() {
            self.names = Cache::new(NAMES_MAX);
        }
    }
}

/// A name with its scope.
pub(crate) fn full_name(name: &Idempotency) -> (String, String) {
    (name.scope.clone(), name.key.clone())
}
