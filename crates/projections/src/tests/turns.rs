//! Several processes over one PostgreSQL: one writes, the others follow.

use std::time::Duration;

use dutyledger_domain::streams::Area;
use dutyledger_domain::streams::area::AreaRegistered;
use dutyledger_domain::{AreaKind, Country};
use dutyledger_ledger::Place;
use dutyledger_record::StreamId;
use dutyledger_test_postgres::{APPLICATION, OWNER, Postgres};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::support::{Book, How, On, dump, id, migrated, served, text};
use crate::database::{postgres, sql};
use crate::turn::Timing;
use crate::{MigrateError, OpenError, ProjectionError, Projections, Projector, migrate, rebuild};

/// Longer than anything here takes.
pub(super) const SOON: Duration = Duration::from_secs(60);
/// Turns that run out while a test waits for it.
pub(super) const SHORT: Timing = Timing {
    lasts: Duration::from_millis(300),
    look: Duration::from_millis(10),
};
/// Turns that are renewed in time on however busy a machine, and run out while a test waits.
const RENEWED: Timing = Timing {
    lasts: Duration::from_secs(3),
    look: Duration::from_millis(10),
};
/// Turns that do not.
pub(super) const LONG: Timing = Timing {
    lasts: Duration::from_secs(3_600),
    look: Duration::from_millis(10),
};

impl Book {
    pub(super) async fn grow(&mut self, n: u128) {
        let event = AreaRegistered {
            country: Country::Wales,
            kind: AreaKind::WelshCounty,
            name: text("Gwynedd"),
        };
        self.add::<Area>(id(n), How::default(), event).await;
    }
}

/// A projector at work, until it is told to stop.
pub(super) struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ProjectionError>>,
}

impl Running {
    pub(super) fn start(mut projector: Projector, book: &Book) -> Self {
        let tail = book.ledger.tail();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            projector.run(tail, stopped).await
        });
        Self { stop, task }
    }

    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.unwrap().unwrap();
    }

    /// Ends it where it is, as the end of its process does.
    async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

async fn areas(p: &Projections) -> Vec<StreamId> {
    let rows = p.areas(None, 200).await.unwrap().rows;
    rows.iter().map(|row| row.id).collect()
}

/// Whoever's turn it is, as it stands in the checkpoint.
pub(super) async fn holder(p: &Projections) -> String {
    let holder = sql("SELECT holder FROM checkpoint");
    let (holder,) = p.rows.one::<(String,)>(holder).await.unwrap();
    holder
}

#[tokio::test(flavor = "multi_thread")]
async fn one_leads_and_the_other_follows_until_it_ends() {
    let mut book = Book::on(On::Server).await;
    let (one, mut leads) = book.open_timed(LONG).await;
    let (other, follows) = book.open_timed(LONG).await;
    leads.catch_up(|_, _| ()).await.unwrap();
    let (leads, follows) = (Running::start(leads, &book), Running::start(follows, &book));
    let first = holder(&one).await;
    book.grow(1).await;
    for p in [&one, &other] {
        assert_eq!(p.wait_for(2, SOON).await, Ok(2));
        assert_eq!(areas(p).await, [id(1)]);
        assert_eq!(p.freshness().await.unwrap().stopped, None);
    }
    assert_eq!(holder(&one).await, first);
    // A turn that is given up is taken at once: this one would last an hour.
    leads.stop().await;
    book.grow(2).await;
    assert_eq!(other.wait_for(3, SOON).await, Ok(3));
    assert_ne!(holder(&one).await, first);
    follows.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_was_not_given_up_runs_out() {
    let mut book = Book::on(On::Server).await;
    let (one, leads) = book.open_timed(SHORT).await;
    let leads = Running::start(leads, &book);
    one.wait_for(1, SOON).await.unwrap();
    let (other, follows) = book.open_timed(SHORT).await;
    let follows = Running::start(follows, &book);
    leads.kill().await;
    book.grow(1).await;
    assert_eq!(other.wait_for(2, SOON).await, Ok(2));
    follows.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_projector_keeps_its_turn() {
    let book = Book::on(On::Server).await;
    let (one, leads) = book.open_timed(RENEWED).await;
    let leads = Running::start(leads, &book);
    one.wait_for(1, SOON).await.unwrap();
    let first = holder(&one).await;
    let (_other, follows) = book.open_timed(RENEWED).await;
    let follows = Running::start(follows, &book);
    // Renewed several times over; the clock is the database's, so it is the database that waits.
    let slept = sql("SELECT CAST(pg_sleep(7) AS text)");
    one.rows.one::<(String,)>(slept).await.unwrap();
    assert_eq!(holder(&one).await, first);
    leads.stop().await;
    follows.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_lost_the_turn_writes_nothing_and_follows() {
    let mut book = Book::on(On::Server).await;
    let (one, mut slept) = book.open_timed(SHORT).await;
    let (other, mut woke) = book.open_timed(LONG).await;
    slept.catch_up(|_, _| ()).await.unwrap();
    book.grow(1).await;
    // It is stopped here, still believing that it leads; its turn runs out, and is taken.
    assert!(slept.turn.held());
    woke.catch_up(|_, _| ()).await.unwrap();
    assert_eq!(areas(&other).await, [id(1)]);
    let taken = holder(&other).await;

    book.grow(2).await;
    // Even where it finds the rows where it left them, it writes nothing.
    let back = sql("UPDATE checkpoint SET position = 1");
    woke.rows.execute(back).await.unwrap();
    let before = dump(&other).await;
    slept.step().await.unwrap();
    assert!(!slept.turn.held());
    assert_eq!(dump(&other).await, before);
    assert_eq!(holder(&other).await, taken);
    let forth = sql("UPDATE checkpoint SET position = 2");
    woke.rows.execute(forth).await.unwrap();

    let follows = Running::start(slept, &book);
    woke.catch_up(|_, _| ()).await.unwrap();
    assert_eq!(one.wait_for(3, SOON).await, Ok(3));
    assert_eq!(areas(&one).await, [id(1), id(2)]);
    assert_eq!(holder(&other).await, taken);
    follows.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_stopped_within_a_page_is_put_out() {
    let mut book = Book::on(On::Server).await;
    let (_one, mut stopped) = book.open_timed(SHORT).await;
    stopped.catch_up(|_, _| ()).await.unwrap();
    let mut within = stopped.rows.begin().await.unwrap();
    assert!(stopped.turn.begin(&mut within).await.unwrap().is_some());
    // It holds the checkpoint, and says nothing more. PostgreSQL ends its session.
    let (other, follows) = book.open_timed(SHORT).await;
    let follows = Running::start(follows, &book);
    book.grow(1).await;
    assert_eq!(other.wait_for(2, SOON).await, Ok(2));
    assert!(within.commit().await.is_err());
    follows.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_is_tried_again() {
    let mut server = Postgres::start();
    let database = server.database();
    migrate(&database.url(OWNER), APPLICATION).await.unwrap();
    let mut book = Book::new().await;
    book.place = served(&database);
    let (p, projector) = book.open_timed(SHORT).await;
    let running = Running::start(projector, &book);
    assert_eq!(p.wait_for(1, SOON).await, Ok(1));
    server.crash();
    book.grow(1).await;
    let mut standing = p.standing.clone();
    let troubled = standing.wait_for(|s| s.stopped.is_some());
    tokio::time::timeout(SOON, troubled).await.unwrap().unwrap();
    server.go();
    let got_on = standing.wait_for(|s| s.stopped.is_none() && s.position == 2);
    tokio::time::timeout(SOON, got_on).await.unwrap().unwrap();
    assert_eq!(areas(&p).await, [id(1)]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_served_while_they_are_made_anew() {
    let mut book = Book::on(On::Server).await;
    book.grow(1).await;
    let (p, projector) = book.open_timed(SHORT).await;
    let running = Running::start(projector, &book);
    assert_eq!(p.wait_for(2, SOON).await, Ok(2));
    let rows = dump(&p).await;
    let (at_last, seen) = std::sync::mpsc::channel();
    let place = book.place.clone();
    let reader = book.ledger.clone();
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let rebuilding = tokio::spawn(async move {
        rebuild(place, &reader, move |done, total| {
            if done == total && at_last.send(()).is_ok() {
                let _ = tokio::task::block_in_place(|| gone.recv());
            }
        })
        .await
    });
    // Everything is written anew but not committed, and the old rows are there.
    tokio::task::spawn_blocking(move || seen.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(dump(&p).await, rows);
    drop(go);
    assert_eq!(rebuilding.await.unwrap().unwrap(), 2);
    assert_eq!(dump(&p).await, rows);
    // The projector goes on from the new ones.
    book.grow(2).await;
    assert_eq!(p.wait_for(3, SOON).await, Ok(3));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_makes_the_tables() {
    let book = Book::new().await;
    let database = Postgres::shared().database();
    let place = served(&database);
    let refused = || async {
        let error = Projections::open(&place, &book.ledger).await.unwrap_err();
        assert!(error.to_string().contains("dutyledger migrate"), "{error}");
        error
    };
    assert!(matches!(refused().await, OpenError::Unmigrated { .. }));
    let error = migrate(&database.url(APPLICATION), APPLICATION).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("permission denied"), "{error}");
    assert!(matches!(refused().await, OpenError::Unmigrated { .. }));

    // As often as one likes.
    for _ in 0..2 {
        migrate(&database.url(OWNER), APPLICATION).await.unwrap();
    }
    Projections::open(&place, &book.ledger).await.unwrap();

    for found in [1, 3] {
        let change = format!("UPDATE projections.shape SET number = {found}");
        assert!(database.sql(APPLICATION, &change).is_err());
        database.sql(OWNER, &change).unwrap();
        let error = refused().await;
        assert!(
            matches!(error, OpenError::OtherSchema { known: 2, .. }),
            "{error}"
        );
        let migrated = migrate(&database.url(OWNER), APPLICATION).await;
        if found == 1 {
            migrated.unwrap();
            let (p, _) = Projections::open(&place, &book.ledger).await.unwrap();
            assert_eq!(p.position(), 0);
        } else {
            let error = migrated.unwrap_err();
            assert!(matches!(error, MigrateError::Newer { .. }), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_and_no_stopped_transaction_lasts_without_end() {
    let database = migrated().await;
    let Place::Postgres(url) = served(&database) else {
        unreachable!("it is on a server")
    };
    let bounds = || {
        sql("SELECT current_setting('statement_timeout'), \
             current_setting('idle_in_transaction_session_timeout')")
    };
    let writer = postgres::writer(&url).await.unwrap();
    let builder = postgres::builder(&url).await.unwrap();
    let readers = postgres::readers(&url).await.unwrap();
    for (pool, statement, stopped) in [
        (writer, "1min", "5s"),
        (builder, "15min", "1min"),
        (readers, "1min", "5s"),
    ] {
        let found: (String, String) = pool.one(bounds()).await.unwrap();
        assert_eq!(found, (statement.to_owned(), stopped.to_owned()));
    }
}
