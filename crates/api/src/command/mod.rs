//! Commands: one way in for all of them.

mod areas;
mod assessments;
mod authorities;
mod directions;
mod keys;
mod partnerships;
mod strategies;
mod table;

use aide::axum::ApiRouter;
use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use dutyledger_application::{Answer, Request, Target};
use dutyledger_domain::{Acting, Particulars, ReasonGiven, SourceGiven, StreamKind};
use dutyledger_record::{EntryId, Mark, OccurredOn, Stream, StreamId};

use crate::app::App;
use crate::ask::Ask;
use crate::problem::{Code, MemberProblem, Problem, command_problem, internal};
use crate::reads::seen;
use crate::{endpoint, json};

pub(crate) const POSITION: HeaderName = HeaderName::from_static("dutyledger-position");

/// Every command.
pub(crate) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let router = areas::routes(router);
    let router = authorities::routes(router);
    let router = partnerships::routes(router);
    let router = assessments::routes(router);
    let router = strategies::routes(router);
    let router = directions::routes(router);
    keys::routes(router)
}

/// A command, and everything about it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "{P}Request")]
pub(crate) struct Body<P> {
    /// The date it happened; today in Europe/London where left out.
    #[serde(default)]
    occurred_on: Option<NaiveDate>,
    /// Whether that date is assumed rather than stated by a source.
    #[serde(default)]
    occurred_on_assumed: bool,
    /// On what footing it is given.
    #[serde(default)]
    acting: Acting,
    /// The authorities it is done for.
    #[serde(default)]
    #[schemars(length(max = 2000))]
    on_behalf_of: Vec<StreamId>,
    /// What shows it. A report and a past fact each need it.
    #[serde(default)]
    source: Option<SourceGiven>,
    /// Reasons for going on although rules that should be met are not.
    #[serde(default)]
    #[schemars(length(max = 100))]
    reasons: Vec<ReasonGiven>,
    /// What you are doing, across several requests.
    #[serde(default)]
    correlation_id: Option<Uuid>,
    /// The entry that caused it.
    #[serde(default)]
    causation_id: Option<EntryId>,
    /// What is asked for.
    particulars: P,
}

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
        Self { kind: stream.stream_type.to_string(), id: stream.id }
    }
}

/// An entry that was recorded.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EntryRecorded {
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
pub(crate) struct Recorded {
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

/// Which stream a route's command is given on.
pub(crate) enum On<P> {
    /// A new one.
    New,
    /// The one its particulars name, for there is only one of it.
    Named(fn(&P) -> StreamId),
    /// The one in the path.
    Path,
    /// The ledger's own.
    Ledger,
}

impl<P> Clone for On<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for On<P> {}

/// Carries out a command.
async fn carry_out<K, P>(
    app: App,
    mut ask: Ask,
    on: On<P>,
    collection: &'static str,
) -> endpoint::Outcome
where
    K: StreamKind,
    P: Particulars<K> + Into<K::Command> + Send,
{
    let if_match = ask.if_match()?;
    ask.query::<NoQuery>()?;
    let body = ask.json_body().await?;
    let idempotency = ask.under(&app, &body)?;
    let given: Body<P> = json::read(&body)?;
    let (target, opens) = match on {
        On::New => (Target::New, true),
        On::Named(name) => (Target::Stream(name(&given.particulars)), true),
        On::Path => (Target::Stream(existing::<K>(&app, &ask).await?), false),
        On::Ledger => (Target::Stream(StreamId::new(app.bus.ledger().id().uuid())), false),
    };
    let occurred_on = match (given.occurred_on, given.occurred_on_assumed) {
        (None, true) => {
            return Err(Problem::member(
                Code::Invalid,
                "/occurred_on_assumed",
                "There is no date in occurred_on that could be assumed.",
            ));
        }
        (date, assumed) => date.map(|date| OccurredOn { assumed, date }),
    };
    let request = Request {
        principal: ask.principal,
        target,
        acting: given.acting,
        occurred_on,
        on_behalf_of: given.on_behalf_of,
        source: given.source,
        reasons: given.reasons,
        correlation_id: given.correlation_id,
        causation_id: given.causation_id,
        if_match,
        idempotency,
        command: given.particulars.into(),
    };
    let bus = app.bus.clone();
    // A caller that goes away does not break off what is being recorded.
    let carried_out = tokio::spawn(async move { bus.execute::<K>(request).await });
    match carried_out.await.map_err(internal)? {
        Ok(answer) => Ok(recorded(answer.into(), opens.then_some(collection))),
        Err(error) => Err(failed::<K>(&app, &ask, on, command_problem(error)).await?),
    }
}

/// A query without members.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoQuery {}

/// The stream in the path, which must be there: a command in a path never opens one.
async fn existing<K: StreamKind>(app: &App, ask: &Ask) -> Result<StreamId, Problem> {
    let id = ask.path("id")?;
    let stream = Stream::new(K::TYPE, id);
    match app.bus.ledger().stream_version(&stream).await.map_err(internal)? {
        0 => Err(Problem::absent()),
        _ => Ok(id),
    }
}

/// The problem as its caller may see it.
async fn failed<K: StreamKind>(
    app: &App,
    ask: &Ask,
    on: impl Into<Given>,
    problem: Problem,
) -> Result<Problem, Problem> {
    let not_permitted = Code::NotPermitted;
    Ok(match on.into() {
        // What one may not read, one is not told of by a refusal either.
        Given::Path if problem.code == not_permitted && problem.status == not_permitted.status() => {
            let id = ask.path("id")?;
            if seen::stream(app, ask.principal, K::NAME, id).await? {
                problem
            } else {
                Problem::absent()
            }
        }
        // A new thing is not missing itself: the partnership it names is.
        Given::New if problem == Problem::absent() => {
            let detail = "There is no such partnership.".to_owned();
            let error = MemberProblem {
                pointer: "/particulars/partnership".to_owned(),
                detail: detail.clone(),
            };
            Problem {
                status: Code::Invalid.status(),
                errors: vec![error],
                ..Problem::new(Code::NotFound, detail)
            }
        }
        _ => problem,
    })
}

/// How a route names its stream, whatever its command.
enum Given {
    New,
    Path,
    Other,
}

impl<P> From<On<P>> for Given {
    fn from(on: On<P>) -> Self {
        match on {
            On::New => Self::New,
            On::Path => Self::Path,
            On::Named(_) | On::Ledger => Self::Other,
        }
    }
}

/// The answer, with its headers; with a collection, that of something new in it.
fn recorded(recorded: Recorded, opened_in: Option<&str>) -> Response {
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
            set(header::LOCATION, format!("{collection}/{}", recorded.stream.id));
            StatusCode::CREATED
        }
        None => StatusCode::OK,
    };
    (status, headers, Json(recorded)).into_response()
}

