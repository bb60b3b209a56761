//! `dutyledger notifications`, and how the relay of a server is watched.

use std::pin::Pin;

use serde_json::json;

use dutyledger_api::{Notifications, NotificationsShown};
use dutyledger_ledger::LedgerReader;
use dutyledger_notifications::{NotedStream, RebuildError, Rebuilt, State, Watch};

use crate::cli::NotificationsSettings;
use crate::exit::Failure;
use crate::output;

/// A relay, as readiness and metrics look at it.
#[derive(Debug)]
pub(crate) struct Watched(pub(crate) Watch);

impl Notifications for Watched {
    fn look(
        &self,
        now_millis: i64,
    ) -> Pin<Box<dyn Future<Output = Option<NotificationsShown>> + Send + '_>> {
        Box::pin(async move {
            let look = self.0.look(now_millis).await.ok()?;
            let state = &look.standing.state;
            let detail = match state {
                State::StandingStill(trouble) => Some(trouble.to_string()),
                // Why a server cannot be reached is for the log: it tells of the network.
                State::Starting
                | State::Unreachable { .. }
                | State::Publishing
                | State::Following => None,
            };
            Some(NotificationsShown {
                state: state.name(),
                standing_still: detail.is_some(),
                detail,
                published_position: look.standing.published,
                lag_entries: look.lag_entries,
                lag_millis: look.lag_millis,
                failures: look.failures,
                reconnects: look.reconnects,
            })
        })
    }
}

pub(crate) async fn rebuild(settings: &NotificationsSettings, json: bool) -> Result<(), Failure> {
    fill(settings, json, true).await
}

pub(crate) async fn refill(settings: &NotificationsSettings, json: bool) -> Result<(), Failure> {
    fill(settings, json, false).await
}

async fn fill(settings: &NotificationsSettings, json: bool, anew: bool) -> Result<(), Failure> {
    let connection = settings.nats.needed("dutyledger notifications")?;
    let home = settings.place.home()?;
    let ledger = LedgerReader::open(&home.ledger)
        .await
        .map_err(Failure::cannot_open)?;
    let note = settings.stream.noted(&home);
    let noted = NotedStream::read(&note, ledger.id()).map_err(Failure::cannot_open)?;
    let at_least = noted.map_or(0, |noted| noted.generation);
    let replicas = settings.stream.nats_replicas;
    let bar = output::progress("publishing");
    let shown = bar.clone();
    let progress = move |done, total| {
        shown.set_length(total);
        shown.set_position(done);
    };
    let filled = match anew {
        true => {
            dutyledger_notifications::rebuild(&ledger, &connection, replicas, at_least, progress)
                .await
        }
        false => {
            dutyledger_notifications::refill(&ledger, &connection, replicas, at_least, progress)
                .await
        }
    };
    bar.finish_and_clear();
    let Rebuilt {
        stream,
        position,
        retired,
    } = filled.map_err(|error| match &error {
        RebuildError::StandsStill(_) | RebuildError::NotOurs(_) | RebuildError::Retired { .. } => {
            Failure::refused(error)
        }
        RebuildError::Connect(_) | RebuildError::Api(_) | RebuildError::Ledger(_) => {
            Failure::other(error)
        }
    })?;
    ledger.close().await;
    if json {
        println!(
            "{}",
            json!({ "stream": stream, "position": position, "retired": retired })
        );
    } else {
        if let Some(retired) = retired {
            eprintln!("The stream before is left as it is, under {retired}.");
        }
        eprintln!("{stream} holds the ledger up to position {position}.");
    }
    Ok(())
}
