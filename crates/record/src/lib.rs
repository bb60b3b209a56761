//! The record format: what is stored and hashed, byte by byte.
//!
//! `schemas/record.md` is the specification; this crate is its implementation in Rust, without
//! I/O, clock or randomness, so that an offline verifier can stand on it. It knows the envelope of
//! an entry and nothing of the duty: stream types, event types and rule ids are open sets here.

mod canonical;
mod entry;
mod form;
mod ids;
mod leaf;
mod list;
mod merkle;
mod sealed;
mod text;

pub use canonical::{
    CanonicalError, canonical_json, hex, is_hex, is_sha256_hex, leaf_hash, leaf_hash_of_bytes,
    sha256_hex, unhex,
};
pub use entry::{
    Basis, Draft, ENTRY_BYTES_MAX, EntryError, Envelope, Event, FORMAT, Mark, OccurredOn, PastFact,
    Principal, PrincipalKind, Record, RestsOn, RulePackRef, Source, Standing, Stream, Warning,
    format_instant, serialize_instant,
};
pub use form::{is_leap_second, is_uuid};
pub use ids::{EntryId, KeyId, LedgerId, NaturalKey, StreamId, StreamType};
pub use list::ListDigest;
pub use merkle::{Frontier, FrontierError, node_hash};
pub use sealed::{
    Binding, DataKey, NONCE_BYTES, PlainText, Sealed, SealedBox, SealedError, unwrap_key, wrap_key,
};
pub use text::{PublicText, TextError};
