//! What the relay stands still for: each has a name, nothing wrong is published, and a command puts it
//! right.

use dutyledger_ledger::backup;
use dutyledger_messages::MESSAGE_BYTES_MAX;
use dutyledger_notifications::{Connection, Credentials, RebuildError, Trouble, rebuild, refill};
use dutyledger_test_nats::Nats;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::book::{Book, connection};
use crate::stream::{ask, context, holds, holds_up_to, last, subjects};

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_message_stops_it_and_a_rebuilt_stream_is_right() {
    let nats = Nats::start();
    let url = nats.url();
    let book = Book::new().await;
    let relay = book.relay(&url);
    relay.published(book.append(20).await).await;
    let stranger = async_nats::connect(&url).await.unwrap();
    let subject = "dutyledger.v1.strategy.strategy-adopted.none";
    stranger.publish(subject, "{}".into()).await.unwrap();
    stranger.flush().await.unwrap();
    book.append(20).await;
    let trouble = relay.stands_still().await;
    assert!(
        matches!(trouble, Trouble::Foreign { sequence: 22, .. }),
        "{trouble:?}"
    );
    assert!(
        trouble
            .to_string()
            .contains("dutyledger notifications rebuild")
    );

    let refused = refill(&book.ledger, &connection(&url), 1, 1, |_, _| ()).await;
    assert!(
        matches!(refused, Err(RebuildError::StandsStill(_))),
        "{refused:?}"
    );
    let before = last(&url, "DUTYLEDGER_1").await;
    let rebuilt = rebuild(&book.ledger, &connection(&url), 1, 1, |_, _| ())
        .await
        .unwrap();
    assert_eq!(rebuilt.stream, "DUTYLEDGER_2");
    holds(&url, "DUTYLEDGER_2", &book.ledger).await;
    // The old messages stay, where nobody finds them by our subjects.
    assert_eq!(last(&url, "DUTYLEDGER_1").await, before);
    assert_eq!(
        subjects(&url, "DUTYLEDGER_1").await,
        json!(["dutyledger.retired.dutyledger_1.>"])
    );
    holds_up_to(&url, "DUTYLEDGER_1", &book.ledger, 21).await;
    relay.published(book.append(20).await).await;
    holds(&url, "DUTYLEDGER_2", &book.ledger).await;
    relay.stop().await;
}

/// A stranger's message in the midst of a window: those after it may be accepted, at the right
/// sequences, and the relay still finds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_message_is_found_however_many_follow_it() {
    let nats = Nats::start();
    let url = nats.url();
    let book = Book::new().await;
    book.append(2_000).await;
    let stranger = async_nats::connect(&url).await.unwrap();
    let relay = book.relay(&url);
    let subject = "dutyledger.v1.strategy.strategy-adopted.none";
    let intruding = async {
        relay.until("under way", |s| s.published > 1).await;
        for _ in 0..20 {
            stranger.publish(subject, "{}".into()).await.unwrap();
        }
        stranger.flush().await.unwrap();
    };
    intruding.await;
    let trouble = relay.stands_still().await;
    let Trouble::Foreign { sequence, .. } = trouble else {
        panic!("{trouble:?}")
    };
    let js = context(&url).await;
    let about = json!({ "seq": sequence });
    let found: Value = js
        .request("STREAM.MSG.GET.DUTYLEDGER_1".to_owned(), &about)
        .await
        .unwrap();
    assert_eq!(found["message"]["subject"], subject, "it is named");
    holds_up_to(&url, "DUTYLEDGER_1", &book.ledger, sequence - 1).await;
    relay.stop().await;
    // One that starts now finds it as well, and so does one that knows nothing of what was noted.
    for note in [Some(book.note()), None] {
        let relay = book.relay_at(&url, note.as_deref());
        let trouble = relay.stands_still().await;
        assert!(matches!(trouble, Trouble::Foreign { .. }), "{trouble:?}");
        relay.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_ledger_is_behind_its_stream() {
    let nats = Nats::start();
    let url = nats.url();
    let book = Book::new().await;
    let relay = book.relay(&url);
    relay.published(book.append(20).await).await;
    let restored = TempDir::new().unwrap();
    backup(&book.path(), &restored.path().join("ledger.db"))
        .await
        .unwrap();
    relay.published(book.append(20).await).await;
    relay.stop().await;
    let noted = book.note();
    std::fs::copy(noted, restored.path().join("noted-stream.json")).unwrap();
    drop(book.close().await);

    let book = Book::open(restored).await;
    let relay = book.relay(&url);
    let trouble = relay.stands_still().await;
    assert!(
        matches!(
            trouble,
            Trouble::Ahead {
                last: 41,
                head: 21,
                ..
            }
        ),
        "{trouble:?}"
    );
    relay.stop().await;
    // Once it has grown past the stream, the stream's end tells.
    book.append(30).await;
    let relay = book.relay(&url);
    let trouble = relay.stands_still().await;
    assert!(
        matches!(trouble, Trouble::OtherHistory { .. }),
        "{trouble:?}"
    );
    let told = trouble.to_string();
    assert!(told.contains("dutyledger notifications rebuild"), "{told}");
    assert_eq!(last(&url, "DUTYLEDGER_1").await, 41, "nothing is published");
    rebuild(&book.ledger, &connection(&url), 1, 1, |_, _| ())
        .await
        .unwrap();
    relay.published(51).await;
    holds(&url, "DUTYLEDGER_2", &book.ledger).await;
    relay.stop().await;
}

/// Nothing is recorded at night, and somebody has to know in the morning.
#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_a_quiet_stream_is_seen_before_anything_is_recorded() {
    let nats = Nats::start();
    let url = nats.url();
    let book = Book::new().await;
    let relay = book.relay(&url);
    relay.published(book.append(20).await).await;
    let info = ask(&url, "STREAM.INFO.DUTYLEDGER_1", json!({})).await;
    let mut config = info["config"].clone();
    config["max_age"] = 3_600_000_000_000_u64.into();
    ask(&url, "STREAM.UPDATE.DUTYLEDGER_1", config.clone()).await;
    let trouble = relay.stands_still().await;
    assert!(matches!(trouble, Trouble::Settings { .. }), "{trouble:?}");
    config["max_age"] = 0.into();
    ask(&url, "STREAM.UPDATE.DUTYLEDGER_1", config).await;
    relay.published(21).await;

    // However many messages of a stranger there are, they are not taken for a ledger's that was
    // restored.
    let stranger = async_nats::connect(&url).await.unwrap();
    let subject = "dutyledger.v1.strategy.strategy-adopted.none";
    for _ in 0..5 {
        stranger.publish(subject, "{}".into()).await.unwrap();
    }
    stranger.flush().await.unwrap();
    let trouble = relay.stands_still().await;
    assert!(
        matches!(trouble, Trouble::Foreign { sequence: 22, .. }),
        "{trouble:?}"
    );
    assert_eq!(relay.watch.standing().published, 21);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_gone_while_nothing_is_recorded_is_missed() {
    let nats = Nats::start();
    let url = nats.url();
    let book = Book::new().await;
    // Nothing is noted: what this process has seen is enough.
    let relay = book.relay_at(&url, None);
    relay.published(book.append(20).await).await;
    ask(&url, "STREAM.DELETE.DUTYLEDGER_1", json!({})).await;
    let trouble = relay.stands_still().await;
    assert!(matches!(trouble, Trouble::Wiped { .. }), "{trouble:?}");
    let look = relay.watch.look(0).await.unwrap();
    assert_eq!((look.standing.published, look.lag_entries), (0, 21));
    relay.stop().await;
}

/// Which command helps depends on what was lost.
#[tokio::test(flavor = "multi_thread")]
async fn what_refilling_cannot_mend_is_to_be_rebuilt() {
    let mut nats = Nats::start();
    let url = nats.url();
    let book = Book::new().await;
    let relay = book.relay(&url);
    relay.published(book.append(20).await).await;
    relay.stop().await;
    nats.stop();
    let copy = nats.copy_store();
    nats.go();
    rebuild(&book.ledger, &connection(&url), 1, 1, |_, _| ())
        .await
        .unwrap();
    let relay = book.relay(&url);
    relay.published(book.append(5).await).await;
    relay.stop().await;
    // NATS is restored from before the rebuilding.
    nats.stop();
    nats.put_back(&copy);
    nats.go();
    let relay = book.relay(&url);
    let trouble = relay.stands_still().await;
    assert!(matches!(trouble, Trouble::OlderCopy { .. }), "{trouble:?}");
    let told = trouble.to_string();
    assert!(told.contains("dutyledger notifications rebuild"), "{told}");
    let refused = refill(&book.ledger, &connection(&url), 1, 2, |_, _| ()).await;
    assert!(
        matches!(refused, Err(RebuildError::Retired { .. })),
        "{refused:?}"
    );
    rebuild(&book.ledger, &connection(&url), 1, 2, |_, _| ())
        .await
        .unwrap();
    relay.published(26).await;
    holds(&url, "DUTYLEDGER_3", &book.ledger).await;
    relay.stop().await;

    // The ledger is restored, and NATS has lost everything.
    let other = Book::new().await;
    other.append(3).await;
    let mut note: Value = serde_json::from_slice(&std::fs::read(book.note()).unwrap()).unwrap();
    note["ledger"] = json!(other.ledger.id());
    std::fs::write(other.note(), note.to_string()).unwrap();
    nats.stop();
    nats.wipe();
    nats.go();
    let relay = other.relay(&url);
    let trouble = relay.stands_still().await;
    assert!(
        matches!(
            trouble,
            Trouble::Ahead {
                last: 26,
                head: 4,
                ..
            }
        ),
        "{trouble:?}"
    );
    rebuild(&other.ledger, &connection(&url), 1, 3, |_, _| ())
        .await
        .unwrap();
    relay.published(4).await;
    holds(&url, "DUTYLEDGER_4", &other.ledger).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_stream_takes_nothing_more() {
    let nats = Nats::start();
    let url = nats.url();
    let book = Book::new().await;
    let relay = book.relay(&url);
    relay.published(book.append(5).await).await;
    relay.stop().await;
    let rebuilt = rebuild(&book.ledger, &connection(&url), 1, 1, |_, _| ()).await;
    let retired = rebuilt.unwrap().retired.unwrap();
    let stranger = async_nats::connect(&url).await.unwrap();
    let subject = retired.replace('>', "x");
    stranger.publish(subject, "{}".into()).await.unwrap();
    // What is asked over the same connection is answered after what was published over it was stored.
    let same: Value = async_nats::jetstream::new(stranger)
        .request("STREAM.INFO.DUTYLEDGER_1", &json!({}))
        .await
        .unwrap();
    assert!(same["error"].is_null(), "{same}");
    holds(&url, "DUTYLEDGER_1", &book.ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_or_has_no_jetstream_is_told_so() {
    let nats = Nats::start_with(
        "accounts { A { users = [{ user: a, password: right }] }, \
                    B { jetstream: enabled, users = [{ user: b, password: right }] } }",
    );
    let book = Book::new().await;
    let as_user = |user: &str, password: &str| Connection {
        credentials: Credentials::User {
            user: user.to_owned(),
            password: password.to_owned(),
        },
        ..connection(&nats.url())
    };
    let relay = book.relay_over(as_user("b", "wrong"), None);
    let trouble = relay.stands_still().await;
    assert!(matches!(trouble, Trouble::Refused { .. }), "{trouble:?}");
    assert!(!trouble.to_string().contains("wrong"), "{trouble}");
    relay.stop().await;
    let relay = book.relay_over(as_user("a", "right"), None);
    let trouble = relay.stands_still().await;
    assert!(
        matches!(trouble, Trouble::NoJetStream { .. }),
        "{trouble:?}"
    );
    relay.stop().await;
    let note = book.note();
    std::fs::write(&note, "torn").unwrap();
    let relay = book.relay_over(as_user("b", "right"), Some(&note));
    let trouble = relay.stands_still().await;
    assert!(matches!(trouble, Trouble::Note { .. }), "{trouble:?}");
    std::fs::remove_file(&note).unwrap();
    relay.published(1).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_ledgers_stream_is_left_alone() {
    let nats = Nats::start();
    let url = nats.url();
    let (one, other) = (Book::new().await, Book::new().await);
    let relay = one.relay(&url);
    relay.published(one.append(10).await).await;
    relay.stop().await;
    let relay = other.relay(&url);
    other.append(30).await;
    let trouble = relay.stands_still().await;
    assert!(
        matches!(trouble, Trouble::OtherLedger { .. }),
        "{trouble:?}"
    );
    holds(&url, "DUTYLEDGER_1", &one.ledger).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_other_settings_is_not_published_to() {
    let nats = Nats::start();
    let url = nats.url();
    let config = json!({ "name": "MINE", "subjects": ["dutyledger.v1.area.>"],
        "retention": "limits", "storage": "memory", "max_age": 0, "num_replicas": 1 });
    let made = ask(&url, "STREAM.CREATE.MINE", config).await;
    assert!(made["error"].is_null(), "{made}");
    let book = Book::new().await;
    let relay = book.relay(&url);
    let trouble = relay.stands_still().await;
    let Trouble::Settings { differences, .. } = &trouble else {
        panic!("{trouble:?}")
    };
    assert!(
        differences.iter().any(|d| d.contains("storage")),
        "{differences:?}"
    );
    let refused = rebuild(&book.ledger, &connection(&url), 1, 0, |_, _| ()).await;
    assert!(
        matches!(refused, Err(RebuildError::NotOurs(_))),
        "{refused:?}"
    );
    // It goes on by itself once the other stream is gone.
    ask(&url, "STREAM.DELETE.MINE", json!({})).await;
    relay.published(1).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skipped_sequence_is_noticed() {
    let nats = Nats::start();
    let url = nats.url();
    let book = Book::new().await;
    let relay = book.relay(&url);
    relay.published(book.append(10).await).await;
    relay.stop().await;
    // The stream refuses deletes, so somebody takes it away and leaves one that begins later.
    ask(&url, "STREAM.DELETE.DUTYLEDGER_1", json!({})).await;
    let js = context(&url).await;
    let relay = book.relay_at(&url, None);
    relay.published(11).await;
    relay.stop().await;
    let info = ask(&url, "STREAM.INFO.DUTYLEDGER_1", json!({})).await;
    let delete = json!({ "seq": 5 });
    let refused: Value = js
        .request("STREAM.MSG.DELETE.DUTYLEDGER_1".to_owned(), &delete)
        .await
        .unwrap();
    assert!(
        !refused["error"].is_null(),
        "deletes are refused: {refused}"
    );
    let refused: Value = js
        .request("STREAM.PURGE.DUTYLEDGER_1".to_owned(), &json!({}))
        .await
        .unwrap();
    assert!(!refused["error"].is_null(), "purges are refused: {refused}");
    // A limit set from outside takes the oldest.
    let mut config = info["config"].clone();
    config["max_msgs"] = 6.into();
    config["discard"] = "old".into();
    ask(&url, "STREAM.UPDATE.DUTYLEDGER_1", config.clone()).await;
    config["max_msgs"] = (-1).into();
    config["discard"] = "new".into();
    ask(&url, "STREAM.UPDATE.DUTYLEDGER_1", config).await;
    let relay = book.relay_at(&url, None);
    let trouble = relay.stands_still().await;
    assert!(
        matches!(
            trouble,
            Trouble::Skipped {
                messages: 6,
                last: 11,
                ..
            }
        ),
        "{trouble:?}"
    );
    rebuild(&book.ledger, &connection(&url), 1, 0, |_, _| ())
        .await
        .unwrap();
    relay.published(11).await;
    holds(&url, "DUTYLEDGER_2", &book.ledger).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_without_a_message_stops_it_right_there() {
    let nats = Nats::start();
    let book = Book::new().await;
    let relay = book.relay(&nats.url());
    book.append(10).await;
    book.append_event("strategy", "Tested", json!({}), vec![])
        .await;
    book.append(5).await;
    let trouble = relay.stands_still().await;
    assert!(
        matches!(trouble, Trouble::Unpublishable { position: 12, .. }),
        "{trouble:?}"
    );
    assert_eq!(last(&nats.url(), "DUTYLEDGER_1").await, 11);
    holds_up_to(&nats.url(), "DUTYLEDGER_1", &book.ledger, 11).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_message_goes_where_there_is_room_and_a_server_with_less_is_refused_at_start() {
    let takes = |bytes: usize| Nats::start_with(&format!("max_payload: {bytes}"));
    let book = Book::new().await;
    let nats = takes(MESSAGE_BYTES_MAX - 1);
    let relay = book.relay(&nats.url());
    let trouble = relay.stands_still().await;
    let (takes_now, needed) = (124_095, 124_096);
    assert_eq!(
        trouble,
        Trouble::NoRoom {
            takes: takes_now,
            needed
        }
    );
    let streams = ask(&nats.url(), "STREAM.NAMES", json!({})).await;
    assert_eq!(streams["total"], 0, "nothing is begun: {streams}");
    relay.stop().await;

    let nats = takes(MESSAGE_BYTES_MAX);
    book.append_largest().await;
    let relay = book.relay(&nats.url());
    relay.published(book.append(1).await).await;
    relay.stop().await;
    // It is read back as well.
    let relay = book.relay_at(&nats.url(), None);
    relay.published(book.append(1).await).await;
    holds(&nats.url(), "DUTYLEDGER_1", &book.ledger).await;
    relay.stop().await;
}
