//! What happened in a partnership.

use aide::axum::ApiRouter;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_projections::{PAGE_ROWS_MAX, TimelineFrom, TimelineRow};
use dutyledger_record::{Basis, EntryId, OccurredOn, PrincipalKind, StreamId};

use super::page::{Filling, ListQuery, Listed, key};
use super::seen::Seer;
use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::command::StreamShown;
use crate::endpoint::Outcome;
use crate::problem::{Problem, internal};

/// Which entries come first.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// The oldest.
    #[default]
    Oldest,
    /// The newest.
    Newest,
}

/// What a timeline may be asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TimelineQuery {
    /// Which entries come first; the oldest where left out.
    #[serde(default)]
    order: Order,
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

/// An entry, without what it says.
#[derive(Debug, Serialize, JsonSchema)]
struct TimelineEntry {
    /// Its position.
    position: u64,
    /// The entry's id: see `/v1/entries/{entry_id}`.
    entry_id: EntryId,
    /// The stream it stands in.
    stream: StreamShown,
    /// Its version in that stream.
    version: u64,
    /// What happened.
    event_type: String,
    /// The date it happened.
    occurred_on: OccurredOn,
    /// The instant it was recorded.
    recorded_at: DateTime<Utc>,
    /// On what footing it stands.
    basis: Basis,
    /// Whether it is reported rather than the principal's own.
    reported: bool,
    /// What kind of principal acted.
    principal_kind: PrincipalKind,
    /// The principal, where the kind has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    principal_id: Option<StreamId>,
    /// The entry that withdrew it, if one has.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn_by: Option<EntryId>,
}

impl From<TimelineRow> for TimelineEntry {
    fn from(row: TimelineRow) -> Self {
        Self {
            position: row.position,
            entry_id: row.entry_id,
            stream: StreamShown::from(&row.stream),
            version: row.version,
            event_type: row.event_type,
            occurred_on: row.occurred_on,
            recorded_at: row.recorded_at,
            basis: row.basis,
            reported: row.reported,
            principal_kind: row.principal_kind,
            principal_id: row.principal_id,
            withdrawn_by: row.withdrawn_by,
        }
    }
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let timeline = Read {
        path: "/v1/partnerships/{id}/timeline",
        id: "readPartnershipTimeline",
        tag: "Partnerships",
        summary: "Read a partnership's timeline",
        about: "The entries that concern the partnership in the order they were recorded, without \
                what they say. One that was withdrawn says by which entry.\n\nRests on the rule of \
                the record that nothing is removed.",
    };
    add::<TimelineQuery, Listed<Vec<TimelineEntry>>, _, _>(router, timeline, read)
}

async fn read(app: App, ask: Ask, query: TimelineQuery) -> Outcome {
    let id: StreamId = ask.path("id")?;
    let TimelineQuery {
        order,
        limit,
        cursor,
        wait_for,
    } = query;
    let (list, begin) = match order {
        Order::Oldest => ("timeline-oldest", 0),
        Order::Newest => ("timeline-newest", u64::MAX),
    };
    let query = ListQuery {
        limit,
        cursor,
        wait_for,
    };
    let (mut page, after) = Filling::<TimelineEntry>::begin(&app, list, &query).await?;
    if !Seer::new(&app, ask.principal).whole(Some(id)).await? {
        return Err(Problem::absent());
    }
    let mut position = key(after.as_deref())?.unwrap_or(begin);
    'rows: loop {
        let from = match order {
            Order::Oldest => TimelineFrom::After(position),
            Order::Newest => TimelineFrom::Before(position),
        };
        let found = app
            .projections
            .timeline(id, from, PAGE_ROWS_MAX)
            .await
            .map_err(internal)?;
        for row in found.rows {
            let position = row.position;
            if page.add(&position, row.into()) {
                break 'rows;
            }
        }
        match found.next {
            Some(next) => position = next,
            None => break,
        }
    }
    Ok(page.answer(&ask))
}
