//! `dutyledger serve`: the server, from start to graceful end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use dutyledger_api::{App, Limits, router};
use dutyledger_application::{Bus, MasterKey};
use dutyledger_clock::Clock;
use dutyledger_ledger::{Health, LedgerReader, Place as Database};
use dutyledger_notifications::Relay;
use dutyledger_projections::{Projections, Projector, rebuild as rebuild_rows};
use dutyledger_transparency::{Keeper, Log};

use crate::checkpoints;
use crate::cli::{Place, ServeSettings};
use crate::exit::Failure;
use crate::keys::edge;
use crate::notifications::Watched;
use crate::output;

/// Everything that serves, before it is served.
pub(crate) struct Service {
    pub(crate) bus: Bus,
    master: MasterKey,
    projections: Projections,
    projector: Projector,
    relay: Option<Relay>,
    checkpoints: Option<(Keeper, Log)>,
}

impl Service {
    /// Over an open ledger, with the projections at a place.
    pub(crate) async fn over(
        bus: Bus,
        master: MasterKey,
        projections: &Database,
    ) -> Result<Self, Failure> {
        let (projections, projector) = Projections::open(projections, bus.ledger())
            .await
            .map_err(Failure::cannot_open)?;
        Ok(Self {
            bus,
            master,
            projections,
            projector,
            relay: None,
            checkpoints: None,
        })
    }

    /// The same, publishing what is recorded.
    pub(crate) fn publishing(self, relay: Option<Relay>) -> Self {
        Self { relay, ..self }
    }

    /// The same, signing checkpoints.
    pub(crate) fn signing(self, checkpoints: Option<(Keeper, Log)>) -> Self {
        Self {
            checkpoints,
            ..self
        }
    }

    /// Serves until the process is asked to end, then ends without losing anything: requests under
    /// way are answered, what is queued is recorded, files are closed.
    pub(crate) async fn serve(self, listener: TcpListener) -> Result<(), Failure> {
        let Self {
            bus,
            master,
            projections,
            mut projector,
            relay,
            checkpoints,
        } = self;
        let address = listener.local_addr().map_err(Failure::other)?;
        bus.ledger()
            .announce(&format!("http://{address}"))
            .map_err(Failure::other)?;
        let (stop, stopping) = watch::channel(false);
        let tail = bus.ledger().tail();
        let mut stop_projector = stopping.clone();
        let projecting = tokio::spawn(async move {
            let ended = projector
                .run(tail, async move {
                    // The sender going away is the end as well.
                    let _ = stop_projector.wait_for(|stop| *stop).await;
                })
                .await;
            if let Err(error) = ended {
                tracing::error!(%error, "the projections stopped; the rest goes on");
            }
        });
        let clock = Clock::new(bus.clone(), projections.clone());
        let mut stop_clock = stopping.clone();
        let ticking = tokio::spawn(clock.run(async move {
            let _ = stop_clock.wait_for(|stop| *stop).await;
        }));
        let watched = relay.as_ref().map(|relay| Watched(relay.watch()));
        let mut stop_relay = stopping.clone();
        let relaying = relay.map(|mut relay| {
            tokio::spawn(async move {
                let stopped = async move {
                    // The sender going away is the end as well.
                    let _ = stop_relay.wait_for(|stop| *stop).await;
                };
                relay.run(stopped).await;
            })
        });
        let mut stop_keeper = stopping;
        let (log, signing) = match checkpoints {
            Some((keeper, log)) => {
                let signing = tokio::spawn(keeper.run(async move {
                    let _ = stop_keeper.wait_for(|stop| *stop).await;
                }));
                (Some(log), Some(signing))
            }
            None => (None, None),
        };
        // Heard from now on: whoever reads "serving" may ask for the end at once.
        let asked_to_end = asked_to_end().map_err(Failure::other)?;
        let mut app = App::new(bus.clone(), projections.clone(), &master);
        if let Some(watched) = watched {
            app = app.notifying(Arc::new(watched));
        }
        if let Some(log) = log {
            app = app.proving(log);
        }
        tracing::info!(%address, "serving");
        let limits = Limits::default();
        let router = router(app, limits);
        // A server whose ledger takes no more has nothing left to do: it ends with a code of its
        // own, and whatever started it starts it again.
        let ledger = bus.ledger().clone();
        let end = async move {
            tokio::select! {
                () = asked_to_end => {}
                () = ledger.stopped() => {}
            }
        };
        let served = dutyledger_api::serve(listener, router, limits, end).await;
        tracing::info!("ending: recording what is queued");
        let _ = stop.send(true);
        // The clock first: it asks the projections and records.
        for (name, task) in [("clock", ticking), ("projector", projecting)] {
            if let Err(error) = task.await {
                tracing::error!(%error, "the {name} did not end well");
            }
        }
        for (name, task) in [("relay", relaying), ("keeper of checkpoints", signing)] {
            if let Some(task) = task
                && let Err(error) = task.await
            {
                tracing::error!(%error, "the {name} did not end well");
            }
        }
        projections.close().await;
        // Before it is closed, which stops it too.
        let health = bus.ledger().health();
        bus.close().await;
        match health {
            Health::Stopped { why } => Err(Failure::stopped(format!("the ledger stopped: {why}"))),
            Health::Serving => served.map_err(Failure::other),
        }
    }
}

/// Completes when the process is asked to end. The signals are heard from the call on.
fn asked_to_end() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

pub(crate) async fn serve(settings: &ServeSettings) -> Result<(), Failure> {
    let home = settings.place.home_to_append()?;
    let files = settings.checkpoints.of(&settings.place, &home);
    let connection = settings.nats.connection("dutyledger relay")?;
    let (bus, master) = Bus::open(&home, settings.place.mode.into(), edge()).await?;
    let relay = connection.map(|connection| {
        let (reader, tail) = ((**bus.ledger()).clone(), bus.ledger().tail());
        Relay::new(reader, tail, connection, settings.stream.nats_replicas)
            .noting(settings.stream.noted(&home))
    });
    let every = Duration::from_secs(settings.checkpoint_every.into());
    let checkpoints = checkpoints::keeper(&bus, &files, every).await?;
    let listener = TcpListener::bind(settings.listen)
        .await
        .map_err(|e| Failure::cannot_open(format!("cannot listen on {}: {e}", settings.listen)))?;
    Service::over(bus, master, &home.projections)
        .await?
        .publishing(relay)
        .signing(checkpoints)
        .serve(listener)
        .await
}

pub(crate) async fn rebuild(place: &Place, json: bool) -> Result<(), Failure> {
    let home = place.home()?;
    let reader = LedgerReader::open(&home.ledger)
        .await
        .map_err(Failure::cannot_open)?;
    let bar = output::progress("rebuilding");
    let shown = bar.clone();
    let position = rebuild_rows(&home.projections, &reader, move |done, total| {
        shown.set_length(total);
        shown.set_position(done);
    })
    .await
    .map_err(Failure::cannot_open)?;
    bar.finish_and_clear();
    reader.close().await;
    if json {
        println!("{}", serde_json::json!({ "position": position }));
    } else {
        eprintln!("The projections are made anew, up to position {position}.");
    }
    Ok(())
}
