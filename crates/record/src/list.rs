//! The digest that closes a list of entries.

use serde_json::Value;

use crate::canonical::{canonical_json, sha256_hex};
use crate::ids::StreamId;

/// The digest in the entry that closes a list: SHA-256 over the RFC 8785 JSON array of the ids the
/// list's entries name, in the order of the entries, as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub struct ListDigest;

impl ListDigest {
    /// The digest of these ids in this order.
    #[must_use]
    pub fn of(ids: &[StreamId]) -> String {
        let array = Value::Array(ids.iter().map(|id| Value::String(id.to_string())).collect());
        let text = canonical_json(&array).unwrap_or_else(|_| unreachable!("ids are plain ASCII"));
        sha256_hex(text.as_bytes())
    }
}
