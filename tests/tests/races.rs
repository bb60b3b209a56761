//! Writers racing on one stream: none of them loses an entry, and none overwrites another's.

use dutyledger_tests::{Server, Town};
use serde_json::json;

#[test]
fn writers_racing_on_one_stream_all_succeed_once() {
    let server = Server::start();
    let town = Town::found(&server, "Raceton");
    let strategy = town.draft("2023-06-01");
    let path = format!("/v1/strategies/{strategy}/engagements");
    let (writers, each) = if dutyledger_tests::long() {
        (32, 50)
    } else {
        (8, 10)
    };
    let body = json!({ "occurred_on": "2023-06-02",
        "particulars": { "version": 1, "group": "young_people" } });
    let positions: Vec<u64> = std::thread::scope(|scope| {
        let racing: Vec<_> = (0..writers)
            .map(|_| {
                scope.spawn(|| {
                    let client = town.client("police").clone();
                    let post = |_| client.post(&path, &body).ok()["position"].as_u64().unwrap();
                    (0..each).map(post).collect::<Vec<_>>()
                })
            })
            .collect();
        racing
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    });
    let distinct: std::collections::BTreeSet<_> = positions.iter().collect();
    assert_eq!(
        distinct.len(),
        writers * each,
        "every answer names an entry of its own"
    );
    let head = positions.iter().max().unwrap();
    let strategy = town
        .client("police")
        .get(&format!("/v1/strategies/{strategy}?wait_for={head}"));
    assert_eq!(
        strategy.headers["etag"],
        format!("\"{}\"", 5 + writers * each)
    );
}

#[test]
fn a_writer_that_names_a_version_is_told_when_it_is_stale() {
    let server = Server::start();
    let town = Town::found(&server, "Staleton");
    let strategy = town.draft("2023-06-01");
    let path = format!("/v1/strategies/{strategy}/amendments");
    let body = json!({ "particulars": { "title": "Another title" } }).to_string();
    let police = town.client("police");
    let first = police.send(&path, &[("if-match", "\"5\"")], &body);
    assert_eq!(
        (first.status, first.headers["etag"].as_str()),
        (200, "\"6\"")
    );
    let stale = police.send(&path, &[("if-match", "\"5\"")], &body);
    assert_eq!(stale.status, 412, "{}", stale.text);
    for malformed in ["5", "*", "W/\"5\"", "\"five\""] {
        assert_eq!(
            police.send(&path, &[("if-match", malformed)], &body).status,
            400
        );
    }
}
