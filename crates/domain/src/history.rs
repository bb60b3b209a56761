//! A stream's entries and the one function of time over them.

mod entries;
mod latest;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::{self, Debug, Formatter};
use std::iter::repeat_n;
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::NaiveDate;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use dutyledger_record::{Basis, EntryId, Envelope, Event, Record, Sealed, StreamId, StreamType};

use crate::decide::{Actors, CommandSet};
use crate::refusal::Unmet;
use crate::scene::Scene;
use crate::upcast::{Upcaster, Versioned, newest};

use entries::Entries;
use latest::Latest;

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
    /// The record is of an old version, and cannot be read as a newer one.
    #[error(
        "entry {entry_id}, event {event_type} version {schema_version}, cannot be read as a newer \
         version: {reason}"
    )]
    NotUpcast {
        /// The entry.
        entry_id: EntryId,
        /// The event's type, as it was recorded.
        event_type: String,
        /// The version of its schema, as it was recorded.
        schema_version: u32,
        /// Why not.
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
    /// The schemas of every event, in the version that is written today.
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
    /// How its records of old versions are read; see [`upcast`](crate::upcast).
    const UPCASTERS: &'static [Upcaster] = &[];
    /// Whether a command is decided on what was true on its own date, where nothing comes before the
    /// entry that opened the stream. Otherwise it is decided on all that is recorded, whatever its date.
    const DECIDED_BY_DATE: bool = true;

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
    fn already(_event: &Self::Event, _latest: &Self::State, _scene: &Scene<'_>) -> Option<String> {
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

/// The entries of a stream in the order of their versions, and what they come to.
///
/// It holds what the records of the stream are read as today: a record of an old version may be
/// several entries, which share its id and version, or none; see [`upcast`](crate::upcast).
///
/// Clones share their entries and go on apart when one is added to. The state of all entries is
/// kept: adding an entry that comes last and withdraws nothing costs one step of the fold when the
/// state is next asked for, not a fold of all.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct History<K: StreamKind> {
    version: u64,
    entries: Entries<Envelope<K::Event>>,
    /// Made from the entries; histories with the same entries may share it.
    #[serde(skip)]
    latest: Arc<Mutex<Latest<K>>>,
}

/// An entry's place in the order of the fold. Positions and versions order alike within a stream;
/// the parts of one record have one place, and stand in the history in their own order.
type Place = (NaiveDate, u64);

fn place<P>(entry: &Envelope<P>) -> Place {
    (entry.standing.occurred_on.date, entry.version)
}

fn withdrawn<P>(entries: &Entries<Envelope<P>>) -> BTreeSet<EntryId> {
    entries.iter().filter_map(|e| e.standing.corrects).collect()
}

/// The entries that count, in the order of the fold.
fn in_order<'a, P>(
    entries: &'a Entries<Envelope<P>>,
    withdrawn: &BTreeSet<EntryId>,
    counts: impl Fn(&Envelope<P>) -> bool,
) -> Vec<&'a Arc<Envelope<P>>> {
    let mut counted: Vec<_> = entries
        .iter()
        .filter(|e| !withdrawn.contains(&e.entry_id) && counts(e))
        .collect();
    // It is stable: the parts of one record stay in their order.
    counted.sort_by_key(|e| place(e));
    counted
}

impl<K: StreamKind> Default for History<K> {
    fn default() -> Self {
        Self {
            version: 0,
            entries: Entries::default(),
            latest: Arc::default(),
        }
    }
}

impl<K: StreamKind> Clone for History<K> {
    fn clone(&self) -> Self {
        Self {
            version: self.version,
            entries: self.entries.clone(),
            latest: Arc::clone(&self.latest),
        }
    }
}

impl<K: StreamKind> PartialEq for History<K> {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version && self.entries == other.entries
    }
}

impl<K: StreamKind> Debug for History<K> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("History")
            .field("version", &self.version)
            .field("entries", &self.entries.iter().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl<K: StreamKind> History<K> {
    /// Reads records, in the order of their versions.
    ///
    /// # Errors
    /// When an event is unknown, does not fit its type, or is of an old version that cannot be
    /// read as a newer one.
    pub fn read(records: impl IntoIterator<Item = Record>) -> Result<Self, HistoryError> {
        let mut history = Self::default();
        history.extend(records)?;
        Ok(history)
    }

    /// Reads further records of the stream, which come after those it has.
    ///
    /// # Errors
    /// As [`Self::read`]. The records before the one that could not be read are then added.
    pub fn extend(
        &mut self,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<(), HistoryError> {
        for record in records {
            let version = record.entry.version;
            for entry in read_entry::<K>(record)? {
                self.push(entry);
            }
            self.version = version;
        }
        Ok(())
    }

    /// Adds an entry at the end.
    pub fn push(&mut self, entry: impl Into<Arc<Envelope<K::Event>>>) {
        let entry = entry.into();
        if Arc::get_mut(&mut self.latest).is_none() {
            // The clones that share it do not have this entry.
            let known = self.latest().clone();
            self.latest = Arc::new(Mutex::new(known));
        }
        self.version = entry.version;
        self.entries.push(entry);
    }

    /// The stream's version: that of the last record read or pushed. The entries may be more or
    /// fewer, where records are of old versions.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The entries, in the order of their versions.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Arc<Envelope<K::Event>>> + Clone {
        self.entries.iter()
    }

    /// The first entry, which opened the stream.
    #[must_use]
    pub fn opening(&self) -> Option<&Envelope<K::Event>> {
        self.entries().next().map(Arc::as_ref)
    }

    /// The entries withdrawn by a correction.
    #[must_use]
    pub fn withdrawn(&self) -> BTreeSet<EntryId> {
        withdrawn(&self.entries)
    }

    /// The entries that count on a date, in the order of the fold: those not withdrawn whose date is
    /// on or before it.
    #[must_use]
    pub fn counted(&self, on: NaiveDate) -> Vec<&Arc<Envelope<K::Event>>> {
        in_order(&self.entries, &self.withdrawn(), |e| {
            e.standing.occurred_on.date <= on
        })
    }

    /// The state as true on a date, as known by these entries: those not withdrawn whose date is
    /// on or before it, in the order (`occurred_on`, position). Within a stream, positions and
    /// versions order alike.
    ///
    /// On the date of the last of them and every later one it is at hand; before, it is folded.
    #[must_use]
    pub fn state(&self, on: NaiveDate) -> Arc<K::State> {
        let latest = self.caught_up();
        if latest.last().is_none_or(|(date, _)| date <= on) {
            return Arc::clone(latest.state());
        }
        drop(latest);
        Arc::new(self.fold(|e| e.standing.occurred_on.date <= on))
    }

    /// The same, as if one entry had not been recorded.
    #[must_use]
    pub fn state_without(&self, on: NaiveDate, except: EntryId) -> K::State {
        self.fold(|e| e.standing.occurred_on.date <= on && e.entry_id != except)
    }

    /// The state just before an entry: of its own day, only what was recorded before it counts. Of
    /// the record it was read from, only the parts before it do; a part that is there twice is
    /// taken for the first.
    #[must_use]
    pub fn state_before(&self, entry: &Envelope<K::Event>) -> K::State {
        let end = place(entry);
        let counted = in_order(&self.entries, &self.withdrawn(), |e| place(e) <= end);
        let before = counted
            .into_iter()
            .take_while(|e| place(e) < end || e.payload != entry.payload);
        fold::<K>(before)
    }

    fn fold(&self, counts: impl Fn(&Envelope<K::Event>) -> bool) -> K::State {
        fold::<K>(in_order(&self.entries, &self.withdrawn(), counts))
    }

    fn caught_up(&self) -> MutexGuard<'_, Latest<K>> {
        let mut latest = self.latest();
        latest.catch_up(&self.entries);
        latest
    }

    fn latest(&self) -> MutexGuard<'_, Latest<K>> {
        self.latest.lock().unwrap_or_else(|poisoned| {
            // Whoever held it may have left it half done: the entries are folded anew.
            self.latest.clear_poison();
            let mut latest = poisoned.into_inner();
            *latest = Latest::default();
            latest
        })
    }

    /// The entry that withdraws another, where one does.
    #[must_use]
    pub fn withdrawal_of(&self, entry_id: EntryId) -> Option<&Arc<Envelope<K::Event>>> {
        self.entries()
            .find(|other| other.standing.corrects == Some(entry_id))
    }

    /// Whether an entry of this stream may be named by a correction, and if not, why. All parts of
    /// a record are withdrawn with it.
    ///
    /// # Errors
    /// The reason in plain words.
    pub fn correctable(&self, entry_id: EntryId) -> Result<(), &'static str> {
        let Some(entry) = self.entries().find(|e| e.entry_id == entry_id) else {
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
        if self.withdrawal_of(entry_id).is_some() {
            return Err("this entry is already withdrawn by a correction");
        }
        Ok(())
    }
}

fn fold<'a, K: StreamKind>(
    entries: impl IntoIterator<Item = &'a Arc<Envelope<K::Event>>>,
) -> K::State {
    let mut state = K::State::default();
    for entry in entries {
        K::evolve(&mut state, entry);
    }
    state
}

/// The entries a record is read as today: one, unless it is of an old version.
fn read_entry<K: StreamKind>(record: Record) -> Result<Vec<Envelope<K::Event>>, HistoryError> {
    let Record {
        event: recorded,
        entry,
        ..
    } = record;
    let Envelope {
        entry_id,
        stream,
        version,
        standing,
        payload,
    } = entry;
    let not_upcast = |reason: &str| HistoryError::NotUpcast {
        entry_id,
        event_type: recorded.event_type.clone(),
        schema_version: recorded.schema_version,
        reason: reason.to_owned(),
    };
    let old = Versioned {
        event: recorded.clone(),
        payload,
    };
    let parts = newest(K::UPCASTERS, old).map_err(not_upcast)?;
    if parts.is_empty() && version == 1 {
        return Err(not_upcast("the opening of a stream cannot be dropped"));
    }
    if parts.is_empty() && standing.corrects.is_some() {
        return Err(not_upcast(
            "a correction cannot be dropped: what it withdrew would count again",
        ));
    }
    // The last of them is moved, not cloned, and nearly always there is but one.
    let standings = repeat_n((stream, standing), parts.len());
    let entries = parts.into_iter().zip(standings);
    entries
        .map(|(part, (stream, standing))| {
            Ok(Envelope {
                entry_id,
                stream,
                version,
                standing,
                payload: read_event::<K>(part, entry_id)?,
            })
        })
        .collect()
}

fn read_event<K: StreamKind>(part: Versioned, entry_id: EntryId) -> Result<K::Event, HistoryError> {
    let Versioned { event, payload } = part;
    match K::Event::read(&event, payload) {
        None => Err(HistoryError::UnknownEvent {
            stream_type: K::NAME.to_owned(),
            event_type: event.event_type,
            schema_version: event.schema_version,
        }),
        Some(read) => read.map_err(|e| HistoryError::Payload {
            entry_id,
            event_type: event.event_type,
            reason: e.to_string(),
        }),
    }
}

/// The version of an event's schema, 1 where none is stated.
macro_rules! schema_version {
    () => {
        1
    };
    ($version:literal) => {
        $version
    };
}
pub(crate) use schema_version;

/// Declares the events of a kind of stream, each in the version that is written today:
/// `AreaAmended version 2`, and 1 where none is stated. `EntryCorrected` and `ListClosed` belong to
/// every kind.
macro_rules! events {
    ($(#[$doc:meta])* $name:ident { $($event:ident $(version $version:literal)? $(seals $($pointer:literal => $field:ident),+)?),+ $(,)? }) => {
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
                let (event_type, schema_version) = match self {
                    $(Self::$event(_) => {
                        (stringify!($event), $crate::history::schema_version!($($version)?))
                    })+
                    Self::EntryCorrected(_) => ("EntryCorrected", 1),
                    Self::ListClosed(_) => ("ListClosed", 1),
                };
                dutyledger_record::Event { schema_version, event_type: event_type.to_owned() }
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
                match (event.event_type.as_str(), event.schema_version) {
                    $((stringify!($event), $crate::history::schema_version!($($version)?)) => {
                        Some(serde_json::from_value(payload).map(Self::$event))
                    })+
                    ("EntryCorrected", 1) => {
                        Some(serde_json::from_value(payload).map(Self::EntryCorrected))
                    }
                    ("ListClosed", 1) => Some(serde_json::from_value(payload).map(Self::ListClosed)),
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
                        schema_version: $crate::history::schema_version!($($version)?),
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
