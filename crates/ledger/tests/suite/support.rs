//! What the tests share: a place for a ledger on either database, a clock that is set, and entries.

#[path = "../../../../tests/record/draft.rs"]
mod draft;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use dutyledger_ledger::{
    Append, Clock, Idempotency, Ledger, LedgerReader, OpenError, Opening, Options,
    Place as Address, PostgresUrl, StreamAppend, migrate,
};
use dutyledger_record::{EntryError, Frontier, LedgerId, leaf_hash};
use dutyledger_test_postgres::{APPLICATION, Database, OWNER, Postgres};
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use draft::{OPENING, number};
pub(crate) use draft::{draft_in, id, stream};

/// Makes two tests of each body: one on SQLite and one on PostgreSQL.
macro_rules! on_both {
    ($($body:ident),+ $(,)?) => {
        mod sqlite {
            use crate::support::Place;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $body() {
                    super::$body(Place::sqlite()).await;
                }
            )+
        }

        mod postgres {
            use crate::support::Place;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $body() {
                    super::$body(Place::postgres().await).await;
                }
            )+
        }
    };
}
pub(crate) use on_both;

/// After which time what has not come to pass never will.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Whether the full sizes are asked for.
#[expect(clippy::disallowed_methods, reason = "the tests' one setting")]
pub(crate) fn long() -> bool {
    std::env::var("DUTYLEDGER_TEST_SIZE").as_deref() == Ok("long")
}

/// A clock that stands where it is set.
#[derive(Clone)]
pub(crate) struct SetClock(Arc<Mutex<DateTime<Utc>>>);

impl SetClock {
    pub(crate) fn set(&self, at: DateTime<Utc>) {
        *self.0.lock().unwrap() = at;
    }
}

impl Clock for SetClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

pub(crate) fn at(hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, hour, 0, 0).unwrap()
}

/// A place for a ledger and its keys, and a folder for what lies beside it.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) clock: SetClock,
    database: Option<Database>,
}

impl Place {
    /// A file that is not there yet.
    pub(crate) fn sqlite() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: SetClock(Arc::new(Mutex::new(at(12)))),
            database: None,
        }
    }

    /// A new database that is prepared.
    pub(crate) async fn postgres() -> Self {
        let place = Self::unprepared();
        let owner = postgres_url(&place.database().url(OWNER));
        migrate(&owner, APPLICATION).await.unwrap();
        place
    }

    /// A new database with nothing in it.
    pub(crate) fn unprepared() -> Self {
        Self::of(Postgres::shared().database())
    }

    pub(crate) fn of(database: Database) -> Self {
        Self {
            database: Some(database),
            ..Self::sqlite()
        }
    }

    /// The database on the server.
    pub(crate) fn database(&self) -> &Database {
        self.database.as_ref().unwrap()
    }

    pub(crate) fn is_file(&self) -> bool {
        self.database.is_none()
    }

    /// The ledger's file.
    pub(crate) fn path(&self) -> PathBuf {
        assert!(self.database.is_none(), "it is not a file");
        self.folder.path().join("ledger.db")
    }

    /// The ledger's address.
    pub(crate) fn address(&self) -> Address {
        match &self.database {
            Some(database) => Address::Postgres(postgres_url(&database.url(APPLICATION))),
            None => Address::Sqlite(self.path()),
        }
    }

    /// The vault's address.
    pub(crate) fn vault(&self) -> Address {
        match &self.database {
            Some(_) => self.address(),
            None => Address::Sqlite(self.folder.path().join("vault.db")),
        }
    }

    /// Does something to the database as whoever may do everything.
    pub(crate) async fn by_hand(&self, sql: &'static str) {
        if self.is_file() {
            let mut file = by_hand(self).await;
            sqlx::raw_sql(sql).execute(&mut file).await.unwrap();
            file.close().await.unwrap();
        } else {
            let sql =
                format!("SET session_replication_role = replica; SET search_path = ledger; {sql}");
            self.database().sql("postgres", &sql).unwrap();
        }
    }

    /// Remembers the ledger as it is now, to be put back.
    pub(crate) async fn keep_copy(&self) {
        self.by_hand("CREATE TABLE kept AS SELECT * FROM head")
            .await;
    }

    /// Lets entries and roots be removed by hand.
    pub(crate) async fn may_remove(&self) {
        if self.is_file() {
            self.by_hand("DROP TRIGGER entry_is_never_removed; DROP TRIGGER root_is_never_removed")
                .await;
        }
    }

    /// Puts the ledger back to what it was, under whoever has it open.
    pub(crate) async fn put_back(&self) {
        self.may_remove().await;
        self.by_hand(
            "BEGIN; \
             DELETE FROM entry WHERE position > (SELECT position FROM kept); \
             DELETE FROM root WHERE position > (SELECT position FROM kept); \
             UPDATE head SET batch = kept.batch, position = kept.position, \
                             recorded_at = kept.recorded_at, frontier = kept.frontier \
             FROM kept; \
             COMMIT",
        )
        .await;
    }

    /// Where the head is noted, by a ledger that notes it.
    pub(crate) fn note(&self) -> PathBuf {
        self.folder.path().join("ledger.head")
    }

    pub(crate) async fn open_with(
        &self,
        options: Options,
        ledger: u128,
    ) -> Result<Ledger, OpenError> {
        let clock = Arc::new(self.clock.clone());
        Ledger::open(options, clock, |_| opening(ledger)).await
    }

    pub(crate) async fn try_open(&self, ledger: u128) -> Result<Ledger, OpenError> {
        self.open_with(Options::at(self.address()), ledger).await
    }

    pub(crate) async fn open(&self) -> Ledger {
        self.try_open(LEDGER).await.unwrap()
    }

    pub(crate) async fn reader(&self) -> Result<LedgerReader, OpenError> {
        LedgerReader::open(self.address()).await
    }
}

pub(crate) fn postgres_url(url: &str) -> PostgresUrl {
    match Address::parse(url) {
        Ok(Address::Postgres(url)) => url,
        other => panic!("{other:?}"),
    }
}

/// Fails unless the ledger is whole: positions and the versions of every stream without gaps,
/// instants that never go back, every hash that of its text, every root that of its tree. Gives the
/// stream, the version and the entry id at each position, as numbers.
pub(crate) async fn whole(ledger: &LedgerReader) -> Vec<(u128, u64, u128)> {
    let mut found = Vec::new();
    let mut versions = std::collections::HashMap::new();
    let mut roots = ledger
        .roots(0, u32::MAX)
        .await
        .unwrap()
        .into_iter()
        .peekable();
    let mut frontier = Frontier::empty();
    let mut last = DateTime::<Utc>::MIN_UTC;
    for (stored, position) in ledger.read(0, u32::MAX).await.unwrap().into_iter().zip(1..) {
        assert_eq!(stored.position, position, "no gap");
        assert_eq!(stored.leaf_hash, leaf_hash(&stored.leaf_data));
        let record = stored.record().unwrap();
        assert_eq!((record.position, record.ledger_id), (position, ledger.id()));
        assert!(
            record.recorded_at >= last,
            "position {position} is not before the last"
        );
        last = record.recorded_at;
        let version = versions.entry(record.entry.stream.clone()).or_insert(0);
        *version += 1;
        assert_eq!(record.entry.version, *version, "{:?}", record.entry.stream);
        frontier.push(stored.leaf_hash);
        if let Some((_, root)) = roots.next_if(|(at, _)| *at == position) {
            assert_eq!(root, frontier.root(), "the root at {position}");
        }
        found.push((
            number(record.entry.stream.id.uuid()),
            record.entry.version,
            number(record.entry.entry_id.uuid()),
        ));
    }
    assert_eq!(roots.next(), None, "no root stands where no entry does");
    let end = found.len() as u64;
    assert_eq!(
        ledger.last_root().await.unwrap(),
        Some((end, frontier.root()))
    );
    assert_eq!(ledger.last_position().await.unwrap(), end);
    found
}

pub(crate) const LEDGER: u128 = 0xd0;

pub(crate) fn opening(ledger: u128) -> Result<Opening, EntryError> {
    let ledger = LedgerId::new(id(ledger));
    let draft = draft_in(ledger, &stream(0), 1, OPENING, json!({"founded": true}))?;
    Ok(Opening { ledger, draft })
}

/// `count` entries for a stream after `expected`, their ids counted from `entry`.
pub(crate) fn part(n: u128, expected: u64, count: u64, entry: u128) -> StreamAppend {
    let ledger = LedgerId::new(id(LEDGER));
    let stream = stream(n);
    let drafts = (expected + 1..=expected + count)
        .zip(entry..)
        .map(|(version, n)| draft_in(ledger, &stream, version, n, json!({"v": version})).unwrap())
        .collect();
    StreamAppend {
        stream,
        expected_version: expected,
        drafts,
    }
}

pub(crate) fn append(streams: Vec<StreamAppend>) -> Append {
    Append {
        streams,
        ..Append::default()
    }
}

/// A connection beside the ledger's own, as a person with a database tool has it.
pub(crate) async fn by_hand(place: &Place) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(place.path())
        .connect()
        .await
        .unwrap()
}

pub(crate) fn named(mut append: Append, key: &str, digest: u8) -> Append {
    append.idempotency = Some(Idempotency {
        scope: "tests".into(),
        key: key.into(),
        digest: [digest; 32],
        lasting: false,
    });
    append
}
