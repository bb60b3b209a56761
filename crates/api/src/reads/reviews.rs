//! Reviews that are due.

use aide::axum::ApiRouter;
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_domain::reviews::ReviewStatus;
use dutyledger_projections::{PAGE_ROWS_MAX, ReviewRow};
use dutyledger_record::{EntryId, StreamId};

use super::page::{Filling, ListQuery, Listed, bad_cursor};
use super::seen::Seer;
use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::endpoint::Outcome;
use crate::problem::{Problem, internal};

/// How the reviews asked for stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// Overdue.
    Overdue,
    /// Due on the date.
    Due,
    /// Not known.
    NotKnown,
}

/// What the list of reviews may be asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReviewsQuery {
    /// As of this date; today where left out.
    #[serde(default)]
    on: Option<NaiveDate>,
    /// Only those that stand like this.
    #[serde(default)]
    status: Option<Status>,
    /// How many rows, of all three kinds together; 50 where left out.
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

/// A review.
#[derive(Debug, Serialize, JsonSchema)]
struct ReviewShown {
    /// The strategy.
    strategy: StreamId,
    /// The partnership.
    partnership: StreamId,
    /// The date it is due; it is overdue from the next day.
    due_on: NaiveDate,
    /// The date it is counted from.
    counted_from: NaiveDate,
    /// Whether that date is assumed.
    assumed: bool,
    /// The entry it is counted from.
    entry_id: EntryId,
    /// The date a history's sources reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    covers_until: Option<NaiveDate>,
    /// Whether what is told is fictional.
    fictional: bool,
}

/// The reviews, those overdue apart from those of which it is not known.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Reviews {
    /// The date has passed without a review of the whole strategy.
    overdue: Vec<ReviewShown>,
    /// Due on the date.
    due: Vec<ReviewShown>,
    /// Not known: the sources do not reach that far, or the date it is counted from is assumed.
    not_known: Vec<ReviewShown>,
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let reviews = Read {
        path: "/v1/reviews",
        id: "listReviews",
        tag: "Record",
        summary: "List reviews that are due or overdue",
        about: "For the partnerships whose record you read. The Act sets no period: a year is what \
                the guidance says, counted from the adoption or the last review of the whole \
                strategy. Those overdue are apart from those of which it is not known.\n\nRests on \
                s.8(7)(b), R-42.1.",
    };
    add::<ReviewsQuery, Listed<Reviews>, _, _>(router, reviews, list)
}

async fn list(app: App, ask: Ask, query: ReviewsQuery) -> Outcome {
    let ReviewsQuery {
        on,
        status,
        limit,
        cursor,
        wait_for,
    } = query;
    let query = ListQuery {
        limit,
        cursor,
        wait_for,
    };
    let (mut page, after) = Filling::begin(&app, "reviews", &query).await?;
    let mut after = after.as_deref().map(read_key).transpose()?;
    let mut seer = Seer::new(&app, ask.principal);
    let on = on.unwrap_or(seer.today);
    let before = on.succ_opt().unwrap_or(on);
    'rows: loop {
        let found = app
            .projections
            .reviews_due_before(before, after, PAGE_ROWS_MAX)
            .await;
        let found = found.map_err(internal)?;
        for row in found.rows {
            let stands = match row.status(on) {
                ReviewStatus::Overdue => Status::Overdue,
                ReviewStatus::Due => Status::Due,
                ReviewStatus::NotKnown => Status::NotKnown,
                ReviewStatus::NotApplicable | ReviewStatus::NotYetDue => continue,
            };
            if status.is_some_and(|wanted| wanted != stands)
                || !seer.whole(Some(row.partnership)).await?
            {
                continue;
            }
            let key = format!("{}.{}", row.due_on, row.strategy);
            if page.add(&key, (stands, shown(&row))) {
                break 'rows;
            }
        }
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    Ok(page.answer_as(&ask, arranged))
}

fn read_key(text: &str) -> Result<(NaiveDate, StreamId), Problem> {
    let parts = text
        .split_once('.')
        .and_then(|(due, id)| Some((due.parse().ok()?, id.parse().ok()?)));
    parts.ok_or_else(bad_cursor)
}

fn shown(row: &ReviewRow) -> ReviewShown {
    ReviewShown {
        strategy: row.strategy,
        partnership: row.partnership,
        due_on: row.due_on,
        counted_from: row.counted_from,
        assumed: row.assumed,
        entry_id: row.entry_id,
        covers_until: row.covers_until,
        fictional: row.fictional,
    }
}

fn arranged(rows: Vec<(Status, ReviewShown)>) -> Reviews {
    let mut reviews = Reviews::default();
    for (status, row) in rows {
        match status {
            Status::Overdue => reviews.overdue.push(row),
            Status::Due => reviews.due.push(row),
            Status::NotKnown => reviews.not_known.push(row),
        }
    }
    reviews
}
