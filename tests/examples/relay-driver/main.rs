//! A relay in a process of its own, for a test that kills and stops it.
//!
//! `relay-driver <ledger> <NATS> <note> [<read|sent|acknowledged> <position>]` publishes, says how far it
//! is, and kills itself at the step that is named.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use dutyledger_ledger::LedgerReader;
use dutyledger_notifications::{Connection, Relay, Step};
use tokio::sync::watch;

/// Ends this process as a crash does.
fn die() {
    let process = std::process::id().to_string();
    let _ = Command::new("/usr/bin/kill")
        .args(["-KILL", &process])
        .status();
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().unwrap_or_default();
    let (ledger, url, note) = (PathBuf::from(next()), next(), PathBuf::from(next()));
    let (step, at): (String, u64) = (next(), next().parse().unwrap_or(0));
    let reader = LedgerReader::open(&ledger).await.unwrap();
    let (tail, receiver) = watch::channel(0);
    let looking = reader.clone();
    tokio::spawn(async move {
        loop {
            if let Ok(head) = looking.last_position().await {
                let _ = tail.send(head);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let connection = Connection {
        url,
        name: "relay-driver".to_owned(),
        ..Connection::default()
    };
    let mut relay = Relay::new(reader, receiver, connection, 1)
        .noting(note)
        .observed(move |reached| {
            let (kind, position) = match reached {
                Step::Read(position) => ("read", position),
                Step::Sent(position) => ("sent", position),
                Step::Acknowledged(position) => ("acknowledged", position),
            };
            if kind == step && position == at {
                die();
            }
        });
    let watched = relay.watch();
    tokio::spawn(async move {
        let mut said = 0;
        while let Some(standing) = watched.until(|standing| standing.published > said).await {
            said = standing.published;
            println!("published {said}");
        }
    });
    relay.run(std::future::pending()).await;
}
