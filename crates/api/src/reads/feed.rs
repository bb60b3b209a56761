//! The feed: what is said of entries, for those without NATS.
//!
//! The rows are the data of the notifications, and what one may not read is absent from them. A
//! position is the place to go on from: positions are the same for everybody, and tell of nothing but
//! how far the ledger goes.

use std::pin::pin;
use std::time::Duration;

use aide::axum::ApiRouter;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use futures_util::StreamExt;
use futures_util::stream::unfold;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::Instant;

use dutyledger_messages::{Notice, notice};
use dutyledger_record::{Principal, StreamId};

use super::entries::sees;
use super::page::{Links, Listed, Meta, at_position, fresh};
use super::seen::Seer;
use super::table::{Read, add, add_as};
use crate::app::App;
use crate::ask::Ask;
use crate::endpoint::Outcome;
use crate::problem::{Code, Problem, internal};
use crate::waits::Place;

/// Rows of a page where the caller does not say.
const ROWS: u32 = 50;
/// The most rows of a page.
const ROWS_MAX: u32 = 200;
/// How many entries are looked at for one page. There may be fewer rows in it, and more to come.
const LOOKED_AT_MAX: u32 = 2_000;
/// The longest a page is waited for.
const WAIT_MAX: u64 = 20;
/// How long one answer of server-sent events lasts. Whoever listens asks again, and is asked for a
/// key again.
const STREAM_LASTS: Duration = Duration::from_secs(60);
/// How often something is sent, so that a connection that is gone is noticed. Whatever is sent, the
/// key is asked for first.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// How long before it is looked again whether the rows get on, where they do not.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// The last position there can be: positions are kept as signed numbers.
const POSITION_MAX: u64 = i64::MAX.unsigned_abs();

/// What the feed may be asked.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FeedQuery {
    /// Entries after this position: from `links.next` of the page before. From the beginning where
    /// left out.
    #[serde(default)]
    after: Option<u64>,
    /// How many rows; 50 where left out.
    #[serde(default)]
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// Wait this many seconds, 20 at the most, until there is a row. Where many wait, the answer
    /// comes at once.
    #[serde(default)]
    #[schemars(range(max = 20))]
    wait: Option<u64>,
    /// Only what concerns this partnership.
    #[serde(default)]
    partnership: Option<StreamId>,
    /// Only what happened in streams of this type, such as `strategy`.
    #[serde(default)]
    stream_type: Option<String>,
    /// Only this event, such as `StrategyAdopted`.
    #[serde(default)]
    event_type: Option<String>,
    /// Wait, for 5 seconds at the most, until the answer holds up to this position.
    #[serde(default)]
    wait_for: Option<u64>,
}

/// What server-sent events may be asked.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListenQuery {
    /// Entries after this position. The header `Last-Event-ID` goes before it; with neither, what is
    /// recorded from now on.
    #[serde(default)]
    after: Option<u64>,
    /// Only what concerns this partnership.
    #[serde(default)]
    partnership: Option<StreamId>,
    /// Only what happened in streams of this type, such as `strategy`.
    #[serde(default)]
    stream_type: Option<String>,
    /// Only this event, such as `StrategyAdopted`.
    #[serde(default)]
    event_type: Option<String>,
}

/// Which entries are asked for.
#[derive(Clone, Debug, Default)]
struct Filter {
    partnership: Option<StreamId>,
    stream_type: Option<String>,
    event_type: Option<String>,
}

impl Filter {
    fn passes(&self, said: &Notice) -> bool {
        let (stream, event) = (&said.stream.stream_type, &said.event.event_type);
        self.partnership
            .is_none_or(|one| said.partnerships.contains(&one))
            && self
                .stream_type
                .as_ref()
                .is_none_or(|wanted| wanted == stream)
            && self
                .event_type
                .as_ref()
                .is_none_or(|wanted| wanted == event)
    }
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let list = Read {
        path: "/v1/entries",
        id: "listEntries",
        tag: "Record",
        summary: "List entries",
        about: "What is said of entries, in the order they were recorded: ids, kinds, dates, rule ids \
                and links, the same as over NATS. What one may not read is absent. There is always a \
                `links.next`: asked again with `wait`, it answers as soon as there is more.\n\nRests on \
                the rule of the record that nothing is removed.",
    };
    let stream = Read {
        path: "/v1/entries/stream",
        id: "listenToEntries",
        tag: "Record",
        summary: "Listen to entries",
        about: "The same as server-sent events: the id of an event is its position, its name the type \
                of the message, its data the row of the list. The answer ends after a minute; whoever \
                listens asks again with `Last-Event-ID`, as browsers do by themselves. It ends within \
                5 seconds where the key is revoked or expires, and says nothing more. A principal \
                listens eight times at once at the most.\n\nRests on \
                the rule of the record that nothing is removed.",
    };
    let router = add::<FeedQuery, Listed<Vec<Notice>>, _, _>(router, list, feed);
    add_as::<ListenQuery, String, _, _>(router, stream, "text/event-stream", listen)
}

/// Rows, and up to which position they are all there are.
struct Page {
    rows: Vec<Notice>,
    reached: u64,
}

async fn page(
    app: &App,
    principal: Principal,
    filter: &Filter,
    (after, limit): (u64, u32),
) -> Result<Page, Problem> {
    // Who may see what is told by the rows, so nothing is looked at that they do not hold yet.
    let end = app.projections.position();
    let mut seer = Seer::new(app, principal);
    let (mut rows, mut reached) = (Vec::new(), after.min(end));
    let wanted = limit as usize;
    if after >= end {
        return Ok(Page {
            rows,
            reached: after,
        });
    }
    let entries = app
        .bus
        .ledger()
        .read_on(after, LOOKED_AT_MAX)
        .await
        .map_err(internal)?;
    for entry in entries {
        if entry.position > end || rows.len() == wanted {
            break;
        }
        let record = entry.record().map_err(internal)?;
        let said = notice(&record).map_err(internal)?;
        if filter.passes(&said) && sees(&mut seer, &record).await? {
            rows.push(said);
        }
        reached = entry.position;
    }
    Ok(Page { rows, reached })
}

/// Waits until there may be more than up to a position, or the time is up, and no sooner. Says which.
async fn wait(app: &App, after: u64, until: Instant) -> bool {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let wanted = after.saturating_add(1);
        if app.projections.wait_for(wanted, left).await.is_ok() {
            return true;
        }
        let now = Instant::now();
        if now >= until {
            return false;
        }
        // Rows that stand still are not waited for: that is answered at once.
        tokio::time::sleep_until(until.min(now + LOOK_AGAIN)).await;
    }
}

/// A position to go on after, where there can be one.
fn place(member: &'static str, after: Option<u64>) -> Result<Option<u64>, Problem> {
    match after {
        Some(position) if position > POSITION_MAX => Err(Problem::member(
            Code::MalformedRequest,
            member,
            "There are no positions that far on.",
        )),
        after => Ok(after),
    }
}

/// Refuses to go on after a position the ledger does not have: entries it gets from now on would be
/// withheld, up to there, from whoever believes to have them.
async fn in_ledger(app: &App, after: u64) -> Result<(), Problem> {
    let ledger = app.bus.ledger();
    // Another server may have recorded it a moment ago.
    if after <= ledger.head() || after <= ledger.last_position().await.map_err(internal)? {
        return Ok(());
    }
    Err(Problem::plain(Code::BeyondTheLedger))
}

async fn feed(app: App, ask: Ask, query: FeedQuery) -> Outcome {
    let limit = query.limit.unwrap_or(ROWS);
    if !(1..=ROWS_MAX).contains(&limit) {
        return Err(Problem::member(
            Code::MalformedRequest,
            "limit",
            format!("A page has 1 to {ROWS_MAX} rows."),
        ));
    }
    let seconds = query.wait.unwrap_or(0);
    if seconds > WAIT_MAX {
        return Err(Problem::member(
            Code::MalformedRequest,
            "wait",
            format!("A page is waited for {WAIT_MAX} seconds at the most."),
        ));
    }
    let mut after = place("after", query.after)?.unwrap_or(0);
    in_ledger(&app, after).await?;
    fresh(&app, query.wait_for).await?;
    let filter = Filter {
        partnership: query.partnership,
        stream_type: query.stream_type,
        event_type: query.event_type,
    };
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut ending = pin!(ask.ending());
    let mut waits: Option<Place> = None;
    let found = loop {
        let found = page(&app, ask.principal, &filter, (after, limit)).await?;
        after = found.reached;
        let more = after < app.projections.position();
        if !found.rows.is_empty() || Instant::now() >= until {
            break found;
        }
        if more {
            continue;
        }
        waits = waits.or_else(|| app.waiting.take(ask.principal));
        if waits.is_none() {
            break found;
        }
        let came = tokio::select! {
            came = wait(&app, after, until) => came,
            () = &mut ending => false,
        };
        if !came {
            break found;
        }
    };
    if waits.is_some() {
        ask.still_admitted(&app).await?;
    }
    let next = format!("after={}", found.reached);
    let listed = Listed {
        links: Links::going_on(&ask, "after=", &next),
        meta: Meta {
            position: found.reached,
        },
        data: found.rows,
    };
    Ok((at_position(found.reached), Json(listed)).into_response())
}

async fn listen(app: App, ask: Ask, query: ListenQuery) -> Outcome {
    let last = place("Last-Event-ID", ask.last_event_id()?)?;
    let asked = last.or(place("after", query.after)?);
    in_ledger(&app, asked.unwrap_or(0)).await?;
    let Some(place) = app.listening.take(ask.principal) else {
        return Err(Problem::plain(Code::Busy));
    };
    let filter = Filter {
        partnership: query.partnership,
        stream_type: query.stream_type,
        event_type: query.event_type,
    };
    // The rows may be behind what was recorded already.
    let after = asked.unwrap_or_else(|| app.bus.ledger().head());
    let ending = Box::pin(ask.ending());
    let listener = Listener {
        app,
        ask,
        filter,
        after,
        ends: Instant::now() + STREAM_LASTS,
        began: false,
        _place: place,
    };
    let said = unfold(listener, |mut listener| async move {
        let some = listener.admitted().await?;
        Some((some, listener))
    });
    // Whoever listens asks again, and is then answered by another server or by the next.
    let body = Body::from_stream(said.take_until(ending));
    let events = HeaderValue::from_static("text/event-stream");
    Ok(([(header::CONTENT_TYPE, events)], body).into_response())
}

/// One who listens.
struct Listener {
    app: App,
    ask: Ask,
    filter: Filter,
    after: u64,
    ends: Instant,
    began: bool,
    _place: Place,
}

impl Listener {
    /// What is sent next to one whose key still holds; nothing where the answer ends.
    async fn admitted(&mut self) -> Option<Result<Bytes, std::io::Error>> {
        let some = self.some().await?;
        match self.ask.still_admitted(&self.app).await {
            Ok(()) => Some(some),
            Err(problem) => {
                broke_off(problem);
                None
            }
        }
    }

    /// What is sent next; nothing where it is time to ask again.
    async fn some(&mut self) -> Option<Result<Bytes, std::io::Error>> {
        if !std::mem::replace(&mut self.began, true) {
            // The head of the answer goes out with it.
            return Some(Ok(format!("retry: 1000\n{}", self.reached()).into()));
        }
        let silent = Instant::now() + KEEP_ALIVE;
        while Instant::now() < self.ends {
            let at = (self.after, ROWS_MAX);
            let found = match page(&self.app, self.ask.principal, &self.filter, at).await {
                Ok(found) => found,
                Err(problem) => {
                    broke_off(problem);
                    return None;
                }
            };
            self.after = found.reached;
            if !found.rows.is_empty() {
                let text: String = found.rows.iter().filter_map(event).collect();
                return Some(Ok(text.into()));
            }
            let more = self.after < self.app.projections.position();
            let silent = silent.min(self.ends);
            // Looking through a long ledger for what is rare may take long as well.
            if Instant::now() >= silent || !more && !wait(&self.app, self.after, silent).await {
                return Some(Ok(self.reached().into()));
            }
        }
        None
    }

    /// How far was looked, without an event: whoever listens again goes on from there, and what was
    /// recorded between two answers is missed by nobody.
    fn reached(&self) -> String {
        format!("id: {}\n\n", self.after)
    }
}

/// Says why an answer ends early, where that is our fault.
fn broke_off(problem: Problem) {
    if let Some(cause) = problem.log {
        tracing::error!(cause, "server-sent events broke off");
    }
}

/// A row as a server-sent event.
fn event(said: &Notice) -> Option<String> {
    let data = serde_json::to_string(said).ok()?;
    let name = dutyledger_messages::event_name(said);
    Some(format!(
        "id: {}\nevent: {name}\ndata: {data}\n\n",
        said.position
    ))
}
