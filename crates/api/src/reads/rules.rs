//! The rules, each with its citation.

use aide::axum::ApiRouter;
use axum::Json;
use axum::response::IntoResponse;
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_application::load;
use dutyledger_domain::dates::{DateSet, Dates};
use dutyledger_domain::obligations::Due;
use dutyledger_domain::rules::{self, Row, RulePack};
use dutyledger_record::Source;

use super::obligations::Pack as Named;
use super::state::known_at;
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

/// A rule, and what this ledger says of it.
#[derive(Debug, Serialize, JsonSchema)]
struct Rule {
    /// The rule, as the pack has it.
    #[serde(flatten)]
    row: Row,
    /// The one date that holds for all, where the rule has one: the pack's, or the one set in its
    /// place.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<Date>,
}

/// The date of a rule as it holds in this ledger.
#[derive(Debug, Serialize, JsonSchema)]
struct Date {
    /// The date, where it comes from, and the entry that set it where one did.
    #[serde(flatten)]
    due: Due,
    /// The day it was set for, where an entry set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<NaiveDate>,
    /// What shows it, where an entry set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
}

impl Date {
    fn of(row: &Row, dates: &Dates, on: NaiveDate) -> Option<Self> {
        let set = dates.set(row, on);
        Some(Self {
            due: dates.due(row, on)?,
            from: set.map(DateSet::on),
            source: set.and_then(|set| set.standing.source.clone()),
        })
    }
}

/// What the rules may be asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RulesQuery {
    /// Of this rule pack, in its newest revision; the law as enacted where left out.
    #[serde(default)]
    pack: Option<Named>,
}

/// What one rule may be asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RuleQuery {
    /// Of this rule pack, in its newest revision; the law as enacted where left out.
    #[serde(default)]
    pack: Option<Named>,
    /// Its date as true on this day; today where left out.
    #[serde(default)]
    on: Option<NaiveDate>,
    /// Its date as known when the ledger ended at this position; now where left out.
    #[serde(default)]
    #[schemars(range(min = 1))]
    known_at: Option<u64>,
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
        about: "One rule. Where it has one date for all, `date` is the one that holds in this ledger, \
                with the entry that set it and its source; `deadline` is what the pack says. For \
                everyone with a key.\n\nRests on the section or paragraph it names.",
    };
    let router = add::<RulesQuery, Pack, _, _>(router, all_read, all);
    add::<RuleQuery, Rule, _, _>(router, one_read, one)
}

fn asked_for(pack: Option<Named>) -> Result<(&'static RulePack, &'static str), Problem> {
    let name = pack.unwrap_or(Named::Enacted).name();
    rules::newest(name).ok_or_else(|| internal("a rule pack is not among those compiled in"))
}

async fn all(_: App, _: Ask, query: RulesQuery) -> Outcome {
    let (pack, sha256) = asked_for(query.pack)?;
    let shown = Pack {
        pack: pack.name.clone(),
        revision: pack.revision,
        sha256: sha256.to_owned(),
        in_force_from: pack.in_force_from,
        data: pack.rows.clone(),
    };
    Ok(Json(shown).into_response())
}

async fn one(app: App, ask: Ask, query: RuleQuery) -> Outcome {
    let id: String = ask.path("rule")?;
    let (pack, _) = asked_for(query.pack)?;
    let row = pack.row(&id).ok_or_else(Problem::absent)?;
    let known_at = known_at(&app, query.known_at)?;
    // Few rows have a date that an entry of the ledger's own stream may have set.
    let dates = match row.date_may_be_set() {
        true => load::dates(app.bus.ledger(), Some(known_at)).await,
        false => Ok(Dates::default()),
    };
    let on = query.on.unwrap_or_else(|| app.bus.edge().today());
    let rule = Rule {
        row: row.clone(),
        date: Date::of(row, &dates.map_err(internal)?, on),
    };
    Ok(Json(rule).into_response())
}
