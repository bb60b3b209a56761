//! How values are written into columns and read back.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::QueryError;

/// A number as a column holds it. Positions and versions never come near 2^63, and a caller that
/// asks beyond it asks beyond everything.
pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn number<T: TryFrom<i64>>(integer: i64) -> Result<T, QueryError> {
    T::try_from(integer).map_err(|_| corrupt(integer, "out of range"))
}

/// An id or a date.
pub(crate) fn parsed<T: FromStr>(text: &str) -> Result<T, QueryError>
where
    T::Err: Display,
{
    text.parse().map_err(|e: T::Err| corrupt(text, e))
}

pub(crate) fn instant(text: &str) -> Result<DateTime<Utc>, QueryError> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .map_err(|e| corrupt(text, e))
}

/// A word of a closed vocabulary.
pub(crate) fn word<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    match serde_json::to_value(value)? {
        Value::String(word) => Ok(word),
        other => Err(serde::ser::Error::custom(format!("{other} is not a word"))),
    }
}

pub(crate) fn read_word<T: DeserializeOwned>(text: &str) -> Result<T, QueryError> {
    serde_json::from_value(Value::String(text.to_owned())).map_err(|e| corrupt(text, e))
}

pub(crate) fn read_json<T: DeserializeOwned>(text: &str) -> Result<T, QueryError> {
    serde_json::from_str(text).map_err(|e| corrupt("JSON", e))
}

/// Rows as one JSON array, which a statement takes apart with `json_each`: so each kind of row is
/// one static statement, however many there are.
pub(crate) fn rows<T: Serialize>(
    rows: impl IntoIterator<Item = T>,
) -> Result<String, serde_json::Error> {
    serde_json::to_string(&rows.into_iter().collect::<Vec<_>>())
}

pub(crate) fn corrupt(found: impl Display, reason: impl Display) -> QueryError {
    QueryError::Corrupt {
        found: found.to_string(),
        reason: reason.to_string(),
    }
}
