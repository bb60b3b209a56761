//! Streams for tests, told entry by entry.

use std::collections::BTreeMap;

use dutyledger_domain::dates::Dates;
use dutyledger_domain::rules::enacted_ref;
use dutyledger_domain::streams::LedgerStream;
use dutyledger_domain::{Histories, History, StreamKind};
use dutyledger_record::{
    Basis, EntryId, Envelope, Event, LedgerId, OccurredOn, Principal, Record, Standing, Stream,
    StreamId, StreamType,
};
use serde_json::Value;
use uuid::Uuid;

/// A stream's id.
pub(crate) fn id(n: u128) -> StreamId {
    StreamId::new(Uuid::from_u128(n))
}

/// What was recorded, in order.
#[derive(Default)]
pub(crate) struct Given {
    streams: BTreeMap<u128, (Stream, Vec<Record>)>,
    position: u64,
}

impl Given {
    /// Begins a stream of a kind.
    pub(crate) fn opened(&mut self, stream: u128, kind: &str) {
        let named = Stream::new(StreamType::read(kind), id(stream));
        self.streams.insert(stream, (named, Vec::new()));
    }

    /// Tells an entry of a stream, on a date.
    pub(crate) fn told(&mut self, stream: u128, event: &str, on: &str, payload: Value) -> EntryId {
        self.told_as(stream, event, on, payload, None)
    }

    /// Withdraws an entry of a stream.
    pub(crate) fn withdrawn(&mut self, stream: u128, entry: EntryId, on: &str) -> EntryId {
        let payload = serde_json::json!({ "reason": null });
        self.told_as(stream, "EntryCorrected", on, payload, Some(entry))
    }

    fn told_as(
        &mut self,
        stream: u128,
        event: &str,
        on: &str,
        payload: Value,
        corrects: Option<EntryId>,
    ) -> EntryId {
        self.position += 1;
        let (named, records) = self.streams.get_mut(&stream).unwrap();
        let entry_id = EntryId::new(Uuid::from_u128(1_000 + u128::from(self.position)));
        let standing = Standing {
            basis: Basis::Administrative,
            causation_id: None,
            correlation_id: Uuid::nil(),
            corrects,
            occurred_on: OccurredOn {
                assumed: false,
                date: on.parse().unwrap(),
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
        };
        records.push(Record {
            ledger_id: LedgerId::new(Uuid::nil()),
            position: self.position,
            recorded_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            event: Event {
                schema_version: 1,
                event_type: event.to_owned(),
            },
            entry: Envelope {
                entry_id,
                stream: named.clone(),
                version: records.len() as u64 + 1,
                standing,
                payload,
            },
        });
        entry_id
    }

    /// The last entry told of a stream.
    pub(crate) fn last(&self, stream: u128) -> &Record {
        self.streams[&stream].1.last().unwrap()
    }

    /// All of it as histories, the dates set by the ledger's own stream with them.
    pub(crate) fn histories(&self) -> Histories {
        let mut all = Histories {
            rules: enacted_ref(),
            ..Histories::default()
        };
        for (stream, records) in self.streams.values() {
            if stream.stream_type == LedgerStream::TYPE {
                all.dates = Dates::of(&History::read(records.clone()).unwrap());
            } else {
                all.read(stream, records.clone()).unwrap();
            }
        }
        all
    }
}
