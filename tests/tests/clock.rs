//! The clock of running servers: what passes becomes an entry once, whichever server says it.

use std::time::Instant;

use dutyledger_test_nats::signal;
use dutyledger_test_postgres::{APPLICATION, Database, OWNER, Postgres};
use dutyledger_tests::{Client, Server, Town, head_in, key, prepared, until};
use serde_json::{Value, json};

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

fn until_passed(database: &Database, deadlines: usize) {
    until_announced(database, "DeadlinePassed", deadlines);
}

fn until_announced(database: &Database, event: &str, streams: usize) {
    until(event, || announced(database, event).len() >= streams);
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
    let database = prepared(Postgres::shared());
    let mut one = Server::start_on(&database.url(APPLICATION));
    let mut two = one.another();
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
    let version = |server: &Server| {
        let there = town.coordinator.at(server.address());
        let path = format!("/v1/strategies/{strategy}");
        there.get_at(&path, head_in(&database)).ok()["version"].clone()
    };
    let before = version(&two);

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

    // The first comes back and leads again: it announces what is new, and so has looked at everything.
    one.restart();
    two.end();
    another_is_adopted(&town, &town.client("police").at(one.address()));
    until_passed(&database, 3);
    assert_eq!(version(&one), before);
    one.end();
    assert_eq!(passed(&database), [1, 1, 1], "nothing is said again");
    assert_eq!(announced(&database, "TriggerOpened"), [1, 1]);
    assert_eq!(announced(&database, "TriggerCleared"), [1]);
}

#[test]
fn a_server_that_is_stopped_is_taken_over_from_and_says_nothing_again_when_it_wakes() {
    let database = prepared(Postgres::shared());
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
