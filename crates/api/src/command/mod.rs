//! Commands: one way in for all of them.

mod answer;
mod areas;
mod assessments;
mod authorities;
mod calendars;
mod directions;
mod erasures;
mod imports;
mod keys;
mod partnerships;
mod refusal;
mod strategies;
mod table;
mod words;

use aide::axum::ApiRouter;
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use dutyledger_application::{Request, Target};
use dutyledger_domain::{Acting, CommandSet, Particulars, ReasonGiven, SourceGiven, StreamKind};
use dutyledger_record::{EntryId, OccurredOn, StreamId};

use crate::app::App;
use crate::ask::Ask;
use crate::edge::to_its_end;
use crate::json::Object;
use crate::problem::{Code, Problem, command_problem};
use crate::{endpoint, json};

pub(crate) use answer::{POSITION, StreamShown};
pub(crate) use imports::IMPORTS;
pub(crate) use keys::refuse_headers;
pub(crate) use refusal::{About, shown_whole};

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
    let router = calendars::routes(router);
    let router = erasures::routes(router);
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
    // What is wrong with the request alone is said before anything is looked up.
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
    let Object(particulars) = given.particulars;
    let (target, opens) = match on {
        On::New => (Target::New, true),
        On::Named(name) => (Target::Stream(name(&particulars)), true),
        On::Path => (Target::Existing(ask.path("id")?), false),
        On::Ledger => (
            Target::Stream(StreamId::new(app.bus.ledger().id().uuid())),
            false,
        ),
    };
    let command: K::Command = particulars.into();
    let about = match on {
        On::New => About::New(command.partnership()),
        On::Path => About::There(ask.path("id")?),
        On::Named(_) | On::Ledger => About::Open,
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
        command,
    };
    let bus = app.bus.clone();
    match to_its_end(async move { bus.execute::<K>(request).await }).await? {
        Ok(answer) => Ok(recorded(answer.into(), opens.then_some(collection))),
        Err(error) => {
            Err(refusal::shown::<K>(&app, ask.principal, about, command_problem(error)).await?)
        }
    }
}

/// A query without members.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoQuery {}
