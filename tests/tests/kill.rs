//! Killed while it works: what was acknowledged is there once, and nothing is there twice.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use dutyledger_application::load;
use dutyledger_domain::streams::Strategy;
use dutyledger_ledger::LedgerReader;
use dutyledger_record::{Record, StreamId};
use dutyledger_tests::{Client, Server, Stops, Town, long, until};
use serde_json::{Value, json};

/// What a client outside the killed process knows of its commands: the idempotency key, and the
/// position it was answered, if it was.
type Known = Mutex<BTreeMap<String, Option<u64>>>;

fn write(client: &Client, path: &str, name: &str) -> Option<u64> {
    let body = json!({ "occurred_on": "2023-06-02", "correlation_id": correlation(name),
        "particulars": { "version": 1, "group": "young_people" } });
    let answer = client.try_send(
        "POST",
        path,
        &[("idempotency-key", name)],
        Some(&body.to_string()),
    );
    let answer = answer.ok()?;
    (answer.status == 200).then(|| answer.body["position"].as_u64().unwrap())
}

/// A correlation id that carries the command's number, to find it in the record.
fn correlation(name: &str) -> String {
    let number: u128 = name.trim_start_matches("command-").parse().unwrap();
    uuid::Builder::from_random_bytes(number.to_be_bytes())
        .into_uuid()
        .to_string()
}

#[test]
fn every_acknowledged_command_is_there_once_after_a_kill_and_none_twice() {
    let mut server = Server::start();
    let town = Town::found(&server, "Killton");
    let strategy = town.draft("2023-06-01");
    let path = format!("/v1/strategies/{strategy}/engagements");
    let (rounds, writers) = if long() { (12, 16) } else { (3, 6) };
    let known = Known::default();
    let police = town.client("police").clone();
    for round in 0..rounds {
        let stop = AtomicBool::new(false);
        let enough = (round + 1) * writers * 5;
        std::thread::scope(|scope| {
            let _stops = Stops(&stop);
            for writer in 0..writers {
                let (police, known, stop, path) =
                    (police.at(server.address()), &known, &stop, &path);
                scope.spawn(move || {
                    let mut number = 1_000_000 * (round * writers + writer + 1);
                    while !stop.load(Ordering::Relaxed) {
                        number += 1;
                        let name = format!("command-{number}");
                        known.lock().unwrap().insert(name.clone(), None);
                        if let Some(position) = write(&police, path, &name) {
                            known.lock().unwrap().insert(name, Some(position));
                        }
                    }
                });
            }
            // The kill comes under load: once enough commands were acknowledged.
            until("enough commands are acknowledged", || {
                known.lock().unwrap().values().flatten().count() >= enough
            });
            server.kill();
        });
        server.restart();
        // The same key settles every command whose answer was lost.
        let police = police.at(server.address());
        let unsettled: Vec<_> = {
            let known = known.lock().unwrap();
            known
                .iter()
                .filter(|(_, at)| at.is_none())
                .map(|(name, _)| name.clone())
                .collect()
        };
        for name in unsettled {
            let position = write(&police, &path, &name).expect("it is settled");
            known.lock().unwrap().insert(name, Some(position));
        }
    }

    let known = known.into_inner().unwrap();
    let head = *known.values().flatten().max().unwrap();
    let police = police.at(server.address());
    let live = police
        .get_at(&format!("/v1/strategies/{strategy}"), head)
        .ok();
    server.end();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (records, folded) = runtime.block_on(async {
        let reader = LedgerReader::open(&server.ledger()).await.unwrap();
        let mut records: Vec<Record> = Vec::new();
        loop {
            let page = reader.read(records.len() as u64, 1_000).await.unwrap();
            if page.is_empty() {
                break;
            }
            records.extend(page.iter().map(|stored| stored.record().unwrap()));
        }
        let id: StreamId = strategy.parse().unwrap();
        let history = load::history::<Strategy>(&reader, id, None).await.unwrap();
        (records, history.state(chrono::NaiveDate::MAX))
    });
    let gapless = records
        .iter()
        .zip(1..)
        .all(|(record, position)| record.position == position);
    assert!(gapless, "positions are 1, 2, 3 … without gaps");
    for (name, position) in &known {
        let correlation = correlation(name);
        let found: Vec<_> = records
            .iter()
            .filter(|r| r.entry.standing.correlation_id.to_string() == correlation)
            .map(|r| r.position)
            .collect();
        assert_eq!(
            found,
            [position.unwrap()],
            "{name} is there once, where it was answered"
        );
    }
    let folded: Value = serde_json::to_value(&folded).unwrap();
    assert_eq!(
        live["state"], folded,
        "the projection equals a fold from scratch"
    );
}

#[test]
fn a_graceful_end_loses_nothing_and_frees_the_ledger() {
    let mut server = Server::start();
    let town = Town::found(&server, "Endton");
    let strategy = town.draft("2023-06-01");
    let before = town
        .client("police")
        .get_now(&format!("/v1/strategies/{strategy}"));
    assert_eq!(before.status, 200);
    server.end();
    let listed = server.run(&["--json", "key", "list"]);
    assert!(
        listed.status.success(),
        "{}",
        String::from_utf8_lossy(&listed.stderr)
    );
    server.restart();
    let police = town.client("police").at(server.address());
    let after = police.get_now(&format!("/v1/strategies/{strategy}"));
    assert_eq!(before.body["state"], after.body["state"]);
}
