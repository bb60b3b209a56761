//! One thing, as it stands or as it stood.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use dutyledger_application::load;
use dutyledger_domain::StreamKind;
use dutyledger_record::StreamId;

use super::page::{at_position, fresh};
use crate::app::App;
use crate::problem::{Code, Problem, internal};

/// As of when.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateQuery {
    /// As true on this date; today where left out.
    #[serde(default)]
    pub(crate) on: Option<NaiveDate>,
    /// As known when the ledger ended at this position; now where left out.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub(crate) known_at: Option<u64>,
    /// Wait, for 5 seconds at the most, until the answer holds up to this position.
    #[serde(default)]
    pub(crate) wait_for: Option<u64>,
}

/// Something as it stands, or as it stood.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Stated<S> {
    /// Its id.
    pub(crate) id: StreamId,
    /// Its version.
    pub(crate) version: u64,
    /// What is known of it.
    pub(crate) state: S,
}

/// What was found.
pub(crate) struct Found<S> {
    pub(crate) id: StreamId,
    pub(crate) version: u64,
    pub(crate) position: u64,
    pub(crate) state: S,
    /// The state as it is today, by which it is decided who sees it.
    pub(crate) now: S,
}

/// Finds a stream as it stands or stood; absent where it has no entry by then.
pub(crate) async fn find<K>(
    app: &App,
    id: StreamId,
    query: &StateQuery,
) -> Result<Found<K::State>, Problem>
where
    K: StreamKind<State: DeserializeOwned>,
{
    let position = fresh(app, query.wait_for).await?;
    let row = app.projections.stream::<K>(id).await.map_err(internal)?;
    let row = row.ok_or_else(Problem::absent)?;
    if query.on.is_none() && query.known_at.is_none() {
        let (version, now) = (row.version, row.state.clone());
        return Ok(Found {
            id,
            version,
            position,
            state: row.state,
            now,
        });
    }
    let head = app.bus.ledger().head();
    let known_at = query.known_at.unwrap_or(head);
    if known_at == 0 || known_at > head {
        return Err(Problem::member(
            Code::MalformedRequest,
            "known_at",
            format!("The ledger has positions 1 to {head}."),
        ));
    }
    let on = query.on.unwrap_or_else(|| app.bus.edge().today());
    let history = load::history::<K>(app.bus.ledger(), id, Some(known_at))
        .await
        .map_err(internal)?;
    if !history
        .entries()
        .iter()
        .any(|entry| entry.standing.occurred_on.date <= on)
    {
        return Err(Problem::absent());
    }
    let (version, state) = (history.version(), history.state(on));
    Ok(Found {
        id,
        version,
        position: known_at,
        state,
        now: row.state,
    })
}

/// The answer, with its version and how fresh it is.
pub(crate) fn answer<T: Serialize>(version: u64, position: u64, body: T) -> Response {
    let mut response = (at_position(position), Json(body)).into_response();
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

impl<S: Serialize> Found<S> {
    /// The answer for what anybody sees as it is.
    pub(crate) fn answer(self) -> Response {
        let Self {
            id,
            version,
            position,
            state,
            ..
        } = self;
        answer(version, position, Stated { id, version, state })
    }
}
