//! The stock peer of the bench: cqrs-es over postgres-es as they come, with the same command.
//!
//! ```text
//! dutyledger-bench-peer append URL CLIENTS SECONDS STREAMS
//! dutyledger-bench-peer replay URL
//! ```
//!
//! Either prints one line of JSON. The pool has as many connections as there are clients.

mod aggregate;
mod append;
mod replay;

use std::time::Duration;

use sqlx::postgres::{PgPool, PgPoolOptions};

/// The table as postgres-es documents it, in its `db/init.sql`.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS events (
    aggregate_type text                         NOT NULL,
    aggregate_id   text                         NOT NULL,
    sequence       bigint CHECK (sequence >= 0) NOT NULL,
    event_type     text                         NOT NULL,
    event_version  text                         NOT NULL,
    payload        json                         NOT NULL,
    metadata       json                         NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
)";

const USAGE: &str = "usage: dutyledger-bench-peer append URL CLIENTS SECONDS STREAMS | replay URL";

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = match words.as_slice() {
        ["append", url, clients, seconds, streams] => {
            let clients: u32 = clients.parse().expect("a number of clients");
            let seconds: f64 = seconds.parse().expect("a number of seconds");
            let streams: usize = streams.parse().expect("a number of streams");
            let pool = pool(url, clients).await;
            let time = Duration::from_secs_f64(seconds);
            append::run(pool, clients as usize, time, streams).await
        }
        ["replay", url] => replay::run(pool(url, 2).await).await,
        _ => panic!("{USAGE}"),
    };
    println!("{answer}");
}

async fn pool(url: &str, connections: u32) -> PgPool {
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(connections)
        .acquire_timeout(Duration::from_secs(60))
        .connect(url)
        .await
        .expect("the database answers");
    sqlx::query(TABLE)
        .execute(&pool)
        .await
        .expect("the table is made");
    pool
}
