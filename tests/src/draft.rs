//! Entries for tests of the ledger alone, which knows nothing of the duty.

#[path = "../record/draft.rs"]
mod shared;

use dutyledger_record::{Draft, EntryError, LedgerId, Stream};
use serde_json::json;
use uuid::Uuid;

/// Or'ed with a number below 2^62, a UUIDv7: an id as every reader takes it.
pub const IDS: u128 = 0x0193_1c2e_5a00_7000_8000_0000_0000_0000;

/// The ledger they are made for.
pub const LEDGER: LedgerId = LedgerId::new(Uuid::from_u128(IDS | 0xd0));

/// A stream by its number.
#[must_use]
pub fn stream(n: u128) -> Stream {
    shared::stream(n)
}

/// An entry of a stream, at a version, with an id.
///
/// # Errors
/// When it steps outside the record's format.
pub fn draft(n: u128, version: u64, entry: u128) -> Result<Draft, EntryError> {
    let payload = json!({ "text": "x".repeat(200) });
    shared::draft_in(LEDGER, &stream(n), version, entry, payload)
}
