//! A stream's entries and the one function of time over them.

use std::collections::BTreeSet;
use std::fmt::Debug;

use chrono::NaiveDate;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use dutyledger_record::{Basis, EntryId, Envelope, Event, Record, Sealed, StreamId, StreamType};

use crate::decide::{Actors, CommandSet};
use crate::refusal::Unmet;
use crate::scene::Scene;

/// The JSON Schema of one version of an event's payload.
#[derive(Clone, Debug)]
pub struct EventSchema {
    /// PascalCase.
    pub event_type: &'static str,
    /// From 1.
    pub schema_version: u32,
    /// JSON Schema 2020-12.
    pub schema: Value,
}

/// Why an entry could not be read as an event of its stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// No such event, or no such version of it, in this program.
    #[error(
        "event {event_type} version {schema_version} of stream type {stream_type} is unknown to this program"
    )]
    UnknownEvent {
        /// The stream's type.
        stream_type: String,
        /// The event's type.
        event_type: String,
        /// The version of its schema.
        schema_version: u32,
    },
    /// No such kind of stream in this program.
    #[error("stream type {0} is unknown to this program")]
    UnknownStream(String),
    /// The payload does not fit its type.
    #[error("the payload of entry {entry_id} is no {event_type}: {reason}")]
    Payload {
        /// The entry.
        entry_id: EntryId,
        /// The event's type.
        event_type: String,
        /// What is wrong.
        reason: String,
    },
}

/// The events of a kind of stream: written as their payload beside their type and version.
pub trait Payload: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync {
    /// The event's type and the version of its schema.
    fn event(&self) -> Event;
    /// The payload alone. Fails while a text in it is not sealed.
    fn to_payload(&self) -> Result<Value, serde_json::Error>;
    /// Reads a payload of a known type and version; `None` for a type or version unknown here.
    fn read(event: &Event, payload: Value) -> Option<Result<Self, serde_json::Error>>;
    /// The members to be sealed, each with its JSON pointer within the payload, and for a named
    /// contact `true`: it has a key of its own for every entry that bears it.
    fn sealed(&mut self) -> Vec<(&'static str, &mut Sealed)>;
    /// The schemas of every version of every event.
    fn schemas() -> Vec<EventSchema>;
}

/// A kind of stream: its events, what they make of its state, and what they must not do.
pub trait StreamKind: Sized + Clone + Default + Debug + PartialEq + Send + Sync + 'static {
    /// Its name.
    const TYPE: StreamType;
    /// The same name for those who need a string.
    const NAME: &'static str;
    /// Its events.
    type Event: Payload;
    /// Its state.
    type State: Default + Clone + Debug + PartialEq + Serialize + Send + Sync;
    /// Its commands.
    type Command: CommandSet<Self>;

    /// Applies an entry. Total over any order of entries: it never fails and never panics.
    fn evolve(state: &mut Self::State, entry: &Envelope<Self::Event>);

    /// The rows an event does not meet, on the state before it. Evaluated when it is decided, and
    /// again later with what is then known.
    fn unmet(event: &Self::Event, before: &Self::State, scene: &Scene<'_>) -> Vec<Unmet>;

    /// Whether a row that must be met may stand in the way of an event, so that it is looked at
    /// again when more is known.
    fn gated(_event: &Self::Event) -> bool {
        false
    }

    /// Why an event cannot happen because it already has, on whatever date: a late command may be
    /// dated before the first one. In plain English.
    fn already(_event: &Self::Event, _latest: &Self::State, _past_fact: bool) -> Option<String> {
        None
    }

    /// The rows that withdrawing an entry does not meet: what was decided together is withdrawn
    /// together.
    fn unmet_to_withdraw(
        _entry: &Envelope<Self::Event>,
        _state: &Self::State,
        _scene: &Scene<'_>,
    ) -> Vec<Unmet> {
        Vec::new()
    }

    /// Who may record an event as their own act, and the authority whose act it is: they may also
    /// correct it.
    fn recordable_by(event: &Self::Event) -> (Actors, Option<StreamId>);

    /// Whether a stream concerns an authority that is no member: it was asked about it, or is
    /// touched by it.
    fn concerns(_state: &Self::State, _authority: StreamId) -> bool {
        false
    }

    /// The authority or needs assessment an entry is about, where a list names one in each entry: of
    /// those the list rested on, the entry then names that one alone, so that no entry grows with
    /// the list.
    fn about(_event: &Self::Event) -> Option<StreamId> {
        None
    }

    /// The partnership a stream of this kind belongs to.
    fn partnership(id: StreamId, state: &Self::State) -> Option<StreamId>;
}

/// The entries of a stream in the order of their versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct History<K: StreamKind> {
    entries: Vec<Envelope<K::Event>>,
}

impl<K: StreamKind> Default for History<K> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
        }
    }
}

impl<K: StreamKind> History<K> {
    /// Reads records, in the order of their versions.
    ///
    /// # Errors
    /// When an event is unknown or does not fit its type.
    pub fn read(records: impl IntoIterator<Item = Record>) -> Result<Self, HistoryError> {
        let entries = records
            .into_iter()
            .map(read_entry::<K>)
            .collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }

    /// Adds an entry at the end.
    pub fn push(&mut self, entry: Envelope<K::Event>) {
        self.entries.push(entry);
    }

    /// The stream's version: how many entries it has.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[Envelope<K::Event>] {
        &self.entries
    }

    /// The first entry, which opened the stream.
    #[must_use]
    pub fn opening(&self) -> Option<&Envelope<K::Event>> {
        self.entries.first()
    }

    /// The entries withdrawn by a correction.
    #[must_use]
    pub fn withdrawn(&self) -> BTreeSet<EntryId> {
        self.entries
            .iter()
            .filter_map(|e| e.standing.corrects)
            .collect()
    }

    /// The state as true on a date, as known by these entries: those not withdrawn whose date is
    /// on or before it, in the order (`occurred_on`, position). Within a stream, positions and
    /// versions order alike.
    #[must_use]
    pub fn state(&self, on: NaiveDate) -> K::State {
        self.state_without(on, None)
    }

    /// The same, as if one entry had not been recorded.
    #[must_use]
    pub fn state_without(&self, on: NaiveDate, except: Option<EntryId>) -> K::State {
        self.state_of(|e| e.standing.occurred_on.date <= on && Some(e.entry_id) != except)
    }

    /// The state just before an entry: of its own day, only what was recorded before it counts.
    #[must_use]
    pub fn state_before(&self, entry: &Envelope<K::Event>) -> K::State {
        let place = |e: &Envelope<K::Event>| (e.standing.occurred_on.date, e.version);
        let end = place(entry);
        self.state_of(|e| place(e) < end)
    }

    fn state_of(&self, counts: impl Fn(&Envelope<K::Event>) -> bool) -> K::State {
        let withdrawn = self.withdrawn();
        let mut counted: Vec<_> = self
            .entries
            .iter()
            .filter(|e| !withdrawn.contains(&e.entry_id) && counts(e))
            .collect();
        counted.sort_by_key(|e| (e.standing.occurred_on.date, e.version));
        let mut state = K::State::default();
        for entry in counted {
            K::evolve(&mut state, entry);
        }
        state
    }

    /// Whether an entry of this stream may be named by a correction, and if not, why.
    ///
    /// # Errors
    /// The reason in plain words.
    pub fn correctable(&self, entry_id: EntryId) -> Result<(), &'static str> {
        let Some(entry) = self.entries.iter().find(|e| e.entry_id == entry_id) else {
            return Err("this stream has no such entry");
        };
        if entry.version == 1 {
            return Err("a stream's opening cannot be corrected; record an amendment instead");
        }
        if entry.standing.basis == Basis::Administrative {
            return Err("an administrative entry cannot be corrected");
        }
        if entry.standing.corrects.is_some() {
            return Err("a correction cannot be corrected; record the thing anew instead");
        }
        if self.withdrawn().contains(&entry_id) {
            return Err("this entry is already withdrawn by a correction");
        }
        Ok(())
    }
}

fn read_entry<K: StreamKind>(record: Record) -> Result<Envelope<K::Event>, HistoryError> {
    let Record { event, entry, .. } = record;
    let payload = match K::Event::read(&event, entry.payload) {
        None => {
            return Err(HistoryError::UnknownEvent {
                stream_type: K::NAME.to_owned(),
                event_type: event.event_type,
                schema_version: event.schema_version,
            });
        }
        Some(read) => read.map_err(|e| HistoryError::Payload {
            entry_id: entry.entry_id,
            event_type: event.event_type.clone(),
            reason: e.to_string(),
        })?,
    };
    Ok(Envelope {
        entry_id: entry.entry_id,
        stream: entry.stream,
        version: entry.version,
        standing: entry.standing,
        payload,
    })
}

/// Declares the events of a kind of stream. `EntryCorrected` and `ListClosed` belong to every kind.
macro_rules! events {
    ($(#[$doc:meta])* $name:ident { $($event:ident $(seals $($pointer:literal => $field:ident),+)?),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "type", content = "payload")]
        pub enum $name {
            $(
                #[doc = concat!("See [`", stringify!($event), "`].")]
                $event($event),
            )+
            /// See [`EntryCorrected`](crate::streams::EntryCorrected).
            EntryCorrected($crate::streams::EntryCorrected),
            /// See [`ListClosed`](crate::streams::ListClosed).
            ListClosed($crate::streams::ListClosed),
        }

        $(impl From<$event> for $name {
            fn from(event: $event) -> Self {
                Self::$event(event)
            }
        })+

        impl From<$crate::streams::EntryCorrected> for $name {
            fn from(event: $crate::streams::EntryCorrected) -> Self {
                Self::EntryCorrected(event)
            }
        }

        impl From<$crate::streams::ListClosed> for $name {
            fn from(event: $crate::streams::ListClosed) -> Self {
                Self::ListClosed(event)
            }
        }

        impl $crate::history::Payload for $name {
            fn event(&self) -> dutyledger_record::Event {
                let event_type = match self {
                    $(Self::$event(_) => stringify!($event),)+
                    Self::EntryCorrected(_) => "EntryCorrected",
                    Self::ListClosed(_) => "ListClosed",
                };
                dutyledger_record::Event { schema_version: 1, event_type: event_type.to_owned() }
            }

            fn to_payload(&self) -> Result<serde_json::Value, serde_json::Error> {
                match self {
                    $(Self::$event(event) => serde_json::to_value(event),)+
                    Self::EntryCorrected(event) => serde_json::to_value(event),
                    Self::ListClosed(event) => serde_json::to_value(event),
                }
            }

            fn read(
                event: &dutyledger_record::Event,
                payload: serde_json::Value,
            ) -> Option<Result<Self, serde_json::Error>> {
                if event.schema_version != 1 {
                    return None;
                }
                match event.event_type.as_str() {
                    $(stringify!($event) => {
                        Some(serde_json::from_value(payload).map(Self::$event))
                    })+
                    "EntryCorrected" => Some(serde_json::from_value(payload).map(Self::EntryCorrected)),
                    "ListClosed" => Some(serde_json::from_value(payload).map(Self::ListClosed)),
                    _ => None,
                }
            }

            fn sealed(&mut self) -> Vec<(&'static str, &mut dutyledger_record::Sealed)> {
                match self {
                    $($(Self::$event(event) => {
                        let mut found: Vec<(&'static str, &mut dutyledger_record::Sealed)> = Vec::new();
                        $(found.extend(event.$field.iter_mut().map(|sealed| ($pointer, sealed)));)+
                        found
                    })?)+
                    Self::EntryCorrected(event) => {
                        event.reason.iter_mut().map(|sealed| ("/reason", sealed)).collect()
                    }
                    _ => Vec::new(),
                }
            }

            fn schemas() -> Vec<$crate::EventSchema> {
                vec![
                    $($crate::EventSchema {
                        event_type: stringify!($event),
                        schema_version: 1,
                        schema: schemars::schema_for!($event).to_value(),
                    },)+
                    $crate::EventSchema {
                        event_type: "EntryCorrected",
                        schema_version: 1,
                        schema: schemars::schema_for!($crate::streams::EntryCorrected).to_value(),
                    },
                    $crate::EventSchema {
                        event_type: "ListClosed",
                        schema_version: 1,
                        schema: schemars::schema_for!($crate::streams::ListClosed).to_value(),
                    },
                ]
            }
        }
    };
}
pub(crate) use events;
