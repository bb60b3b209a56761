//! A kind of stream for tests: a diary, whose events have been through several versions.

use std::cell::Cell;

use chrono::{Days, NaiveDate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use dutyledger_record::{
    Basis, EntryId, Envelope, Event, LedgerId, OccurredOn, Principal, Record, Standing, Stream,
    StreamId, StreamType,
};

use crate::decide::{Actors, Particulars, commands};
use crate::history::{StreamKind, events};
use crate::refusal::{Refusal, Unmet};
use crate::rules::enacted_ref;
use crate::scene::Scene;
use crate::upcast::{Upcast, Upcaster};

/// The kind of stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Diary;

/// The diary was begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begun {}

/// Something was noted. Version 2 had no author, and version 1 was called `Written`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Noted {
    pub(crate) text: String,
    pub(crate) author: Option<String>,
}

/// The place was told. It was once told together with the weather.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaceTold {
    pub(crate) place: String,
}

/// The weather was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeatherTold {
    pub(crate) weather: String,
}

events! {
    /// The events of a diary.
    DiaryEvent { Begun, Noted version 3, PlaceTold, WeatherTold }
}

/// What a diary says, line by line.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct DiaryState {
    pub(crate) lines: Vec<String>,
}

/// Notes something.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    pub(crate) text: String,
}

impl Particulars<Diary> for Note {
    const NAME: &'static str = "note";
    const ACTORS: Actors = Actors::OPERATOR;

    fn decide(self, _: &DiaryState, _: &Scene<'_>) -> Result<Vec<DiaryEvent>, Refusal> {
        let (text, author) = (self.text, None);
        Ok(vec![Noted { text, author }.into()])
    }
}

commands! {
    /// The commands on a diary.
    DiaryCommand of Diary { Note }
}

thread_local! {
    static FOLDED: Cell<usize> = const { Cell::new(0) };
}

/// How many entries of diaries something folded.
pub(crate) fn folded(what: impl FnOnce()) -> usize {
    FOLDED.set(0);
    what();
    FOLDED.get()
}

impl StreamKind for Diary {
    const TYPE: StreamType = StreamType::of("diary");
    const NAME: &'static str = "diary";
    type Event = DiaryEvent;
    type State = DiaryState;
    type Command = DiaryCommand;

    const UPCASTERS: &'static [Upcaster] = &[
        Upcaster {
            event_type: "DayTold",
            schema_version: 1,
            step: |old| {
                Upcast::Splits(vec![
                    old.clone().only(&["words"]).into_event("Written", 1),
                    old.only(&["place", "weather"]).into_event("SceneTold", 1),
                ])
            },
        },
        Upcaster {
            event_type: "SceneTold",
            schema_version: 1,
            step: |old| {
                Upcast::Splits(vec![
                    old.clone().only(&["place"]).into_event("PlaceTold", 1),
                    old.only(&["weather"]).into_event("WeatherTold", 1),
                ])
            },
        },
        Upcaster {
            event_type: "Written",
            schema_version: 1,
            step: |old| Upcast::Becomes(old.rename("words", "text").into_event("Noted", 2)),
        },
        Upcaster {
            event_type: "Noted",
            schema_version: 2,
            step: |old| Upcast::Becomes(old.with("author", Value::Null).into_event("Noted", 3)),
        },
        Upcaster {
            event_type: "Blotted",
            schema_version: 1,
            step: |_| Upcast::Drops,
        },
        Upcaster {
            event_type: "Torn",
            schema_version: 1,
            step: |_| Upcast::Refuses("a torn page says nothing"),
        },
        Upcaster {
            event_type: "Here",
            schema_version: 1,
            step: |old| Upcast::Becomes(old.into_event("There", 1)),
        },
        Upcaster {
            event_type: "There",
            schema_version: 1,
            step: |old| Upcast::Becomes(old.into_event("Here", 1)),
        },
    ];

    fn evolve(state: &mut DiaryState, entry: &Envelope<DiaryEvent>) {
        FOLDED.set(FOLDED.get() + 1);
        state.lines.extend(match &entry.payload {
            DiaryEvent::Noted(e) => Some(e.text.clone()),
            DiaryEvent::PlaceTold(e) => Some(format!("at {}", e.place)),
            DiaryEvent::WeatherTold(e) => Some(format!("in {}", e.weather)),
            DiaryEvent::Begun(_) | DiaryEvent::EntryCorrected(_) | DiaryEvent::ListClosed(_) => {
                None
            }
        });
    }

    fn unmet(_: &DiaryEvent, _: &DiaryState, _: &Scene<'_>) -> Vec<Unmet> {
        Vec::new()
    }

    fn recordable_by(_: &DiaryEvent) -> (Actors, Option<StreamId>) {
        (Actors::OPERATOR, None)
    }

    fn partnership(_: StreamId, _: &DiaryState) -> Option<StreamId> {
        None
    }
}

/// A date, counted from an arbitrary one.
pub(crate) fn day(number: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 1, 1).unwrap() + Days::new(number)
}

/// The id of an entry, by a number.
pub(crate) fn entry_id(number: u64) -> EntryId {
    EntryId::new(Uuid::from_u128(number.into()))
}

/// An entry whose id is that of its version.
pub(crate) fn entry<K: StreamKind, P>(
    version: u64,
    on: NaiveDate,
    corrects: Option<EntryId>,
    payload: P,
) -> Envelope<P> {
    Envelope {
        entry_id: entry_id(version),
        stream: Stream::new(K::TYPE, StreamId::new(Uuid::nil())),
        version,
        standing: Standing {
            basis: Basis::Decision,
            causation_id: None,
            correlation_id: Uuid::nil(),
            corrects,
            occurred_on: OccurredOn {
                assumed: false,
                date: on,
            },
            on_behalf_of: Vec::new(),
            partnerships: Vec::new(),
            past_fact: None,
            principal: Principal::SYSTEM,
            reported: false,
            rests_on: Vec::new(),
            rules: enacted_ref(),
            source: None,
            warnings: Vec::new(),
        },
        payload,
    }
}

/// A record of a diary, whose version is also its position.
pub(crate) fn record(version: u64, on: u64, event: (&str, u32), payload: Value) -> Record {
    let (event_type, schema_version) = event;
    Record {
        ledger_id: LedgerId::new(Uuid::nil()),
        position: version,
        recorded_at: day(on).and_hms_opt(12, 0, 0).unwrap().and_utc(),
        event: Event {
            schema_version,
            event_type: event_type.to_owned(),
        },
        entry: entry::<Diary, _>(version, day(on), None, payload),
    }
}
