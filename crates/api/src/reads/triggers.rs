//! Triggers: what the record shows that bears on a direction.

use std::collections::BTreeMap;

use aide::axum::ApiRouter;
use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use dutyledger_audit::replay::triggers;
use dutyledger_domain::Duty;
use dutyledger_domain::streams::Partnership;
use dutyledger_domain::triggers::{NOT_RECORDED_YET, Trigger};
use dutyledger_projections::PAGE_ROWS_MAX;
use dutyledger_record::StreamId;

use super::audit;
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

/// The most partnerships, and cases that name none, that are looked at as of another day.
const FOLDED_MAX: usize = 500;

/// What the list of triggers may be asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TriggersQuery {
    /// As true on this date; today where left out. As of another day, or as known at another time,
    /// every partnership whose record you read, and every case that names none and that you may see,
    /// is looked at as it was, and that of 500 at the most.
    #[serde(default)]
    on: Option<NaiveDate>,
    /// As known when the ledger ended at this position; now where left out.
    #[serde(default)]
    #[schemars(range(min = 1))]
    known_at: Option<u64>,
    /// As known at this instant, in place of a position.
    #[serde(default)]
    known_by: Option<DateTime<Utc>>,
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

/// What the record shows.
#[derive(Debug, Serialize, JsonSchema)]
struct Triggers {
    /// The triggers, the oldest first.
    triggers: Vec<Trigger>,
    /// The duties whose failure the record cannot show yet. That nothing is shown for them says
    /// nothing.
    not_recorded_yet: &'static [Duty],
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let read = |path, id, summary| Read {
        path,
        id,
        tag: "Record",
        summary,
        about: "What the record shows that bears on a direction, for the partnerships whose record \
                you read, and in the cases that name none and that you may see. A trigger decides \
                nothing: whether an authority has failed is for the Secretary of State. Missing \
                evidence is never a breach.\n\nRests on s.18, R-129.1.",
    };
    let router = add::<TriggersQuery, Listed<Triggers>, _, _>(
        router,
        read("/v1/triggers", "listTriggers", "List triggers"),
        |app, ask, query| async move { list(&app, &ask, query, None).await },
    );
    add::<TriggersQuery, Listed<Triggers>, _, _>(
        router,
        read(
            "/v1/partnerships/{id}/triggers",
            "listPartnershipTriggers",
            "List a partnership's triggers",
        ),
        |app, ask, query| async move {
            let partnership = ask.path("id")?;
            list(&app, &ask, query, Some(partnership)).await
        },
    )
}

async fn list(
    app: &App,
    ask: &Ask,
    query: TriggersQuery,
    partnership: Option<StreamId>,
) -> Outcome {
    let TriggersQuery {
        on,
        known_at,
        known_by,
        limit,
        cursor,
        wait_for,
    } = query;
    let query = ListQuery {
        limit,
        cursor,
        wait_for,
    };
    let (mut page, after) = Filling::begin(app, "triggers", &query).await?;
    let after = after.as_deref().map(read_key).transpose()?;
    let mut seer = Seer::new(app, ask.principal);
    if partnership.is_some() && !seer.whole(partnership).await? {
        return Err(Problem::absent());
    }
    let on = on.unwrap_or(seer.today);
    if on != seer.today || known_at.is_some() || known_by.is_some() {
        let as_of = match after {
            // Every page of one list is as known at the same time.
            Some((Some(known_at), _)) => AsOf { on, known_at },
            _ => audit::as_of(app, on, known_at, known_by).await?,
        };
        let found = past_triggers(app, &mut seer, partnership, as_of).await?;
        for (key, trigger) in found {
            let place = key_text(Some(as_of.known_at), key);
            if after.is_none_or(|(_, after)| key > after) && page.add(&place, trigger) {
                break;
            }
        }
        return Ok(page.answer_as(ask, arranged));
    }
    let mut after = after.map(|(_, key)| key);
    'rows: loop {
        let found = app
            .projections
            .triggers(partnership, seer.today, after, PAGE_ROWS_MAX)
            .await;
        let found = found.map_err(internal)?;
        for row in found.rows {
            let key = key_text(None, (row.trigger.since, row.trigger.id));
            let sees = match row.trigger.partnership {
                Some(_) => seer.whole(row.trigger.partnership).await?,
                None => seer.direction_of(row.whose).await?,
            };
            if sees && page.add(&key, row.trigger) {
                break 'rows;
            }
        }
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    Ok(page.answer_as(ask, arranged))
}

fn arranged(triggers: Vec<Trigger>) -> Triggers {
    Triggers {
        triggers,
        not_recorded_yet: NOT_RECORDED_YET,
    }
}

/// Where a trigger stands in the list: by the first date it is shown and its id.
type Key = (NaiveDate, Uuid);

/// The triggers of the partnerships the principal reads, and of the cases it sees that name none, each as
/// it was. There are no rows of other days, so they are derived anew.
async fn past_triggers(
    app: &App,
    seer: &mut Seer<'_>,
    partnership: Option<StreamId>,
    as_of: AsOf,
) -> Result<BTreeMap<Key, Trigger>, Problem> {
    let mut own: Vec<_> = partnership.into_iter().collect();
    let mut after = None;
    while partnership.is_none() {
        let found = app.projections.streams::<Partnership>(after, PAGE_ROWS_MAX);
        let found = found.await.map_err(internal)?;
        for row in found.rows {
            if seer.whole(Some(row.id)).await? {
                own.push(row.id);
            }
        }
        not_too_many(own.len())?;
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    if partnership.is_none() {
        own.extend(seer.cases_alone(|_| true).await?);
        not_too_many(own.len())?;
    }
    let mut all = BTreeMap::new();
    for id in own {
        let histories = past::histories(app, id, as_of.known_at).await?;
        let found = triggers(id, &histories, as_of.on).into_iter();
        all.extend(found.map(|trigger| ((trigger.since, trigger.id), trigger)));
    }
    Ok(all)
}

/// Refuses where there are more partnerships and cases than are looked at: an answer that left some out
/// would look whole.
fn not_too_many(found: usize) -> Result<(), Problem> {
    if found <= FOLDED_MAX {
        return Ok(());
    }
    Err(Problem::member(
        Code::MalformedRequest,
        "on",
        format!(
            "You see more than {FOLDED_MAX} partnerships and cases, which is too many to look at as \
             they were. Ask for the triggers of one partnership, or as of today."
        ),
    ))
}

fn key_text(known_at: Option<u64>, (since, id): Key) -> String {
    match known_at {
        Some(known_at) => format!("{known_at}.{since}.{id}"),
        None => format!("{since}.{id}"),
    }
}

fn read_key(text: &str) -> Result<(Option<u64>, Key), Problem> {
    cursor::dated_as_known(text).ok_or_else(bad_cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partnerships_and_cases_are_counted_together_and_none_is_left_out_silently() {
        assert!(not_too_many(FOLDED_MAX).is_ok());
        let refused = not_too_many(FOLDED_MAX + 1).unwrap_err();
        let said = refused.detail;
        assert!(said.contains("500 partnerships and cases"), "{said}");
    }
}
