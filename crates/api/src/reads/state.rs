//! One thing, as it stands or as it stood.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use dutyledger_application::load;
pub(crate) use dutyledger_audit::AsOf;
use dutyledger_domain::StreamKind;
use dutyledger_record::{StreamId, sha256_hex};

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

/// A stream as it stands now, by which it is decided who sees it, before anything else.
pub(crate) struct Current<S> {
    pub(crate) id: StreamId,
    pub(crate) state: S,
    version: u64,
    position: u64,
}

/// What was found.
pub(crate) struct Found<S> {
    pub(crate) id: StreamId,
    pub(crate) version: u64,
    pub(crate) position: u64,
    pub(crate) state: S,
    /// As of when, where that was asked for.
    pub(crate) as_of: Option<AsOf>,
}

/// Finds a stream as it stands now; absent where it has no entry.
pub(crate) async fn current<K>(
    app: &App,
    id: StreamId,
    wait_for: Option<u64>,
) -> Result<Current<K::State>, Problem>
where
    K: StreamKind<State: DeserializeOwned>,
{
    let position = fresh(app, wait_for).await?;
    let row = app.projections.stream::<K>(id).await.map_err(internal)?;
    let row = row.ok_or_else(Problem::absent)?;
    Ok(Current {
        id,
        state: row.state,
        version: row.version,
        position,
    })
}

/// The stream as it was asked for; absent where it has no entry by then. Only for those who see it
/// as it stands: where the ledger ends is told to nobody else.
pub(crate) async fn as_asked<K>(
    app: &App,
    current: Current<K::State>,
    query: &StateQuery,
) -> Result<Found<K::State>, Problem>
where
    K: StreamKind,
{
    let Current {
        id,
        state,
        version,
        position,
    } = current;
    if query.on.is_none() && query.known_at.is_none() {
        return Ok(Found {
            id,
            version,
            position,
            state,
            as_of: None,
        });
    }
    let known_at = known_at(app, query.known_at)?;
    let on = query.on.unwrap_or_else(|| app.bus.edge().today());
    let history = load::history::<K>(app.bus.ledger(), id, Some(known_at))
        .await
        .map_err(internal)?;
    if !history
        .entries()
        .any(|entry| entry.standing.occurred_on.date <= on)
    {
        return Err(Problem::absent());
    }
    Ok(Found {
        id,
        version: history.version(),
        position: known_at,
        state: Arc::unwrap_or_clone(history.state(on)),
        as_of: Some(AsOf { on, known_at }),
    })
}

/// The position asked for, which the ledger must have; its end where none is.
pub(crate) fn known_at(app: &App, asked: Option<u64>) -> Result<u64, Problem> {
    let head = app.bus.ledger().head();
    let known_at = asked.unwrap_or(head);
    if known_at == 0 || known_at > head {
        return Err(Problem::member(
            Code::MalformedRequest,
            "known_at",
            format!("The ledger has positions 1 to {head}."),
        ));
    }
    Ok(known_at)
}

/// Finds what everyone with a key sees, as it was asked for.
pub(crate) async fn find<K>(
    app: &App,
    id: StreamId,
    query: &StateQuery,
) -> Result<Found<K::State>, Problem>
where
    K: StreamKind<State: DeserializeOwned>,
{
    let current = current::<K>(app, id, query.wait_for).await?;
    as_asked::<K>(app, current, query).await
}

/// The answer, with its version and how fresh it is.
pub(crate) fn answer<T: Serialize>(version: u64, position: u64, body: T) -> Response {
    tagged(&version.to_string(), position, Json(body).into_response())
}

/// The answer for one that sees a part. Its tag is a hash of what is shown, for the version counts
/// entries that are not.
pub(crate) fn answer_in_part<T: Serialize>(position: u64, body: &T) -> Result<Response, Problem> {
    let text = serde_json::to_string(body).map_err(internal)?;
    let tag = sha256_hex(text.as_bytes());
    let json = [(header::CONTENT_TYPE, "application/json")];
    Ok(tagged(&tag, position, (json, text).into_response()))
}

fn tagged(tag: &str, position: u64, response: Response) -> Response {
    let mut response = (at_position(position), response).into_response();
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{tag}\"")) {
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
