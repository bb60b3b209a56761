//! Entries for tests of the ledger alone, which knows nothing of the duty. The crates that need them
//! cannot see one another's tests, so each takes this file in.

use chrono::NaiveDate;
use dutyledger_record::{
    Basis, Draft, EntryError, EntryId, Envelope, Event, LedgerId, OccurredOn, Principal,
    RulePackRef, Standing, Stream, StreamId, StreamType,
};
use serde_json::Value;
use uuid::Uuid;

/// What an id is made of besides a number below 2^62: with it, every reader takes it.
const IDS: u128 = 0x0193_1c2e_5a00_7000_8000_0000_0000_0000;

/// The number of an opening: no other entry has one as high.
pub(crate) const OPENING: u128 = (1 << 62) - 1;

/// An id by its number.
pub(crate) const fn id(n: u128) -> Uuid {
    assert!(n <= OPENING);
    Uuid::from_u128(IDS | n)
}

/// The number of an id.
pub(crate) const fn number(id: Uuid) -> u128 {
    id.as_u128() & OPENING
}

/// A stream by its number.
pub(crate) fn stream(n: u128) -> Stream {
    Stream::new(StreamType::of("strategy"), StreamId::new(id(n)))
}

/// An entry of a stream, at a version, by its number and with a payload.
pub(crate) fn draft_in(
    ledger: LedgerId,
    stream: &Stream,
    version: u64,
    entry: u128,
    payload: Value,
) -> Result<Draft, EntryError> {
    let entry = Envelope {
        entry_id: EntryId::new(id(entry)),
        stream: stream.clone(),
        version,
        standing: Standing {
            basis: Basis::Administrative,
            causation_id: None,
            correlation_id: id(entry),
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
