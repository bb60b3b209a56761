//! Reviews that are due.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use aide::axum::ApiRouter;
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Deserialize;

use dutyledger_application::load;
use dutyledger_audit::replay::{ReviewShown, Reviews, Stands, listed, review};
use dutyledger_domain::reviews::due;
use dutyledger_domain::streams::{PartnershipState, Strategy};
use dutyledger_projections::{PAGE_ROWS_MAX, ReviewRow};
use dutyledger_record::StreamId;

use super::page::{Filling, ListQuery, Listed, bad_cursor};
use super::past;
use super::seen::Seer;
use super::state::AsOf;
use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::cursor;
use crate::endpoint::Outcome;
use crate::problem::{Code, Problem, internal};

/// The most strategies that are looked at as of an earlier day.
const FOLDED_MAX: u32 = 2_000;

/// What the list of reviews may be asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReviewsQuery {
    /// As of this date; today where left out. As of an earlier day, every strategy whose record you
    /// read is looked at as it was, with what is now known, and that of 2,000 at the most.
    #[serde(default)]
    on: Option<NaiveDate>,
    /// Only those that stand like this.
    #[serde(default)]
    status: Option<Stands>,
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

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let reviews = Read {
        path: "/v1/reviews",
        id: "listReviews",
        tag: "Record",
        summary: "List reviews that are due or overdue",
        about: "For the partnerships whose record you read. The Act sets no period: a year is what \
                the guidance says, counted from the adoption or the last review of the whole \
                strategy. As of an earlier day, each \
                strategy and partnership is as it was then. Those overdue are apart from those of which it is not known.\n\nRests on \
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
    if on < seer.today {
        let as_of = AsOf {
            on,
            known_at: page.position(),
        };
        let past = past_reviews(&app, &mut seer, as_of).await?;
        for (key, (stands, row)) in past {
            if after.is_some_and(|after| key <= after)
                || status.is_some_and(|wanted| wanted != stands)
            {
                continue;
            }
            if page.add(&key_text(key), (stands, row)) {
                break;
            }
        }
        return Ok(page.answer_as(&ask, Reviews::arranged));
    }
    // Nothing recorded happens after today: what the rows say of today holds for the days to come.
    let before = on.succ_opt().unwrap_or(on);
    'rows: loop {
        let found = app
            .projections
            .reviews_due_before(before, after, PAGE_ROWS_MAX)
            .await;
        let found = found.map_err(internal)?;
        for row in found.rows {
            let Some(stands) = listed(row.status(on)) else {
                continue;
            };
            if status.is_some_and(|wanted| wanted != stands)
                || !seer.whole(Some(row.partnership)).await?
            {
                continue;
            }
            let key = key_text((row.due_on, row.strategy));
            if page.add(&key, (stands, shown(&row))) {
                break 'rows;
            }
        }
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    Ok(page.answer_as(&ask, Reviews::arranged))
}

/// Where a review stands in the list: by the date it is due and its strategy.
type Key = (NaiveDate, StreamId);

/// The reviews of the strategies the principal sees, each as true on an earlier date, the longest
/// due first. There are no rows of earlier days, so each strategy is folded anew.
async fn past_reviews(
    app: &App,
    seer: &mut Seer<'_>,
    as_of: AsOf,
) -> Result<BTreeMap<Key, (Stands, ReviewShown)>, Problem> {
    let mut all = BTreeMap::new();
    let mut partnerships: BTreeMap<StreamId, Option<PartnershipState>> = BTreeMap::new();
    let mut folded = 0;
    let mut after = None;
    loop {
        let found = app.projections.streams::<Strategy>(after, PAGE_ROWS_MAX);
        let found = found.await.map_err(internal)?;
        for row in found.rows {
            // What was adopted by then and is not withdrawn is adopted now.
            let Some(id) = row.state.partnership.filter(|_| due(&row.state).is_some()) else {
                continue;
            };
            if !seer.whole(Some(id)).await? {
                continue;
            }
            folded += 1;
            if folded > FOLDED_MAX {
                return Err(Problem::member(
                    Code::MalformedRequest,
                    "on",
                    format!(
                        "You see more than {FOLDED_MAX} strategies, which is too many to look at \
                         as they were on an earlier day. Ask as of today or later."
                    ),
                ));
            }
            let partnership = match partnerships.entry(id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(free) => free.insert(past::partnership(app, Some(id), as_of).await?),
            };
            let partnership = partnership.as_ref();
            if let Some((key, review)) = past_review(app, row.id, id, partnership, as_of).await? {
                all.insert(key, review);
            }
        }
        after = found.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// The review of one strategy as true on an earlier date, where it is listed.
async fn past_review(
    app: &App,
    strategy: StreamId,
    partnership: StreamId,
    state: Option<&PartnershipState>,
    as_of: AsOf,
) -> Result<Option<(Key, (Stands, ReviewShown))>, Problem> {
    let history = load::history::<Strategy>(app.bus.ledger(), strategy, Some(as_of.known_at));
    let then = history.await.map_err(internal)?.state(as_of.on);
    let found = review((strategy, &then), (partnership, state), as_of.on);
    Ok(found.map(|(stands, row)| ((row.due_on, strategy), (stands, row))))
}

fn key_text((due, strategy): Key) -> String {
    format!("{due}.{strategy}")
}

fn read_key(text: &str) -> Result<Key, Problem> {
    cursor::dated(text).ok_or_else(bad_cursor)
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
