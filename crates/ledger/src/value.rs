//! What both databases' values have in common.

use std::fmt::Display;

use crate::error::ReadError;

/// A number as a database holds it. Positions and versions never come near 2^63, and a caller that
/// asks beyond it asks beyond everything.
pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn number(integer: i64) -> Result<u64, ReadError> {
    u64::try_from(integer).map_err(|_| corrupt(integer))
}

pub(crate) fn hash(bytes: &[u8]) -> Result<[u8; 32], ReadError> {
    bytes
        .try_into()
        .map_err(|_| corrupt(format!("{bytes:02x?}")))
}

pub(crate) fn corrupt(found: impl Display) -> ReadError {
    ReadError::Corrupt(found.to_string())
}

pub(crate) fn unreadable(error: sqlx::Error) -> ReadError {
    ReadError::Database(error.into())
}
