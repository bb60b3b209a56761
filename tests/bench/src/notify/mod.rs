//! Notifications over NATS, and JetStream alone.
//!
//! Every cell has a server of its own, and what is in its stream in the end is read back: by a relay
//! that is told nothing, and so compares every message with what the ledger makes of its entry.

mod raw;
mod receiver;
mod relaying;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use dutyledger_ledger::{LedgerReader, Place};
use dutyledger_test_nats::Nats;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Fallible;
use crate::check::{Due, check};
use crate::load::{Client, RAMP, drive};
use crate::ours::Ours;
use crate::rows::Template;
use crate::sample::Sample;
use crate::store::Store;
use raw::Publisher;
use receiver::Receiver;
use relaying::Relaying;

/// What the stream is called on a server that had none before.
const STREAM: &str = "DUTYLEDGER_1";
/// How many commands or messages begin in a second, at a steady rate.
const STEADY: u32 = 200;
/// How many clients take turns in giving them: each has been answered long before its next turn.
const TURNS: u32 = 32;

async fn reader(store: &Store) -> Fallible<LedgerReader> {
    Ok(LedgerReader::open(Place::parse(&store.address())?).await?)
}

/// A relay in the process that records, as a server has it: what was just recorded is at hand.
fn relaying_of(ours: &Ours, nats: &Nats) -> Relaying {
    let ledger = ours.bus().ledger();
    Relaying::start(nats, LedgerReader::clone(ledger), ledger.tail())
}

/// Publishes what a ledger holds to a server that has nothing yet.
pub(crate) async fn drain(store: &Store) -> Fallible<Sample> {
    let nats = Nats::start();
    let ledger = reader(store).await?;
    let head = ledger.last_position().await?;
    let since = Instant::now();
    let relaying = Relaying::start(&nats, ledger.clone(), watch::channel(head).1);
    relaying.reached(head).await?;
    let took = since.elapsed();
    relaying.end().await?;
    relaying::check(&nats, ledger, head).await?;
    Ok(Sample::through(head, took))
}

/// Publishes the same messages by the same client, and nothing else.
pub(crate) async fn drain_raw(store: &Store) -> Fallible<Sample> {
    let nats = Nats::start();
    let ledger = reader(store).await?;
    let head = ledger.last_position().await?;
    let ready = raw::make_ready(&ledger).await?;
    let publisher = Publisher::connect(&nats, &ledger.id().to_string()).await?;
    let since = Instant::now();
    publisher.all(ready.path()).await?;
    let took = since.elapsed();
    relaying::check(&nats, ledger, head).await?;
    Ok(Sample::through(head, took))
}

/// Receives notifications while clients give commands: how many came a second, and how long after
/// the last answer the last one came.
pub(crate) async fn live(
    store: &Store,
    clients: usize,
    streams: usize,
    time: Duration,
) -> Fallible<Sample> {
    let nats = Nats::start();
    let ours = Ours::open(store).await?;
    let streams = ours.warm(streams.max(clients)).await?;
    let relaying = relaying_of(&ours, &nats);
    let after = ours.head();
    relaying.reached(after).await?;
    let receiver = Receiver::after(&nats, after).await?;
    let from = Instant::now() + RAMP;
    let (_, clients) = drive(ours.clients(clients, &streams), time).await?;
    let answered = Instant::now();
    let at_the_end = relaying.counted(&nats).await?;
    let head = ours.head();
    let received = receiver.up_to(head).await?;
    let counted = format!("{at_the_end}; {}", store.counted().await?);
    relaying.end().await?;
    ours.close().await?;
    let keys: HashSet<String> = clients.into_iter().flat_map(|c| c.answered).collect();
    check(store, after, &Due::Commands(keys)).await?;
    relaying::check(&nats, reader(store).await?, head).await?;

    let meanwhile = |at: &&Instant| (from..from + time).contains(*at);
    let delivered = received.iter().filter(meanwhile).count();
    let last = received.last().copied().unwrap_or(answered);
    Ok(Sample {
        behind: Some(last.saturating_duration_since(answered)),
        counted: Some(counted),
        ..Sample::through(delivered as u64, time)
    })
}

/// Gives commands at a steady rate: how long from the start of each to the receipt of its
/// notification.
pub(crate) async fn notice(store: &Store, time: Duration) -> Fallible<Sample> {
    let nats = Nats::start();
    let ours = Ours::open(store).await?;
    let streams = ours.warm(TURNS as usize).await?;
    let relaying = relaying_of(&ours, &nats);
    let after = ours.head();
    relaying.reached(after).await?;
    let receiver = Receiver::after(&nats, after).await?;
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for (turn, mut client) in (0..TURNS).zip(ours.clients(TURNS as usize, &streams)) {
        tasks.spawn(async move {
            let mut begun = Vec::new();
            let mut next = begin + Duration::from_secs(1) * turn / STEADY;
            while next < begin + RAMP + time {
                tokio::time::sleep_until(next.into()).await;
                let since = Instant::now();
                client.ask().await?;
                begun.push((client.position, since));
                next += Duration::from_secs(1) * TURNS / STEADY;
            }
            Fallible::Ok((begun, client.answered))
        });
    }
    let (mut begun, mut keys) = (Vec::new(), HashSet::new());
    for done in tasks.join_all().await {
        let (times, answered) = done?;
        begun.extend(times);
        keys.extend(answered);
    }
    let head = ours.head();
    let received = receiver.up_to(head).await?;
    relaying.end().await?;
    ours.close().await?;
    check(store, after, &Due::Commands(keys)).await?;
    relaying::check(&nats, reader(store).await?, head).await?;
    sample(begin, time, after, &begun, &received)
}

/// Publishes messages at the same rate to the same receiver.
pub(crate) async fn notice_raw(template: &Template, time: Duration) -> Fallible<Sample> {
    let nats = Nats::start();
    let publisher = Publisher::connect(&nats, "none").await?;
    let receiver = Receiver::after(&nats, 0).await?;
    let begin = Instant::now();
    let (mut begun, mut next) = (Vec::new(), begin);
    let mut messages = raw::messages(template);
    while next < begin + RAMP + time {
        let ready = messages.next().ok_or("no message")??;
        tokio::time::sleep_until(next.into()).await;
        let since = Instant::now();
        publisher.one(ready).await?;
        begun.push((begun.len() as u64 + 1, since));
        next += Duration::from_secs(1) / STEADY;
    }
    let received = receiver.up_to(begun.len() as u64).await?;
    sample(begin, time, 0, &begun, &received)
}

/// How long each took that began while it counted.
fn sample(
    begin: Instant,
    time: Duration,
    after: u64,
    begun: &[(u64, Instant)],
    received: &[Instant],
) -> Fallible<Sample> {
    let mut latencies = Vec::with_capacity(begun.len());
    for (position, since) in begun {
        let at = usize::try_from(position - after - 1)?;
        let received = received.get(at).ok_or("a message was not received")?;
        if *since >= begin + RAMP {
            latencies.push(received.saturating_duration_since(*since));
        }
    }
    Ok(Sample::of(latencies, 1, time))
}
