//! The cqrs-es event store over our ledger. One value serves one command: it carries that
//! command's guards, idempotency key and key changes in, and its receipt out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cqrs_es::persist::EventStoreAggregateContext as Context;
use cqrs_es::{AggregateError, EventEnvelope, EventStore};

use dutyledger_domain::{History, Payload, Refusal, StreamKind};
use dutyledger_ledger::{Append, Idempotency, KeyChange, Ledger, Receipt, StreamAppend, Vault};
use dutyledger_record::{Draft, Envelope, RestsOn, Stream as StreamName, StreamId};

use crate::aggregate::{Fact, Stream};
use crate::edge::Edge;
use crate::error::CommandError;
use crate::sealing;

/// What a commit came to.
#[derive(Default)]
pub(crate) struct Slot(Arc<Mutex<Option<Result<Receipt, CommandError>>>>);

impl Clone for Slot {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Slot {
    fn put(&self, outcome: Result<Receipt, CommandError>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }

    pub(crate) fn take(&self) -> Option<Result<Receipt, CommandError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The event store of one command.
pub(crate) struct CommandStore<K: StreamKind> {
    pub(crate) ledger: Ledger,
    pub(crate) vault: Arc<Vault>,
    pub(crate) edge: Edge,
    /// The stream as it was loaded when the command's surroundings were.
    pub(crate) history: History<K>,
    pub(crate) guards: Vec<RestsOn>,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) keys: Vec<KeyChange>,
    pub(crate) slot: Slot,
}

impl<K: StreamKind> CommandStore<K> {
    async fn append(
        &self,
        id: StreamId,
        facts: Vec<Fact<K::Event>>,
    ) -> Result<Receipt, CommandError> {
        let ledger_id = self.ledger.id();
        let mut new_keys = Vec::new();
        let mut drafts = Vec::with_capacity(facts.len());
        for Fact(mut entry) in facts {
            new_keys.extend(sealing::seal(&self.edge, ledger_id, &mut entry));
            let event = entry.payload.event();
            let payload = entry
                .payload
                .to_payload()
                .map_err(|e| CommandError::Internal(format!("cannot write an event: {e}")))?;
            let Envelope {
                entry_id,
                stream,
                version,
                standing,
                ..
            } = entry;
            let entry = Envelope {
                entry_id,
                stream,
                version,
                standing,
                payload,
            };
            drafts.push(Draft::new(ledger_id, event, &entry)?);
        }
        // Keys are durable before the batch that uses them: text that cannot be opened would be
        // text that is lost.
        if !new_keys.is_empty() {
            self.vault.store(new_keys).await?;
        }
        let own = StreamName::new(K::TYPE, id);
        let guards = self
            .guards
            .iter()
            .map(|guard| StreamAppend {
                stream: StreamName::new(guard.stream_type.clone(), guard.id),
                expected_version: guard.version,
                drafts: Vec::new(),
            })
            .filter(|guard| guard.stream != own);
        let mut streams: Vec<_> = guards.collect();
        streams.push(StreamAppend {
            stream: own.clone(),
            expected_version: self.history.version(),
            drafts,
        });
        let append = Append {
            streams,
            idempotency: self.idempotency.clone(),
            keys: self.keys.clone(),
        };
        self.ledger.append(append).await.map_err(CommandError::from)
    }
}

type Error = AggregateError<Refusal>;

impl<K: StreamKind> EventStore<Stream<K>> for CommandStore<K> {
    type AC = Context<Stream<K>>;

    async fn load_events(&self, id: &str) -> Result<Vec<EventEnvelope<Stream<K>>>, Error> {
        let entries = self.history.entries().iter();
        Ok(entries.map(|entry| envelope(id, entry.clone())).collect())
    }

    async fn load_aggregate(&self, id: &str) -> Result<Self::AC, Error> {
        let current_sequence = usize::try_from(self.history.version()).unwrap_or(usize::MAX);
        Ok(Context {
            aggregate_id: id.to_owned(),
            aggregate: Stream {
                history: self.history.clone(),
            },
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
        let committed: Vec<_> = facts
            .iter()
            .map(|fact| envelope(&context.aggregate_id, fact.0.clone()))
            .collect();
        let outcome = self.append(id, facts).await;
        let answer = match &outcome {
            Ok(_) => Ok(committed),
            Err(CommandError::Conflict) => Err(AggregateError::AggregateConflict),
            Err(error) => Err(AggregateError::UnexpectedError(Box::new(Failed(
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

/// Whether an append lost a race and the command is to be decided again.
pub(crate) fn lost_race(outcome: &Result<Receipt, CommandError>) -> bool {
    matches!(outcome, Err(CommandError::Conflict))
}
