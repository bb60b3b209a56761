//! Calendars' addresses: issued, revoked and listed by the operator.

use aide::axum::ApiRouter;
use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use dutyledger_application::{Request, Target, load};
use dutyledger_domain::streams::LedgerStream;
use dutyledger_domain::streams::ledger::{
    CalendarToken, IssueCalendarToken, LedgerCommand, RevokeCalendarToken,
};
use dutyledger_record::{KeyId, Principal, PrincipalKind, StreamId};

use super::keys::{Empty, NewKey, describe, own_pointers, refuse_headers};
use super::{NoQuery, Recorded, recorded};
use crate::app::App;
use crate::ask::Ask;
use crate::doc;
use crate::edge::to_its_end;
use crate::endpoint::{self, Outcome};
use crate::json;
use crate::problem::{Code, Problem, command_problem, internal};
use crate::reads::calendar_address;

/// A calendar just issued.
#[derive(Debug, Serialize, JsonSchema)]
struct CalendarIssued {
    /// The calendar's id, to revoke it by.
    id: KeyId,
    /// Where it is read, on this server. Whoever knows it reads the dates: it is shown here and
    /// never again.
    address: String,
    /// The entry that tells of it.
    recorded: Recorded,
}

/// A calendar, without its address.
#[derive(Debug, Serialize, JsonSchema)]
struct CalendarShown {
    /// Its id.
    id: KeyId,
    /// The kind of principal whose sight it has.
    kind: PrincipalKind,
    /// The authority or the partnership, for kinds that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    principal_id: Option<StreamId>,
    /// What it is for.
    label: String,
    /// When it expires.
    expires_at: DateTime<Utc>,
}

/// The calendars that hold.
#[derive(Debug, Serialize, JsonSchema)]
struct Calendars {
    /// The calendars, in the order they were issued.
    data: Vec<CalendarShown>,
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let path = "/v1/calendars";
    let router = endpoint::post(router, path, endpoint::run(issue), |op, ctx| {
        let description = "For the operator. The address is shown once, in the answer. Whoever has \
                           it reads the dates of the partnerships its principal reads, and nothing \
                           else.\n\nRests on L-2.";
        describe(
            op,
            ctx,
            path,
            "issueCalendar",
            "Issue a calendar",
            description,
        );
        let example = json!({
            "kind": "auditor", "label": "Dates for the programme office",
            "expires_at": "2027-09-21T00:00:00Z",
        });
        doc::body(op, ctx.schema.subschema_for::<NewKey>(), example);
        let media = doc::media(ctx.schema.subschema_for::<CalendarIssued>(), None);
        let content = Some(("application/json", media));
        let problems = [400, 401, 403, 413, 415, 422, 500, 503];
        doc::answers(op, 201, "The calendar.", content, &[], &problems);
    });
    let router = endpoint::get(router, path, endpoint::run(list), |op, ctx| {
        let description = "Those that are not revoked, without their addresses. For the operator.\n\nRests \
                           on L-2.";
        describe(
            op,
            ctx,
            path,
            "listCalendars",
            "List calendars",
            description,
        );
        let media = doc::media(ctx.schema.subschema_for::<Calendars>(), None);
        let content = Some(("application/json", media));
        doc::answers(
            op,
            200,
            "The calendars.",
            content,
            &[],
            &[400, 401, 403, 500, 503],
        );
    });
    let path = "/v1/calendars/{id}/revocation";
    endpoint::post(router, path, endpoint::run(revoke), |op, ctx| {
        let description =
            "For the operator. Nobody reads the calendar after this.\n\nRests on L-2.";
        describe(
            op,
            ctx,
            path,
            "revokeCalendar",
            "Revoke a calendar",
            description,
        );
        doc::body(op, ctx.schema.subschema_for::<Empty>(), json!({}));
        let media = doc::media(ctx.schema.subschema_for::<Recorded>(), None);
        let content = Some(("application/json", media));
        let problems = [400, 401, 403, 404, 413, 415, 422, 500, 503];
        doc::answers(op, 200, "It is revoked.", content, &[], &problems);
    })
}

/// A command on the ledger's own stream.
async fn carried_out(
    app: &App,
    operator: Principal,
    command: LedgerCommand,
) -> Result<dutyledger_application::Answer, Problem> {
    let target = Target::Stream(StreamId::new(app.bus.ledger().id().uuid()));
    let (bus, request) = (app.bus.clone(), Request::plain(operator, target, command));
    let answer = to_its_end(async move { bus.execute::<LedgerStream>(request).await }).await?;
    answer.map_err(|error| own_pointers(command_problem(error)))
}

async fn issue(app: App, mut ask: Ask) -> Outcome {
    refuse_headers(&ask)?;
    ask.query::<NoQuery>()?;
    let body = ask.json_body().await?;
    let new: NewKey = json::read(&body)?;
    new.check(&app)?;
    let token_id = KeyId::new(app.bus.edge().uuid());
    let command = IssueCalendarToken {
        token_id,
        principal_kind: new.kind,
        principal_id: new.principal_id,
        label: new.label,
        expires_at: new.expires_at,
    };
    let answer = carried_out(&app, ask.principal, command.into()).await?;
    let issued = CalendarIssued {
        id: token_id,
        address: calendar_address(&app, token_id),
        recorded: answer.into(),
    };
    Ok((StatusCode::CREATED, Json(issued)).into_response())
}

async fn revoke(app: App, mut ask: Ask) -> Outcome {
    refuse_headers(&ask)?;
    ask.query::<NoQuery>()?;
    let body = ask.json_body().await?;
    let Empty {} = json::read(&body)?;
    let token_id = ask.path("id")?;
    let command = RevokeCalendarToken { token_id };
    match carried_out(&app, ask.principal, command.into()).await {
        Ok(answer) => Ok(recorded(answer.into(), None)),
        Err(problem) if problem.code == Code::NotFound => Err(Problem::absent()),
        Err(problem) => Err(problem),
    }
}

async fn list(app: App, ask: Ask) -> Outcome {
    if ask.principal.kind != PrincipalKind::Operator {
        return Err(Problem::new(
            Code::NotPermitted,
            "Only the operator lists calendars.",
        ));
    }
    ask.query::<NoQuery>()?;
    let id = StreamId::new(app.bus.ledger().id().uuid());
    let history = load::history::<LedgerStream>(app.bus.ledger(), id, None).await;
    let state = history.map_err(internal)?.state(NaiveDate::MAX);
    let shown = |token: &CalendarToken| CalendarShown {
        id: token.token_id,
        kind: token.principal.kind,
        principal_id: token.principal.id,
        label: token.label.as_str().to_owned(),
        expires_at: token.expires_at,
    };
    let data = state.calendar_tokens.iter().map(shown).collect();
    Ok(Json(Calendars { data }).into_response())
}
