//! A stream that several servers keep, of which one is lost.

use dutyledger_test_nats::Nats;
use serde_json::{Value, json};

use crate::book::{Book, connection, running};
use crate::stream::{ask, holds};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_lost_takes_nothing_with_it() {
    let mut servers = Nats::cluster(3);
    let book = Book::new().await;
    let urls: Vec<_> = servers.iter().map(Nats::url).collect();
    let relay = book.resting_relay(connection(&urls.join(",")), 3);
    // Nobody leads yet.
    let relay = running(relay.noting(book.note()));
    relay.published(book.append(50).await).await;
    let info = ask(&urls[0], "STREAM.INFO.DUTYLEDGER_1", json!({})).await;
    assert_eq!(info["config"]["num_replicas"], 3, "{info}");
    assert_eq!(kept_on(&info), ["0", "1", "2"], "{info}");

    // Entries are recorded while the server that takes them is killed.
    let leader = info["cluster"]["leader"].as_str().unwrap();
    let leader: usize = leader.parse().unwrap();
    let killing = async {
        relay.published(book.ledger.head() + 20).await;
        servers[leader].kill();
    };
    let (head, ()) = tokio::join!(book.append(300), killing);
    relay.published(head).await;
    let left = &urls[(leader + 1) % 3];
    holds(left, "DUTYLEDGER_1", &book.ledger).await;
    relay.stop().await;
}

/// The names of the servers a stream is kept on.
fn kept_on(info: &Value) -> Vec<&str> {
    let cluster = &info["cluster"];
    let others = cluster["replicas"].as_array().unwrap().iter();
    let names = others
        .map(|other| &other["name"])
        .chain([&cluster["leader"]]);
    let mut names: Vec<_> = names.map(|name| name.as_str().unwrap()).collect();
    names.sort_unstable();
    names
}
