//! Areas.

use aide::axum::ApiRouter;

use dutyledger_domain::streams::{Area, AreaState};
use dutyledger_projections::PAGE_ROWS_MAX;

use super::page::{Filling, ListQuery, Listed, key};
use super::state::{StateQuery, Stated, find};
use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::endpoint::Outcome;
use crate::problem::internal;

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let list_read = Read {
        path: "/v1/areas",
        id: "listAreas",
        tag: "Areas",
        summary: "List areas",
        about: "Every local government area in the register, with its codes and the authorities \
                recorded for it. For everyone with a key.\n\nRests on s.11(4).",
    };
    let one_read = Read {
        path: "/v1/areas/{id}",
        id: "readArea",
        tag: "Areas",
        summary: "Read an area",
        about: "An area with its codes and the authorities recorded for it. For everyone with a \
                key.\n\nRests on s.11(4).",
    };
    let router = add::<ListQuery, Listed<Vec<Stated<AreaState>>>, _, _>(router, list_read, list);
    add::<StateQuery, Stated<AreaState>, _, _>(router, one_read, one)
}

async fn list(app: App, ask: Ask, query: ListQuery) -> Outcome {
    let (mut page, after) = Filling::begin(&app, "areas", &query).await?;
    let mut after = key(after.as_deref())?;
    'rows: loop {
        let found = app
            .projections
            .areas(after, PAGE_ROWS_MAX)
            .await
            .map_err(internal)?;
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

async fn one(app: App, ask: Ask, query: StateQuery) -> Outcome {
    Ok(find::<Area>(&app, ask.path("id")?, &query).await?.answer())
}
