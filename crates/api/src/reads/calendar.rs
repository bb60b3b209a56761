//! The dates a principal sees, as a calendar that people subscribe to (RFC 5545).
//!
//! Calendar programs send no key, so the address is the secret: a token's id and a digest of it
//! under a key of the server's own. Whether it holds is what the ledger says of it now.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use aide::axum::ApiRouter;
use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use chrono::{DateTime, Days, NaiveDate, Utc};
use ics::parameters::Value as ValueType;
use ics::properties::{Categories, Description, DtEnd, DtStart, Sequence, Status, Summary, Transp};
use ics::{Event, ICalendar, escape_text};

use dutyledger_application::access::Sight;
use dutyledger_application::load;
use dutyledger_domain::deadlines::{Dated, deadlines};
use dutyledger_domain::streams::deadline::{
    ActionDeadline, AreaDeadline, DeadlineKind, DeadlineSet, WhatIsDue,
};
use dutyledger_domain::streams::{LedgerStream, Partnership};
use dutyledger_domain::{Histories, History, in_words};
use dutyledger_ledger::request_digest;
use dutyledger_projections::PAGE_ROWS_MAX;
use dutyledger_record::{KeyId, Principal, PublicText, StreamId, hex};

use super::seen::Seer;
use crate::app::App;
use crate::ask::Ask;
use crate::command::NoQuery;
use crate::doc::{self, Doc};
use crate::endpoint::{self, Outcome};
use crate::problem::{Problem, internal};

/// Where the calendars are.
pub(crate) const CALENDARS: &str = "/v1/calendar/";
/// What an address ends with, so that programs know what they get.
const ENDING: &str = ".ics";
/// How long a date that has passed, or was met, stays in the calendar.
const STAYS: Days = Days::new(366);
/// The most dates in one calendar: of those that are to come the soonest, and then the last that
/// passed.
const DATES_MAX: usize = 2_000;
/// How many calendars are kept that were derived last.
const KEPT_MAX: usize = 16;

/// The address of a token's calendar.
pub(crate) fn address(app: &App, token: KeyId) -> String {
    format!("{CALENDARS}{token}.{}{ENDING}", hex(&proof(app, token)))
}

fn proof(app: &App, token: KeyId) -> [u8; 32] {
    request_digest(&app.calendar_key, &[token.to_string().as_bytes()])
}

/// The principal whose sight an address has now: nobody's where it was not issued, is revoked or
/// has expired.
pub(crate) async fn principal(app: &App, path: &str) -> Result<Option<Principal>, Problem> {
    let named = path
        .strip_prefix(CALENDARS)
        .and_then(|rest| rest.strip_suffix(ENDING)?.split_once('.'))
        .and_then(|(token, given)| Some((token.parse::<KeyId>().ok()?, given)));
    let Some((token, given)) = named else {
        return Ok(None);
    };
    // Digests of what is compared are compared, so that the time it takes tells nothing of it.
    let key = app.calendar_key.as_ref();
    let expected = hex(&proof(app, token));
    if request_digest(key, &[given.as_bytes()]) != request_digest(key, &[expected.as_bytes()]) {
        return Ok(None);
    }
    let id = StreamId::new(app.bus.ledger().id().uuid());
    let history = load::history::<LedgerStream>(app.bus.ledger(), id, None).await;
    let state = history.map_err(internal)?.state(NaiveDate::MAX);
    let now = app.bus.edge().clock.now();
    let mut held = state.calendar_tokens.iter();
    Ok(held
        .find(|held| held.token_id == token && held.expires_at > now)
        .map(|held| held.principal))
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let path = "/v1/calendar/{address}";
    endpoint::get(router, path, endpoint::run(read), |op, ctx| {
        doc::describe(
            op,
            Doc {
                id: "readCalendar".to_owned(),
                tag: "Record",
                summary: "Read a calendar".to_owned(),
                description: "The dates of the partnerships whose record the calendar's principal \
                              reads, and of the cases it sees that name none: first \
                              strategies, reviews, consultations that close, actions, \
                              directions to comply with. Of a partnership that it reads in part, \
                              the dates of what is about it: a consultation in which it is asked, \
                              an action that touches it, a direction it sees. Up to 2,000, those \
                              to come before those of the last year. Needs no key: the address is \
                              the secret. \
                              Where nothing was recorded since the answer with the `ETag` in \
                              `If-None-Match`, on the same day, the answer is 304, without the \
                              calendar. A date that is met or no longer holds is marked as \
                              cancelled.\n\nRests on R-10.4, R-42.1, s.8(4), s.18(2)."
                    .to_owned(),
            },
            path,
            ctx,
        );
        let media = doc::media(ctx.schema.subschema_for::<String>(), None);
        let content = Some(("text/calendar", media));
        doc::answers(op, 200, "The calendar.", content, &[], &[401, 500, 503]);
    })
}

/// What a calendar is a function of, but for the instant it was made.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Moment {
    principal: Principal,
    /// Who may see what is told by the rows.
    rows: u64,
    known_at: u64,
    today: NaiveDate,
}

impl Moment {
    fn of(app: &App, principal: Principal) -> Self {
        Self {
            principal,
            rows: app.projections.position(),
            known_at: app.bus.ledger().head(),
            today: app.bus.edge().today(),
        }
    }

    /// Tells one moment's calendar from another's, and says nothing of either.
    fn tag(&self, app: &App) -> String {
        let moment = format!("{self:?}");
        hex(&request_digest(
            &app.calendar_key,
            &[b"tag", moment.as_bytes()],
        ))
    }
}

/// The calendars derived last. Whoever holds an address may ask as often as they like, so one is
/// derived at a time, and once for as long as nothing is recorded and the day lasts. Whoever asks for
/// one that is kept does not wait for another's.
#[derive(Debug, Default)]
pub(crate) struct Calendars {
    kept: Mutex<VecDeque<(Moment, Bytes)>>,
    /// Held by whoever derives one.
    deriving: tokio::sync::Mutex<()>,
}

impl Calendars {
    async fn read<E>(
        &self,
        moment: Moment,
        derive: impl Future<Output = Result<Vec<u8>, E>>,
    ) -> Result<Bytes, E> {
        if let Some(text) = self.kept(&moment) {
            return Ok(text);
        }
        let _one_at_a_time = self.deriving.lock().await;
        // Another may have derived it meanwhile.
        if let Some(text) = self.kept(&moment) {
            return Ok(text);
        }
        let text = Bytes::from(derive.await?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT_MAX - 1);
        kept.push_front((moment, text.clone()));
        Ok(text)
    }

    /// One that is kept. What a panic left under the lock is whole: it is changed as one.
    fn kept(&self, moment: &Moment) -> Option<Bytes> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|(of, _)| of == moment);
        found.map(|(_, text)| text.clone())
    }
}

async fn read(app: App, ask: Ask) -> Outcome {
    ask.query::<NoQuery>()?;
    let moment = Moment::of(&app, ask.principal);
    let tag = moment.tag(&app);
    let etag = HeaderValue::try_from(format!("W/\"{tag}\"")).map_err(internal)?;
    if ask.has_already(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let text = app.calendars.read(moment, derive(&app, moment)).await?;
    let plain = HeaderValue::from_static("text/calendar; charset=utf-8");
    let headers = [(header::CONTENT_TYPE, plain), (header::ETAG, etag)];
    Ok((headers, text).into_response())
}

async fn derive(app: &App, moment: Moment) -> Result<Vec<u8>, Problem> {
    let mut seer = Seer::new(app, moment.principal);
    let known_at = moment.known_at;
    let from = seer.today.checked_sub_days(STAYS).unwrap_or(seer.today);
    let now = app.bus.edge().clock.now();
    let mut dates = Vec::new();
    let alone = seer.cases_alone(|_| true).await?.into_iter();
    let mut read: Vec<_> = alone.map(|id| (id, Sight::Whole)).collect();
    let mut after = None;
    loop {
        let page = app.projections.streams::<Partnership>(after, PAGE_ROWS_MAX);
        let page = page.await.map_err(internal)?;
        for row in page.rows {
            if seer.whole(Some(row.id)).await? {
                read.push((row.id, Sight::Whole));
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let in_part = seer.in_part().await?.into_iter();
    read.extend(in_part.map(|id| (id, Sight::Part)));
    for (whose, sight) in read {
        let streams = app.projections.depends_on(whose).await;
        let streams = streams.map_err(internal)?;
        let histories = load::histories(app.bus.ledger(), streams, known_at).await;
        let histories = histories.map_err(internal)?;
        let of_it = deadlines(whose, &histories).into_iter();
        for dated in of_it.filter(|dated| dated.set.due_on() >= from && dated.is_known()) {
            let told = match sight {
                Sight::Whole => Told::whole(&dated, &histories, whose),
                Sight::Part if seer.date_in_part(&dated.set, &histories).await? => {
                    Told::in_part(&dated, &histories, known_at)
                }
                Sight::Part => continue,
            };
            dates.push((dated.set.due_on(), event(&dated, told, now)));
        }
    }
    let mut calendar = ICalendar::new(
        "2.0",
        "-//Dutyledger//Dates of the Serious Violence Duty//EN",
    );
    for event in soonest(dates, seer.today, DATES_MAX) {
        calendar.add_event(event);
    }
    let mut text = Vec::new();
    calendar.write(&mut text).map_err(internal)?;
    Ok(text)
}

/// Today's and those to come, the soonest first, and then those that have passed, the last first: what has
/// passed never takes the place of what is to come.
fn soonest<T>(
    dates: Vec<(NaiveDate, T)>,
    today: NaiveDate,
    most: usize,
) -> impl Iterator<Item = T> {
    let (mut ahead, mut passed): (Vec<_>, Vec<_>) =
        dates.into_iter().partition(|(due, _)| *due >= today);
    ahead.sort_by_key(|(due, _)| *due);
    passed.sort_by_key(|(due, _)| Reverse(*due));
    let all = ahead.into_iter().chain(passed);
    all.take(most).map(|(_, what)| what)
}

/// What a date says, and the versions of what it is derived from, added up: streams only grow.
fn said(set: &DeadlineSet, histories: &Histories) -> (String, u64) {
    let strategy = histories.strategies.get(&set.about);
    let direction = histories.directions.get(&set.about);
    let versions = [
        strategy.map(History::version),
        direction.map(History::version),
    ];
    let title = strategy
        .and_then(|history| history.state(NaiveDate::MAX).title.clone())
        .map_or_else(String::new, |title| format!(": {}", title.as_str()));
    let summary = match set.kind {
        DeadlineKind::ConsultationCloses => format!("Responses to the consultation are due{title}"),
        DeadlineKind::AnnualReview => format!("Annual review is due{title}"),
        DeadlineKind::DirectionCompliance => "Compliance with a direction is due".to_owned(),
    };
    (summary, versions.into_iter().flatten().sum())
}

/// The same, of a date for an area: it ends with any of the partnership's strategies.
fn said_for_an_area(set: &AreaDeadline, histories: &Histories) -> (String, u64) {
    let area = histories.areas.get(&set.area);
    let strategies = histories.strategies.values().map(History::version);
    let versions = strategies.chain(area.map(History::version));
    let name = area
        .and_then(|history| history.state(NaiveDate::MAX).name.clone())
        .map_or_else(String::new, |name| format!(": {}", name.as_str()));
    let changes = histories.dates.changes() as u64;
    let summary = format!("The first strategy is due{name}");
    (summary, versions.sum::<u64>() + changes)
}

/// The same, of an action.
fn said_of_an_action(set: &ActionDeadline, histories: &Histories) -> (String, u64) {
    let strategy = histories.strategies.get(&set.strategy);
    let title = strategy.and_then(|history| {
        let state = history.state(NaiveDate::MAX);
        let action = state.actions.get(&set.action)?;
        Some(format!(": {}", action.title.as_str()))
    });
    let summary = format!("An action is due{}", title.unwrap_or_default());
    (summary, strategy.map(History::version).unwrap_or_default())
}

/// What is told of a date.
struct Told {
    /// What is due.
    summary: String,
    /// Whose it is.
    name: Option<PublicText>,
    /// Grows whenever what is told may be another.
    sequence: u64,
}

impl Told {
    fn of(dated: &Dated, histories: &Histories) -> (String, u64) {
        match &dated.set {
            WhatIsDue::Own(set) => said(set, histories),
            WhatIsDue::Area(set) => said_for_an_area(set, histories),
            WhatIsDue::Action(set) => said_of_an_action(set, histories),
        }
    }

    /// The body of the authority that a date is about, where it is about one.
    fn body(dated: &Dated, histories: &Histories) -> Option<PublicText> {
        let authority = match &dated.set {
            WhatIsDue::Own(set) => set.authority?,
            WhatIsDue::Action(set) => set.authority,
            WhatIsDue::Area(_) => return None,
        };
        let history = histories.authorities.get(&authority)?;
        history.state(NaiveDate::MAX).body.clone()
    }

    /// To those who read all of whose it is. The sequence grows with the streams it is derived from: the
    /// partnership's own is one of them. A case that names none is told by the authority it is about.
    fn whole(dated: &Dated, histories: &Histories, whose: StreamId) -> Self {
        let (summary, versions) = Self::of(dated, histories);
        let partnership = histories.partnerships.get(&whose);
        Self {
            summary,
            name: match partnership {
                Some(history) => history.state(NaiveDate::MAX).name.clone(),
                None => Self::body(dated, histories),
            },
            sequence: versions + partnership.map(History::version).unwrap_or_default(),
        }
    }

    /// To those who read a part of it: not the partnership, nor how much is recorded there. The ledger's
    /// own length grows with whatever is recorded, and tells of nothing.
    fn in_part(dated: &Dated, histories: &Histories, known_at: u64) -> Self {
        Self {
            summary: Self::of(dated, histories).0,
            name: Self::body(dated, histories),
            sequence: known_at,
        }
    }
}

/// One date. It keeps its id for as long as it is the same date of the same thing.
fn event<'a>(dated: &Dated, told: Told, now: DateTime<Utc>) -> Event<'a> {
    let due_on = dated.set.due_on();
    let whose = told.name.map(|name| format!("{}. ", name.as_str()));
    let about = format!(
        "{}Rests on {}. Due on {}.",
        whose.unwrap_or_default(),
        dated.set.rule(),
        in_words(due_on)
    );
    let stamp = now.format("%Y%m%dT%H%M%SZ").to_string();
    let mut event = Event::new(format!("{}@dutyledger", dated.stream()), stamp);
    let day = |on: NaiveDate| on.format("%Y%m%d").to_string();
    let mut start = DtStart::new(day(due_on));
    start.add(ValueType::DATE);
    let mut end = DtEnd::new(day(due_on.succ_opt().unwrap_or(due_on)));
    end.add(ValueType::DATE);
    event.push(start);
    event.push(end);
    event.push(Summary::new(escape_text(told.summary)));
    event.push(Description::new(escape_text(about)));
    event.push(Categories::new("Serious Violence Duty"));
    event.push(Sequence::new(told.sequence.to_string()));
    event.push(Transp::transparent());
    event.push(if dated.ended.is_some() {
        Status::cancelled()
    } else {
        Status::confirmed()
    });
    event
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future;
    use std::sync::Arc;

    use chrono::{Days, NaiveDate};
    use dutyledger_record::Principal;
    use tokio::sync::oneshot;

    use super::{Calendars, Moment, soonest};

    fn moment(known_at: u64) -> Moment {
        Moment {
            principal: Principal::SYSTEM,
            rows: known_at,
            known_at,
            today: NaiveDate::default(),
        }
    }

    #[tokio::test]
    async fn whoever_asks_for_a_calendar_that_is_kept_waits_for_no_other() {
        let calendars = Arc::new(Calendars::default());
        let derived = |text: &str| future::ready(Ok::<_, Infallible>(text.as_bytes().to_vec()));
        let Ok(_) = calendars.read(moment(1), derived("one")).await;
        let (begun, has_begun) = oneshot::channel();
        let (go_on, may_go_on) = oneshot::channel();
        let another = Arc::clone(&calendars);
        let another = tokio::spawn(async move {
            let derive = async {
                begun.send(()).unwrap();
                may_go_on.await.unwrap();
                Ok::<_, Infallible>(b"two".to_vec())
            };
            another.read(moment(2), derive).await
        });
        has_begun.await.unwrap();
        // Another is derived, and waits for us.
        let Ok(kept) = calendars.read(moment(1), derived("anew")).await;
        assert_eq!(kept, "one");
        go_on.send(()).unwrap();
        let Ok(two) = another.await.unwrap();
        assert_eq!(two, "two");
    }

    #[tokio::test]
    async fn a_calendar_is_derived_once_for_those_who_ask_at_once() {
        let calendars = Calendars::default();
        let derived = |text: &str| {
            let text = text.as_bytes().to_vec();
            async move {
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(text)
            }
        };
        let (first, second) = tokio::join!(
            calendars.read(moment(1), derived("first")),
            calendars.read(moment(1), derived("second")),
        );
        assert_eq!((first, second), (Ok("first".into()), Ok("first".into())));
    }

    #[test]
    fn what_has_passed_never_takes_the_place_of_what_is_to_come() {
        let today = NaiveDate::default();
        let in_days = |days: i64| {
            let all = Days::new(days.unsigned_abs());
            let on = if days < 0 { today - all } else { today + all };
            (on, days)
        };
        let dates: Vec<_> = [-2, 5, -300, 0, -1, 3].map(in_days).to_vec();
        let kept = |most| soonest(dates.clone(), today, most).collect::<Vec<_>>();
        assert_eq!(kept(6), [0, 3, 5, -1, -2, -300]);
        assert_eq!(kept(4), [0, 3, 5, -1]);
        assert_eq!(kept(2), [0, 3]);
    }
}
