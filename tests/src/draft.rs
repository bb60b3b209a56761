//! Entries for tests of the ledger alone, which knows nothing of the duty.

use chrono::NaiveDate;
use dutyledger_record::{
    Basis, Draft, EntryError, EntryId, Envelope, Event, LedgerId, OccurredOn, Principal,
    RulePackRef, Standing, Stream, StreamId, StreamType,
};
use serde_json::json;
use uuid::Uuid;

/// The ledger they are made for.
pub const LEDGER: LedgerId = LedgerId::new(Uuid::from_u128(0xd0));

/// A stream by its number.
#[must_use]
pub fn stream(n: u128) -> Stream {
    Stream::new(
        StreamType::of("strategy"),
        StreamId::new(Uuid::from_u128(n)),
    )
}

/// An entry of a stream, at a version, with an id.
///
/// # Errors
/// When it steps outside the record's format.
pub fn draft(n: u128, version: u64, entry: u128) -> Result<Draft, EntryError> {
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
        payload: json!({ "text": "x".repeat(200) }),
    };
    let event = Event {
        schema_version: 1,
        event_type: "Tested".into(),
    };
    Draft::new(LEDGER, event, &entry)
}
