//! The one adapter that makes a stream a cqrs-es aggregate.

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use dutyledger_domain::{Given, History, Payload, Refusal, StreamKind, Surroundings, decide};
use dutyledger_record::Envelope;

/// A stream as an aggregate: its history. The state a command is decided on depends on the
/// command's own date, so what is applied is kept, and folded when the date is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Stream<K: StreamKind> {
    pub(crate) history: History<K>,
    /// What was applied since. It is added to the history when that is next decided on: after a
    /// command's last event it never is, and a shared history need not be taken apart for it.
    applied: Vec<Fact<K::Event>>,
}

impl<K: StreamKind> From<History<K>> for Stream<K> {
    fn from(history: History<K>) -> Self {
        Self {
            history,
            applied: Vec::new(),
        }
    }
}

impl<K: StreamKind> Default for Stream<K> {
    fn default() -> Self {
        History::default().into()
    }
}

/// What an aggregate applies: the record without position and instant, not the bare payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent, bound = "E: Serialize + DeserializeOwned")]
pub struct Fact<E>(pub Envelope<E>);

impl<E: Payload> DomainEvent for Fact<E> {
    fn event_type(&self) -> String {
        self.0.payload.event().event_type
    }

    fn event_version(&self) -> String {
        self.0.payload.event().schema_version.to_string()
    }
}

impl<K: StreamKind> Aggregate for Stream<K> {
    const TYPE: &'static str = K::NAME;
    type Command = Given<K::Command>;
    type Event = Fact<K::Event>;
    type Error = Refusal;
    type Services = Surroundings;

    async fn handle(
        &mut self,
        command: Self::Command,
        surroundings: &Self::Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for Fact(entry) in self.applied.drain(..) {
            self.history.push(entry);
        }
        for entry in decide(&self.history, command, surroundings)? {
            sink.write(Fact(entry), self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: Self::Event) {
        self.applied.push(event);
    }
}
