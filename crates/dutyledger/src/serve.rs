//! `dutyledger serve`: the server, from start to graceful end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use dutyledger_api::{App, Limits, router};
use dutyledger_application::{Bus, MasterKey};
use dutyledger_clock::Clock;
use dutyledger_ledger::{LedgerReader, Place as Database};
use dutyledger_notifications::Relay;
use dutyledger_projections::{Projections, Projector, rebuild as rebuild_rows};
use dutyledger_transparency::{Keeper, Log};

use crate::checkpoints;
use crate::cli::{Place, ServeSettings};
use crate::exit::Failure;
use crate::keys::edge;
use crate::notifications::Watched;
use crate::output;
use crate::tasks::Tasks;

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
        let mut tasks = Tasks::new();
        let (tail, stopped) = (bus.ledger().tail(), tasks.stopped());
        tasks.run("projector", async move {
            if let Err(error) = projector.run(tail, stopped).await {
                tracing::error!(%error, "the projections stopped; the rest goes on");
            }
        });
        let clock = Clock::new(bus.clone(), projections.clone());
        let stopped = tasks.stopped();
        tasks.run("clock", clock.run(stopped));
        let watched = relay.as_ref().map(|relay| Watched(relay.watch()));
        if let Some(mut relay) = relay {
            let stopped = tasks.stopped();
            tasks.run("relay", async move { relay.run(stopped).await });
        }
        let log = checkpoints.map(|(keeper, log)| {
            let stopped = tasks.stopped();
            tasks.run("keeper of checkpoints", keeper.run(stopped));
            log
        });
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
        // A server whose ledger takes no more, or that lost a part of itself, has nothing left to do: it
        // ends with a code of its own, and whatever started it starts it again.
        let (ledger, fall) = (bus.ledger().clone(), tasks.fall());
        let end = async move {
            tokio::select! {
                () = asked_to_end => {}
                () = ledger.stopped() => {}
                () = fall => {}
            }
        };
        let served = dutyledger_api::serve(listener, router, limits, end).await;
        tracing::info!("ending: recording what is queued");
        let fallen = tasks.end().await;
        projections.close().await;
        match (bus.close().await, fallen) {
            (Some(why), _) => Err(Failure::stopped(format!("the ledger stopped: {why}"))),
            (None, Some(name)) => Err(Failure::stopped(format!(
                "the {name} fell; its error is in the log"
            ))),
            (None, None) => served.map_err(Failure::other),
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
