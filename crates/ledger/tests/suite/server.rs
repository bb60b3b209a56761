//! What holds of a PostgreSQL server alone: who may do what, and several writers over one ledger.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::support::{
    LEDGER, PATIENCE, Place, append, at, draft_in, id, long, named, part, postgres_url, stream,
    whole,
};
use dutyledger_ledger::{
    AppendError, Health, Ledger, LedgerReader, OpenError, Options, Receipt, STOPPED_WRITER_MAX,
    Vault, VaultError, migrate,
};
use dutyledger_record::{DataKey, Frontier, LedgerId, leaf_hash};
use dutyledger_test_postgres::{APPLICATION, OWNER, Postgres};
use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};

/// A connection beside the ledgers' own.
async fn connection(place: &Place) -> PgConnection {
    PgConnection::connect(&place.database().url(APPLICATION))
        .await
        .unwrap()
}

/// Waits until as many connections as that wait for a lock.
async fn until_waiting(place: &Place, writers: i64) {
    let mut looking = connection(place).await;
    let since = Instant::now();
    loop {
        assert!(since.elapsed() < PATIENCE, "they do not wait");
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(&mut looking)
        .await
        .unwrap();
        if waiting >= writers {
            return;
        }
    }
}

#[tokio::test]
async fn what_is_recorded_is_never_changed_or_removed_by_whoever_serves_nor_by_the_owner() {
    let place = Place::postgres().await;
    let ledger = place.open().await;
    ledger
        .append(named(append(vec![part(1, 0, 2, 10)]), "a", 1))
        .await
        .unwrap();
    let before = ledger.read(0, 10).await.unwrap();
    let database = place.database();
    let tables = ["entry", "root", "head"];
    let rewrite = |table: &str| format!("UPDATE ledger.{table} SET position = position + 7");
    for table in tables {
        for attempt in [
            format!("DELETE FROM ledger.{table}"),
            format!("TRUNCATE ledger.{table}"),
            format!("TRUNCATE ledger.{table} CASCADE"),
        ] {
            let refused = database.sql(APPLICATION, &attempt).unwrap_err();
            assert!(
                refused.contains("permission denied"),
                "{attempt}: {refused}"
            );
            let refused = database.sql(OWNER, &attempt).unwrap_err();
            assert!(
                refused.contains("never changed and never removed"),
                "{attempt}: {refused}"
            );
        }
        if table != "head" {
            let attempt = rewrite(table);
            let refused = database.sql(APPLICATION, &attempt).unwrap_err();
            assert!(
                refused.contains("permission denied"),
                "{attempt}: {refused}"
            );
            let refused = database.sql(OWNER, &attempt).unwrap_err();
            assert!(
                refused.contains("never changed and never removed"),
                "{attempt}: {refused}"
            );
        }
    }
    // By another way: as an insert, as a merge, past the triggers, through a lock or a new shape.
    for attempt in [
        "INSERT INTO ledger.entry SELECT * FROM ledger.entry WHERE position = 2 \
         ON CONFLICT (position) DO UPDATE SET leaf_data = 'other'",
        "MERGE INTO ledger.entry e USING (SELECT 2 AS p) s ON e.position = s.p \
         WHEN MATCHED THEN DELETE",
        "SET session_replication_role = replica",
        "ALTER TABLE ledger.entry DISABLE TRIGGER ALL",
        "ALTER TABLE ledger.entry DROP COLUMN leaf_data",
        "DROP TABLE ledger.entry",
        "DROP TRIGGER never ON ledger.entry",
        "CREATE OR REPLACE FUNCTION ledger.never() RETURNS trigger LANGUAGE plpgsql \
         AS 'BEGIN RETURN NEW; END'",
        "CREATE TABLE ledger.more (n int)",
        "UPDATE ledger.head SET ledger_id = gen_random_uuid()",
        "UPDATE ledger.idempotency SET digest = digest",
        "DELETE FROM ledger.api_key",
        "UPDATE ledger.api_key SET hash = hash",
        "DELETE FROM ledger._sqlx_migrations",
        "UPDATE keys.data_key SET wrapped = wrapped",
        "TRUNCATE keys.data_key",
        "SET ROLE dutyledger_owner",
    ] {
        let refused = database.sql(APPLICATION, attempt);
        assert!(refused.is_err(), "{attempt}: {refused:?}");
    }
    // Nor does it hand on what it may.
    database
        .sql("postgres", "CREATE ROLE stranger LOGIN")
        .unwrap();
    let _ = database.sql(APPLICATION, "SELECT ledger.let_serve('stranger')");
    assert!(
        database
            .sql("stranger", "SELECT 1 FROM ledger.entry")
            .is_err()
    );
    // What it needs, it may: read and add.
    let counted = database.sql(APPLICATION, "SELECT count(*) FROM ledger.entry");
    assert_eq!(counted.unwrap(), "3");
    let added = "BEGIN; INSERT INTO ledger.entry SELECT 4, gen_random_uuid(), stream_type, \
                 stream_id, 3, event_type, schema_version, occurred_on, recorded_at, leaf_data, \
                 leaf_hash FROM ledger.entry WHERE position = 3; ROLLBACK";
    database.sql(APPLICATION, added).unwrap();
    assert_eq!(ledger.read(0, 10).await.unwrap(), before);
    whole(&ledger).await;
    ledger.close().await;
}

#[tokio::test]
async fn a_writer_adds_nothing_to_another_history_however_far_that_has_come() {
    for others in [2, 3] {
        let place = Place::postgres().await;
        let ours = place.open().await;
        let sql = |sql: &str| place.database().sql("postgres", sql).unwrap();
        ours.append(append(vec![part(1, 0, 1, 10)])).await.unwrap();
        sql("CREATE TABLE public.head AS SELECT * FROM ledger.head");
        ours.append(append(vec![part(1, 1, 1, 20)])).await.unwrap();
        ours.append(append(vec![part(1, 2, 1, 30)])).await.unwrap();

        // Its administrator puts the database back, and another process records in it.
        sql("BEGIN; SET LOCAL session_replication_role = replica; \
             DELETE FROM ledger.entry WHERE position > (SELECT position FROM public.head); \
             DELETE FROM ledger.root WHERE position > (SELECT position FROM public.head); \
             DELETE FROM ledger.head; INSERT INTO ledger.head SELECT * FROM public.head; COMMIT");
        let theirs = place.open().await;
        for n in 0..others {
            let other = append(vec![part(2, n, 1, 40 + u128::from(n))]);
            theirs.append(other).await.unwrap();
        }
        let held = theirs.read(0, 100).await.unwrap();

        let late = ours.append(append(vec![part(3, 0, 1, 50)])).await;
        assert_eq!(late, Err(AppendError::Stopped), "{others}");
        let Health::Stopped { why } = ours.health() else {
            panic!("it goes on after {others}");
        };
        assert!(why.contains("it was replaced"), "{why}");
        assert_eq!(theirs.read(0, 100).await.unwrap(), held);
        whole(&theirs).await;
        ours.close().await;
        theirs.close().await;
    }
}

#[tokio::test]
async fn a_database_that_is_not_prepared_is_refused_and_the_message_says_how_to() {
    let place = Place::unprepared();
    for error in [
        place.try_open(LEDGER).await.unwrap_err(),
        place.reader().await.unwrap_err(),
    ] {
        assert!(
            matches!(
                error,
                OpenError::OtherSchema {
                    found: 0,
                    schema: "ledger",
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(
            error.to_string().contains("run `dutyledger migrate`"),
            "{error}"
        );
    }
    let refused = Vault::open(place.vault(), DataKey([9; 32]))
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused,
            VaultError::Open(OpenError::OtherSchema {
                found: 0,
                schema: "keys",
                ..
            })
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_database_of_an_older_or_a_newer_schema_is_refused_and_the_message_says_what_to_do() {
    for (change, remedy) in [
        (
            "DELETE FROM {}._sqlx_migrations",
            "run `dutyledger migrate`",
        ),
        (
            "UPDATE {}._sqlx_migrations SET success = false",
            "run `dutyledger migrate`",
        ),
        (
            "INSERT INTO {}._sqlx_migrations \
             SELECT 7, description, installed_on, success, checksum, 0 FROM {}._sqlx_migrations \
             WHERE version = 1",
            "use a newer program",
        ),
    ] {
        let place = Place::postgres().await;
        place.open().await.close().await;
        for schema in ["ledger", "keys"] {
            place
                .database()
                .sql(OWNER, &change.replace("{}", schema))
                .unwrap();
        }
        let opened = place.try_open(LEDGER).await.unwrap_err().to_string();
        assert!(opened.contains(remedy), "{opened}");
        let read = place.reader().await.unwrap_err().to_string();
        assert!(read.contains(remedy), "{read}");
        let vault = Vault::open(place.vault(), DataKey([9; 32]))
            .await
            .unwrap_err();
        assert!(vault.to_string().contains(remedy), "{vault}");
    }
}

#[tokio::test]
async fn a_database_that_does_not_hold_every_letter_is_refused_and_the_message_says_how_to_make_one()
 {
    let place = Place::unprepared();
    let name = place.database().name();
    for statement in [
        format!("DROP DATABASE {name}"),
        format!(
            "CREATE DATABASE {name} OWNER {OWNER} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
        ),
    ] {
        Postgres::shared().sql("postgres", &statement);
    }
    let owner = postgres_url(&place.database().url(OWNER));
    let refused = migrate(&owner, APPLICATION).await.unwrap_err().to_string();
    assert!(
        refused.contains("LATIN1") && refused.contains("--encoding=UTF8"),
        "{refused}"
    );
    let opened = place.try_open(LEDGER).await.unwrap_err().to_string();
    assert!(opened.contains("--encoding=UTF8"), "{opened}");
}

#[tokio::test]
async fn only_the_owner_migrates_and_may_do_so_again() {
    let place = Place::unprepared();
    let serving = postgres_url(&place.database().url(APPLICATION));
    let owner = postgres_url(&place.database().url(OWNER));
    assert!(migrate(&serving, APPLICATION).await.is_err());
    assert!(place.try_open(LEDGER).await.is_err(), "nothing was made");
    migrate(&owner, APPLICATION).await.unwrap();
    let ledger = place.open().await;
    assert!(migrate(&serving, APPLICATION).await.is_err());
    migrate(&owner, APPLICATION).await.unwrap();
    ledger
        .append(append(vec![part(1, 0, 1, 10)]))
        .await
        .unwrap();
    whole(&ledger).await;
    ledger.close().await;
    let odd = "a \"quoted\" role";
    place
        .database()
        .sql("postgres", "CREATE ROLE \"a \"\"quoted\"\" role\" LOGIN")
        .unwrap();
    migrate(&owner, odd).await.unwrap();
}

/// Records one entry in an open transaction, by the same steps as a writer.
async fn commit_by_hand(held: &mut PgConnection, version: u64, entry: u128) {
    let (position, frontier): (i64, Vec<u8>) =
        sqlx::query_as("SELECT position, frontier FROM ledger.head")
            .fetch_one(&mut *held)
            .await
            .unwrap();
    let before = u64::try_from(position).unwrap();
    let mut frontier = Frontier::from_bytes(before, &frontier).unwrap();
    let ledger = LedgerId::new(id(LEDGER));
    let draft = draft_in(ledger, &stream(0), version, entry, json!({"by": "hand"})).unwrap();
    let leaf = draft.leaf_data(before + 1, at(12));
    let hash = leaf_hash(&leaf);
    frontier.push(hash);
    sqlx::query(
        "WITH moved AS ( \
             UPDATE ledger.head SET batch = batch + 1, position = $1, frontier = $2 RETURNING 1 \
         ), entries AS ( \
             INSERT INTO ledger.entry \
             SELECT $1, $3, 'strategy', $4, $5, 'Tested', 1, '2024-01-31', $6::timestamptz, $7, $8 \
             FROM moved \
         ) INSERT INTO ledger.root SELECT $1, $9 FROM moved",
    )
    .bind(position + 1)
    .bind(frontier.to_bytes())
    .bind(id(entry))
    .bind(stream(0).id.uuid())
    .bind(i64::try_from(version).unwrap())
    .bind(at(12))
    .bind(leaf)
    .bind(hash.as_slice())
    .bind(frontier.root().as_slice())
    .execute(held)
    .await
    .unwrap();
}

async fn prefix(ledger: &LedgerReader) -> u64 {
    let stored = ledger.read(0, u32::MAX).await.unwrap();
    let gapless = stored
        .iter()
        .zip(1..)
        .all(|(entry, position)| entry.position == position);
    assert!(gapless, "a reader sees no gap");
    stored.len() as u64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_position_is_seen_before_the_one_that_precedes_it() {
    let place = Place::postgres().await;
    let (one, two) = (place.open().await, place.open().await);
    one.append(append(vec![part(1, 0, 1, 10)])).await.unwrap();

    // A writer that has executed its commit, and whose transaction is not over.
    let mut held = connection(&place).await;
    held.execute("BEGIN").await.unwrap();
    held.execute("SELECT 1 FROM ledger.head FOR UPDATE")
        .await
        .unwrap();
    commit_by_hand(&mut held, 2, 9_000).await;

    let appends: Vec<_> = [(&one, 2u128), (&one, 3), (&two, 4), (&two, 5)]
        .into_iter()
        .map(|(ledger, n)| {
            let ledger = ledger.clone();
            let mine = append(vec![part(n, 0, 2, n * 100)]);
            tokio::spawn(async move { ledger.append(mine).await.unwrap() })
        })
        .collect();
    until_waiting(&place, 2).await;
    let reader = place.reader().await.unwrap();
    for ledger in [&*one, &*two, &reader] {
        assert_eq!(
            prefix(ledger).await,
            2,
            "neither the held entry nor any after it"
        );
        assert_eq!(ledger.last_position().await.unwrap(), 2);
        assert_eq!(ledger.last_root().await.unwrap().unwrap().0, 2);
        assert_eq!(ledger.stream_version(&stream(2)).await.unwrap(), 0);
    }
    assert!(
        appends.iter().all(|append| !append.is_finished()),
        "the others wait"
    );
    // What another wrote is followed, so it may be known a little later.
    assert!(one.head() == 2 && two.head() <= 2);

    held.execute("COMMIT").await.unwrap();
    let mut given = Vec::new();
    for one in appends {
        let receipt = one.await.unwrap();
        assert_eq!(receipt.last_position, receipt.first_position + 1);
        given.push(receipt.first_position);
        assert!(prefix(&reader).await >= receipt.last_position);
    }
    given.sort_unstable();
    assert_eq!(given, [4, 6, 8, 10], "after the one that was first");
    let found = whole(&reader).await;
    assert_eq!(found[2], (0, 2, 9_000));
    // And one that gives up leaves no gap.
    held.execute("BEGIN").await.unwrap();
    commit_by_hand(&mut held, 3, 9_001).await;
    let two_again = two.clone();
    let waiting = append(vec![part(6, 0, 1, 600)]);
    let waiting = tokio::spawn(async move { two_again.append(waiting).await.unwrap() });
    until_waiting(&place, 1).await;
    assert_eq!(prefix(&reader).await, 11);
    held.execute("ROLLBACK").await.unwrap();
    assert_eq!(waiting.await.unwrap().first_position, 12);
    whole(&reader).await;
    reader.close().await;
    one.close().await;
    two.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_stops_while_it_holds_the_head_delays_the_others_by_no_more_than_told() {
    let place = Place::postgres().await;
    let ledger = place.open().await;
    let mut stopped = connection(&place).await;
    sqlx::query("SELECT set_config('idle_in_transaction_session_timeout', $1, false)")
        .bind(STOPPED_WRITER_MAX.as_millis().to_string())
        .execute(&mut stopped)
        .await
        .unwrap();
    stopped.execute("BEGIN").await.unwrap();
    let since = Instant::now();
    stopped
        .execute("SELECT 1 FROM ledger.head FOR UPDATE")
        .await
        .unwrap();
    let one = append(vec![part(1, 0, 1, 10)]);
    assert_eq!(ledger.append(one).await.unwrap().first_position, 2);
    let waited = since.elapsed();
    // The server counts in its own time; what is above is the machine's.
    assert!(
        waited >= STOPPED_WRITER_MAX / 2,
        "it was held up: {waited:?}"
    );
    assert!(waited < STOPPED_WRITER_MAX * 4, "{waited:?}");
    let woken = stopped.execute("COMMIT").await;
    assert!(woken.is_err(), "the one that stopped has lost its turn");
    assert_eq!(ledger.health(), Health::Serving);
    whole(&ledger).await;
    ledger.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_found_a_ledger_at_once_there_is_one() {
    for _ in 0..if long() { 20 } else { 3 } {
        let place = Arc::new(Place::postgres().await);
        let opening: Vec<_> = (1..=6u128)
            .map(|n| {
                let place = Arc::clone(&place);
                tokio::spawn(async move { place.try_open(n).await.unwrap() })
            })
            .collect();
        let mut ledgers = Vec::new();
        for one in opening {
            ledgers.push(one.await.unwrap());
        }
        let id = ledgers[0].id();
        for ledger in &ledgers {
            assert_eq!((ledger.id(), ledger.head()), (id, 1));
        }
        assert_eq!(whole(&ledgers[0]).await.len(), 1);
        for ledger in ledgers {
            ledger.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_writer_held_for_true_is_forgotten_once_another_has_written() {
    let place = Place::postgres().await;
    let (one, two) = (place.open().await, place.open().await);
    one.append(append(vec![part(1, 0, 1, 10)])).await.unwrap();
    two.append(append(vec![part(1, 1, 1, 20)])).await.unwrap();
    // It finds that the head has moved, and asks about what it appends to: another stream.
    one.append(append(vec![part(2, 0, 1, 30)])).await.unwrap();
    let stale = append(vec![part(2, 1, 1, 40), part(1, 1, 0, 0)]);
    let conflict = AppendError::Conflict {
        stream: stream(1),
        expected: 1,
        actual: 2,
    };
    assert_eq!(one.append(stale).await, Err(conflict));
    let right = append(vec![part(2, 1, 1, 40), part(1, 2, 0, 0)]);
    one.append(right).await.unwrap();
    whole(&one).await;
    one.close().await;
    two.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_whose_connection_is_lost_stops_and_what_it_did_is_told_by_the_next() {
    let place = Place::postgres().await;
    let ledger = place.open().await;
    let one = named(append(vec![part(1, 0, 1, 10)]), "one", 1);
    ledger.append(one.clone()).await.unwrap();
    let mut held = connection(&place).await;
    held.execute("BEGIN").await.unwrap();
    held.execute("SELECT 1 FROM ledger.head FOR UPDATE")
        .await
        .unwrap();
    let two = named(append(vec![part(1, 1, 1, 11)]), "two", 1);
    let (lost, again) = (ledger.clone(), two.clone());
    let lost = tokio::spawn(async move { lost.append(again).await });
    until_waiting(&place, 1).await;
    place
        .database()
        .sql(
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .unwrap();
    assert_eq!(lost.await.unwrap(), Err(AppendError::OutcomeUnknown));
    assert!(matches!(ledger.health(), Health::Stopped { .. }));
    assert_eq!(ledger.append(one.clone()).await, Err(AppendError::Stopped));
    assert_eq!(ledger.last_position().await.unwrap(), 2, "reading goes on");
    held.execute("ROLLBACK").await.unwrap();
    ledger.close().await;
    let ledger = place.open().await;
    assert!(ledger.append(one).await.unwrap().replayed);
    let receipt = ledger.append(two).await.unwrap();
    assert_eq!((receipt.first_position, receipt.replayed), (3, false));
    whole(&ledger).await;
    ledger.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_whose_database_goes_back_under_it_records_nothing() {
    let place = Place::postgres().await;
    let ledger = place.open().await;
    let database = place.database();
    let keep = "CREATE TABLE public.kept AS SELECT * FROM ledger.head";
    database.sql("postgres", keep).unwrap();
    ledger
        .append(append(vec![part(1, 0, 3, 10)]))
        .await
        .unwrap();
    // As whoever may do everything puts an older state in the place of this one.
    database
        .sql(
            "postgres",
            "SET session_replication_role = replica; \
             DELETE FROM ledger.entry WHERE position > 1; \
             DELETE FROM ledger.root WHERE position > 1; \
             UPDATE ledger.head SET batch = kept.batch, position = kept.position, \
                                    frontier = kept.frontier FROM public.kept",
        )
        .unwrap();
    let refused = ledger.append(append(vec![part(2, 0, 1, 20)])).await;
    assert_eq!(refused, Err(AppendError::Stopped));
    let health = ledger.health();
    assert!(
        matches!(&health, Health::Stopped { why } if why.contains("older")),
        "{health:?}"
    );
    assert_eq!(ledger.last_position().await.unwrap(), 1);
    ledger.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_has_nothing_to_record_stops_when_its_database_is_replaced() {
    for further in [false, true] {
        let place = Place::postgres().await;
        let ledger = place.open().await;
        place.keep_copy().await;
        ledger
            .append(append(vec![part(1, 0, 1, 10)]))
            .await
            .unwrap();
        // What another records does not stop it.
        let other = place.open().await;
        other.append(append(vec![part(2, 0, 2, 20)])).await.unwrap();
        other.close().await;
        let followed = ledger.tail().wait_for(|tail| *tail == 4).await.is_ok();
        assert!(followed && ledger.health() == Health::Serving);

        place.put_back().await;
        if further {
            let other = place.open().await;
            other.append(append(vec![part(3, 0, 9, 30)])).await.unwrap();
            other.close().await;
        }
        let stopped = tokio::time::timeout(PATIENCE, ledger.stopped()).await;
        assert!(stopped.is_ok(), "it goes on, further: {further}");
        let health = ledger.health();
        assert!(
            matches!(&health, Health::Stopped { why } if why.contains("it was replaced")),
            "{health:?}"
        );
        ledger.close().await;
    }
}

/// What all the writers of a test share.
struct Load {
    /// The last position that was told to anyone.
    told: AtomicU64,
    ids: AtomicU64,
}

impl Load {
    fn id(&self, count: u64) -> u128 {
        self.ids.fetch_add(count, Ordering::Relaxed).into()
    }

    /// Appends; what is told now comes after all that was told before it began.
    async fn append(
        &self,
        ledger: &Ledger,
        one: dutyledger_ledger::Append,
    ) -> Result<Receipt, AppendError> {
        let before = self.told.load(Ordering::SeqCst);
        let receipt = ledger.append(one).await?;
        if !receipt.replayed {
            assert!(
                receipt.first_position > before,
                "receipts are in the order of commits"
            );
        }
        assert!(ledger.head() >= receipt.last_position);
        self.told.fetch_max(receipt.last_position, Ordering::SeqCst);
        Ok(receipt)
    }
}

/// An entry id and the position it was told.
type Told = (u128, u64);

const HOT: u128 = 7;

async fn distinct(load: Arc<Load>, ledger: Ledger, n: u128, rounds: u64) -> Vec<Told> {
    let mut told = Vec::new();
    for round in 0..rounds {
        let id = load.id(2);
        let one = append(vec![part(n, round * 2, 2, id)]);
        let receipt = load.append(&ledger, one).await.unwrap();
        assert_eq!(receipt.last_position, receipt.first_position + 1);
        told.extend([
            (id, receipt.first_position),
            (id + 1, receipt.last_position),
        ]);
    }
    told
}

async fn hot(load: Arc<Load>, ledger: Ledger, rounds: u64) -> Vec<Told> {
    let mut told = Vec::new();
    let mut version = 0;
    for _ in 0..rounds {
        let id = load.id(1);
        loop {
            match load
                .append(&ledger, append(vec![part(HOT, version, 1, id)]))
                .await
            {
                Ok(receipt) => {
                    told.push((id, receipt.first_position));
                    version += 1;
                    break;
                }
                Err(AppendError::Conflict {
                    expected, actual, ..
                }) => {
                    assert_eq!(expected, version);
                    assert_ne!(actual, version);
                    version = actual;
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    told
}

/// Every task asks for the same named requests; one of them is recorded and all are told so.
async fn shared(load: Arc<Load>, ledger: Ledger, rounds: u64) -> Vec<Told> {
    let mut told = Vec::new();
    for round in 0..rounds {
        let round = u128::from(round);
        let (n, id) = (1_000_000 + round, 1_000_000_000 + round);
        let one = named(
            append(vec![part(n, 0, 1, id)]),
            &format!("shared {round}"),
            1,
        );
        let receipt = load.append(&ledger, one).await.unwrap();
        told.push((id, receipt.first_position));
    }
    told
}

async fn several_writers(ledgers: usize) {
    let (tasks, rounds) = if long() { (8, 60) } else { (3, 12) };
    let place = Place::postgres().await;
    let mut open = Vec::new();
    for n in 0..ledgers {
        let mut options = Options::at(place.address());
        // One of them writes small batches.
        options.batch_rows_max = if n == 0 { 3 } else { options.batch_rows_max };
        open.push(place.open_with(options, LEDGER).await.unwrap());
    }
    let load = Arc::new(Load {
        told: AtomicU64::new(1),
        ids: AtomicU64::new(10_000),
    });
    let reader = place.reader().await.unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let watch = tokio::spawn({
        let (reader, over) = (reader.clone(), Arc::clone(&over));
        async move {
            let mut last = 0;
            while !over.load(Ordering::SeqCst) {
                let now = prefix(&reader).await;
                assert!(now >= last, "what was seen stays");
                last = now;
            }
        }
    });
    let mut running = Vec::new();
    for (ledger, n) in open.iter().zip(0u128..) {
        for task in 0..tasks {
            let (load, ledger) = (Arc::clone(&load), ledger.clone());
            running.push(match task % 3 {
                0 => tokio::spawn(distinct(load, ledger, 100 + n * 100 + task, rounds)),
                1 => tokio::spawn(hot(load, ledger, rounds)),
                _ => tokio::spawn(shared(load, ledger, rounds)),
            });
        }
    }
    let mut told = Vec::new();
    for task in running {
        told.extend(task.await.unwrap());
    }
    over.store(true, Ordering::SeqCst);
    watch.await.unwrap();

    let found = whole(&reader).await;
    let positions: std::collections::HashMap<u128, Vec<u64>> =
        found
            .iter()
            .zip(1..)
            .fold(Default::default(), |mut all, (entry, position)| {
                all.entry(entry.2).or_insert_with(Vec::new).push(position);
                all
            });
    for (id, position) in &told {
        assert_eq!(
            positions.get(id),
            Some(&vec![*position]),
            "{id} is there once, as told"
        );
    }
    let acknowledged: std::collections::HashSet<_> = told.iter().map(|(id, _)| *id).collect();
    assert_eq!(
        acknowledged.len() + 1,
        found.len(),
        "and nothing else but the opening"
    );
    reader.close().await;
    for ledger in open {
        ledger.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_append_at_once_and_every_receipt_holds() {
    several_writers(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_writers_append_at_once_and_every_receipt_holds() {
    several_writers(4).await;
}
