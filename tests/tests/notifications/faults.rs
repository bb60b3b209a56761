//! NATS falls over, in every way: commands go on, and the stream is right in the end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dutyledger_notifications::{State, Trouble, refill};
use dutyledger_test_nats::Nats;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::book::{Book, PATIENCE, connection};
use crate::stream::{holds, last};

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_started_again_under_load() {
    let mut nats = Nats::start();
    let book = Book::new().await;
    let relay = book.relay(&nats.url());
    let stop = AtomicBool::new(false);
    let rounds = if dutyledger_tests::long() { 10 } else { 3 };
    let writing = async {
        while !stop.load(Ordering::Relaxed) {
            book.append(1).await;
        }
    };
    let killing = async {
        for _ in 0..rounds {
            relay.published(book.ledger.head() + 50).await;
            nats.kill();
            // Commands are taken while it is down.
            let down = book.ledger.head();
            let mut tail = book.ledger.tail();
            let taken = tail.wait_for(|head| *head >= down + 50);
            tokio::time::timeout(PATIENCE, taken)
                .await
                .unwrap()
                .unwrap();
            nats.go();
        }
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(writing, killing);
    relay.published(book.ledger.head()).await;
    holds(&nats.url(), "DUTYLEDGER_1", &book.ledger).await;
    let look = relay.watch.look(0).await.unwrap();
    assert_eq!(look.lag_entries, 0);
    assert!(look.reconnects + look.failures > 0, "{look:?}");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_for_a_while() {
    let mut nats = Nats::start();
    let book = Book::new().await;
    let relay = book.relay(&nats.url());
    relay.published(book.append(20).await).await;
    nats.stop();
    let head = book.append(500).await;
    let away =
        |s: &dutyledger_notifications::Standing| matches!(s.state, State::Unreachable { .. });
    relay.until("unreachable", away).await;
    let now = 4_000_000_000_000;
    let look = relay.watch.look(now).await.unwrap();
    assert_eq!(look.lag_entries, 500);
    assert!(look.lag_millis > 0 && look.failures > 0, "{look:?}");
    nats.go();
    relay.published(head).await;
    holds(&nats.url(), "DUTYLEDGER_1", &book.ledger).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wiped_while_it_was_down() {
    let mut nats = Nats::start();
    let book = Book::new().await;
    let relay = book.relay(&nats.url());
    relay.published(book.append(30).await).await;
    nats.stop();
    // What was published is noted before the relay turns to anything else.
    let away = |s: &dutyledger_notifications::Standing| s.state != State::Publishing;
    book.append(1).await;
    relay.until("away", away).await;
    nats.wipe();
    nats.go();
    let trouble = relay.stands_still().await;
    assert!(matches!(trouble, Trouble::Wiped { .. }), "{trouble:?}");
    assert!(
        trouble
            .to_string()
            .contains("dutyledger notifications refill")
    );
    let head = book.append(5).await;
    let filled = refill(&book.ledger, &connection(&nats.url()), 1, 1, |_, _| ()).await;
    assert_eq!(filled.unwrap().stream, "DUTYLEDGER_1");
    relay.published(head).await;
    holds(&nats.url(), "DUTYLEDGER_1", &book.ledger).await;
    relay.published(book.append(5).await).await;
    holds(&nats.url(), "DUTYLEDGER_1", &book.ledger).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restored_from_an_older_copy() {
    let mut nats = Nats::start();
    let book = Book::new().await;
    let relay = book.relay(&nats.url());
    relay.published(book.append(20).await).await;
    relay.stop().await;
    nats.stop();
    let copy = nats.copy_store();
    nats.go();
    let relay = book.relay(&nats.url());
    relay.published(book.append(20).await).await;
    relay.stop().await;
    nats.stop();
    nats.put_back(&copy);
    nats.go();
    let relay = book.relay(&nats.url());
    let trouble = relay.stands_still().await;
    assert!(matches!(trouble, Trouble::OlderCopy { .. }), "{trouble:?}");
    book.append(3).await;
    assert_eq!(
        last(&nats.url(), "DUTYLEDGER_1").await,
        21,
        "nothing is published"
    );
    let filled = refill(&book.ledger, &connection(&nats.url()), 1, 1, |_, _| ()).await;
    assert_eq!(filled.unwrap().position, 44);
    relay.published(book.append(3).await).await;
    holds(&nats.url(), "DUTYLEDGER_1", &book.ledger).await;
    relay.stop().await;
}

/// A connection that is slow, and cut in the middle of whatever is sent.
async fn bad_line(to: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut length = 40_000;
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            // Each connection lasts longer than the one before, so that the work gets done.
            length += 30_000;
            let mut left: usize = length;
            let (mut up, mut down) = ([0; 777], [0; 4096]);
            loop {
                let (read, forth) = tokio::select! {
                    read = near.read(&mut up) => (read, true),
                    read = far.read(&mut down) => (read, false),
                };
                let Ok(read @ 1..) = read else { break };
                let some = read.min(left);
                left -= some;
                let written = match forth {
                    true => far.write_all(&up[..some]).await,
                    false => near.write_all(&down[..some]).await,
                };
                if written.is_err() || left == 0 {
                    break;
                }
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_line_that_is_slow_and_cut_again_and_again() {
    let nats = Nats::start();
    let book = Book::new().await;
    let head = book.append(400).await;
    let line = bad_line(nats.port()).await;
    let relay = book.relay(&format!("nats://127.0.0.1:{line}"));
    relay.published(head).await;
    holds(&nats.url(), "DUTYLEDGER_1", &book.ledger).await;
    let look = relay.watch.look(0).await.unwrap();
    assert!(
        look.failures + look.reconnects > 0,
        "the line was cut: {look:?}"
    );
    relay.stop().await;
}
