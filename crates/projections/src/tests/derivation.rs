//! Rows that another release derived.

use crate::database::sql;
use crate::derivation::DERIVATION;
use crate::{OpenError, Projections};

use super::support::{Book, On, dump, on_both};
use super::turns::{LONG, Running, SHORT, SOON, holder};

/// Lets the rows stand as if another derivation had made them.
async fn made_by(book: &Book, derivation: u32) {
    let (p, projector) = book.open().await;
    let rows = [
        sql("UPDATE checkpoint SET derivation = $1").bind(derivation),
        sql("UPDATE stream_row SET name = 'derived otherwise'"),
    ];
    for row in rows {
        projector.rows.execute(row).await.unwrap();
    }
    p.close().await;
    projector.close().await;
}

async fn derived(book: &Book) -> Vec<String> {
    let (p, mut projector) = book.open().await;
    projector.catch_up(|_, _| ()).await.unwrap();
    let rows = dump(&p).await;
    p.close().await;
    projector.close().await;
    rows
}

on_both! {
    rows_that_an_older_release_derived_are_made_anew
}

async fn rows_that_an_older_release_derived_are_made_anew(on: On) {
    let mut book = Book::on(on).await;
    book.grow(1).await;
    let rows = derived(&book).await;
    made_by(&book, DERIVATION - 1).await;

    let (p, mut projector) = book.open().await;
    // Who asks meanwhile is told that they are behind.
    assert_eq!(p.freshness().await.unwrap().position, 0);
    projector.catch_up(|_, _| ()).await.unwrap();
    assert_eq!(dump(&p).await, rows);
    p.close().await;
    projector.close().await;
    // And once.
    let (p, _projector) = book.open().await;
    assert_eq!(p.freshness().await.unwrap().position, 2);
}

#[tokio::test]
async fn a_file_that_a_newer_release_derived_is_left_to_it() {
    let mut book = Book::new().await;
    book.grow(1).await;
    derived(&book).await;
    made_by(&book, DERIVATION + 1).await;
    let error = Projections::open(&book.path(), &book.ledger).await;
    let error = error.unwrap_err();
    assert!(
        matches!(error, OpenError::OtherDerivation { .. }),
        "{error}"
    );
    let told = error.to_string();
    assert!(told.contains("use a newer program, or run"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_release_takes_the_turn_of_an_older_one() {
    let mut book = Book::on(On::Server).await;
    book.grow(1).await;
    // It leads, for an hour.
    let (one, mut older) = book.open_timed(LONG).await;
    book.grow(2).await;
    older.catch_up(|_, _| ()).await.unwrap();
    let rows = dump(&one).await;
    let first = holder(&one).await;
    let behind = sql("UPDATE checkpoint SET derivation = $1").bind(DERIVATION - 1);
    older.rows.execute(behind).await.unwrap();

    let (other, newer) = book.open_timed(LONG).await;
    let newer = Running::start(newer, &book);
    assert_eq!(other.wait_for(3, SOON).await, Ok(3));
    assert_ne!(holder(&other).await, first);
    assert_eq!(dump(&other).await, rows);
    newer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_release_follows_a_newer_one_and_never_takes_its_turn() {
    let mut book = Book::on(On::Server).await;
    book.grow(1).await;
    let (p, older) = book.open_timed(SHORT).await;
    let older = Running::start(older, &book);
    assert_eq!(p.wait_for(2, SOON).await, Ok(2));
    // A newer one makes them anew, while this one leads.
    let newer = sql("UPDATE checkpoint SET derivation = $1").bind(DERIVATION + 1);
    let (_, by_hand) = book.open_timed(SHORT).await;
    by_hand.rows.execute(newer).await.unwrap();
    let rows = dump(&p).await;

    book.grow(2).await;
    let mut standing = p.standing.clone();
    let stopped = standing.wait_for(|s| s.stopped.is_some());
    let stopped = tokio::time::timeout(SOON, stopped).await.unwrap().unwrap();
    let why = stopped.stopped.clone().unwrap();
    assert!(why.contains("use a newer program"), "{why}");
    drop(stopped);
    assert_eq!(dump(&p).await, rows, "it wrote nothing");
    assert!(!p.leads());

    // The newer one goes on, and is followed.
    let goes_on = "UPDATE checkpoint SET position = 3, held_till = 'infinity', holder = 'newer'";
    by_hand.rows.execute(sql(goes_on)).await.unwrap();
    let followed = standing.wait_for(|s| s.stopped.is_none() && s.position == 3);
    tokio::time::timeout(SOON, followed).await.unwrap().unwrap();
    assert!(!p.leads());
    assert_eq!(holder(&p).await, "newer");
    older.stop().await;
}
