//! Strategies.

use aide::axum::ApiRouter;
use schemars::JsonSchema;
use serde::Serialize;

use dutyledger_application::access::{self, Sight};
use dutyledger_domain::reviews::{self, ReviewDue, ReviewStatus};
use dutyledger_domain::streams::{Strategy, StrategyState};
use dutyledger_domain::triggers::EntryMark;
use dutyledger_projections::PAGE_ROWS_MAX;
use dutyledger_record::StreamId;

use super::page::{Filling, ListQuery, Listed, key};
use super::seen::Seer;
use super::state::{StateQuery, answer, answer_in_part, as_asked, current};
use super::table::{Read, add};
use super::{marks, past};
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

/// A strategy in a list, as its reader sees it.
#[derive(Debug, Serialize, JsonSchema)]
struct StrategyListed {
    /// Its id.
    id: StreamId,
    /// Its version in the record, which is not the number of a version of its text; only for those
    /// who read the partnership's record.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    /// What is known of it.
    state: StrategyState,
}

/// A strategy as its reader sees it.
#[derive(Debug, Serialize, JsonSchema)]
struct StrategyStated {
    /// Its id.
    id: StreamId,
    /// Its version in the record, which is not the number of a version of its text; only for those
    /// who read the partnership's record.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    /// What is known of it.
    state: StrategyState,
    /// When it is to be reviewed; only for those who read the partnership's record.
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<Review>,
    /// Adoptions and publications whose rules are not met with what was known; only for those
    /// who read the partnership's record, and as of the time asked for. Only a mark `admitted` or `found` may be
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
                marked. Seen in part, it has no `version`, and its `ETag` is a hash of what is \
                shown: `If-Match` takes the version, and so is for those who see the strategy \
                whole. How the adoption was voted, and the progress and the cost of actions that \
                do not touch you, are then left blank: that says nothing of them.\n\nRests on ss.8 and 9, R-42.1.",
    };
    let router = add::<ListQuery, Listed<Vec<StrategyListed>>, _, _>(router, list_read, list);
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
            let Some((state, sight)) = seer.strategy(&row.state).await? else {
                continue;
            };
            if page.add(
                &row.id,
                StrategyListed {
                    id: row.id,
                    version: (sight == Sight::Whole).then_some(row.version),
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
    let current = current::<Strategy>(&app, ask.path("id")?, query.wait_for).await?;
    let mut seer = Seer::new(&app, ask.principal);
    let (now, sight) = seer
        .strategy(&current.state)
        .await?
        .ok_or_else(Problem::absent)?;
    let found = as_asked::<Strategy>(&app, current, &query).await?;
    if sight == Sight::Part {
        let mut state = access::strategy_seen(&found.state, sight, ask.principal)
            .ok_or_else(Problem::absent)?;
        // A version that is shown no longer is not shown as it was either.
        state
            .versions
            .retain(|number, _| now.versions.contains_key(number));
        state.actions.retain(|id, _| now.actions.contains_key(id));
        let stated = StrategyStated {
            id: found.id,
            version: None,
            state,
            review: None,
            marks: None,
        };
        return answer_in_part(found.position, &stated);
    }
    let state = found.state;
    let (partnership, marks) = match found.as_of {
        None => {
            let marks = app.projections.marks(found.id).await.map_err(internal)?;
            let marks = marks.into_iter().map(|row| row.mark).collect();
            let partnership = match state.partnership {
                Some(id) => seer.partnership(id).await?,
                None => None,
            };
            (partnership, marks)
        }
        Some(as_of) => (
            past::partnership(&app, state.partnership, as_of).await?,
            marks::of_strategy(&app, found.id, as_of).await?,
        ),
    };
    let on = found.as_of.map_or(seer.today, |as_of| as_of.on);
    let review = Review {
        status: reviews::status(&state, partnership.as_ref(), on),
        due: reviews::due(&state),
    };
    let stated = StrategyStated {
        id: found.id,
        version: Some(found.version),
        state,
        review: Some(review),
        marks: Some(marks),
    };
    Ok(answer(found.version, found.position, stated))
}
