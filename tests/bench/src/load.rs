//! Clients, each of which asks again when it is answered.

use std::time::{Duration, Instant};

use crate::Fallible;
use crate::sample::Sample;

/// How long the clients run before what they are answered counts.
pub(crate) const RAMP: Duration = Duration::from_millis(250);

/// A client.
pub(crate) trait Client: Send + 'static {
    /// Asks once and waits for the answer.
    fn ask(&mut self) -> impl Future<Output = Fallible<()>> + Send;

    /// How many rows an answer stands for.
    fn rows(&self) -> usize {
        1
    }
}

/// Runs clients for a time, and gives them back with what they came to. Each finishes what it has
/// asked.
pub(crate) async fn drive<C: Client>(
    clients: Vec<C>,
    time: Duration,
) -> Fallible<(Sample, Vec<C>)> {
    let rows = clients.first().map_or(1, Client::rows);
    let from = Instant::now() + RAMP;
    let until = from + time;
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|client| tokio::spawn(go_on(client, from, until)))
        .collect();
    let (mut counted, mut clients) = (Vec::new(), Vec::with_capacity(tasks.len()));
    for task in tasks {
        let (latencies, client) = task.await??;
        counted.extend(latencies);
        clients.push(client);
    }
    Ok((Sample::of(counted, rows, time), clients))
}

async fn go_on<C: Client>(
    mut client: C,
    from: Instant,
    until: Instant,
) -> Fallible<(Vec<Duration>, C)> {
    let mut latencies = Vec::new();
    let mut asked = Instant::now();
    while asked < until {
        client.ask().await?;
        let answered = Instant::now();
        if (from..until).contains(&answered) {
            latencies.push(answered - asked);
        }
        asked = answered;
    }
    Ok((latencies, client))
}
