//! Pages: a list, where it goes on, and how fresh it is.

use std::time::Duration;

use axum::Json;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_projections::PAGE_ROWS_MAX;

use crate::app::App;
use crate::ask::Ask;
use crate::command::POSITION;
use crate::cursor;
use crate::problem::{Code, Problem};

/// Rows of a page where the caller does not say.
const ROWS: u32 = 50;
/// The longest a read waits for a position.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// A list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Listed<T> {
    /// The rows.
    pub(crate) data: T,
    /// Where it is and where it goes on.
    pub(crate) links: Links,
    /// How fresh it is.
    pub(crate) meta: Meta,
}

/// Where a list is and where it goes on.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Links {
    /// This page.
    #[serde(rename = "self")]
    this: String,
    /// The next page, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Links {
    /// The links of a list that goes on where there is a place to go on from.
    pub(crate) fn to(ask: &Ask, member: &str, place: Option<String>) -> Self {
        Self {
            this: ask.address(),
            next: place.map(|place| link(ask, member, &place)),
        }
    }

    /// The next page, where there is one.
    pub(crate) fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// The links of a list that always goes on: the same question, with another place in it.
    pub(crate) fn going_on(ask: &Ask, member: &str, place: &str) -> Self {
        Self {
            this: ask.address(),
            next: Some(link(ask, member, place)),
        }
    }
}

/// How fresh an answer is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Meta {
    /// The ledger's position the answer holds up to.
    pub(crate) position: u64,
}

/// What every list may be asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// How many rows; 50 where left out.
    #[serde(default)]
    #[schemars(range(min = 1, max = 200))]
    pub(crate) limit: Option<u32>,
    /// Where to go on: from `links.next` of the page before.
    #[serde(default)]
    pub(crate) cursor: Option<String>,
    /// Wait, for 5 seconds at the most, until the answer holds up to this position.
    #[serde(default)]
    pub(crate) wait_for: Option<u64>,
}

/// A page being filled with what its reader may see. One row more than it has tells whether there
/// is another page; the cursor is always that of a row shown, so that it tells of no other.
pub(crate) struct Filling<T> {
    list: &'static str,
    limit: usize,
    rows: Vec<(String, T)>,
    position: u64,
}

impl<T> Filling<T> {
    /// Begins a page, and says where it goes on.
    pub(crate) async fn begin(
        app: &App,
        list: &'static str,
        query: &ListQuery,
    ) -> Result<(Self, Option<String>), Problem> {
        let limit = query.limit.unwrap_or(ROWS);
        if !(1..=PAGE_ROWS_MAX).contains(&limit) {
            return Err(Problem::member(
                Code::MalformedRequest,
                "limit",
                format!("A page has 1 to {PAGE_ROWS_MAX} rows."),
            ));
        }
        let after = query
            .cursor
            .as_deref()
            .map(|text| cursor::read(list, text).ok_or_else(bad_cursor))
            .transpose()?;
        let position = fresh(app, query.wait_for).await?;
        Ok((
            Self {
                list,
                limit: limit as usize,
                rows: Vec::new(),
                position,
            },
            after,
        ))
    }

    /// The position the page holds up to.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Adds a row with the key it is found by again. Says whether the page is full.
    pub(crate) fn add(&mut self, key: &impl ToString, row: T) -> bool {
        self.rows.push((key.to_string(), row));
        self.rows.len() > self.limit
    }

    /// The page's rows and where it goes on.
    fn parts(mut self, ask: &Ask) -> (Vec<T>, Links, u64) {
        let more = self.rows.len() > self.limit;
        self.rows.truncate(self.limit);
        let last = self
            .rows
            .last()
            .map(|(key, _)| key.clone())
            .filter(|_| more);
        let next = last.map(|key| next_link(ask, &cursor::write(self.list, &key)));
        let rows = self.rows.into_iter().map(|(_, row)| row).collect();
        (
            rows,
            Links {
                this: ask.address(),
                next,
            },
            self.position,
        )
    }

    /// The answer.
    pub(crate) fn answer(self, ask: &Ask) -> Response
    where
        T: Serialize,
    {
        self.answer_as(ask, |rows| rows)
    }

    /// The answer, its rows arranged.
    pub(crate) fn answer_as<D: Serialize>(
        self,
        ask: &Ask,
        arrange: impl FnOnce(Vec<T>) -> D,
    ) -> Response {
        let (rows, links, position) = self.parts(ask);
        let listed = Listed {
            data: arrange(rows),
            links,
            meta: Meta { position },
        };
        (at_position(position), Json(listed)).into_response()
    }
}

/// A cursor of this list that cannot be read any further than its form.
pub(crate) fn bad_cursor() -> Problem {
    Problem::member(
        Code::MalformedRequest,
        "cursor",
        "This cursor is not one of this list. Begin again without it.",
    )
}

/// Reads the key in a cursor.
pub(crate) fn key<T: std::str::FromStr>(after: Option<&str>) -> Result<Option<T>, Problem> {
    after
        .map(|text| text.parse().map_err(|_| bad_cursor()))
        .transpose()
}

fn next_link(ask: &Ask, cursor: &str) -> String {
    link(ask, "cursor=", &format!("cursor={cursor}"))
}

/// The same question with another member, and without waiting for a position that was waited for.
fn link(ask: &Ask, member: &str, place: &str) -> String {
    let others = ask.raw_query().split('&').filter(|pair| {
        !pair.is_empty() && !pair.starts_with(member) && !pair.starts_with("wait_for=")
    });
    let query: String = others.map(|pair| format!("{pair}&")).collect();
    format!("{}?{query}{place}", ask.uri_path())
}

/// Waits for a position, and says which the rows are at.
pub(crate) async fn fresh(app: &App, wait_for: Option<u64>) -> Result<u64, Problem> {
    let Some(wanted) = wait_for else {
        return Ok(app.projections.position());
    };
    app.projections
        .wait_for(wanted, WAIT_MAX)
        .await
        .map_err(|stale| {
            Problem::member(
                Code::NotThereYet,
                "wait_for",
                format!("The answer holds up to position {}.", stale.position),
            )
        })
}

/// The header that says how fresh an answer is.
pub(crate) fn at_position(position: u64) -> [(axum::http::HeaderName, HeaderValue); 1] {
    [(POSITION, HeaderValue::from(position))]
}
