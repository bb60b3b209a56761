//! A ledger whose process stops while it keeps other writers out, and goes on later.

use std::time::Instant;

use dutyledger_test_postgres::{APPLICATION, OWNER, Postgres};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::silent::{PATIENCE, address, one, place};
use super::*;
use crate::clock::SystemClock;
use crate::postgres::{STOPPED_WRITER_MAX, migrate};
use crate::store::{Answers, Questions, StoreError};
use crate::testing::{opening, stream};

/// A store that stops each time it holds the head, and says so, until it is told to go on.
struct Paused {
    store: PostgresStore,
    holds: Arc<Notify>,
    go_on: Arc<Notify>,
}

impl Store for Paused {
    const SHARED: bool = PostgresStore::SHARED;

    async fn head(&mut self) -> Result<Option<Head>, StoreError> {
        self.store.head().await
    }

    async fn hold(&mut self) -> Result<Head, StoreError> {
        let head = self.store.hold().await?;
        self.holds.notify_one();
        self.go_on.notified().await;
        Ok(head)
    }

    async fn root(&mut self, position: u64) -> Result<Option<[u8; 32]>, StoreError> {
        self.store.root(position).await
    }

    async fn release(&mut self) -> Result<(), StoreError> {
        self.store.release().await
    }

    async fn ask(&mut self, questions: &Questions<'_>) -> Result<Answers, StoreError> {
        self.store.ask(questions).await
    }

    async fn found(&mut self, batch: &Batch) -> Result<Committed, StoreError> {
        self.store.found(batch).await
    }

    async fn commit(&mut self, batch: &Batch) -> Result<Committed, StoreError> {
        self.store.commit(batch).await
    }

    async fn close(self) -> Result<(), StoreError> {
        self.store.close().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_stops_while_it_holds_the_head_loses_its_turn_and_records_nothing() {
    let database = Postgres::shared().database();
    migrate(&address(&database.url(OWNER)), APPLICATION)
        .await
        .unwrap();
    let url = database.url(APPLICATION);
    let (holds, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let store = Paused {
        store: PostgresStore::open(&address(&url)).await.unwrap(),
        holds: Arc::clone(&holds),
        go_on: Arc::clone(&go_on),
    };
    let options = || Options::at(place(&url));
    let stops = Ledger::over(store, None, options(), Arc::new(SystemClock), opening)
        .await
        .unwrap();
    let other = Ledger::open(options(), Arc::new(SystemClock), opening)
        .await
        .unwrap();
    // Its first attempt rests on a head that has moved, so it keeps the others out for its second.
    other.append(one(1, 0)).await.unwrap();
    let stopped = stops.clone();
    let late = tokio::spawn(async move { stopped.append(one(2, 0)).await });
    timeout(PATIENCE, holds.notified()).await.unwrap();

    let since = Instant::now();
    let recorded = timeout(PATIENCE, other.append(one(3, 0))).await.unwrap();
    let waited = since.elapsed();
    assert_eq!(recorded.unwrap().last_position, 3);
    assert!(waited < STOPPED_WRITER_MAX * 4, "{waited:?}");

    go_on.notify_one();
    let late = timeout(PATIENCE, late).await.unwrap().unwrap();
    assert!(
        matches!(
            late,
            Err(AppendError::Stopped | AppendError::OutcomeUnknown)
        ),
        "{late:?}"
    );
    assert_eq!(other.stream_version(&stream(2)).await.unwrap(), 0);
    assert_eq!(other.append(one(4, 0)).await.unwrap().last_position, 4);
    assert_eq!(other.stream_version(&stream(2)).await.unwrap(), 0);
    assert!(matches!(stops.health(), Health::Stopped { .. }));
    stops.close().await;
    other.close().await;
}
