//! Entries for tests of the ledger alone, which knows nothing of the duty.

#[path = "../record/draft.rs"]
mod shared;

use dutyledger_record::{Draft, EntryError, LedgerId, Stream};
use serde_json::json;
use uuid::Uuid;

/// The ledger they are made for.
pub const LEDGER: LedgerId = LedgerId::new(Uuid::from_u128(0xd0));

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
