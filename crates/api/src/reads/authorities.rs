//! Authorities.

use aide::axum::ApiRouter;
use schemars::JsonSchema;
use serde::Deserialize;

use dutyledger_domain::Capacity;
use dutyledger_domain::streams::{Authority, AuthorityState};
use dutyledger_projections::PAGE_ROWS_MAX;

use super::page::{Filling, ListQuery, Listed, key};
use super::state::{StateQuery, Stated, find};
use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::endpoint::Outcome;
use crate::problem::internal;

/// What the list of authorities may be asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AuthoritiesQuery {
    /// Only those of this capacity.
    #[serde(default)]
    capacity: Option<Capacity>,
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

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let list_read = Read {
        path: "/v1/authorities",
        id: "listAuthorities",
        tag: "Authorities",
        summary: "List authorities",
        about: "Every office in the register, or those of one capacity. For everyone with a \
                key.\n\nRests on ss.11, 12 and 14.",
    };
    let one_read = Read {
        path: "/v1/authorities/{id}",
        id: "readAuthority",
        tag: "Authorities",
        summary: "Read an authority",
        about: "An office: a body in a capacity. For everyone with a key.\n\nRests on ss.11, 12 \
                and 14.",
    };
    let router =
        add::<AuthoritiesQuery, Listed<Vec<Stated<AuthorityState>>>, _, _>(router, list_read, list);
    add::<StateQuery, Stated<AuthorityState>, _, _>(router, one_read, one)
}

async fn list(app: App, ask: Ask, query: AuthoritiesQuery) -> Outcome {
    let AuthoritiesQuery {
        capacity,
        limit,
        cursor,
        wait_for,
    } = query;
    let query = ListQuery {
        limit,
        cursor,
        wait_for,
    };
    let (mut page, after) = Filling::begin(&app, "authorities", &query).await?;
    let mut after = key(after.as_deref())?;
    'rows: loop {
        let found = app
            .projections
            .authorities(capacity, after, PAGE_ROWS_MAX)
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

async fn one(app: App, ask: Ask, query: StateQuery) -> Outcome {
    Ok(find::<Authority>(&app, ask.path("id")?, &query)
        .await?
        .answer())
}
