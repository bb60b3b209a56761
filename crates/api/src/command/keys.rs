//! Commands on the ledger itself: keys, the rule pack, and dates that are one for all.

use aide::axum::ApiRouter;
use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use dutyledger_application::KeyRequest;
use dutyledger_domain::streams::LedgerStream;
use dutyledger_domain::streams::ledger::{AdoptRulePack, SetDeadlineDate};
use dutyledger_record::{KeyId, PrincipalKind, PublicText, StreamId};

use super::table::Table;
use super::{NoQuery, Recorded, recorded};
use crate::app::App;
use crate::ask::Ask;
use crate::doc::{self, Doc};
use crate::edge::to_its_end;
use crate::endpoint::{self, Outcome};
use crate::json;
use crate::problem::{Code, Problem, command_problem};

/// The most characters of a key's label.
const LABEL_CHARACTERS_MAX: usize = 200;

/// A key to issue.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    /// The kind of principal it stands for.
    pub(super) kind: PrincipalKind,
    /// The authority or the partnership, for kinds that have one.
    #[serde(default)]
    pub(super) principal_id: Option<StreamId>,
    /// What it is for, in 200 characters or fewer. Names no person.
    pub(super) label: PublicText,
    /// When it expires.
    pub(super) expires_at: DateTime<Utc>,
}

impl NewKey {
    /// Refuses a label that is too long, and what would have expired before it is there.
    pub(super) fn check(&self, app: &App) -> Result<(), Problem> {
        if self.label.as_str().chars().count() > LABEL_CHARACTERS_MAX {
            let detail = format!("A label has {LABEL_CHARACTERS_MAX} characters or fewer.");
            return Err(Problem::member(Code::Invalid, "/label", detail));
        }
        if self.expires_at <= app.bus.edge().clock.now() {
            let detail = "A key expires after now.";
            return Err(Problem::member(Code::Invalid, "/expires_at", detail));
        }
        Ok(())
    }
}

/// A key just issued.
#[derive(Debug, Serialize, JsonSchema)]
struct KeyIssued {
    /// The key's id.
    key_id: KeyId,
    /// The key itself. It is shown here and never again.
    secret: String,
    /// The entry that tells of it.
    recorded: Recorded,
}

/// A body with nothing to say.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Empty {}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let router = Table::<LedgerStream>::new(router, "Service", "/v1/ledger")
        .on_ledger::<AdoptRulePack>(
            "/v1/rule-packs/adoptions",
            "Adopt a revision of the rule pack",
            "the rule pack's own revision",
            json!({ "pack": "enacted-2022", "revision": 1 }),
        )
        .on_ledger::<SetDeadlineDate>(
            "/v1/deadline-dates",
            "Set the date of a deadline that no source could be checked for",
            "R-10.4; the Regulations of 2022 under s.8(10), which have not been read",
            json!({ "rule": "R-10.4", "due_on": "2024-01-31", "provenance": "unverified" }),
        )
        .ledger_corrections("/v1/deadline-dates/corrections");
    let router = endpoint::post(router, "/v1/keys", endpoint::run(issue), |op, ctx| {
        let description = "For the operator. The key is shown once, in the answer; only its hash is \
                           kept. It takes no idempotency key, for the answer cannot be given again.\
                           \n\nRests on L-2.";
        describe(
            op,
            ctx,
            "/v1/keys",
            "issueKey",
            "Issue an API key",
            description,
        );
        let example = json!({
            "kind": "operator", "label": "Example operations team",
            "expires_at": "2027-09-21T00:00:00Z",
        });
        doc::body(op, ctx.schema.subschema_for::<NewKey>(), example);
        let media = doc::media(ctx.schema.subschema_for::<KeyIssued>(), None);
        let content = Some(("application/json", media));
        doc::answers(
            op,
            201,
            "The key.",
            content,
            &[],
            &[400, 401, 403, 413, 415, 422, 500, 503],
        );
    });
    let path = "/v1/keys/{id}/revocation";
    endpoint::post(router, path, endpoint::run(revoke), |op, ctx| {
        let description =
            "For the operator. The key holds for no request after this.\n\nRests on L-2.";
        describe(op, ctx, path, "revokeKey", "Revoke an API key", description);
        doc::body(op, ctx.schema.subschema_for::<Empty>(), json!({}));
        let media = doc::media(ctx.schema.subschema_for::<Recorded>(), None);
        let content = Some(("application/json", media));
        let problems = [400, 401, 403, 404, 413, 415, 422, 500, 503];
        doc::answers(op, 200, "It is revoked.", content, &[], &problems);
    })
}

/// Describes an operation on the service itself.
pub(super) fn describe(
    op: &mut aide::openapi::Operation,
    ctx: &mut aide::generate::GenContext,
    path: &str,
    id: &str,
    summary: &str,
    description: &str,
) {
    let doc = Doc {
        id: id.to_owned(),
        tag: "Service",
        summary: summary.to_owned(),
        description: description.to_owned(),
    };
    doc::describe(op, doc, path, ctx);
}

/// Refuses headers that would promise what cannot be kept.
pub(crate) fn refuse_headers(ask: &Ask) -> Result<(), Problem> {
    ask.refuse_header("idempotency-key", "This request takes no Idempotency-Key.")?;
    ask.refuse_header("if-match", "This request takes no If-Match.")
}

async fn issue(app: App, mut ask: Ask) -> Outcome {
    refuse_headers(&ask)?;
    ask.query::<NoQuery>()?;
    let body = ask.json_body().await?;
    let new: NewKey = json::read(&body)?;
    new.check(&app)?;
    let request = KeyRequest {
        kind: new.kind,
        principal_id: new.principal_id,
        label: new.label,
        expires_at: new.expires_at,
    };
    let (bus, operator) = (app.bus.clone(), ask.principal);
    let issued = to_its_end(async move { bus.issue_key(operator, request).await }).await?;
    let issued = issued.map_err(|error| own_pointers(command_problem(error)))?;
    let key = KeyIssued {
        key_id: issued.key_id,
        secret: issued.secret.reveal().to_owned(),
        recorded: issued.answer.into(),
    };
    Ok((StatusCode::CREATED, Json(key)).into_response())
}

/// The members as this request has them.
pub(super) fn own_pointers(mut problem: Problem) -> Problem {
    for error in &mut problem.errors {
        error.pointer = match error.pointer.as_str() {
            "/particulars/principal_kind" => "/kind".to_owned(),
            other => other
                .strip_prefix("/particulars")
                .unwrap_or(other)
                .to_owned(),
        };
    }
    problem
}

async fn revoke(app: App, mut ask: Ask) -> Outcome {
    refuse_headers(&ask)?;
    ask.query::<NoQuery>()?;
    let body = ask.json_body().await?;
    let Empty {} = json::read(&body)?;
    let key_id: KeyId = ask.path("id")?;
    let (bus, operator) = (app.bus.clone(), ask.principal);
    let answer = to_its_end(async move { bus.revoke_key(operator, key_id).await }).await?;
    match answer.map_err(command_problem) {
        Ok(answer) => Ok(recorded(answer.into(), None)),
        Err(problem) if problem.code == Code::NotFound => Err(Problem::absent()),
        Err(problem) => Err(problem),
    }
}
