//! Acknowledgements that are lost, late or wrong: nothing is taken for published that the server was
//! not rightly heard to have stored, or that was not read back from it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use dutyledger_messages::message;
use dutyledger_notifications::{Standing, State, Step};
use dutyledger_test_nats::Nats;
use serde_json::json;

use crate::book::{Book, connection, running};
use crate::line::{Fate, Line};
use crate::stream::holds;

/// The position whose acknowledgement meets with a mishap.
const STRUCK: u64 = 30;

/// Publishes a book over a line on which one acknowledgement meets with a mishap, once. The relay never
/// has it for right, reads back what was stored and goes on after it.
async fn is_made_good(mishap: impl Fn() -> Fate + Send + Sync + 'static) {
    let nats = Nats::start();
    let book = Book::new().await;
    let head = book.append(60).await;
    let struck = AtomicBool::new(false);
    let line = Line::to(nats.port(), move |position| {
        match position == STRUCK && !struck.swap(true, Ordering::Relaxed) {
            true => mishap(),
            false => Fate::Comes,
        }
    })
    .await;
    let steps = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&steps);
    let relay = book
        .resting_relay(connection(&line.url()), 1)
        .observed(move |step| noted.lock().unwrap().push(step));
    let relay = running(relay);
    relay
        .until("all is read back", |s| s.published == head)
        .await;
    let head = book.append(5).await;
    relay.published(head).await;
    holds(&nats.url(), "DUTYLEDGER_1", &book.ledger).await;

    let steps = steps.lock().unwrap().clone();
    let right = |position| steps.contains(&Step::Acknowledged(position));
    assert!(right(STRUCK - 1), "the one before was");
    assert!(!right(STRUCK), "it was not acknowledged as it should be");
    let look = relay.watch.look(0).await.unwrap();
    assert!(look.lag_entries == 0 && look.failures > 0, "{look:?}");
    relay.stop().await;
}

fn says(ack: serde_json::Value) -> impl Fn() -> Fate + Send + Sync + 'static {
    move || Fate::Says(ack.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_is_cut_between_storing_and_the_acknowledgement() {
    is_made_good(|| Fate::IsCutOff).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_alone_is_lost() {
    is_made_good(|| Fate::IsLost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_says_that_the_message_was_there_already() {
    let ack = json!({ "stream": "DUTYLEDGER_1", "seq": STRUCK, "duplicate": true });
    is_made_good(says(ack)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_names_another_sequence() {
    is_made_good(says(json!({ "stream": "DUTYLEDGER_1", "seq": STRUCK + 1 }))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_comes_from_another_stream() {
    is_made_good(says(json!({ "stream": "OTHER", "seq": STRUCK }))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_says_that_the_stream_ends_elsewhere() {
    let error = json!({ "code": 400, "err_code": 10_071,
        "description": "wrong last sequence: 7" });
    is_made_good(says(json!({ "error": error }))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_says_no_though_the_message_was_stored() {
    let error = json!({ "code": 503, "err_code": 10_077, "description": "message was not stored" });
    is_made_good(says(json!({ "error": error }))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_is_none_at_all() {
    is_made_good(|| Fate::Says("+OK".to_owned())).await;
}

/// A server that stores and says nothing is not flooded, and what it stored is found.
async fn goes_out_before_the_first_is_acknowledged(book: Book, at_once: u64) {
    let nats = Nats::start();
    let head = book.ledger.head();
    assert!(head > at_once, "there is more to publish");
    let silent = Arc::new(AtomicBool::new(true));
    let silence = Arc::clone(&silent);
    let line = Line::to(nats.port(), move |_| {
        match silence.load(Ordering::Relaxed) {
            true => Fate::IsLost,
            false => Fate::Comes,
        }
    })
    .await;
    let relay = book.relay(&line.url());
    let gave_up = |s: &Standing| matches!(s.state, State::Unreachable { .. });
    relay.until("tired of waiting", gave_up).await;
    let out = line.published();
    assert!(out.iter().copied().eq(1..=at_once), "{} are out", out.len());
    silent.store(false, Ordering::Relaxed);
    relay.published(head).await;
    holds(&nats.url(), "DUTYLEDGER_1", &book.ledger).await;
    let out = line.published();
    assert!(out.iter().copied().eq(1..=head), "each is published once");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_a_window_of_messages_goes_out_unacknowledged() {
    let book = Book::new().await;
    book.append(600).await;
    goes_out_before_the_first_is_acknowledged(book, 512).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_messages_fill_the_window_sooner() {
    let book = Book::new().await;
    for _ in 0..90 {
        book.append_largest().await;
    }
    let entries = book.ledger.read(1, 1).await.unwrap();
    let large = message(&entries[0].record().unwrap()).unwrap().data.len() as u64;
    // The ledger's opening is small. One more is sent while there is less than 4 MiB on its way.
    let at_once = 1 + (4 << 20) / large + 1;
    goes_out_before_the_first_is_acknowledged(book, at_once).await;
}
