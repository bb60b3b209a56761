//! Decisions whose rules would no longer pass: marked, never undone.

use axum::response::Response;
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Serialize;

use dutyledger_application::load;
use dutyledger_domain::streams::{Partnership, Strategy, authority, needs_assessment, partnership};
use dutyledger_domain::triggers::{EntryMark, marks_of};
use dutyledger_domain::{Histories, History, StreamKind};
use dutyledger_record::{Stream, StreamId};

use super::partnerships::areas;
use super::state::{AsOf, Found, answer};
use crate::app::App;
use crate::problem::{Problem, internal};

/// Something as it stands, or as it stood, with its marks.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Marked<S> {
    /// Its id.
    id: StreamId,
    /// Its version.
    version: u64,
    /// What is known of it.
    state: S,
    /// Decisions whose rules are not met on their own dates with what was known; only for those
    /// who read the partnership's record, and as of the time asked for. Only a mark `admitted` or
    /// `found` may be called a breach.
    #[serde(skip_serializing_if = "Option::is_none")]
    marks: Option<Vec<EntryMark>>,
}

impl<S: Serialize> Found<S> {
    /// The answer with its marks, or without them for those who may not see them.
    pub(super) fn marked(self, marks: Option<Vec<EntryMark>>) -> Response {
        let stated = Marked {
            id: self.id,
            version: self.version,
            state: self.state,
            marks,
        };
        answer(self.version, self.position, stated)
    }
}

/// The marks of a stream, evaluated with the streams its decisions rest on, all as known at the
/// position asked for, and of what happened by the date asked for. Which streams those are is asked
/// of its whole history: an old decision rests on the areas of its own date.
pub(super) async fn marks<K: StreamKind>(
    app: &App,
    id: StreamId,
    as_of: Option<AsOf>,
    rests_on: impl FnOnce(&History<K>) -> Vec<Stream>,
) -> Result<Vec<EntryMark>, Problem> {
    let known_at = as_of.map(|as_of| as_of.known_at);
    let history = load::history::<K>(app.bus.ledger(), id, known_at)
        .await
        .map_err(internal)?;
    let known = known(app, rests_on(&history), known_at).await?;
    Ok(by_then(marks_of(&history, &known), as_of))
}

/// The marks of a strategy as of a date and a position. Its decisions rest on its partnership with
/// every area that ever had, on the assessments its versions rest on, and on the authorities.
pub(super) async fn of_strategy(
    app: &App,
    id: StreamId,
    as_of: AsOf,
) -> Result<Vec<EntryMark>, Problem> {
    let (ledger, known_at) = (app.bus.ledger(), Some(as_of.known_at));
    let history = load::history::<Strategy>(ledger, id, known_at)
        .await
        .map_err(internal)?;
    let state = history.state(NaiveDate::MAX);
    let mut streams = Vec::new();
    let versions = state.versions.values();
    let assessments = versions.flat_map(|version| version.assessments.iter());
    streams.extend(assessments.map(|id| needs_assessment::stream(*id)));
    let actions = state.actions.values();
    let touched = actions.flat_map(|action| action.authorities.keys());
    streams.extend(touched.map(|id| authority::stream(*id)));
    if let Some(partnership) = state.partnership {
        let history = load::history::<Partnership>(ledger, partnership, known_at)
            .await
            .map_err(internal)?;
        let members = &history.state(NaiveDate::MAX).members;
        streams.extend(members.keys().map(|id| authority::stream(*id)));
        streams.extend(areas(&history));
        streams.push(partnership::stream(partnership));
    }
    let known = known(app, streams, known_at).await?;
    Ok(by_then(marks_of(&history, &known), Some(as_of)))
}

/// Streams and the rule pack, as known at a position.
async fn known(
    app: &App,
    streams: Vec<Stream>,
    known_at: Option<u64>,
) -> Result<Histories, Problem> {
    let ledger = app.bus.ledger();
    let rules = load::rules(ledger, known_at).await.map_err(internal)?;
    let mut known = Histories {
        rules,
        ..Histories::default()
    };
    load::add(ledger, &mut known, streams, known_at)
        .await
        .map_err(internal)?;
    Ok(known)
}

/// The marks of what happened by the date asked for.
fn by_then(mut marks: Vec<EntryMark>, as_of: Option<AsOf>) -> Vec<EntryMark> {
    marks.retain(|mark| as_of.is_none_or(|as_of| mark.on <= as_of.on));
    marks
}
