//! The cqrs-es event store over our ledger. One value serves one command: it carries that
//! command's guards, idempotency key and key changes in, and its receipt out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cqrs_es::persist::EventStoreAggregateContext as Context;
use cqrs_es::{AggregateError, EventEnvelope, EventStore};
use serde_json::Value;

use dutyledger_domain::{History, Payload, Refusal, StreamKind};
use dutyledger_ledger::{
    Append, AppendError, Idempotency, KeyChange, Ledger, Receipt, StreamAppend, Vault,
};
use dutyledger_record::{Draft, Envelope, Event, Stream as StreamName, StreamId};

use crate::aggregate::{Fact, Stream};
use crate::edge::Edge;
use crate::error::CommandError;
use crate::sealing;

/// What a commit came to.
pub(crate) enum Outcome<K: StreamKind> {
    /// Everything is durable.
    Recorded(Recorded<K>),
    /// A stream it rested on had moved; nothing was recorded.
    LostRace,
    /// It failed, or nobody knows.
    Failed(CommandError),
}

/// What was recorded.
pub(crate) struct Recorded<K: StreamKind> {
    pub(crate) receipt: Receipt,
    /// The entries, as they will be read from the ledger.
    pub(crate) entries: Vec<Envelope<K::Event>>,
    /// How many bytes each has as text, at the most.
    pub(crate) bytes: Vec<usize>,
    /// The same, as they were encoded.
    pub(crate) encoded: Vec<(Event, Envelope<Value>)>,
}

/// Where a commit puts what it came to.
pub(crate) struct Slot<K: StreamKind>(Arc<Mutex<Option<Outcome<K>>>>);

impl<K: StreamKind> Default for Slot<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: StreamKind> Clone for Slot<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: StreamKind> Slot<K> {
    fn put(&self, outcome: Outcome<K>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }

    pub(crate) fn take(&self) -> Option<Outcome<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The streams a command is decided on, its own included, at their versions.
pub(crate) type Used = Arc<[(StreamName, u64)]>;

/// The event store of one command.
pub(crate) struct CommandStore<K: StreamKind> {
    pub(crate) ledger: Ledger,
    pub(crate) vault: Arc<Vault>,
    pub(crate) edge: Edge,
    /// The stream as it was loaded when the command's surroundings were.
    pub(crate) history: History<K>,
    pub(crate) used: Used,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) keys: Vec<KeyChange>,
    /// The position that what it records must come next to.
    pub(crate) next_to: Option<u64>,
    pub(crate) slot: Slot<K>,
}

impl<K: StreamKind> CommandStore<K> {
    async fn append(&self, id: StreamId, facts: Vec<Fact<K::Event>>) -> Outcome<K> {
        match self.try_append(id, facts).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Failed(error),
        }
    }

    async fn try_append(
        &self,
        id: StreamId,
        facts: Vec<Fact<K::Event>>,
    ) -> Result<Outcome<K>, CommandError> {
        let ledger_id = self.ledger.id();
        let mut new_keys = Vec::new();
        let mut entries = Vec::with_capacity(facts.len());
        let mut encoded = Vec::with_capacity(facts.len());
        let mut drafts = Vec::with_capacity(facts.len());
        let mut bytes = Vec::with_capacity(facts.len());
        for Fact(mut entry) in facts {
            new_keys.extend(sealing::seal(&self.edge, ledger_id, &mut entry));
            let event = entry.payload.event();
            let payload = entry
                .payload
                .to_payload()
                .map_err(|e| CommandError::Internal(format!("cannot write an event: {e}")))?;
            let written = Envelope {
                entry_id: entry.entry_id,
                stream: entry.stream.clone(),
                version: entry.version,
                standing: entry.standing.clone(),
                payload,
            };
            let draft = Draft::new(ledger_id, event.clone(), &written)?;
            bytes.push(draft.bytes_max());
            drafts.push(draft);
            encoded.push((event, written));
            entries.push(entry);
        }
        // Keys are durable before the batch that uses them: text that cannot be opened would be
        // text that is lost.
        if !new_keys.is_empty() {
            self.vault.store(new_keys).await?;
        }
        let own = StreamName::new(K::TYPE, id);
        // The stream may be among those it rested on too. Had it moved between the two readings,
        // the command was decided on two moments at once.
        let expected_version = self.history.version();
        let used = self.used.iter();
        if used
            .clone()
            .any(|(stream, version)| *stream == own && *version != expected_version)
        {
            return Ok(Outcome::LostRace);
        }
        let mut streams: Vec<_> = used
            .filter(|(stream, _)| *stream != own)
            .map(|(guard, version)| StreamAppend {
                stream: guard.clone(),
                expected_version: *version,
                drafts: Vec::new(),
            })
            .collect();
        streams.push(StreamAppend {
            stream: own,
            expected_version,
            drafts,
        });
        let append = Append {
            streams,
            idempotency: self.idempotency.clone(),
            keys: self.keys.clone(),
            next_to: self.next_to,
        };
        match self.ledger.append(append).await {
            Ok(receipt) => Ok(Outcome::Recorded(Recorded {
                receipt,
                entries,
                bytes,
                encoded,
            })),
            Err(AppendError::Conflict { .. }) => Ok(Outcome::LostRace),
            Err(error) => Err(error.into()),
        }
    }
}

type Error = AggregateError<Refusal>;

impl<K: StreamKind> EventStore<Stream<K>> for CommandStore<K> {
    type AC = Context<Stream<K>>;

    async fn load_events(&self, id: &str) -> Result<Vec<EventEnvelope<Stream<K>>>, Error> {
        let entries = self.history.entries();
        let envelopes = entries.map(|entry| envelope(id, Envelope::clone(entry)));
        Ok(envelopes.collect())
    }

    async fn load_aggregate(&self, id: &str) -> Result<Self::AC, Error> {
        let current_sequence = usize::try_from(self.history.version()).unwrap_or(usize::MAX);
        Ok(Context {
            aggregate_id: id.to_owned(),
            aggregate: self.history.clone().into(),
            current_sequence,
            current_snapshot: None,
        })
    }

    async fn commit(
        &self,
        facts: Vec<Fact<K::Event>>,
        context: Self::AC,
        _: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<Stream<K>>>, Error> {
        let id: StreamId = context
            .aggregate_id
            .parse()
            .map_err(|e| AggregateError::UnexpectedError(Box::new(e)))?;
        let outcome = self.append(id, facts).await;
        let answer = match &outcome {
            Outcome::Recorded(recorded) => {
                let entries = recorded.entries.iter();
                Ok(entries
                    .map(|entry| envelope(&context.aggregate_id, entry.clone()))
                    .collect())
            }
            Outcome::LostRace => Err(AggregateError::AggregateConflict),
            Outcome::Failed(error) => Err(AggregateError::UnexpectedError(Box::new(Failed(
                error.to_string(),
            )))),
        };
        self.slot.put(outcome);
        answer
    }
}

/// A failure that travels through the framework as text; the typed one is in the slot.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failed(String);

fn envelope<K: StreamKind>(id: &str, entry: Envelope<K::Event>) -> EventEnvelope<Stream<K>> {
    EventEnvelope {
        aggregate_id: id.to_owned(),
        sequence: usize::try_from(entry.version).unwrap_or(usize::MAX),
        payload: Fact(entry),
        metadata: HashMap::new(),
    }
}
