//! Who receives what is published.

use std::time::Instant;

use async_nats::jetstream;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::push::OrderedConfig;
use dutyledger_test_nats::Nats;
use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Fallible;
use crate::notify::STREAM;

/// A subscriber on a connection of its own: what counts is when it has a message from the stream, in
/// its order, with nothing left out.
pub(super) struct Receiver {
    until: watch::Sender<Option<u64>>,
    receiving: JoinHandle<Fallible<Vec<Instant>>>,
}

impl Receiver {
    /// Receives from the message after a position on.
    pub(super) async fn after(nats: &Nats, after: u64) -> Fallible<Self> {
        let client = async_nats::connect(nats.url()).await?;
        let stream = jetstream::new(client.clone()).get_stream(STREAM).await?;
        let consumer = stream
            .create_consumer(OrderedConfig {
                deliver_subject: client.new_inbox(),
                deliver_policy: DeliverPolicy::ByStartSequence {
                    start_sequence: after + 1,
                },
                ..OrderedConfig::default()
            })
            .await?;
        let mut messages = consumer.messages().await?;
        let (until, mut ends) = watch::channel(None);
        let receiving = tokio::spawn(async move {
            // It holds the connection.
            let _client = client;
            let mut received = Vec::new();
            let mut last = after;
            while ends.borrow().is_none_or(|until| last < until) {
                let message = tokio::select! {
                    message = messages.next() => message.ok_or("the connection was lost")??,
                    _ = ends.changed() => continue,
                };
                received.push(Instant::now());
                let position = position(&message.payload).ok_or("a message without a position")?;
                if position != last + 1 {
                    return Err(format!("position {position} came after {last}").into());
                }
                last = position;
            }
            Ok(received)
        });
        Ok(Self { until, receiving })
    }

    /// When each message came, up to that of a position.
    pub(super) async fn up_to(self, position: u64) -> Fallible<Vec<Instant>> {
        let _ = self.until.send(Some(position));
        self.receiving.await?
    }
}

/// The position a message names. Reading all of its JSON would take the cores from what is measured.
fn position(data: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(data).ok()?;
    let (_, rest) = text.split_once("\"position\":")?;
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    rest[..end].parse().ok()
}
