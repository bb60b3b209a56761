//! Decisions whose rules would no longer pass: marked, never undone.

use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use dutyledger_application::load;
use dutyledger_domain::triggers::{EntryMark, marks_of};
use dutyledger_domain::{Histories, History, StreamKind};
use dutyledger_record::{Stream, StreamId};

use super::state::{Found, answer};
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
    /// Decisions whose rules are not met on their own dates with what is now known; only for those
    /// who read the partnership's record, and as of now. Only a mark `admitted` or `found` may be
    /// called a breach.
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

/// The marks of a stream, evaluated with the streams its decisions rest on, all as now known. Which
/// those are is asked of its whole history: an old decision rests on the areas of its own date.
pub(super) async fn marks<K: StreamKind>(
    app: &App,
    id: StreamId,
    rests_on: impl FnOnce(&History<K>) -> Vec<Stream>,
) -> Result<Vec<EntryMark>, Problem> {
    let ledger = app.bus.ledger();
    let history = load::history::<K>(ledger, id, None)
        .await
        .map_err(internal)?;
    let rules = load::rules(ledger, None).await.map_err(internal)?;
    let mut known = Histories {
        rules,
        ..Histories::default()
    };
    load::add(ledger, &mut known, rests_on(&history), None)
        .await
        .map_err(internal)?;
    Ok(marks_of(&history, &known))
}
