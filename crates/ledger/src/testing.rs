//! Entries for the tests within this crate.

#[path = "../../../tests/record/draft.rs"]
mod shared;

use chrono::{DateTime, Utc};
use dutyledger_record::{Draft, EntryError, LedgerId};
use serde_json::json;

use crate::ledger::Opening;
pub(crate) use shared::{number, stream};

/// The ledger they are made for.
pub(crate) const LEDGER: LedgerId = LedgerId::new(shared::id(0xd0));

pub(crate) fn opening(_: DateTime<Utc>) -> Result<Opening, EntryError> {
    Ok(Opening {
        ledger: LEDGER,
        draft: draft(0, 1, shared::OPENING)?,
    })
}

/// An entry of a stream, at a version, by its number.
pub(crate) fn draft(n: u128, version: u64, entry: u128) -> Result<Draft, EntryError> {
    shared::draft_in(LEDGER, &stream(n), version, entry, json!({}))
}
