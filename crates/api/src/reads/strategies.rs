//! Strategies.

use aide::axum::ApiRouter;
use schemars::JsonSchema;
use serde::Serialize;

use dutyledger_application::access::Sight;
use dutyledger_domain::reviews::{self, ReviewDue, ReviewStatus};
use dutyledger_domain::streams::{Strategy, StrategyState};
use dutyledger_domain::triggers::EntryMark;
use dutyledger_projections::PAGE_ROWS_MAX;
use dutyledger_record::StreamId;

use super::page::{Filling, ListQuery, Listed, key};
use super::seen::Seer;
use super::state::{StateQuery, Stated, answer, find};
use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::endpoint::Outcome;
use crate::problem::{Problem, internal};

/// When a strategy is to be reviewed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ReviewStanding")]
struct Review {
    /// How it stands.
    status: ReviewStatus,
    /// The date it is due and what it is counted from.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<ReviewDue>,
}

/// A strategy as its reader sees it.
#[derive(Debug, Serialize, JsonSchema)]
struct StrategyStated {
    /// Its id.
    id: StreamId,
    /// Its version in the record, which is not the number of a version of its text.
    version: u64,
    /// What is known of it.
    state: StrategyState,
    /// When it is to be reviewed; only for those who read the partnership's record.
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<Review>,
    /// Adoptions and publications whose rules are not met with what is now known; only for those
    /// who read the partnership's record, and as of now. Only a mark `admitted` or `found` may be
    /// called a breach.
    #[serde(skip_serializing_if = "Option::is_none")]
    marks: Option<Vec<EntryMark>>,
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let list_read = Read {
        path: "/v1/strategies",
        id: "listStrategies",
        tag: "Strategies",
        summary: "List strategies",
        about: "The strategies you may see: those of partnerships whose record you read, those you \
                are consulted on or have an action in, and those published.\n\nRests on ss.8(4), \
                8(7)(a), 9(4) and 9(8)(a).",
    };
    let one_read = Read {
        path: "/v1/strategies/{id}",
        id: "readStrategy",
        tag: "Strategies",
        summary: "Read a strategy",
        about: "Its versions and actions as you may see them. Those who read the partnership's \
                record also see when it is to be reviewed and which adoptions and publications are \
                marked.\n\nRests on ss.8 and 9, R-42.1.",
    };
    let router =
        add::<ListQuery, Listed<Vec<Stated<StrategyState>>>, _, _>(router, list_read, list);
    add::<StateQuery, StrategyStated, _, _>(router, one_read, one)
}

async fn list(app: App, ask: Ask, query: ListQuery) -> Outcome {
    let (mut page, after) = Filling::begin(&app, "strategies", &query).await?;
    let mut after = key(after.as_deref())?;
    let mut seer = Seer::new(&app, ask.principal);
    'rows: loop {
        let found = app
            .projections
            .streams::<Strategy>(after, PAGE_ROWS_MAX)
            .await;
        let found = found.map_err(internal)?;
        for row in found.rows {
            let Some((state, _)) = seer.strategy(&row.state).await? else {
                continue;
            };
            if page.add(
                &row.id,
                Stated {
                    id: row.id,
                    version: row.version,
                    state,
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
    let found = find::<Strategy>(&app, ask.path("id")?, &query).await?;
    let mut seer = Seer::new(&app, ask.principal);
    let (now, sight) = seer
        .strategy(&found.now)
        .await?
        .ok_or_else(Problem::absent)?;
    let (mut state, _) = seer
        .strategy(&found.state)
        .await?
        .ok_or_else(Problem::absent)?;
    if sight == Sight::Part {
        // A version that is shown no longer is not shown as it was either.
        state
            .versions
            .retain(|number, _| now.versions.contains_key(number));
        state.actions.retain(|id, _| now.actions.contains_key(id));
        let stated = StrategyStated {
            id: found.id,
            version: found.version,
            state,
            review: None,
            marks: None,
        };
        return Ok(answer(found.version, found.position, stated));
    }
    let partnership = match state.partnership {
        Some(id) => seer.partnership(id).await?,
        None => None,
    };
    let on = query.on.unwrap_or(seer.today);
    let review = Review {
        status: reviews::status(&state, partnership.as_ref(), on),
        due: reviews::due(&state),
    };
    let marks = app.projections.marks(found.id).await.map_err(internal)?;
    let marks = marks.into_iter().map(|row| row.mark).collect();
    let stated = StrategyStated {
        id: found.id,
        version: found.version,
        state,
        review: Some(review),
        marks: Some(marks),
    };
    Ok(answer(found.version, found.position, stated))
}
