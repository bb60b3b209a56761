//! Importing a history.

use std::collections::BTreeMap;

use aide::axum::ApiRouter;
use axum::Json;
use axum::response::IntoResponse;
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use dutyledger_application::import::{self, ImportError, ImportReport, Place};
use dutyledger_domain::{Acting, Establishes, ReasonGiven};
use dutyledger_record::PublicText;

use super::NoQuery;
use crate::app::App;
use crate::ask::Ask;
use crate::doc::{self, Doc};
use crate::edge::to_its_end;
use crate::endpoint::{self, Outcome};
use crate::problem::{Code, MemberProblem, Problem, command_problem, internal};

/// Where a history is imported.
pub(crate) const IMPORTS: &str = "/v1/imports";

/// A history: what happened, as a list of commands. The importer reads it itself; this describes
/// it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what the importer reads")]
struct HistoryFile {
    /// Always `dutyledger-history/1`.
    format: String,
    /// What the history is called.
    name: PublicText,
    /// What it tells and leaves out, and the attribution its sources ask for.
    about: PublicText,
    /// Whether what it tells is fictional.
    fictional: bool,
    /// The latest date its sources reach.
    covers_until: NaiveDate,
    /// What shows that something happened, each under a name.
    sources: BTreeMap<String, HistorySource>,
    /// The steps, carried out in this order.
    #[schemars(length(min = 1, max = 20_000))]
    steps: Vec<HistoryStep>,
}

/// A source that steps name.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what the importer reads")]
struct HistorySource {
    /// Its title.
    title: PublicText,
    /// Where to find it: a reference or an address.
    reference: PublicText,
    /// Its date.
    date: NaiveDate,
    /// The SHA-256 of the document, as 64 hexadecimal digits.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    sha256: Option<String>,
}

/// A step.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what the importer reads")]
struct HistoryStep {
    /// The name by which later steps know what it opens.
    name: Option<String>,
    /// The kind of stream it opens, or `$name` of the open one it is given on.
    stream: String,
    /// The date it happened.
    on: NaiveDate,
    /// Whether that date is assumed.
    #[schemars(default)]
    assumed: bool,
    /// On what footing.
    #[schemars(default)]
    acting: Acting,
    /// Who decides, in a history that plays decisions out.
    by: Option<String>,
    /// The authorities it is done for.
    #[schemars(default)]
    on_behalf_of: Vec<String>,
    /// The name of a source.
    source: Option<String>,
    /// What the source establishes about a breach.
    establishes: Option<Establishes>,
    /// Reasons for going on although rules that should be met are not.
    #[schemars(default)]
    reasons: Vec<ReasonGiven>,
    /// The command.
    command: String,
    /// What it asks for.
    particulars: Map<String, Value>,
    /// Names for what the step records.
    #[schemars(default)]
    items: BTreeMap<String, String>,
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    endpoint::post(router, IMPORTS, endpoint::run(import), |op, ctx| {
        doc::describe(
            op,
            Doc {
                id: "importHistory".to_owned(),
                tag: "Service",
                summary: "Import a history".to_owned(),
                description: "For the operator. The whole file, of 8 MiB at the most, is checked \
                              before the first step. Each step is then a command like any other. \
                              An import that was interrupted is completed by sending the same \
                              file again: nothing is recorded twice. It takes no idempotency key, \
                              for it needs none.\n\nRests on L-4 and the rules of each command."
                    .to_owned(),
            },
            IMPORTS,
            ctx,
        );
        doc::body(op, ctx.schema.subschema_for::<HistoryFile>(), example());
        let media = doc::media(ctx.schema.subschema_for::<ImportReport>(), None);
        let content = Some(("application/json", media));
        let problems = [400, 401, 403, 409, 413, 415, 422, 500, 503];
        doc::answers(op, 200, "It is imported.", content, &[], &problems);
    })
}

fn example() -> Value {
    json!({
        "format": import::FORMAT,
        "name": "Nowhere (fictional)",
        "about": "Fictional. Shows the format.",
        "fictional": true,
        "covers_until": "2024-12-31",
        "sources": {},
        "steps": [{
            "name": "nowhere", "stream": "area", "on": "2023-01-31", "assumed": true,
            "command": "register-area",
            "particulars": {
                "country": "england", "kind": "district", "name": "Nowhere (fictional)",
            },
        }],
    })
}

async fn import(app: App, mut ask: Ask) -> Outcome {
    super::keys::refuse_headers(&ask)?;
    ask.query::<NoQuery>()?;
    let body = ask.import_body().await?;
    let text = String::from_utf8(body)
        .map_err(|_| Problem::new(Code::MalformedJson, "The body is not in UTF-8."))?;
    let (bus, operator) = (app.bus.clone(), ask.principal);
    let imported = to_its_end(async move {
        let mut progress = |done: usize, all: usize| tracing::debug!(done, all, "importing");
        import::run(&bus, operator, &text, &mut progress).await
    });
    let report = imported.await?.map_err(import_problem)?;
    Ok(Json(report).into_response())
}

fn import_problem(error: ImportError) -> Problem {
    match error {
        ImportError::NotOperator => {
            Problem::new(Code::NotPermitted, "Only an operator imports a history.")
        }
        ImportError::Refused { place, reason } => {
            at(Problem::plain(Code::Invalid), &place, &reason)
        }
        ImportError::Differs { place, reason } => {
            at(Problem::plain(Code::WrongState), &place, &reason)
        }
        ImportError::Stopped { place, error } => {
            let problem = command_problem(*error);
            // The address is there: what a step is about is not.
            let status = if problem.status == 404 {
                Code::Invalid.status()
            } else {
                problem.status
            };
            let reason = problem.detail.clone();
            at(Problem { status, ..problem }, &place, &reason)
        }
        ImportError::Ledger(error) => internal(error),
    }
}

/// The problem at its place in the file.
fn at(problem: Problem, place: &Place, reason: &str) -> Problem {
    let step = match (place.step, &place.name) {
        (Some(step), Some(name)) => format!("Step {step} ({name}): "),
        (Some(step), None) => format!("Step {step}: "),
        (None, _) => String::new(),
    };
    let error = MemberProblem {
        pointer: place.pointer.clone(),
        detail: reason.to_owned(),
    };
    Problem {
        detail: format!("{step}{reason}"),
        errors: vec![error],
        ..problem
    }
}
