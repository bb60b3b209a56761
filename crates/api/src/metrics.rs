//! What is measured, in the text format of Prometheus.

use std::fmt::Write;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use dutyledger_record::Principal;

use crate::app::App;
use crate::problem::{Code, Problem};
use crate::reads::entries::reads_all;

/// Where what is measured is read. It needs a key.
pub(crate) const METRICS: &str = "/metrics";

/// Numbers alone, about the service as a whole. How much is recorded and when tells of what is, so they are
/// for those who read the ledger itself.
pub(crate) async fn metrics(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
) -> Result<Response, Problem> {
    if !reads_all(principal.kind) {
        return Err(Problem::plain(Code::NotPermitted));
    }
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, about: &str, value: String| {
        // Writing to a text does not fail.
        let _ = writeln!(
            text,
            "# HELP dutyledger_{name} {about}\n# TYPE dutyledger_{name} {kind}\ndutyledger_{value}"
        );
    };
    let number = |name: &str, value: u64| format!("{name} {value}");
    let mut gauge = |name: &str, about: &str, value: u64| {
        metric(name, "gauge", about, number(name, value));
    };
    gauge(
        "ledger_position",
        "The last position of the ledger.",
        app.bus.ledger().head(),
    );
    gauge(
        "projections_position",
        "The position the projections are derived up to.",
        app.projections.position(),
    );
    if let Some(shown) = app.notifications_now().await {
        gauge(
            "notifications_published_position",
            "The position up to which everything is published.",
            shown.published_position,
        );
        gauge(
            "notifications_lag_entries",
            "Entries that are not published.",
            shown.lag_entries,
        );
        gauge(
            "notifications_standing_still",
            "1 where notifications stand still until somebody puts right what readiness says.",
            u64::from(shown.standing_still),
        );
        let seconds = format!(
            "{}.{:03}",
            shown.lag_millis / 1_000,
            shown.lag_millis % 1_000
        );
        metric(
            "notifications_lag_seconds",
            "gauge",
            "How long ago the oldest entry that is not published was recorded.",
            format!("notifications_lag_seconds {seconds}"),
        );
        metric(
            "notifications_state",
            "gauge",
            "What the relay is doing.",
            format!("notifications_state{{state=\"{}\"}} 1", shown.state),
        );
        for (name, about, value) in [
            (
                "notifications_failures_total",
                "How often publishing had to begin again.",
                shown.failures,
            ),
            (
                "notifications_reconnects_total",
                "How often the connection to NATS was made anew.",
                shown.reconnects,
            ),
        ] {
            metric(name, "counter", about, number(name, value));
        }
    }
    let plain = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, plain)], text).into_response())
}
