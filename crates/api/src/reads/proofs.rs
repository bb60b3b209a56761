//! Proofs that an entry is in the ledger, and that the ledger only grew.

use aide::axum::ApiRouter;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;

use dutyledger_transparency::LogError;

use super::entries::{find, reads_all, sees};
use super::seen::Seer;
use super::table::{Read, add_as};
use crate::app::App;
use crate::ask::Ask;
use crate::command::NoQuery;
use crate::doc::{self, Doc};
use crate::endpoint::{self, Outcome};
use crate::log::log;
use crate::problem::{Code, Problem, internal};

const PLAIN: &str = "text/plain";
/// Where a checkpoint is asked for.
pub(crate) const CHECKPOINTS: &str = "/v1/audit/checkpoints";

/// What a proof that the ledger grew is asked for with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FromQuery {
    /// How many entries the ledger had then.
    from: u64,
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let router = add_as::<NoQuery, String, _, _>(
        router,
        Read {
            path: "/v1/audit/entries/{entry_id}/proof",
            id: "proveEntry",
            tag: "Audit",
            summary: "Prove that an entry is in the ledger",
            about: "A `tlog-proof` (C2SP): the hashes from the entry's leaf up to the root that the \
                    newest checkpoint signs. Whoever has the entry, the proof and the ledger's key \
                    needs nothing else; `schemas/proofs.md` says how. An entry recorded after the \
                    newest checkpoint is covered by the next one.\n\nRests on the rule of the record that \
                    nothing is removed.",
        },
        PLAIN,
        inclusion,
    );
    let router = add_as::<FromQuery, String, _, _>(
        router,
        Read {
            path: "/v1/audit/consistency",
            id: "proveGrowth",
            tag: "Audit",
            summary: "Prove that the ledger only grew",
            about: "The hashes that show that the newest checkpoint goes on from the ledger as it \
                    was at `from` entries, and the checkpoint: the body of `add-checkpoint` in C2SP \
                    `tlog-witness`.\n\nRests on the rule of the record that nothing is removed.",
        },
        PLAIN,
        consistency,
    );
    endpoint::post(router, CHECKPOINTS, endpoint::run(sign), |op, ctx| {
        let doc = Doc {
            id: "signCheckpoint".to_owned(),
            tag: "Audit",
            summary: "Sign a checkpoint now".to_owned(),
            description: "Signs a checkpoint of all that is recorded, without waiting for the next \
                          on the schedule, and answers it. Nothing is recorded. For the operator and \
                          those who read everything.\n\nRests on the rule of the record that nothing \
                          is removed."
                .to_owned(),
        };
        doc::describe(op, doc, CHECKPOINTS, ctx);
        let media = doc::media(ctx.schema.subschema_for::<String>(), None);
        let content = Some((PLAIN, media));
        let problems = [401, 403, 404, 500, 503];
        doc::answers(op, 200, "The checkpoint.", content, &[], &problems);
    })
}

async fn sign(app: App, ask: Ask) -> Outcome {
    ask.query::<NoQuery>()?;
    if !reads_all(ask.principal.kind) {
        return Err(Problem::plain(Code::NotPermitted));
    }
    match log(&app)?.sign_now().await {
        Ok(signed) => Ok(text(signed.note.to_string())),
        Err(LogError::Trouble(trouble)) => {
            let detail = format!("No checkpoint is signed: {trouble}.");
            Err(Problem::new(Code::Stopped, detail))
        }
        Err(error) => Err(internal(error)),
    }
}

async fn inclusion(app: App, ask: Ask, _: NoQuery) -> Outcome {
    let (stored, record) = find(&app, &ask).await?;
    if !sees(&mut Seer::new(&app, ask.principal), &record).await? {
        return Err(Problem::absent());
    }
    let proof = log(&app)?.inclusion(stored.position).await.map_err(told)?;
    Ok(text(proof.to_string()))
}

async fn consistency(app: App, _: Ask, query: FromQuery) -> Outcome {
    let proof = log(&app)?.consistency(query.from).await.map_err(told)?;
    Ok(text(proof.to_string()))
}

fn text(text: String) -> Response {
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    ([(header::CONTENT_TYPE, plain)], text).into_response()
}

/// Why there is no proof, for whoever asked for it.
fn told(error: LogError) -> Problem {
    match error {
        LogError::NoCheckpoint | LogError::Beyond(_) => {
            let detail = format!("There is no such proof yet: {error}.");
            Problem::new(Code::NotFound, detail)
        }
        error => internal(error),
    }
}
