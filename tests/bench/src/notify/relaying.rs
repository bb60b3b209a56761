//! The relay at work.

use async_nats::jetstream;
use dutyledger_ledger::{Clock, LedgerReader, SystemClock};
use dutyledger_notifications::{Connection, Relay, Standing, State, Watch};
use dutyledger_test_nats::Nats;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Fallible;
use crate::notify::STREAM;

/// A relay that publishes.
pub(super) struct Relaying {
    watch: Watch,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Relaying {
    /// Starts one.
    pub(super) fn start(nats: &Nats, ledger: LedgerReader, tail: watch::Receiver<u64>) -> Self {
        let connection = Connection {
            url: nats.url(),
            name: "dutyledger-bench".to_owned(),
            ..Connection::default()
        };
        let mut relay = Relay::new(ledger, tail, connection, 1);
        let watch = relay.watch();
        let (stop, mut stopped) = watch::channel(false);
        let running = tokio::spawn(async move {
            let end = async move {
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            relay.run(end).await;
        });
        Self {
            watch,
            stop,
            running,
        }
    }

    /// Waits until a position is published, or until it never will be.
    pub(super) async fn reached(&self, position: u64) -> Fallible<()> {
        let ended = |standing: &Standing| {
            standing.published >= position || matches!(standing.state, State::StandingStill(_))
        };
        let standing = self.watch.until(ended).await.ok_or("the relay ended")?;
        match standing.state {
            State::StandingStill(trouble) => Err(trouble.to_string().into()),
            _ => Ok(()),
        }
    }

    /// What the relay and the server count.
    pub(super) async fn counted(&self, nats: &Nats) -> Fallible<String> {
        let look = self
            .watch
            .look(SystemClock.now().timestamp_millis())
            .await?;
        let js = jetstream::new(async_nats::connect(nats.url()).await?);
        let account: Value = js.request("INFO", &json!({})).await?;
        Ok(format!(
            "relay {}, {} entries and {} ms behind, {} failures, {} reconnects; NATS {} bytes \
             stored, {} requests, {} errors",
            look.standing.state.name(),
            look.lag_entries,
            look.lag_millis,
            look.failures,
            look.reconnects,
            account["storage"],
            account["api"]["total"],
            account["api"]["errors"],
        ))
    }

    /// Ends well.
    pub(super) async fn end(self) -> Fallible<()> {
        let _ = self.stop.send(true);
        Ok(self.running.await?)
    }
}

/// Whether the stream holds what the ledger makes of every entry up to its head, byte for byte, and
/// nothing else: a relay that knows nothing of the stream looks at all of it before it goes on.
pub(super) async fn check(nats: &Nats, ledger: LedgerReader, head: u64) -> Fallible<()> {
    let js = jetstream::new(async_nats::connect(nats.url()).await?);
    let info: Value = js
        .request(format!("STREAM.INFO.{STREAM}"), &json!({}))
        .await?;
    let last = &info["state"]["last_seq"];
    if last != head {
        return Err(format!("the stream ends at {last}, and the ledger at {head}").into());
    }
    let relaying = Relaying::start(nats, ledger, watch::channel(head).1);
    relaying.reached(head).await?;
    relaying.end().await
}
