//! Directions.

use aide::axum::ApiRouter;

use dutyledger_domain::streams::{Direction, DirectionState};
use dutyledger_projections::PAGE_ROWS_MAX;

use super::page::{Filling, ListQuery, Listed, key};
use super::seen::Seer;
use super::state::{StateQuery, Stated, find};
use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::endpoint::Outcome;
use crate::problem::{Problem, internal};

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let list_read = Read {
        path: "/v1/directions",
        id: "listDirections",
        tag: "Directions",
        summary: "List directions",
        about: "The cases you may see: findings, and directions with what followed.\n\nRests on \
                ss.14 and 18.",
    };
    let one_read = Read {
        path: "/v1/directions/{id}",
        id: "readDirection",
        tag: "Directions",
        summary: "Read a direction",
        about: "A case of one authority, one duty and one area.\n\nRests on ss.14 and 18.",
    };
    let router =
        add::<ListQuery, Listed<Vec<Stated<DirectionState>>>, _, _>(router, list_read, list);
    add::<StateQuery, Stated<DirectionState>, _, _>(router, one_read, one)
}

async fn list(app: App, ask: Ask, query: ListQuery) -> Outcome {
    let (mut page, after) = Filling::begin(&app, "directions", &query).await?;
    let mut after = key(after.as_deref())?;
    let mut seer = Seer::new(&app, ask.principal);
    'rows: loop {
        let found = app
            .projections
            .directions(after, PAGE_ROWS_MAX)
            .await
            .map_err(internal)?;
        for row in found.rows {
            if seer.direction(&row.state).await?
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
    let found = find::<Direction>(&app, ask.path("id")?, &query).await?;
    if Seer::new(&app, ask.principal).direction(&found.now).await? {
        Ok(found.answer())
    } else {
        Err(Problem::absent())
    }
}
