//! The file: what it may be opened with, and how it is replaced.

use std::fs;

use dutyledger_domain::streams::Area;
use dutyledger_domain::streams::area::AreaRegistered;
use dutyledger_domain::{AreaKind, Country};
use dutyledger_record::leaf_hash;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use super::support::{Book, How, dump, id, text};
use crate::{OpenError, ProjectionError, Projections, rebuild};

fn registered(name: &str) -> AreaRegistered {
    AreaRegistered {
        country: Country::England,
        kind: AreaKind::District,
        name: text(name),
    }
}

/// A connection beside the projector's, as a person with a database tool has it.
async fn by_hand(book: &Book) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(book.path())
        .connect()
        .await
        .unwrap()
}

async fn closed(book: &Book) {
    let (p, mut projector) = book.open().await;
    projector.catch_up(|_, _| ()).await.unwrap();
    p.close().await;
    projector.close().await;
}

async fn refused(book: &Book) -> OpenError {
    Projections::open(&book.path(), &book.ledger)
        .await
        .unwrap_err()
}

#[tokio::test]
async fn rows_ahead_of_the_ledger_are_refused() {
    let mut book = Book::new().await;
    book.add::<Area>(id(1), How::default(), registered("A"))
        .await;
    closed(&book).await;
    let mut conn = by_hand(&book).await;
    sqlx::query("UPDATE checkpoint SET position = 3")
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    let error = refused(&book).await;
    assert!(
        matches!(
            error,
            OpenError::AheadOfLedger {
                position: 3,
                head: 2,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("dutyledger projections rebuild"));
}

#[tokio::test]
async fn rows_of_another_ledger_or_another_history_of_it_are_refused() {
    let mut book = Book::new().await;
    book.add::<Area>(id(1), How::default(), registered("A"))
        .await;
    closed(&book).await;

    let other = Book::numbered(0xee).await;
    let error = Projections::open(&book.path(), &other.ledger)
        .await
        .unwrap_err();
    assert!(matches!(error, OpenError::OtherLedger { .. }), "{error}");
    assert!(error.to_string().contains("dutyledger projections rebuild"));

    let mut conn = by_hand(&book).await;
    sqlx::query("UPDATE checkpoint SET leaf_hash = ?1")
        .bind(leaf_hash("something else").as_slice())
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    let error = refused(&book).await;
    assert!(
        matches!(error, OpenError::OtherHistory { position: 2, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn rows_of_another_schema_are_refused_and_rebuilt() {
    let mut book = Book::new().await;
    book.add::<Area>(id(1), How::default(), registered("A"))
        .await;
    closed(&book).await;
    for found in [1, 3] {
        let mut conn = by_hand(&book).await;
        let pragma = if found == 1 {
            "PRAGMA user_version = 1"
        } else {
            "PRAGMA user_version = 3"
        };
        sqlx::query(pragma).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        let error = refused(&book).await;
        assert!(
            matches!(error, OpenError::OtherSchema { known: 2, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("dutyledger projections rebuild"));
    }
    rebuild(&book.path(), &book.ledger, |_, _| ())
        .await
        .unwrap();
    let (p, _projector) = book.open().await;
    assert_eq!(p.areas(None, 10).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn a_file_of_something_else_is_left_alone() {
    let book = Book::new().await;
    let mut conn = SqliteConnectOptions::new()
        .filename(book.path())
        .create_if_missing(true)
        .connect()
        .await
        .unwrap();
    sqlx::query("CREATE TABLE accounts (a)")
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    let before = fs::read(book.path()).unwrap();
    assert!(matches!(refused(&book).await, OpenError::Foreign { .. }));
    assert_eq!(fs::read(book.path()).unwrap(), before);
}

#[tokio::test]
async fn one_opener_at_a_time() {
    let book = Book::new().await;
    let (p, projector) = book.open().await;
    assert!(matches!(refused(&book).await, OpenError::InUse { .. }));
    let error = rebuild(&book.path(), &book.ledger, |_, _| ())
        .await
        .unwrap_err();
    assert!(
        matches!(error, ProjectionError::Open(OpenError::InUse { .. })),
        "{error}"
    );
    drop(p);
    drop(projector);
    book.open().await;
}

#[tokio::test]
async fn a_rebuild_that_was_killed_is_begun_again() {
    let mut book = Book::new().await;
    book.add::<Area>(id(1), How::default(), registered("A"))
        .await;
    closed(&book).await;
    // What is left beside by one that was killed while it built: a torn file and its log.
    let fresh = dutyledger_ledger::beside(&book.path(), ".rebuild");
    let (p, projector) = book.open().await;
    let rows = dump(&p).await;
    p.close().await;
    projector.close().await;
    fs::write(&fresh, b"torn").unwrap();
    fs::write(dutyledger_ledger::beside(&fresh, "-wal"), b"torn").unwrap();

    let mut told = Vec::new();
    let position = rebuild(&book.path(), &book.ledger, |done, total| {
        told.push((done, total));
    })
    .await
    .unwrap();
    assert_eq!(position, 2);
    assert!(told.iter().all(|(done, total)| done <= total), "{told:?}");
    assert!(
        told.last().is_some_and(|(done, total)| done == total),
        "{told:?}"
    );
    assert!(!fresh.exists());
    let (p, projector) = book.open().await;
    assert_eq!(dump(&p).await, rows);
    p.close().await;
    projector.close().await;

    // Killed before it renamed: the next opener clears it away.
    fs::write(&fresh, b"torn").unwrap();
    let (p, _) = book.open().await;
    assert_eq!(dump(&p).await, rows);
    assert!(!fresh.exists());
}

#[tokio::test]
async fn a_log_never_outlives_the_file_that_is_replaced() {
    let mut book = Book::new().await;
    book.add::<Area>(id(1), How::default(), registered("A"))
        .await;
    let (p, mut projector) = book.open().await;
    projector.catch_up(|_, _| ()).await.unwrap();
    let rows = dump(&p).await;
    // Killed: the file and its log stay as they are, with the rows in the log.
    let killed = tempfile::tempdir().unwrap();
    for suffix in ["", "-wal"] {
        let from = dutyledger_ledger::beside(&book.path(), suffix);
        let to = dutyledger_ledger::beside(&killed.path().join("projections.db"), suffix);
        assert!(fs::copy(from, to).unwrap() > 0);
    }
    let path = killed.path().join("projections.db");
    book.add::<Area>(id(2), How::default(), registered("B"))
        .await;
    rebuild(&path, &book.ledger, |_, _| ()).await.unwrap();
    assert!(!dutyledger_ledger::beside(&path, "-wal").exists());
    let (p, _projector) = Projections::open(&path, &book.ledger).await.unwrap();
    assert_eq!(p.position(), 3);
    assert_ne!(dump(&p).await, rows);
    assert_eq!(p.areas(None, 10).await.unwrap().rows.len(), 2);
}

#[tokio::test]
async fn a_rebuild_replaces_nothing_but_projections() {
    let book = Book::new().await;
    let ledger = book.folder.path().join("copy.db");
    for suffix in ["", "-wal"] {
        let from = dutyledger_ledger::beside(&book.folder.path().join("ledger.db"), suffix);
        fs::copy(from, dutyledger_ledger::beside(&ledger, suffix)).unwrap();
    }
    let text = book.folder.path().join("notes.txt");
    fs::write(
        &text,
        "not a database at all, but a text someone wants to keep",
    )
    .unwrap();
    for path in [&ledger, &text] {
        let before = fs::read(path).unwrap();
        let error = rebuild(path, &book.ledger, |_, _| ()).await.unwrap_err();
        assert!(
            matches!(error, ProjectionError::Open(OpenError::Foreign { .. })),
            "{error}"
        );
        assert_eq!(fs::read(path).unwrap(), before);
    }
}
