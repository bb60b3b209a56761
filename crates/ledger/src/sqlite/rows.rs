//! How values are written into SQLite's columns and read back.

use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::append::IdempotentRow;
use crate::error::ReadError;
use crate::key::ApiKey;
use crate::value::{corrupt, hash, number};

pub(super) fn instant(text: &str) -> Result<DateTime<Utc>, ReadError> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .map_err(|_| corrupt(text))
}

pub(super) fn id<T: FromStr>(text: &str) -> Result<T, ReadError> {
    text.parse().map_err(|_| corrupt(text))
}

/// digest, first_position, last_position, created_at
pub(super) type NameColumns = (Vec<u8>, i64, i64, String);

pub(super) fn name((digest, first, last, at): &NameColumns) -> Result<IdempotentRow, ReadError> {
    Ok(IdempotentRow {
        digest: hash(digest)?,
        first_position: number(*first)?,
        last_position: number(*last)?,
        recorded_at: instant(at)?,
    })
}

/// key_id, hash, kind, principal_id, label, issued_at, expires_at, revoked_at
pub(super) type KeyColumns = (
    String,
    Vec<u8>,
    String,
    Option<String>,
    String,
    String,
    Option<String>,
    Option<String>,
);

pub(super) fn api_key(columns: KeyColumns) -> Result<ApiKey, ReadError> {
    let (key_id, hash_bytes, kind, principal_id, label, issued_at, expires_at, revoked_at) =
        columns;
    Ok(ApiKey {
        key_id: id(&key_id)?,
        hash: hash(&hash_bytes)?,
        kind,
        principal_id: principal_id.as_deref().map(id).transpose()?,
        label,
        issued_at: instant(&issued_at)?,
        expires_at: expires_at.as_deref().map(instant).transpose()?,
        revoked_at: revoked_at.as_deref().map(instant).transpose()?,
    })
}
