//! Entries for tests of the ledger alone, which knows nothing of the duty.

#[path = "../record/draft.rs"]
mod shared;

use dutyledger_record::{Draft, EntryError, LedgerId, Stream};
use serde_json::json;
use uuid::Uuid;

/// The ledger they are made for.
pub const LEDGER: LedgerId = LedgerId::new(shared::id(0xd0));
/// The number of an opening: no other entry has one as high.
pub const OPENING: u128 = shared::OPENING;

/// The number of an id.
#[must_use]
pub const fn number(id: Uuid) -> u128 {
    shared::number(id)
}

/// A stream by its number.
#[must_use]
pub fn stream(n: u128) -> Stream {
    shared::stream(n)
}

/// An entry of a stream, at a version, by its number.
///
/// # Errors
/// When it steps outside the record's format.
pub fn draft(n: u128, version: u64, entry: u128) -> Result<Draft, EntryError> {
    let payload = json!({ "text": "x".repeat(200) });
    shared::draft_in(LEDGER, &stream(n), version, entry, payload)
}
