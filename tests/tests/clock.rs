//! The clock of running servers: what passes becomes an entry once, whichever server says it.

use std::time::{Duration, Instant};

use dutyledger_test_postgres::{APPLICATION, Database, OWNER, Postgres};
use dutyledger_tests::{Server, Town, program};
use serde_json::Value;

/// Within this time another server takes over from one that is gone, on a busy machine.
const TAKE_OVER: Duration = Duration::from_secs(30);

/// How often each of the partnership's deadlines was announced as passed.
fn passed(database: &Database) -> Vec<u64> {
    let counts = database.sql(
        OWNER,
        "SELECT count(*) FROM ledger.entry WHERE leaf_data LIKE '%\"type\":\"DeadlinePassed\"%' \
         GROUP BY stream_id",
    );
    let counts = counts.unwrap();
    counts.lines().map(|line| line.parse().unwrap()).collect()
}

fn until_passed(database: &Database, deadlines: usize) {
    let since = Instant::now();
    while passed(database).len() < deadlines {
        assert!(since.elapsed() < TAKE_OVER, "nobody announced it");
    }
}

#[test]
fn a_date_that_passed_is_announced_once_by_whichever_server_leads() {
    let database = Postgres::shared().database();
    let migrated = std::process::Command::new(program())
        .args(["migrate", "--database-url", &database.url(OWNER)])
        .output()
        .unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    let mut one = Server::start_on(&database.url(APPLICATION));
    let two = one.another();
    let town = Town::found(&one, "Clockton");
    let strategy = town.adopted("2023-06-01");
    until_passed(&database, 1);

    // What is announced of it does not move the strategy.
    let version =
        |path: &str| town.coordinator.at(two.address()).get_now(path).ok()["version"].clone();
    let path = format!("/v1/strategies/{strategy}");
    let before = version(&path);

    // The one that leads is killed; another strategy's date is announced by the other.
    one.kill();
    let there = town.client("police").at(two.address());
    let title = serde_json::json!({ "occurred_on": "2023-06-02", "particulars": {
        "partnership": town.partnership, "title": "Another strategy",
        "bases": { "section_8": true, "section_9": false, "crime_and_disorder_act_section_6": false },
    } });
    let drafted: Value = there.post("/v1/strategies", &title).ok();
    let other = drafted["stream"]["id"].as_str().unwrap();
    let adopted = serde_json::json!({ "occurred_on": "2023-07-01", "acting": "past_fact",
        "particulars": { "version": 1 },
        "source": { "title": "Minutes", "reference": "M/1", "date": "2023-07-01" } });
    let adoption = there.post(&format!("/v1/strategies/{other}/adoptions"), &adopted);
    assert_eq!(adoption.status, 200, "{}", adoption.text);
    until_passed(&database, 2);

    // The first comes back, and neither says anything again.
    one.restart();
    assert_eq!(one.operator().get_now("/v1/areas").status, 200);
    one.end();
    assert_eq!(passed(&database), [1, 1]);
    assert_eq!(version(&path), before);
}
