//! Entries for the tests within this crate.

#[path = "../../../tests/record/draft.rs"]
mod shared;

use chrono::{DateTime, Utc};
use dutyledger_record::{Draft, EntryError, LedgerId};
use serde_json::json;
use uuid::Uuid;

use crate::ledger::Opening;
pub(crate) use shared::stream;

/// The ledger they are made for.
pub(crate) const LEDGER: LedgerId = LedgerId::new(Uuid::from_u128(0xd0));

pub(crate) fn opening(_: DateTime<Utc>) -> Result<Opening, EntryError> {
    Ok(Opening {
        ledger: LEDGER,
        draft: draft(0, 1, u128::MAX)?,
    })
}

/// An entry of a stream, at a version, with an id.
pub(crate) fn draft(n: u128, version: u64, entry: u128) -> Result<Draft, EntryError> {
    shared::draft_in(LEDGER, &stream(n), version, entry, json!({}))
}
