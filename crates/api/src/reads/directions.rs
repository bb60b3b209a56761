//! Directions.

use aide::axum::ApiRouter;
use chrono::NaiveDate;

use dutyledger_application::access::Sight;
use dutyledger_domain::History;
use dutyledger_domain::streams::{
    Direction, DirectionState, PartnershipState, area, authority, partnership,
};
use dutyledger_projections::PAGE_ROWS_MAX;
use dutyledger_record::Stream;

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
        about: "A case of one authority, one duty and one area. Those who read the partnership's \
                record also see which of its decisions are marked.\n\nRests on ss.14 and 18, \
                R-129.1.",
    };
    let router =
        add::<ListQuery, Listed<Vec<Stated<DirectionState>>>, _, _>(router, list_read, list);
    add::<StateQuery, Marked<DirectionState>, _, _>(router, one_read, one)
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
    let current = current::<Direction>(&app, ask.path("id")?, query.wait_for).await?;
    let mut seer = Seer::new(&app, ask.principal);
    if !seer.direction(&current.state).await? {
        return Err(Problem::absent());
    }
    let whole = match current.state.partnership {
        Some(_) => seer.whole(current.state.partnership).await?,
        // About no partnership: for those who see every partnership's record.
        None => {
            seer.sight_of(current.id, &PartnershipState::default())
                .await?
                == Sight::Whole
        }
    };
    let found = as_asked::<Direction>(&app, current, &query).await?;
    let marks = if whole {
        Some(marks(&app, found.id, found.as_of, rests_on).await?)
    } else {
        None
    };
    Ok(found.marked(marks))
}

/// The authority, the area and the partnership that a case is about.
fn rests_on(history: &History<Direction>) -> Vec<Stream> {
    let state = history.state(NaiveDate::MAX);
    let streams = [
        state.authority.map(authority::stream),
        state.area.map(area::stream),
        state.partnership.map(partnership::stream),
    ];
    streams.into_iter().flatten().collect()
}
