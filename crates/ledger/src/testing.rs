//! Entries for the tests within this crate.

use chrono::{DateTime, NaiveDate, Utc};
use dutyledger_record::{
    Basis, Draft, EntryError, EntryId, Envelope, Event, LedgerId, OccurredOn, Principal,
    RulePackRef, Standing, Stream, StreamId, StreamType,
};
use serde_json::json;
use uuid::Uuid;

use crate::ledger::Opening;

/// The ledger they are made for.
pub(crate) const LEDGER: LedgerId = LedgerId::new(Uuid::from_u128(0xd0));

pub(crate) fn opening(_: DateTime<Utc>) -> Result<Opening, EntryError> {
    Ok(Opening {
        ledger: LEDGER,
        draft: draft(0, 1, u128::MAX)?,
    })
}

/// A stream by its number.
pub(crate) fn stream(n: u128) -> Stream {
    Stream::new(
        StreamType::of("strategy"),
        StreamId::new(Uuid::from_u128(n)),
    )
}

/// An entry of a stream, at a version, with an id.
pub(crate) fn draft(n: u128, version: u64, entry: u128) -> Result<Draft, EntryError> {
    let entry = Envelope {
        entry_id: EntryId::new(Uuid::from_u128(entry)),
        stream: stream(n),
        version,
        standing: Standing {
            basis: Basis::Administrative,
            causation_id: None,
            correlation_id: Uuid::from_u128(entry),
            corrects: None,
            occurred_on: OccurredOn {
                assumed: false,
                date: NaiveDate::default(),
            },
            on_behalf_of: vec![],
            partnerships: vec![],
            past_fact: None,
            principal: Principal::SYSTEM,
            reported: false,
            rests_on: vec![],
            rules: RulePackRef {
                pack: "test".into(),
                revision: 1,
            },
            source: None,
            warnings: vec![],
        },
        payload: json!({}),
    };
    let event = Event {
        schema_version: 1,
        event_type: "Tested".into(),
    };
    Draft::new(LEDGER, event, &entry)
}
