//! Commands, each client giving its next when the last is answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postgres_es::{PostgresCqrs, postgres_cqrs};
use serde_json::{Value, json};
use sqlx::postgres::PgPool;

use crate::aggregate::{Authority, amend, metadata};

/// How long the clients run before what they do counts.
const RAMP: Duration = Duration::from_millis(250);

/// An aggregate and its version.
struct Warm {
    id: String,
    version: u64,
}

/// Warms the streams, runs the clients on streams of their own, and counts.
pub async fn run(pool: PgPool, clients: usize, time: Duration, streams: usize) -> Value {
    let cqrs = Arc::new(postgres_cqrs::<Authority>(pool, Vec::new(), ()));
    let lanes = warm(&cqrs, clients, streams).await;
    let start = Instant::now();
    let end = start + RAMP + time;
    let tasks: Vec<_> = lanes
        .into_iter()
        .map(|lane| tokio::spawn(client(Arc::clone(&cqrs), lane, end)))
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.extend(task.await.expect("a client ends well"));
    }
    let counted = start + RAMP..end;
    let mut latencies: Vec<Duration> = answers
        .iter()
        .filter(|(at, _)| counted.contains(at))
        .map(|(_, latency)| *latency)
        .collect();
    latencies.sort_unstable();
    json!({
        "rate": latencies.len() as f64 / time.as_secs_f64(),
        "p50_us": percentile(&latencies, 0.50),
        "p99_us": percentile(&latencies, 0.99),
        "rows": answers.len() + streams.max(clients),
    })
}

/// Enters every stream in the register, and deals them out to the clients.
async fn warm(
    cqrs: &Arc<PostgresCqrs<Authority>>,
    clients: usize,
    streams: usize,
) -> Vec<Vec<Warm>> {
    let mut lanes: Vec<Vec<Warm>> = (0..clients).map(|_| Vec::new()).collect();
    for number in 0..streams.max(clients) {
        let id = format!("0198d0c2-6f00-7000-8000-{number:012x}");
        lanes[number % clients].push(Warm { id, version: 0 });
    }
    let tasks: Vec<_> = lanes
        .into_iter()
        .map(|mut lane| {
            let cqrs = Arc::clone(cqrs);
            tokio::spawn(async move {
                for stream in &mut lane {
                    give(&cqrs, stream).await;
                }
                lane
            })
        })
        .collect();
    let mut warmed = Vec::new();
    for task in tasks {
        warmed.push(task.await.expect("the streams are warmed"));
    }
    warmed
}

async fn client(
    cqrs: Arc<PostgresCqrs<Authority>>,
    mut lane: Vec<Warm>,
    end: Instant,
) -> Vec<(Instant, Duration)> {
    let mut answers = Vec::new();
    let (mut next, streams) = (0, lane.len());
    while Instant::now() < end {
        let since = Instant::now();
        give(&cqrs, &mut lane[next % streams]).await;
        next += 1;
        answers.push((Instant::now(), since.elapsed()));
    }
    answers
}

async fn give(cqrs: &PostgresCqrs<Authority>, stream: &mut Warm) {
    cqrs.execute_with_metadata(&stream.id, amend(stream.version), metadata(&stream.id))
        .await
        .expect("the command is carried out");
    stream.version += 1;
}

fn percentile(sorted: &[Duration], part: f64) -> u64 {
    let last = sorted.len().saturating_sub(1) as f64;
    let at = (last * part).round() as usize;
    sorted.get(at).map_or(0, |latency| {
        u64::try_from(latency.as_micros()).unwrap_or(u64::MAX)
    })
}
