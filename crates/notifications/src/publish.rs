//! Publishing, entry after entry, in a bounded window.

use std::collections::VecDeque;
use std::future::IntoFuture;

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishAckFuture, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use dutyledger_ledger::LedgerReader;
use dutyledger_messages::{Message, message};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use crate::relay::{Relay, Step, Stop};
use crate::verify::unpublishable;

/// How many messages may be on their way at once.
pub(crate) const WINDOW: usize = 512;
/// How many bytes of data may be on their way at once; a larger message goes alone.
const WINDOW_BYTES: usize = 4 << 20;
/// How many entries are read at once.
const PAGE: u32 = 1_000;
/// How many pages are read ahead.
const PAGES_AHEAD: usize = 3;

type Page = Result<Vec<Message>, Stop>;

/// A message that is on its way.
struct Sent {
    position: u64,
    bytes: usize,
    acknowledged: PublishAckFuture,
}

/// Publishes what the ledger holds after a position, and what is recorded from then on, until an
/// instant, or until something is not as it should be. Everything that was sent is acknowledged then.
pub(crate) async fn publish(
    relay: &mut Relay,
    js: &Context,
    stream: &str,
    after: u64,
    until: Instant,
) -> Result<(), Stop> {
    let (pages, mut read) = mpsc::channel(PAGES_AHEAD);
    let reading = tokio::spawn(read_on(
        relay.ledger.clone(),
        relay.tail.clone(),
        after,
        pages,
    ));
    // What reads ends with what it reads for.
    let _reading = AbortOnDrop(reading);
    let mut waiting: VecDeque<Message> = VecDeque::new();
    let mut sent: VecDeque<Sent> = VecDeque::new();
    let (mut bytes, mut ended) = (0, None);
    loop {
        let room = |sent: &VecDeque<Sent>, bytes| {
            sent.is_empty() || (sent.len() < WINDOW && bytes < WINDOW_BYTES)
        };
        while ended.is_none() && room(&sent, bytes) && Instant::now() < until {
            let Some(message) = waiting.pop_front() else {
                let page = match sent.is_empty() {
                    true => match timeout_at(until, read.recv()).await {
                        Ok(page) => page,
                        Err(_) => return Ok(()),
                    },
                    false => read.try_recv().ok(),
                };
                match page {
                    Some(Ok(page)) => waiting.extend(page),
                    // What was read before goes out first.
                    Some(Err(stop)) => ended = Some(stop),
                    None if sent.is_empty() => return Err(Stop::passing("reading has ended")),
                    None => break,
                }
                continue;
            };
            let position = message.position;
            relay.step(Step::Read(position));
            let size = message.data.len();
            let acknowledged = send(js, stream, message).await?;
            relay.step(Step::Sent(position));
            bytes += size;
            sent.push_back(Sent {
                position,
                bytes: size,
                acknowledged,
            });
        }
        let Some(first) = sent.pop_front() else {
            return match ended {
                Some(stop) => Err(stop),
                // It is time to look again.
                None => Ok(()),
            };
        };
        bytes -= first.bytes;
        acknowledged(stream, first.position, first.acknowledged).await?;
        relay.step(Step::Acknowledged(first.position));
        relay.reached(first.position).await;
    }
}

/// Hands a message to the connection. The server refuses it unless the stream ends right before it.
async fn send(js: &Context, stream: &str, message: Message) -> Result<PublishAckFuture, Stop> {
    let mut headers = HeaderMap::new();
    for (name, value) in &message.headers {
        headers.insert(*name, value.as_str());
    }
    let publish = PublishMessage::build()
        .payload(message.data.into())
        .headers(headers)
        .expected_stream(stream)
        .expected_last_sequence(message.position - 1);
    let sent = js.send_publish(message.subject, publish).await;
    sent.map_err(|error| Stop::passing(error.to_string()))
}

/// Waits for an acknowledgement, and checks that it is the right one.
async fn acknowledged(
    stream: &str,
    position: u64,
    acknowledgement: PublishAckFuture,
) -> Result<(), Stop> {
    match acknowledgement.into_future().await {
        Ok(ack) if ack.sequence == position && ack.stream == stream && !ack.duplicate => Ok(()),
        Ok(ack) => Err(Stop::Lost(format!(
            "the message of position {position} is sequence {} of {}{}",
            ack.sequence,
            ack.stream,
            if ack.duplicate { " already" } else { "" }
        ))),
        Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Err(Stop::Lost(
            format!("the stream does not end before position {position}"),
        )),
        Err(error) => Err(Stop::passing(error.to_string())),
    }
}

/// Reads on as the ledger grows, and makes messages of what it reads.
async fn read_on(
    ledger: LedgerReader,
    mut tail: watch::Receiver<u64>,
    mut after: u64,
    pages: mpsc::Sender<Page>,
) {
    loop {
        let page = read(&ledger, &mut tail, after).await;
        let ended = page.is_err();
        if let Ok(page) = &page {
            after = page.last().map_or(after, |message| message.position);
        }
        if pages.send(page).await.is_err() || ended {
            return;
        }
    }
}

async fn read(ledger: &LedgerReader, tail: &mut watch::Receiver<u64>, after: u64) -> Page {
    let gone = |_| Stop::passing("the ledger was closed");
    tail.wait_for(|head| *head > after).await.map_err(gone)?;
    let entries = ledger.read_on(after, PAGE).await?;
    let mut page = Vec::with_capacity(entries.len());
    for entry in entries {
        let made = match entry.record() {
            Ok(record) => message(&record).map_err(|e| unpublishable(entry.position, &e)),
            Err(error) => Err(unpublishable(entry.position, &error)),
        };
        match made {
            Ok(made) => page.push(made),
            // What comes before it is published, and it is met again.
            Err(_) if !page.is_empty() => break,
            Err(stop) => return Err(stop),
        }
    }
    Ok(page)
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
