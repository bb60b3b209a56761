//! The auditor's side: replay, changes, explanations, and searching the log.

use aide::axum::ApiRouter;
use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Months, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use dutyledger_application::again::partnership_named;
use dutyledger_audit::diff::{Diff, Moment, diff};
use dutyledger_audit::explain::{self, DecidedAgain, ExplainError, Explanations, Refused};
use dutyledger_audit::replay::{Question, Replay, replay, replay_strategy};
use dutyledger_audit::search::{Filter, Hit, csv};
use dutyledger_audit::{AsOf, AsOfError, Names};
use dutyledger_domain::Histories;
use dutyledger_domain::streams::Strategy;
use dutyledger_ledger::Stored;
use dutyledger_projections::{PAGE_ROWS_MAX, TimelineFrom};
use dutyledger_record::{PrincipalKind, StreamId};

use super::entries::sees;
use super::page::{Links, Listed, Meta, at_position, fresh};
use super::past;
use super::seen::Seer;
use super::state::current;
use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::command::{About, NoQuery, shown_whole};
use crate::doc::{self, Doc};
use crate::endpoint::{self, Outcome};
use crate::json;
use crate::problem::{Code, Problem, internal};

/// Rows of a page where the caller does not say.
const ROWS: u32 = 50;
/// The most rows of a page.
const ROWS_MAX: u32 = 200;
/// How many entries are looked at for one page. There may be fewer rows in it, and more to come.
const LOOKED_AT_MAX: u32 = 2_000;
/// Where a refused command is decided again.
pub(crate) const REFUSALS: &str = "/v1/audit/refusals";

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// As JSON.
    #[default]
    Json,
    /// As text to read.
    Text,
}

/// How found entries are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ListFormat {
    /// As JSON.
    #[default]
    Json,
    /// As a list for spreadsheets, in which no text is taken for a formula. The header `Link` says
    /// where it goes on.
    Csv,
}

/// What a replay may be asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReplayQuery {
    /// What is asked about the partnership; its own record where left out.
    #[serde(default)]
    of: Question,
    /// As true on this date; today where left out.
    #[serde(default)]
    on: Option<NaiveDate>,
    /// As known when the ledger ended at this position; now where left out.
    #[serde(default)]
    #[schemars(range(min = 1))]
    known_at: Option<u64>,
    /// As known at this instant, in place of a position.
    #[serde(default)]
    known_by: Option<DateTime<Utc>>,
    /// How the answer is written; as JSON where left out.
    #[serde(default)]
    format: Format,
    /// Wait, for 5 seconds at the most, until the answer holds up to this position.
    #[serde(default)]
    wait_for: Option<u64>,
}

/// What a strategy's replay may be asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StrategyReplayQuery {
    /// As true on this date; today where left out.
    #[serde(default)]
    on: Option<NaiveDate>,
    /// As known when the ledger ended at this position; now where left out.
    #[serde(default)]
    #[schemars(range(min = 1))]
    known_at: Option<u64>,
    /// As known at this instant, in place of a position.
    #[serde(default)]
    known_by: Option<DateTime<Utc>>,
    /// How the answer is written; as JSON where left out.
    #[serde(default)]
    format: Format,
    /// Wait, for 5 seconds at the most, until the answer holds up to this position.
    #[serde(default)]
    wait_for: Option<u64>,
}

/// Between which moments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ChangesQuery {
    /// The first moment: as true on this date; a year before the second where left out.
    #[serde(default)]
    from_on: Option<NaiveDate>,
    /// The first moment: as known at this position; as at the second where left out.
    #[serde(default)]
    #[schemars(range(min = 1))]
    from_known_at: Option<u64>,
    /// The first moment: as known at this instant, in place of a position.
    #[serde(default)]
    from_known_by: Option<DateTime<Utc>>,
    /// The second moment: as true on this date; today where left out.
    #[serde(default)]
    on: Option<NaiveDate>,
    /// The second moment: as known at this position; now where left out.
    #[serde(default)]
    #[schemars(range(min = 1))]
    known_at: Option<u64>,
    /// The second moment: as known at this instant, in place of a position.
    #[serde(default)]
    known_by: Option<DateTime<Utc>>,
    /// How the answer is written; as JSON where left out.
    #[serde(default)]
    format: Format,
    /// Wait, for 5 seconds at the most, until the answer holds up to this position.
    #[serde(default)]
    wait_for: Option<u64>,
}

/// What is to be explained: an obligation or a trigger.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExplainQuery {
    /// The row of the obligation, such as `R-42.1`.
    #[serde(default)]
    rule: Option<String>,
    /// The obligation of this authority, where each is looked at for itself.
    #[serde(default)]
    authority: Option<StreamId>,
    /// The obligation about this strategy or case.
    #[serde(default)]
    about: Option<StreamId>,
    /// The trigger's id, in place of a row.
    #[serde(default)]
    trigger: Option<Uuid>,
    /// As true on this date; today where left out.
    #[serde(default)]
    on: Option<NaiveDate>,
    /// As known when the ledger ended at this position; now where left out.
    #[serde(default)]
    #[schemars(range(min = 1))]
    known_at: Option<u64>,
    /// As known at this instant, in place of a position.
    #[serde(default)]
    known_by: Option<DateTime<Utc>>,
    /// How the answer is written; as JSON where left out.
    #[serde(default)]
    format: Format,
    /// Wait, for 5 seconds at the most, until the answer holds up to this position.
    #[serde(default)]
    wait_for: Option<u64>,
}

/// Which entries are looked for: those to which everything named applies.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SearchQuery {
    /// Those that concern this partnership.
    #[serde(default)]
    partnership: Option<StreamId>,
    /// Those that this authority recorded, that were recorded for it, or that name it.
    #[serde(default)]
    authority: Option<StreamId>,
    /// Those of this event, such as `StrategyAdopted`.
    #[serde(default)]
    event: Option<String>,
    /// Those that cite this row or bear on it: it warned, was unmet, or sets the date they speak of; they
    /// are evidence for it, or about a duty it bears on.
    #[serde(default)]
    rule: Option<String>,
    /// Those that this kind of principal recorded.
    #[serde(default)]
    principal_kind: Option<PrincipalKind>,
    /// Those that this principal recorded.
    #[serde(default)]
    principal: Option<StreamId>,
    /// Those of one thing the caller was doing.
    #[serde(default)]
    correlation_id: Option<Uuid>,
    /// Those that happened on this date or later.
    #[serde(default)]
    occurred_from: Option<NaiveDate>,
    /// Those that happened on this date or earlier.
    #[serde(default)]
    occurred_until: Option<NaiveDate>,
    /// Those recorded at this instant or later.
    #[serde(default)]
    recorded_from: Option<DateTime<Utc>>,
    /// Those recorded at this instant or earlier.
    #[serde(default)]
    recorded_until: Option<DateTime<Utc>>,
    /// How the answer is written; as JSON where left out.
    #[serde(default)]
    format: ListFormat,
    /// Entries after this position: from `links.next` of the page before.
    #[serde(default)]
    after: Option<u64>,
    /// How many rows; 50 where left out.
    #[serde(default)]
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// Wait, for 5 seconds at the most, until the answer holds up to this position.
    #[serde(default)]
    wait_for: Option<u64>,
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let read = |path, id, summary, about| Read {
        path,
        id,
        tag: "Audit",
        summary,
        about,
    };
    let router = add::<ReplayQuery, Replay, _, _>(
        router,
        read(
            "/v1/audit/partnerships/{id}/replay",
            "replayPartnership",
            "Replay a partnership",
            "Its own record, its obligations, its reviews or its triggers, as true on a date and as \
             known at a position or an instant, in any combination, as JSON or as text.\n\nRests on \
             the rule of the record that nothing is removed.",
        ),
        partnership,
    );
    let router = add::<StrategyReplayQuery, Replay, _, _>(
        router,
        read(
            "/v1/audit/strategies/{id}/replay",
            "replayStrategy",
            "Replay a strategy",
            "The strategy as true on a date and as known at a position or an instant, for those who \
             read the partnership's record.\n\nRests on the rule of the record that nothing is \
             removed.",
        ),
        strategy,
    );
    let router = add::<ChangesQuery, Diff, _, _>(
        router,
        read(
            "/v1/audit/partnerships/{id}/changes",
            "listPartnershipChanges",
            "Say what changed between two moments",
            "What happened, what no longer counts and what stands differently, in words and by entry. \
             Each moment is a date and what was known: with one date and two positions, what was \
             learned about it.\n\nRests on the rule of the record that nothing is removed.",
        ),
        changes,
    );
    let router = add::<ExplainQuery, Explanations, _, _>(
        router,
        read(
            "/v1/audit/partnerships/{id}/explanations",
            "explainObligationOrTrigger",
            "Explain an obligation or a trigger",
            "Why it stands as it does: the row and its citation, the entries in order, those that were \
             withdrawn included, and what would change it.\n\nRests on the sections each row names.",
        ),
        explanations,
    );
    let router = add::<SearchQuery, Listed<Vec<Hit>>, _, _>(
        router,
        read(
            "/v1/audit/entries",
            "searchEntries",
            "Search the log",
            "Entries in the order they were recorded, by what they concern, who recorded them and \
             when, as JSON or as a list for spreadsheets. What one may not read is absent. A page may \
             have fewer rows than asked for, or none, and still go on. It opens no sealed text and is no \
             export, so no access is recorded.\n\nRests on the rule of the \
             record that nothing is removed.",
        ),
        search,
    );
    endpoint::post(router, REFUSALS, endpoint::run(refusal), |op, ctx| {
        let doc = Doc {
            id: "explainRefusal".to_owned(),
            tag: "Audit",
            summary: "Explain a refusal".to_owned(),
            description: "Decides a refused command again, as known at the position its answer named, \
                          and says why it is refused, under which rows, and what would change it. \
                          Nothing is recorded. Inspectorates, auditors and the Secretary of State ask \
                          about anybody's command, others about their own.\n\nRests on the rows it \
                          names."
                .to_owned(),
        };
        doc::describe(op, doc, REFUSALS, ctx);
        let example = json!({
            "principal_kind": "authority",
            "principal_id": "0198d0c2-6f00-7000-8000-000000000001",
            "stream_type": "strategy",
            "stream": "0198d0c2-6f00-7000-8000-000000000002",
            "command": "adopt-version",
            "particulars": { "version": 1 },
            "decided_at": 1,
            "decided_for": "2026-09-21",
        });
        doc::body(op, ctx.schema.subschema_for::<Refused>(), example);
        let media = doc::media(ctx.schema.subschema_for::<DecidedAgain>(), None);
        let content = Some(("application/json", media));
        let problems = [400, 401, 404, 413, 415, 422, 500, 503];
        doc::answers(op, 200, "How it is decided.", content, &[], &problems);
    })
}

/// The moment asked about.
pub(super) async fn as_of(
    app: &App,
    on: NaiveDate,
    known_at: Option<u64>,
    known_by: Option<DateTime<Utc>>,
) -> Result<AsOf, Problem> {
    as_of_named(app, on, (known_at, known_by), ["known_at", "known_by"]).await
}

/// The moment asked about, by members of these names.
async fn as_of_named(
    app: &App,
    on: NaiveDate,
    (known_at, known_by): (Option<u64>, Option<DateTime<Utc>>),
    [position, instant]: [&'static str; 2],
) -> Result<AsOf, Problem> {
    let known_at = dutyledger_audit::known_at(app.bus.ledger(), known_at, known_by).await;
    let known_at = known_at.map_err(|error| {
        let member = match &error {
            AsOfError::Load(_) => return internal(error),
            AsOfError::Position { .. } => position,
            AsOfError::Both | AsOfError::NothingYet => instant,
        };
        Problem::member(Code::MalformedRequest, member, error.to_string())
    })?;
    Ok(AsOf { on, known_at })
}

fn answer<T: Serialize>(
    format: Format,
    known_at: u64,
    body: T,
    text: impl Fn(&T) -> String,
) -> Response {
    let position = at_position(known_at);
    match format {
        Format::Json => (position, Json(body)).into_response(),
        Format::Text => (position, text(&body)).into_response(),
    }
}

/// The partnership in the path, if the principal reads its whole record now.
async fn whole(app: &App, ask: &Ask, wait_for: Option<u64>) -> Result<StreamId, Problem> {
    let id: StreamId = ask.path("id")?;
    fresh(app, wait_for).await?;
    if Seer::new(app, ask.principal).whole(Some(id)).await? {
        Ok(id)
    } else {
        Err(Problem::absent())
    }
}

async fn partnership(app: App, ask: Ask, query: ReplayQuery) -> Outcome {
    let id = whole(&app, &ask, query.wait_for).await?;
    let on = query.on.unwrap_or_else(|| app.bus.edge().today());
    let as_of = as_of(&app, on, query.known_at, query.known_by).await?;
    let histories = past::histories(&app, id, as_of.known_at).await?;
    let found = replay(id, query.of, &histories, as_of).ok_or_else(Problem::absent)?;
    Ok(answer(query.format, as_of.known_at, found, |found| {
        found.text(&Names::of(&histories))
    }))
}

async fn strategy(app: App, ask: Ask, query: StrategyReplayQuery) -> Outcome {
    let id: StreamId = ask.path("id")?;
    let current = current::<Strategy>(&app, id, query.wait_for).await?;
    let of = current.state.partnership;
    if !Seer::new(&app, ask.principal).whole(of).await? {
        return Err(Problem::absent());
    }
    let of = of.ok_or_else(Problem::absent)?;
    let on = query.on.unwrap_or_else(|| app.bus.edge().today());
    let as_of = as_of(&app, on, query.known_at, query.known_by).await?;
    let histories = past::histories(&app, of, as_of.known_at).await?;
    let found = replay_strategy(id, &histories, as_of).ok_or_else(Problem::absent)?;
    Ok(answer(query.format, as_of.known_at, found, |found| {
        found.text(&Names::of(&histories))
    }))
}

async fn changes(app: App, ask: Ask, query: ChangesQuery) -> Outcome {
    let id = whole(&app, &ask, query.wait_for).await?;
    let on = query.on.unwrap_or_else(|| app.bus.edge().today());
    let to = as_of(&app, on, query.known_at, query.known_by).await?;
    let year_before = on.checked_sub_months(Months::new(12)).unwrap_or(on);
    let known = match (query.from_known_at, query.from_known_by) {
        (None, None) => (Some(to.known_at), None),
        given => given,
    };
    let from_on = query.from_on.unwrap_or(year_before);
    let from = as_of_named(&app, from_on, known, ["from_known_at", "from_known_by"]).await?;
    let before = past::histories(&app, id, from.known_at).await?;
    let later: Histories;
    let after = if to.known_at == from.known_at {
        &before
    } else {
        later = past::histories(&app, id, to.known_at).await?;
        &later
    };
    let names = Names::of(after);
    let moment = |histories, as_of| Moment { histories, as_of };
    let found = diff(id, moment(&before, from), moment(after, to), &names);
    Ok(answer(query.format, to.known_at, found, |found| {
        found.text(&names)
    }))
}

async fn explanations(app: App, ask: Ask, query: ExplainQuery) -> Outcome {
    let id = whole(&app, &ask, query.wait_for).await?;
    let on = query.on.unwrap_or_else(|| app.bus.edge().today());
    let as_of = as_of(&app, on, query.known_at, query.known_by).await?;
    let ledger = app.bus.ledger();
    let histories = past::histories(&app, id, as_of.known_at).await?;
    let found = match (query.rule, query.trigger) {
        (Some(rule), None) => {
            let row = explain::Row {
                rule,
                authority: query.authority,
                about: query.about,
            };
            explain::obligation(ledger, id, &row, &histories, as_of)
                .await
                .map_err(internal)?
        }
        (None, Some(trigger)) => explain::trigger(ledger, id, trigger, &histories, as_of)
            .await
            .map_err(internal)?,
        _ => {
            return Err(Problem::member(
                Code::MalformedRequest,
                "rule",
                "Give a row or a trigger, and not both.",
            ));
        }
    };
    if found.total == 0 {
        return Err(Problem::absent());
    }
    let names = Names::of(&histories);
    Ok(answer(query.format, as_of.known_at, found, |found| {
        found.text(&names)
    }))
}

impl SearchQuery {
    fn filter(&self) -> Filter {
        Filter {
            partnership: self.partnership,
            authority: self.authority,
            event: self.event.clone(),
            rule: self.rule.clone(),
            principal_kind: self.principal_kind,
            principal: self.principal,
            correlation_id: self.correlation_id,
            occurred_from: self.occurred_from,
            occurred_until: self.occurred_until,
            recorded_from: self.recorded_from,
            recorded_until: self.recorded_until,
        }
    }
}

/// Entries to look at, and up to which position they are all there are.
struct Looked {
    entries: Vec<Stored>,
    until: u64,
}

/// The next entries after a position: those of a partnership that the caller reads, where one is
/// asked for, by the rows of its timeline.
async fn look(
    app: &App,
    seer: &mut Seer<'_>,
    filter: &Filter,
    (after, end): (u64, u64),
) -> Result<Looked, Problem> {
    let ledger = app.bus.ledger();
    let own = match filter.partnership {
        Some(id) if seer.whole(Some(id)).await? => id,
        _ => {
            let mut entries = ledger.read(after, LOOKED_AT_MAX).await.map_err(internal)?;
            entries.retain(|entry| entry.position <= end);
            let until = entries.last().map_or(end, |entry| entry.position);
            return Ok(Looked { entries, until });
        }
    };
    let from = TimelineFrom::After(after);
    let found = app.projections.timeline(own, from, PAGE_ROWS_MAX).await;
    let found = found.map_err(internal)?;
    let mut entries = Vec::with_capacity(found.rows.len());
    for row in found.rows.iter().filter(|row| row.position <= end) {
        entries.extend(ledger.entry(row.entry_id).await.map_err(internal)?);
    }
    let until = found.next.map_or(end, |next| next.min(end));
    Ok(Looked { entries, until })
}

async fn search(app: App, ask: Ask, query: SearchQuery) -> Outcome {
    let limit = query.limit.unwrap_or(ROWS);
    if !(1..=ROWS_MAX).contains(&limit) {
        return Err(Problem::member(
            Code::MalformedRequest,
            "limit",
            format!("A page has 1 to {ROWS_MAX} rows."),
        ));
    }
    // Who may see what is told by the rows, so nothing is looked at that they do not hold yet.
    let end = fresh(&app, query.wait_for).await?;
    let after = query.after.unwrap_or(0);
    let filter = query.filter();
    let by_text = filter.look();
    let mut seer = Seer::new(&app, ask.principal);
    let mut reached = after.min(end);
    let mut rows = Vec::new();
    let mut over = false;
    if reached < end {
        let looked = look(&app, &mut seer, &filter, (after, end)).await?;
        reached = looked.until;
        for entry in looked.entries {
            if rows.len() == limit as usize {
                reached = entry.position - 1;
                break;
            }
            if !by_text.may_pass(&entry.leaf_data) && filter.recorded_until.is_none() {
                continue;
            }
            let record = entry.record().map_err(internal)?;
            if !filter.is_before_end(&record) {
                over = true;
                break;
            }
            if filter.passes(&record) && sees(&mut seer, &record).await? {
                rows.push(Hit::of(&record, &Names::default()));
            }
        }
    }
    let next = (!over && reached < end).then(|| reached.to_string());
    let links = Links::to(&ask, "after=", next.map(|next| format!("after={next}")));
    match query.format {
        ListFormat::Json => {
            let listed = Listed {
                data: rows,
                links,
                meta: Meta { position: end },
            };
            Ok((at_position(end), Json(listed)).into_response())
        }
        ListFormat::Csv => {
            let text = csv(&rows, query.after.is_none()).map_err(internal)?;
            let kind = HeaderValue::from_static("text/csv; charset=utf-8");
            let content = [(header::CONTENT_TYPE, kind)];
            let mut response = (at_position(end), content, text).into_response();
            if let Some(next) = links.next() {
                let link = format!("<{next}>; rel=\"next\"");
                let link = HeaderValue::from_str(&link).map_err(internal)?;
                response.headers_mut().insert(header::LINK, link);
            }
            Ok(response)
        }
    }
}

fn not_explained(error: ExplainError) -> Problem {
    match error {
        ExplainError::Load(error) => internal(error),
        ExplainError::Internal(cause) => internal(cause),
        ExplainError::Written(error) => Problem::member(Code::Invalid, "", error.to_string()),
    }
}

async fn refusal(app: App, mut ask: Ask) -> Outcome {
    ask.query::<NoQuery>()?;
    let body = ask.json_body().await?;
    let given: Refused = json::read(&body)?;
    let own = ask.principal;
    let sees_all = matches!(
        own.kind,
        PrincipalKind::Auditor | PrincipalKind::Inspectorate | PrincipalKind::SecretaryOfState
    );
    // How a command of somebody else is decided tells what that one sees.
    if !sees_all && (own.kind, own.id) != (given.principal_kind, given.principal_id) {
        return Err(Problem::absent());
    }
    let decided_at = (Some(given.decided_at), None);
    let members = ["/decided_at", "/decided_at"];
    let as_of = as_of_named(&app, given.decided_for, decided_at, members).await?;
    let ledger = app.bus.ledger();
    let (kind, stream) = (given.stream_type.clone(), given.stream);
    let written = (&*given.command, given.particulars.clone());
    let named = partnership_named(&kind, written);
    let named = named.map_err(|error| not_explained(error.into()))?;
    let mut decided = match explain::refusal(ledger, given, &Names::default()).await {
        Ok(decided) => decided,
        Err(error) => return Err(not_explained(error)),
    };
    // What one does not see whole now is not told of, whatever one saw then.
    let about = match stream {
        Some(id) => About::There(id),
        None => About::New(named),
    };
    if !sees_all && !shown_whole(&app, own, (&kind, about), &decided).await? {
        decided.explanation.entries.clear();
        decided.explanation.left_out = 0;
    }
    Ok((at_position(as_of.known_at), Json(decided)).into_response())
}

#[cfg(test)]
mod tests {
    use dutyledger_application::CommandError;
    use dutyledger_application::again::WrittenError;

    use super::*;

    #[test]
    fn a_fault_of_ours_while_deciding_again_is_not_the_callers_and_tells_nothing() {
        let fault = CommandError::Internal("the driver's words".into());
        let ours = not_explained(WrittenError::Decided(fault).into());
        assert_eq!((ours.status, ours.code), (500, Code::Internal));
        assert!(!ours.detail.contains("driver"), "{}", ours.detail);
        let theirs = not_explained(WrittenError::Kind("fish".into()).into());
        assert_eq!((theirs.status, theirs.code), (422, Code::Invalid));
    }
}
