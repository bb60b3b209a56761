//! The clock of running servers: what passes becomes an entry once, whichever server says it.

use std::time::{Duration, Instant};

use dutyledger_test_nats::signal;
use dutyledger_test_postgres::{APPLICATION, Database, OWNER, Postgres};
use dutyledger_tests::{Client, Server, Town, key, program};
use serde_json::{Value, json};

/// Within this time another server takes over from one that is gone, on a busy machine.
const TAKE_OVER: Duration = Duration::from_secs(30);

/// How often each of the partnership's deadlines was announced as passed.
fn passed(database: &Database) -> Vec<u64> {
    announced(database, "DeadlinePassed")
}

/// How often this was announced, for each stream it is announced in.
fn announced(database: &Database, event: &str) -> Vec<u64> {
    let counts = database.sql(
        OWNER,
        &format!(
            "SELECT count(*) FROM ledger.entry WHERE leaf_data LIKE '%\"type\":\"{event}\"%' \
             GROUP BY stream_id"
        ),
    );
    let counts = counts.unwrap();
    counts.lines().map(|line| line.parse().unwrap()).collect()
}

/// The last position in the database, whichever server recorded it.
fn head(database: &Database) -> u64 {
    let head = database.sql(OWNER, "SELECT position FROM ledger.head");
    head.unwrap().parse().unwrap()
}

fn until_passed(database: &Database, deadlines: usize) {
    until_announced(database, "DeadlinePassed", deadlines);
}

fn until_announced(database: &Database, event: &str, streams: usize) {
    let since = Instant::now();
    while announced(database, event).len() < streams {
        assert!(since.elapsed() < TAKE_OVER, "nobody announced it: {event}");
    }
}

/// A prepared database.
fn prepared() -> Database {
    let database = Postgres::shared().database();
    let migrated = std::process::Command::new(program())
        .args(["migrate", "--database-url", &database.url(OWNER)])
        .output()
        .unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    database
}

/// Another strategy of the town's, told through one server as adopted on a day whose year is over.
fn another_is_adopted(town: &Town, there: &Client) {
    let title = json!({ "occurred_on": "2023-06-02", "particulars": {
        "partnership": town.partnership, "title": "Another strategy",
        "bases": { "section_8": true, "section_9": false, "crime_and_disorder_act_section_6": false },
    } });
    let drafted: Value = there.post("/v1/strategies", &title).ok();
    let other = drafted["stream"]["id"].as_str().unwrap();
    let adopted = json!({ "occurred_on": "2023-07-01", "acting": "past_fact",
        "particulars": { "version": 1 },
        "source": { "title": "Minutes", "reference": "M/1", "date": "2023-07-01" } });
    let adoption = there.post(&format!("/v1/strategies/{other}/adoptions"), &adopted);
    assert_eq!(adoption.status, 200, "{}", adoption.text);
}

#[test]
fn a_date_that_passed_is_announced_once_by_whichever_server_leads() {
    let database = prepared();
    let mut one = Server::start_on(&database.url(APPLICATION));
    let two = one.another();
    let town = Town::found(&one, "Clockton");
    let strategy = town.adopted("2023-06-01");
    until_passed(&database, 1);
    // A case opens a trigger.
    let minister = one.client(&key(&town.operator, "secretary_of_state", None));
    let satisfied = |short: &str| {
        json!({ "occurred_on": "2023-08-01", "particulars": {
            "authority": town.ids[short], "duty": "8(4)", "area": town.area,
            "partnership": town.partnership,
        } })
    };
    let opened = minister.post("/v1/satisfactions", &satisfied("police"));
    let case = opened.stream();
    until_announced(&database, "TriggerOpened", 1);

    // What is announced of it does not move the strategy.
    let version = |path: &str| {
        let there = town.coordinator.at(two.address());
        there.get_at(path, head(&database)).ok()["version"].clone()
    };
    let path = format!("/v1/strategies/{strategy}");
    let before = version(&path);

    // The one that leads is killed; another strategy's date is announced by the other.
    one.kill();
    let there = town.client("police").at(two.address());
    another_is_adopted(&town, &there);
    until_passed(&database, 2);
    // So is another case, and that the first is closed.
    let minister = minister.at(two.address());
    assert_eq!(
        minister
            .post("/v1/satisfactions", &satisfied("fire"))
            .status,
        201
    );
    for (segment, particulars) in [
        ("issues", json!({ "requires": "Consult them." })),
        ("acceptances", json!({})),
    ] {
        let path = format!("/v1/directions/{case}/{segment}");
        let given = minister.post(&path, &json!({ "particulars": particulars }));
        assert_eq!(given.status, 200, "{}", given.text);
    }
    until_announced(&database, "TriggerOpened", 2);
    until_announced(&database, "TriggerCleared", 1);

    // The first comes back, and neither says anything again.
    one.restart();
    assert_eq!(one.operator().get_now("/v1/areas").status, 200);
    one.end();
    assert_eq!(passed(&database), [1, 1]);
    assert_eq!(announced(&database, "TriggerOpened"), [1, 1]);
    assert_eq!(announced(&database, "TriggerCleared"), [1]);
    assert_eq!(version(&path), before);
}

#[test]
fn a_server_that_is_stopped_is_taken_over_from_and_says_nothing_again_when_it_wakes() {
    let database = prepared();
    let mut one = Server::start_on(&database.url(APPLICATION));
    let mut two = one.another();
    let town = Town::found(&one, "Stillton");
    let _ = town.adopted("2023-06-01");
    until_passed(&database, 1);
    signal("STOP", one.pid());
    let there = town.client("police").at(two.address());
    another_is_adopted(&town, &there);
    let since = Instant::now();
    until_passed(&database, 2);
    println!("taken over from after {:?}", since.elapsed());
    signal("CONT", one.pid());
    // It takes commands again, and follows.
    another_is_adopted(&town, town.client("police"));
    until_passed(&database, 3);
    assert_eq!(there.get_now("/v1/strategies").status, 200);
    one.end();
    two.end();
    assert_eq!(passed(&database), [1, 1, 1]);
}
