//! The rules, each with its citation.

use aide::axum::ApiRouter;
use axum::Json;
use axum::response::IntoResponse;
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Serialize;

use dutyledger_domain::rules::{self, Row};

use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::command::NoQuery;
use crate::endpoint::Outcome;
use crate::problem::Problem;

/// The rule pack this program holds.
#[derive(Debug, Serialize, JsonSchema)]
struct Pack {
    /// Its name.
    pack: String,
    /// Its revision.
    revision: u32,
    /// The SHA-256 of its file.
    sha256: String,
    /// The date from which its rules are in force.
    in_force_from: NaiveDate,
    /// The rules.
    data: Vec<Row>,
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let all_read = Read {
        path: "/v1/rules",
        id: "listRules",
        tag: "Record",
        summary: "List the rules",
        about: "Every rule the record is kept by, with the section of the Act or the paragraph of \
                the guidance it comes from and how strong it is. For everyone with a key.\n\nRests \
                on Chapter 1 of Part 2 of the Act and the statutory guidance.",
    };
    let one_read = Read {
        path: "/v1/rules/{rule}",
        id: "readRule",
        tag: "Record",
        summary: "Read a rule",
        about: "One rule. For everyone with a key.\n\nRests on the section or paragraph it names.",
    };
    let router = add::<NoQuery, Pack, _, _>(router, all_read, all);
    add::<NoQuery, Row, _, _>(router, one_read, one)
}

async fn all(_: App, _: Ask, _: NoQuery) -> Outcome {
    let (pack, sha256) = rules::enacted();
    let shown = Pack {
        pack: pack.name.clone(),
        revision: pack.revision,
        sha256: sha256.to_owned(),
        in_force_from: rules::commencement(),
        data: pack.rows.clone(),
    };
    Ok(Json(shown).into_response())
}

async fn one(_: App, ask: Ask, _: NoQuery) -> Outcome {
    let id: String = ask.path("rule")?;
    let row = rules::row(&id).ok_or_else(Problem::absent)?;
    Ok(Json(row).into_response())
}
