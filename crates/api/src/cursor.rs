//! Cursors: where a list goes on, as a text that whoever keeps it need not understand. What is read
//! here came from outside, whoever wrote it, so nothing read makes this panic.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::NaiveDate;

/// The version of the cursors' form.
const VERSION: &str = "1";

/// The cursor of a row of a list.
pub(crate) fn write(list: &str, key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{VERSION}.{list}.{key}"))
}

/// The key of the row a cursor of this list stands for.
pub(crate) fn read(list: &str, cursor: &str) -> Option<String> {
    let decoded = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let text = str::from_utf8(&decoded).ok()?;
    let text = text.strip_prefix(VERSION)?.strip_prefix('.')?;
    let key = text.strip_prefix(list)?.strip_prefix('.')?;
    Some(key.to_owned())
}

/// A place among rows derived up to a position.
pub(crate) fn place_at(key: &str) -> Option<(u64, usize)> {
    let (known_at, place) = key.split_once('.')?;
    Some((known_at.parse().ok()?, place.parse().ok()?))
}

/// A row by its date and its id.
pub(crate) fn dated<I: FromStr>(key: &str) -> Option<(NaiveDate, I)> {
    let (date, id) = key.split_once('.')?;
    Some((date.parse().ok()?, id.parse().ok()?))
}

/// A row by its date and its id, as known at a position where that was asked.
pub(crate) fn dated_as_known<I: FromStr>(key: &str) -> Option<(Option<u64>, (NaiveDate, I))> {
    let (before, id) = key.rsplit_once('.')?;
    let (known_at, date) = match before.split_once('.') {
        Some((known_at, date)) => (Some(known_at.parse().ok()?), date),
        None => (None, before),
    };
    Some((known_at, (date.parse().ok()?, id.parse().ok()?)))
}
