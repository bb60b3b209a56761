//! Partnerships, and what belongs to one.

use aide::axum::ApiRouter;

use dutyledger_application::access::Sight;
use dutyledger_domain::streams::partnership::PartnershipEvent;
use dutyledger_domain::streams::{
    Direction, NeedsAssessment, Partnership, PartnershipState, Strategy, area,
};
use dutyledger_domain::{History, StreamKind};
use dutyledger_projections::PAGE_ROWS_MAX;
use dutyledger_record::{Stream, StreamId};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::marks::{Marked, marks};
use super::page::{Filling, ListQuery, Listed, key};
use super::seen::Seer;
use super::state::{StateQuery, Stated, as_asked, current};
use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::endpoint::Outcome;
use crate::problem::{Problem, internal};

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let read = |path, id, summary, about| Read {
        path,
        id,
        tag: "Partnerships",
        summary,
        about,
    };
    let router = add::<ListQuery, Listed<Vec<Stated<PartnershipState>>>, _, _>(
        router,
        read(
            "/v1/partnerships",
            "listPartnerships",
            "List partnerships",
            "The partnerships whose record you may read: for a member or its coordinator its own, \
             for a local policing body those of its areas.\n\nRests on ss.8, 9 and 14.",
        ),
        list,
    );
    let router = add::<StateQuery, Marked<PartnershipState>, _, _>(
        router,
        read(
            "/v1/partnerships/{id}",
            "readPartnership",
            "Read a partnership",
            "Its areas, members, representatives, lists and positions, and which of its decisions \
             are marked.\n\nRests on ss.8, 9 and 11, L-3.",
        ),
        one,
    );
    let router = belonging::<Strategy>(
        router,
        read(
            "/v1/partnerships/{id}/strategies",
            "listPartnershipStrategies",
            "List a partnership's strategies",
            "Every strategy of the partnership, with its versions and actions.\n\nRests on ss.8(3)(c) and 9(3)(c).",
        ),
    );
    let router = belonging::<NeedsAssessment>(
        router,
        read(
            "/v1/partnerships/{id}/needs-assessments",
            "listPartnershipNeedsAssessments",
            "List a partnership's needs assessments",
            "Every needs assessment of the partnership, with its findings and gaps.\n\nRests on R-14.1.",
        ),
    );
    belonging::<Direction>(
        router,
        read(
            "/v1/partnerships/{id}/directions",
            "listPartnershipDirections",
            "List the directions that concern a partnership",
            "Findings and directions about its authorities.\n\nRests on ss.14 and 18.",
        ),
    )
}

/// Adds the list of what belongs to a partnership.
fn belonging<K>(router: ApiRouter<App>, read: Read) -> ApiRouter<App>
where
    K: StreamKind<State: DeserializeOwned + JsonSchema + Serialize>,
{
    add::<ListQuery, Listed<Vec<Stated<K::State>>>, _, _>(router, read, belongs::<K>)
}

async fn belongs<K>(app: App, ask: Ask, query: ListQuery) -> Outcome
where
    K: StreamKind<State: DeserializeOwned + Serialize>,
{
    let id: StreamId = ask.path("id")?;
    let (mut page, after) = Filling::begin(&app, K::NAME, &query).await?;
    if !Seer::new(&app, ask.principal).whole(Some(id)).await? {
        return Err(Problem::absent());
    }
    let mut after = key(after.as_deref())?;
    'rows: loop {
        let found = app
            .projections
            .streams_of::<K>(id, after, PAGE_ROWS_MAX)
            .await;
        let found = found.map_err(internal)?;
        for row in found.rows {
            if page.add(
                &row.id,
                Stated {
                    id: row.id,
                    version: row.version,
                    state: row.state,
                },
            ) {
                break 'rows;
            }
        }
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    Ok(page.answer(&ask))
}

async fn list(app: App, ask: Ask, query: ListQuery) -> Outcome {
    let (mut page, after) = Filling::begin(&app, "partnerships", &query).await?;
    let mut after = key(after.as_deref())?;
    let mut seer = Seer::new(&app, ask.principal);
    'rows: loop {
        let found = app
            .projections
            .partnerships(after, PAGE_ROWS_MAX)
            .await
            .map_err(internal)?;
        for row in found.rows {
            if seer.sight_of(row.id, &row.state).await? == Sight::Whole
                && page.add(
                    &row.id,
                    Stated {
                        id: row.id,
                        version: row.version,
                        state: row.state,
                    },
                )
            {
                break 'rows;
            }
        }
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    Ok(page.answer(&ask))
}

async fn one(app: App, ask: Ask, query: StateQuery) -> Outcome {
    let current = current::<Partnership>(&app, ask.path("id")?, query.wait_for).await?;
    if !Seer::new(&app, ask.principal)
        .whole(Some(current.id))
        .await?
    {
        return Err(Problem::absent());
    }
    let found = as_asked::<Partnership>(&app, current, &query).await?;
    let marks = marks(&app, found.id, found.as_of, areas).await?;
    Ok(found.marked(Some(marks)))
}

/// Every area an entry ever named.
pub(super) fn areas(history: &History<Partnership>) -> Vec<Stream> {
    let named = history.entries();
    named
        .filter_map(|entry| match &entry.payload {
            PartnershipEvent::PartnershipAreaNamed(named) => Some(area::stream(named.area)),
            _ => None,
        })
        .collect()
}
