//! Triggers: what the record shows that bears on a direction.

use aide::axum::ApiRouter;
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use dutyledger_domain::Duty;
use dutyledger_domain::triggers::{NOT_RECORDED_YET, Trigger};
use dutyledger_projections::PAGE_ROWS_MAX;
use dutyledger_record::StreamId;

use super::page::{Filling, ListQuery, Listed, bad_cursor};
use super::seen::Seer;
use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::endpoint::Outcome;
use crate::problem::{Code, Problem, internal};

/// What the list of triggers may be asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TriggersQuery {
    /// As of this date, which can be today only: what was shown on an earlier day is not kept.
    #[serde(default)]
    on: Option<NaiveDate>,
    /// How many rows; 50 where left out.
    #[serde(default)]
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// Where to go on: from `links.next` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// Wait, for 5 seconds at the most, until the answer holds up to this position.
    #[serde(default)]
    wait_for: Option<u64>,
}

/// What the record shows.
#[derive(Debug, Serialize, JsonSchema)]
struct Triggers {
    /// The triggers, the oldest first.
    triggers: Vec<Trigger>,
    /// The duties whose failure the record cannot show yet. That nothing is shown for them says
    /// nothing.
    not_recorded_yet: &'static [Duty],
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let read = |path, id, summary| Read {
        path,
        id,
        tag: "Record",
        summary,
        about: "What the record shows that bears on a direction, for the partnerships whose record \
                you read. A trigger decides nothing: whether an authority has failed is for the \
                Secretary of State. Missing evidence is never a breach.\n\nRests on s.18, R-129.1.",
    };
    let router = add::<TriggersQuery, Listed<Triggers>, _, _>(
        router,
        read("/v1/triggers", "listTriggers", "List triggers"),
        |app, ask, query| async move { list(&app, &ask, query, None).await },
    );
    add::<TriggersQuery, Listed<Triggers>, _, _>(
        router,
        read(
            "/v1/partnerships/{id}/triggers",
            "listPartnershipTriggers",
            "List a partnership's triggers",
        ),
        |app, ask, query| async move {
            let partnership = ask.path("id")?;
            list(&app, &ask, query, Some(partnership)).await
        },
    )
}

async fn list(
    app: &App,
    ask: &Ask,
    query: TriggersQuery,
    partnership: Option<StreamId>,
) -> Outcome {
    let TriggersQuery {
        on,
        limit,
        cursor,
        wait_for,
    } = query;
    let query = ListQuery {
        limit,
        cursor,
        wait_for,
    };
    let (mut page, after) = Filling::begin(app, "triggers", &query).await?;
    let mut after = after.as_deref().map(read_key).transpose()?;
    let mut seer = Seer::new(app, ask.principal);
    if on.is_some_and(|on| on != seer.today) {
        return Err(Problem::member(
            Code::MalformedRequest,
            "on",
            "Triggers are shown as of today. What was shown on another day is not kept.",
        ));
    }
    if partnership.is_some() && !seer.whole(partnership).await? {
        return Err(Problem::absent());
    }
    'rows: loop {
        let found = app
            .projections
            .triggers(partnership, seer.today, after, PAGE_ROWS_MAX)
            .await;
        let found = found.map_err(internal)?;
        for row in found.rows {
            let key = format!("{}.{}", row.trigger.since, row.trigger.id);
            if seer.whole(Some(row.partnership)).await? && page.add(&key, row.trigger) {
                break 'rows;
            }
        }
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    Ok(page.answer_as(ask, |triggers| Triggers {
        triggers,
        not_recorded_yet: NOT_RECORDED_YET,
    }))
}

fn read_key(text: &str) -> Result<(NaiveDate, Uuid), Problem> {
    let parts = text
        .split_once('.')
        .and_then(|(on, id)| Some((on.parse().ok()?, id.parse().ok()?)));
    parts.ok_or_else(bad_cursor)
}
