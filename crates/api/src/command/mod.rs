//! Commands: one way in for all of them.

mod answer;
mod areas;
mod assessments;
mod authorities;
mod directions;
mod imports;
mod keys;
mod partnerships;
mod strategies;
mod table;
mod words;

use aide::axum::ApiRouter;
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use dutyledger_application::{Request, Target};
use dutyledger_domain::{Acting, Particulars, ReasonGiven, SourceGiven, StreamKind};
use dutyledger_record::{EntryId, OccurredOn, Stream, StreamId};

use crate::app::App;
use crate::ask::Ask;
use crate::json::Object;
use crate::problem::{Code, MemberProblem, Problem, command_problem, internal};
use crate::reads::seen;
use crate::{endpoint, json};

pub(crate) use answer::{POSITION, StreamShown};
pub(crate) use imports::IMPORTS;

use answer::{Recorded, recorded};

/// Every command.
pub(crate) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let router = areas::routes(router);
    let router = authorities::routes(router);
    let router = partnerships::routes(router);
    let router = assessments::routes(router);
    let router = strategies::routes(router);
    let router = directions::routes(router);
    let router = keys::routes(router);
    imports::routes(router)
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
    #[schemars(length(max = 50))]
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
    particulars: Object<P>,
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
    let Object(particulars) = given.particulars;
    let (target, opens) = match on {
        On::New => (Target::New, true),
        On::Named(name) => (Target::Stream(name(&particulars)), true),
        On::Path => (Target::Stream(existing::<K>(&app, &ask).await?), false),
        On::Ledger => (
            Target::Stream(StreamId::new(app.bus.ledger().id().uuid())),
            false,
        ),
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
        command: particulars.into(),
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
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoQuery {}

/// The stream in the path, which must be there: a command in a path never opens one.
async fn existing<K: StreamKind>(app: &App, ask: &Ask) -> Result<StreamId, Problem> {
    let id = ask.path("id")?;
    let stream = Stream::new(K::TYPE, id);
    match app
        .bus
        .ledger()
        .stream_version(&stream)
        .await
        .map_err(internal)?
    {
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
        Given::Path
            if problem.code == not_permitted && problem.status == not_permitted.status() =>
        {
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
