//! Whether the service lives, and whether it is ready.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::time::timeout;

use dutyledger_ledger::Health;
use dutyledger_transparency::Trouble;

use crate::app::{App, NotificationsShown};

/// How long the wrapped keys may take to answer.
const KEYS_IN: Duration = Duration::from_secs(5);
/// Rows further behind than this many entries are late.
const BEHIND_MAX: u64 = 1_000;

/// How the service is.
#[derive(Serialize)]
struct Shown {
    status: &'static str,
    /// What is wrong with the note of the ledger's head, where it cannot be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_noted: Option<String>,
    ledger_position: u64,
    rows_position: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    notifications: Option<NotificationsShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoints: Option<CheckpointsShown>,
}

/// How the signing of checkpoints stands.
#[derive(Serialize)]
struct CheckpointsShown {
    /// How many entries the newest one covers; null before the first.
    size: Option<u64>,
    /// What keeps the next one from being signed, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// How the signing of checkpoints stands, and whether somebody has to put something right.
fn checkpoints(app: &App) -> (Option<CheckpointsShown>, bool) {
    let Some(log) = &app.log else {
        return (None, false);
    };
    let trouble = log.trouble();
    let lasting = |trouble: &Trouble| !matches!(trouble, Trouble::Passing(_));
    let stands_still = trouble.as_ref().is_some_and(lasting);
    let shown = CheckpointsShown {
        size: log.newest().map(|signed| signed.checkpoint.size),
        detail: trouble.map(|trouble| trouble.to_string()),
    };
    (Some(shown), stands_still)
}

/// The process answers.
pub(crate) async fn live() -> Response {
    Json(serde_json::json!({ "status": "live" })).into_response()
}

/// Whether the wrapped keys can be read. The server's own are always among them.
async fn keys_are_read(app: &App) -> bool {
    let holds = app.bus.vault().holds_any();
    matches!(timeout(KEYS_IN, holds).await, Ok(Ok(true)))
}

/// The ledger takes entries and its head is noted, the wrapped keys can be read, the rows keep up,
/// and nothing keeps the notifications from going on that does not pass by itself. NATS being out of
/// reach does: a service without it takes commands.
pub(crate) async fn ready(State(app): State<App>) -> Response {
    let head = app.bus.ledger().head();
    let freshness = app.projections.freshness().await;
    let rows = app.projections.position();
    let rows_run = freshness.is_ok_and(|freshness| freshness.stopped.is_none());
    let ledger_takes = app.bus.ledger().health() == Health::Serving;
    let notifications = app.notifications_now().await;
    let standing_still = notifications.as_ref().is_some_and(|n| n.standing_still);
    let (checkpoints, unsigned) = checkpoints(&app);
    let keys_are_read = keys_are_read(&app).await;
    let not_noted = app.bus.ledger().not_noted();
    let status = match (ledger_takes, rows_run) {
        (false, _) => "the ledger takes no entries",
        (true, false) => "the rows have stopped",
        (true, true) if !keys_are_read => "the wrapped keys cannot be read",
        (true, true) if not_noted.is_some() => "the head of the ledger cannot be noted",
        (true, true) if head.saturating_sub(rows) > BEHIND_MAX => "the rows are late",
        (true, true) if standing_still => "the notifications stand still",
        (true, true) if unsigned => "checkpoints are not signed",
        (true, true) => "ready",
    };
    let shown = Shown {
        status,
        not_noted,
        ledger_position: head,
        rows_position: rows,
        notifications,
        checkpoints,
    };
    let code = if status == "ready" {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, Json(shown)).into_response()
}
