//! The rules, each with its citation.

use aide::axum::ApiRouter;
use axum::Json;
use axum::response::IntoResponse;
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_domain::rules::{self, Row, RulePack};

use super::obligations::Pack as Named;
use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::endpoint::Outcome;
use crate::problem::{Problem, internal};

/// The rule pack this program holds.
#[derive(Debug, Serialize, JsonSchema)]
struct Pack {
    /// Its name.
    pack: String,
    /// Its revision.
    revision: u32,
    /// The SHA-256 of its file.
    sha256: String,
    /// The date from which its rules are in force; nothing for a pack that never was.
    in_force_from: Option<NaiveDate>,
    /// The rules.
    data: Vec<Row>,
}

/// What the rules may be asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RulesQuery {
    /// Of this rule pack, in its newest revision; the law as enacted where left out.
    #[serde(default)]
    pack: Option<Named>,
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let all_read = Read {
        path: "/v1/rules",
        id: "listRules",
        tag: "Record",
        summary: "List the rules",
        about: "Every rule the record is kept by, with the section of the Act or the paragraph of \
                the guidance it comes from and how strong it is; `pack=draft-2021` lists the draft of May 2021, which was \
                never in force. For everyone with a key.\n\nRests \
                on Chapter 1 of Part 2 of the Act and the statutory guidance.",
    };
    let one_read = Read {
        path: "/v1/rules/{rule}",
        id: "readRule",
        tag: "Record",
        summary: "Read a rule",
        about: "One rule. For everyone with a key.\n\nRests on the section or paragraph it names.",
    };
    let router = add::<RulesQuery, Pack, _, _>(router, all_read, all);
    add::<RulesQuery, Row, _, _>(router, one_read, one)
}

fn asked_for(query: &RulesQuery) -> Result<(&'static RulePack, &'static str), Problem> {
    let name = query.pack.unwrap_or(Named::Enacted).name();
    rules::newest(name).ok_or_else(|| internal("a rule pack is not among those compiled in"))
}

async fn all(_: App, _: Ask, query: RulesQuery) -> Outcome {
    let (pack, sha256) = asked_for(&query)?;
    let shown = Pack {
        pack: pack.name.clone(),
        revision: pack.revision,
        sha256: sha256.to_owned(),
        in_force_from: pack.in_force_from,
        data: pack.rows.clone(),
    };
    Ok(Json(shown).into_response())
}

async fn one(_: App, ask: Ask, query: RulesQuery) -> Outcome {
    let id: String = ask.path("rule")?;
    let (pack, _) = asked_for(&query)?;
    let row = pack.row(&id).ok_or_else(Problem::absent)?;
    Ok(Json(row).into_response())
}
