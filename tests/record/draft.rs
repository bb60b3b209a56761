//! Entries for tests of the ledger alone, which knows nothing of the duty. The crates that need them
//! cannot see one another's tests, so each takes this file in.

use chrono::NaiveDate;
use dutyledger_record::{
    Basis, Draft, EntryError, EntryId, Envelope, Event, LedgerId, OccurredOn, Principal,
    RulePackRef, Standing, Stream, StreamId, StreamType,
};
use serde_json::Value;
use uuid::Uuid;

/// A stream by its number.
pub(crate) fn stream(n: u128) -> Stream {
    Stream::new(
        StreamType::of("strategy"),
        StreamId::new(Uuid::from_u128(n)),
    )
}

/// An entry of a stream, at a version, with an id and a payload.
pub(crate) fn draft_in(
    ledger: LedgerId,
    stream: &Stream,
    version: u64,
    entry: u128,
    payload: Value,
) -> Result<Draft, EntryError> {
    let entry = Envelope {
        entry_id: EntryId::new(Uuid::from_u128(entry)),
        stream: stream.clone(),
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
        payload,
    };
    let event = Event {
        schema_version: 1,
        event_type: "Tested".into(),
    };
    Draft::new(ledger, event, &entry)
}
