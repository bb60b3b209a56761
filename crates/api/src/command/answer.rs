//! What a command is answered with.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use dutyledger_application::Answer;
use dutyledger_record::{EntryId, Mark, Stream, StreamId};

/// The ledger's position an answer holds up to.
pub(crate) const POSITION: HeaderName = HeaderName::from_static("dutyledger-position");

/// A stream.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StreamShown {
    /// Its kind.
    #[serde(rename = "type")]
    kind: String,
    /// Its id.
    id: StreamId,
}

impl From<&Stream> for StreamShown {
    fn from(stream: &Stream) -> Self {
        Self {
            kind: stream.stream_type.to_string(),
            id: stream.id,
        }
    }
}

/// An entry that was recorded.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct EntryRecorded {
    /// Its id.
    entry_id: EntryId,
    /// Its position in the ledger.
    position: u64,
    /// Its version in its stream.
    version: u64,
    /// What happened.
    event_type: String,
    /// What it says, without sealed texts.
    payload: Value,
    /// The rules that warned, for which a reason was given.
    warned: Vec<String>,
    /// For a past fact, the rules that are not met.
    unmet: Vec<String>,
    /// For a past fact, how a breach of those rules is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<Mark>,
}

/// What was recorded.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Recorded {
    /// The stream it was recorded in.
    stream: StreamShown,
    /// The stream's version now.
    version: u64,
    /// The position of the last entry.
    position: u64,
    /// When it was recorded.
    recorded_at: DateTime<Utc>,
    /// Whether this is the first answer again.
    replayed: bool,
    /// The entries.
    entries: Vec<EntryRecorded>,
}

impl From<Answer> for Recorded {
    fn from(answer: Answer) -> Self {
        Self {
            stream: StreamShown::from(&answer.stream),
            version: answer.version,
            position: answer.position,
            recorded_at: answer.recorded_at,
            replayed: answer.replayed,
            entries: answer
                .entries
                .into_iter()
                .map(|entry| EntryRecorded {
                    entry_id: entry.entry_id,
                    position: entry.position,
                    version: entry.version,
                    event_type: entry.event_type,
                    payload: entry.payload,
                    warned: entry.warned,
                    unmet: entry.unmet,
                    mark: entry.mark,
                })
                .collect(),
        }
    }
}

/// The answer, with its headers; with a collection, that of something new in it.
pub(super) fn recorded(recorded: Recorded, opened_in: Option<&str>) -> Response {
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    set(header::ETAG, format!("\"{}\"", recorded.version));
    set(POSITION, recorded.position.to_string());
    let status = match opened_in {
        Some(collection) => {
            set(
                header::LOCATION,
                format!("{collection}/{}", recorded.stream.id),
            );
            StatusCode::CREATED
        }
        None => StatusCode::OK,
    };
    (status, headers, Json(recorded)).into_response()
}
