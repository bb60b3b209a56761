//! Who owes what by when.

use std::collections::BTreeSet;

use aide::axum::ApiRouter;
use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_application::load;
use dutyledger_domain::obligations::{
    Obligation, Status, obligations, obligations_in_case, of_authority,
};
use dutyledger_domain::rules::{self, Bearer, Chapter, Mode, RulePack};
use dutyledger_domain::streams::{Authority, DirectionState, Partnership};
use dutyledger_domain::{Capacity, Histories};
use dutyledger_projections::PAGE_ROWS_MAX;
use dutyledger_record::{PrincipalKind, StreamId};

use super::page::{Filling, ListQuery, Listed, bad_cursor};
use super::past;
use super::seen::Seer;
use super::state::{AsOf, current, known_at};
use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::cursor;
use crate::endpoint::Outcome;
use crate::problem::{Code, Problem, internal};

/// The most partnerships one authority's next steps are gathered from: no office reaches further
/// than a police force area or a provider's region.
const PARTNERSHIPS_MAX: usize = 500;

/// A rule pack one may ask about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub(super) enum Pack {
    /// The law as enacted.
    #[serde(rename = "enacted-2022")]
    Enacted,
    /// The draft of May 2021, which was never in force: what it would have asked.
    #[serde(rename = "draft-2021")]
    Draft,
}

impl Pack {
    /// Its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Enacted => rules::ENACTED,
            Self::Draft => rules::DRAFT,
        }
    }
}

/// What the obligations of a partnership may be asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ObligationsQuery {
    /// As true on this date; today where left out.
    #[serde(default)]
    on: Option<NaiveDate>,
    /// As known when the ledger ended at this position; now where left out.
    #[serde(default)]
    #[schemars(range(min = 1))]
    known_at: Option<u64>,
    /// As known at this instant, in place of a position.
    #[serde(default)]
    known_by: Option<DateTime<Utc>>,
    /// Under this rule pack, in its newest revision; where left out, the one the ledger had adopted.
    #[serde(default)]
    rules: Option<Pack>,
    /// Only those of this authority: about its capacity, or its own.
    #[serde(default)]
    authority: Option<StreamId>,
    /// Only rows about this kind of body.
    #[serde(default)]
    bearer: Option<Bearer>,
    /// Only rows of this strength.
    #[serde(default)]
    mode: Option<Mode>,
    /// Only those that stand like this.
    #[serde(default)]
    status: Option<Status>,
    /// Only rows of this chapter of the guidance: `1` to `6`; `act` for rows of the Act alone,
    /// `other` for other documents.
    #[serde(default)]
    chapter: Option<Chapter>,
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

/// The obligations, and what they were judged by.
#[derive(Debug, Serialize, JsonSchema)]
struct Obligations {
    /// The rule pack.
    pack: String,
    /// Its revision.
    revision: u32,
    /// As true on this date.
    on: NaiveDate,
    /// As known when the ledger ended at this position.
    known_at: u64,
    /// The obligations, in the order of the rule pack.
    obligations: Vec<Obligation>,
}

/// Something to be done, and for which partnership.
#[derive(Debug, Serialize, JsonSchema)]
struct NextStep {
    /// The partnership; none where it is asked in a case that names none.
    partnership: Option<StreamId>,
    /// What is to be done.
    #[serde(flatten)]
    obligation: Obligation,
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let of_partnership = Read {
        path: "/v1/partnerships/{id}/obligations",
        id: "listObligations",
        tag: "Record",
        summary: "List who owes what by when",
        about: "Every row of the rule pack as it stands for the partnership: duties, powers, \
                exclusions and facts, each with why, the entries that show it and what to do next. \
                A row that each authority meets for itself is there once for each. Missing evidence \
                is never a breach, and what cannot be recorded here yet says so. One that takes no \
                part sees what is its own.\n\nRests on ss.8 to 19 and the statutory guidance: each \
                row names its own.",
    };
    let next_steps = Read {
        path: "/v1/authorities/{id}/next-steps",
        id: "listNextSteps",
        tag: "Record",
        summary: "List what an authority is to do next",
        about: "What an authority owes, or will by a date, across all its partnerships whose record \
                you read, and in the cases about it that name none and that you may see, the soonest \
                first.\n\nRests on ss.8 to 19 and the statutory guidance: each row names its own.",
    };
    let router = add::<ObligationsQuery, Listed<Obligations>, _, _>(router, of_partnership, list);
    add::<ListQuery, Listed<Vec<NextStep>>, _, _>(router, next_steps, steps)
}

async fn list(app: App, ask: Ask, query: ObligationsQuery) -> Outcome {
    let id: StreamId = ask.path("id")?;
    let filter = Filter::of(&query);
    let asked = ListQuery {
        limit: query.limit,
        cursor: query.cursor,
        wait_for: query.wait_for,
    };
    let (mut page, after) = Filling::begin(&app, "obligations", &asked).await?;
    let after = after.as_deref().map(read_key).transpose()?;
    let mut seer = Seer::new(&app, ask.principal);
    current::<Partnership>(&app, id, None).await?;
    let own = own_part(&app, &mut seer, &ask, id).await?;
    let asked_at = match (after, query.known_at, query.known_by) {
        // Every page of one list is as known at the same time.
        (Some((known_at, _)), ..) => Some(known_at),
        (None, Some(_), Some(_)) => {
            return Err(Problem::member(
                Code::MalformedRequest,
                "known_by",
                "Give a position or an instant, not both.",
            ));
        }
        (None, None, Some(instant)) => {
            let position = load::position_at(app.bus.ledger(), instant).await;
            Some(position.map_err(internal)?)
        }
        (None, position, None) => position,
    };
    let as_of = AsOf {
        on: query.on.unwrap_or(seer.today),
        known_at: known_at(&app, asked_at)?,
    };
    let (histories, pack) = known(&app, id, as_of, query.rules).await?;
    let mut all = obligations(id, &histories, pack, as_of.on);
    if all.is_empty() {
        return Err(Problem::absent());
    }
    if let Some(own) = own {
        all.retain(|one| one.authority == Some(own));
    }
    if let Some(authority) = query.authority {
        let capacity = capacity(&app, authority).await?;
        all = of_authority(all, id, (authority, capacity), &histories, as_of.on);
    }
    let skip = after.map_or(0, |(_, place)| place + 1);
    for (place, one) in all.into_iter().enumerate().skip(skip) {
        if filter.lets(&one, pack) && page.add(&format!("{}.{place}", as_of.known_at), one) {
            break;
        }
    }
    Ok(page.answer_as(&ask, |obligations| Obligations {
        pack: pack.name.clone(),
        revision: pack.revision,
        on: as_of.on,
        known_at: as_of.known_at,
        obligations,
    }))
}

/// The authority to whose own rows the answer is limited: one that takes no part sees no more, and
/// whoever has nothing to do with the partnership sees nothing.
async fn own_part(
    app: &App,
    seer: &mut Seer<'_>,
    ask: &Ask,
    partnership: StreamId,
) -> Result<Option<StreamId>, Problem> {
    if seer.whole(Some(partnership)).await? {
        return Ok(None);
    }
    let own = ask
        .principal
        .id
        .filter(|_| ask.principal.kind == PrincipalKind::Authority)
        .ok_or_else(Problem::absent)?;
    let of_it = partnerships(app, own).await?.contains(&partnership);
    if of_it {
        Ok(Some(own))
    } else {
        Err(Problem::absent())
    }
}

async fn steps(app: App, ask: Ask, query: ListQuery) -> Outcome {
    let authority: StreamId = ask.path("id")?;
    let (mut page, after) = Filling::begin(&app, "next-steps", &query).await?;
    let after = after.as_deref().map(read_key).transpose()?;
    let mut seer = Seer::new(&app, ask.principal);
    let capacity = capacity(&app, authority).await?;
    let itself =
        ask.principal.kind == PrincipalKind::Authority && ask.principal.id == Some(authority);
    let as_of = AsOf {
        on: seer.today,
        known_at: known_at(&app, after.map(|(known_at, _)| known_at))?,
    };
    let mut all = Vec::new();
    for partnership in partnerships(&app, authority).await? {
        let whole = seer.whole(Some(partnership)).await?;
        if !whole && !itself {
            continue;
        }
        let (histories, pack) = known(&app, partnership, as_of, None).await?;
        let found = obligations(partnership, &histories, pack, as_of.on);
        let whose = (authority, capacity);
        let found = of_authority(found, partnership, whose, &histories, as_of.on).into_iter();
        let seen = |one: &Obligation| whole || one.authority == Some(authority);
        all.extend(
            found
                .filter(|one| to_do(one) && seen(one))
                .map(|obligation| NextStep {
                    partnership: Some(partnership),
                    obligation,
                }),
        );
    }
    let about_it = |case: &DirectionState| case.authority == Some(authority);
    for case in seer.cases_alone(about_it).await? {
        let (histories, pack) = known(&app, case, as_of, None).await?;
        let asked = obligations_in_case(case, &histories, pack, as_of.on).into_iter();
        all.extend(asked.filter(to_do).map(|obligation| NextStep {
            partnership: None,
            obligation,
        }));
    }
    // What has no date is owed now, so it comes after what is overdue and before what is ahead.
    all.sort_by_key(|step| {
        let due = step.obligation.due.map(|due| due.on);
        (
            due.unwrap_or(as_of.on),
            step.obligation.status,
            step.partnership,
        )
    });
    let skip = after.map_or(0, |(_, place)| place + 1);
    for (place, step) in all.into_iter().enumerate().skip(skip) {
        if page.add(&format!("{}.{place}", as_of.known_at), step) {
            break;
        }
    }
    Ok(page.answer(&ask))
}

/// Whether something is to be done, now or by a date.
fn to_do(one: &Obligation) -> bool {
    one.status.asks_for_something() || (one.status == Status::NotYetDue && one.due.is_some())
}

/// The partnerships an authority has to do with: as a member, or as one of an area's.
async fn partnerships(app: &App, authority: StreamId) -> Result<BTreeSet<StreamId>, Problem> {
    let mut all = BTreeSet::new();
    let mut after = None;
    loop {
        let found = app
            .projections
            .partnerships_concerning(authority, after, PAGE_ROWS_MAX);
        let found = found.await.map_err(internal)?;
        all.extend(found.rows);
        if all.len() > PARTNERSHIPS_MAX {
            return Err(Problem::new(
                Code::MalformedRequest,
                format!(
                    "The authority has to do with more than {PARTNERSHIPS_MAX} partnerships. Ask \
                     for the obligations of one."
                ),
            ));
        }
        after = found.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

async fn capacity(app: &App, authority: StreamId) -> Result<Capacity, Problem> {
    let found = app.projections.stream::<Authority>(authority).await;
    let found = found.map_err(internal)?;
    found
        .and_then(|row| row.state.capacity)
        .ok_or_else(Problem::absent)
}

/// What was known of everything the obligations of a partnership hang on, or those in a case that names
/// none, and the pack to judge by.
async fn known(
    app: &App,
    whose: StreamId,
    as_of: AsOf,
    pack: Option<Pack>,
) -> Result<(Histories, &'static RulePack), Problem> {
    let histories = past::histories(app, whose, as_of.known_at).await?;
    let pack = match pack {
        None => rules::newest_of(&histories.rules),
        Some(pack) => {
            let found = rules::newest(pack.name());
            found
                .ok_or_else(|| internal("a rule pack is not among those compiled in"))?
                .0
        }
    };
    Ok((histories, pack))
}

/// Which rows are asked for.
struct Filter {
    bearer: Option<Bearer>,
    mode: Option<Mode>,
    status: Option<Status>,
    chapter: Option<Chapter>,
}

impl Filter {
    fn of(query: &ObligationsQuery) -> Self {
        Self {
            bearer: query.bearer,
            mode: query.mode,
            status: query.status,
            chapter: query.chapter,
        }
    }

    fn lets(&self, one: &Obligation, pack: &RulePack) -> bool {
        let chapter = || pack.row(one.rule.as_str()).and_then(rules::Row::chapter);
        self.bearer
            .is_none_or(|bearer| one.bearers.contains(&bearer))
            && self.mode.is_none_or(|mode| one.mode == mode)
            && self.status.is_none_or(|status| one.status == status)
            && (self.chapter.is_none() || self.chapter == chapter())
    }
}

fn read_key(text: &str) -> Result<(u64, usize), Problem> {
    cursor::place_at(text).ok_or_else(bad_cursor)
}
