//! A ledger file of an earlier program.

use std::path::Path;

use crate::support::{Place, append, by_hand, part, whole};
use dutyledger_ledger::{NotedHead, OpenError};
use sqlx::Connection;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

/// A file of the first schema alone, with the entries of a ledger.
async fn first_schema(place: &Place, from: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/sql/sqlite/ledger");
    let first = "0001_ledger.sql";
    std::fs::copy(schemas.join(first), folder.path().join(first)).unwrap();
    let mut sql: SqliteConnection = SqliteConnectOptions::new()
        .filename(place.path())
        .create_if_missing(true)
        .connect()
        .await
        .unwrap();
    let first = Migrator::new(folder.path()).await.unwrap();
    first.run_direct(None, &mut sql, false).await.unwrap();
    sqlx::query("ATTACH ?1 AS whole")
        .bind(from.to_str().unwrap())
        .execute(&mut sql)
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO entry SELECT * FROM whole.entry ORDER BY position; \
         INSERT INTO head SELECT one, ledger_id, position, recorded_at FROM whole.head; \
         INSERT INTO idempotency SELECT * FROM whole.idempotency; \
         INSERT INTO api_key SELECT * FROM whole.api_key",
    )
    .execute(&mut sql)
    .await
    .unwrap();
    sql.close().await.unwrap();
}

#[tokio::test]
async fn a_ledger_of_the_first_schema_is_given_its_tree_and_goes_on() {
    for entries in [0u64, 1, 2, 6, 99] {
        let new = Place::sqlite();
        let ledger = new.open().await;
        for version in 0..entries {
            let one = part(1, version, 1, 1_000 + u128::from(version));
            ledger.append(append(vec![one])).await.unwrap();
        }
        let (expected, root) = (whole(&ledger).await, ledger.last_root().await.unwrap());
        ledger.close().await;

        let old = Place::sqlite();
        first_schema(&old, &new.path()).await;
        let reading = old.reader().await;
        assert!(
            matches!(reading, Err(OpenError::OlderSchema { found: 1, .. })),
            "{reading:?}"
        );
        for _ in 0..2 {
            let ledger = old.open().await;
            assert_eq!(ledger.last_root().await.unwrap(), root);
            assert_eq!(whole(&ledger).await, expected);
            ledger.close().await;
        }
        // The one root it has stands at its head; the next commit adds its own.
        let ledger = old.open().await;
        assert_eq!(
            ledger.roots(0, 10).await.unwrap(),
            root.into_iter().collect::<Vec<_>>()
        );
        ledger
            .append(append(vec![part(1, entries, 3, 10)]))
            .await
            .unwrap();
        assert_eq!(ledger.roots(0, 10).await.unwrap().len(), 2);
        whole(&ledger).await;
        assert_eq!(
            NotedHead::of(&ledger).await.unwrap().unwrap().position,
            entries + 4
        );
        ledger.close().await;
    }
}

#[tokio::test]
async fn a_ledger_stopped_between_its_new_schema_and_its_tree_is_finished_at_the_next_opening() {
    let new = Place::sqlite();
    let ledger = new.open().await;
    ledger
        .append(append(vec![part(1, 0, 5, 10)]))
        .await
        .unwrap();
    let root = ledger.last_root().await.unwrap();
    ledger.close().await;
    let old = Place::sqlite();
    first_schema(&old, &new.path()).await;
    let mut sql = by_hand(&old).await;
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/sql/sqlite/ledger");
    let all = Migrator::new(schemas).await.unwrap();
    all.run_direct(None, &mut sql, false).await.unwrap();
    sql.close().await.unwrap();
    let ledger = old.open().await;
    assert_eq!(ledger.last_root().await.unwrap(), root);
    whole(&ledger).await;
    ledger.close().await;
}

#[tokio::test]
async fn a_file_of_the_first_schema_that_was_never_founded_is_founded() {
    let old = Place::sqlite();
    let new = Place::sqlite();
    new.open().await.close().await;
    let mut sql = by_hand(&new).await;
    // Emptied, as a program leaves it that is killed between the schema and the first entry.
    sqlx::query("DROP TRIGGER entry_is_never_removed; DELETE FROM entry; DELETE FROM head")
        .execute(&mut sql)
        .await
        .unwrap();
    sql.close().await.unwrap();
    first_schema(&old, &new.path()).await;
    let ledger = old.open().await;
    assert_eq!(whole(&ledger).await.len(), 1);
    ledger.close().await;
}
