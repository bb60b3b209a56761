//! The questions. Each is one statement, so it sees the rows of one moment.

mod consultations;
mod members;
mod reviews;
mod streams;
mod timeline;
mod triggers;

pub(crate) use timeline::{announcement, announcements};

use dutyledger_record::StreamId;

use crate::error::QueryError;
use crate::rows::Page;
use crate::values::parsed;

/// The most rows one page has. Asking for more is asking for this many.
pub const PAGE_ROWS_MAX: u32 = 200;

/// How many rows a page has: at least one, so that every page gets on.
fn rows_of(limit: u32) -> u32 {
    limit.clamp(1, PAGE_ROWS_MAX)
}

/// How many rows to ask for: one more than the page has, which tells whether there is another page.
fn asked(limit: u32) -> u32 {
    rows_of(limit) + 1
}

fn page<R, T, C>(
    found: Vec<R>,
    limit: u32,
    read: impl Fn(R) -> Result<T, QueryError>,
    cursor: impl Fn(&T) -> C,
) -> Result<Page<T, C>, QueryError> {
    let limit = rows_of(limit) as usize;
    let more = found.len() > limit;
    let rows = found
        .into_iter()
        .take(limit)
        .map(read)
        .collect::<Result<Vec<_>, _>>()?;
    let next = rows.last().filter(|_| more).map(cursor);
    Ok(Page { rows, next })
}

/// A cursor as text; every id comes after the empty text.
fn after_id(after: Option<StreamId>) -> String {
    after.map_or_else(String::new, |id| id.to_string())
}

fn optional_id(text: Option<&str>) -> Result<Option<StreamId>, QueryError> {
    text.map(parsed).transpose()
}
