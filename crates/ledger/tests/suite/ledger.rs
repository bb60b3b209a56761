//! The ledger: what holds on both databases, and then what holds of files alone.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use crate::support::{
    LEDGER, Place, append, at, by_hand, draft_in, id, named, on_both, opening, part, stream, whole,
};
use chrono::TimeDelta;
use dutyledger_ledger::{
    ApiKey, Append, AppendError, Extent, Health, Invalid, KeyChange, Ledger, LedgerReader,
    OpenError, Options, Owner, Receipt, backup,
};
use dutyledger_record::{EntryId, KeyId, LedgerId, leaf_hash};
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};
use uuid::Uuid;

on_both!(
    positions_have_no_gap_however_many_append_at_once,
    the_exact_leaf_text_is_stored,
    a_conflict_fails_alone_even_within_a_batch,
    a_guard_refuses_when_its_stream_has_moved_and_writes_nothing_to_it,
    how_much_there_is_of_streams_is_known_before_any_of_it_is_read,
    what_comes_next_to_a_position_is_refused_once_the_ledger_has_gone_on,
    an_append_to_several_streams_is_recorded_whole_or_not_at_all,
    what_could_never_be_recorded_is_refused,
    a_repetition_gets_the_first_receipt_and_another_request_under_its_key_is_refused,
    a_request_is_forgotten_after_30_days_unless_its_name_is_lasting,
    many_requests_are_forgotten_a_few_thousand_in_a_commit,
    the_recorded_instant_never_goes_back,
    another_can_read_while_one_serves,
    opening_again_keeps_the_head_and_the_name,
    an_opening_that_cannot_stand_first_founds_nothing,
    a_dropped_append_happens_whole_or_never,
    the_tail_wakes_when_something_is_recorded,
    a_closed_ledger_takes_no_more,
    api_keys_change_with_the_entries_that_tell_of_them,
);

fn lasting(append: Append, key: &str, digest: u8) -> Append {
    let mut append = named(append, key, digest);
    append.idempotency.as_mut().unwrap().lasting = true;
    append
}

fn conflict(n: u128, expected: u64, actual: u64) -> AppendError {
    AppendError::Conflict {
        stream: stream(n),
        expected,
        actual,
    }
}

async fn positions_have_no_gap_however_many_append_at_once(place: Place) {
    let ledger = place.open().await;
    let tasks: Vec<_> = (1..=32u128)
        .map(|n| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let mut receipts = Vec::new();
                for version in 0..10u64 {
                    let one = part(n, version, 1, n * 1_000 + u128::from(version));
                    receipts.push(ledger.append(append(vec![one])).await.unwrap());
                    // What was answered can be read.
                    assert!(ledger.head() >= receipts.last().unwrap().last_position);
                    assert_eq!(
                        ledger.stream_version(&stream(n)).await.unwrap(),
                        version + 1
                    );
                }
                receipts
            })
        })
        .collect();
    let mut given = vec![1];
    for task in tasks {
        let receipts = task.await.unwrap();
        assert!(receipts.is_sorted_by_key(|receipt| receipt.first_position));
        given.extend(receipts.iter().map(|receipt| receipt.first_position));
    }
    given.sort_unstable();
    assert_eq!(given, (1..=321).collect::<Vec<u64>>());
    let stored = ledger.read(0, 1_000).await.unwrap();
    assert!(stored.iter().map(|entry| entry.position).eq(1..=321));
    for entry in &stored {
        assert_eq!(entry.record().unwrap().position, entry.position);
        assert_eq!(entry.leaf_hash, leaf_hash(&entry.leaf_data));
    }
    assert_eq!(ledger.head(), 321);
    whole(&ledger).await;
    ledger.close().await;
}

async fn the_exact_leaf_text_is_stored(place: Place) {
    let ledger = place.open().await;
    let payload =
        json!({"text": "é \u{1f600} \" \\ / \n \t \u{7f} \u{2028} [1] {} ' ?1", "n": [null, -1]});
    let draft = draft_in(ledger.id(), &stream(1), 1, 7, payload).unwrap();
    let expected = draft.leaf_data(2, at(12));
    let mut one = part(1, 0, 0, 0);
    one.drafts.push(draft);
    ledger.append(append(vec![one])).await.unwrap();
    let stored = ledger.entry(EntryId::new(id(7))).await.unwrap().unwrap();
    assert_eq!(stored.leaf_data, expected);
    assert_eq!(stored.leaf_hash, leaf_hash(&expected));
    assert_eq!(ledger.entry(EntryId::new(id(8))).await.unwrap(), None);
    ledger.close().await;
}

async fn a_conflict_fails_alone_even_within_a_batch(place: Place) {
    let ledger = place.open().await;
    // Polled in this order before the writer answers any, so that they share batches.
    let (first, second, third, fourth) = tokio::join!(
        biased;
        ledger.append(append(vec![part(1, 0, 2, 10)])),
        ledger.append(append(vec![part(1, 0, 1, 20)])),
        ledger.append(append(vec![part(1, 2, 1, 30)])),
        ledger.append(append(vec![part(2, 1, 1, 40)])),
    );
    assert_eq!(first.unwrap().last_position, 3);
    assert_eq!(second, Err(conflict(1, 0, 2)));
    assert_eq!(third.unwrap().first_position, 4);
    assert_eq!(fourth, Err(conflict(2, 1, 0)));
    assert_eq!(ledger.health(), Health::Serving);
    ledger.close().await;
}

async fn a_guard_refuses_when_its_stream_has_moved_and_writes_nothing_to_it(place: Place) {
    let ledger = place.open().await;
    ledger
        .append(append(vec![part(1, 0, 1, 10)]))
        .await
        .unwrap();
    let behind = append(vec![part(2, 0, 1, 20), part(1, 0, 0, 0)]);
    assert_eq!(ledger.append(behind).await, Err(conflict(1, 0, 1)));
    let level = append(vec![part(2, 0, 1, 20), part(1, 1, 0, 0)]);
    ledger.append(level).await.unwrap();
    assert_eq!(ledger.stream_version(&stream(1)).await.unwrap(), 1);

    let only_guards = ledger.append(append(vec![part(1, 1, 0, 0)])).await.unwrap();
    assert_eq!(
        (only_guards.first_position, only_guards.last_position),
        (3, 3)
    );
    assert_eq!(
        ledger.append(append(vec![part(9, 3, 0, 0)])).await,
        Err(conflict(9, 3, 0))
    );
    ledger.close().await;
}

async fn how_much_there_is_of_streams_is_known_before_any_of_it_is_read(place: Place) {
    let ledger = place.open().await;
    for parts in [part(1, 0, 2, 10), part(2, 0, 1, 20), part(1, 2, 1, 30)] {
        ledger.append(append(vec![parts])).await.unwrap();
    }
    let wanted = [stream(1), stream(9)];
    let head = ledger.head();
    for up_to in [head, head - 1] {
        let read = ledger.read_stream(&stream(1), Some(up_to)).await.unwrap();
        let expected = Extent {
            entries: read.len() as u64,
            bytes: read.iter().map(|one| one.leaf_data.len() as u64).sum(),
        };
        assert_eq!(expected.entries, if up_to == head { 3 } else { 2 });
        assert_eq!(ledger.extent(&wanted, up_to).await.unwrap(), expected);
    }
    let none = ledger.extent(&[stream(9)], head).await.unwrap();
    assert_eq!(none, Extent::default());
    ledger.close().await;
}

async fn what_comes_next_to_a_position_is_refused_once_the_ledger_has_gone_on(place: Place) {
    let ledger = place.open().await;
    let head = ledger.head();
    let next_to = |position, part| Append {
        next_to: Some(position),
        ..append(vec![part])
    };
    // Polled in this order before the writer answers any, so that they share batches.
    let (first, second, third) = tokio::join!(
        biased;
        ledger.append(append(vec![part(1, 0, 2, 10)])),
        ledger.append(next_to(head, part(2, 0, 1, 20))),
        ledger.append(next_to(head + 2, part(3, 0, 1, 30))),
    );
    assert_eq!(first.unwrap().last_position, head + 2);
    let refused = AppendError::NotNext {
        next_to: head,
        head: head + 2,
    };
    assert_eq!(second, Err(refused));
    assert_eq!(third.unwrap().first_position, head + 3);
    let ahead = ledger.append(next_to(head + 9, part(2, 0, 1, 20))).await;
    assert!(matches!(ahead, Err(AppendError::NotNext { .. })));
    assert_eq!(ledger.stream_version(&stream(2)).await.unwrap(), 0);
    ledger.close().await;
}

async fn an_append_to_several_streams_is_recorded_whole_or_not_at_all(place: Place) {
    let ledger = place.open().await;
    ledger
        .append(append(vec![part(3, 0, 1, 10)]))
        .await
        .unwrap();
    let refused = append(vec![
        part(1, 0, 2, 20),
        part(2, 0, 2, 30),
        part(3, 0, 1, 40),
    ]);
    assert_eq!(ledger.append(refused).await, Err(conflict(3, 0, 1)));
    assert_eq!(ledger.head(), 2);
    assert_eq!(ledger.stream_version(&stream(1)).await.unwrap(), 0);

    let taken = append(vec![
        part(1, 0, 2, 20),
        part(2, 0, 2, 30),
        part(3, 1, 1, 40),
    ]);
    let receipt = ledger.append(taken).await.unwrap();
    assert_eq!((receipt.first_position, receipt.last_position), (3, 7));
    let versions = |entries: Vec<dutyledger_ledger::Stored>| -> Vec<(u64, u64)> {
        let version = |e: &dutyledger_ledger::Stored| e.record().unwrap().entry.version;
        entries
            .iter()
            .map(|entry| (entry.position, version(entry)))
            .collect()
    };
    assert_eq!(
        versions(ledger.read_stream(&stream(3), None).await.unwrap()),
        [(2, 1), (7, 2)]
    );
    assert_eq!(
        versions(ledger.read_stream(&stream(3), Some(6)).await.unwrap()),
        [(2, 1)]
    );
    assert_eq!(
        versions(ledger.read_stream(&stream(2), None).await.unwrap()),
        [(5, 1), (6, 2)]
    );
    ledger.close().await;
}

async fn what_could_never_be_recorded_is_refused(place: Place) {
    let ledger = place.open().await;
    let invalid = async |wrong| match ledger.append(wrong).await {
        Err(AppendError::Invalid(why)) => why,
        other => panic!("{other:?}"),
    };
    let id = |n| EntryId::new(id(n));

    let mut other_version = part(1, 0, 1, 10);
    other_version.expected_version = 4;
    let why = Invalid::WrongVersion {
        entry_id: id(10),
        expected: 5,
        found: 1,
    };
    assert_eq!(invalid(append(vec![other_version])).await, why);

    let mut other_stream = part(1, 0, 1, 10);
    other_stream.stream = stream(2);
    assert_eq!(
        invalid(append(vec![other_stream])).await,
        Invalid::WrongStream(id(10))
    );

    let twice = append(vec![part(1, 0, 1, 10), part(1, 0, 0, 0)]);
    assert_eq!(invalid(twice).await, Invalid::StreamTwice(stream(1)));
    let twice = append(vec![part(1, 0, 1, 10), part(2, 0, 1, 10)]);
    assert_eq!(invalid(twice).await, Invalid::EntryTwice(id(10)));
    // An id that is taken would break the batch if it came as far as the database.
    ledger
        .append(append(vec![part(1, 0, 1, 10)]))
        .await
        .unwrap();
    assert_eq!(
        invalid(append(vec![part(2, 0, 1, 10)])).await,
        Invalid::EntryTwice(id(10))
    );
    let (first, second) = tokio::join!(
        biased;
        ledger.append(append(vec![part(3, 0, 1, 11)])),
        ledger.append(append(vec![part(4, 0, 1, 11)])),
    );
    first.unwrap();
    assert_eq!(
        second,
        Err(AppendError::Invalid(Invalid::EntryTwice(id(11))))
    );

    let many = append((100..5_101).map(|n| part(n, 0, 0, 0)).collect());
    assert_eq!(invalid(many).await, Invalid::TooManyRows { found: 5_001 });
    assert!(matches!(
        invalid(named(append(vec![]), "", 1)).await,
        Invalid::Name(_)
    ));
    assert!(matches!(
        invalid(named(append(vec![]), "a\0b", 1)).await,
        Invalid::Name(_)
    ));
    assert_eq!(ledger.health(), Health::Serving);
    ledger.close().await;
}

async fn a_repetition_gets_the_first_receipt_and_another_request_under_its_key_is_refused(
    place: Place,
) {
    let ledger = place.open().await;
    let first = named(append(vec![part(1, 0, 2, 10)]), "a", 1);
    let (receipt, at_once) =
        tokio::join!(biased; ledger.append(first.clone()), ledger.append(first.clone()));
    let receipt = receipt.unwrap();
    let replay = Receipt {
        replayed: true,
        ..receipt
    };
    assert!(!receipt.replayed);
    assert_eq!(at_once.unwrap(), replay);

    place.clock.set(at(13));
    assert_eq!(ledger.append(first.clone()).await.unwrap(), replay);
    let other = named(append(vec![part(1, 2, 1, 20)]), "a", 2);
    assert_eq!(
        ledger.append(other).await,
        Err(AppendError::IdempotencyMismatch)
    );
    // A refused request leaves its key free.
    let refused = named(append(vec![part(1, 0, 1, 20)]), "b", 1);
    assert_eq!(ledger.append(refused).await, Err(conflict(1, 0, 2)));
    let corrected = named(append(vec![part(1, 2, 1, 20)]), "b", 2);
    assert!(!ledger.append(corrected).await.unwrap().replayed);
    // A request that records no entry is remembered too.
    let nothing = named(append(vec![]), "c", 1);
    assert_eq!(
        ledger.append(nothing.clone()).await.unwrap().first_position,
        4
    );
    assert!(ledger.append(nothing).await.unwrap().replayed);

    let row = ledger.idempotent("tests", "a").await.unwrap().unwrap();
    assert_eq!(
        (row.digest, row.recorded_at),
        ([1; 32], receipt.recorded_at)
    );
    assert_eq!(ledger.idempotent("others", "a").await.unwrap(), None);
    ledger.close().await;

    let ledger = place.open().await;
    assert_eq!(ledger.append(first).await.unwrap(), replay);
    ledger.close().await;
}

async fn a_request_is_forgotten_after_30_days_unless_its_name_is_lasting(place: Place) {
    let ledger = place.open().await;
    let kept = lasting(append(vec![part(9, 0, 1, 90)]), "kept", 1);
    let first = ledger.append(kept.clone()).await.unwrap();
    ledger
        .append(named(append(vec![part(1, 0, 1, 10)]), "old", 1))
        .await
        .unwrap();
    place.clock.set(at(12) + TimeDelta::days(30));
    ledger
        .append(named(append(vec![part(2, 0, 1, 20)]), "new", 1))
        .await
        .unwrap();
    assert!(ledger.idempotent("tests", "old").await.unwrap().is_some());
    // One clock that is ahead makes nothing forgotten: it takes a second commit, an hour later.
    place.clock.set(at(13) + TimeDelta::days(30));
    ledger
        .append(append(vec![part(3, 0, 1, 30)]))
        .await
        .unwrap();
    assert!(ledger.idempotent("tests", "old").await.unwrap().is_some());
    place.clock.set(at(14) + TimeDelta::days(30));
    ledger
        .append(append(vec![part(3, 1, 1, 31)]))
        .await
        .unwrap();
    assert!(ledger.idempotent("tests", "old").await.unwrap().is_none());
    assert!(ledger.idempotent("tests", "new").await.unwrap().is_some());
    place.clock.set(at(12) + TimeDelta::days(10_000));
    ledger
        .append(append(vec![part(4, 0, 1, 40)]))
        .await
        .unwrap();
    assert!(ledger.idempotent("tests", "new").await.unwrap().is_some());
    place.clock.set(at(13) + TimeDelta::days(10_000));
    ledger
        .append(append(vec![part(4, 1, 1, 41)]))
        .await
        .unwrap();
    assert!(ledger.idempotent("tests", "new").await.unwrap().is_none());
    let again = Receipt {
        replayed: true,
        ..first
    };
    assert_eq!(ledger.append(kept).await.unwrap(), again);
    ledger.close().await;
}

async fn many_requests_are_forgotten_a_few_thousand_in_a_commit(place: Place) {
    const MANY: u64 = 5_000;
    let ledger = place.open().await;
    // One after the other, so that it is known which are the oldest.
    place
        .by_hand(if place.is_file() {
            "INSERT INTO idempotency (scope, key, digest, first_position, last_position, lasting, \
                                      created_at) \
             WITH RECURSIVE numbers (n) AS \
                 (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 4999) \
             SELECT 'tests', 'old ' || n, zeroblob(32), 1, 1, 0, \
                    printf('2026-11-21T12:00:00.%06dZ', n) FROM numbers"
        } else {
            "INSERT INTO idempotency (scope, key, digest, first_position, last_position, lasting, \
                                      created_at) \
             SELECT 'tests', 'old ' || n, decode(repeat('00', 32), 'hex'), 1, 1, false, \
                    timestamptz '2026-11-21 12:00:00Z' + n * interval '1 microsecond' \
             FROM generate_series(0, 4999) AS n"
        })
        .await;
    let left = async || {
        let mut left = 0;
        for n in 0..MANY {
            let held = ledger.idempotent("tests", &format!("old {n}")).await;
            left += u64::from(held.unwrap().is_some());
        }
        left
    };
    ledger
        .append(append(vec![part(1, 0, 1, 10)]))
        .await
        .unwrap();
    assert_eq!(left().await, MANY, "they are not old yet");
    place.clock.set(at(13) + TimeDelta::days(30));
    ledger
        .append(append(vec![part(1, 1, 1, 11)]))
        .await
        .unwrap();
    place.clock.set(at(14) + TimeDelta::days(30));
    for (version, expected) in (2..).zip([3_000, 1_000, 0]) {
        let next = append(vec![part(1, version, 1, 10 + u128::from(version))]);
        ledger.append(next).await.unwrap();
        assert_eq!(left().await, expected);
        let newest = ledger.idempotent("tests", "old 4999").await.unwrap();
        assert_eq!(newest.is_some(), expected > 0, "the oldest go first");
    }
    ledger.close().await;
}

async fn the_recorded_instant_never_goes_back(place: Place) {
    place.clock.set(at(12) + TimeDelta::nanoseconds(1_999));
    let ledger = place.open().await;
    let first = at(12) + TimeDelta::microseconds(1);
    place.clock.set(at(3));
    let receipt = ledger
        .append(append(vec![part(1, 0, 1, 10)]))
        .await
        .unwrap();
    assert_eq!(receipt.recorded_at, first, "cut to microseconds, and held");
    ledger.close().await;

    let ledger = place.open().await;
    assert_eq!(
        ledger
            .append(append(vec![part(1, 1, 1, 11)]))
            .await
            .unwrap()
            .recorded_at,
        first
    );
    place.clock.set(at(13));
    assert_eq!(
        ledger
            .append(append(vec![part(1, 2, 1, 12)]))
            .await
            .unwrap()
            .recorded_at,
        at(13)
    );
    let last = ledger.read(3, 1).await.unwrap().remove(0);
    assert_eq!(last.record().unwrap().recorded_at, at(13));
    ledger.close().await;
}

#[tokio::test]
async fn an_entry_cannot_be_changed_removed_or_replaced_even_by_sql() {
    let place = Place::sqlite();
    let ledger = place.open().await;
    ledger
        .append(append(vec![part(1, 0, 2, 10)]))
        .await
        .unwrap();
    let before = ledger.read(0, 10).await.unwrap();
    let mut sql = by_hand(&place).await;
    for attempt in [
        "UPDATE entry SET leaf_data = 'other' WHERE position = 2",
        "UPDATE OR REPLACE entry SET position = 1 WHERE position = 2",
        "DELETE FROM entry WHERE position = 3",
        "DELETE FROM entry",
        // The same position, another id; the next position, an id that is taken; a gap.
        "INSERT OR REPLACE INTO entry SELECT position, 'x', stream_type, 'x', 1, event_type, \
         schema_version, occurred_on, recorded_at, 'other', leaf_hash FROM entry WHERE position = 2",
        "INSERT OR REPLACE INTO entry SELECT 4, entry_id, stream_type, 'x', 1, event_type, \
         schema_version, occurred_on, recorded_at, 'other', leaf_hash FROM entry WHERE position = 2",
        "INSERT OR REPLACE INTO entry SELECT 4, 'x', stream_type, stream_id, version, event_type, \
         schema_version, occurred_on, recorded_at, 'other', leaf_hash FROM entry WHERE position = 2",
        "INSERT INTO entry SELECT 5, 'x', stream_type, 'x', 1, event_type, \
         schema_version, occurred_on, recorded_at, 'other', leaf_hash FROM entry WHERE position = 2",
    ] {
        let error = sqlx::query(attempt)
            .execute(&mut sql)
            .await
            .expect_err(attempt)
            .to_string();
        assert!(error.contains("an entry is"), "{attempt}: {error}");
    }
    assert_eq!(ledger.read(0, 10).await.unwrap(), before);
    ledger.close().await;
}

#[tokio::test]
async fn a_second_opener_is_refused_and_told_who_owns_the_file() {
    let place = Place::sqlite();
    assert_eq!(Ledger::owner(place.path()), None);
    let ledger = place.open().await;
    let pid = std::process::id();
    assert_eq!(
        Ledger::owner(place.path()),
        Some(Owner { pid, address: None })
    );
    ledger.announce("http://127.0.0.1:8080").unwrap();
    assert!(ledger.announce("two\nlines").is_err());
    match place.try_open(LEDGER).await {
        Err(OpenError::Owned {
            pid: Some(owner),
            address: Some(address),
        }) => {
            assert_eq!((owner, address.as_str()), (pid, "http://127.0.0.1:8080"));
        }
        other => panic!("{other:?}"),
    }
    // The same file by another path is the same ledger.
    let link = place.folder.path().join("link.db");
    std::os::unix::fs::symlink(place.path(), &link).unwrap();
    let again = Ledger::open(
        Options::at(&link),
        std::sync::Arc::new(place.clock.clone()),
        |_| opening(1),
    );
    assert!(matches!(again.await, Err(OpenError::Owned { .. })));

    ledger.announce("x").unwrap();
    let owner = Owner {
        pid,
        address: Some("x".into()),
    };
    assert_eq!(
        Ledger::owner(place.path()),
        Some(owner),
        "a shorter address leaves no remains"
    );
    let other = ledger.clone();
    ledger.close().await;
    assert!(other.announce("x").is_err());
    assert_eq!(Ledger::owner(place.path()), None);
    place.open().await.close().await;
}

/// How many fcntl locks this process holds on a file: SQLite's own.
#[cfg(target_os = "linux")]
fn locks_of_sqlite(path: &std::path::Path) -> usize {
    use std::os::unix::fs::MetadataExt;

    let file = format!(":{}", std::fs::metadata(path).unwrap().ino());
    let pid = std::process::id().to_string();
    let locks = std::fs::read_to_string("/proc/locks").unwrap();
    let ours = locks.lines().map(|line| line.split_whitespace().collect());
    ours.filter(|line: &Vec<&str>| {
        line.contains(&"POSIX") && line.contains(&&*pid) && line.iter().any(|w| w.ends_with(&file))
    })
    .count()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_with_two_names_has_one_owner() {
    let place = Place::sqlite();
    let ledger = place.open().await;
    let link = place.folder.path().join("link.db");
    std::fs::hard_link(place.path(), &link).unwrap();
    let open_link = async || {
        let clock = std::sync::Arc::new(place.clock.clone());
        Ledger::open(Options::at(&link), clock, |_| opening(1)).await
    };

    let held = locks_of_sqlite(&place.path());
    assert_ne!(held, 0);
    for _ in 0..2 {
        assert!(matches!(open_link().await, Err(OpenError::Owned { .. })));
        // A handle opened and closed would have taken these with it.
        assert_eq!(locks_of_sqlite(&place.path()), held);
    }
    let receipt = ledger.append(append(vec![part(1, 0, 1, 10)])).await;
    assert_eq!(receipt.unwrap().last_position, 2);
    let reader = place.reader().await.unwrap();
    assert_eq!(reader.last_position().await.unwrap(), 2);

    // To the kernel, a handle of its own is another process; it is refused until the ledger closes.
    let other = std::fs::File::open(&link).unwrap();
    assert!(matches!(
        other.try_lock(),
        Err(std::fs::TryLockError::WouldBlock)
    ));
    let held = locks_of_sqlite(&place.path());
    ledger.close().await;
    assert_ne!(held, 0);
    assert_ne!(
        locks_of_sqlite(&place.path()),
        0,
        "the reader lost its locks when the owner let go"
    );
    other.try_lock().unwrap();
    for path in [&place.path(), &link] {
        let clock = std::sync::Arc::new(place.clock.clone());
        let refused = Ledger::open(Options::at(path), clock, |_| opening(1)).await;
        assert!(matches!(refused, Err(OpenError::Owned { pid: None, .. })));
    }
    assert_eq!(reader.last_position().await.unwrap(), 2);
    other.unlock().unwrap();
    reader.close().await;
    let ledger = open_link().await.unwrap();
    assert_eq!((ledger.head(), ledger.id().uuid()), (2, id(LEDGER)));
    drop(ledger);
}

async fn another_can_read_while_one_serves(place: Place) {
    assert!(place.reader().await.is_err());
    let ledger = place.open().await;
    let reader = place.reader().await.unwrap();
    assert_eq!(
        (reader.id(), reader.last_position().await.unwrap()),
        (ledger.id(), 1)
    );
    ledger
        .append(append(vec![part(1, 0, 3, 10)]))
        .await
        .unwrap();
    assert_eq!(reader.last_position().await.unwrap(), 4);
    assert_eq!(
        reader.read(0, 10).await.unwrap(),
        ledger.read(0, 10).await.unwrap()
    );
    ledger.close().await;
    assert_eq!(reader.last_position().await.unwrap(), 4);
    reader.close().await;
    // And when nobody serves.
    let reader = place.reader().await.unwrap();
    assert_eq!(reader.read(3, 10).await.unwrap().len(), 1);
    reader.close().await;
}

async fn opening_again_keeps_the_head_and_the_name(place: Place) {
    let ledger = place.open().await;
    ledger
        .append(append(vec![part(1, 0, 5, 10)]))
        .await
        .unwrap();
    let entries = ledger.read(0, 10).await.unwrap();
    ledger.close().await;
    let log = place.folder.path().join("ledger.db-wal");
    assert!(!log.exists(), "closing empties the log of a file");

    let ledger = place.try_open(99).await.unwrap();
    assert_eq!(ledger.id(), LedgerId::new(id(LEDGER)), "not founded twice");
    assert_eq!(ledger.head(), 6);
    assert_eq!(ledger.read(0, 10).await.unwrap(), entries);
    assert_eq!(
        ledger.append(append(vec![part(1, 4, 1, 20)])).await,
        Err(conflict(1, 4, 5))
    );
    assert_eq!(
        ledger
            .append(append(vec![part(1, 5, 1, 20)]))
            .await
            .unwrap()
            .first_position,
        7
    );
    ledger.close().await;
}

#[tokio::test]
async fn what_was_answered_survives_a_crash_and_a_torn_tail_is_dropped_whole() {
    let place = Place::sqlite();
    let ledger = place.open().await;
    ledger
        .append(append(vec![part(1, 0, 2, 10)]))
        .await
        .unwrap();
    ledger
        .append(append(vec![part(1, 2, 3, 20)]))
        .await
        .unwrap();
    let log = |place: &Place| place.path().with_extension("db-wal");
    for (cut, head) in [(0, 6u32), (1, 3)] {
        // The files as they lie when the process dies now, nothing closed.
        let crashed = Place::sqlite();
        std::fs::copy(place.path(), crashed.path()).unwrap();
        let bytes = std::fs::read(log(&place)).unwrap();
        std::fs::write(log(&crashed), &bytes[..bytes.len() - cut]).unwrap();
        let again = crashed.open().await;
        let expected = ledger.read(0, head).await.unwrap();
        let head = u64::from(head);
        assert_eq!(again.head(), head);
        assert_eq!(again.read(0, 10).await.unwrap(), expected);
        let next = append(vec![part(1, head - 1, 1, 30)]);
        assert_eq!(again.append(next).await.unwrap().first_position, head + 1);
        again.close().await;
    }
    ledger.close().await;
}

async fn an_opening_that_cannot_stand_first_founds_nothing(place: Place) {
    let open = async |founded: u128, version| {
        let opening = move |_| {
            let mut opening = opening(LEDGER)?;
            opening.ledger = LedgerId::new(id(founded));
            let named = LedgerId::new(id(LEDGER));
            opening.draft = draft_in(named, &stream(0), version, 5, json!({}))?;
            Ok(opening)
        };
        let clock = std::sync::Arc::new(place.clock.clone());
        Ledger::open(Options::at(place.address()), clock, opening).await
    };
    assert!(matches!(open(77, 1).await, Err(OpenError::NotAnOpening)));
    assert!(matches!(
        open(LEDGER, 2).await,
        Err(OpenError::NotAnOpening)
    ));
    // Half-made, it is no ledger to read, and can still be founded.
    let reading = place.reader().await;
    assert!(matches!(reading, Err(OpenError::Foreign { .. })));
    open(LEDGER, 1).await.unwrap().close().await;
}

async fn a_dropped_append_happens_whole_or_never(place: Place) {
    let ledger = place.open().await;
    drop(ledger.append(named(append(vec![part(1, 0, 2, 10)]), "never polled", 1)));
    {
        let mut queued = pin!(ledger.append(named(append(vec![part(2, 0, 2, 20)]), "queued", 1)));
        poll_fn(|cx| {
            assert!(queued.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    }
    let again = ledger
        .append(named(append(vec![part(2, 0, 2, 20)]), "queued", 1))
        .await
        .unwrap();
    assert!(again.replayed);
    assert_eq!((again.first_position, again.last_position), (2, 3));
    assert_eq!(ledger.stream_version(&stream(1)).await.unwrap(), 0);
    ledger.close().await;
}

async fn the_tail_wakes_when_something_is_recorded(place: Place) {
    let ledger = place.open().await;
    let mut tail = ledger.tail();
    assert_eq!(*tail.borrow_and_update(), 1);
    let waiting = tokio::spawn(async move {
        tail.changed().await.unwrap();
        let seen = *tail.borrow_and_update();
        (seen, tail)
    });
    ledger
        .append(append(vec![part(1, 0, 3, 10)]))
        .await
        .unwrap();
    let (seen, tail) = waiting.await.unwrap();
    assert_eq!(seen, 4);
    ledger.append(append(vec![part(1, 3, 0, 0)])).await.unwrap();
    assert!(!tail.has_changed().unwrap(), "a guard alone moves nothing");
    ledger.close().await;
}

async fn a_closed_ledger_takes_no_more(place: Place) {
    let ledger = place.open().await;
    let other = ledger.clone();
    ledger.close().await;
    let refused = other.append(append(vec![part(1, 0, 1, 10)])).await;
    assert_eq!(refused, Err(AppendError::Stopped));
    assert_eq!(
        other.health(),
        Health::Stopped {
            why: "the ledger was closed".into()
        }
    );
    assert!(other.read(0, 1).await.is_err());
    // Another may own it although this handle is still there.
    place.open().await.close().await;
}

#[tokio::test]
async fn a_file_of_a_newer_schema_or_of_something_else_is_refused_untouched() {
    let place = Place::sqlite();
    place.open().await.close().await;
    let mut sql = by_hand(&place).await;
    sqlx::query("PRAGMA user_version = 7")
        .execute(&mut sql)
        .await
        .unwrap();
    sql.close().await.unwrap();
    let error = place.try_open(LEDGER).await.unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::NewerSchema {
                found: 7,
                known: 2,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("use a newer program"), "{error}");
    assert!(place.reader().await.is_err());

    let place = Place::sqlite();
    let mut sql = SqliteConnectOptions::new()
        .filename(place.path())
        .create_if_missing(true)
        .connect()
        .await
        .unwrap();
    sqlx::query("CREATE TABLE recipe (name TEXT)")
        .execute(&mut sql)
        .await
        .unwrap();
    sql.close().await.unwrap();
    let before = std::fs::read(place.path()).unwrap();
    let error = place.try_open(LEDGER).await.unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    assert_eq!(std::fs::read(place.path()).unwrap(), before);
}

async fn api_keys_change_with_the_entries_that_tell_of_them(place: Place) {
    let ledger = place.open().await;
    let key = |n: u8| ApiKey {
        key_id: KeyId::new(Uuid::from_u128(n.into())),
        hash: [n; 32],
        kind: "authority".into(),
        principal_id: (n == 1).then(|| stream(5).id),
        label: "é \"quoted\"".into(),
        issued_at: at(12),
        expires_at: (n == 2).then(|| at(20)),
        revoked_at: None,
    };
    let with = |part, keys| Append {
        keys,
        ..append(vec![part])
    };
    let issue = |n| KeyChange::Issue(key(n));
    let revoke = |n: u8, hour| KeyChange::Revoke {
        key_id: key(n).key_id,
        at: at(hour),
    };

    let refused = with(part(1, 3, 1, 10), vec![issue(1)]);
    assert_eq!(ledger.append(refused).await, Err(conflict(1, 3, 0)));
    assert_eq!(ledger.api_key_by_hash(&[1; 32]).await.unwrap(), None);

    ledger
        .append(with(part(1, 0, 1, 10), vec![issue(1), issue(2)]))
        .await
        .unwrap();
    assert_eq!(
        ledger.api_key_by_hash(&[1; 32]).await.unwrap(),
        Some(key(1))
    );
    assert_eq!(ledger.api_keys(None, 10).await.unwrap(), [key(1), key(2)]);
    assert_eq!(
        ledger.api_keys(Some(key(1).key_id), 10).await.unwrap(),
        [key(2)]
    );
    assert_eq!(ledger.api_keys(None, 1).await.unwrap(), [key(1)]);

    for (changes, why) in [
        (vec![issue(2)], Invalid::KeyTwice(key(2).key_id)),
        (
            vec![KeyChange::Issue(ApiKey {
                hash: [2; 32],
                ..key(3)
            })],
            Invalid::KeyTwice(key(3).key_id),
        ),
        (vec![issue(3), issue(3)], Invalid::KeyTwice(key(3).key_id)),
        (vec![revoke(9, 1)], Invalid::KeyUnknown(key(9).key_id)),
    ] {
        let refused = ledger.append(with(part(1, 1, 1, 11), changes)).await;
        assert_eq!(refused, Err(AppendError::Invalid(why)));
    }

    // Issued and revoked at once, and revoked twice.
    ledger
        .append(with(
            part(1, 1, 1, 11),
            vec![issue(4), revoke(4, 14), revoke(1, 15)],
        ))
        .await
        .unwrap();
    ledger
        .append(with(part(1, 2, 1, 12), vec![revoke(1, 16)]))
        .await
        .unwrap();
    let revoked = |n: u8| {
        let ledger = ledger.clone();
        async move {
            ledger
                .api_key_by_hash(&[n; 32])
                .await
                .unwrap()
                .unwrap()
                .revoked_at
        }
    };
    assert_eq!(revoked(4).await, Some(at(14)));
    assert_eq!(
        revoked(1).await,
        Some(at(15)),
        "the first revocation stands"
    );
    assert_eq!(revoked(2).await, None);
    ledger.close().await;
}

#[test]
fn what_requests_wait_for_can_be_waited_for_on_any_thread() {
    fn is_send<T: Send>(_: &T) {}
    let place = Place::sqlite();
    is_send(&place.try_open(1));
    let of = |ledger: &'static Ledger| is_send(&ledger.append(Append::default()));
    let _: fn(&'static Ledger) = of;
}

#[tokio::test]
async fn a_file_that_another_program_keeps_to_itself_stops_the_writer_and_nothing_is_unknown() {
    let place = Place::sqlite();
    let ledger = place.open().await;
    let mut other = by_hand(&place).await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let refused = ledger.append(append(vec![part(1, 0, 1, 10)])).await;
    assert_eq!(refused, Err(AppendError::Stopped));
    let health = ledger.health();
    let told = "does another program write to it?";
    assert!(
        matches!(&health, Health::Stopped { why } if why.contains(told)),
        "{health:?}"
    );
    other.execute("ROLLBACK").await.unwrap();
    other.close().await.unwrap();
    ledger.close().await;
    let ledger = place.open().await;
    assert_eq!(ledger.head(), 1, "it was not recorded");
    ledger.close().await;
}

#[tokio::test]
async fn a_backup_that_fails_leaves_no_file_and_one_that_was_killed_is_no_hindrance() {
    let place = Place::sqlite();
    let ledger = place.open().await;
    ledger
        .append(append(vec![part(1, 0, 200, 10)]))
        .await
        .unwrap();
    ledger.close().await;
    let to = place.folder.path().join("backup.db");
    let part = place.folder.path().join("backup.db.part");
    let whole = std::fs::read(place.path()).unwrap();
    // Its last pages are not SQLite's.
    let mut damaged = whole.clone();
    let from = damaged.len() - 3 * 4096;
    damaged[from..].fill(0xa5);
    std::fs::write(place.path(), damaged).unwrap();
    assert!(backup(&place.path(), &to).await.is_err());
    assert!(!to.exists() && !part.exists(), "nothing is left");
    std::fs::write(place.path(), whole).unwrap();
    std::fs::write(&part, "half").unwrap();
    backup(&place.path(), &to).await.unwrap();
    assert!(to.exists() && !part.exists());
    let again = backup(&place.path(), &to).await;
    assert!(again.is_err(), "it is there already");
    let copy = LedgerReader::open(&to).await.unwrap();
    assert_eq!(crate::support::whole(&copy).await.len(), 201);
    copy.close().await;
}
